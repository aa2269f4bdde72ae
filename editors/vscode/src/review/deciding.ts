// What the user asks for in a review, handed on to the server, which alone decides.

import { basename } from "node:path/posix";

import * as vscode from "vscode";

import { type Server, text } from "../server";
import { type Answer, parseAnswer } from "./answer";
import type { Desk } from "./desk";
import { HunkEditor } from "./hunkEditor";
import { type Id, isText, type Seen, seen } from "./state";
import { counted, type FileNode } from "./tree";
import { isNode, type ReviewView } from "./view";
import { hunkAt, lineOf, neighbour, type Stop, successor } from "./walk";

/** Schemes of the documents that the server makes for the two sides of a diff. */
const originalScheme = "freehold-original";
const proposedScheme = "freehold-proposed";

/** Where to go once a hunk is decided. */
interface Next {
    after: Id;
    then: Id;
    /** Whether it was decided in the tree or in the text. */
    place: "tree" | "text";
}

export class Deciding {
    readonly editor = new HunkEditor((hunk, text) => this.keepEdited(hunk, text));
    /** The hunk to go to once the one before it is decided. */
    private next: Next | undefined;

    constructor(
        private readonly server: Server,
        private readonly desk: Desk,
        private readonly view: ReviewView,
    ) {}

    /** The commands of the manifest, by their names. */
    commands(): Record<string, (argument?: unknown) => unknown> {
        return {
            "freehold.review.next": () => this.walk(1),
            "freehold.review.previous": () => this.walk(-1),
            "freehold.review.keepHere": () => this.decideHere("keep"),
            "freehold.review.dropHere": () => this.decideHere("drop"),
            "freehold.review.editHere": () => this.editHere(),
            "freehold.review.keep": (about) => this.decide("keep", about),
            "freehold.review.drop": (about) => this.decide("drop", about),
            "freehold.review.edit": (about) => this.edit(about),
            "freehold.review.keepEdited": () => vscode.commands.executeCommand("workbench.action.files.save"),
            "freehold.review.open": (about) => this.open(about),
            "freehold.review.showDiff": (about) => this.showDiff(about),
            "freehold.review.showAll": () => this.showAll(),
            "freehold.review.keepAlike": (about) => this.decideGroup("freehold.keepAlike", about),
            "freehold.review.dropAlike": (about) => this.decideGroup("freehold.dropAlike", about),
            "freehold.review.keepTogether": (about) => this.decideGroup("freehold.keepTogether", about),
            "freehold.review.dropTogether": (about) => this.decideGroup("freehold.dropTogether", about),
            "freehold.review.keepAll": () => this.run("freehold.keepAll"),
            "freehold.review.dropAll": () => this.dropAll(),
            "freehold.review.preview": (about) => this.preview(about),
            "freehold.review.undo": () => this.step("freehold.undo", "Undone", this.desk.review.undo),
            "freehold.review.redo": () => this.step("freehold.redo", "Done again", this.desk.review.redo),
        };
    }

    /** Called when what waits has changed. */
    async changed(): Promise<void> {
        const { next } = this;
        if (next === undefined || this.desk.hunk(next.after) !== undefined) return;
        this.next = undefined;
        const stop = this.desk.hunk(next.then);
        if (stop === undefined) return;
        if (next.place === "tree") await this.view.select(stop);
        else await reveal(stop, false);
    }

    /** The user goes elsewhere or types on, and must not be taken away from there. */
    stay(): void {
        this.next = undefined;
    }

    private async walk(direction: 1 | -1): Promise<void> {
        const editor = vscode.window.activeTextEditor;
        const uri = editor === undefined ? undefined : this.desk.file(editor.document.uri)?.uri;
        const stop = neighbour(this.desk.review, uri, editor?.selection.active.line ?? -1, direction);
        if (stop === undefined) say("Nothing waits to be kept or dropped.");
        else await open(stop, false);
    }

    /** The hunk at the cursor; says what to do if there is none. */
    private here(): Stop | undefined {
        const editor = vscode.window.activeTextEditor;
        const file = editor === undefined ? undefined : this.desk.file(editor.document.uri);
        const hunk = file === undefined || editor === undefined ? undefined : hunkAt(file, editor.selection.active.line);
        if (file !== undefined && hunk !== undefined) return { file, hunk };
        say("There is no change at the cursor; “Go to Next Change” leads to one.");
        return undefined;
    }

