//! Changes to files: proposed, decided, applied, journalled, undone.
//!
//! Nothing that is proposed reaches a file or an open buffer before the user has kept it.

mod audit;
mod blame;
mod content;
mod differences;
mod digest;
mod disk;
mod file_review;
mod home;
mod hunk;
mod journal;
mod lines;
mod operation;
mod overlay;
pub mod patch;
mod path;
mod pending;
mod plan;
mod proposed;
mod prune;
mod relations;
mod review;
mod store;
mod text_review;
mod touched;
mod undo;
mod volumes;
mod writer;

pub use audit::{Audit, AuditEntry, AuditError, AuditKind, Fault};
pub use blame::{Behind, Source};
pub use content::{Base, Content, EncodeError, Encoding, Format, LineEnding};
pub use differences::{Difference, differences};
pub use digest::Digest;
pub use file_review::{Authority, FileReview, Live, Preview, ProposedFile};
pub use home::Home;
pub use hunk::{ChangeId, Decision, Hunk, HunkId, LineId, Status};
pub use journal::{About, FileStep, JournalError, Step, StepId};
pub use lines::{Edit, Row, edits};
pub use operation::{Operation, OperationKind, Standing};
pub use overlay::Overlaid;
pub use path::{PathError, WorkspacePath};
pub use pending::{Loaded, Pending, PendingError, SetAside};
pub use plan::{Plan, PlanError, PlannedContent, PlannedFile};
pub use proposed::Stale;
pub use prune::{Budget, PruneError, Pruned};
pub use relations::{Group, Likeness, Link, Tie};
pub use review::{
    ChangeInfo, DecideError, Decided, HunkView, Part, Proposal, ProposeError, Provenance, Review,
};
pub use store::{Store, StoreError};
pub use text_review::{EditError, TextReview};
pub use undo::{StepHunk, StepPart, TakeBack, TakeBackError, next_redo, next_undo, redoable, undoable};
pub use volumes::Volumes;
pub use writer::{ApplyError, Recovered, Transaction, Write, Writer};
