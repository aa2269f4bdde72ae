//! Questions of the editor: each is answered exactly once, with what is known, with what comes, or with
//! nothing.

use std::time::Duration;

use completion::{Decision, Selected, Trigger};
use text::Range;
use tokio::sync::oneshot;

use super::{OpenDocument, Session};
use crate::lsp::around::Around;
use crate::lsp::event::{Effect, Item, Question, RequestId, Task, Timer};
use crate::lsp::feedback::Shown;
use crate::lsp::generation::GenerationId;
use crate::lsp::known::{Found, Hit};
use crate::lsp::source::Source;

/// Questions that may be open at once; beyond, the oldest is answered with nothing. Editors have one or
/// two; an editor that loses its answers must not fill the memory.
const QUESTIONS_MAX: usize = 2048;

/// A letter or two behind a place where the model had nothing to say, it is asked only if the user rests there.
const HESITATION: Duration = Duration::from_millis(400);

/// A question that is not answered yet.
pub struct Open {
    pub uri: String,
    pub version: i32,
    pub offset: usize,
    pub around: Around,
    pub trigger: Trigger,
    pub selected: Option<(Range, Selected)>,
    pub answer: oneshot::Sender<Vec<Item>>,
    pub asked: Duration,
    pub step: Step,
    /// What it waits for.
    pub generations: Vec<GenerationId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Waits whether the user types on.
    Pause,
    /// Waits for the engine to be found, for the settings to be read, or for its document to be examined.
    Source,
    /// Is being worked on.
    Work,
}

impl Session {
    /// Takes in a question: answers it with what is known, joins what is on its way, or sets out.
    pub(super) fn ask(&mut self, question: Question, now: Duration, effects: &mut Vec<Effect>) {
        let trigger = question.trigger;
        if trigger == Trigger::Automatic {
            self.pacing.asked(now);
        }
        let wanted = match trigger {
            Trigger::Automatic => self.offers_unasked(&question.uri),
            Trigger::Invoked => self.offers(&question.uri),
        };
        if !wanted {
            effects.push(Effect::Answer(question.answer, Vec::new()));
            return;
        }
        let (id, uri) = (question.id, question.uri.clone());
        self.give_way(&uri, effects);
        let Some(open) = self.understand(question, now) else {
            return;
        };
        if let Some(document) = self.documents.get_mut(&uri) {
            document.cursors.asked(open.offset);
        }
        self.leave_shown_elsewhere(&uri, &open.around, now, effects);
        let found = self.known(&uri, &open.around, now);
        if self.is_enough(&found, trigger) {
            self.answer(open, found.hits, now, effects);
            return;
        }
        if self.is_silent(&open) {
            effects.push(Effect::Answer(open.answer, Vec::new()));
            return;
        }
        if let Some(document) = self.documents.get_mut(&uri) {
            document.questions.push(id);
        }
        let offset = open.offset;
        self.open.insert(id, open);
        self.seek(now, effects);
        if trigger == Trigger::Automatic && self.join(id, now, effects) {
            return;
        }
        let pause = match trigger {
            Trigger::Invoked => Duration::ZERO,
            Trigger::Automatic if self.is_foreseen(id) => Duration::ZERO,
            Trigger::Automatic if self.hesitates(&uri, offset) => HESITATION,
            Trigger::Automatic => self.pacing.pause(now, self.rejections.in_a_row()),
        };
        if pause.is_zero() {
            self.proceed(id, now, effects);
        } else {
            effects.push(Effect::Wait {
                timer: Timer::Question(id),
                duration: pause,
            });
        }
    }

    /// Whether the document `uri` has suggestions.
    fn offers(&self, uri: &str) -> bool {
        self.documents.get(uri).is_some_and(|open| {
            open.whole && open.excluded != Some(true) && self.options.allow(&open.language)
        })
    }

    /// Whether it has them without being asked.
    pub(super) fn offers_unasked(&self, uri: &str) -> bool {
        self.snoozed_until.is_none() && self.configuration.completion.automatic && self.offers(uri)
    }

    fn understand(&self, question: Question, now: Duration) -> Option<Open> {
        let document = &self.documents.get(&question.uri)?.document;
        let text = document.text();
        let offset = text::offset(text, question.position, self.encoding);
        let selected = question.selected.map(|(range, inserted)| {
            let start = text::offset(text, range.start, self.encoding);
            let end = text::offset(text, range.end, self.encoding);
            let selected = Selected {
                range: start..end,
                text: inserted,
            };
            (range, selected)
        });
        Some(Open {
            version: document.version(),
            around: Around::of(text, offset, selected.as_ref().map(|(_, selected)| selected)),
            uri: question.uri,
            offset,
            trigger: question.trigger,
            selected,
            answer: question.answer,
            asked: now,
            step: Step::Pause,
            generations: Vec::new(),
        })
    }

