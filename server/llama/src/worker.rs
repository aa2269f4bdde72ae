//! The engine's thread: who is served next, with what, and what becomes of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{Failure, Lane, StopReason};

use crate::blocks::{Rules, common};
use crate::cache::Cache;
use crate::ffi::batch::Batch;
use crate::ffi::context::{Context, Decoded};
use crate::inbox::{Command, Inbox, Submission, Taken, Wait};
use crate::job::{Job, Step};
use crate::metrics::Counters;
use crate::pace::Pace;
use crate::prompt::Tokeniser;
use crate::shelf::{PROMPTS_MAX, Shelf};
use crate::slots::Wanted;
use crate::threads::ThreadController;

/// How long nothing must come before what was evaluated is put on disk.
const REST: Duration = Duration::from_secs(20);
/// Tokens of a prompt that is put there, at least: fewer are quickly evaluated.
const KEPT_TOKENS_MIN: usize = 64;

/// The engine's thread's own things.
pub(crate) struct Worker {
    inbox: Arc<Inbox>,
    counters: Arc<Counters>,
    cache: Cache,
    tokeniser: Tokeniser,
    threads: ThreadController,
    pace: Pace,
    /// In order of arrival.
    jobs: Vec<Job>,
    batch: Batch,
    context_tokens: u32,
    shelf: Option<Shelf>,
    /// Whether something was evaluated that is not on the shelf.
    unshelved: bool,
}

