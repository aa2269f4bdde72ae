// What waits for the user's decision, as the server tells it in `freehold/reviewChanged`.

/** Name of the notification by which the server tells the whole state. */
export const reviewMethod = "freehold/reviewChanged";

/** Names a change or a hunk; handed back as it came. */
export type Id = string | number;

/** A place between two characters, counted as LSP does. */
export interface Place {
    line: number;
    character: number;
}

/** Part of the live document. */
export interface Span {
    start: Place;
    end: Place;
}

const kinds = ["text", "create", "delete", "replace", "rename", "mode"] as const;

/** What a hunk does: to the text of a file, or to the file itself. */
export type Kind = (typeof kinds)[number];

/** The smallest part of a change that is decided by itself. */
export interface Hunk {
    id: Id;
    /** Stands for what was shown; a decision carries it, so that it is about nothing else. */
    digest: string;
    /** The change that it is part of. */
    change: Id;
    kind: Kind;
    title: string;
    /** Where it is in the live document; at its beginning for what is done to the file itself. */
    range: Span;
    /** Whether the user has typed where it would change the text. */
    conflict: boolean;
    /** What the user has made of the text there, in a conflict. */
    mine?: string;
    removed: string;
    added: string;
    /** Hunks that do the same elsewhere. */
    alike: Id[];
    /** Hunks that stand or fall with it. */
    together: Id[];
}

/** A file that something is proposed for. */
export interface ReviewedFile {
    uri: string;
    /** Relative to its workspace folder, with `/`. */
    path: string;
    hunks: Hunk[];
}

/** What somebody proposes, over any number of files. */
export interface Change {
    id: Id;
    title: string;
    /** Who proposes it. */
    origin: string;
    evidence: Evidence;
}

/** What speaks for a change and against it. */
export interface Evidence {
    /** Files that would not parse any more, with the first line at fault (from 1), or would again. */
    parse: { path: string; syntax: "broken" | "mended"; line?: number }[];
    /** How a command ended that was run against the files as they would be; `stale` if they would be others now. */
    tests?: { run: string; passed: boolean; output: string; stale: boolean; cut?: Cut };
    /** What another command says of the files as they would be, and what it no longer says. */
    diagnostics?: Diagnostics;
}

/** Why a command was ended before it was done: after so many seconds, or because somebody stopped it. */
export interface Cut {
    seconds?: number;
}

/** What a command says of files before and after: the first of it, and how many there are in all. */
export interface Diagnostics {
    run: string;
    new: Diagnostic[];
    newCount: number;
    goneCount: number;
    /** Whether it could not say anything. */
    failed: boolean;
    /** Whether the files would be others now. */
    stale: boolean;
    cut?: Cut;
}

/** Something said of a line, counted from 1. */
export interface Diagnostic {
    path: string;
    line: number;
    message: string;
}

/** All that is pending, and what can be taken back. */
export interface Review {
    changes: Change[];
    files: ReviewedFile[];
    /** Title of the step that undo takes back. */
    undo?: string;
    /** Title of the step that redo brings back. */
    redo?: string;
}

/** What a decision is about: a hunk as it was shown. */
export interface Seen {
    hunk: Id;
    digest: string;
}

/** Nothing waits. */
export const nothing: Review = { changes: [], files: [] };

/** Reads the state; undefined if it is none. Entries that this version does not know are left out. */
export function parseReview(value: unknown): Review | undefined {
    if (!isRecord(value) || !Array.isArray(value["files"])) return undefined;
    const undo = step(value["undo"]);
    const redo = step(value["redo"]);
    return {
        changes: each(value["changes"], change),
        files: each(value["files"], file),
        ...(undo === undefined ? {} : { undo }),
        ...(redo === undefined ? {} : { redo }),
    };
}

/** How many hunks wait. */
export function count(review: Review): number {
    return review.files.reduce((sum, { hunks }) => sum + hunks.length, 0);
}

/** Whether a hunk is of text, be it of a file that is yet to be made, and not of a file as a whole. */
export function isText(hunk: Hunk): boolean {
    return hunk.kind === "text" || hunk.added !== "" || hunk.removed !== "";
}

/** The hunk as it was shown, as decisions name it. */
export function seen(hunk: Hunk): Seen {
    return { hunk: hunk.id, digest: hunk.digest };
}

