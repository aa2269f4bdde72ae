//! A review in the words of the protocol: diagnostics, code actions, lenses and edits.

use changes::{FileReview, HunkId, HunkView, OperationKind, Part, Review, Status, WorkspacePath};
use ropey::Rope;
use serde_json::{Map, Value, json};
use text::{Encoding, Range};

use crate::review::editing::DocumentEdit;
use crate::review::view::{self, Shown, range_of, range_value};
use crate::review::{Desk, evidence, uri};

/// The names of the actions, the same in every editor.
const KEEP: &str = "Keep this change";
const DROP: &str = "Drop this change";
const KEEP_FILE: &str = "Keep all in file";
const DROP_FILE: &str = "Drop all in file";
const KEEP_ALL: &str = "Keep all";
const DROP_ALL: &str = "Drop all";
const SHOW_DIFF: &str = "Show diff";
const KEEP_TOGETHER: &str = "Keep this change and what belongs to it";
const DROP_TOGETHER: &str = "Drop this change and what belongs to it";
const KEEP_ALIKE: &str = "Keep all changes like this";
const DROP_ALIKE: &str = "Drop all changes like this";

/// So many of the hunks that belong to one are named with it.
const PLACES_MAX: usize = 3;

/// The kind of the actions: what the light bulb offers for a diagnostic.
const KIND: &str = "quickfix";

/// The diagnostics of a file: a hint for each hunk that waits.
pub fn diagnostics(shown: &Shown, path: &WorkspacePath) -> Vec<Value> {
    let Some(file) = shown.review.file(path) else {
        return Vec::new();
    };
    let rope = Rope::from_str(file.text().live());
    let views = shown.review.hunks().filter(|view| view.file.path() == path);
    let remarks = evidence::remarks(shown, path);
    views
        .map(|view| diagnostic(shown, &view, &rope, remarks.get(&view.id)))
        .collect()
}

fn diagnostic(shown: &Shown, view: &HunkView, rope: &Rope, remarks: Option<&Vec<String>>) -> Value {
    let info = shown.review.change(view.change);
    let title = info.map(|info| info.title.as_str()).unwrap_or_default();
    let mut message = format!("{title}: {}", view::title(view));
    for remark in remarks.into_iter().flatten() {
        message = format!("{message}; {remark}");
    }
    let related = shown.related.known(&shown.review).unwrap_or_default();
    let together = related.together(view.id);
    if !together.is_empty() {
        let places = together.iter().filter_map(|&hunk| shown.review.hunk(hunk));
        let places: Vec<String> = places.map(|view| place(&view)).take(PLACES_MAX).collect();
        message = format!("{message}; stands or falls with {}", places.join(", "));
        if together.len() > PLACES_MAX {
            message = format!("{message} and {} more", together.len() - PLACES_MAX);
        }
    }
    json!({
        "range": range_value(marked(view, rope, shown.encoding)),
        "severity": 4,
        "source": "freehold",
        "code": view::kind(view),
        "message": message,
        "data": { "hunk": shown.name(view.id), "digest": view.digest.to_string() },
    })
}

/// Where a hunk is, for a person.
fn place(view: &HunkView) -> String {
    let line = match view.part {
        Part::Text(hunk) => {
            let before = view
                .file
                .text()
                .live()
                .get(..hunk.range().start)
                .unwrap_or_default();
            before.matches('\n').count() + 1
        }
        Part::Whole(_) => 1,
    };
    format!("{}:{line}", view.file.path())
}

/// The range of a hunk without the line end behind it, so that only its own lines are marked.
fn marked(view: &HunkView, rope: &Rope, encoding: Encoding) -> Range {
    let range = range_of(view, rope, encoding);
    let Part::Text(hunk) = view.part else {
        return range;
    };
    let mine = hunk.mine(view.file.text().live());
    let bare = mine.strip_suffix('\n').unwrap_or(mine);
    let bare = bare.strip_suffix('\r').unwrap_or(bare);
    let end = (hunk.range().start + bare.len()).min(rope.len_bytes());
    Range {
        start: range.start,
        end: text::position(rope, end, encoding),
    }
}

/// What can be done at a place of a document.
pub fn actions(desk: &Desk, path: &WorkspacePath, uri: &str, range: Range, only: &[String]) -> Value {
    let wanted = only.is_empty() || only.iter().any(|kind| kind.is_empty() || KIND == kind.as_str());
    let Some(file) = desk.review().file(path).filter(|_| wanted) else {
        return json!([]);
    };
    let rope = Rope::from_str(file.text().live());
    let literal = desk.client().abilities.literal_actions;
    let mut actions = Vec::new();
    let mut push = |title: &str, command: &str, argument: Value, diagnostic: Option<Value>| {
        let command = json!({ "title": title, "command": command, "arguments": [argument] });
        if !literal {
            actions.push(command);
            return;
        }
        let mut action = json!({ "title": title, "kind": KIND, "command": command });
        if let Some(diagnostic) = diagnostic {
            action["diagnostics"] = json!([diagnostic]);
        }
        actions.push(action);
    };
    let shown = Shown::bare(desk);
    let remarks = evidence::remarks(&shown, path);
    let related = shown.related.known(&shown.review).unwrap_or_default();
    for view in desk.review().hunks().filter(|view| view.file.path() == path) {
        let at = range_of(&view, &rope, desk.encoding());
        let last = if at.end > at.start && at.end.character == 0 {
            at.end.line.saturating_sub(1)
        } else {
            at.end.line
        };
        if range.end.line < at.start.line || range.start.line > last {
            continue;
        }
        let argument = json!({ "hunk": shown.name(view.id), "digest": view.digest.to_string() });
        let mark = diagnostic(&shown, &view, &rope, remarks.get(&view.id));
        push(KEEP, "freehold.keepHunk", argument.clone(), Some(mark.clone()));
        push(DROP, "freehold.dropHunk", argument.clone(), Some(mark.clone()));
        if !related.together(view.id).is_empty() {
            push(
                KEEP_TOGETHER,
                "freehold.keepTogether",
                argument.clone(),
                Some(mark.clone()),
            );
            push(
                DROP_TOGETHER,
                "freehold.dropTogether",
                argument.clone(),
                Some(mark.clone()),
            );
        }
        if !related.alike(view.id).is_empty() {
            push(
                KEEP_ALIKE,
                "freehold.keepAlike",
                argument.clone(),
                Some(mark.clone()),
            );
            push(DROP_ALIKE, "freehold.dropAlike", argument, Some(mark));
        }
    }
    let in_file = json!({ "uri": uri });
    push(KEEP_FILE, "freehold.keepFile", in_file.clone(), None);
    push(DROP_FILE, "freehold.dropFile", in_file.clone(), None);
    push(KEEP_ALL, "freehold.keepAll", json!({}), None);
    push(DROP_ALL, "freehold.dropAll", json!({}), None);
    push(SHOW_DIFF, "freehold.showDiff", in_file, None);
    Value::Array(actions)
}

