// What the status bar shows of each state.

import assert from "node:assert/strict";
import { test } from "node:test";

import { parseStatus, type Status, view } from "../src/status";

test("every state has its text in the status bar", () => {
    const model = "qwen2.5-coder-0.5b";
    const cases: [Status, string, string][] = [
        [{ state: "starting" }, "$(loading~spin) Freehold", "none"],
        [{ state: "loading", model, fraction: 0.256 }, `$(loading~spin) ${model} 26 %`, "none"],
        [{ state: "loading", model }, `$(loading~spin) ${model}`, "none"],
        [{ state: "ready", model }, `$(sparkle) ${model}`, "none"],
        [{ state: "working", model }, `$(sync~spin) ${model}`, "none"],
        [{ state: "noModel" }, "$(warning) Freehold: no model", "warning"],
        [{ state: "noEngine", model }, "$(error) Freehold: no engine", "error"],
        [{ state: "off" }, "$(circle-slash) Freehold: off", "none"],
        [{ state: "error", message: "The disk is full." }, "$(error) Freehold: error", "error"],
    ];
    for (const [status, text, severity] of cases) {
        const shown = view(status);
        assert.deepEqual([shown.text, shown.severity], [text, severity]);
    }
});

test("the server's own sentence goes into the tooltip, and screen readers get no icon", () => {
    const shown = view({ state: "ready", model: "tiny", message: "34 tokens a second." });
    assert.equal(shown.tooltip, "Freehold\ntiny\n34 tokens a second.");
    assert.equal(shown.label, "tiny. 34 tokens a second.");
});

test("a notification is read field by field, and what is not understood is left out", () => {
    assert.deepEqual(parseStatus({ state: "loading", model: "tiny", fraction: 0.5, message: "" }), {
        state: "loading",
        model: "tiny",
        fraction: 0.5,
    });
    assert.deepEqual(parseStatus({ state: "ready", model: null, message: 7, fraction: 2, later: true }), { state: "ready" });
    for (const other of [undefined, null, "ready", {}, { state: "dancing" }]) {
        assert.equal(parseStatus(other), undefined);
    }
});
