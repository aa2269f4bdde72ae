// Which hunk is at a line, and which comes next.

import { touched } from "./marks";
import type { Hunk, Review, ReviewedFile } from "./state";

/** A hunk and its file. */
export interface Stop {
    file: ReviewedFile;
    hunk: Hunk;
}

/** The hunk that touches `line` of the file; one that changes text before one that is put in front of it. */
export function hunkAt(file: ReviewedFile, line: number): Hunk | undefined {
    const here = file.hunks.filter((hunk) => {
        const { lines } = touched(hunk, Number.MAX_SAFE_INTEGER);
        return lines.first <= line && line <= lines.last;
    });
    return here.find((hunk) => hunk.removed !== "") ?? here[0];
}

/** The hunk after (1) or before (-1) a line of a file; from the end to the beginning, over all files. */
export function neighbour(review: Review, uri: string | undefined, line: number, direction: 1 | -1): Stop | undefined {
    const stops = review.files.flatMap((file) => {
        const hunks = file.hunks.toSorted((one, other) => lineOf(one) - lineOf(other));
        return hunks.map((hunk): Stop => ({ file, hunk }));
    });
    const ordered = direction === 1 ? stops : stops.toReversed();
    const here = review.files.findIndex((file) => file.uri === uri);
    const beyond = ordered.find((stop) => {
        const at = review.files.indexOf(stop.file);
        if (at !== here) return here !== -1 && (at - here) * direction > 0;
        return (lineOf(stop.hunk) - line) * direction > 0;
    });
    return beyond ?? ordered[0];
}

/** The hunk after this one in its file, or else the one before it. */
export function successor(file: ReviewedFile, hunk: Hunk): Hunk | undefined {
    const index = file.hunks.findIndex(({ id }) => id === hunk.id);
    return file.hunks[index + 1] ?? file.hunks[index - 1];
}

/** The first line of a hunk; what is done to the file itself stands before the first line. */
export function lineOf(hunk: Hunk): number {
    return hunk.kind === "text" ? hunk.range.start.line : -1;
}
