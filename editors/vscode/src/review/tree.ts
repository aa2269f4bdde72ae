// The tree of what waits: change, file, hunk, and how each shows.

import { basename, dirname } from "node:path/posix";

import { type Change, type Cut, type Hunk, type Id, isText, type Review, type ReviewedFile } from "./state";

/** A change in the tree. */
export interface ChangeNode {
    kind: "change";
    change: Change;
    files: FileNode[];
}

/** What a change does to one file. */
export interface FileNode {
    kind: "file";
    change: Id;
    file: ReviewedFile;
    hunks: HunkNode[];
}

/** One hunk. */
export interface HunkNode {
    kind: "hunk";
    file: ReviewedFile;
    hunk: Hunk;
}

export type Node = ChangeNode | FileNode | HunkNode;

/** How a node shows. */
export interface Row {
    /** The same as long as the node is, so that what is open stays open. */
    id: string;
    label: string;
    description: string;
    tooltip: string;
    /** Name of a product icon; undefined for a file, which has its own. */
    icon?: string;
    /** Name of the icon's colour in the theme. */
    colour?: string;
    /** What menus go by: the node's kind, and words for what can be done with it. */
    context: string;
    /** Read out by screen readers. */
    spoken: string;
}

/** The tree: the changes in the server's order, each with its files, each with its hunks. */
export function tree(review: Review): ChangeNode[] {
    return review.changes.flatMap((change) => {
        const files = review.files.flatMap((file): FileNode[] => {
            const hunks = file.hunks
                .filter((hunk) => hunk.change === change.id)
                .map((hunk): HunkNode => ({ kind: "hunk", file, hunk }));
            return hunks.length === 0 ? [] : [{ kind: "file", change: change.id, file, hunks }];
        });
        return files.length === 0 ? [] : [{ kind: "change", change, files }];
    });
}

/** The node's children. */
export function children(node: Node): Node[] {
    switch (node.kind) {
        case "change":
            return node.files;
        case "file":
            return node.hunks;
        case "hunk":
            return [];
    }
}

/** The node above, which is one of `roots` or below one of them. */
export function parent(node: Node, roots: readonly ChangeNode[]): Node | undefined {
    switch (node.kind) {
        case "change":
            return undefined;
        case "file":
            return roots.find(({ change }) => change.id === node.change);
        case "hunk": {
            const root = roots.find(({ change }) => change.id === node.hunk.change);
            return root?.files.find(({ file }) => file.uri === node.file.uri);
        }
    }
}

/** How `node` shows. */
export function row(node: Node): Row {
    switch (node.kind) {
        case "change":
            return changeRow(node);
        case "file":
            return fileRow(node);
        case "hunk":
            return hunkRow(node);
    }
}

function changeRow({ change, files }: ChangeNode): Row {
    const hunks = files.reduce((sum, file) => sum + file.hunks.length, 0);
    const label = change.title === "" ? "Untitled change" : change.title;
    const size = `${counted(hunks, "hunk")} in ${counted(files.length, "file")}`;
    const origin = change.origin === "" ? [] : [`Proposed by ${change.origin}`];
    const { remarks, bad, output } = evidence(change);
    return {
        id: `change ${change.id}`,
        label,
        description: size,
        tooltip: [label, ...origin, size, ...remarks, ...output].join("\n"),
        ...(bad ? { icon: "warning", colour: "problemsWarningIcon.foreground" } : { icon: "git-pull-request" }),
        context: "change",
        spoken: `Change ${label}, ${[size, ...origin, ...remarks].join(", ")}`,
    };
}

/** How many lines a tooltip shows of what a command prints: the last ones, where outcomes stand; or of what is new. */
const outputLinesMax = 12;

/** What is known of a change besides; `bad` if it speaks against it. */
function evidence({ evidence: { parse, tests, diagnostics } }: Change): { remarks: string[]; bad: boolean; output: string[] } {
    const remarks = parse.map(({ path, syntax, line }) => {
        const where = line === undefined ? "" : ` (line ${line})`;
        return `${path}: ${syntax === "broken" ? "would not parse any more" : "would parse again"}${where}`;
    });
    let bad = parse.some(({ syntax }) => syntax === "broken");
    const output: string[] = [];
    if (tests !== undefined) {
        remarks.push(`${tests.run}: ${cutShort(tests.cut) ?? (tests.passed ? "passed" : "failed")}${dated(tests)}`);
        bad ||= !tests.passed;
        if (!tests.passed) output.push(...tests.output.trimEnd().split("\n").slice(-outputLinesMax));
    }
    if (diagnostics !== undefined) {
        const { run, failed, cut, newCount, goneCount } = diagnostics;
        const outcome = cutShort(cut) ?? (failed ? "failed" : `${newCount} new, ${goneCount} gone`);
        remarks.push(`${run}: ${outcome}${dated(diagnostics)}`);
        bad ||= failed || cut !== undefined || newCount > 0;
        const lines = diagnostics.new.map(({ path, line, message }) => `${path}:${line}: ${message}`);
        output.push(...lines.slice(0, outputLinesMax));
    }
    return { remarks, bad, output };
}

