// Waiting for conditions, each with a name and a time limit; nothing here waits for a fixed time.

/** A machine that compiles on all its cores at the same time is many times slower than an idle one. */
const patience = 90_000;

/** Gives the first value of `condition` that is neither undefined, null nor false; fails after `limit` milliseconds. */
export async function until(what, condition, limit = patience) {
    const end = Date.now() + limit;
    let last;
    for (;;) {
        try {
            const value = await condition();
            if (value !== undefined && value !== null && value !== false) return value;
            last = undefined;
        } catch (error) {
            last = error;
        }
        if (Date.now() > end) {
            throw new Error(`waited ${limit / 1000} s in vain until ${what}`, last === undefined ? {} : { cause: last });
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
}

/** The same, but gives undefined when the time is over. */
export async function maybe(condition, limit) {
    try {
        return await until("", condition, limit);
    } catch {
        return undefined;
    }
}
