// What is tried in the editor: each scenario prepares a room, acts as a person would, and asserts what came of it.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { processes, runFreehold } from "./editor.mjs";
import { reviews } from "./review.mjs";
import { maybe, until } from "./waiting.mjs";

const file = "sums.py";
const script = readFileSync(new URL("script.toml", import.meta.url), "utf8");

/** Time for a suggestion that may be the one lost to a killed engine. */
const lostSuggestion = 20_000;

/** Gives the room a workspace whose one file ends where the user goes on. */
function workspace(room, text) {
    writeFileSync(join(room.workspace, file), text);
}

/** Environment of the scripted engine. */
function scripted(room) {
    const path = join(room.root, "script.toml");
    writeFileSync(path, script);
    return { FREEHOLD_SCRIPT: path };
}

/** The name that the scripted engine gives its model. */
const scriptedModel = /scripted-model/;

/** Kills the room's `freehold lsp` or `freehold engine` and gives its id. */
async function kill(room, subcommand) {
    const running = await until(`\`freehold ${subcommand}\` runs`, () => {
        const ids = processes(room, subcommand);
        return ids.length > 0 ? ids : undefined;
    });
    assert.equal(running.length, 1, `one \`freehold ${subcommand}\` serves the window`);
    process.kill(running[0], "SIGKILL");
    await until("the killed process is gone", () => !processes(room, subcommand).includes(running[0]));
    return running[0];
}

/** Types `text` and waits for a suggestion; once more if the first attempt brings none. Gives it and the attempts used. */
async function suggestionAfterKill(window, text, fits) {
    await window.type(text);
    const first = await maybe(async () => {
        const ghost = await window.ghostText();
        return fits(ghost) ? ghost : undefined;
    }, lostSuggestion);
    if (first !== undefined) return { ghost: first, attempts: 1 };
    await window.press("Backspace");
    await window.type(text.slice(-1));
    return { ghost: await window.waitForGhost(fits), attempts: 2 };
}

const suggestionScripted = {
    name: "a suggestion of the scripted engine is shown and taken",
    prepare(room) {
        workspace(room, "def add(a, b):\n    ");
        return scripted(room);
    },
    async act({ window, shot }) {
        await window.waitForStatus(scriptedModel);
        await window.focusEnd();
        await window.type("return ");
        await window.waitForGhost((text) => text === "a + b");
        await shot("scripted-suggestion");
        await window.press("Tab");
        const added = "def add(a, b):\n    return a + b";
        await window.save(file, (text) => text === added);

        // Several lines at once, in a block that ends where the next statement would.
        await window.type("\n");
        await window.press("Shift+Tab");
        await window.type("\n\ndef largest(numbers):\n");
        const block = [
            "best = numbers[0]",
            "    for number in numbers:",
            "        if number > best:",
            "            best = number",
            "    return best",
        ].join("\n");
        await window.waitForGhost((text) => text === block);
        await shot("scripted-block");
        await window.press("Tab");
        await window.save(file, (text) => text === `${added}\n\n\ndef largest(numbers):\n    ${block}`);
        assert.deepEqual(await window.messages(), []);
    },
};

const typedAlong = {
    name: "a suggestion stays while the user types along it, and goes when the user types something else",
    prepare(room) {
        workspace(room, "def add(a, b):\n    ");
        return scripted(room);
    },
    async act({ window }) {
        await window.waitForStatus(scriptedModel);
        await window.focusEnd();
        await window.type("return ");
        await window.waitForGhost((text) => text === "a + b");
        await window.type("a +");
        await window.waitForGhost((text) => text === " b");
        await window.type(" c");
        await until("the suggestion is gone", async () => (await window.ghostText()) === "");
        await window.save(file, (text) => text === "def add(a, b):\n    return a + c");
    },
};

