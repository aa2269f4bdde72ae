// How the list of models is read and shown.

import assert from "node:assert/strict";
import { test } from "node:test";

import { choices, parseModels, size, terms } from "../src/models";

const listed = [
    {
        name: "qwen2.5-coder-3b",
        title: "Qwen2.5-Coder 3B Instruct",
        installed: false,
        chosen: false,
        bytes: 2_104_932_800,
        licence: "Qwen Research",
        commercialUse: false,
    },
    {
        name: "qwen2.5-coder-0.5b",
        title: "Qwen2.5-Coder 0.5B Instruct",
        installed: true,
        chosen: true,
        bytes: 491_400_064,
        licence: "Apache-2.0",
        commercialUse: true,
    },
    { name: "mine", installed: true },
];

test("installed models come first, each with its size and licence", () => {
    assert.deepEqual(
        choices(parseModels(listed)).map(({ label, description, detail }) => [label, description, detail]),
        [
            ["$(check) qwen2.5-coder-0.5b", "Qwen2.5-Coder 0.5B Instruct", "Installed · 491 MB · Apache-2.0"],
            ["$(blank) mine", "mine", "Installed · licence unknown"],
            [
                "$(cloud-download) qwen2.5-coder-3b",
                "Qwen2.5-Coder 3B Instruct",
                "Not installed · 2.1 GB · Qwen Research · no commercial use",
            ],
        ],
    );
});

test("what does not say that it permits commercial use does not", () => {
    const [model] = parseModels([{ name: "x", licence: "Custom" }]);
    assert.ok(model);
    assert.deepEqual(terms(model), ["Custom", "no commercial use"]);
});

test("an answer that is no list of models gives no models", () => {
    for (const other of [undefined, null, 3, "x", {}, { length: 1 }, [null, 1, {}, { name: "" }, { name: 2 }]]) {
        assert.deepEqual(parseModels(other), []);
    }
});

test("sizes are decimal", () => {
    assert.deepEqual([1, 491_400_064, 999_600_000, 1_117_320_768].map(size), ["1 MB", "491 MB", "1.0 GB", "1.1 GB"]);
});
