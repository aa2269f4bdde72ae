//! What comes from the model, ended as soon as the code says so and tidied into a suggestion.

use std::ops::Range;

use crate::cut::{cut, doubled_indentation};
use crate::ends::{End, Ends};
use crate::filters::{Draft, FILTERS, SPAN_FILTERS};
use crate::gate::{Features, Scores};
use crate::{Context, Shape, Trigger};

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
    end: Option<End>,
    length_reached: bool,
    ends: Ends,
    scores: Scores,
    /// Whether only the part is wanted that the model is sure of.
    only_sure: bool,
    /// Whether more would have come, and nobody knows what.
    broken_off: bool,
}

/// Characters of a part that is worth showing without the rest.
const SURE_CHARACTERS_MIN: usize = 3;

/// Places at which a part may end that are tried for a file that goes on to parse.
const SURE_ENDS_MAX: usize = 6;

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
            ends: Ends::default(),
            scores: Scores::default(),
            only_sure: false,
            broken_off: false,
        }
    }

    /// For whom it is made: who has asked by hand waits for all that is missing, also beyond the cursor's block; what
    /// nobody asked for ends where the model becomes unsure, if the engine says how sure the model is.
    #[must_use]
    pub fn asked(mut self, trigger: Trigger) -> Self {
        self.ends.patient = trigger == Trigger::Invoked;
        self.only_sure = trigger == Trigger::Automatic;
        self
    }

    /// Takes the next piece of text; says whether more is wanted.
    pub fn push(&mut self, piece: &str) -> Progress {
        self.push_scored(piece, None)
    }

    /// The same, with the natural logarithm of the probability that the model gave the piece.
    pub fn push_scored(&mut self, piece: &str, log_probability: Option<f32>) -> Progress {
        if self.end.is_none() {
            // Models write the line endings they have seen in training, whatever the prompt has.
            self.generated.push_str(&piece.replace('\r', ""));
            if let Some(log_probability) = log_probability {
                self.scores.add(self.generated.len(), log_probability);
            }
            self.end = self.ends.find(&self.context, self.shape, self.text(), false);
        }
        if self.end.is_some() || self.sure_end().is_some() {
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

    /// Says that more would have come and nobody knows what: what came is shown as if the model was unsure of that.
    pub fn broken_off(&mut self) {
        self.broken_off = true;
    }

    /// Whether the text ends by itself with what has come so far, not only where the model is unsure.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.end.is_some()
    }

    /// The natural logarithm of the probability that the model gives all that has come together.
    #[must_use]
    pub fn log_probability(&self) -> f32 {
        self.scores.log_probability()
    }

    /// How often the document was parsed with a part of what was generated put in: what the finisher costs.
    #[must_use]
    pub fn parses(&self) -> usize {
        self.ends.parses_count()
    }

    /// Bytes of the document that were read again for that, in pieces of about a kilobyte.
    #[must_use]
    pub fn reread_bytes(&self) -> usize {
        self.ends.reread_bytes()
    }

    /// Makes a suggestion of what came, if anything worth showing did.
    #[must_use]
    pub fn finish(self) -> Option<Suggestion> {
        self.finish_scored(Trigger::Automatic)
            .map(|(suggestion, _)| suggestion)
    }

    /// The same, with what a [`crate::Gate`] judges it by.
    #[must_use]
    pub fn finish_scored(self, trigger: Trigger) -> Option<(Suggestion, Features)> {
        let end = self.end();
        let mut draft = Draft {
            text: self.text()[..end.bytes()].to_owned(),
            covered_bytes: 0,
        };
        if let End::Covering(_) = end {
            draft.covered_bytes = self.context.line_after().trim_end().len();
        }
        let joined = matches!(end, End::Joined(_) | End::Covering(_));
        for (_, filter) in if joined { SPAN_FILTERS } else { FILTERS } {
            filter(&self.context, self.shape, &mut draft);
        }
        self.keep_what_parses(&mut draft);
        let cut = self.keep_what_is_sure(&mut draft);
        if draft.text.trim().is_empty() {
            return None;
        }
        let doubled_bytes = self.generated.len() - self.text().len();
        let features = Features {
            cut,
            ..self
                .scores
                .features(doubled_bytes + draft.text.len(), &draft.text, trigger, self.shape)
        };
        let Range { start, end } = self.context.replaced;
        let text = self.context.selected + &draft.text;
        let text = if self.context.carriage_returns {
            text.replace('\n', "\r\n")
        } else {
            text
        };
        let suggestion = Suggestion {
            text,
            range: start..end + draft.covered_bytes,
        };
        Some((suggestion, features))
    }

    /// Cuts a draft that leaves a file broken to the most of its lines that do not. If none do, nothing is
    /// left of it where the file parsed before, or where it was to join what follows in its line.
    fn keep_what_parses(&self, draft: &mut Draft) {
        let context = &self.context;
        let parses = |text: &str| self.ends.parses(context, text, draft.covered_bytes);
        if draft.text.trim().is_empty() || parses(&draft.text) != Some(false) {
            return;
        }
        let breaks = draft.text.rmatch_indices('\n').map(|(at, _)| at);
        let kept = breaks
            .map(|at| draft.text[..at].trim_end())
            .find(|text| !text.is_empty() && parses(text) == Some(true))
            .map(str::len);
        let was_whole = self.ends.sketch(context).is_some_and(|sketch| sketch.is_whole());
        match kept {
            Some(bytes) => draft.text.truncate(bytes),
            None if was_whole || self.shape == Shape::Span => draft.text.clear(),
            None => {}
        }
    }

    /// Where the text ends that the model is sure of, if it is unsure of what follows.
    fn sure_end(&self) -> Option<usize> {
        let end = self.only_sure.then(|| self.scores.sure_bytes())??;
        Some(end.saturating_sub(self.generated.len() - self.text().len()))
    }

    /// Cuts a draft where the model becomes unsure, and there where the file goes on to parse, if it did before.
    /// Says whether it did.
    fn keep_what_is_sure(&self, draft: &mut Draft) -> bool {
        let sure = match self.sure_end().filter(|sure| *sure < draft.text.len()) {
            Some(sure) => sure,
            None if self.broken_off && self.end.is_none() => draft.text.len(),
            None => return false,
        };
        let context = &self.context;
        let sure = draft.text.floor_char_boundary(sure);
        let was_whole = self.ends.sketch(context).is_some_and(|sketch| sketch.is_whole());
        let words = draft.text[..sure]
            .char_indices()
            .rev()
            .filter(|(_, character)| !character.is_alphanumeric() && *character != '_')
            .flat_map(|(at, character)| [at + character.len_utf8(), at]);
        let kept = std::iter::once(sure)
            .chain(words)
            .map(|at| without_openers(&draft.text[..at]))
            .take_while(|text| text.trim_start().chars().count() >= SURE_CHARACTERS_MIN)
            .take(SURE_ENDS_MAX)
            .find(|text| !was_whole || self.ends.parses(context, text, 0) != Some(false))
            .map_or(0, str::len);
        draft.text.truncate(kept);
        draft.covered_bytes = 0;
        true
    }

    /// What was generated, without indentation that stands before the cursor already.
    fn text(&self) -> &str {
        &self.generated[doubled_indentation(&self.context, &self.generated)..]
    }

    /// Where the text ends.
    fn end(&self) -> End {
        if let Some(end) = self.end {
            return end;
        }
        let text = self.text();
        // A line that was cut in the middle is worth less than none, unless it is all there is.
        let certain = if self.length_reached && self.shape == Shape::Span {
            text.rfind('\n').map_or(text, |last| &text[..last])
        } else {
            text
        };
        if self.shape == Shape::Span || !self.length_reached {
            let found = self.ends.find(&self.context, self.shape, certain, true);
            return found.unwrap_or(End::Lines(certain.len()));
        }
        let whole_lines = text.rfind('\n').map_or("", |last| &text[..=last]);
        let settled = (self.shape == Shape::Block)
            .then(|| self.ends.settle(&self.context, whole_lines, false))
            .flatten();
        if let Some(end) = settled {
            return End::Lines(end);
        }
        let cut = cut(&self.context, self.shape, text, false);
        match cut.end {
            Some(end) => End::Lines(end),
            None if cut.safe_end > 0 => End::Lines(cut.safe_end),
            None => End::Lines(text.len()),
        }
    }
}

/// `text` without what it ends with and only makes sense with more: an opening bracket or quote, an operator.
fn without_openers(text: &str) -> &str {
    const OPENERS: &str = "([{\"'`%$&|+-*/=<>!?:,.^~@#\\";
    text.trim_end_matches(|character: char| character.is_whitespace() || OPENERS.contains(character))
}
