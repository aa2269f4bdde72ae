//! What comes from the model, ended as soon as the code says so and tidied into a suggestion.

use std::ops::Range;

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
    text: String,
    end: Option<usize>,
}

impl Finisher {
    /// Begins with nothing generated.
    #[must_use]
    pub fn new(context: &Context, shape: Shape) -> Self {
        Self {
            context: context.clone(),
            shape,
            text: String::new(),
            end: None,
        }
    }

    /// Takes the next piece of text; says whether more is wanted.
    pub fn push(&mut self, piece: &str) -> Progress {
        if self.end.is_some() {
            return Progress::Stop;
        }
        self.text.push_str(piece);
        self.end = match self.shape {
            Shape::Line => self.text.find('\n'),
            Shape::Block => self.text.find("\n\n"),
        };
        if self.end.is_some() {
            Progress::Stop
        } else {
            Progress::Continue
        }
    }

    /// Says that the generation ended because it had reached its length, not its end.
    pub fn length_reached(&mut self) {}

    /// Makes a suggestion of what came, if anything worth showing did.
    #[must_use]
    pub fn finish(self) -> Option<Suggestion> {
        let text = self.text[..self.end.unwrap_or(self.text.len())].trim_end();
        if text.is_empty() {
            return None;
        }
        let text = format!("{}{text}", self.context.selected);
        let text = if self.context.carriage_returns {
            text.replace('\n', "\r\n")
        } else {
            text
        };
        Some(Suggestion {
            text,
            range: self.context.replaced,
        })
    }
}