    private async decideHere(verb: "keep" | "drop"): Promise<void> {
        const stop = this.here();
        if (stop !== undefined) await this.decideAndGoOn(verb, stop, "text");
    }

    private async decideAndGoOn(verb: "keep" | "drop", stop: Stop, place: Next["place"]): Promise<void> {
        const then = successor(stop.file, stop.hunk);
        this.next = then === undefined ? undefined : { after: stop.hunk.id, then: then.id, place };
        const answer = await this.run(`freehold.${verb}Hunk`, seen(stop.hunk));
        if (answer?.applied !== true) this.next = undefined;
    }

    private async editHere(): Promise<void> {
        const stop = this.here();
        if (stop !== undefined) await this.openEditor(stop);
    }

    private async decide(verb: "keep" | "drop", about: unknown): Promise<void> {
        const named = parseSeen(about);
        if (named !== undefined) {
            await this.run(`freehold.${verb}Hunk`, named);
            return;
        }
        const subject = isNode(about) ? about : this.view.selected;
        switch (subject?.kind) {
            case undefined:
                say("Nothing is selected.");
                break;
            case "hunk":
                if (isNode(about)) await this.run(`freehold.${verb}Hunk`, seen(subject.hunk));
                else await this.decideAndGoOn(verb, subject, "tree");
                break;
            case "file":
                await this.decideFile(verb, subject);
                break;
            case "change": {
                const hunks = subject.files.reduce((sum, file) => sum + file.hunks.length, 0);
                if (verb === "drop" && !(await confirmDrop(hunks, subject.files.length))) return;
                await this.run(`freehold.${verb}Change`, { change: subject.change.id });
                break;
            }
        }
    }

    /** Decides the hunks that stand below the file: all of it, or only those of one change among several. */
    private async decideFile(verb: "keep" | "drop", { file, hunks }: FileNode): Promise<void> {
        if (hunks.length === file.hunks.length) await this.run(`freehold.${verb}File`, { uri: file.uri });
        else await this.run(`freehold.${verb}Hunk`, { hunks: hunks.map(({ hunk }) => hunk.id) });
    }

    private async dropAll(): Promise<void> {
        const { files } = this.desk.review;
        const hunks = files.reduce((sum, file) => sum + file.hunks.length, 0);
        if (await confirmDrop(hunks, files.length)) await this.run("freehold.dropAll");
    }

    private async decideGroup(command: string, about: unknown): Promise<void> {
        const stop = this.stop(about);
        if (stop !== undefined) await this.run(command, { hunk: stop.hunk.id });
    }

    private async edit(about: unknown): Promise<void> {
        const stop = this.stop(about);
        if (stop !== undefined) await this.openEditor(stop);
    }

    private async openEditor({ file, hunk }: Stop): Promise<void> {
        if (isText(hunk)) await this.editor.open(seen(hunk), basename(file.path), hunk.removed, hunk.added);
        else say("Only text can be edited; this is about the file itself.");
    }

    private async keepEdited(about: Seen, text: string): Promise<void> {
        const answer = parseAnswer(await this.server.execute("freehold.editHunk", { ...about, text }));
        // Thrown, so that the editor shows it and the text stays where it is, not saved.
        if (!answer.applied) throw vscode.FileSystemError.Unavailable(answer.message ?? "the change cannot be kept as it was edited");
    }

    private async open(about: unknown): Promise<void> {
        const stop = this.stop(about);
        if (stop !== undefined) await open(stop, true);
    }

    private async showDiff(about: unknown): Promise<void> {
        const node = isNode(about) ? about : this.view.selected;
        const active = vscode.window.activeTextEditor?.document.uri;
        const file = isNode(about) || active === undefined ? undefined : this.desk.file(active);
        const uri = file?.uri ?? (node === undefined || node.kind === "change" ? undefined : node.file.uri);
        if (uri !== undefined) await showDiff(vscode.Uri.parse(uri));
    }