/** A remark where a command was not run against what waits now. */
function dated({ stale }: { stale: boolean }): string {
    return stale ? ", before later decisions or edits" : "";
}

function cutShort(cut: Cut | undefined): string | undefined {
    if (cut === undefined) return undefined;
    return cut.seconds === undefined ? "stopped" : `ended after ${cut.seconds} s, the longest that it may run`;
}

function fileRow({ change, file, hunks }: FileNode): Row {
    const folder = dirname(file.path);
    const size = counted(hunks.length, "hunk");
    return {
        id: `file ${change} ${file.uri}`,
        label: basename(file.path),
        description: folder === "." ? "" : folder,
        tooltip: `${file.path}\n${size}`,
        context: "file",
        spoken: `File ${file.path}, ${size}`,
    };
}

const looks = {
    create: { icon: "diff-added", colour: "gitDecoration.addedResourceForeground", word: "new file" },
    replace: { icon: "diff-modified", colour: "gitDecoration.modifiedResourceForeground", word: "replace file" },
    delete: { icon: "diff-removed", colour: "gitDecoration.deletedResourceForeground", word: "delete file" },
    rename: { icon: "diff-renamed", colour: "gitDecoration.renamedResourceForeground", word: "move file" },
    mode: { icon: "gear", colour: "gitDecoration.modifiedResourceForeground", word: "file mode" },
    added: { icon: "diff-added", colour: "gitDecoration.addedResourceForeground", word: "add" },
    removed: { icon: "diff-removed", colour: "gitDecoration.deletedResourceForeground", word: "remove" },
    replaced: { icon: "diff-modified", colour: "gitDecoration.modifiedResourceForeground", word: "replace" },
    conflict: { icon: "warning", colour: "problemsWarningIcon.foreground", word: "conflict" },
} as const;

/** Which of the looks a hunk has. */
function look(hunk: Hunk): (typeof looks)[keyof typeof looks] {
    if (hunk.conflict) return looks.conflict;
    if (hunk.kind !== "text") return looks[hunk.kind];
    if (hunk.removed === "") return looks.added;
    return hunk.added === "" ? looks.removed : looks.replaced;
}

function hunkRow({ file, hunk }: HunkNode): Row {
    const { icon, colour, word } = look(hunk);
    const line = hunk.kind === "text" ? `line ${hunk.range.start.line + 1}` : undefined;
    const label = headline(hunk) ?? (hunk.title === "" ? word : hunk.title);
    const conflict = hunk.conflict ? ["The text here was changed since; nothing of yours is overwritten."] : [];
    const alike = hunk.alike.length === 0 ? [] : [`${counted(hunk.alike.length, "hunk")} more like this`];
    const together = hunk.together.length === 0 ? [] : [`Stands or falls with ${counted(hunk.together.length, "other hunk")}`];
    const remarks = [...conflict, ...alike, ...together];
    const place = `${file.path}${line === undefined ? "" : `, ${line}`}`;
    const words = [
        "hunk",
        isText(hunk) ? "text" : "whole",
        ...(hunk.alike.length === 0 ? [] : ["alike"]),
        ...(hunk.together.length === 0 ? [] : ["together"]),
    ];
    return {
        id: `hunk ${hunk.id}`,
        label,
        description: [line, size(hunk), hunk.conflict ? "conflict" : undefined].filter((part) => part !== undefined).join("  "),
        tooltip: [label, place, ...(hunk.title === "" || hunk.title === label ? [] : [hunk.title]), ...remarks].join("\n"),
        icon,
        colour,
        context: words.join(" "),
        spoken: [`${word}: ${label}`, line, ...remarks].filter((part) => part !== undefined).join(", "),
    };
}

/** The first words that a hunk of text brings, or else takes away: what a person knows it by. */
function headline({ added, removed }: Hunk): string | undefined {
    const first = `${added}\n${removed}`.split("\n").find((line) => line.trim() !== "");
    return first?.trim();
}

/** How many lines a hunk of text brings and takes away. */
function size(hunk: Hunk): string | undefined {
    if (!isText(hunk)) return undefined;
    const { added, removed } = hunk;
    const parts = [added === "" ? [] : [`+${lineCount(added)}`], removed === "" ? [] : [`−${lineCount(removed)}`]];
    return parts.flat().join(" ");
}

function lineCount(text: string): number {
    return text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
}

/** `1 hunk`, `2 hunks`. */
export function counted(count: number, noun: string): string {
    return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
