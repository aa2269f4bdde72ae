// The language server of this window: found, started, stopped, and what it says passed on.

import { execFile } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import { promisify } from "node:util";

import * as vscode from "vscode";
import {
    CloseAction,
    DidChangeConfigurationNotification,
    ErrorAction,
    type ExecuteCommandMiddleware,
    ExecuteCommandRequest,
    LanguageClient,
    RevealOutputChannelOn,
    State as ClientState,
} from "vscode-languageclient/node";

import { type Found, locate } from "./locate";
import { parseStatus, statusMethod } from "./status";
import type { Desk } from "./review/desk";
import { reviewMethod } from "./review/state";
import type { StatusItem } from "./statusItem";

/** A program that does not even print its version within this time does not work. */
const probeMilliseconds = 30_000;

/** The server's command that gives what waits for the user's decision. */
const reviewCommand = "freehold.review";

/** The server may die this often in `crashMinutes` before it is left alone. */
const crashesMax = 4;
const crashMinutes = 3;

/** Leaves messages to `Server`, which shows one where the client would show several. */
class QuietClient extends LanguageClient {
    override error(message: string, data?: unknown): void {
        super.error(message, data, false);
    }
}

export class Server {
    private client: LanguageClient | undefined;
    private program: string | undefined;
    /** Starts and stops run one after the other, in the order in which they were asked for. */
    private queue: Promise<void> = Promise.resolve();
    /** The message about a missing model is shown once, until there was a model. */
    private toldNoModel = false;
    /** When the server ended by itself, in milliseconds since the epoch. */
    private crashes: number[] = [];
    /** Whether the first answer of a server that was asked for is awaited. */
    private starting = false;

    constructor(
        private readonly extensionFolder: string,
        private readonly log: vscode.LogOutputChannel,
        private readonly item: StatusItem,
        private readonly desk: Desk,
        /** Stands between the editor and the server's own commands, as CodeLens and code actions run them. */
        private readonly middleware: ExecuteCommandMiddleware,
    ) {}

    /** The program that runs as the server; undefined while none does. */
    get path(): string | undefined {
        return this.client === undefined ? undefined : this.program;
    }

    /** Stops the server if it runs, and starts it. */
    restart(): Promise<void> {
        return this.enqueue(async () => {
            await this.stopNow();
            this.crashes = [];
            await this.startNow();
        });
    }

    stop(): Promise<void> {
        return this.enqueue(() => this.stopNow());
    }

    /** Has the server run one of its commands. */
    async execute(command: string, ...args: unknown[]): Promise<unknown> {
        if (this.client?.state !== ClientState.Running) throw new Error("the server does not run");
        return this.client.sendRequest(ExecuteCommandRequest.type, { command, arguments: args });
    }

    /** Tells the server what the user has set now. */
    async configure(): Promise<void> {
        if (this.client?.state !== ClientState.Running) return;
        await this.client.sendNotification(DidChangeConfigurationNotification.type, { settings: { freehold: options() } });
    }

    private enqueue(work: () => Promise<void>): Promise<void> {
        const done = this.queue.then(work);
        this.queue = done.catch((error: unknown) => {
            this.log.error(text(error));
        });
        return this.queue;
    }

    private async startNow(): Promise<void> {
        this.item.show({ state: "starting" });
        const location = locate({
            setting: vscode.workspace.getConfiguration("freehold").get<string>("server.path", ""),
            extensionFolder: this.extensionFolder,
            home: homedir(),
            platform: process.platform,
            architecture: process.arch,
            look,
        });
        if (location.kind === "problem") {
            this.failed(location.problem);
            return;
        }
        const problem = await this.probe(location.path);
        if (problem !== undefined) {
            this.failed(problem);
            return;
        }
        this.program = location.path;
        const client = this.makeClient(location.path);
        this.client = client;
        this.starting = true;
        try {
            await client.start();
        } catch (error) {
            this.client = undefined;
            this.failed(`"${location.path} lsp" did not start: ${text(error)}`);
        } finally {
            this.starting = false;
        }
    }

    private async stopNow(): Promise<void> {
        const client = this.client;
        this.client = undefined;
        this.desk.clear();
        if (client === undefined) return;
        try {
            // One that is starting cannot be stopped, and would run on beside its successor.
            if (client.state === ClientState.Starting) await client.start();
            await client.dispose();
        } catch (error) {
            // A server that died already cannot be asked to stop.
            this.log.warn(text(error));
        }
    }

    /** Runs the program for its version; gives what is wrong if it does not run on this machine. */
    private async probe(path: string): Promise<string | undefined> {
        try {
            const { stdout } = await promisify(execFile)(path, ["--version"], {
                cwd: homedir(),
                timeout: probeMilliseconds,
            });
            this.log.info(`${path}: ${stdout.trim()}`);
            return undefined;
        } catch (error) {
            const output = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
            return `"${path}" does not run on this machine: ${output === "" ? text(error) : output}`;
        }
    }

