//! One file under review: what it is now, as its authority says, and what is proposed for it.

use std::sync::Arc;

use crate::hunk::{ChangeId, Decision, HunkId, Status};
use crate::operation::{Operation, OperationKind, Standing};
use crate::proposed::Stale;
use crate::text_review::{EditError, TextReview};
use crate::{Content, Digest, Edit, EncodeError, Format, WorkspacePath};

/// Who says what a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// The disk: no editor has the file open.
    Disk,
    /// An editor that has the file open, saved or not.
    Editor,
}

/// A file as its authority says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Who says so.
    pub authority: Authority,
    /// What it holds and its permission bits; nothing if there is no file.
    pub file: Option<(Content, u32)>,
}

/// One file that changes are proposed for.
#[derive(Debug, Clone)]
pub struct FileReview {
    pub(crate) path: WorkspacePath,
    pub(crate) authority: Authority,
    pub(crate) exists: bool,
    pub(crate) mode: u32,
    pub(crate) format: Format,
    pub(crate) text: TextReview,
    /// What it holds when that is not text; the text is empty then.
    pub(crate) binary: Option<Arc<[u8]>>,
    pub(crate) operations: Vec<Operation>,
    /// The digest of the live bytes; kept because decisions and views ask for it over and over.
    standing: Standing,
}

/// What is proposed for one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposedFile {
    /// Where the file is, or is to be made.
    pub path: WorkspacePath,
    /// What whoever proposes it has read there; nothing if there was no file.
    pub seen: Option<Content>,
    /// What the file is to hold; nothing if it is to be deleted.
    pub content: Option<Content>,
    /// Where it is to be moved, if it is.
    pub rename: Option<WorkspacePath>,
    /// The permission bits it is to have (0 to 0o777), if they are to change.
    pub mode: Option<u32>,
}

/// The permission bits of new files, before the user's mask.
pub(crate) const NEW_FILE_MODE: u32 = 0o644;

