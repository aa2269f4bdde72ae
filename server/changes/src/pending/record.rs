//! What is written of one file of a review; the names of the fields are the format.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::file_review::{Authority, FileReview, Live};
use crate::hunk::{ChangeId, Decision, Hunk, HunkId};
use crate::journal::StandingRecord;
use crate::operation::{Operation, OperationKind, Standing};
use crate::{Content, Digest, Format, TextReview, WorkspacePath};

#[derive(Serialize, Deserialize)]
pub(super) struct FileRecord {
    pub(super) path: String,
    in_editor: bool,
    exists: bool,
    mode: u32,
    format: Format,
    live: String,
    /// The digest of what it holds, if that is not text.
    binary: Option<String>,
    hunks: Vec<HunkRecord>,
    operations: Vec<OperationRecord>,
}

#[derive(Serialize, Deserialize)]
struct HunkRecord {
    id: HunkId,
    change: ChangeId,
    range: Range<usize>,
    base: String,
    proposed: String,
    grown: (usize, usize),
    first_proposed: Option<String>,
    decision: Decision,
    decided_on: (String, (usize, usize)),
    #[serde(default)]
    decided_about: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct OperationRecord {
    id: HunkId,
    change: ChangeId,
    kind: KindRecord,
    base: Option<StandingRecord>,
    decision: Decision,
    decided_on: Option<StandingRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KindRecord {
    Create(ContentRecord),
    Delete,
    Replace(ContentRecord),
    Rename(String),
    Mode(u32),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ContentRecord {
    Text {
        text: String,
        format: Format,
    },
    /// The digest of the bytes.
    Binary(String),
}

impl FileRecord {
    /// What is to be written of `file`, and the bytes that the store must have for it.
    pub(super) fn of(file: &FileReview) -> (Self, Vec<Arc<[u8]>>) {
        let mut binaries: Vec<Arc<[u8]>> = file.binary.iter().cloned().collect();
        let operations = file
            .operations
            .iter()
            .map(|operation| OperationRecord::of(operation, &mut binaries))
            .collect();
        let record = Self {
            path: file.path.to_string(),
            in_editor: file.authority == Authority::Editor,
            exists: file.exists,
            mode: file.mode,
            format: file.format,
            live: file.text.live.clone(),
            binary: file.binary.as_ref().map(|bytes| Digest::of(bytes).to_string()),
            hunks: file.text.hunks.iter().map(HunkRecord::of).collect(),
            operations,
        };
        (record, binaries)
    }

    /// The digests of the bytes that the store has for it.
    pub(super) fn binaries(&self) -> BTreeSet<Digest> {
        let contents = self
            .operations
            .iter()
            .filter_map(|operation| match &operation.kind {
                KindRecord::Create(ContentRecord::Binary(digest))
                | KindRecord::Replace(ContentRecord::Binary(digest)) => Some(digest),
                _ => None,
            });
        contents
            .chain(&self.binary)
            .filter_map(|digest| Digest::parse(digest))
            .collect()
    }

    /// The review that was written; nothing if it cannot have been.
    pub(super) fn file(self, binaries: &BTreeMap<Digest, Vec<u8>>) -> Option<FileReview> {
        let bytes = |digest: &str| Some(binaries.get(&Digest::parse(digest)?)?.as_slice().into());
        let content = match self.binary {
            Some(digest) => Content::Binary(bytes(&digest)?),
            None => Content::Text {
                text: self.live.as_str().into(),
                format: self.format,
            },
        };
        let live = Live {
            authority: if self.in_editor {
                Authority::Editor
            } else {
                Authority::Disk
            },
            file: self.exists.then_some((content, self.mode)),
        };
        let mut file = FileReview::new(WorkspacePath::parse(&self.path).ok()?, live);
        // A file that is to be made has them before it exists.
        (file.mode, file.format) = (self.mode, self.format);
        let hunks = self.hunks.into_iter().map(HunkRecord::hunk).collect();
        file.text = TextReview {
            live: self.live,
            hunks,
        };
        let operations = self
            .operations
            .into_iter()
            .map(|operation| operation.operation(&bytes));
        file.operations = operations.collect::<Option<_>>()?;
        file.text.is_sound().then_some(file)
    }
}

impl HunkRecord {
    fn of(hunk: &Hunk) -> Self {
        Self {
            id: hunk.id,
            change: hunk.change,
            range: hunk.range.clone(),
            base: hunk.base.clone(),
            proposed: hunk.proposed.clone(),
            grown: hunk.grown,
            first_proposed: hunk.first_proposed.clone(),
            decision: hunk.decision.clone(),
            decided_on: hunk.decided_on.clone(),
            decided_about: hunk.decided_about.map(|texts| texts.to_string()),
        }
    }

    fn hunk(self) -> Hunk {
        Hunk {
            id: self.id,
            change: self.change,
            range: self.range,
            base: self.base,
            proposed: self.proposed,
            grown: self.grown,
            first_proposed: self.first_proposed,
            decision: self.decision,
            decided_on: self.decided_on,
            decided_about: self.decided_about.and_then(|texts| Digest::parse(&texts)),
        }
    }
}

impl OperationRecord {
    fn of(operation: &Operation, binaries: &mut Vec<Arc<[u8]>>) -> Self {
        let mut content = |content: &Content| match content {
            Content::Text { text, format } => ContentRecord::Text {
                text: text.to_string(),
                format: *format,
            },
            Content::Binary(bytes) => {
                binaries.push(Arc::clone(bytes));
                ContentRecord::Binary(Digest::of(bytes).to_string())
            }
        };
        let kind = match &operation.kind {
            OperationKind::Create(made) => KindRecord::Create(content(made)),
            OperationKind::Delete => KindRecord::Delete,
            OperationKind::Replace(by) => KindRecord::Replace(content(by)),
            OperationKind::Rename(to) => KindRecord::Rename(to.to_string()),
            OperationKind::Mode(mode) => KindRecord::Mode(*mode),
        };
        Self {
            id: operation.id,
            change: operation.change,
            kind,
            base: StandingRecord::of(operation.base),
            decision: operation.decision.clone(),
            decided_on: StandingRecord::of(operation.decided_on),
        }
    }

    fn operation(self, bytes: &impl Fn(&str) -> Option<Arc<[u8]>>) -> Option<Operation> {
        let content = |content| match content {
            ContentRecord::Text { text, format } => Some(Content::Text {
                text: text.into(),
                format,
            }),
            ContentRecord::Binary(digest) => bytes(&digest).map(Content::Binary),
        };
        let kind = match self.kind {
            KindRecord::Create(made) => OperationKind::Create(content(made)?),
            KindRecord::Delete => OperationKind::Delete,
            KindRecord::Replace(by) => OperationKind::Replace(content(by)?),
            KindRecord::Rename(to) => OperationKind::Rename(WorkspacePath::parse(&to).ok()?),
            KindRecord::Mode(mode) => OperationKind::Mode(mode),
        };
        let standing = |record| -> Option<Standing> { StandingRecord::standing(record) };
        let mut operation = Operation::new(self.id, self.change, kind, standing(self.base)?);
        operation.decision = self.decision;
        operation.decided_on = standing(self.decided_on)?;
        Some(operation)
    }
}
