// Changes reviewed in the editor: proposed from a terminal, kept, edited, dropped, undone and done again.

import assert from "node:assert/strict";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { runFreehold } from "./editor.mjs";
import { until } from "./waiting.mjs";

const story = fileURLToPath(new URL("../review/five_hunks/", import.meta.url));
const cart = "src/cart.py";
const report = "src/report.py";

/** What the files hold before anything is kept, and once the story is told. */
const before = { [cart]: text("before", cart), [report]: text("before", report) };
const after = { [cart]: text("after", cart), [report]: text("after", report) };

function text(folder, file) {
    return readFileSync(join(story, folder, file), "utf8");
}

function workspace(room) {
    cpSync(join(story, "before"), room.workspace, { recursive: true });
}

function onDisk(room, file) {
    return readFileSync(join(room.workspace, file), "utf8");
}

async function waitOnDisk(room, file, expected) {
    await until(`\`${file}\` is as expected`, () => onDisk(room, file) === expected).catch((error) => {
        assert.equal(onDisk(room, file), expected, error.message);
    });
}

/** Puts the patch up for review against the running server, as a person would in a terminal. */
async function propose({ window, room, program }) {
    await window.waitForStatus(/scripted-model/);
    const options = ["propose", "--title", "Tidy the cart and its report"];
    runFreehold(room, program, options, { cwd: room.workspace, input: readFileSync(join(story, "proposal.diff")) });
    await waiting(window, 5);
    for (const file of [cart, report]) assert.equal(onDisk(room, file), before[file], "nothing undecided is on disk");
}

const counter = '.statusbar-item[id="freehold.freehold.review"]';

/** Waits until so many hunks wait for a decision. */
async function waiting(window, expected) {
    await until(`${expected} hunks wait`, async () => {
        const [shown] = await window.page.locator(counter).filter({ visible: true }).allInnerTexts();
        return Number((shown ?? "0").trim()) === expected;
    });
}

/** The line of the tree that has this text. */
function row(window, label) {
    return window.page.locator('[id="workbench.view.extension.freehold"] .monaco-list-row', { hasText: label });
}

/** Presses a button of a line of the tree. */
async function press(window, label, button) {
    await row(window, label).hover();
    await row(window, label).locator(`.action-label[aria-label^="${button}"]`).click();
}

/** Runs a command of the palette. */
async function run(window, title) {
    await window.press("F1");
    await window.page.locator(".quick-input-widget input").fill(`>Freehold: ${title}`);
    await window.page.locator(".quick-input-list .monaco-list-row", { hasText: title }).first().click();
}

/** Puts the cursor into the first editor, at a line and column from 1. */
async function goTo(window, line, column) {
    await window.press("Control+g");
    await window.page.locator(".quick-input-widget input").fill(`:${line}:${column}`);
    await window.press("Enter");
}

/** Saves the active editor until it holds what is expected: what the server changes in it comes a moment later. */
async function saved(window, file, expected) {
    const path = join(window.room.workspace, file);
    await until(`\`${file}\` is saved as expected`, async () => {
        await window.press("Control+s");
        return readFileSync(path, "utf8") === expected;
    }).catch((error) => {
        assert.equal(readFileSync(path, "utf8"), expected, error.message);
    });
}

const fiveHunks = {
    name: "of five hunks in two files two are kept, one is edited and kept, two are dropped, all undone and done again",
    file: cart,
    size: { width: 1440, height: 800 },
    prepare: workspace,
    async act({ window, room, program, shot }) {
        await propose({ window, room, program });
        await window.page.locator(counter).click();
        await row(window, "if amount < 1:").waitFor();
        assert.equal(await row(window, "if amount < 1:").getAttribute("aria-label"), "add: if amount < 1:, line 9");
        await shot("review-proposed");
        await press(window, "A shopping cart:", "Keep");
        await waiting(window, 4);

        // Typed between two hunks, while they wait.
        await row(window, "if amount < 1:").click();
        await goTo(window, 8, 40);
        await window.type("0");
        await row(window, "return sum(").click();
        await row(window, "if amount < 1:").click();
        await press(window, "if amount < 1:", "Edit");
        const above = window.page.locator(".breadcrumbs-control", { hasText: "edit, and save to keep" });
        await above.waitFor();
        await window.page.locator(".editor-group-container .view-line", { hasText: "raise ValueError" }).click();
        for (const keys of ["Control+Home", "ArrowDown", "End", "ArrowLeft", "ArrowLeft"]) await window.press(keys);
        await window.type(", not less");
        await shot("review-edit");
        await window.press("Control+s");
        await waiting(window, 3);
        await above.waitFor({ state: "detached" });

        await window.focusEnd();
        await window.press("Shift+Alt+F5");
        await shot("review-on-keys");
        await window.press("Alt+n");
        await waiting(window, 2);
        await run(window, "Show All Changes Side by Side");
        await window.page.locator(".multiDiffEntry").first().waitFor();
        await shot("review-side-by-side");
        await window.press("Control+w");

        // The other file is not open: what is kept of it goes to the disk.
        await press(window, "return f", "Keep");
        await waiting(window, 1);
        await waitOnDisk(room, report, after[report]);
        await press(window, "lines = [", "Drop");
        await waiting(window, 0);
        await window.focusEnd();
        await saved(window, cart, after[cart]);
        assert.equal(onDisk(room, report), after[report]);
        await shot("review-decided");
        await undoneAndDoneAgain(window, room, shot);
    },
};