    private makeClient(path: string): LanguageClient {
        const client: LanguageClient = new QuietClient(
            "freehold",
            "Freehold",
            // Not in the open folder, where the program could pick up what a repository put there.
            { command: path, args: ["lsp"], options: { cwd: homedir() } },
            {
                documentSelector: [{ scheme: "file" }, { scheme: "untitled" }],
                // On and off is the server's affair, as in every other editor.
                initializationOptions: options(),
                outputChannel: this.log,
                revealOutputChannelOn: RevealOutputChannelOn.Never,
                middleware: this.middleware,
                initializationFailedHandler: () => false,
                errorHandler: {
                    error: () => ({ action: ErrorAction.Continue, handled: true }),
                    closed: () => this.closed(client),
                },
            },
        );
        client.onDidChangeState(({ newState }) => {
            if (this.client === client) this.followReview(client, newState);
            if (newState === ClientState.StartFailed && this.client === client && !this.starting) {
                this.leaveAlone("The server ended, and did not start again");
            }
        });
        client.onNotification(statusMethod, (params: unknown) => {
            if (this.client === client) this.show(params);
        });
        client.onNotification(reviewMethod, (params: unknown) => {
            if (this.client === client) this.desk.take(params);
        });
        return client;
    }

    /** Asks a server that has just started for what waits; from one that is gone nothing waits. */
    private followReview(client: LanguageClient, state: ClientState): void {
        if (state === ClientState.Stopped) this.desk.clear();
        const commands = client.initializeResult?.capabilities.executeCommandProvider?.commands;
        if (state !== ClientState.Running || commands?.includes(reviewCommand) !== true) return;
        this.execute(reviewCommand).then(
            (review) => {
                if (this.client === client) this.desk.take(review);
            },
            (error: unknown) => {
                this.log.error(text(error));
            },
        );
    }

    private show(params: unknown): void {
        const status = parseStatus(params);
        if (status === undefined) {
            this.log.warn(`the server sent a status that this extension does not know: ${JSON.stringify(params)}`);
            return;
        }
        this.item.show(status);
        if (status.state === "ready") this.toldNoModel = false;
        if (status.state === "noModel" && !this.toldNoModel) {
            this.toldNoModel = true;
            const message = status.message ?? "Freehold needs a model to make suggestions, and none is installed.";
            offer(vscode.window.showWarningMessage(message, "Get a Model"), "freehold.pickModel");
        }
    }

    private closed(client: LanguageClient): { action: CloseAction; handled: boolean } {
        // A server that dies before it answers once would do so again. `makeClient` and `startNow` tell of it.
        if (client.state !== ClientState.Running) {
            return { action: CloseAction.DoNotRestart, handled: true };
        }
        const now = Date.now();
        this.crashes = [...this.crashes.filter((at) => now - at < crashMinutes * 60_000), now];
        if (this.crashes.length <= crashesMax) return { action: CloseAction.Restart, handled: true };
        this.leaveAlone(`The server ended ${this.crashes.length} times in ${crashMinutes} minutes and is left alone now`);
        return { action: CloseAction.DoNotRestart, handled: true };
    }

    private leaveAlone(message: string): void {
        this.log.error(message);
        this.item.show({ state: "error", message: `${message}.` });
        offer(vscode.window.showErrorMessage(`Freehold: ${message}.`, "Show Log"), "freehold.showLog");
    }

    private failed(problem: string): void {
        this.log.error(problem);
        this.item.show({ state: "error", message: problem });
        // On a remote machine the setting is that machine's own, and the user's settings do not show it.
        const settings = vscode.env.remoteName === undefined ? "openSettings" : "openRemoteSettings";
        const message = vscode.window.showErrorMessage(`Freehold cannot start: ${problem}.`, "Open Setting");
        offer(message, `workbench.action.${settings}`, { query: "@id:freehold.server.path" });
    }
}

/** Runs the command that mends the matter once the message's one button is pressed. */
function offer(message: Thenable<string | undefined>, command: string, ...args: unknown[]): void {
    void message.then(async (button) => {
        if (button !== undefined) await vscode.commands.executeCommand(command, ...args);
    });
}

/** The user's settings, as the server knows them. */
function options(): { enabled: boolean; languagesOff: string[] } {
    const settings = vscode.workspace.getConfiguration("freehold");
    return { enabled: settings.get("enabled", true), languagesOff: settings.get<string[]>("languagesOff", []) };
}

function look(path: string): Found {
    try {
        if (!statSync(path).isFile()) return "notExecutable";
    } catch {
        return "nothing";
    }
    try {
        accessSync(path, constants.X_OK);
        return "program";
    } catch {
        return "notExecutable";
    }
}

export function text(error: unknown): string {
    return error instanceof Error ? error.message : String(error);
}