/// What stands above the hunks of a document.
pub fn lenses(desk: &Desk, path: &WorkspacePath, uri: &str) -> Value {
    let Some(file) = desk.review().file(path) else {
        return json!([]);
    };
    let rope = Rope::from_str(file.text().live());
    let shown = Shown::bare(desk);
    let mut lenses = Vec::new();
    for view in desk.review().hunks().filter(|view| view.file.path() == path) {
        let at = range_of(&view, &rope, desk.encoding()).start;
        let range = range_value(Range { start: at, end: at });
        let argument = json!({ "hunk": shown.name(view.id), "digest": view.digest.to_string() });
        for (title, command, argument) in [
            (KEEP, "freehold.keepHunk", argument.clone()),
            (DROP, "freehold.dropHunk", argument),
            (SHOW_DIFF, "freehold.showDiff", json!({ "uri": uri })),
        ] {
            let command = json!({ "title": title, "command": command, "arguments": [argument] });
            lenses.push(json!({ "range": range, "command": command }));
        }
    }
    Value::Array(lenses)
}

/// What `workspace/applyEdit` takes for edits of documents in given versions.
pub fn edit_params(label: &str, edits: &[DocumentEdit], encoding: Encoding) -> Value {
    let documents = edits.iter().map(|document| {
        let edits = document.edits.iter().map(|edit| {
            let range = Range {
                start: text::position(&document.text, edit.range.start, encoding),
                end: text::position(&document.text, edit.range.end, encoding),
            };
            json!({ "range": range_value(range), "newText": edit.text })
        });
        json!({
            "textDocument": { "uri": document.uri, "version": document.version },
            "edits": edits.collect::<Vec<Value>>(),
        })
    });
    json!({ "label": label, "edit": { "documentChanges": documents.collect::<Vec<Value>>() } })
}

/// What `workspace/applyEdit` takes for a preview: every hunk wants a confirmation of its own.
pub fn preview_params(
    label: &str,
    review: &Review,
    hunks: &std::collections::BTreeSet<HunkId>,
    place: impl Fn(&WorkspacePath) -> (String, Option<i32>),
    edits_files: bool,
    encoding: Encoding,
) -> Value {
    let mut annotations = Map::new();
    let mut changes = Vec::new();
    for file in review.files() {
        let (uri, version) = place(file.path());
        let rope = Rope::from_str(file.text().live());
        let mut edits = Vec::new();
        let views = review.hunks().filter(|view| {
            view.file.path() == file.path() && hunks.contains(&view.id) && view.status == Status::Ready
        });
        for view in views {
            let name = view.id.to_string();
            let title = format!("{}: {}", file.path(), view::title(&view));
            let annotation = json!({ "label": title, "needsConfirmation": true });
            match view.part {
                Part::Text(hunk) => {
                    if file.content().is_none() {
                        if !edits_files {
                            continue;
                        }
                        changes.push(json!({ "kind": "create", "uri": uri, "annotationId": name }));
                    }
                    let range = range_value(range_of(&view, &rope, encoding));
                    edits.push(json!({ "range": range, "newText": hunk.proposed(), "annotationId": name }));
                }
                Part::Whole(operation) if edits_files => {
                    match resource_operation(operation.kind(), file, &uri, &name) {
                        Some(change) => changes.push(change),
                        None => continue,
                    }
                }
                Part::Whole(_) => continue,
            }
            annotations.insert(name, annotation);
        }
        if !edits.is_empty() {
            let document = json!({ "uri": uri, "version": version });
            changes.push(json!({ "textDocument": document, "edits": edits }));
        }
    }
    json!({ "label": label, "edit": { "documentChanges": changes, "changeAnnotations": annotations } })
}

/// What an editor can do to a file by itself; it has no modes and no bytes.
fn resource_operation(kind: &OperationKind, file: &FileReview, uri: &str, name: &str) -> Option<Value> {
    match kind {
        OperationKind::Delete => Some(json!({ "kind": "delete", "uri": uri, "annotationId": name })),
        OperationKind::Rename(to) => {
            let folder = uri.strip_suffix(&uri::encode(file.path().as_str()))?;
            let to = format!("{folder}{}", uri::encode(to.as_str()));
            Some(json!({ "kind": "rename", "oldUri": uri, "newUri": to, "annotationId": name }))
        }
        OperationKind::Create(_) | OperationKind::Replace(_) | OperationKind::Mode(_) => None,
    }
}
