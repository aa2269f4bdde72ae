// What of a review is shown, and where.

import assert from "node:assert/strict";
import { test } from "node:test";

import { parseAnswer } from "../src/review/answer";
import { marks } from "../src/review/marks";
import { count, type Hunk, parseReview, type Review } from "../src/review/state";
import { children, type Node, parent, row, tree } from "../src/review/tree";
import { hunkAt, neighbour, successor } from "../src/review/walk";

/** Lines `first` to `last` without the last one's end, as the server names whole lines. */
function lines(first: number, last: number) {
    return { start: { line: first, character: 0 }, end: { line: last, character: 0 } };
}

function hunk(id: string, change: string, extra: object) {
    const rest = { kind: "text", title: "", status: "ready", removed: "", added: "", alike: [], together: [] };
    return { id, digest: `digest of ${id}`, change, ...rest, ...extra };
}

const sent = {
    changes: [
        { id: "c1", title: "Louder", origin: "a patch", evidence: { parse: [{ path: "b.txt", syntax: "mended" }], tests: { run: "make", passed: true, code: 0, output: "" } } },
        { id: "c2", title: "", origin: "" },
    ],
    files: [
        {
            uri: "file:///w/src/a.txt",
            path: "src/a.txt",
            hunks: [
                hunk("h1", "c1", { title: "change 1 line to 1", range: lines(1, 2), removed: "two\n", added: "TWO\n", alike: ["h4"] }),
                hunk("h2", "c1", { range: lines(5, 6), removed: "six\n", together: ["h1"] }),
                hunk("h3", "c2", { range: lines(10, 10), added: "and a half\nand more\n" }),
            ],
        },
        {
            uri: "file:///w/b.txt",
            path: "b.txt",
            hunks: [
                hunk("h4", "c1", { range: lines(1, 2), removed: "beta\n", added: "BETA\n", status: "conflict" }),
                hunk("h5", "c1", { kind: "mode", title: "make executable", range: lines(0, 0) }),
            ],
        },
    ],
    undo: { title: "Keep 2 hunks" },
};

function review(value: unknown = sent): Review {
    const parsed = parseReview(value);
    assert.ok(parsed);
    return parsed;
}

function parsedHunk(id: string): Hunk {
    const found = review().files.flatMap(({ hunks }) => hunks).find((candidate) => candidate.id === id);
    assert.ok(found);
    return found;
}

test("the tree has a change's files and their hunks, and leaves out what is decided", () => {
    const outline = (node: Node): string[] => {
        const { label, description, icon, context } = row(node);
        const line = [label, description, icon ?? "-", context].join(" | ");
        return [line, ...children(node).flatMap(outline).map((below) => `  ${below}`)];
    };
    assert.deepEqual(tree(review()).flatMap(outline), [
        "Louder | 4 hunks in 2 files | git-pull-request | change",
        "  a.txt | src | - | file",
        "    TWO | line 2  +1 −1 | diff-modified | hunk text alike",
        "    six | line 6  −1 | diff-removed | hunk text together",
        "  b.txt |  | - | file",
        "    BETA | line 2  +1 −1  conflict | warning | hunk text",
        "    make executable |  | gear | hunk whole",
        "Untitled change | 1 hunk in 1 file | git-pull-request | change",
        "  a.txt | src | - | file",
        "    and a half | line 11  +2 | diff-added | hunk text",
    ]);
    assert.deepEqual(tree(review({ changes: sent.changes, files: [] })), []);
});

test("every node has a name to be read out, and an identity of its own", () => {
    const all = (node: Node): Node[] => [node, ...children(node).flatMap(all)];
    const roots = tree(review());
    const rows = roots.flatMap(all).map(row);
    for (const node of roots.flatMap(all)) {
        for (const child of children(node)) assert.equal(parent(child, roots), node);
    }
    assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length);
    assert.deepEqual(rows.slice(0, 4).map(({ spoken }) => spoken), [
        "Change Louder, 4 hunks in 2 files, Proposed by a patch, b.txt: would parse again, make: passed",
        "File src/a.txt, 2 hunks",
        "replace: TWO, line 2, 1 hunk more like this",
        "remove: six, line 6, Stands or falls with 1 other hunk",
    ]);
});

