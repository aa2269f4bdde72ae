//! What is measured, as the simulated editor sees it: somebody who gives suggestions.

use std::ops::Range;
use std::time::Duration;

use super::trace::Trace;
use super::typist::Edit;

/// Somebody who gives suggestions. No call waits for an answer; times count from one moment, the same for all.
pub trait Side {
    /// The editor opens the file of `trace`.
    ///
    /// # Errors
    /// When the other end is gone.
    fn open(&mut self, trace: &Trace) -> anyhow::Result<()>;
    /// The text, which was `before`, is changed.
    ///
    /// # Errors
    /// When the other end is gone.
    fn change(&mut self, before: &str, edit: &Edit) -> anyhow::Result<()>;
    /// The editor asks for a suggestion at `cursor` (bytes) of `text`; gives the number of the question.
    ///
    /// # Errors
    /// When the other end is gone.
    fn ask(&mut self, text: &str, cursor: usize) -> anyhow::Result<u64>;
    /// The editor no longer wants the answer to `question`.
    ///
    /// # Errors
    /// When the other end is gone.
    fn cancel(&mut self, question: u64) -> anyhow::Result<()>;
    /// The next answer, if one comes within `patience`.
    ///
    /// # Errors
    /// When the other end is gone.
    fn answer(&mut self, patience: Duration) -> anyhow::Result<Option<Answer>>;
    /// The editor closes the file. Gives the requests that reached the model since it was opened.
    ///
    /// # Errors
    /// When the other end is gone.
    fn close(&mut self) -> anyhow::Result<Vec<Served>>;
    /// Seconds of computing by all processes of this side so far.
    ///
    /// # Errors
    /// When one is gone.
    fn compute_seconds(&self) -> anyhow::Result<f64>;
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The question.
    pub question: u64,
    /// When it came.
    pub at: Duration,
    /// What is suggested first, if anything is: the range that it replaces, in bytes, and its text. No range
    /// means that it goes in at the cursor.
    pub suggestion: Option<(Option<Range<usize>>, String)>,
}

/// A request that reached the model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Served {
    /// When it reached it.
    pub begun: Duration,
    /// When no work was done for it any more.
    pub ended: Duration,
    /// Nobody waited for it: prefetching, warming.
    pub ahead: bool,
    /// It was given up before its end.
    pub cancelled: bool,
    /// Tokens of its prompt that were evaluated.
    pub evaluated_tokens: u32,
    /// Tokens of its prompt that were moved to another place.
    pub moved_tokens: u32,
    /// Tokens generated.
    pub generated_tokens: u32,
    /// Bytes of the generated text.
    pub generated_bytes: usize,
    /// What would have to be typed after it was begun for it not to be in vain; nothing if that is not known.
    pub expects: Option<String>,
}
