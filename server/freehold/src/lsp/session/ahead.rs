//! What the model goes on with where it is too unsure for that to be shown: worked out while the user looks, so that
//! the key that confirms it has the rest at once. The model would say the same if it was asked again: what it had
//! generated and what was typed are one text.

use std::time::Duration;

use completion::Scores;

use super::Session;
use super::questions::Step;
use crate::lsp::around::{Around, Stream};
use crate::lsp::event::{Effect, Foreseen, Piece, RequestId, Task, WentOn};
use crate::lsp::generation::GenerationId;

/// So many characters are worth showing where it is not known how the text goes on; of fewer the model is asked again.
const BROKEN_OFF_CHARACTERS_MIN: usize = 6;

/// What the model goes on with at a place.
pub(super) struct Ahead {
    /// The request to the engine that it comes from.
    id: GenerationId,
    uri: String,
    /// All that has come for the place.
    stream: Stream,
    pieces: Vec<Piece>,
    /// How it ended, if it has: whether by itself.
    ended: Option<bool>,
    /// Who waits for more of it.
    questions: Vec<RequestId>,
}

/// What is known of a place.
pub(super) enum Look {
    /// What the model goes on with, as far as that can be shown.
    Known(Foreseen),
    /// More is on its way.
    Wait,
}

impl Ahead {
    /// Whether it is of the document `uri`.
    pub fn is_of(&self, uri: &str) -> bool {
        self.uri == uri
    }

    /// Whether it may still come true with the cursor at one of `cursors` of the document `uri`.
    pub fn agrees(&self, uri: &str, cursors: &[Around]) -> bool {
        self.uri == uri && cursors.iter().any(|around| self.rest(around).is_some())
    }

    /// What is left of it at the place `around`, if nothing else was typed.
    fn rest(&self, around: &Around) -> Option<Vec<Piece>> {
        let mut typed = self.stream.typed_bytes(around)?;
        let mut rest = Vec::new();
        for piece in &self.pieces {
            let begun = typed.min(piece.text.len());
            typed -= begun;
            if begun == piece.text.len() {
                continue;
            }
            // Its first letters make a piece likelier. How much is not known: each letter as much as any other.
            let share = 1.0 - begun as f32 / piece.text.len() as f32;
            rest.push(Piece {
                text: piece.text.get(begun..)?.to_owned(),
                log_probability: piece.log_probability.map(|logarithm| logarithm * share),
            });
        }
        Some(rest)
    }

    fn look(&self, around: &Around) -> Option<Look> {
        let pieces = self.rest(around)?;
        let mut scores = Scores::default();
        let mut bytes = 0;
        for piece in &pieces {
            bytes += piece.text.len();
            scores.add(bytes, piece.log_probability.unwrap_or(0.0));
        }
        let characters: usize = pieces.iter().map(|piece| piece.text.trim().chars().count()).sum();
        let whole = match self.ended {
            // What comes behind its end, or what it was not worth working out, has to be asked for.
            Some(_) if pieces.is_empty() => return None,
            _ if scores.sure_bytes().is_some() => false,
            None => return Some(Look::Wait),
            Some(true) => true,
            Some(false) if characters >= BROKEN_OFF_CHARACTERS_MIN => false,
            Some(false) => return None,
        };
        Some(Look::Known(Foreseen { pieces, whole }))
    }
}

impl Session {
    /// The text of the generation `id` goes on where the model is unsure: `pieces` are what has come.
    pub(super) fn go_ahead(&mut self, id: GenerationId, pieces: Vec<Piece>, effects: &mut Vec<Effect>) {
        let Some(generation) = self.generations.get(&id) else {
            return;
        };
        let mut stream = Stream::new(&generation.around);
        pieces.iter().for_each(|piece| stream.push(&piece.text));
        let uri = generation.uri.clone();
        self.leave_ahead(effects, |_| true);
        self.ahead = Some(Ahead {
            id,
            uri,
            stream,
            pieces,
            ended: None,
            questions: Vec::new(),
        });
    }

    /// Takes in how the text goes on.
    pub(super) fn went_on(
        &mut self,
        id: GenerationId,
        went_on: WentOn,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) {
        let Some(ahead) = self.ahead.as_mut().filter(|ahead| ahead.id == id) else {
            return;
        };
        match went_on {
            WentOn::Piece(piece) => {
                ahead.stream.push(&piece.text);
                ahead.pieces.push(piece);
            }
            WentOn::Ended { whole } => ahead.ended = Some(whole),
        }
        self.call_waiting(now, effects);
    }

    /// Has those who wait for more look again.
    fn call_waiting(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let questions = self
            .ahead
            .as_mut()
            .map(|ahead| std::mem::take(&mut ahead.questions));
        for question in questions.into_iter().flatten() {
            self.begin(question, now, effects);
        }
    }

    /// What is known of the place `around` of the document `uri`.
    pub(super) fn look_ahead(&self, uri: &str, around: &Around) -> Option<Look> {
        let ahead = self.ahead.as_ref().filter(|ahead| ahead.is_of(uri))?;
        ahead.look(around)
    }

    /// Whether the question `id` need not be asked of the model.
    pub(super) fn is_foreseen(&self, id: RequestId) -> bool {
        let open = self.open.get(&id);
        open.is_some_and(|open| self.look_ahead(&open.uri, &open.around).is_some())
    }

    /// Has the question `id` wait for more.
    pub(super) fn wait_ahead(&mut self, id: RequestId) {
        if let (Some(open), Some(ahead)) = (self.open.get_mut(&id), &mut self.ahead) {
            open.step = Step::Work;
            ahead.questions.push(id);
        }
    }

    /// The question `id` waits for nothing any more.
    pub(super) fn forget_waiting(&mut self, id: RequestId) {
        if let Some(ahead) = &mut self.ahead {
            ahead.questions.retain(|question| *question != id);
        }
    }

    /// Whether the engine works on it.
    pub(super) fn is_going_ahead(&self) -> bool {
        self.ahead.as_ref().is_some_and(|ahead| ahead.ended.is_none())
    }

    /// Ends the work on it; what has come is kept, and whoever waits for more gets nothing.
    pub(super) fn halt_ahead(&mut self, effects: &mut Vec<Effect>) {
        let Some(ahead) = self.ahead.as_mut().filter(|ahead| ahead.ended.is_none()) else {
            return;
        };
        ahead.ended = Some(false);
        effects.push(Effect::Stop(Task::Generation(ahead.id)));
        for question in std::mem::take(&mut ahead.questions) {
            self.end(question, effects);
        }
    }

    /// Forgets it if `which` says so.
    pub(super) fn leave_ahead(&mut self, effects: &mut Vec<Effect>, which: impl Fn(&Ahead) -> bool) {
        if self.ahead.as_ref().is_some_and(which) {
            self.halt_ahead(effects);
            self.ahead = None;
        }
    }
}
