// What the terminal of a download runs.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

import { download } from "../src/download";

test("the terminal runs the program with the name of the model, whatever its path", () => {
    const command = download("linux", "/bin/echo", "qwen2.5-coder-0.5b");
    assert.ok(command && Array.isArray(command.shellArgs));
    const { stdout, status } = spawnSync(command.shellPath, command.shellArgs, { encoding: "utf8" });
    assert.deepEqual([stdout, status], ["models get qwen2.5-coder-0.5b\n", 0]);
});

test("the terminal stays open after a failure, and its end is a failure too", () => {
    const command = download("linux", "/no such place/$(echo x)/freehold", "tiny");
    assert.ok(command && Array.isArray(command.shellArgs));
    const { stdout, stderr, status } = spawnSync(command.shellPath, command.shellArgs, { encoding: "utf8", input: "\n" });
    assert.match(stderr, /\/no such place\/\$\(echo x\)\/freehold/);
    assert.deepEqual([stdout, status], ["\nEnter closes this terminal. ", 1]);
});

test("on Windows the command interpreter does the same", () => {
    assert.deepEqual(download("win32", "C:\\Program Files\\freehold.exe", "tiny"), {
        shellPath: "cmd.exe",
        shellArgs: '/d /s /c ""C:\\Program Files\\freehold.exe" models get tiny || (pause & exit 1)"',
    });
});

test("what is no name of a model is never run", () => {
    for (const name of ["", "-f", "a b", "a;b", 'a"b', "a&b", "../x", "$(x)"]) {
        assert.equal(download("linux", "/bin/echo", name), undefined);
        assert.equal(download("win32", "freehold.exe", name), undefined);
    }
});
