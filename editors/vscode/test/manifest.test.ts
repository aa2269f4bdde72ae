// What the manifest promises and must not contain.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import manifest from "../package.json";

test("only stable API is used", () => {
    assert.equal("enabledApiProposals" in manifest, false);
});

test("no setting can be set by a folder", () => {
    for (const [name, setting] of Object.entries(manifest.contributes.configuration.properties)) {
        assert.ok(["machine", "application"].includes(setting.scope), `${name} has the scope ${setting.scope}`);
    }
});

test("every command of the manifest is registered, and no other", () => {
    const source = ["src/extension.ts", "src/review/deciding.ts"].map((file) => readFileSync(file, "utf8")).join("\n");
    const registered = [...source.matchAll(/^ {8,12}"(freehold\.[\w.]+)": /gm)].map((match) => match[1]);
    assert.deepEqual(
        registered.toSorted(),
        manifest.contributes.commands.map((command) => command.command).toSorted(),
    );
});

test("menus and keys lead to commands of the manifest", () => {
    const known = new Set(manifest.contributes.commands.map(({ command }) => command));
    const entries = [...Object.values(manifest.contributes.menus).flat(), ...manifest.contributes.keybindings];
    assert.deepEqual(
        entries.map(({ command }) => command).filter((command) => !known.has(command)),
        [],
    );
});

test("every key counts only where changes wait", () => {
    for (const { command, when } of manifest.contributes.keybindings) {
        assert.match(when, /freehold\.review(Here|Pending)/, command);
    }
});

test("the types are those of the oldest editor that is promised", () => {
    assert.equal(manifest.engines.vscode, `^${manifest.devDependencies["@types/vscode"]}`);
});