test("what a command said of something else than what waits now is said to be older", () => {
    const tests = { run: "make", passed: true, code: 0, output: "", stale: true };
    const evidence = { parse: [], tests, diagnostics: { run: "lint", new: [], gone: [], stale: true } };
    const [node] = tree(review({ ...sent, changes: [{ id: "c1", title: "Louder", origin: "", evidence }] }));
    assert.ok(node);
    assert.deepEqual(row(node).tooltip.split("\n").slice(2), [
        "make: passed, before later decisions or edits",
        "lint: 0 new, 0 gone, before later decisions or edits",
    ]);
});

test("what speaks against a change is seen before anything is opened", () => {
    const evidence = { parse: [{ path: "a", syntax: "broken", line: 3 }], tests: { run: "make", passed: false, code: 2, output: "1\n".repeat(99) } };
    const [node] = tree(review({ ...sent, changes: [{ id: "c1", title: "Louder", origin: "", evidence }] }));
    assert.ok(node);
    const { icon, tooltip } = row(node);
    assert.equal(icon, "warning");
    assert.match(tooltip, /^Louder\n4 hunks in 2 files\na: would not parse any more \(line 3\)\nmake: failed\n(1\n){11}1$/);
});

test("what a command says only of the files as they would be speaks against a change", () => {
    const said = (line: number) => ({ path: "a", line, message: "odd" });
    const shown = (diagnostics: object) => {
        const evidence = { parse: [], diagnostics: { run: "lint", new: [], moreNew: 0, gone: [], moreGone: 0, ...diagnostics } };
        const [node] = tree(review({ ...sent, changes: [{ id: "c1", title: "Louder", origin: "", evidence }] }));
        assert.ok(node);
        const { icon, tooltip } = row(node);
        return [icon, ...tooltip.split("\n").slice(2)];
    };
    assert.deepEqual(shown({ new: [said(1), said(2), {}, { line: "1" }], moreNew: 3, gone: [said(4)] }), [
        "warning",
        "lint: 5 new, 1 gone",
        "a:1: odd",
        "a:2: odd",
    ]);
    assert.deepEqual(shown({ gone: [said(4)], moreGone: 1 }), ["git-pull-request", "lint: 0 new, 2 gone"]);
    assert.deepEqual(shown({ failed: { code: 3, output: "no" } }), ["warning", "lint: failed"]);
    assert.deepEqual(shown({ cut: { why: "stopped" } }), ["warning", "lint: stopped"]);
    const ended = "lint: ended after 600 s, the longest that it may run";
    assert.deepEqual(shown({ cut: { why: "timeOver", seconds: 600 } }), ["warning", ended]);
});

test("what is no review is refused, and what of it is unknown is left out", () => {
    for (const value of [null, 7, [], {}, { files: 3 }]) assert.equal(parseReview(value), undefined);
    const odd = review({
        files: [
            { uri: 7 },
            { uri: "file:///a", hunks: [{}, { id: 1, digest: "d", change: 2, kind: "dance" }, { id: 3, digest: "d", change: 2, kind: "text", range: lines(0, 1) }] },
        ],
    });
    assert.equal(count(odd), 1);
    assert.deepEqual(odd.changes, []);
});

function painted(hunks: Hunk[], text: string[]) {
    const page = { lineCount: text.length, line: (index: number) => text[index] ?? "", tabSize: 4 };
    const { removed, replaced, inserted, conflicts, beside } = marks(hunks, page);
    const spans = (all: { first: number; last: number }[]) => all.map(({ first, last }) => `${first}-${last}`);
    const drawn = beside.map(({ line, text: shown, gap }) => `${line}:${" ".repeat(gap)}[${shown}]`);
    return { removed: spans(removed), replaced: spans(replaced), inserted, conflicts: spans(conflicts), beside: drawn };
}

