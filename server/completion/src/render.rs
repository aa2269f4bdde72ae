//! A context written down as a model's infill format demands.

use engine::{FimFormat, FimPart, Lane, Request, Reuse, Sampling, Segment, StopConditions};

use crate::{Context, Shape};

/// Tokens of an answer that ends with its line; one that needs more is no line that a person would write.
const LINE_TOKENS_MAX: u32 = 64;

/// Tokens of an answer of several lines: what llama.cpp's own editor plugins ask for.
const BLOCK_TOKENS_MAX: u32 = 128;

/// Writes `context` down as `format` demands.
///
/// The real path and the workspace's name stand in the prompt where the format has a place for them. What
/// comes from the document, its path included, is [`Segment::Text`]: nothing in it can become a control token.
#[must_use]
pub fn render(context: &Context, shape: Shape, format: &FimFormat) -> Request {
    let mut prompt = Prompt::default();
    for part in format
        .repository
        .iter()
        .chain(&format.current_file)
        .chain(&format.infill)
    {
        match part {
            FimPart::Token(token) => prompt.token(token),
            FimPart::Literal(text) => prompt.text(text),
            FimPart::Prefix => prompt.text(&context.prefix),
            FimPart::Suffix => prompt.text(&context.suffix),
            FimPart::Path => prompt.text(&context.path),
            FimPart::Repository => prompt.text(&context.workspace),
            // No other files are shown yet.
            FimPart::Content => {}
        }
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
        sampling: Sampling::default(),
        stop: StopConditions {
            texts,
            tokens: format.stop_tokens.clone(),
        },
        lane: Lane::Typing,
        tokens_max,
        log_probabilities: false,
        reuse: Reuse::Exact,
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
