//! What is done while nobody waits: the place after a suggestion, a prompt made exact, a document warmed.

use std::time::Duration;

use completion::{Decision, Trigger};

use super::Session;
use super::generating::{Wanted, Window};
use super::questions::Open;
use crate::lsp::around::Around;
use crate::lsp::event::{Effect, Timer};
use crate::lsp::generation::Purpose;
use crate::lsp::known::Hit;
use crate::lsp::source::Source;

/// Who looks at a suggestion for so long is about to take it more often than not; what comes after it takes as long to
/// make as it takes to read this one.
const PREFETCH_AFTER: Duration = Duration::from_millis(50);

/// Who has not typed for so long is thinking: the prompt can be made exact, and show more of what stands before.
const FRESHEN_AFTER: Duration = Duration::from_secs(3);

/// An editor opens several documents at once when it starts; the last one is looked at.
const WARM_AFTER: Duration = Duration::from_millis(400);

/// Only of a document of so many bytes most is in a prompt wherever the cursor is: where it will be is not
/// known before the first question.
const WARM_BYTES_MAX: usize = 3 * 1024;

/// What is planned for a rest.
#[derive(Debug, Default)]
pub struct Idle {
    prefetch: Option<Prefetch>,
    /// The document whose prompt was put together from moved parts.
    fresh: Option<String>,
    /// The document that was opened last, and when it is warmed.
    warm: Option<(String, Duration)>,
    /// When the next timer goes off.
    armed: Option<Duration>,
}

/// A suggestion that is shown, as if it was accepted.
#[derive(Debug)]
struct Prefetch {
    uri: String,
    version: i32,
    replaced: std::ops::Range<usize>,
    text: String,
    due: Duration,
}

impl Idle {
    /// The user typed: nothing that was planned for this moment is wanted.
    pub fn key(&mut self) {
        self.prefetch = None;
        self.warm = None;
    }

    /// Has the session woken when the next thing is due.
    pub fn arm(&mut self, now: Duration, last_key: Option<Duration>, effects: &mut Vec<Effect>) {
        let fresh = self
            .fresh
            .as_ref()
            .map(|_| last_key.unwrap_or(now) + FRESHEN_AFTER);
        let warm = self.warm.as_ref().map(|(_, due)| *due);
        let prefetch = self.prefetch.as_ref().map(|prefetch| prefetch.due);
        let Some(due) = [fresh, warm, prefetch].into_iter().flatten().min() else {
            return;
        };
        if self.armed.is_none_or(|armed| due < armed) {
            self.armed = Some(due);
            effects.push(Effect::Wait {
                timer: Timer::Rest,
                duration: due.saturating_sub(now).max(Duration::from_millis(1)),
            });
        }
    }
}

impl Session {
    /// Plans what comes after the suggestion `hit`, which is shown now.
    pub(super) fn plan_prefetch(&mut self, open: &Open, hit: &Hit, now: Duration) {
        if !self.configuration.completion.prefetch {
            return;
        }
        let (start, end, inserted) = match &open.selected {
            Some((_, selected)) => (selected.range.start, selected.range.end, selected.text.as_str()),
            None => (open.offset, open.offset, ""),
        };
        self.idle.prefetch = Some(Prefetch {
            uri: open.uri.clone(),
            version: open.version,
            replaced: start..end + hit.fit.covered_bytes,
            text: inserted.to_owned() + &hit.fit.text,
            due: now + PREFETCH_AFTER,
        });
    }

    /// Plans that the prompt of the document `uri` is made exact, and wide, when the user rests.
    pub(super) fn plan_freshening(&mut self, uri: &str) {
        self.idle.fresh = Some(uri.to_owned());
    }

    /// Plans that the document `uri`, just opened, is put into the engine's cache.
    pub(super) fn plan_warming(&mut self, uri: &str, now: Duration) {
        self.idle.warm = Some((uri.to_owned(), now + WARM_AFTER));
    }

