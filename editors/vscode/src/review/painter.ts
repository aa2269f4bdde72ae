// Paints what waits into the editors that show the files: nothing of it is in their text.

import * as vscode from "vscode";

import type { Desk } from "./desk";
import { type Lines, marks, type Page } from "./marks";

export class Painter implements vscode.Disposable {
    private readonly removed = vscode.window.createTextEditorDecorationType({
        isWholeLine: true,
        backgroundColor: new vscode.ThemeColor("diffEditor.removedLineBackground"),
        textDecoration: "line-through",
        opacity: "0.7",
        overviewRulerColor: new vscode.ThemeColor("editorOverviewRuler.deletedForeground"),
        overviewRulerLane: vscode.OverviewRulerLane.Left,
        rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
    });
    private readonly replaced = vscode.window.createTextEditorDecorationType({
        // Not the whole line: what comes instead stands in the same one.
        backgroundColor: new vscode.ThemeColor("diffEditor.removedLineBackground"),
        overviewRulerColor: new vscode.ThemeColor("editorOverviewRuler.modifiedForeground"),
        overviewRulerLane: vscode.OverviewRulerLane.Left,
        rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
    });
    private readonly inserted = vscode.window.createTextEditorDecorationType({
        isWholeLine: true,
        borderStyle: "solid",
        borderWidth: "1px 0 0 0",
        borderColor: new vscode.ThemeColor("editorGutter.addedBackground"),
        overviewRulerColor: new vscode.ThemeColor("editorOverviewRuler.addedForeground"),
        overviewRulerLane: vscode.OverviewRulerLane.Left,
    });
    private readonly conflicts = vscode.window.createTextEditorDecorationType({
        isWholeLine: true,
        backgroundColor: new vscode.ThemeColor("merge.currentContentBackground"),
        overviewRulerColor: new vscode.ThemeColor("editorOverviewRuler.warningForeground"),
        overviewRulerLane: vscode.OverviewRulerLane.Left,
    });
    private readonly beside = vscode.window.createTextEditorDecorationType({
        rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
        after: {
            color: new vscode.ThemeColor("editor.foreground"),
            backgroundColor: new vscode.ThemeColor("diffEditor.insertedLineBackground"),
        },
    });
    private readonly listeners: vscode.Disposable[];

    constructor(private readonly desk: Desk) {
        this.listeners = [
            desk.onDidChange(() => {
                this.paintAll();
            }),
            vscode.window.onDidChangeVisibleTextEditors(() => {
                this.paintAll();
            }),
            vscode.window.onDidChangeTextEditorOptions(({ textEditor }) => {
                this.paint(textEditor);
            }),
        ];
        this.paintAll();
    }

    dispose(): void {
        vscode.Disposable.from(...this.listeners, this.removed, this.replaced, this.inserted, this.conflicts, this.beside).dispose();
    }

    private paintAll(): void {
        for (const editor of vscode.window.visibleTextEditors) this.paint(editor);
    }

    private paint(editor: vscode.TextEditor): void {
        const { document } = editor;
        const hunks = this.desk.file(document.uri)?.hunks ?? [];
        const { removed, replaced, inserted, conflicts, beside } = marks(hunks, page(editor));
        editor.setDecorations(this.removed, removed.map((lines) => range(document, lines)));
        editor.setDecorations(this.replaced, replaced.flatMap((lines) => each(document, lines)));
        editor.setDecorations(this.inserted, inserted.map((line) => range(document, { first: line, last: line })));
        editor.setDecorations(this.conflicts, conflicts.map((lines) => range(document, lines)));
        editor.setDecorations(
            this.beside,
            beside.map(({ line, text, gap }) => {
                const { end } = document.lineAt(line).range;
                // Plain blanks would be drawn as one.
                const contentText = text.replaceAll(" ", "\u00a0");
                return { range: new vscode.Range(end, end), renderOptions: { after: { contentText, margin: `0 0 0 ${gap}ch` } } };
            }),
        );
    }
}

function page({ document, options }: vscode.TextEditor): Page {
    return {
        lineCount: document.lineCount,
        line: (index) => document.lineAt(index).text,
        tabSize: typeof options.tabSize === "number" ? options.tabSize : 4,
    };
}

function range(document: vscode.TextDocument, { first, last }: Lines): vscode.Range {
    return new vscode.Range(document.lineAt(first).range.start, document.lineAt(last).range.end);
}

/** The text of each line, without the blanks before it. */
function each(document: vscode.TextDocument, { first, last }: Lines): vscode.Range[] {
    return Array.from({ length: last - first + 1 }, (_, index) => {
        const line = document.lineAt(first + index);
        return new vscode.Range(first + index, line.firstNonWhitespaceCharacterIndex, first + index, line.text.length);
    });
}
