//! Changes to files: proposed, decided, applied, journalled, undone.
//!
//! Nothing that is proposed reaches a file or an open buffer before the user has kept it.

mod content;
mod digest;
mod hunk;
mod lines;
pub mod patch;
mod path;
mod text_review;

pub use content::{Base, Content, EncodeError, Encoding, Format, LineEnding};
pub use digest::Digest;
pub use hunk::{ChangeId, Decision, Hunk, HunkId, LineId, Status};
pub use lines::{Difference, Edit, Row, differences, edits};
pub use path::{PathError, WorkspacePath};
pub use text_review::{EditError, TextReview};