    /// Whether the engine is there and nobody waits for it.
    fn has_leisure(&self) -> bool {
        let mut generations = self.generations.values();
        let busy = generations.any(|generation| generation.purpose == Purpose::Ask);
        !busy && !self.is_going_ahead() && self.configured && matches!(self.source, Source::Found(_))
    }

    /// Has the session woken when something that is planned is due; to be called after every event.
    pub(super) fn plan_rest(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.has_leisure() {
            self.idle.arm(now, self.pacing.last_key(), effects);
        }
    }

    /// Does what is due, unless somebody waits for the engine.
    pub(super) fn rested(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.idle.armed.is_some_and(|armed| armed <= now) {
            self.idle.armed = None;
        }
        if !self.has_leisure() {
            return;
        }
        let due = |at: Duration| at <= now;
        if self
            .idle
            .prefetch
            .as_ref()
            .is_some_and(|prefetch| due(prefetch.due))
            && let Some(prefetch) = self.idle.prefetch.take()
        {
            self.prefetch(&prefetch, now, effects);
        }
        let rested = self
            .pacing
            .last_key()
            .is_none_or(|last_key| due(last_key + FRESHEN_AFTER));
        if rested && let Some(uri) = self.idle.fresh.take() {
            let offset = self.documents.get(&uri).and_then(|open| open.cursors.last());
            self.warm(&uri, offset.unwrap_or(0), now, effects);
        }
        if self.idle.warm.as_ref().is_some_and(|(_, at)| due(*at))
            && let Some((uri, _)) = self.idle.warm.take()
        {
            let length = self
                .documents
                .get(&uri)
                .map_or(0, |open| open.document.text().len_bytes());
            if length <= WARM_BYTES_MAX {
                self.warm(&uri, length, now, effects);
            }
        }
    }

    /// Asks for what comes after a suggestion, should it be accepted.
    fn prefetch(&mut self, prefetch: &Prefetch, now: Duration, effects: &mut Vec<Effect>) {
        let Some(open) = self.documents.get(&prefetch.uri) else {
            return;
        };
        if open.document.version() != prefetch.version || open.excluded != Some(false) {
            return;
        }
        let mut text = open.document.text().clone();
        let start = text.byte_to_char(prefetch.replaced.start);
        let end = text.byte_to_char(prefetch.replaced.end);
        text.remove(start..end);
        text.insert(start, &prefetch.text);
        let offset = prefetch.replaced.start + prefetch.text.len();
        let document = completion::Document {
            text: &text,
            ..open.described()
        };
        let decision = completion::decide(&document, offset, Trigger::Automatic, None);
        let around = Around::of(&text, offset, None);
        let known = self.known(&prefetch.uri, &around, now);
        // Who types along is shown the same again, with the same place after it.
        let is_under_way = self
            .generations
            .values()
            .any(|generation| generation.uri == prefetch.uri && generation.agrees(&around));
        let is_foreseen = self.look_ahead(&prefetch.uri, &around).is_some();
        if matches!(decision, Decision::Silent(_)) || !known.ranks.is_empty() || is_under_way || is_foreseen {
            return;
        }
        let wanted = Wanted::unasked(&prefetch.uri, Purpose::Prefetch, text, offset, Window::Near);
        self.generate(wanted, now, effects);
    }

    /// Has the prompt at `offset` of the document `uri` evaluated from its start.
    fn warm(&mut self, uri: &str, offset: usize, now: Duration, effects: &mut Vec<Effect>) {
        let Some(open) = self.documents.get(uri) else {
            return;
        };
        if !open.whole || open.excluded != Some(false) || !self.options.allow(&open.language) {
            return;
        }
        let text = open.document.text().clone();
        let offset = offset.min(text.len_bytes());
        let wanted = Wanted::unasked(uri, Purpose::Warm, text, offset, Window::Wide);
        self.generate(wanted, now, effects);
    }
}