function change(value: unknown): Change | undefined {
    if (!isRecord(value)) return undefined;
    const { title, origin, evidence } = value;
    const name = id(value["id"]);
    if (name === undefined) return undefined;
    return { id: name, title: text(title), origin: text(origin), evidence: parseEvidence(evidence) };
}

function parseEvidence(value: unknown): Evidence {
    if (!isRecord(value)) return { parse: [] };
    const { parse, tests, diagnostics } = value;
    return {
        parse: each(parse, (entry) => {
            if (!isRecord(entry)) return undefined;
            const { path, syntax, line } = entry;
            if (syntax !== "broken" && syntax !== "mended") return undefined;
            return { path: text(path), syntax, ...(typeof line === "number" ? { line } : {}) };
        }),
        ...(isRecord(tests)
            ? {
                  tests: {
                      run: text(tests["run"]),
                      passed: tests["passed"] === true,
                      output: text(tests["output"]),
                      stale: tests["stale"] === true,
                      ...parseCut(tests["cut"]),
                  },
              }
            : {}),
        ...(isRecord(diagnostics) ? { diagnostics: parseDiagnostics(diagnostics) } : {}),
    };
}

function parseDiagnostics(value: Record<string, unknown>): Diagnostics {
    const said = (entry: unknown): Diagnostic | undefined => {
        if (!isRecord(entry) || typeof entry["line"] !== "number") return undefined;
        return { path: text(entry["path"]), line: entry["line"], message: text(entry["message"]) };
    };
    const more = (name: string) => (typeof value[name] === "number" ? value[name] : 0);
    const fresh = each(value["new"], said);
    const gone = each(value["gone"], said);
    return {
        run: text(value["run"]),
        new: fresh,
        newCount: fresh.length + more("moreNew"),
        goneCount: gone.length + more("moreGone"),
        failed: isRecord(value["failed"]),
        stale: value["stale"] === true,
        ...parseCut(value["cut"]),
    };
}

function parseCut(value: unknown): { cut?: Cut } {
    if (!isRecord(value)) return {};
    const { seconds } = value;
    return { cut: typeof seconds === "number" ? { seconds } : {} };
}

function file(value: unknown): ReviewedFile | undefined {
    if (!isRecord(value)) return undefined;
    const { uri, path, hunks } = value;
    if (typeof uri !== "string") return undefined;
    return { uri, path: text(path), hunks: each(hunks, hunk) };
}

function hunk(value: unknown): Hunk | undefined {
    if (!isRecord(value)) return undefined;
    const { digest, title, range, status, removed, added, mine, alike, together } = value;
    const kind = kinds.find((candidate) => candidate === value["kind"]);
    const name = id(value["id"]);
    const part = id(value["change"]);
    if (name === undefined || part === undefined || typeof digest !== "string" || kind === undefined) return undefined;
    const span = parseSpan(range);
    if (span === undefined) return undefined;
    return {
        id: name,
        digest,
        change: part,
        kind,
        title: text(title),
        range: span,
        conflict: status === "conflict",
        ...(typeof mine === "string" ? { mine } : {}),
        removed: text(removed),
        added: text(added),
        alike: each(alike, id),
        together: each(together, id),
    };
}

function parseSpan(value: unknown): Span | undefined {
    if (!isRecord(value)) return undefined;
    const start = place(value["start"]);
    const end = place(value["end"]);
    return start === undefined || end === undefined ? undefined : { start, end };
}

function place(value: unknown): Place | undefined {
    if (!isRecord(value)) return undefined;
    const { line, character } = value;
    return typeof line === "number" && typeof character === "number" ? { line, character } : undefined;
}

function step(value: unknown): string | undefined {
    return isRecord(value) ? text(value["title"]) : undefined;
}

function each<T>(value: unknown, read: (entry: unknown) => T | undefined): T[] {
    if (!Array.isArray(value)) return [];
    return value.flatMap((entry: unknown) => read(entry) ?? []);
}

function id(value: unknown): Id | undefined {
    return typeof value === "string" || typeof value === "number" ? value : undefined;
}

function text(value: unknown): string {
    return typeof value === "string" ? value : "";
}

function isRecord(value: unknown): value is Record<string, unknown> {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}
