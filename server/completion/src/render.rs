//! A context written down as a model's infill format demands.

use engine::{FimFormat, FimPart, Lane, Request, Reuse, Sampling, Segment, StopConditions};

use crate::{Context, Shape};

/// Tokens of an answer that ends with its line; one that needs more is no line that a person would write.
const LINE_TOKENS_MAX: u32 = 64;

/// Tokens of an answer of several lines: what llama.cpp's own editor plugins ask for.
const BLOCK_TOKENS_MAX: u32 = 128;

/// How a request is asked, besides what it says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asking {
    /// How much of what is evaluated already may stand in for the prompt.
    pub reuse: Reuse,
    /// Which alternative is wanted: 0 the best, 1 the next.
    pub first_token_rank: u32,
}

/// Writes `context` down as `format` demands, to be evaluated exactly.
#[must_use]
pub fn render(context: &Context, shape: Shape, format: &FimFormat) -> Request {
    render_with(context, shape, format, Asking::default())
}

/// Writes `context` down as `format` demands.
///
/// The real path and the workspace's name stand in the prompt where the format has a place for them. What
/// comes from documents, their paths included, is text: nothing in it can become a control token.
#[must_use]
pub fn render_with(context: &Context, shape: Shape, format: &FimFormat, asking: Asking) -> Request {
    let mut prompt = Prompt::default();
    for part in &format.repository {
        prompt.of_document(part, context);
    }
    for related in &context.related {
        for part in &format.other_file {
            match part {
                FimPart::Path => prompt.text(&related.path),
                FimPart::Content => prompt.text(&related.text),
                other => prompt.of_document(other, context),
            }
        }
    }
    for part in format.current_file.iter().chain(&format.infill) {
        prompt.of_document(part, context);
    }
    let mut texts = format.stop_texts.clone();
    let tokens_max = match shape {
        Shape::Line => {
            texts.push("\n".to_owned());
            LINE_TOKENS_MAX
        }
        Shape::Span | Shape::Block => BLOCK_TOKENS_MAX,
    };
    Request {
        prompt: prompt.segments,
        sampling: Sampling {
            first_token_rank: asking.first_token_rank,
            ..Sampling::default()
        },
        stop: StopConditions {
            texts,
            tokens: format.stop_tokens.clone(),
            log_probability_min: None,
        },
        lane: Lane::Typing,
        tokens_max,
        log_probabilities: true,
        reuse: asking.reuse,
    }
}

/// A prompt in the making.
#[derive(Default)]
struct Prompt {
    segments: Vec<Segment>,
}

impl Prompt {
    fn token(&mut self, token: &str) {
        self.segments.push(Segment::Token(token.to_owned()));
    }

    /// Writes a part that says something of the document with the cursor.
    fn of_document(&mut self, part: &FimPart, context: &Context) {
        match part {
            FimPart::Token(token) => self.token(token),
            FimPart::Literal(text) => self.text(text),
            FimPart::Prefix => self.prefix(context.shown_prefix()),
            FimPart::Suffix => self.text(context.shown_suffix()),
            FimPart::Path => self.text(&context.path),
            FimPart::Repository => self.text(&context.workspace),
            // Only other files are shown whole.
            FimPart::Content => {}
        }
    }

    /// The text that the model goes on from: open, unless it ends with a line, where no token could go on.
    fn prefix(&mut self, prefix: &str) {
        if prefix.is_empty() || prefix.ends_with('\n') {
            self.text(prefix);
        } else {
            self.segments.push(Segment::Open(prefix.to_owned()));
        }
    }

    /// Neighbouring texts are one text: the model's tokenizer would merge across the seam too.
    fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(Segment::Text(before)) = self.segments.last_mut() {
            before.push_str(text);
        } else {
            self.segments.push(Segment::Text(text.to_owned()));
        }
    }
}
