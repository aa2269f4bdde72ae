//! Requests to the engine: begun for a question, joined by the next one that agrees, answered from when they end.

use std::sync::Arc;
use std::time::Duration;

use completion::{Budget, Features, Suggestion, Trigger};

use super::Session;
use super::ahead::Look;
use super::questions::Step;
use crate::lsp::around::{Around, Offer, Stream};
use crate::lsp::event::{Effect, Foreseen, Job, Outcome, RequestId};
use crate::lsp::generation::{Generation, GenerationId, Purpose};
use crate::lsp::source::Source;
use crate::lsp::suggest::budget;

/// Who has waited for so long is shown the lines that are whole; the rest is there by the time these are read.
const LINES_PATIENCE: Duration = Duration::from_millis(250);

/// Where a generation is wanted, and what for.
pub(super) struct Wanted {
    pub uri: String,
    pub purpose: Purpose,
    pub rank: u32,
    pub text: ropey::Rope,
    pub offset: usize,
    pub around: Around,
    pub trigger: Trigger,
    pub selected: Option<completion::Selected>,
    pub window: Window,
    /// What the model goes on with, if that is known.
    pub foreseen: Option<Foreseen>,
}

impl Wanted {
    /// What is wanted at the cursor `offset` of the document `uri` that nobody asked for by hand, its text being `text`.
    pub fn unasked(uri: &str, purpose: Purpose, text: ropey::Rope, offset: usize, window: Window) -> Self {
        Self {
            uri: uri.to_owned(),
            purpose,
            rank: 0,
            around: Around::of(&text, offset, None),
            text,
            offset,
            trigger: Trigger::Automatic,
            selected: None,
            window,
            foreseen: None,
        }
    }
}

/// How much of the text before the cursor the model is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Window {
    /// As much as it has read already, or a little.
    Near,
    /// As much as possible.
    Wide,
}

impl Session {
    /// Asks the engine for what the question `id` still needs.
    pub(super) fn begin(&mut self, id: RequestId, now: Duration, effects: &mut Vec<Effect>) {
        let Some(open) = self.open.get_mut(&id) else {
            return;
        };
        open.step = Step::Work;
        let (uri, around, offset) = (open.uri.clone(), open.around.clone(), open.offset);
        let (trigger, selected) = (
            open.trigger,
            open.selected.as_ref().map(|(_, selected)| selected.clone()),
        );
        let Some(document) = self.documents.get(&uri) else {
            return;
        };
        let text = document.document.text().clone();
        let mut foreseen = None;
        if trigger == Trigger::Automatic {
            match self.look_ahead(&uri, &around) {
                Some(Look::Wait) => return self.wait_ahead(id),
                Some(Look::Known(known)) => foreseen = Some(known),
                None if self.is_unread(&uri, offset) => return self.read(id, offset, now, effects),
                None => {}
            }
        }
        for rank in self.ranks_missing(&uri, &around, trigger, now) {
            let mut running = self.generations.iter();
            let same = running.find(|(_, generation)| {
                generation.uri == uri
                    && generation.rank == rank
                    && generation.around == around
                    && matches!(generation.purpose, Purpose::Ask | Purpose::Prefetch)
            });
            let generation = match same.map(|(id, _)| *id) {
                Some(generation) => Some(generation),
                None => {
                    let wanted = Wanted {
                        uri: uri.clone(),
                        purpose: Purpose::Ask,
                        rank,
                        text: text.clone(),
                        offset,
                        around: around.clone(),
                        trigger,
                        selected: selected.clone(),
                        window: Window::Near,
                        foreseen: foreseen.clone(),
                    };
                    self.generate(wanted, now, effects)
                }
            };
            if let Some(generation) = generation {
                self.attach_question(id, generation);
            }
        }
        // Whatever else is going on did not agree, or it would have been joined.
        self.stop_generations(effects, |generation| {
            generation.purpose != Purpose::Ask || generation.uri == uri && generation.questions.is_empty()
        });
        if self.open.get(&id).is_some_and(|open| open.generations.is_empty()) {
            self.settle(id, now, effects);
        }
    }