/// How much is served at the same time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Requests that are served at the same time, and conversations that wait.
    pub(crate) slots: u32,
    /// Tokens that the context holds.
    pub(crate) context_tokens: u32,
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
        sizes: Sizes,
        shelf: Option<Shelf>,
    ) -> Self {
        let batch_tokens = context.sizes().batch_tokens as usize;
        let mut cache = Cache::new(context, sizes.slots, Rules::default());
        if let Some(shelf) = &shelf {
            // The last slot first: the first ones are the next to be used up.
            for (slot, kept) in (0..sizes.slots as usize)
                .rev()
                .zip(shelf.take().into_iter().rev())
            {
                let tokens = kept.tokens.len();
                let restored = cache.restore(slot, kept);
                tracing::debug!("{tokens} evaluated tokens from disk: restored {restored}");
            }
        }
        Self {
            inbox,
            counters,
            tokeniser,
            pace: Pace::default(),
            threads: ThreadController::new(threads_max),
            jobs: Vec::new(),
            batch: Batch::new(batch_tokens),
            cache,
            shelf,
            unshelved: false,
            context_tokens: sizes.context_tokens,
        }
    }

    /// Serves requests until the engine is dropped.
    pub(crate) fn run(mut self) {
        loop {
            let wait = match (self.jobs.is_empty(), self.unshelved) {
                (false, _) => Wait::No,
                (true, false) => Wait::Always,
                (true, true) => Wait::AtMost(REST),
            };
            match self.inbox.take(wait) {
                Taken::Closed => break,
                Taken::Commands(commands) => {
                    if commands.is_empty() && self.jobs.is_empty() {
                        self.shelve();
                    }
                    commands.into_iter().for_each(|command| self.obey(command));
                }
            }
            if !self.jobs.is_empty() {
                self.advance();
            }
        }
        // Jobs that are dropped tell their requests that the engine is gone.
        self.inbox.fail(&Failure::Gone);
        self.shelve();
    }

    /// Puts what somebody who types will come back to on disk; stops when a request comes.
    fn shelve(&mut self) {
        let Some(shelf) = self.shelf.clone().filter(|_| self.unshelved) else {
            return;
        };
        self.unshelved = false;
        let mut room = shelf.bytes_max();
        let mut count = 0;
        for slot in self
            .cache
            .slots()
            .recent(KEPT_TOKENS_MIN)
            .into_iter()
            .take(PROMPTS_MAX)
        {
            if self.inbox.is_filled() {
                self.unshelved = true;
                return;
            }
            let Ok(kept) = self.cache.save(slot) else { continue };
            let bytes = kept.state.len() as u64 + kept.tokens.len() as u64 * 4 + 4096;
            if bytes > room {
                continue;
            }
            room -= bytes;
            if let Err(error) = shelf.put(count, &kept) {
                tracing::warn!("what was evaluated cannot be kept on disk: {error}");
                return;
            }
            count += 1;
        }
        shelf.tidy(count);
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
        self.cache.set_threads(decision.threads);
        self.counters.decodes.add(1);
        let start = Instant::now();
        let result = self.cache.decode(&mut self.batch);
        let took = start.elapsed().as_secs_f64() * 1e3;
        self.inbox.end();
        match result {
            Ok(Decoded::Done) => {
                self.threads.record(tokens, decision.threads, took);
                self.pace.record(tokens, took);
                self.counters.threads.set(u64::from(self.threads.current()));
                self.unshelved = self.shelf.is_some();
                self.digest(&parts, took);
            }
            Ok(Decoded::Aborted) => {
                self.counters.aborted.add(1);
                parts.iter().for_each(|part| self.cache.resynchronise(part.slot));
            }
            Ok(Decoded::NoRoom) => self.make_room(&parts),
            Err(error) => {
                let failure = Failure::Engine(error.to_string());
                for part in &parts {
                    self.cache.forget(part.slot);
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
            if self.comes_from_another(index) {
                continue;
            }
            if !self.give_slot(index) {
                self.yield_slot(lane);
                if !self.give_slot(index) {
                    return;
                }
            }
            let job = &self.jobs[index];
            let cached = job
                .slot
                .map_or(0, |slot| self.cache.slots().get(slot).tokens.len());
            if job.only_evaluates() && cached == job.tokens.len() {
                self.finish(id, StopReason::Length);
            }
        }
    }

    /// Gives the job at `index` a slot; false if there is none.
    fn give_slot(&mut self, index: usize) -> bool {
        let job = &mut self.jobs[index];
        let is_special = |token| self.tokeniser.is_reserved(token);
        let wanted = Wanted {
            prompt: &job.tokens,
            keep_max: job.keep_max(),
            lane: job.lane,
            reuse: job.reuse,
            is_special: &is_special,
        };
        let Some(assigned) = self.cache.assign(job.id, wanted) else {
            return false;
        };
        job.start(assigned);
        true
    }

    /// Whether another job is evaluating the very prompt of the job at `index`, which then need not do it
    /// too: alternatives to one suggestion are asked for together.
    fn comes_from_another(&self, index: usize) -> bool {
        let job = &self.jobs[index];
        let keep = job.keep_max();
        self.jobs.iter().any(|other| {
            let at_it = |slot| self.cache.slots().get(slot).tokens.len() < other.prompt_tokens;
            let same = || common(&other.tokens[..other.prompt_tokens], &job.tokens) >= keep;
            other.id != job.id
                && other.lane == job.lane
                && keep > 1
                && other.slot.is_some_and(at_it)
                && same()
        })
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
            self.cache.release_slot(slot);
        }
    }

    /// Fills the batch with the next token of every job of `lane` that generates, and the next chunk of
    /// the first prompts.
    fn fill(&mut self, lane: Lane) -> Vec<Part> {
        self.batch.clear();
        let mut parts = Vec::new();
        let only_evaluates = self
            .jobs
            .iter()
            .filter(|job| job.lane == lane)
            .all(Job::only_evaluates);
        let mut chunk = self.pace.chunk_tokens(lane, only_evaluates);
        for job in self.jobs.iter().filter(|job| job.lane == lane) {
            let Some(slot) = job.slot else { continue };
            let range = self.cache.open(slot, &job.tokens);
            let (before, open) = (range.start, range.len());
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
            let next = self.cache.slots().get(slot).next;
            for (position, place) in (next..).zip(before..before + added) {
                let last = place + 1 == job.tokens.len() && !job.only_evaluates();
                // Positions are hardly more than tokens fit a context, so they are small numbers.
                let pushed = self
                    .batch
                    .push(job.tokens[place], position as i32, slot as i32, last);
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
            let end = part.before + part.added;
            self.cache
                .record(part.slot, &job.tokens[part.before..end], job.prompt_tokens);
            let cached = self.cache.slots().get(part.slot).tokens.len();
            job.decoded(part.before, end, cached, took);
            let step = match part.output.map(|index| self.cache.logits(index)) {
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
            } else if self.cache.slots().get(part.slot).next >= self.context_tokens {
                self.finish(part.id, StopReason::Length);
            }
        }
    }

    /// Frees a part of the cache for a decode that did not fit, or gives up what can never fit.
    fn make_room(&mut self, parts: &[Part]) {
        if self.cache.evict() {
            self.counters.evicted.add(1);
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
                self.cache.release_slot(slot);
                self.cache.shorten(slot);
            }
            return;
        }
        // One alone fills the context.
        for part in parts {
            self.finish(part.id, StopReason::Length);
        }
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
            self.cache.release_slot(slot);
        }
        self.jobs.iter_mut().for_each(|job| job.parked = false);
    }

    fn job(&mut self, id: u64) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|job| job.id == id)
    }
}