    private async showAll(): Promise<void> {
        const sides = this.desk.review.files.map((file) => {
            const uri = vscode.Uri.parse(file.uri);
            const made = file.hunks.some(({ kind }) => kind === "create");
            const gone = file.hunks.some(({ kind }) => kind === "delete");
            return [uri, made ? undefined : original(uri), gone ? undefined : proposed(uri)];
        });
        if (sides.length === 0) say("Nothing waits to be kept or dropped.");
        else await vscode.commands.executeCommand("vscode.changes", "Freehold: proposed changes", sides);
    }

    private async step(command: string, word: string, title: string | undefined): Promise<void> {
        const answer = await this.run(command, {});
        if (answer?.applied === true && answer.message === undefined && title !== undefined) say(`${word}: ${title}`);
    }

    private async preview(about: unknown): Promise<void> {
        await this.run("freehold.preview", isNode(about) && about.kind === "change" ? { change: about.change.id } : {});
    }

    /** The hunk that a node or a link names. */
    private stop(about: unknown): Stop | undefined {
        const node = about ?? this.view.selected;
        if (isNode(node)) return node.kind === "hunk" ? node : undefined;
        const named = parseSeen(node);
        return named === undefined ? undefined : this.desk.hunk(named.hunk);
    }

    /** Has the server do it, and shows what it says. */
    private async run(command: string, ...args: unknown[]): Promise<Answer | undefined> {
        try {
            const answer = parseAnswer(await this.server.execute(command, ...args));
            tell(answer);
            return answer;
        } catch (error) {
            void vscode.window.showErrorMessage(`Freehold: ${text(error)}.`);
            return undefined;
        }
    }
}

/** Shows what the server says to a decision: in passing where it was done, else so that it is seen. */
export function tell({ applied, message }: Answer): void {
    if (message === undefined) return;
    if (applied) say(message);
    else void vscode.window.showWarningMessage(`Freehold: ${message}`);
}

/** Opens both sides of a file; what is decided meanwhile goes from it. */
export async function showDiff(uri: vscode.Uri): Promise<void> {
    const title = `${basename(uri.path)} (proposed)`;
    await vscode.commands.executeCommand("vscode.diff", original(uri), proposed(uri), title, { preview: true });
}

function original(uri: vscode.Uri): vscode.Uri {
    return uri.with({ scheme: originalScheme });
}

function proposed(uri: vscode.Uri): vscode.Uri {
    return uri.with({ scheme: proposedScheme });
}

async function open(stop: Stop, preserveFocus: boolean): Promise<void> {
    const uri = vscode.Uri.parse(stop.file.uri);
    // What is not there yet can only be seen as it would be.
    if (stop.hunk.kind === "create") await vscode.window.showTextDocument(proposed(uri), { preserveFocus, preview: true });
    else await reveal(stop, preserveFocus);
}

async function reveal({ file, hunk }: Stop, preserveFocus: boolean): Promise<void> {
    const at = new vscode.Position(Math.max(0, lineOf(hunk)), hunk.kind === "text" ? hunk.range.start.character : 0);
    const selection = new vscode.Range(at, at);
    const editor = await vscode.window.showTextDocument(vscode.Uri.parse(file.uri), { preserveFocus, preview: true, selection });
    editor.revealRange(selection, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
}

async function confirmDrop(hunks: number, files: number): Promise<boolean> {
    if (hunks < 2) return true;
    const question = `Drop ${counted(hunks, "hunk")} in ${counted(files, "file")}?`;
    const detail = "What is dropped cannot be brought back; your files stay as they are.";
    return (await vscode.window.showWarningMessage(question, { modal: true, detail }, "Drop")) === "Drop";
}

function parseSeen(value: unknown): Seen | undefined {
    if (typeof value !== "object" || value === null) return undefined;
    const { hunk, digest } = value as Record<string, unknown>;
    if ((typeof hunk !== "string" && typeof hunk !== "number") || typeof digest !== "string") return undefined;
    return { hunk, digest };
}

/** A word in passing. */
function say(message: string): void {
    vscode.window.setStatusBarMessage(`$(info) ${message}`, 5_000);
}