/** The three steps are taken back one by one, and brought back; what was typed stays. */
async function undoneAndDoneAgain(window, room, shot) {
    const typed = before[cart].replace("amount=1)", "amount=10)");
    const halfway = typed.replace('"""A shopping cart."""', '"""A shopping cart: what is bought, at which price, how often."""');
    const undo = "Undo Last Kept Changes";
    const redo = "Redo Changes Undone Last";
    await run(window, undo);
    await waitOnDisk(room, report, before[report]);
    for (const expected of [halfway, typed]) {
        await run(window, undo);
        await saved(window, cart, expected);
    }
    await shot("review-undone");
    for (const expected of [halfway, after[cart]]) {
        await run(window, redo);
        await saved(window, cart, expected);
    }
    await run(window, redo);
    await waitOnDisk(room, report, after[report]);
    assert.equal(onDisk(room, cart), after[cart]);
    assert.deepEqual(await window.messages(), []);
}

/**
 * Opens the menu of the light bulb at the cursor and takes an entry of it. VS Code asks for actions by itself a
 * quarter of a second after the cursor moved, and forgets a menu that was asked for before that: so it is asked for
 * until it stands there.
 */
async function act(window, title, shot) {
    const entry = window.page.locator(".action-widget .monaco-list-row", { hasText: title }).first();
    await until(`the menu offers "${title}"`, async () => {
        await window.press("Control+.");
        return entry.waitFor({ timeout: 2000 }).then(() => true, () => false);
    });
    await shot?.("review-code-actions");
    await entry.click();
}

const withoutShim = {
    name: "what every editor has is enough: code lenses and code actions decide",
    file: cart,
    prepare: workspace,
    async act({ window, room, program, shot }) {
        await propose({ window, room, program });
        const lens = window.page.locator(".codelens-decoration a", { hasText: /^Keep/ }).first();
        await lens.waitFor();
        await shot("review-lenses");
        await lens.click();
        await waiting(window, 4);
        await window.focusEnd();
        await goTo(window, 9, 1);
        await act(window, "Keep this change", shot);
        await waiting(window, 3);
        await goTo(window, 14, 1);
        await act(window, "Drop this change");
        await waiting(window, 2);
        const expected = before[cart]
            .replace('"""A shopping cart."""', '"""A shopping cart: what is bought, at which price, how often."""')
            .replace("        self.items.append", '        if amount < 1:\n            raise ValueError("amount must be at least 1")\n        self.items.append');
        await saved(window, cart, expected);
        assert.equal(onDisk(room, report), before[report]);
    },
};

const refactorPreview = {
    name: "in the Refactor Preview one hunk is ticked, and that one alone is kept",
    file: cart,
    size: { width: 1440, height: 800 },
    prepare: workspace,
    async act({ window, room, program, shot }) {
        await propose({ window, room, program });
        await run(window, "Choose in Refactor Preview");
        const panel = window.page.locator(".bulk-edit-panel");
        const box = panel.locator(".monaco-list-row", { hasText: "A shopping cart:" }).locator("input[type=checkbox], .monaco-checkbox, .monaco-custom-toggle").first();
        await box.waitFor();
        await box.click();
        await shot("review-refactor-preview");
        await panel.locator(".monaco-button", { hasText: "Apply" }).click();
        await waiting(window, 4);
        await window.focusEnd();
        await saved(window, cart, before[cart].replace('"""A shopping cart."""', '"""A shopping cart: what is bought, at which price, how often."""'));
        assert.equal(onDisk(room, report), before[report]);
    },
};

export const reviews = [fiveHunks, withoutShim, refactorPreview];
