// The view of what waits: its tree, the number on its icon, and the status bar item that leads to it.

import * as vscode from "vscode";

import type { Desk } from "./desk";
import { count } from "./state";
import { children, counted, type Node, parent, row, tree } from "./tree";
import type { Stop } from "./walk";

export class ReviewView implements vscode.Disposable, vscode.TreeDataProvider<Node> {
    private readonly changed = new vscode.EventEmitter<undefined>();
    private readonly view: vscode.TreeView<Node>;
    private readonly item: vscode.StatusBarItem;
    private readonly listener: vscode.Disposable;
    readonly onDidChangeTreeData = this.changed.event;

    constructor(private readonly desk: Desk) {
        this.view = vscode.window.createTreeView("freehold.review", { treeDataProvider: this });
        this.item = vscode.window.createStatusBarItem("review", vscode.StatusBarAlignment.Right, 99);
        this.item.name = "Freehold: changes to review";
        this.item.command = "freehold.review.focus";
        this.listener = desk.onDidChange(() => {
            this.show();
        });
        this.show();
    }

    /** The node that is selected in the tree. */
    get selected(): Node | undefined {
        return this.view.selection[0];
    }

    /** Selects a hunk in the tree. */
    async select(stop: Stop): Promise<void> {
        await this.view.reveal({ kind: "hunk", ...stop }, { select: true, focus: true });
    }

    getParent(node: Node): Node | undefined {
        return parent(node, tree(this.desk.review));
    }

    getChildren(node?: Node): Node[] {
        return node === undefined ? tree(this.desk.review) : children(node);
    }

    getTreeItem(node: Node): vscode.TreeItem {
        const { id, label, description, tooltip, icon, colour, context, spoken } = row(node);
        const item = new vscode.TreeItem(label, state(node));
        item.id = id;
        item.description = description;
        item.tooltip = tooltip;
        item.contextValue = context;
        item.accessibilityInformation = { label: spoken };
        if (node.kind === "file") {
            item.resourceUri = vscode.Uri.parse(node.file.uri);
            item.iconPath = vscode.ThemeIcon.File;
        } else if (icon !== undefined) {
            item.iconPath = new vscode.ThemeIcon(icon, colour === undefined ? undefined : new vscode.ThemeColor(colour));
        }
        if (node.kind === "hunk") {
            item.command = { command: "freehold.review.open", title: "Open", arguments: [node] };
        }
        return item;
    }

    dispose(): void {
        this.listener.dispose();
        this.view.dispose();
        this.item.dispose();
        this.changed.dispose();
    }

    private show(): void {
        const { review } = this.desk;
        const hunks = count(review);
        const sentence = `${counted(hunks, "hunk")} in ${counted(review.files.length, "file")} to keep or drop`;
        this.view.badge = hunks === 0 ? undefined : { value: hunks, tooltip: sentence };
        this.item.text = `$(diff-multiple) ${hunks}`;
        this.item.tooltip = `Freehold\n${sentence}`;
        this.item.accessibilityInformation = { label: `Freehold: ${sentence}` };
        if (hunks === 0) this.item.hide();
        else this.item.show();
        this.changed.fire(undefined);
    }
}

function state(node: Node): vscode.TreeItemCollapsibleState {
    return node.kind === "hunk" ? vscode.TreeItemCollapsibleState.None : vscode.TreeItemCollapsibleState.Expanded;
}

/** Whether a menu handed over a node of the tree. */
export function isNode(value: unknown): value is Node {
    return typeof value === "object" && value !== null && "kind" in value;
}

