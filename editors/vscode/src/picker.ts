// Lets the user pick a model, and gets the one that is not there yet.

import { homedir } from "node:os";

import * as vscode from "vscode";

import { download } from "./download";
import { choices, type Model, parseModels, terms } from "./models";
import { type Server, text } from "./server";

export async function pickModel(server: Server): Promise<void> {
    try {
        const lines = choices(parseModels(await server.execute("freehold.listModels")));
        const choice = await vscode.window.showQuickPick(lines, {
            title: "Freehold: the model that completes code",
            placeHolder: "Pick a model; one that is not installed is downloaded first",
            matchOnDescription: true,
        });
        if (choice === undefined) return;
        if (choice.model.installed) await use(server, choice.model.name);
        else await get(server, choice.model);
    } catch (error) {
        // The picker is also what mends a server without a model, so its own failure must be seen.
        await vscode.window.showErrorMessage(`Freehold cannot list its models: ${text(error)}.`);
    }
}

async function use(server: Server, name: string): Promise<void> {
    try {
        await server.execute("freehold.useModel", name);
    } catch (error) {
        await vscode.window.showErrorMessage(`Freehold cannot use ${name}: ${text(error)}.`);
    }
}

/** Shows size and licence, then runs `freehold models get` where the user sees it and can answer it. */
async function get(server: Server, model: Model): Promise<void> {
    if (server.path === undefined) return;
    const command = download(process.platform, server.path, model.name);
    if (command === undefined) throw new Error(`${model.name} is no name of a model`);
    const detail = `${terms(model).join(" · ")}\n\nThe download runs in a terminal, where it can be watched and stopped.`;
    const yes = "Get It";
    if ((await vscode.window.showInformationMessage(`Get ${model.title}?`, { modal: true, detail }, yes)) !== yes) return;
    const terminal = vscode.window.createTerminal({
        name: `Freehold: ${model.name}`,
        ...command,
        cwd: homedir(),
    });
    terminal.show();
    const listener = vscode.window.onDidCloseTerminal(async (closed) => {
        if (closed !== terminal) return;
        listener.dispose();
        if (closed.exitStatus?.code === 0) await use(server, model.name);
    });
}