    /// Unasked, only the newest question of a document matters: the cursor is where that one says.
    fn give_way(&mut self, uri: &str, effects: &mut Vec<Effect>) {
        let questions = self.documents.get(uri).map(|open| open.questions.clone());
        for old in questions.into_iter().flatten() {
            let unasked = |open: &Open| open.trigger == Trigger::Automatic;
            if self.open.get(&old).is_some_and(unasked) {
                self.end(old, effects);
            }
        }
        if self.open.len() >= QUESTIONS_MAX
            && let Some(oldest) = self.open.keys().next().copied()
        {
            self.end(oldest, effects);
        }
    }

    /// What is known for the place `around` of the document `uri`.
    pub(super) fn known(&mut self, uri: &str, around: &Around, now: Duration) -> Found {
        self.documents
            .get_mut(uri)
            .map(|open| open.known.find(around, now))
            .unwrap_or_default()
    }

    /// Whether what is known answers a question without the model.
    fn is_enough(&self, found: &Found, trigger: Trigger) -> bool {
        match trigger {
            Trigger::Automatic => found.ranks.contains(&0) || !found.hits.is_empty(),
            Trigger::Invoked => {
                let mut wanted = self.ranks_wanted(trigger);
                let enough = found.hits.len() >= wanted.len();
                enough || !found.hits.is_empty() && wanted.all(|rank| found.ranks.contains(&rank))
            }
        }
    }

    /// Which of the model's choices have to be asked for.
    pub(super) fn ranks_missing(
        &mut self,
        uri: &str,
        around: &Around,
        trigger: Trigger,
        now: Duration,
    ) -> Vec<u32> {
        let found = self.known(uri, around, now);
        // Who asks although the model had nothing to say a moment ago wants it asked again.
        let again = trigger == Trigger::Invoked && found.hits.is_empty();
        self.ranks_wanted(trigger)
            .filter(|rank| again || !found.ranks.contains(rank))
            .collect()
    }

    /// Which of the model's choices answer a question.
    pub(super) fn ranks_wanted(&self, trigger: Trigger) -> std::ops::Range<u32> {
        match trigger {
            Trigger::Automatic => 0..1,
            Trigger::Invoked => 0..self.configuration.completion.alternatives,
        }
    }

    fn is_silent(&self, open: &Open) -> bool {
        let Some(document) = self.documents.get(&open.uri) else {
            return true;
        };
        let selected = open.selected.as_ref().map(|(_, selected)| selected);
        let decision = completion::decide(&document.described(), open.offset, open.trigger, selected);
        if let Decision::Silent(silence) = decision {
            tracing::debug!("no suggestion: {}", silence.reason());
            return true;
        }
        false
    }

    /// Goes on with a question whose pause is over.
    pub(super) fn proceed(&mut self, id: RequestId, now: Duration, effects: &mut Vec<Effect>) {
        let Some(open) = self.open.get_mut(&id).filter(|open| open.step != Step::Work) else {
            return;
        };
        match self.documents.get(&open.uri).map(|document| document.excluded) {
            Some(Some(false)) if self.configured => {}
            Some(Some(false)) => {
                open.step = Step::Source;
                return;
            }
            Some(None) => {
                open.step = Step::Source;
                return;
            }
            Some(Some(true)) | None => return self.end(id, effects),
        }
        if open.trigger == Trigger::Automatic && !self.configuration.completion.automatic {
            return self.end(id, effects);
        }
        match &self.source {
            Source::Found(_) => self.begin(id, now, effects),
            Source::Missing(..) => self.end(id, effects),
            Source::Sought | Source::Unsought => open.step = Step::Source,
        }
    }

    /// Goes on with what has waited for the engine or for its document.
    pub(super) fn proceed_waiting(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let waiting = self.open.iter().filter(|(_, open)| open.step == Step::Source);
        let waiting: Vec<RequestId> = waiting.map(|(id, _)| *id).collect();
        for id in waiting {
            self.proceed(id, now, effects);
        }
    }

