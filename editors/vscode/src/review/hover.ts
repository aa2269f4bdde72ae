// What a hunk would do, shown when the pointer rests on it, with links to decide.

import * as vscode from "vscode";

import type { Desk } from "./desk";
import { type Hunk, isText, seen } from "./state";
import { hunkAt } from "./walk";

/** What the links may run; text from a change can be no link. */
const links = {
    "freehold.review.keep": "$(check) Keep",
    "freehold.review.drop": "$(close) Drop",
    "freehold.review.edit": "$(edit) Edit",
};

export class ReviewHover implements vscode.HoverProvider {
    constructor(private readonly desk: Desk) {}

    provideHover(document: vscode.TextDocument, position: vscode.Position): vscode.Hover | undefined {
        const file = this.desk.file(document.uri);
        const hunk = file === undefined ? undefined : hunkAt(file, position.line);
        return hunk === undefined ? undefined : new vscode.Hover(content(hunk), document.lineAt(position.line).range);
    }
}

function content(hunk: Hunk): vscode.MarkdownString {
    const markdown = new vscode.MarkdownString(undefined, true);
    markdown.isTrusted = { enabledCommands: Object.keys(links) };
    const argument = encodeURIComponent(JSON.stringify([seen(hunk)]));
    const entries = Object.entries(links).map(([command, label]) => `[${label}](command:${command}?${argument})`);
    markdown.appendMarkdown(`${entries.join(" &nbsp; ")}\n\n`);
    if (hunk.conflict) markdown.appendMarkdown("The text here was changed since this was proposed; nothing of yours is overwritten.\n\n");
    if (!isText(hunk)) markdown.appendText(hunk.title);
    else markdown.appendCodeblock([...prefixed("-", hunk.removed), ...prefixed("+", hunk.added)].join("\n"), "diff");
    if (hunk.mine !== undefined) {
        markdown.appendMarkdown("Yours:\n\n");
        markdown.appendCodeblock(hunk.mine);
    }
    return markdown;
}

function prefixed(sign: string, text: string): string[] {
    if (text === "") return [];
    return text.replace(/\r?\n$/, "").split(/\r?\n/).map((line) => `${sign} ${line}`);
}
