//! What the model has not read yet of a place is read before anything is asked about it, whatever is typed there
//! meanwhile (decision 0007).

use std::time::Duration;

use super::Session;
use super::generating::{Wanted, Window};
use crate::lsp::event::{Effect, RequestId};
use crate::lsp::generation::{Generation, GenerationId, Purpose};
use crate::lsp::seen::Seen;

/// So much new text is read before anything is asked: sixty tokens or so, a quarter of a second on two cores.
const UNREAD_BYTES_MAX: usize = 192;

impl Session {
    /// Has the question `id` wait until the model has read what stands around its place.
    pub(super) fn read(&mut self, id: RequestId, offset: usize, now: Duration, effects: &mut Vec<Effect>) {
        let Some(open) = self.open.get(&id) else { return };
        let uri = open.uri.clone();
        let reading = match self.reading(&uri, offset) {
            Some(reading) => Some(reading),
            None => self.start_reading(&uri, offset, now, effects),
        };
        self.stop_generations(effects, |generation| {
            generation.purpose != Purpose::Read
                && (generation.purpose != Purpose::Ask || generation.questions.is_empty())
        });
        match reading {
            Some(reading) => self.attach_question(id, reading),
            None => self.settle(id, now, effects),
        }
    }

    /// Has the model read what stands around `offset` of the document `uri`, and nothing else.
    pub(super) fn start_reading(
        &mut self,
        uri: &str,
        offset: usize,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) -> Option<GenerationId> {
        let text = self.documents.get(uri)?.document.text().clone();
        self.stop_generations(effects, |generation| generation.purpose == Purpose::Read);
        let wanted = Wanted::unasked(uri, Purpose::Read, text, offset, Window::Near);
        self.generate(wanted, now, effects)
    }

    /// Whether much of what the next prompt for `offset` of the document `uri` shows is new to the model.
    pub(super) fn is_unread(&self, uri: &str, offset: usize) -> bool {
        let budget = self.near_budget();
        self.documents.get(uri).is_some_and(|open| {
            open.seen.unread_bytes(open.document.text(), offset, &budget) > UNREAD_BYTES_MAX
        })
    }

    /// What reads the place `offset` of the document `uri` now.
    pub(super) fn reading(&self, uri: &str, offset: usize) -> Option<GenerationId> {
        let text = self.documents.get(uri)?.document.text();
        let budget = self.near_budget();
        let mut running = self.generations.iter();
        let reading = running.find(|(_, generation)| {
            generation.purpose == Purpose::Read
                && generation.uri == uri
                && Seen::serves(text, &generation.window, offset, &budget)
        });
        reading.map(|(id, _)| *id)
    }

    /// What stands around the place of `generation` was read; whoever waited for that sets out.
    pub(super) fn read_to_end(&mut self, generation: Generation, now: Duration, effects: &mut Vec<Effect>) {
        self.show_window(&generation);
        let budget = self.near_budget();
        for question in generation.questions {
            let Some((uri, offset)) = self
                .open
                .get(&question)
                .map(|open| (open.uri.clone(), open.offset))
            else {
                continue;
            };
            if let Some(document) = self.documents.get_mut(&uri) {
                let start = document.seen.start_for(document.document.text(), offset, &budget);
                document.seen.show(start..offset + budget.suffix_bytes_max());
            }
            self.open
                .entry(question)
                .and_modify(|open| open.generations.clear());
            self.begin(question, now, effects);
        }
    }
}
