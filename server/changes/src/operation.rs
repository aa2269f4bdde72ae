//! Hunks that are not of a text: a file that is made, deleted, replaced, renamed or given another mode.

use crate::hunk::{ChangeId, Decision, HunkId, Status};
use crate::{Content, Digest, WorkspacePath};

/// What an operation does to its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationKind {
    /// Makes a file, empty or of bytes that are not text. Making a text file is a text hunk.
    Create(Content),
    /// Deletes the file.
    Delete,
    /// Puts another content in place of one of which at least one side is not text.
    Replace(Content),
    /// Moves the file.
    Rename(WorkspacePath),
    /// Gives it other permission bits.
    Mode(u32),
}

/// A hunk that is not of a text; it is kept or dropped as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    pub(crate) id: HunkId,
    pub(crate) change: ChangeId,
    pub(crate) kind: OperationKind,
    /// What stood there when it was proposed.
    pub(crate) base: Standing,
    pub(crate) decision: Decision,
    pub(crate) decided_on: Standing,
}

/// What stands at a path, as far as decisions depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    Absent,
    /// A file.
    File {
        /// The digest of its bytes.
        digest: Digest,
        /// Its permission bits (0 to 0o7777).
        mode: u32,
    },
}

impl Standing {
    /// The digest of the bytes, if there is a file.
    #[must_use]
    pub fn digest(self) -> Option<Digest> {
        match self {
            Self::Absent => None,
            Self::File { digest, .. } => Some(digest),
        }
    }

    /// The standing of a file with these bytes and permission bits; of none without them.
    #[must_use]
    pub fn of(file: Option<(&[u8], u32)>) -> Self {
        file.map_or(Self::Absent, |(bytes, mode)| Self::File {
            digest: Digest::of(bytes),
            mode,
        })
    }

    /// The permission bits, if there is a file.
    #[must_use]
    pub fn mode(self) -> Option<u32> {
        match self {
            Self::Absent => None,
            Self::File { mode, .. } => Some(mode),
        }
    }

    /// Stands for it in digests.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Absent => Vec::new(),
            Self::File { digest, mode } => format!("{digest} {mode:o}").into_bytes(),
        }
    }
}

impl Operation {
    pub(crate) fn new(id: HunkId, change: ChangeId, kind: OperationKind, base: Standing) -> Self {
        Self {
            id,
            change,
            kind,
            base,
            decision: Decision::Undecided,
            decided_on: Standing::Absent,
        }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> HunkId {
        self.id
    }

    /// The change that it is part of.
    #[must_use]
    pub fn change(&self) -> ChangeId {
        self.change
    }

    /// What it does.
    #[must_use]
    pub fn kind(&self) -> &OperationKind {
        &self.kind
    }

    /// How it stands to what is there now.
    #[must_use]
    pub fn status(&self, live: Standing) -> Status {
        let (landed, ready) = match &self.kind {
            OperationKind::Create(content) => (holds(live, content), live == Standing::Absent),
            OperationKind::Replace(content) => (holds(live, content), live.digest() == self.base.digest()),
            OperationKind::Delete => (live == Standing::Absent, live.digest() == self.base.digest()),
            // A move leaves the content alone, so only the file itself must still be there.
            OperationKind::Rename(_) => (false, live != Standing::Absent),
            OperationKind::Mode(mode) => (live.mode() == Some(*mode), live.mode() == self.base.mode()),
        };
        match (landed, ready) {
            (true, _) => Status::Landed,
            (false, true) => Status::Ready,
            (false, false) => Status::Conflict,
        }
    }

    /// What the user said, if it was said of what stands there now.
    #[must_use]
    pub fn effective(&self, live: Standing) -> &Decision {
        let same = match self.kind {
            OperationKind::Create(_) | OperationKind::Replace(_) | OperationKind::Delete => {
                live.digest() == self.decided_on.digest()
            }
            OperationKind::Rename(_) => live != Standing::Absent,
            OperationKind::Mode(_) => live.mode() == self.decided_on.mode(),
        };
        if same || self.decision == Decision::Drop {
            &self.decision
        } else {
            &Decision::Undecided
        }
    }

    /// Stands for all that a decision on this operation depends on.
    #[must_use]
    pub fn digest(&self, live: Standing) -> Digest {
        let (name, detail) = match &self.kind {
            OperationKind::Create(content) => ("create", digest_of(content)),
            OperationKind::Replace(content) => ("replace", digest_of(content)),
            OperationKind::Delete => ("delete", Vec::new()),
            OperationKind::Rename(to) => ("rename", to.as_str().as_bytes().to_vec()),
            OperationKind::Mode(mode) => ("mode", mode.to_le_bytes().to_vec()),
        };
        Digest::of_fields(&[name.as_bytes(), &detail, &live.to_bytes()])
    }

    pub(crate) fn decide(&mut self, decision: Decision, live: Standing) {
        self.decision = decision;
        self.decided_on = live;
    }
}

fn digest_of(content: &Content) -> Vec<u8> {
    content
        .encode()
        .map(|bytes| Digest::of(&bytes).to_string().into_bytes())
        .unwrap_or_default()
}

fn holds(live: Standing, content: &Content) -> bool {
    content
        .encode()
        .is_ok_and(|bytes| live.digest() == Some(Digest::of(&bytes)))
}
