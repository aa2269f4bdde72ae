//! From a cursor to a suggestion: decide, gather, render, finish. Pure: no LSP, threads, clock or disk.
//!
//! Four steps, each a plain function or a small state that takes text and gives text:
//!
//! 1. [`decide`] says whether a suggestion would be welcome here, and of which [`Shape`];
//! 2. [`gather`] takes what the model shall see out of the document, within a [`Budget`];
//! 3. [`render`] writes it down as the model's infill format demands;
//! 4. [`Finisher`] ends the generation as soon as the code says so, and tidies what came.

mod cut;
mod decide;
mod ends;
mod filters;
mod finish;
mod gate;
mod gather;
mod lines;
mod new_line;
mod parse;
mod render;
mod scan;
mod seam;
mod secrets;
mod surroundings;
mod window;

use std::ops::Range;

pub use decide::{Decision, Silence, decide};
pub use finish::{Finisher, Progress, Suggestion};
pub use gate::{Features, Gate, Record, Scores};
pub use gather::{Budget, Context, PROMPT_TOKENS_MAX, gather};
pub use new_line::waits_for_new_line;
pub use render::{Asking, render, render_with};
pub use secrets::is_secret_file;
pub use surroundings::{LeftOut, Neighbour, Omission, Origin, Part, Place, RecentEdit, Surroundings};
pub use window::{wide_window_start, window_start};

/// A text that is open in an editor, as far as a suggestion depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// The text.
    pub text: &'a ropey::Rope,
    /// Where it lies, relative to its workspace, with `/` between the folders.
    pub path: &'a str,
    /// Its language, by the name that LSP gives it, such as `rust` or `typescriptreact`.
    pub language: &'a str,
    /// The name of its workspace.
    pub workspace: &'a str,
}

/// Why a suggestion is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// The user asked, by key or command.
    Invoked,
    /// The editor asked, because the user typed or moved.
    Automatic,
}

/// The item that is highlighted in the editor's completion popup (LSP `selectedCompletionInfo`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// What it would replace, in bytes of the document; the cursor is in it or at its end.
    pub range: Range<usize>,
    /// What it would insert.
    pub text: String,
}

/// How much text is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The rest of a line that has text after the cursor.
    Line,
    /// What goes between the cursor and text after it in its line, asked for by hand: maybe several lines.
    Span,
    /// As many lines as the statement, paragraph or block at the cursor needs.
    Block,
}