const engineKilledScripted = {
    name: "a killed engine costs at most one suggestion",
    prepare(room) {
        workspace(room, "def add(a, b):\n    ");
        return scripted(room);
    },
    async act({ window, room, note }) {
        await window.waitForStatus(scriptedModel);
        await window.focusEnd();
        await window.type("return ");
        await window.waitForGhost((text) => text === "a + b");
        await window.press("Tab");
        const killed = await kill(room, "engine");
        await window.type("\n");
        await window.press("Shift+Tab");
        await window.type("\n\ndef subtract(a, b):\n");
        const { attempts } = await suggestionAfterKill(window, "return ", (text) => text === "a - b");
        note(`suggestions lost: ${attempts - 1}`);
        await window.press("Tab");
        await window.save(file, (text) => text === "def add(a, b):\n    return a + b\n\n\ndef subtract(a, b):\n    return a - b");
        assert.notDeepEqual(processes(room, "engine"), [killed]);
        await window.waitForStatus(scriptedModel);
    },
};

const serverKilled = {
    name: "a killed server comes back with the text as it is",
    prepare(room) {
        workspace(room, "def add(a, b):\n    return a + b");
        return scripted(room);
    },
    async act({ window, room, note }) {
        await window.waitForStatus(scriptedModel);
        await window.focusEnd();
        await window.type("\n");
        await window.press("Shift+Tab");
        await window.type("\n\ndef subtract(a, b):\n");
        await kill(room, "lsp");
        const { attempts } = await suggestionAfterKill(window, "return ", (text) => text === "a - b");
        note(`suggestions lost: ${attempts - 1}`);
        assert.deepEqual(await window.messages(), []);
    },
};

const turnedOff = {
    name: "the status bar turns suggestions off and on",
    prepare(room) {
        workspace(room, "def add(a, b):\n    ");
        return scripted(room);
    },
    async act({ window }) {
        await window.waitForStatus(scriptedModel);
        await choose(window, "Turn suggestions off");
        await window.waitForStatus(/Freehold: off/);
        await choose(window, "Turn suggestions on");
        await window.waitForStatus(scriptedModel);
        await window.focusEnd();
        await window.type("return ");
        await window.waitForGhost((text) => text === "a + b");
    },
};

async function choose(window, entry) {
    await window.clickStatus();
    const pick = window.page.locator(".quick-input-list .monaco-list-row", { hasText: entry });
    await pick.waitFor();
    await pick.click();
}

const noModel = {
    name: "without a model there is one message, and its button leads to the models",
    prepare(room) {
        workspace(room, "def add(a, b):\n    ");
        return {};
    },
    async act({ window, shot }) {
        await window.waitForStatus(/Freehold: no model/);
        await window.focusEnd();
        await window.type("return ");
        const message = await onlyMessage(window, "Get a Model");
        assert.match(message.text, /model/);
        await shot("no-model-message");
        await message.click("Get a Model");
        const small = await until("the picker lists the models", async () =>
            (await window.picks()).find((line) => line.includes("qwen2.5-coder-0.5b")),
        );
        assert.match(small, /Not installed · 491 MB · Apache-2\.0/);
        await shot("no-model-picker");
        await window.page.locator(".quick-input-list .monaco-list-row", { hasText: "qwen2.5-coder-0.5b" }).click();
        const dialog = window.page.locator(".monaco-dialog-box");
        await dialog.waitFor();
        assert.match(await dialog.innerText(), /491 MB · Apache-2\.0/);
        await shot("no-model-licence");
        await dialog.locator(".monaco-button", { hasText: "Cancel" }).click();
        await dialog.waitFor({ state: "hidden" });
    },
};

