//! Changes to files: proposed, decided, applied, journalled, undone.
//!
//! Nothing that is proposed reaches a file or an open buffer before the user has kept it.

mod content;
mod digest;
mod file_review;
mod hunk;
mod lines;
mod operation;
mod overlay;
pub mod patch;
mod path;
mod plan;
mod relations;
mod review;
mod text_review;

pub use content::{Base, Content, EncodeError, Encoding, Format, LineEnding};
pub use digest::Digest;
pub use file_review::{Authority, FileReview, Live, ProposedFile};
pub use hunk::{ChangeId, Decision, Hunk, HunkId, LineId, Status};
pub use lines::{Difference, Edit, Row, differences, edits};
pub use operation::{Operation, OperationKind, Standing};
pub use overlay::Overlaid;
pub use path::{PathError, WorkspacePath};
pub use plan::{Plan, PlanError, PlannedContent, PlannedFile};
pub use relations::{Group, Likeness, Link, Tie};
pub use review::{ChangeInfo, DecideError, Decided, HunkView, Part, Proposal, ProposeError, Review};
pub use text_review::{EditError, Stale, TextReview};