impl FileReview {
    pub(crate) fn new(path: WorkspacePath, live: Live) -> Self {
        let mut file = Self {
            path,
            authority: live.authority,
            exists: false,
            mode: NEW_FILE_MODE,
            format: Format::NEW,
            text: TextReview::new(""),
            binary: None,
            operations: Vec::new(),
            standing: Standing::Absent,
        };
        file.set_live(live);
        file
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &WorkspacePath {
        &self.path
    }

    /// Who says what it holds.
    #[must_use]
    pub fn authority(&self) -> Authority {
        self.authority
    }

    /// The live text and its hunks.
    #[must_use]
    pub fn text(&self) -> &TextReview {
        &self.text
    }

    /// What is proposed besides hunks of its text.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// What stands there now.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// What it holds now; nothing if there is no file.
    #[must_use]
    pub fn content(&self) -> Option<Content> {
        self.exists.then(|| match &self.binary {
            Some(bytes) => Content::Binary(Arc::clone(bytes)),
            None => Content::Text {
                text: self.text.live().into(),
                format: self.format,
            },
        })
    }

    /// Its permission bits; those of a new file if there is none.
    #[must_use]
    pub fn mode(&self) -> u32 {
        self.mode
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.operations.is_empty() && self.text.hunks().is_empty()
    }

    /// Follows what the authority says.
    pub(crate) fn set_live(&mut self, live: Live) {
        self.authority = live.authority;
        self.exists = live.file.is_some();
        self.binary = None;
        match live.file {
            Some((Content::Text { text, format }, mode)) => {
                self.format = format;
                self.mode = mode;
                self.text.set_text(&text);
            }
            Some((Content::Binary(bytes), mode)) => {
                self.mode = mode;
                self.text.set_text("");
                self.binary = Some(bytes);
            }
            None => self.text.set_text(""),
        }
        self.look();
    }

    pub(crate) fn edit(&mut self, edit: &Edit) -> Result<(), EditError> {
        self.text.edit(edit)?;
        self.exists = true;
        self.binary = None;
        self.look();
        Ok(())
    }

    fn look(&mut self) {
        self.standing = self.standing_of(self.content().as_ref());
    }

    /// What would stand here if the file held `content`.
    fn standing_of(&self, content: Option<&Content>) -> Standing {
        let Some(content) = content else {
            return Standing::Absent;
        };
        // A buffer may hold characters that its encoding lacks; then it equals no file.
        let bytes = content
            .encode()
            .unwrap_or_else(|_| content.text().unwrap_or_default().as_bytes().to_vec());
        Standing::File {
            digest: Digest::of(&bytes),
            mode: self.mode,
        }
    }

    pub(crate) fn propose(
        &mut self,
        proposed: ProposedFile,
        change: ChangeId,
        mut next_id: impl FnMut() -> HunkId,
    ) -> Result<(), Stale> {
        let ProposedFile {
            seen,
            content,
            rename,
            mode,
            ..
        } = proposed;
        let mut operations = Vec::new();
        let base = self.standing_of(seen.as_ref());
        match (seen, content) {
            (None, None) => {}
            (Some(_), None) => operations.push(OperationKind::Delete),
            (None, Some(Content::Text { text, format })) if !text.is_empty() && self.binary.is_none() => {
                if !self.exists {
                    self.format = format;
                }
                // What came into being there meanwhile is shown as what it is: overwritten.
                let now = self.text.live().to_owned();
                self.text.propose(&now, &text, change, &mut next_id)?;
            }
            (None, Some(content)) => operations.push(OperationKind::Create(content)),
            (Some(seen), Some(content)) => match (seen.text(), content.text()) {
                (Some(seen), Some(text)) => self.text.propose(seen, text, change, &mut next_id)?,
                _ if seen == content => {}
                _ => operations.push(OperationKind::Replace(content)),
            },
        }
        operations.extend(rename.map(OperationKind::Rename));
        operations.extend(
            mode.filter(|&mode| self.exists && mode != self.mode)
                .map(OperationKind::Mode),
        );
        for kind in operations {
            let same_kind =
                |old: &Operation| std::mem::discriminant(old.kind()) == std::mem::discriminant(&kind);
            self.operations.retain(|old| !same_kind(old));
            self.operations
                .push(Operation::new(next_id(), change, kind, base));
        }
        if let (Some(mode), false) = (mode, self.exists) {
            self.mode = mode;
        }
        Ok(())
    }

    pub(crate) fn decide(&mut self, id: HunkId, decision: Decision) {
        let standing = self.standing;
        match self.operations.iter_mut().find(|operation| operation.id == id) {
            Some(operation) => operation.decide(decision, standing),
            None => self.text.decide(id, decision),
        }
    }

    /// Puts another text in place of what a hunk proposes; `false` if no hunk of the text has this name.
    pub(crate) fn edit_proposed(&mut self, id: HunkId, text: &str) -> bool {
        self.text.edit_proposed(id, text)
    }

    /// What is decided and holds: the operations and edits that an apply would carry out.
    pub(crate) fn kept(&self) -> Kept {
        let mut kept = Kept {
            edits: self.text.kept_edits(),
            ..Kept::default()
        };
        for operation in &self.operations {
            if *operation.effective(self.standing) != Decision::Keep
                || operation.status(self.standing) == Status::Landed
            {
                continue;
            }
            kept.operations.push(operation.id);
            match &operation.kind {
                OperationKind::Create(content) | OperationKind::Replace(content) => {
                    kept.content = Some(content.clone());
                }
                OperationKind::Delete => kept.delete = true,
                OperationKind::Rename(to) => kept.rename = Some(to.clone()),
                OperationKind::Mode(mode) => kept.mode = Some(*mode),
            }
        }
        kept
    }

    /// The live text as bytes with the kept edits carried out.
    pub(crate) fn kept_bytes(&self) -> Result<Vec<u8>, EncodeError> {
        match &self.binary {
            Some(bytes) => Ok(bytes.to_vec()),
            None => Content::Text {
                text: self.text.kept_text().into(),
                format: self.format,
            }
            .encode(),
        }
    }

    /// What keeping all but the dropped would give; conflicts are left as they are.
    #[must_use]
    pub fn preview(&self) -> Preview {
        let wanted = |operation: &&Operation| {
            let decision = operation.effective(self.standing);
            match operation.status(self.standing) {
                Status::Ready => *decision != Decision::Drop,
                Status::Landed => false,
                Status::Conflict => *decision == Decision::Keep,
            }
        };
        let mut preview = Preview {
            path: self.path.clone(),
            content: self.content(),
            mode: self.mode,
        };
        if self.binary.is_none() {
            let text = self.text.preview();
            if self.exists || !text.is_empty() {
                preview.content = Some(Content::Text {
                    text: text.into(),
                    format: self.format,
                });
            }
        }
        for operation in self.operations.iter().filter(wanted) {
            match &operation.kind {
                OperationKind::Create(content) | OperationKind::Replace(content) => {
                    preview.content = Some(content.clone());
                }
                OperationKind::Delete => preview.content = None,
                OperationKind::Rename(to) => preview.path = to.clone(),
                OperationKind::Mode(mode) => preview.mode = *mode,
            }
        }
        preview
    }

    /// Takes note that an apply carried out the kept hunks of `ids`, and where the file is now.
    pub(crate) fn carried_out(&mut self, ids: &[HunkId], live: Live, path: WorkspacePath) {
        self.path = path;
        if self.authority == Authority::Disk {
            self.text.carry_out(ids);
        }
        self.set_live(live);
        self.operations.retain(|operation| !ids.contains(&operation.id));
        self.text
            .forget(|hunk, live| ids.contains(&hunk.id()) && hunk.status(live) == Status::Landed);
    }

    /// Forgets the hunks `ids`, however they stand.
    pub(crate) fn forget_hunks(&mut self, ids: &[HunkId]) {
        self.operations.retain(|operation| !ids.contains(&operation.id));
        self.text.forget(|hunk, _| ids.contains(&hunk.id()));
    }

    pub(crate) fn forget_dropped(&mut self) {
        let standing = self.standing;
        self.operations
            .retain(|operation| *operation.effective(standing) != Decision::Drop);
        self.text.forget(|hunk, _| *hunk.decision() == Decision::Drop);
    }

    /// Forgets what belongs to `change`, or what has come about by itself.
    pub(crate) fn forget(&mut self, mut forget: impl FnMut(ChangeId, Status) -> bool) {
        let standing = self.standing;
        self.operations
            .retain(|operation| !forget(operation.change, operation.status(standing)));
        self.text
            .forget(|hunk, live| forget(hunk.change(), hunk.status(live)));
    }
}

/// What an apply would carry out on one file.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) edits: Vec<(HunkId, Edit)>,
    pub(crate) operations: Vec<HunkId>,
    pub(crate) content: Option<Content>,
    pub(crate) delete: bool,
    pub(crate) rename: Option<WorkspacePath>,
    pub(crate) mode: Option<u32>,
}

impl Kept {
    pub(crate) fn is_empty(&self) -> bool {
        self.edits.is_empty() && self.operations.is_empty()
    }
}

/// A file as it would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Where it would be.
    pub path: WorkspacePath,
    /// What it would hold; nothing if there would be none.
    pub content: Option<Content>,
    /// Its permission bits (0 to 0o7777).
    pub mode: u32,
}