    /// Asks the engine for something, if it is there.
    pub(super) fn generate(
        &mut self,
        wanted: Wanted,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) -> Option<GenerationId> {
        let Source::Found(found) = &self.source else {
            return None;
        };
        let engine = Arc::clone(&found.engine);
        let document = self.documents.get(&wanted.uri)?;
        let (path, language, workspace) = (
            Arc::clone(&document.path),
            Arc::clone(&document.language),
            Arc::clone(&document.workspace),
        );
        let selected = wanted.selected.clone();
        let is_replay = wanted.foreseen.is_some();
        // Who asks by hand can wait for all that follows the cursor to be read.
        let near = wanted.window == Window::Near && wanted.trigger == Trigger::Automatic;
        let budget = if near { self.near_budget() } else { self.budget() };
        let window_start = match wanted.window {
            Window::Near => document.seen.start_for(&wanted.text, wanted.offset, &budget),
            Window::Wide => document
                .seen
                .widest_start_for(&wanted.text, wanted.offset, &budget),
        };
        if !is_replay {
            // Whatever goes to the engine now is needed sooner.
            self.halt_ahead(effects);
        }
        self.generations_begun += 1;
        let id = self.generations_begun;
        effects.push(Effect::Generate(Box::new(Job {
            id,
            purpose: wanted.purpose,
            rank: wanted.rank,
            engine,
            text: wanted.text,
            path,
            language,
            workspace,
            offset: wanted.offset,
            trigger: wanted.trigger,
            selected: wanted.selected,
            foreseen: wanted.foreseen,
            first_tokens_max: self.reading_speed.first_tokens_max(),
            near,
            surroundings: self.surroundings(&wanted.uri, Some(window_start)),
            configuration: Arc::clone(&self.configuration),
        })));
        let generation = Generation {
            uri: wanted.uri,
            purpose: wanted.purpose,
            rank: wanted.rank,
            stream: Stream::new(&wanted.around),
            around: wanted.around,
            offset: wanted.offset,
            window: window_start..wanted.offset + budget.suffix_bytes_max(),
            selected,
            lines: None,
            questions: Vec::new(),
            grace_until: None,
            shown: false,
            is_replay,
            started: now,
            last_piece: None,
        };
        if wanted.purpose == Purpose::Ask && !is_replay {
            self.plan_freshening(&generation.uri);
            self.show_window(&generation);
        }
        self.generations.insert(id, generation);
        Some(id)
    }

    /// How much of a document the model may be shown.
    pub(super) fn budget(&self) -> Budget {
        let context_tokens = match &self.source {
            Source::Found(found) => found.engine.description().context_tokens,
            Source::Unsought | Source::Sought | Source::Missing(..) => 0,
        };
        budget(
            context_tokens,
            self.configuration.completion.prompt_tokens_max,
            self.reading_speed.first_tokens_max(),
        )
    }

    /// The same for what nobody asked for: no more after the cursor than is quickly read.
    pub(super) fn near_budget(&self) -> Budget {
        self.budget().near()
    }

    /// Remembers what the model was shown for `generation`.
    pub(super) fn show_window(&mut self, generation: &Generation) {
        if let Some(document) = self.documents.get_mut(&generation.uri) {
            document.seen.show(generation.window.clone());
        }
    }

    pub(super) fn attach_question(&mut self, question: RequestId, generation: GenerationId) {
        if let (Some(open), Some(generating)) = (
            self.open.get_mut(&question),
            self.generations.get_mut(&generation),
        ) {
            open.generations.push(generation);
            generating.questions.push(question);
            if generating.purpose == Purpose::Prefetch {
                generating.purpose = Purpose::Ask;
            }
        }
    }

    /// Has the question `id` wait for what is on its way, if that may answer it.
    pub(super) fn join(&mut self, id: RequestId, now: Duration, effects: &mut Vec<Effect>) -> bool {
        let Some(open) = self.open.get(&id) else {
            return false;
        };
        let mut running = self.generations.iter().rev();
        let agreeing = running.find(|(_, generation)| {
            generation.uri == open.uri && generation.rank == 0 && generation.agrees(&open.around)
        });
        let agreeing = agreeing.map(|(generation, _)| *generation);
        let (uri, offset) = (open.uri.clone(), open.offset);
        let Some(generation) = agreeing.or_else(|| self.reading(&uri, offset)) else {
            return false;
        };
        if let Some(open) = self.open.get_mut(&id) {
            open.step = Step::Work;
        }
        self.attach_question(id, generation);
        self.show_lines(generation, now, effects);
        true
    }

    /// Takes in a piece of what the engine generates.
    pub(super) fn streamed(
        &mut self,
        id: GenerationId,
        piece: &str,
        lines: Option<Suggestion>,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) {
        let Some(generation) = self.generations.get_mut(&id) else {
            return;
        };
        generation.stream.push(piece);
        if !piece.is_empty() {
            if let Some(before) = generation.last_piece.replace(now) {
                self.pacing.went_on(now.saturating_sub(before));
            } else if generation.purpose == Purpose::Ask && generation.rank == 0 {
                self.pacing.answered(now.saturating_sub(generation.started));
            }
        }
        let has_lines = lines.is_some();
        generation.lines = lines.or(generation.lines.take());
        let open = &self.open;
        let disagrees = |question: &RequestId| {
            open.get(question)
                .is_some_and(|open| !generation.agrees(&open.around))
        };
        let against: Vec<RequestId> = generation.questions.iter().copied().filter(disagrees).collect();
        if !against.is_empty() {
            return self.part(id, &against, now, effects);
        }
        if has_lines {
            self.show_lines(id, now, effects);
        }
    }

    /// What `id` generates is not what these questions need: it is stopped, and they go to the engine.
    fn part(&mut self, id: GenerationId, against: &[RequestId], now: Duration, effects: &mut Vec<Effect>) {
        if let Some(generation) = self.generations.get_mut(&id) {
            generation
                .questions
                .retain(|question| !against.contains(question));
            if generation.questions.is_empty() {
                self.stop_generation(id, effects);
            }
        }
        for question in against {
            if let Some(open) = self.open.get_mut(question) {
                open.generations.retain(|other| *other != id);
                self.begin(*question, now, effects);
            }
        }
    }

