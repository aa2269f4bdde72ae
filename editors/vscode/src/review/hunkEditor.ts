// A hunk's proposed text in an editor of its own, beside what it replaces; saving keeps it as it stands there.

import * as vscode from "vscode";

import type { Id, Seen } from "./state";

/** Scheme of the documents of this editor. */
export const editScheme = "freehold-edit";

/** Stands above the text, in the title of a diff or in the path. */
const keepsBySaving = "edit, and save to keep";

/** A hunk that is being edited. */
interface Draft {
    seen: Seen;
    /** Whether it was kept, so that there is nothing left to edit. */
    kept: boolean;
    original: Uint8Array;
    text: Uint8Array;
    changedAt: number;
}

/** Keeps a hunk with the text that the user made of it; throws if it cannot be kept. */
export type KeepEdited = (seen: Seen, text: string) => Promise<void>;

export class HunkEditor implements vscode.FileSystemProvider {
    private readonly drafts = new Map<string, Draft>();
    private readonly changed = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
    /** Documents that the editor is about to save by itself, which decides nothing. */
    private readonly savedByItself = new Set<string>();
    readonly onDidChangeFile = this.changed.event;

    constructor(private readonly keep: KeepEdited) {}

    register(): vscode.Disposable {
        return vscode.Disposable.from(
            vscode.workspace.registerFileSystemProvider(editScheme, this, { isCaseSensitive: true }),
            vscode.workspace.onWillSaveTextDocument(({ document, reason }) => {
                if (document.uri.scheme !== editScheme) return;
                if (reason === vscode.TextDocumentSaveReason.Manual) this.savedByItself.delete(document.uri.path);
                else this.savedByItself.add(document.uri.path);
            }),
            vscode.workspace.onDidSaveTextDocument(async ({ uri }) => {
                if (uri.scheme === editScheme && this.drafts.get(draftOf(uri))?.kept === true) await closeTabs(uri);
            }),
            vscode.workspace.onDidCloseTextDocument(({ uri }) => {
                if (uri.scheme === editScheme) this.drafts.delete(draftOf(uri));
            }),
            this.changed,
        );
    }

    /** Opens the hunk for editing, beside what it replaces if that is anything. */
    async open(seen: Seen, name: string, removed: string, added: string): Promise<void> {
        const bytes = new TextEncoder();
        const key = String(seen.hunk);
        this.drafts.set(key, { seen, kept: false, original: bytes.encode(removed), text: bytes.encode(added), changedAt: Date.now() });
        const proposed = place(seen.hunk, "proposed", name);
        this.changed.fire([{ type: vscode.FileChangeType.Changed, uri: proposed }]);
        const options = { preview: false };
        if (removed === "") await vscode.window.showTextDocument(proposed, options);
        else await vscode.commands.executeCommand("vscode.diff", place(seen.hunk, "original", name), proposed, `${name}: ${keepsBySaving}`, options);
    }

    stat(uri: vscode.Uri): vscode.FileStat {
        const { original, text, changedAt } = this.draft(uri);
        const proposed = isProposed(uri);
        return {
            type: vscode.FileType.File,
            ctime: 0,
            mtime: proposed ? changedAt : 0,
            size: (proposed ? text : original).byteLength,
            ...(proposed ? {} : { permissions: vscode.FilePermission.Readonly }),
        };
    }

    readFile(uri: vscode.Uri): Uint8Array {
        const { original, text } = this.draft(uri);
        return isProposed(uri) ? text : original;
    }

    /** Saving by hand keeps the hunk; what the editor saves by itself only waits here. */
    async writeFile(uri: vscode.Uri, content: Uint8Array): Promise<void> {
        if (!isProposed(uri)) throw vscode.FileSystemError.NoPermissions(uri);
        const draft = this.draft(uri);
        if (!this.savedByItself.delete(uri.path)) {
            await this.keep(draft.seen, new TextDecoder().decode(content));
            draft.kept = true;
        }
        draft.text = content;
        draft.changedAt = Date.now();
        this.changed.fire([{ type: vscode.FileChangeType.Changed, uri }]);
    }

    watch(): vscode.Disposable {
        return new vscode.Disposable(() => undefined);
    }

    readDirectory(): [string, vscode.FileType][] {
        return [];
    }

    createDirectory(uri: vscode.Uri): void {
        throw vscode.FileSystemError.NoPermissions(uri);
    }

    delete(uri: vscode.Uri): void {
        throw vscode.FileSystemError.NoPermissions(uri);
    }

    rename(uri: vscode.Uri): void {
        throw vscode.FileSystemError.NoPermissions(uri);
    }

    private draft(uri: vscode.Uri): Draft {
        const draft = this.drafts.get(draftOf(uri));
        if (draft === undefined) throw vscode.FileSystemError.FileNotFound(uri);
        return draft;
    }
}

/** Closes the tabs in which the document is edited. */
async function closeTabs(uri: vscode.Uri): Promise<void> {
    const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
    const own = tabs.filter(({ input }) => {
        const shown = input instanceof vscode.TabInputTextDiff ? input.modified : input instanceof vscode.TabInputText ? input.uri : undefined;
        return shown?.toString() === uri.toString();
    });
    await vscode.window.tabGroups.close(own, true);
}

/** `freehold-edit:/HUNK/SIDE/NAME`: the name gives the editor the language. */
function place(hunk: Id, side: "original" | "proposed", name: string): vscode.Uri {
    const folder = side === "proposed" ? keepsBySaving : side;
    return vscode.Uri.from({ scheme: editScheme, path: `/${encodeURIComponent(hunk)}/${folder}/${name}` });
}

function draftOf(uri: vscode.Uri): string {
    return decodeURIComponent(uri.path.split("/")[1] ?? "");
}

function isProposed(uri: vscode.Uri): boolean {
    return uri.path.split("/")[2] === keepsBySaving;
}
