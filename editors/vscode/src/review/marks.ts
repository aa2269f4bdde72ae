// Where and how hunks show in the text: what goes is struck, what comes stands beside it, to the right of the code.

import type { Hunk } from "./state";

/** The document that is marked. */
export interface Page {
    lineCount: number;
    line: (index: number) => string;
    tabSize: number;
}

/** Lines from `first` to `last`, both included. */
export interface Lines {
    first: number;
    last: number;
}

/** One line of proposed text, shown at the end of a line of the document. */
export interface Beside {
    line: number;
    text: string;
    /** Blank columns between the document's text and this. */
    gap: number;
}

/** What is painted. */
export interface Marks {
    /** Lines that would go, with nothing in their place. */
    removed: Lines[];
    /** Lines in whose place something else would come. */
    replaced: Lines[];
    /** Lines before which something would be put. */
    inserted: number[];
    /** Lines in which the user has typed where a hunk would change them. */
    conflicts: Lines[];
    beside: Beside[];
}

/** Proposed lines shown for one hunk; the hover and the diff have all. */
const shownMax = 24;
/** Columns beyond which proposed text no longer stands in one straight block. */
const columnMax = 100;
/** Columns between the longest line and the proposed text. */
const space = 3;

/** What to paint for the hunks of a file, which come in the order of their places. */
export function marks(hunks: readonly Hunk[], page: Page): Marks {
    const result: Marks = { removed: [], replaced: [], inserted: [], conflicts: [], beside: [] };
    const placed = hunks.flatMap((hunk) => {
        return hunk.kind === "text" ? [{ hunk, ...touched(hunk, page.lineCount) }] : [];
    });
    for (const [index, { hunk, lines, empty }] of placed.entries()) {
        if (hunk.conflict) result.conflicts.push(lines);
        else if (empty) result.inserted.push(lines.first);
        else if (hunk.added === "") result.removed.push(lines);
        else result.replaced.push(lines);
        // The next hunk's lines have proposed text of their own.
        const end = Math.min(placed[index + 1]?.lines.first ?? page.lineCount, page.lineCount);
        result.beside.push(...beside(hunk.added, lines.first, Math.max(end, lines.first + 1), page));
    }
    return result;
}

/** The lines that a hunk of text touches; `empty` if it only puts something before the first of them. */
export function touched(hunk: Hunk, lineCount: number): { lines: Lines; empty: boolean } {
    const { start, end } = hunk.range;
    const clamp = (line: number): number => Math.max(0, Math.min(line, lineCount - 1));
    const empty = start.line === end.line && start.character === end.character;
    // A range of whole lines ends before the first character of the line behind.
    const last = end.character === 0 && end.line > start.line ? end.line - 1 : end.line;
    return { lines: { first: clamp(start.line), last: clamp(last) }, empty };
}

/** The proposed lines, in one block beside the lines from `first` up to and without `end`. */
function beside(added: string, first: number, end: number, page: Page): Beside[] {
    if (added === "") return [];
    const all = added.split(/\r?\n|\r/);
    if (all.length > 1 && all.at(-1) === "") all.pop();
    const room = Math.min(end - first, shownMax);
    const rest = all.length - room;
    const shown = dedented(all.slice(0, room).map((text) => expanded(text, page.tabSize))).map((text) => `+ ${text}`);
    if (rest > 0) {
        // The last line in sight says how much is out of sight.
        const hidden = `⋯ ${room === 1 ? rest : rest + 1} more`;
        shown[room - 1] = room === 1 ? `${shown[0] ?? ""} ${hidden}` : hidden;
    }
    const widths = shown.map((_, index) => width(page.line(first + index), page.tabSize));
    const column = Math.max(...widths);
    const block = Math.max(...shown.map((text) => text.length));
    return shown.map((text, index) => ({
        line: first + index,
        text: ` ${text.padEnd(block)} `,
        gap: space + (column > columnMax ? 0 : column - (widths[index] ?? 0)),
    }));
}

/** The lines without the blanks that all of them begin with: beside the code these tell nothing and take room. */
function dedented(lines: readonly string[]): string[] {
    const depths = lines.filter((line) => line.trim() !== "").map((line) => line.length - line.trimStart().length);
    const depth = Math.min(...depths);
    return Number.isFinite(depth) ? lines.map((line) => line.slice(depth)) : [...lines];
}

function width(line: string, tabSize: number): number {
    return expanded(line, tabSize).length;
}

/** The text with blanks for tabs. */
function expanded(line: string, tabSize: number): string {
    let text = "";
    for (const character of line) text += character === "\t" ? " ".repeat(tabSize - (text.length % tabSize)) : character;
    return text;
}
