// Tries the extension in a real editor: `node tests/editor/run.mjs --vsix FILE --engine scripted|real [--model FILE]`.

import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { installExtension, makeRoom, startBrowser, startServer, Window } from "./editor.mjs";
import { install } from "./install.mjs";
import { scenarios } from "./scenarios.mjs";

const here = dirname(fileURLToPath(import.meta.url));

const { values: options } = parseArgs({
    options: {
        vsix: { type: "string" },
        engine: { type: "string" },
        /** GGUF file for the real engine. */
        model: { type: "string" },
        /** Where screenshots go. */
        screenshots: { type: "string", default: join(here, "../../target/editor-test/screenshots") },
        /** Only scenarios whose name contains this. */
        only: { type: "string", default: "" },
    },
});

const chosen = scenarios[options.engine]?.filter((scenario) => scenario.name.includes(options.only));
if (options.vsix === undefined || chosen === undefined || chosen.length === 0) {
    fail("usage: run.mjs --vsix FILE --engine scripted|real [--model FILE] [--screenshots FOLDER] [--only TEXT]");
}
if (options.engine === "real" && options.model === undefined) fail("name the model's GGUF file with --model");

const vsix = resolve(options.vsix);
const model = options.model === undefined ? undefined : resolve(options.model);
const screenshots = resolve(options.screenshots);
mkdirSync(screenshots, { recursive: true });
install();

const browser = await startBrowser();
let failures = 0;
try {
    for (const scenario of chosen) {
        if (!(await attempt(scenario))) failures += 1;
    }
} finally {
    await browser.close();
}
console.log(`${chosen.length - failures} of ${chosen.length} scenarios passed; screenshots are in ${screenshots}`);
process.exitCode = failures === 0 ? 0 : 1;

/** Runs one scenario in a fresh profile, and tells how it went. */
async function attempt(scenario) {
    const room = makeRoom();
    const start = Date.now();
    const notes = [];
    let server;
    let window;
    try {
        const program = installExtension(room, vsix);
        const environment = scenario.prepare(room, { program, model });
        server = await startServer(room, environment);
        window = await Window.open(browser, server, room, scenario.file ?? "sums.py", scenario.size);
        const shot = (name) => window.screenshot(join(screenshots, `${name}.png`));
        await scenario.act({ window, room, program, shot, note: (text) => notes.push(text) });
        console.log(`ok      ${scenario.name} (${seconds(start)} s)`);
        for (const note of notes) console.log(`        ${note}`);
        return true;
    } catch (error) {
        console.log(`FAILED  ${scenario.name} (${seconds(start)} s)\n${error.stack}${error.cause ? `\n${error.cause.stack}` : ""}`);
        const picture = join(screenshots, `failed-${options.engine}-${chosen.indexOf(scenario)}.png`);
        await window?.screenshot(picture).then(() => console.log(`the window: ${picture}`), () => undefined);
        console.log(logs(room, server));
        return false;
    } finally {
        await window?.close().catch(() => undefined);
        await server?.stop();
        room.remove();
    }
}

/** The last of what Freehold and code-server wrote. */
function logs(room, server) {
    const state = join(room.home, "state");
    const files = listed(state).filter((name) => name.endsWith(".log")).map((name) => join(state, name));
    const texts = files.map((path) => `--- ${path}\n${readFileSync(path, "utf8").slice(-6000)}`);
    return [...texts, `--- code-server\n${(server?.output() ?? "").slice(-2000)}`].join("\n");
}

function listed(folder) {
    try {
        return readdirSync(folder, { recursive: true });
    } catch {
        return [];
    }
}

function seconds(start) {
    return ((Date.now() - start) / 1000).toFixed(1);
}

function fail(problem) {
    console.error(`error: ${problem}`);
    process.exit(2);
}
