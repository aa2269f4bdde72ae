//! One request to the engine, and who it is for.

use std::ops::Range;
use std::time::Duration;

use completion::{Selected, Suggestion};

use super::around::{Around, Stream};
use super::event::RequestId;

/// One request to the engine: its number within this process.
pub type GenerationId = u64;

/// What a request to the engine is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A suggestion that somebody waits for.
    Ask,
    /// The suggestion after the one that is shown, should that be accepted.
    Prefetch,
    /// What the model has not read yet of the place where a suggestion is wanted: that is needed whatever is
    /// typed there meanwhile, so no key stops it.
    Read,
    /// Nothing but a prompt in the engine's cache, evaluated from its start.
    Warm,
}

/// One request to the engine.
#[derive(Debug)]
pub struct Generation {
    /// The document.
    pub uri: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Which of the model's choices it begins with.
    pub rank: u32,
    /// Where the suggestion goes.
    pub around: Around,
    /// Where the cursor was, in bytes.
    pub offset: usize,
    /// What the model is shown of the document, in bytes.
    pub window: Range<usize>,
    /// What was selected in the popup.
    pub selected: Option<Selected>,
    /// What has come so far.
    pub stream: Stream,
    /// What has come so far, up to the last whole line, fit to be shown.
    pub lines: Option<Suggestion>,
    /// Who waits for it.
    pub questions: Vec<RequestId>,
    /// If nobody does, when it is stopped.
    pub grace_until: Option<Duration>,
    /// Whether its beginning is shown, so that its end is wanted although nobody waits.
    pub shown: bool,
    /// Whether the engine is not asked, since what it would say is known.
    pub is_replay: bool,
    /// When the engine was asked.
    pub started: Duration,
    /// When something came last.
    pub last_piece: Option<Duration>,
}

impl Generation {
    /// What `suggestion` inserts at the cursor, and how many bytes after it that replaces.
    #[must_use]
    pub fn at_cursor<'a>(&self, suggestion: &'a Suggestion) -> (&'a str, usize) {
        let (end, inserted) = match &self.selected {
            Some(selected) => (selected.range.end, selected.text.as_str()),
            None => (self.offset, ""),
        };
        let text = suggestion.text.strip_prefix(inserted).unwrap_or_default();
        (text, suggestion.range.end.saturating_sub(end))
    }

    /// Whether it may answer what is asked at the place `around`.
    #[must_use]
    pub fn agrees(&self, around: &Around) -> bool {
        match self.purpose {
            Purpose::Ask | Purpose::Prefetch => self.stream.agrees(around),
            Purpose::Read | Purpose::Warm => false,
        }
    }
}
