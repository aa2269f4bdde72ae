//! Unified diffs, as `git diff` and `diff -u` write them: read, laid over a file, written.
//!
//! Reading is strict. A patch that does not say exactly what it does, or does not fit the file exactly,
//! is refused with the line that is wrong; nothing is searched for nearby and nothing is guessed.

mod lay;
mod names;
mod parse;
mod print;
#[cfg(test)]
mod tests;

use crate::WorkspacePath;

pub use lay::{LayError, lay};
pub use parse::{ParseError, Problem, parse};
pub use print::{Side, print};

/// What a patch does to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePatch {
    /// Where the file was; nothing if the patch makes it.
    pub old: Option<WorkspacePath>,
    /// Where the file will be; nothing if the patch deletes it.
    pub new: Option<WorkspacePath>,
    /// Its permission bits before, if the patch says so.
    pub old_mode: Option<u32>,
    /// Its permission bits afterwards, if the patch says so.
    pub new_mode: Option<u32>,
    /// What changes in its text, first to last.
    pub sections: Vec<Section>,
}

/// One `@@` section of a patch: lines that must be there, and what becomes of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// How many lines of the old file stand before it.
    pub old_index: usize,
    /// Its lines, each with where it stands in the patch.
    pub lines: Vec<Line>,
}

/// A line of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What becomes of it.
    pub kind: LineKind,
    /// The line with its line end, if it has one.
    pub bytes: Vec<u8>,
    /// The line of the patch that it stands in, counted from 1.
    pub number: usize,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// It stays.
    Context,
    /// It goes.
    Removed,
    /// It comes.
    Added,
}