    /// Shows those who have waited for long enough the lines that are whole.
    fn show_lines(&mut self, id: GenerationId, now: Duration, effects: &mut Vec<Effect>) {
        let Some(generation) = self.generations.get(&id) else {
            return;
        };
        let Some(lines) = generation.lines.clone() else {
            return;
        };
        let open = &self.open;
        let patient = |question: &&RequestId| {
            open.get(question).is_some_and(|open| {
                let waited = now.saturating_sub(open.asked.min(generation.started));
                open.trigger == Trigger::Automatic && waited >= LINES_PATIENCE
            })
        };
        let waiting: Vec<RequestId> = generation.questions.iter().filter(patient).copied().collect();
        if waiting.is_empty() {
            return;
        }
        self.learn(id, Some((lines, None)), now);
        for question in waiting {
            let Some((uri, around)) = self
                .open
                .get(&question)
                .map(|open| (open.uri.clone(), open.around.clone()))
            else {
                continue;
            };
            let hits = self.known(&uri, &around, now).hits;
            if hits.is_empty() {
                // All of it was typed already; more is on its way.
                continue;
            }
            if let Some(generation) = self.generations.get_mut(&id) {
                generation.shown = true;
            }
            if let Some(open) = self.remove(question, effects) {
                self.answer(open, hits, now, effects);
            }
        }
    }

    /// Keeps what the generation `id` has made, or that it has made nothing.
    fn learn(&mut self, id: GenerationId, made: Option<(Suggestion, Option<Features>)>, now: Duration) {
        let Some(generation) = self.generations.get(&id) else {
            return;
        };
        let Some(document) = self.documents.get_mut(&generation.uri) else {
            return;
        };
        let (suggestion, features) = made.unzip();
        let (text, covered_bytes) = suggestion
            .as_ref()
            .map(|suggestion| generation.at_cursor(suggestion))
            .unwrap_or_default();
        let offer = Offer::new(&generation.around, text, covered_bytes);
        document
            .known
            .put(id, generation.rank, offer, features.flatten(), now);
    }

    /// Takes in that a generation has ended.
    pub(super) fn generated(
        &mut self,
        id: GenerationId,
        outcome: Outcome,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) {
        if let Source::Found(found) = &mut self.source
            && found.judge(&outcome)
        {
            effects.push(Effect::Watch(Arc::clone(&found.engine)));
        }
        // A first piece that ends it at once is not told by itself.
        if let Some(generation) = self.generations.get(&id)
            && matches!(outcome, Outcome::Suggestion(..) | Outcome::Nothing)
            && (generation.purpose, generation.rank, generation.last_piece) == (Purpose::Ask, 0, None)
            && !generation.is_replay
        {
            self.pacing.answered(now.saturating_sub(generation.started));
        }
        let again = match outcome {
            // Half a statement was looked at where it was asked for; with more typed it may break the file.
            Outcome::Suggestion(_, Some(features)) if features.cut && self.is_behind(id) => true,
            Outcome::Suggestion(suggestion, features) => {
                self.learn(id, Some((suggestion, features)), now);
                true
            }
            Outcome::Nothing => {
                self.learn(id, None, now);
                self.unsure = self
                    .generations
                    .get(&id)
                    .filter(|generation| generation.purpose == Purpose::Ask)
                    .map(|generation| (generation.uri.clone(), generation.offset));
                true
            }
            Outcome::Warmed(usage) => {
                self.reading_speed.record(&usage);
                if let Some(generation) = self.generations.remove(&id) {
                    self.read_to_end(generation, now, effects);
                }
                return;
            }
            Outcome::Silent | Outcome::CannotInfill | Outcome::Failed(_) => false,
        };
        let Some(generation) = self.generations.remove(&id) else {
            return;
        };
        for question in generation.questions {
            let Some(open) = self.open.get_mut(&question) else {
                continue;
            };
            open.generations.retain(|other| *other != id);
            if !open.generations.is_empty() {
                continue;
            }
            let elsewhere = open.around != generation.around;
            let (uri, around) = (open.uri.clone(), open.around.clone());
            let found = self.known(&uri, &around, now);
            if again && elsewhere && found.hits.is_empty() && !found.ranks.contains(&0) {
                // It joined what turned out not to lead here.
                self.begin(question, now, effects);
            } else {
                self.settle(question, now, effects);
            }
        }
    }

    /// Whether more was typed since the generation `id` was begun, by those who wait for it.
    fn is_behind(&self, id: GenerationId) -> bool {
        self.generations.get(&id).is_some_and(|generation| {
            let mut questions = generation
                .questions
                .iter()
                .filter_map(|question| self.open.get(question));
            questions.any(|open| open.around != generation.around)
        })
    }

    /// Answers a question with what is known by now.
    pub(super) fn settle(&mut self, question: RequestId, now: Duration, effects: &mut Vec<Effect>) {
        if let Some(open) = self.remove(question, effects) {
            let hits = self.known(&open.uri, &open.around, now).hits;
            self.answer(open, hits, now, effects);
        }
    }
}
