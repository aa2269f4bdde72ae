//! The engine's thread: who is served next, with what, and what becomes of it.

use std::sync::Arc;
use std::time::Instant;

use engine::{Failure, Lane, StopReason};

use crate::ffi::batch::Batch;
use crate::ffi::context::{Context, Decoded};
use crate::inbox::{Command, Inbox, Submission, Taken};
use crate::job::{Job, Step};
use crate::metrics::Counters;
use crate::prompt::Tokeniser;
use crate::slots::{Plan, Slots};
use crate::threads::ThreadController;

/// Tokens of a prompt that are evaluated at once. An aborted chunk is evaluated again, a finished one is
/// not: shorter loses less when typing goes on, longer is a little faster.
const CHUNK_TOKENS: usize = 128;

/// The engine's thread's own things.
pub(crate) struct Worker {
    inbox: Arc<Inbox>,
    counters: Arc<Counters>,
    context: Context,
    tokeniser: Tokeniser,
    threads: ThreadController,
    slots: Slots,
    /// In order of arrival.
    jobs: Vec<Job>,
    batch: Batch,
    context_tokens: u32,
}

/// A job's part of a batch.
struct Part {
    id: u64,
    slot: usize,
    /// Tokens that were cached before, and how many the batch adds.
    before: usize,
    added: usize,
    /// Index in the batch whose logits give the next token, if they do.
    output: Option<usize>,
}

impl Worker {
    pub(crate) fn new(
        inbox: Arc<Inbox>,
        counters: Arc<Counters>,
        context: Context,
        tokeniser: Tokeniser,
        threads_max: u32,
        context_tokens: u32,
    ) -> Self {
        let sizes = context.sizes();
        let parts = context.model().keeps_every_position();
        Self {
            inbox,
            counters,
            tokeniser,
            threads: ThreadController::new(threads_max),
            slots: Slots::new(sizes.sequences as usize, parts),
            jobs: Vec::new(),
            batch: Batch::new(sizes.batch_tokens as usize),
            context,
            context_tokens,
        }
    }

