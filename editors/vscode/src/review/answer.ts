// What the server answers to a decision.

/** What came of it. */
export interface Answer {
    /** Whether it was done. */
    applied: boolean;
    /** A sentence for the user. */
    message?: string;
}

/** Reads the answer to a command of the review; one that says nothing at all was done. */
export function parseAnswer(value: unknown): Answer {
    if (typeof value !== "object" || value === null) return { applied: true };
    const { applied, message } = value as Record<string, unknown>;
    return { applied: applied !== false, ...(typeof message === "string" && message !== "" ? { message } : {}) };
}
