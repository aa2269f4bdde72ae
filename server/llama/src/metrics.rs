//! What the engine has done so far, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use engine::Usage;

/// A number that only the engine's thread writes and anybody reads.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: Counter,
    pub(crate) failed: Counter,
    pub(crate) decodes: Counter,
    pub(crate) aborted: Counter,
    pub(crate) evicted: Counter,
    pub(crate) threads: Counter,
    prompt_tokens: Counter,
    reused_tokens: Counter,
    evaluated_tokens: Counter,
    generated_tokens: Counter,
    prompt_microseconds: Counter,
    generation_microseconds: Counter,
}

/// What the engine has done since it was loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Metrics {
    /// Requests that the engine's thread has taken.
    pub requests: u64,
    /// Of these, failed.
    pub failed: u64,
    /// Decodes that were begun.
    pub decodes: u64,
    /// Of these, stopped in their middle.
    pub aborted_decodes: u64,
    /// Cached sequences that were thrown away for want of room.
    pub evicted_sequences: u64,
    /// Threads that generate now.
    pub threads: u64,
    /// Tokens of all prompts.
    pub prompt_tokens: u64,
    /// Of these, taken from the cache.
    pub reused_tokens: u64,
    /// Of these, evaluated.
    pub evaluated_tokens: u64,
    /// Tokens generated.
    pub generated_tokens: u64,
    /// Spent on prompts.
    pub prompt_seconds: f64,
    /// Spent on generating.
    pub generation_seconds: f64,
}

impl Counters {
    /// Adds what a request cost.
    pub(crate) fn count(&self, usage: &Usage) {
        self.prompt_tokens.add(u64::from(usage.prompt_tokens));
        self.reused_tokens.add(u64::from(usage.reused_tokens));
        self.evaluated_tokens.add(u64::from(usage.evaluated_tokens));
        self.generated_tokens.add(u64::from(usage.generated_tokens));
        // Never negative; a fraction of a microsecond does not matter.
        self.prompt_microseconds
            .add((usage.prompt_milliseconds * 1e3) as u64);
        self.generation_microseconds
            .add((usage.generation_milliseconds * 1e3) as u64);
    }

    pub(crate) fn read(&self) -> Metrics {
        Metrics {
            requests: self.requests.get(),
            failed: self.failed.get(),
            decodes: self.decodes.get(),
            aborted_decodes: self.aborted.get(),
            evicted_sequences: self.evicted.get(),
            threads: self.threads.get(),
            prompt_tokens: self.prompt_tokens.get(),
            reused_tokens: self.reused_tokens.get(),
            evaluated_tokens: self.evaluated_tokens.get(),
            generated_tokens: self.generated_tokens.get(),
            prompt_seconds: self.prompt_microseconds.get() as f64 / 1e6,
            generation_seconds: self.generation_microseconds.get() as f64 / 1e6,
        }
    }
}
