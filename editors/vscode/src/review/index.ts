// The review of this window: what waits, where it shows and how it is decided.

import * as vscode from "vscode";
import type { ExecuteCommandMiddleware } from "vscode-languageclient/node";

import type { Server } from "../server";
import { parseAnswer } from "./answer";
import { Deciding, showDiff, tell } from "./deciding";
import type { Desk } from "./desk";
import { ReviewHover } from "./hover";
import { Painter } from "./painter";
import { ReviewView } from "./view";

/** What the extension holds of a review. */
interface Started {
    /** To be disposed of with the extension. */
    parts: { dispose(): unknown }[];
    /** The commands of the manifest, by their names. */
    commands: Record<string, (argument?: unknown) => unknown>;
}

/** Shows what waits on `desk`. */
export function startReview(server: Server, desk: Desk): Started {
    const view = new ReviewView(desk);
    const deciding = new Deciding(server, desk, view);
    const followEditor = (): void => {
        const uri = vscode.window.activeTextEditor?.document.uri;
        void vscode.commands.executeCommand("setContext", "freehold.reviewHere", uri !== undefined && desk.file(uri) !== undefined);
    };
    const parts = [
        view,
        new Painter(desk),
        deciding.editor.register(),
        vscode.languages.registerHoverProvider([{ scheme: "file" }, { scheme: "untitled" }], new ReviewHover(desk)),
        vscode.window.onDidChangeActiveTextEditor(followEditor),
        vscode.window.onDidChangeTextEditorSelection(({ kind }) => {
            // Edits of the server move the cursor too, but are no kind of these.
            if (kind === vscode.TextEditorSelectionChangeKind.Keyboard || kind === vscode.TextEditorSelectionChangeKind.Mouse) deciding.stay();
        }),
        desk.onDidChange(() => {
            followEditor();
            void deciding.changed();
        }),
    ];
    return { parts, commands: deciding.commands() };
}

/** Shows what the server answers to CodeLens and code actions, which the editor itself has it run. */
export const reviewMiddleware: ExecuteCommandMiddleware = {
    async executeCommand(command, args: unknown[], next) {
        const [about] = args;
        if (command === "freehold.showDiff" && typeof about === "object" && about !== null && "uri" in about && typeof about.uri === "string") {
            await showDiff(vscode.Uri.parse(about.uri));
            return undefined;
        }
        const answer: unknown = await next(command, args);
        tell(parseAnswer(answer));
        return answer;
    },
};