const twelve = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", ""];

test("what goes is struck, what comes stands beside it in one block", () => {
    assert.deepEqual(painted(review().files[0]?.hunks ?? [], twelve), {
        removed: ["5-5"],
        replaced: ["1-1"],
        inserted: [10],
        conflicts: [],
        beside: ["1:   [ + TWO ]", "10:   [ + and a half ]", "11:   [ + and more   ]"],
    });
    assert.deepEqual(painted(review().files[1]?.hunks ?? [], twelve).conflicts, ["1-1"]);
});

test("a block never runs into the next hunk or out of the text, and says what it leaves out", () => {
    const long = { ...parsedHunk("h1"), added: "1\n2\n3\n4\n5\n6\n" };
    assert.deepEqual(painted([long, parsedHunk("h2")], twelve).beside, [
        "1:     [ + 1      ]",
        "2:   [ + 2      ]",
        "3:    [ + 3      ]",
        "4:    [ ⋯ 3 more ]",
    ]);
    const atEnd = { ...long, range: { start: { line: 12, character: 0 }, end: { line: 12, character: 0 } } };
    assert.deepEqual(painted([atEnd], twelve).beside, ["12:   [ + 1 ⋯ 5 more ]"]);
    const beyond = { ...long, range: lines(40, 41) };
    assert.deepEqual(painted([beyond], twelve).replaced, ["12-12"]);
});

test("the block keeps how its lines are indented among themselves, and no more", () => {
    const indented = { ...parsedHunk("h1"), added: "        if x:\n\n            y\n" };
    assert.deepEqual(painted([indented], twelve).beside, ["1:     [ + if x: ]", "2:   [ +       ]", "3:    [ +     y ]"]);
});

test("tabs count as the columns that they take, and long lines push nothing out of sight", () => {
    const tabbed = { ...parsedHunk("h1"), added: "\tx\ny\n" };
    assert.deepEqual(painted([tabbed], ["", "\ta", "bcdefg", ""]).beside, ["1:    [ +     x ]", "2:   [ + y     ]"]);
    assert.deepEqual(painted([tabbed], ["", "a".repeat(200), "b", ""]).beside, ["1:   [ +     x ]", "2:   [ + y     ]"]);
});

test("a hunk is found by any line that it touches", () => {
    const [first, second] = review().files;
    assert.ok(first && second);
    const at = (line: number) => hunkAt(first, line)?.id;
    assert.deepEqual([at(0), at(1), at(2), at(5), at(10)], [undefined, "h1", undefined, "h2", "h3"]);
    assert.deepEqual([hunkAt(second, 0)?.id, hunkAt(second, 2)], ["h5", undefined]);
});

test("going on leads from hunk to hunk and from file to file, and round", () => {
    const all = review();
    const [first, second] = all.files;
    assert.ok(first && second);
    const next = (uri: string | undefined, line: number) => neighbour(all, uri, line, 1)?.hunk.id;
    const previous = (uri: string | undefined, line: number) => neighbour(all, uri, line, -1)?.hunk.id;
    assert.deepEqual([next(undefined, -1), next(first.uri, 1), next(first.uri, 10), next(second.uri, 0), next(second.uri, 1)], ["h1", "h2", "h5", "h4", "h1"]);
    assert.deepEqual([previous(first.uri, 5), previous(second.uri, 1), previous(first.uri, 0)], ["h1", "h5", "h4"]);
    assert.equal(neighbour({ changes: [], files: [] }, undefined, 0, 1), undefined);
    const ids = first.hunks.map((one) => successor(first, one)?.id);
    assert.deepEqual(ids, ["h2", "h3", "h2"]);
});

test("an answer says whether it was done", () => {
    assert.deepEqual(parseAnswer({ applied: false, message: "no" }), { applied: false, message: "no" });
    assert.deepEqual(parseAnswer({ applied: true, message: "" }), { applied: true });
    assert.deepEqual(parseAnswer(null), { applied: true });
});