    /// Serves requests until the engine is dropped.
    pub(crate) fn run(mut self) {
        loop {
            match self.inbox.take(self.jobs.is_empty()) {
                Taken::Closed => break,
                Taken::Commands(commands) => commands.into_iter().for_each(|command| self.obey(command)),
            }
            if !self.jobs.is_empty() {
                self.advance();
            }
        }
        // Jobs that are dropped tell their requests that the engine is gone.
        self.inbox.fail(&Failure::Gone);
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Submit(submission) => self.accept(*submission),
            Command::Cancel(id) => {
                if let Some(job) = self.job(id) {
                    job.end(StopReason::Cancelled);
                    self.remove(id);
                }
            }
        }
    }

    fn accept(&mut self, submission: Submission) {
        self.counters.requests.add(1);
        match Job::new(submission, &self.tokeniser, self.context_tokens) {
            Some(job) => self.jobs.push(job),
            None => self.counters.failed.add(1),
        }
    }

    /// Serves the first lane that has work: one decode.
    fn advance(&mut self) {
        let Some(lane) = self
            .jobs
            .iter()
            .filter(|job| !job.parked)
            .map(|job| job.lane)
            .min()
        else {
            // Everybody waits for somebody else to end; let the oldest try again.
            self.jobs[0].parked = false;
            return;
        };
        self.assign(lane);
        let parts = self.fill(lane);
        if parts.is_empty() {
            return;
        }
        let ids = parts.iter().map(|part| part.id).collect();
        if !self.inbox.begin(lane, ids) {
            return;
        }
        let tokens = self.batch.len();
        let decision = self.threads.decide(tokens);
        self.context.set_threads(decision.threads);
        self.counters.decodes.add(1);
        let start = Instant::now();
        let result = self.context.decode(&mut self.batch);
        let took = start.elapsed().as_secs_f64() * 1e3;
        self.inbox.end();
        match result {
            Ok(Decoded::Done) => {
                self.threads.record(tokens, decision.threads, took);
                self.counters.threads.set(u64::from(self.threads.current()));
                self.digest(&parts, took);
            }
            Ok(Decoded::Aborted) => {
                self.counters.aborted.add(1);
                parts.iter().for_each(|part| self.resynchronise(part));
            }
            Ok(Decoded::NoRoom) => self.make_room(&parts),
            Err(error) => {
                let failure = Failure::Engine(error.to_string());
                for part in &parts {
                    self.forget(part.slot);
                    self.fail(part.id, failure.clone());
                }
            }
        }
    }

    /// Gives every job of `lane` a sequence, as far as there are any.
    fn assign(&mut self, lane: Lane) {
        let waiting: Vec<u64> = self
            .jobs
            .iter()
            .filter(|job| job.lane == lane && job.slot.is_none() && !job.parked)
            .map(|job| job.id)
            .collect();
        for id in waiting {
            let Some(index) = self.jobs.iter().position(|job| job.id == id) else {
                continue;
            };
            let plan = |worker: &Self| {
                let job = &worker.jobs[index];
                worker.slots.plan(&job.tokens, job.keep_max(), lane)
            };
            let Some(plan) = plan(self).or_else(|| {
                self.yield_slot(lane);
                plan(self)
            }) else {
                return;
            };
            let kept = self.prepare_slot(plan);
            self.slots.take(plan.slot, id, lane);
            let job = &mut self.jobs[index];
            job.start(plan.slot, kept);
            if job.only_evaluates() && kept == job.tokens.len() {
                self.finish(id, StopReason::Length);
            }
        }
    }

    /// Takes a sequence away from the last job of a lower lane; its tokens stay as long as nobody needs
    /// the place.
    fn yield_slot(&mut self, lane: Lane) {
        let lower = self
            .jobs
            .iter_mut()
            .filter(|job| job.lane > lane && job.slot.is_some());
        if let Some(job) = lower.max_by_key(|job| (job.lane, job.id))
            && let Some(slot) = job.slot.take()
        {
            self.slots.release(slot);
        }
    }

    /// Makes the cache as `plan` says; gives how many tokens the sequence then holds.
    fn prepare_slot(&mut self, plan: Plan) -> usize {
        let slot = plan.slot as u32;
        let keep = plan.keep as u32;
        let done = match plan.copy_from {
            Some(from) => self
                .context
                .truncate(slot, 0)
                .and_then(|()| self.context.copy(from as u32, slot, 0..keep)),
            None => self.context.truncate(slot, keep),
        };
        let last = self.context.position_last(slot).ok().flatten();
        if done.is_err() || last.map_or(0, |last| last as usize + 1) != plan.keep {
            self.forget(plan.slot);
            return 0;
        }
        let tokens = match plan.copy_from {
            Some(from) => self.slots.get(from).tokens[..plan.keep].to_vec(),
            None => self.slots.get(plan.slot).tokens[..plan.keep].to_vec(),
        };
        *self.slots.tokens_mut(plan.slot) = tokens;
        plan.keep
    }

    /// Fills the batch with the next token of every job of `lane` that generates, and the next chunk of
    /// the first prompts.
    fn fill(&mut self, lane: Lane) -> Vec<Part> {
        self.batch.clear();
        let mut parts = Vec::new();
        let mut chunk = CHUNK_TOKENS;
        for job in self.jobs.iter().filter(|job| job.lane == lane) {
            let Some(slot) = job.slot else { continue };
            let before = self.slots.get(slot).tokens.len();
            let open = job.tokens.len() - before;
            let mut added = open.min(self.batch.room());
            if open > 1 {
                // A trial of another number of threads is kept short.
                chunk = chunk.min(self.threads.decide(self.batch.len() + chunk.min(open)).tokens_max);
                added = added.min(chunk);
                chunk -= added;
            }
            if added == 0 {
                continue;
            }
            let mut output = None;
            for place in before..before + added {
                let last = place + 1 == job.tokens.len() && !job.only_evaluates();
                // `before + added` tokens fit a context, so positions are small numbers.
                let pushed = self
                    .batch
                    .push(job.tokens[place], place as i32, slot as i32, last);
                if let (Ok(index), true) = (pushed, last) {
                    output = Some(index);
                }
            }
            parts.push(Part {
                id: job.id,
                slot,
                before,
                added,
                output,
            });
        }
        parts
    }

    /// Learns what a finished decode brought.
    fn digest(&mut self, parts: &[Part], took: f64) {
        for part in parts {
            let Some(job) = self.jobs.iter_mut().find(|job| job.id == part.id) else {
                continue;
            };
            let cached = part.before + part.added;
            self.slots
                .tokens_mut(part.slot)
                .extend_from_slice(&job.tokens[part.before..cached]);
            job.decoded(part.before, cached, took);
            let step = match part.output.map(|index| self.context.logits(index)) {
                Some(Some(logits)) => job.generate(logits, self.tokeniser.vocabulary()),
                Some(None) => {
                    self.fail(part.id, Failure::Engine("llama.cpp gave no logits".to_owned()));
                    continue;
                }
                None if job.only_evaluates() && cached == job.tokens.len() => job.end(StopReason::Length),
                None => Step::Continue,
            };
            if step == Step::Ended {
                self.remove(part.id);
            } else if job.tokens.len() > self.context_tokens as usize {
                self.finish(part.id, StopReason::Length);
            }
        }
    }

    /// Holds what is believed of a sequence against the cache, after a decode that was stopped.
    fn resynchronise(&mut self, part: &Part) {
        let slot = part.slot as u32;
        let trimmed = self.context.truncate(slot, part.before as u32);
        let last = self.context.position_last(slot).ok().flatten();
        if trimmed.is_err() || last.map_or(0, |last| last as usize + 1) != part.before {
            // A model with one state for a whole sequence cannot go back; begin again.
            self.forget(part.slot);
        }
    }

    /// Frees a part of the cache for a decode that did not fit, or gives up what can never fit.
    fn make_room(&mut self, parts: &[Part]) {
        if let Some(slot) = self.slots.oldest_idle() {
            self.counters.evicted.add(1);
            self.forget(slot);
            return;
        }
        // Nobody idle: the least important job gives way until another has ended.
        let serving = |job: &&mut Job| job.slot.is_some();
        let others = self.jobs.iter_mut().filter(serving).count() > 1;
        let last = self
            .jobs
            .iter_mut()
            .filter(serving)
            .max_by_key(|job| (job.lane, job.id));
        if let (true, Some(job)) = (others, last) {
            job.parked = true;
            if let Some(slot) = job.slot.take() {
                self.slots.release(slot);
                self.shorten(slot);
            }
            return;
        }
        // One alone fills the context.
        for part in parts {
            self.finish(part.id, StopReason::Length);
        }
    }

    /// Gives up the second half of a sequence, so that its request need not begin again from nothing.
    fn shorten(&mut self, slot: usize) {
        let keep = self.slots.get(slot).tokens.len() / 2;
        if keep == 0 || self.context.truncate(slot as u32, keep as u32).is_err() {
            self.forget(slot);
            return;
        }
        self.slots.tokens_mut(slot).truncate(keep);
    }

    /// Empties a sequence.
    fn forget(&mut self, slot: usize) {
        // Removing all of a sequence is possible with every kind of cache.
        let removed = self.context.truncate(slot as u32, 0);
        if let Err(error) = removed {
            tracing::error!("the cache refused to empty sequence {slot}: {error}");
        }
        self.slots.tokens_mut(slot).clear();
    }

    fn finish(&mut self, id: u64, reason: StopReason) {
        if let Some(job) = self.job(id) {
            job.end(reason);
            self.remove(id);
        }
    }

    fn fail(&mut self, id: u64, failure: Failure) {
        if let Some(job) = self.job(id) {
            job.fail(failure);
            self.counters.failed.add(1);
            self.remove(id);
        }
    }

    /// Takes an ended job out; its sequence stays as cache for the next ones.
    fn remove(&mut self, id: u64) {
        let Some(index) = self.jobs.iter().position(|job| job.id == id) else {
            return;
        };
        let job = self.jobs.remove(index);
        self.counters.count(&job.usage());
        if let Some(slot) = job.slot {
            self.slots.release(slot);
        }
        self.jobs.iter_mut().for_each(|job| job.parked = false);
    }

    fn job(&mut self, id: u64) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|job| job.id == id)
    }
}
