// What the editor calls: puts the server, the status bar item and the commands together.

import * as vscode from "vscode";

import { pickModel } from "./picker";
import { reviewMiddleware, startReview } from "./review";
import { Desk } from "./review/desk";
import { Server, text } from "./server";
import { StatusItem } from "./statusItem";

let server: Server | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
    const log = vscode.window.createOutputChannel("Freehold", { log: true });
    const item = new StatusItem();
    const desk = new Desk(log);
    const started = new Server(context.extensionPath, log, item, desk, reviewMiddleware);
    server = started;
    const review = startReview(started, desk);
    const commands: Record<string, () => unknown> = {
        "freehold.pickModel": () => pickModel(started),
        "freehold.toggle": toggle,
        "freehold.suggest": () => vscode.commands.executeCommand("editor.action.inlineSuggest.trigger"),
        "freehold.snoozeFor": () => snooze(started),
        "freehold.openPrompt": () => openPrompt(started),
        "freehold.restart": () => restart(started),
        "freehold.showLog": () => {
            log.show();
        },
        "freehold.showMenu": showMenu,
        ...review.commands,
    };
    context.subscriptions.push(
        log,
        item,
        desk,
        ...review.parts,
        ...Object.entries(commands).map(([name, run]) => vscode.commands.registerCommand(name, run)),
        vscode.workspace.onDidChangeConfiguration(async (change) => {
            if (change.affectsConfiguration("freehold.server")) await started.restart();
            else if (change.affectsConfiguration("freehold")) await started.configure();
        }),
    );
    await started.restart();
}

export async function deactivate(): Promise<void> {
    await server?.stop();
}

/** Whoever restarts wants everything fresh: also the engine, which outlives the server. */
async function restart(started: Server): Promise<void> {
    await started.restart();
    if (started.path === undefined) return;
    try {
        await started.execute("freehold.restartEngine");
    } catch (error) {
        await vscode.window.showErrorMessage(`Freehold cannot restart its engine: ${text(error)}.`);
    }
}

async function toggle(): Promise<void> {
    const settings = vscode.workspace.getConfiguration("freehold");
    const enabled = settings.get<boolean>("enabled", true);
    // The server is told of the change, and answers with its new state.
    await settings.update("enabled", !enabled, vscode.ConfigurationTarget.Global);
}

async function snooze(started: Server): Promise<void> {
    const entries = [
        { label: "5 minutes", minutes: 5 },
        { label: "30 minutes", minutes: 30 },
        { label: "2 hours", minutes: 120 },
        { label: "End the snooze", minutes: 0 },
    ];
    const entry = await vscode.window.showQuickPick(entries, { title: "Freehold: suggest nothing unasked for" });
    if (entry !== undefined) await told(started.execute("freehold.snooze", entry.minutes));
}

async function openPrompt(started: Server): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    if (editor === undefined) return;
    const { line, character } = editor.selection.active;
    const place = { textDocument: { uri: editor.document.uri.toString() }, position: { line, character } };
    const content = await told(started.execute("freehold.showPrompt", place));
    if (typeof content !== "string") return;
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ language: "markdown", content }));
}

/** What the server answers; if it refuses, the user is told why. */
async function told(answer: Promise<unknown>): Promise<unknown> {
    try {
        return await answer;
    } catch (error) {
        await vscode.window.showErrorMessage(`Freehold: ${text(error)}.`);
        return undefined;
    }
}

async function showMenu(): Promise<void> {
    const enabled = vscode.workspace.getConfiguration("freehold").get<boolean>("enabled", true);
    const entries = [
        { label: "$(list-selection) Pick model…", command: "freehold.pickModel" },
        { label: enabled ? "$(circle-slash) Turn suggestions off" : "$(sparkle) Turn suggestions on", command: "freehold.toggle" },
        { label: "$(bell-slash) Snooze…", command: "freehold.snoozeFor" },
        { label: "$(debug-restart) Restart server", command: "freehold.restart" },
        { label: "$(output) Show log", command: "freehold.showLog" },
    ];
    const entry = await vscode.window.showQuickPick(entries, { title: "Freehold" });
    if (entry !== undefined) await vscode.commands.executeCommand(entry.command);
}
