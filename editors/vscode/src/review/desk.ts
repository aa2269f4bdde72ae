// What waits for the user's decision in this window, for all that show it.

import * as vscode from "vscode";

import { count, type Hunk, type Id, nothing, parseReview, type Review, type ReviewedFile } from "./state";

export class Desk implements vscode.Disposable {
    private state = nothing;
    private readonly changed = new vscode.EventEmitter<void>();

    /** Something waits that did not, or the other way round. */
    readonly onDidChange = this.changed.event;

    constructor(private readonly log: vscode.LogOutputChannel) {}

    get review(): Review {
        return this.state;
    }

    /** Takes in what the server sent. */
    take(params: unknown): void {
        const review = parseReview(params);
        if (review === undefined) {
            this.log.warn(`the server sent a review that this extension does not know: ${JSON.stringify(params)}`);
            return;
        }
        this.set(review);
    }

    /** The server is gone, and nothing can be decided until it is back. */
    clear(): void {
        this.set(nothing);
    }

    /** What waits for the document. */
    file(uri: vscode.Uri): ReviewedFile | undefined {
        const name = uri.toString();
        // The server may write the same URI in another way, such as with another case of `%3a`.
        return this.state.files.find((file) => vscode.Uri.parse(file.uri).toString() === name);
    }

    /** The hunk of this name, if it still waits. */
    hunk(id: Id): { file: ReviewedFile; hunk: Hunk } | undefined {
        for (const file of this.state.files) {
            const hunk = file.hunks.find((candidate) => candidate.id === id);
            if (hunk !== undefined) return { file, hunk };
        }
        return undefined;
    }

    dispose(): void {
        this.changed.dispose();
    }

    private set(review: Review): void {
        // The server says it again with each key that is typed, mostly with nothing new in it.
        if (JSON.stringify(review) === JSON.stringify(this.state)) return;
        this.state = review;
        const context = {
            reviewPending: count(review) > 0,
            canUndo: review.undo !== undefined,
            canRedo: review.redo !== undefined,
        };
        for (const [name, value] of Object.entries(context)) {
            void vscode.commands.executeCommand("setContext", `freehold.${name}`, value);
        }
        this.changed.fire();
    }
}
