// The status bar item: the model and its state.

import * as vscode from "vscode";

import { type Status, view } from "./status";

export class StatusItem implements vscode.Disposable {
    private readonly item: vscode.StatusBarItem;

    constructor() {
        this.item = vscode.window.createStatusBarItem("status", vscode.StatusBarAlignment.Right, 100);
        this.item.name = "Freehold";
        this.show({ state: "starting" });
        this.item.show();
    }

    show(status: Status): void {
        const { text, tooltip, severity, label } = view(status);
        this.item.text = text;
        this.item.tooltip = tooltip;
        this.item.accessibilityInformation = { label };
        this.item.command = status.state === "noModel" ? "freehold.pickModel" : "freehold.showMenu";
        this.item.backgroundColor =
            severity === "none" ? undefined : new vscode.ThemeColor(`statusBarItem.${severity}Background`);
    }

    dispose(): void {
        this.item.dispose();
    }
}