const noProgram = {
    name: "a path that cannot work leads to one message, and its button to the setting",
    prepare(room) {
        workspace(room, "");
        usePath(room, "/nowhere/freehold");
        return scripted(room);
    },
    async act({ window, room, shot }) {
        await window.waitForStatus(/Freehold: error/);
        const missing = await onlyMessage(window, "Open Setting");
        assert.match(missing.text, /names "\/nowhere\/freehold", and there is nothing there/);
        await shot("no-program-message");
        await missing.click("Open Setting");
        await window.page.locator(".settings-editor .setting-item", { hasText: "Absolute path of the" }).first().waitFor();
        await shot("no-program-setting");

        // Programs that are no server: one that does not run at all, and one that ends at once.
        const cases = [
            ["broken", "#!/bin/sh\necho no such library >&2; exit 127\n", /broken" does not run on this machine: no such library/],
            ["ends", '#!/bin/sh\n[ "$1" = --version ] && echo ends 1.0\n', /ends lsp" did not start/],
        ];
        for (const [name, program, expected] of cases) {
            const path = join(room.root, name);
            writeFileSync(path, program, { mode: 0o755 });
            usePath(room, path);
            const message = await onlyMessage(window, "Open Setting", expected);
            await message.click("Open Setting");
            await until("the message is gone", async () => (await window.messages()).length === 0);
        }
        usePath(room, "");
        await window.waitForStatus(scriptedModel);
    },
};

/** Names the program in the settings of the machine, where the extension looks for it. */
function usePath(room, path) {
    writeFileSync(room.machineSettings, JSON.stringify({ "freehold.server.path": path }));
}

/** Waits for a message with this button, and sees that it is the only one and has no other button. */
async function onlyMessage(window, button, expected = /./) {
    const messages = await until(`a message with the button ${button} shows`, async () => {
        const shown = await window.messages();
        return shown.some((message) => message.buttons.includes(button) && expected.test(message.text)) ? shown : undefined;
    });
    assert.equal(messages.length, 1, JSON.stringify(messages));
    assert.deepEqual(messages[0].buttons, [button]);
    return messages[0];
}

/** With `begun` behind it, a spot where even the smallest model is sure; behind `return ` alone the 0.5B is not. */
const certain = "def add(a, b):\n    return a + b\n\n\ndef subtract(a, b):\n    ";
const begun = "return a ";

/** The text without the blanks at the ends of its lines, which cannot be seen on screen. */
function flat(text) {
    return text.replaceAll(/[ \t]+$/gm, "").trimEnd();
}

const suggestionReal = {
    name: "a suggestion of a real model is shown and taken, also after its engine was killed",
    prepare(room, { model, program }) {
        workspace(room, certain);
        runFreehold(room, program, ["models", "add", model]);
        return {};
    },
    async act({ window, room, shot, note }) {
        await window.waitForStatus(/0\.5b|1\.5b/i);
        await window.focusEnd();
        await window.type(begun);
        const ghost = await window.waitForGhost();
        note(`suggestion: ${JSON.stringify(ghost)}`);
        await shot("real-suggestion");
        await window.press("Tab");
        const taken = flat(`${certain}${begun}${ghost}`);
        await window.save(file, (text) => flat(text) === taken);

        await kill(room, "engine");
        await window.type("\n");
        await window.press("Shift+Tab");
        await window.type("\n\ndef multiply(a, b):\n");
        const again = await suggestionAfterKill(window, begun, (text) => text !== "");
        note(`suggestions lost to the kill: ${again.attempts - 1}; suggestion: ${JSON.stringify(again.ghost)}`);
        await window.press("Tab");
        await window.save(file, (text) => flat(text).startsWith(taken) && flat(text).endsWith(flat(`${begun}${again.ghost}`)));
    },
};

/** A scenario that does not ask the model for anything, with an engine that needs none. */
function withScript(scenario) {
    const prepare = (room) => {
        scenario.prepare(room);
        return scripted(room);
    };
    return { ...scenario, prepare };
}

/** The scenarios of each engine. */
export const scenarios = {
    scripted: [suggestionScripted, typedAlong, engineKilledScripted, serverKilled, turnedOff, noModel, noProgram, ...reviews.map(withScript)],
    real: [suggestionReal],
};
