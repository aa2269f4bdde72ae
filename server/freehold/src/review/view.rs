//! A review as it is shown: its whole state, and patches of it.

use std::sync::Arc;

use changes::{
    Behind, ChangeId, FileReview, HunkId, HunkView, Operation, OperationKind, Overlaid, Part, Review, Status,
    patch,
};
use ropey::Rope;
use serde_json::{Value, json};
use text::{Encoding, Range};

use super::desk::{Desk, Documents};
use super::evidence::{self, Found, Parsed};
use super::job::Marks;
use super::origin;
use super::related::{Related, Relations};
use super::trial::Trials;

/// All that is shown of the review of one workspace. It is a snapshot: nothing in it changes any more.
#[derive(Debug, Clone)]
pub struct Shown {
    /// What waits.
    pub review: Arc<Review>,
    /// What can be undone and redone.
    pub marks: Marks,
    /// What came of commands that were run against what waits.
    pub trials: Arc<Trials>,
    /// What was found by parsing.
    pub parsed: Arc<Parsed>,
    /// Which hunks go with which, as far as that was found.
    pub related: Arc<Related>,
    /// The files that something waits for: path, URI, and the version if the editor has it open.
    pub files: Vec<(changes::WorkspacePath, String, Option<i32>)>,
    /// The folder, among others of the editor: nothing for the first.
    pub folder: Option<usize>,
    /// How positions are counted.
    pub encoding: Encoding,
}

impl Shown {
    /// What there is to show of a desk.
    #[must_use]
    pub fn of(desk: &Desk, documents: &dyn Documents) -> Self {
        let review = Arc::clone(desk.review());
        let file = |file: &FileReview| {
            let uri = desk.uri(file.path());
            let version = documents.document(&uri).map(|(_, version)| version);
            (file.path().clone(), uri, version)
        };
        Self {
            files: review.files().map(file).collect(),
            review,
            marks: desk.marks().clone(),
            trials: Arc::clone(desk.trials()),
            parsed: Arc::clone(desk.parsed()),
            related: Arc::clone(desk.related()),
            folder: desk.number(),
            encoding: desk.encoding(),
        }
    }

    /// What there is to show of a desk, without its files.
    #[must_use]
    pub fn bare(desk: &Desk) -> Self {
        Self {
            files: Vec::new(),
            review: Arc::clone(desk.review()),
            marks: Marks::default(),
            trials: Arc::clone(desk.trials()),
            parsed: Arc::clone(desk.parsed()),
            related: Arc::clone(desk.related()),
            folder: desk.number(),
            encoding: desk.encoding(),
        }
    }

    /// The name of a hunk, unambiguous among the folders of the editor.
    #[must_use]
    pub fn name(&self, hunk: HunkId) -> String {
        named(&hunk.to_string(), self.folder)
    }
}

/// A name of a hunk or a change among several folders: only those of the first have none behind them.
#[must_use]
pub fn named(name: &str, folder: Option<usize>) -> String {
    match folder {
        None => name.to_owned(),
        Some(folder) => format!("{name}~{folder}"),
    }
}

/// Everything that waits in these workspaces. Files are parsed for it: not on a thread that others wait for.
#[must_use]
pub fn state(workspaces: &[Shown]) -> Value {
    let mut changes = Vec::new();
    let mut files = Vec::new();
    for shown in workspaces {
        let relations = shown.related.look(&shown.review);
        let found = Found::of(shown);
        let mut ids: Vec<ChangeId> = shown.review.hunks().map(|view| view.change).collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            let info = shown.review.change(id);
            changes.push(json!({
                "id": named(&id.to_string(), shown.folder),
                "title": info.map(|info| info.title.as_str()).unwrap_or_default(),
                "origin": info.map(|info| info.origin.as_str()).unwrap_or_default(),
                "evidence": evidence::of(shown, &found, id),
            }));
        }
        for (path, uri, _) in &shown.files {
            let rope = live_text(shown, path);
            let hunks = shown.review.hunks().filter(|view| view.file.path() == path);
            let hunks: Vec<Value> = hunks.map(|view| hunk(shown, &view, &rope, &relations)).collect();
            if !hunks.is_empty() {
                files.push(json!({ "uri": uri, "path": path.as_str(), "hunks": hunks }));
            }
        }
    }
    let title = |mark: fn(&Marks) -> &Option<String>| {
        let found = workspaces.iter().find_map(|shown| mark(&shown.marks).clone());
        found.map(|title| json!({ "title": title }))
    };
    let mut state = json!({ "changes": changes, "files": files });
    if let Some(undo) = title(|marks| &marks.undo) {
        state["undo"] = undo;
    }
    if let Some(redo) = title(|marks| &marks.redo) {
        state["redo"] = redo;
    }
    state
}

fn live_text(shown: &Shown, path: &changes::WorkspacePath) -> Rope {
    let live = shown.review.file(path).map(|file| file.text().live());
    Rope::from_str(live.unwrap_or_default())
}

fn hunk(shown: &Shown, view: &HunkView, rope: &Rope, relations: &Relations) -> Value {
    let names = |hunks: &[HunkId]| -> Vec<String> { hunks.iter().map(|&hunk| shown.name(hunk)).collect() };
    let range = range_of(view, rope, shown.encoding);
    let (removed, added) = texts(view);
    let mut value = json!({
        "id": shown.name(view.id),
        "digest": view.digest.to_string(),
        "change": named(&view.change.to_string(), shown.folder),
        "kind": kind(view),
        "title": title(view),
        "range": range_value(range),
        "status": status(view.status),
        "removed": removed,
        "added": added,
        "alike": names(relations.alike(view.id)),
        "together": names(relations.together(view.id)),
    });
    if let Part::Text(hunk) = view.part
        && view.status == Status::Conflict
    {
        value["mine"] = json!(hunk.mine(view.file.text().live()));
    }
    value
}