    /// Answers a question that was taken out with those of `hits` that the editor can show.
    pub(super) fn answer(&mut self, open: Open, hits: Vec<Hit>, now: Duration, effects: &mut Vec<Effect>) {
        let wanted = self.ranks_wanted(open.trigger).len();
        // Who has just taken a suggestion goes on to the next with the same key.
        let has_taken = self
            .documents
            .get(&open.uri)
            .is_some_and(|document| document.last_inserted > 1);
        let welcome = |hit: &Hit| {
            let (text, around) = (&hit.fit.text, &open.around);
            let waits = || completion::waits_for_new_line(around.line_before(), text, around.after());
            open.trigger == Trigger::Invoked
                || !self.rejections.contain(around, text, now) && (has_taken || !waits())
        };
        let shown: Vec<(Item, Hit)> = hits
            .into_iter()
            .filter(welcome)
            .filter_map(|hit| Some((self.item(&open, &hit)?, hit)))
            .take(wanted)
            .collect();
        if let Some((_, hit)) = shown.first() {
            self.show(&open, hit, now, effects);
        }
        let items = shown.into_iter().map(|(item, _)| item).collect();
        effects.push(Effect::Answer(open.answer, items));
    }

    /// The suggestion in the editor's terms, if it is one that the editor can show.
    fn item(&self, open: &Open, hit: &Hit) -> Option<Item> {
        let document = &self.documents.get(&open.uri)?.document;
        if document.version() != open.version {
            return None;
        }
        let text = hit.fit.text.as_str();
        if let Some((range, selected)) = &open.selected {
            let text = selected.text.clone() + text;
            return (hit.fit.covered_bytes == 0).then_some(Item { range: *range, text });
        }
        let end = open.offset + hit.fit.covered_bytes;
        let range = Range {
            start: text::position(document.text(), open.offset, self.encoding),
            end: text::position(document.text(), end, self.encoding),
        };
        (range.start.line == range.end.line).then(|| Item {
            range,
            text: text.to_owned(),
        })
    }

    /// Remembers what is shown now.
    fn show(&mut self, open: &Open, hit: &Hit, now: Duration, effects: &mut Vec<Effect>) {
        let goes_on = |shown: &Shown| shown.id == hit.id && shown.uri == open.uri && shown.fits();
        if !self.shown.as_ref().is_some_and(goes_on) {
            self.replace_shown(now, effects);
            let language = self
                .documents
                .get(&open.uri)
                .map(|document| document.language.clone());
            self.shown = Some(Shown::new(
                &open.uri,
                language.as_deref().unwrap_or_default(),
                hit.id,
                hit.offer.clone(),
                hit.features,
                &open.around,
                now,
            ));
        }
        self.plan_prefetch(open, hit, now);
    }

    /// Answers every question about the document `uri` with nothing.
    pub(super) fn end_in(&mut self, uri: &str, effects: &mut Vec<Effect>) {
        let questions = self
            .documents
            .get_mut(uri)
            .map(|open| std::mem::take(&mut open.questions));
        for id in questions.into_iter().flatten() {
            self.end(id, effects);
        }
    }

    /// Answers every question with nothing and stops all work.
    pub(super) fn end_all(&mut self, effects: &mut Vec<Effect>) {
        let all: Vec<RequestId> = self.open.keys().copied().collect();
        for id in all {
            self.end(id, effects);
        }
        self.stop_generations(effects, |_| true);
        self.leave_ahead(effects, |_| true);
    }

    /// Answers a question with nothing.
    pub(super) fn end(&mut self, id: RequestId, effects: &mut Vec<Effect>) {
        if let Some(open) = self.remove(id, effects) {
            effects.push(Effect::Answer(open.answer, Vec::new()));
        }
    }

    /// Takes a question out. What it waited for goes on for the moment: the next question may join it.
    pub(super) fn remove(&mut self, id: RequestId, effects: &mut Vec<Effect>) -> Option<Open> {
        let open = self.open.remove(&id)?;
        if let Some(document) = self.documents.get_mut(&open.uri) {
            document.questions.retain(|other| *other != id);
        }
        if open.step == Step::Pause {
            effects.push(Effect::Stop(Task::Pause(id)));
        }
        self.forget_waiting(id);
        for generation in &open.generations {
            if let Some(generation) = self.generations.get_mut(generation) {
                generation.questions.retain(|other| *other != id);
            }
        }
        Some(open)
    }
}

impl OpenDocument {
    /// The document as the completion sees it.
    pub(super) fn described(&self) -> completion::Document<'_> {
        completion::Document {
            text: self.document.text(),
            path: &self.path,
            language: &self.language,
            workspace: &self.workspace,
        }
    }
}
