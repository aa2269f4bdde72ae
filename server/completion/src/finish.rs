//! What comes from the model, ended as soon as the code says so and tidied into a suggestion.

use std::ops::Range;

use crate::cut::{cut, doubled_indentation};
use crate::filters::{Draft, FILTERS};
use crate::{Context, Shape};

/// A text to offer, and what it replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The text, with the document's own line endings.
    pub text: String,
    /// What it replaces, in bytes of the document: all within one line.
    pub range: Range<usize>,
}

/// Whether more text is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Go on generating.
    Continue,
    /// The suggestion is whole; cancel the request.
    Stop,
}

/// Takes what the model generates, piece by piece, and makes a suggestion of it.
#[derive(Debug, Clone)]
pub struct Finisher {
    context: Context,
    shape: Shape,
    generated: String,
    end: Option<usize>,
    length_reached: bool,
}

impl Finisher {
    /// Begins with nothing generated.
    #[must_use]
    pub fn new(context: &Context, shape: Shape) -> Self {
        Self {
            context: context.clone(),
            shape,
            generated: String::new(),
            end: None,
            length_reached: false,
        }
    }

    /// Takes the next piece of text; says whether more is wanted.
    pub fn push(&mut self, piece: &str) -> Progress {
        if self.end.is_none() {
            // Models write the line endings they have seen in training, whatever the prompt has.
            self.generated.push_str(&piece.replace('\r', ""));
            self.end = cut(&self.context, self.shape, self.text(), false).end;
        }
        if self.end.is_some() {
            Progress::Stop
        } else {
            Progress::Continue
        }
    }

    /// Says that the generation ended because it had reached its length, not its end: so its last line is
    /// not whole.
    pub fn length_reached(&mut self) {
        self.length_reached = true;
    }

    /// Makes a suggestion of what came, if anything worth showing did.
    #[must_use]
    pub fn finish(self) -> Option<Suggestion> {
        let mut draft = Draft {
            text: self.text()[..self.end()].to_owned(),
            covered_bytes: 0,
        };
        for (_, filter) in FILTERS {
            filter(&self.context, self.shape, &mut draft);
        }
        if draft.text.trim().is_empty() {
            return None;
        }
        let Range { start, end } = self.context.replaced;
        let text = self.context.selected + &draft.text;
        let text = if self.context.carriage_returns {
            text.replace('\n', "\r\n")
        } else {
            text
        };
        Some(Suggestion {
            text,
            range: start..end + draft.covered_bytes,
        })
    }

    /// What was generated, without indentation that stands before the cursor already.
    fn text(&self) -> &str {
        &self.generated[doubled_indentation(&self.context, &self.generated)..]
    }

    /// Where the text ends.
    fn end(&self) -> usize {
        if let Some(end) = self.end {
            return end;
        }
        let cut = cut(&self.context, self.shape, self.text(), !self.length_reached);
        let length = self.text().len();
        match cut.end {
            Some(end) => end,
            // A line that was cut in the middle is worth less than none, unless it is all there is.
            None if self.length_reached && cut.safe_end > 0 => cut.safe_end,
            None => length,
        }
    }
}
