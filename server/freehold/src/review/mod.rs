//! The review of a workspace: what waits for the user's yes or no, kept, dropped, undone and redone.
//!
//! [`desk::Desk`] decides: it takes commands and what the editor says, and says what is to be done. What
//! touches the world is a [`job::Job`], carried out by [`workspace::Workspace`]. The language server and
//! the terminal use both; the terminal has no editor, and so every file is the disk's ([`alone`]).

pub mod abilities;
pub mod alone;
mod applying;
pub mod command;
pub mod desk;
mod diagnosing;
pub mod editing;
pub mod evidence;
mod following;
mod going_back;
pub mod job;
mod keeping;
mod landing;
pub mod line;
mod materialise;
mod opening;
pub mod origin;
mod previewing;
mod proposing;
pub mod related;
mod running;
mod scope;
pub mod trial;
pub mod uri;
pub mod view;
pub mod workspace;

#[cfg(test)]
mod tests;

pub use abilities::Abilities;
pub use command::Command;
pub use desk::{Answer, Desk, Effect};
pub use workspace::Workspace;
