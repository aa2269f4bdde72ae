//! A document: its text and version, and how an editor's changes alter it.

use ropey::Rope;

use crate::position::{Encoding, Range, Spot, spot};

/// One change to a document, as an editor reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What is replaced; `None` replaces everything.
    pub range: Option<Range>,
    /// What stands there afterwards.
    pub text: String,
}

/// A text under edit and its version. Cloning costs nothing worth counting and gives a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    text: Rope,
    version: i32,
}

impl Document {
    /// Makes a document of `text` as the editor's `version`.
    #[must_use]
    pub fn new(text: &str, version: i32) -> Self {
        Self {
            text: Rope::from_str(text),
            version,
        }
    }

    /// The text as it stands.
    #[must_use]
    pub fn text(&self) -> &Rope {
        &self.text
    }

    /// The editor's number for this state of the text.
    #[must_use]
    pub fn version(&self) -> i32 {
        self.version
    }

    /// Applies `changes` in order, each to the text that the one before left, and takes on `version`.
    ///
    /// Positions past the end mean the end (see [`crate::offset`]). A change that cuts a surrogate pair
    /// leaves U+FFFD for the half that stays: it is one UTF-16 unit wide, as the half was, so the
    /// editor's later positions still mean the same places.
    pub fn apply(&mut self, version: i32, changes: &[Change], encoding: Encoding) {
        for change in changes {
            match change.range {
                None => self.text = Rope::from_str(&change.text),
                Some(range) => self.replace(range, &change.text, encoding),
            }
        }
        self.version = version;
    }

    fn replace(&mut self, range: Range, text: &str, encoding: Encoding) {
        let (start, end) = (range.start.min(range.end), range.start.max(range.end));
        let start = spot(&self.text, start, encoding);
        let end = spot(&self.text, end, encoding);
        let halves = (self.half(start, 0), self.half(end, 1));
        self.text.remove(start.index..end.index + usize::from(end.splits));
        if let (None, None) = halves {
            self.text.insert(start.index, text);
            return;
        }
        // Two halves that come together make a character again, as they do in the editor.
        let units: Vec<u16> = halves
            .0
            .into_iter()
            .chain(text.encode_utf16())
            .chain(halves.1)
            .collect();
        self.text.insert(start.index, &String::from_utf16_lossy(&units));
    }

    /// The surrogate (0 the high, 1 the low) of the character that `spot` splits, if it does.
    fn half(&self, spot: Spot, which: usize) -> Option<u16> {
        let mut units = [0; 2];
        spot.splits
            .then(|| self.text.char(spot.index).encode_utf16(&mut units)[which])
    }
}