/// Where a hunk is in the live document; at its beginning if it is of the file itself.
#[must_use]
pub fn range_of(view: &HunkView, rope: &Rope, encoding: Encoding) -> Range {
    let bytes = match view.part {
        Part::Text(hunk) => hunk.range(),
        Part::Whole(_) => 0..0,
    };
    Range {
        start: text::position(rope, bytes.start.min(rope.len_bytes()), encoding),
        end: text::position(rope, bytes.end.min(rope.len_bytes()), encoding),
    }
}

/// A range in the words of the protocol.
#[must_use]
pub fn range_value(range: Range) -> Value {
    let position =
        |position: text::Position| json!({ "line": position.line, "character": position.character });
    json!({ "start": position(range.start), "end": position(range.end) })
}

/// What a hunk does, in one word.
#[must_use]
pub fn kind(view: &HunkView) -> &'static str {
    match view.part {
        Part::Text(_) if view.file.standing() == changes::Standing::Absent => "create",
        Part::Text(_) => "text",
        Part::Whole(operation) => match operation.kind() {
            OperationKind::Create(_) => "create",
            OperationKind::Delete => "delete",
            OperationKind::Replace(_) => "replace",
            OperationKind::Rename(_) => "rename",
            OperationKind::Mode(_) => "mode",
        },
    }
}

/// How a hunk stands to what is there now, in one word.
#[must_use]
pub fn status(status: Status) -> &'static str {
    match status {
        Status::Ready => "ready",
        Status::Landed => "landed",
        Status::Conflict => "conflict",
    }
}

/// What a hunk does, in a few words.
#[must_use]
pub fn title(view: &HunkView) -> String {
    let lines = |count: usize| {
        if count == 1 {
            "line".to_owned()
        } else {
            "lines".to_owned()
        }
    };
    let what = match view.part {
        Part::Text(hunk) => {
            let count = |text: &str| text.split_inclusive('\n').count();
            match (count(hunk.base()), count(hunk.proposed())) {
                (0, added) => format!("add {added} {}", lines(added)),
                (removed, 0) => format!("remove {removed} {}", lines(removed)),
                (removed, added) => format!("change {removed} {} to {added}", lines(removed)),
            }
        }
        Part::Whole(operation) => operation_title(operation),
    };
    match view.status {
        Status::Conflict => format!("conflict: {what}"),
        Status::Ready | Status::Landed => what,
    }
}

fn operation_title(operation: &Operation) -> String {
    match operation.kind() {
        OperationKind::Create(_) => "make the file".to_owned(),
        OperationKind::Delete => "delete the file".to_owned(),
        OperationKind::Replace(_) => "replace the file".to_owned(),
        OperationKind::Rename(to) => format!("move the file to {to}"),
        OperationKind::Mode(mode) => format!("give the file the mode {mode:o}"),
    }
}

fn texts<'a>(view: &HunkView<'a>) -> (&'a str, &'a str) {
    match view.part {
        Part::Text(hunk) => (hunk.base(), hunk.proposed()),
        Part::Whole(_) => ("", ""),
    }
}

/// The patch of all that waits, from what stands to what would stand.
#[must_use]
pub fn patch(review: &Review) -> String {
    let mut text = Vec::new();
    for file in review.files() {
        let before = file.content();
        let moved = file
            .operations()
            .iter()
            .find_map(|operation| match operation.kind() {
                OperationKind::Rename(to) => Some(to.clone()),
                _ => None,
            });
        let path = moved.unwrap_or_else(|| file.path().clone());
        let after = match review.overlay(&path) {
            Overlaid::File { content, mode } => Some((content, mode)),
            Overlaid::Gone | Overlaid::Untouched => None,
        };
        let old = before.as_ref().map(|content| patch::Side {
            path: file.path(),
            content,
            mode: file.mode(),
        });
        let new = after.as_ref().map(|(content, mode)| patch::Side {
            path: &path,
            content,
            mode: *mode,
        });
        text.extend(patch::print(old, new));
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// The text that a file would have; nothing if there would be none, or none that is text.
#[must_use]
pub fn proposed_text(review: &Review, path: &changes::WorkspacePath) -> Option<String> {
    match review.overlay(path) {
        Overlaid::File { content, .. } => content.text().map(str::to_owned),
        Overlaid::Gone => Some(String::new()),
        Overlaid::Untouched => None,
    }
}

/// Records of an audit log.
#[must_use]
pub fn audit(entries: &[changes::AuditEntry]) -> Value {
    let shown = entries.iter().map(|entry| {
        let since = entry
            .time
            .duration_since(std::time::SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        json!({ "time": since.as_secs(), "kind": entry.kind, "fields": entry.fields })
    });
    Value::Array(shown.collect())
}

/// What stands behind the lines of a file, lines of one kind together; lines count from 1.
#[must_use]
pub fn behind(lines: &[Behind]) -> Value {
    let mut shown: Vec<Value> = Vec::new();
    let mut first = 0;
    for same in lines.chunk_by(PartialEq::eq) {
        let mut value = match &same[0] {
            Behind::Unrecorded => json!({ "behind": "unrecorded" }),
            Behind::Elsewhere => json!({ "behind": "elsewhere" }),
            Behind::Step {
                id,
                about,
                change,
                edited,
            } => json!({
                "behind": "step",
                "step": id.0,
                "title": about.title,
                "person": about.person,
                "edited": edited,
                "change": change.as_deref().map(origin::value),
            }),
        };
        value["first"] = json!(first + 1);
        value["last"] = json!(first + same.len());
        shown.push(value);
        first += same.len();
    }
    Value::Array(shown)
}
