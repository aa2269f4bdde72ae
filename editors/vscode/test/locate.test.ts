// Where the program is looked for, and what is said when it is not there.

import assert from "node:assert/strict";
import { test } from "node:test";

import { type Found, locate } from "../src/locate";

const bundled = "/extensions/freehold/server/freehold";

function where(setting: string, files: Record<string, Found>, platform = "linux") {
    return locate({
        setting,
        extensionFolder: "/extensions/freehold",
        home: "/people/ada",
        platform,
        architecture: "x64",
        look: (path) => files[path] ?? "nothing",
    });
}

test("the program inside the extension is used when the setting is empty", () => {
    assert.deepEqual(where(" ", { [bundled]: "program" }), { kind: "program", path: bundled });
    const windows = `${bundled}.exe`;
    assert.deepEqual(where("", { [windows]: "program" }, "win32"), { kind: "program", path: windows });
});

test("the setting wins over the program inside the extension", () => {
    const files: Record<string, Found> = { [bundled]: "program", "/opt/freehold": "program", "/people/ada/bin/freehold": "program" };
    assert.deepEqual(where("/opt/freehold", files), { kind: "program", path: "/opt/freehold" });
    assert.deepEqual(where("~/bin/freehold", files), { kind: "program", path: "/people/ada/bin/freehold" });
});

test("a wrong setting is said, and nothing else is tried", () => {
    const files: Record<string, Found> = { [bundled]: "program", "/opt/notes.txt": "notExecutable" };
    const cases = [
        ["/opt/gone", 'the setting freehold.server.path names "/opt/gone", and there is nothing there'],
        ["/opt/notes.txt", '"/opt/notes.txt", which the setting freehold.server.path names, is no executable file'],
        ["./freehold", 'the setting freehold.server.path is "./freehold", which is no absolute path'],
        ["freehold", 'the setting freehold.server.path is "freehold", which is no absolute path'],
    ] as const;
    for (const [setting, problem] of cases) {
        assert.deepEqual(where(setting, files), { kind: "problem", problem });
    }
});

test("a package for another platform says which one is expected", () => {
    assert.match(JSON.stringify(where("", {})), /this package of the extension holds no server for linux-x64; install/);
    assert.deepEqual(where("", { [bundled]: "notExecutable" }), { kind: "problem", problem: `"${bundled}" is not executable` });
});
