//! Requests to the engine are stopped once nobody can want them.

use std::time::Duration;

use super::Session;
use crate::lsp::around::Around;
use crate::lsp::event::{Effect, Task, Timer};
use crate::lsp::generation::{Generation, GenerationId, Purpose};

/// For so long a generation that nobody waits for goes on after a key: editors ask again some 20 to 50 ms later.
const GRACE_AFTER_KEY: Duration = Duration::from_millis(100);

/// The same when no key was hit: the cursor went elsewhere, or the editor asks the same again at once.
const GRACE: Duration = Duration::from_millis(15);

impl Session {
    /// Gives those a time that nobody waits for any more; to be called after every event.
    pub(super) fn let_go(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let grace = self.grace(now);
        for (id, generation) in &mut self.generations {
            let orphan = matches!(generation.purpose, Purpose::Ask | Purpose::Read)
                && generation.questions.is_empty()
                && !generation.shown;
            if !orphan {
                generation.grace_until = None;
            } else if generation.grace_until.is_none() {
                generation.grace_until = Some(now + grace);
                effects.push(Effect::Wait {
                    timer: Timer::Grace(*id),
                    duration: grace,
                });
            }
        }
    }

    /// How long somebody may come yet for what nobody waits for.
    fn grace(&self, now: Duration) -> Duration {
        let key = self.pacing.last_key().map(|key| now.saturating_sub(key));
        match key.and_then(|since| GRACE_AFTER_KEY.checked_sub(since)) {
            Some(rest) => rest.max(GRACE),
            None => GRACE,
        }
    }

    /// The time of one that nobody waited for is over, unless somebody came.
    pub(super) fn grace_ended(&mut self, id: GenerationId, now: Duration, effects: &mut Vec<Effect>) {
        let orphan = self
            .generations
            .get(&id)
            .filter(|generation| generation.grace_until.is_some_and(|until| until <= now));
        if orphan.is_some() {
            self.stop_generation(id, effects);
        }
    }

    /// Stops what cannot be wanted any more after the document `uri` was changed, with the cursor at one
    /// of `cursors`.
    pub(super) fn stop_disagreeing(&mut self, uri: &str, cursors: &[Around], effects: &mut Vec<Effect>) {
        let shown = self
            .shown
            .as_ref()
            .filter(|shown| shown.uri == uri && shown.fits())
            .is_some();
        self.stop_generations(effects, |generation| match generation.purpose {
            Purpose::Ask if generation.uri != uri => false,
            Purpose::Prefetch if generation.uri == uri && shown => false,
            Purpose::Ask | Purpose::Prefetch => {
                generation.uri != uri || !cursors.iter().any(|around| generation.agrees(around))
            }
            // What is written elsewhere need not be the user's, who may still wait there.
            Purpose::Read => generation.uri != uri && generation.questions.is_empty(),
            Purpose::Warm => true,
        });
    }

    /// Stops the generations that `which` picks. Who waits for nothing else gets nothing.
    pub(super) fn stop_generations(
        &mut self,
        effects: &mut Vec<Effect>,
        which: impl Fn(&Generation) -> bool,
    ) {
        let picked = self
            .generations
            .iter()
            .filter(|(_, generation)| which(generation));
        let picked: Vec<GenerationId> = picked.map(|(id, _)| *id).collect();
        for id in picked {
            self.stop_generation(id, effects);
        }
    }

    /// The same for one of them.
    pub(super) fn stop_generation(&mut self, id: GenerationId, effects: &mut Vec<Effect>) {
        let Some(generation) = self.generations.remove(&id) else {
            return;
        };
        effects.push(Effect::Stop(Task::Generation(id)));
        for question in generation.questions {
            let Some(open) = self.open.get_mut(&question) else {
                continue;
            };
            open.generations.retain(|other| *other != id);
            if open.generations.is_empty() {
                self.end(question, effects);
            }
        }
    }
}
