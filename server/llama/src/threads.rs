//! How many threads to use, learnt from how long the last decodes took.
//!
//! On an idle machine more threads are faster. When something else wants the cores, each operation waits
//! for the thread that was put aside, and two threads can be many times slower than one. Nobody tells us
//! which it is, so the controller tries: now and then it gives the next lower or higher count a few
//! tokens and keeps what was faster. A count that was bad is tried less often, so that trials cost a few
//! per cent at most; when speed changes suddenly, it tries at once.
//!
//! Plain arithmetic on what it is told: no clock, no threads.

/// What OpenMP's environment must be *before the engine's process starts*: its runtime reads it while it
/// is loaded. By default its threads turn 300,000 times at each of the hundreds of places a token where
/// they wait for each other; on a busy machine they then burn the time that the one they wait for needs.
/// After 1,000 turns, some tens of microseconds, they sleep: long enough that an idle machine loses
/// nothing measurable, which sleeping at once does (a quarter of the speed of generating).
pub const ENGINE_ENVIRONMENT: &[(&str, &str)] = &[("OMP_WAIT_POLICY", "passive"), ("GOMP_SPINCOUNT", "1000")];

/// Share of the time that trials of slower counts may cost.
const TRIAL_SHARE: f64 = 0.04;
/// Time between two trials of the same count, at least.
const TRIAL_INTERVAL_MILLISECONDS: f64 = 250.0;
/// Decodes that a trial takes; the first one, which wakes or parks threads, does not count.
const TRIAL_DECODES: u32 = 3;
/// Tokens of a prompt that a trial takes at most.
const TRIAL_TOKENS: usize = 16;
/// Weight of the newest measurement.
const NEWEST: f64 = 0.3;
/// A change of speed by this factor means that the machine has changed.
const CHANGED: f64 = 1.4;
/// A trial that takes this many times as long for a token ends after one decode.
const HOPELESS: f64 = 3.0;
/// A count that takes no more than this many times as long does not hide those beyond it.
const NEAR: f64 = 1.25;
/// How much faster another count must be to be taken.
const BETTER: f64 = 0.95;

/// Learns how many threads to use.
#[derive(Debug, Clone)]
pub struct ThreadController {
    counts: Vec<u32>,
    /// Batches of one, two, three, four tokens, and long ones: they scale differently.
    classes: [Class; 5],
}

/// What the next decode should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Threads to use.
    pub threads: u32,
    /// Tokens to decode at most: a trial is kept short.
    pub tokens_max: usize,
}

#[derive(Debug, Clone)]
struct Class {
    estimates: Vec<Estimate>,
    current: usize,
    trial: Option<Trial>,
    /// Milliseconds spent in this class.
    clock: f64,
    /// Milliseconds for each token of the current count when it was last compared.
    reference: Option<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Estimate {
    /// Milliseconds for each token; `None` while it is not known, or no longer true.
    milliseconds: Option<f64>,
    /// The class's clock then.
    at: f64,
}

#[derive(Debug, Clone, Copy)]
struct Trial {
    index: usize,
    decodes: u32,
    milliseconds: f64,
    tokens: f64,
}

impl ThreadController {
    /// A controller that uses up to `threads_max` threads and begins with all of them.
    #[must_use]
    pub fn new(threads_max: u32) -> Self {
        let max = threads_max.max(1);
        let mut counts: Vec<u32> = std::iter::successors(Some(1_u32), |count| count.checked_mul(2))
            .take_while(|count| *count < max)
            .chain([max, max - max / 4])
            .collect();
        counts.sort_unstable();
        counts.dedup();
        let class = Class {
            estimates: vec![
                Estimate {
                    milliseconds: None,
                    at: 0.0
                };
                counts.len()
            ],
            current: counts.len() - 1,
            trial: None,
            clock: 0.0,
            reference: None,
        };
        Self {
            counts,
            classes: std::array::from_fn(|_| class.clone()),
        }
    }

    /// How to decode the next `tokens` tokens.
    pub fn decide(&mut self, tokens: usize) -> Decision {
        let Some(class) = self.class(tokens) else {
            return Decision {
                threads: self.current(),
                tokens_max: usize::MAX,
            };
        };
        if class.trial.is_none() {
            class.trial = class.next_trial(tokens);
        }
        let (index, tokens_max) = match class.trial {
            Some(trial) => (trial.index, TRIAL_TOKENS),
            None => (class.current, usize::MAX),
        };
        Decision {
            threads: self.counts[index],
            tokens_max,
        }
    }

    /// Learns that `tokens` tokens took `milliseconds` with `threads` threads.
    pub fn record(&mut self, tokens: usize, threads: u32, milliseconds: f64) {
        let Some(index) = self.counts.iter().position(|count| *count == threads) else {
            return;
        };
        if tokens == 0 || !milliseconds.is_finite() || milliseconds < 0.0 {
            return;
        }
        if let Some(class) = self.class(tokens) {
            class.record(index, tokens as f64, milliseconds);
        }
    }

    /// Threads that are used for single tokens now.
    #[must_use]
    pub fn current(&self) -> u32 {
        self.counts[self.classes[0].current]
    }

    /// The class of a batch. Batches in between take very different times for a token, from which nothing
    /// can be learnt; they use what single tokens use.
    fn class(&mut self, tokens: usize) -> Option<&mut Class> {
        match tokens {
            1..=4 => self.classes.get_mut(tokens - 1),
            TRIAL_TOKENS.. => self.classes.last_mut(),
            _ => None,
        }
    }
}

impl Class {
    /// The count that it is time to try: the next lower or higher one, or one beyond it if those between
    /// are about as good as the current one.
    fn next_trial(&self, tokens: usize) -> Option<Trial> {
        let now = self.estimates[self.current].milliseconds?;
        let due = |index: &usize| self.is_due(self.estimates[*index], now, tokens);
        let near = |index: &usize| {
            self.estimates[*index]
                .milliseconds
                .is_some_and(|value| value <= now * NEAR)
        };
        let reach = |indices: &mut dyn Iterator<Item = usize>| {
            let mut open = true;
            let within: Vec<usize> = indices
                .take_while(|index| std::mem::replace(&mut open, near(index)))
                .collect();
            within.into_iter().find(due)
        };
        let lower = reach(&mut (0..self.current).rev());
        let index = lower.or_else(|| reach(&mut (self.current + 1..self.estimates.len())))?;
        Some(Trial {
            index,
            decodes: 0,
            milliseconds: 0.0,
            tokens: 0.0,
        })
    }

    /// Whether a trial of a count is worth its cost, when the current one takes `now` for a token.
    fn is_due(&self, estimate: Estimate, now: f64, tokens: usize) -> bool {
        let Some(then) = estimate.milliseconds else {
            return true;
        };
        let since = self.clock - estimate.at;
        let decodes = if then > now * HOPELESS {
            1
        } else {
            decodes_of_trial(tokens)
        };
        let cost = (then - now) * f64::from(decodes) * tokens.min(TRIAL_TOKENS) as f64;
        since >= TRIAL_INTERVAL_MILLISECONDS && since * TRIAL_SHARE >= cost
    }

    fn record(&mut self, index: usize, tokens: f64, milliseconds: f64) {
        self.clock += milliseconds;
        if let Some(trial) = self.trial
            && trial.index == index
        {
            self.record_trial(trial, tokens, milliseconds);
            return;
        }
        if index != self.current {
            return;
        }
        let newest = milliseconds / tokens;
        let estimate = &mut self.estimates[index];
        let value = estimate
            .milliseconds
            .map_or(newest, |old| old + NEWEST * (newest - old));
        *estimate = Estimate {
            milliseconds: Some(value),
            at: self.clock,
        };
        let reference = *self.reference.get_or_insert(value);
        if value > reference * CHANGED || value * CHANGED < reference {
            self.reference = Some(value);
            self.forget_others();
        }
    }

    fn record_trial(&mut self, mut trial: Trial, tokens: f64, milliseconds: f64) {
        let decodes = decodes_of_trial(tokens as usize);
        // The first of several decodes wakes or parks threads.
        if trial.decodes > 0 || decodes == 1 {
            trial.milliseconds += milliseconds;
            trial.tokens += tokens;
        }
        trial.decodes += 1;
        let current = self.estimates[self.current].milliseconds.unwrap_or(f64::INFINITY);
        // One decode may show already that it leads nowhere.
        let hopeless = milliseconds / tokens > current * HOPELESS;
        if trial.decodes < decodes && !hopeless {
            self.trial = Some(trial);
            return;
        }
        self.trial = None;
        let value = if trial.tokens > 0.0 {
            trial.milliseconds / trial.tokens
        } else {
            milliseconds / tokens
        };
        self.estimates[trial.index] = Estimate {
            milliseconds: Some(value),
            at: self.clock,
        };
        if value < current * BETTER {
            self.current = trial.index;
            self.reference = Some(value);
        } else {
            self.reference = Some(current);
        }
    }

    /// What was measured of the other counts is no longer true.
    fn forget_others(&mut self) {
        for (index, estimate) in self.estimates.iter_mut().enumerate() {
            if index != self.current {
                estimate.milliseconds = None;
            }
        }
    }
}

/// Long batches take long enough for one to tell.
fn decodes_of_trial(tokens: usize) -> u32 {
    if tokens < TRIAL_TOKENS { TRIAL_DECODES } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds for a token by the number of threads.
    type Machine = fn(u32) -> f64;

    const IDLE: Machine = |threads| 60.0 / f64::from(threads);
    const BUSY: Machine = |threads| 60.0 * f64::from(threads).powi(2);
    const HALF_BUSY: Machine = |threads| {
        if threads <= 4 {
            60.0 / f64::from(threads)
        } else {
            90.0
        }
    };

    /// Decodes `count` batches of `tokens` tokens with noise; gives the milliseconds for each token.
    fn play(controller: &mut ThreadController, machine: Machine, tokens: usize, count: usize) -> f64 {
        let mut random = 12_345_u64;
        let (mut spent, mut done) = (0.0, 0);
        for _ in 0..count {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let noise = 0.8 + (random >> 40) as f64 / (1_u64 << 24) as f64 * 0.4;
            let decision = controller.decide(tokens);
            let tokens = tokens.min(decision.tokens_max);
            let took = machine(decision.threads) * tokens as f64 * noise;
            controller.record(tokens, decision.threads, took);
            spent += took;
            done += tokens;
        }
        spent / done as f64
    }

    #[test]
    fn the_counts_cover_the_range() {
        let counts = |max| ThreadController::new(max).counts;
        assert_eq!(counts(0), [1]);
        assert_eq!(counts(2), [1, 2]);
        assert_eq!(counts(6), [1, 2, 4, 5, 6]);
        assert_eq!(counts(16), [1, 2, 4, 8, 12, 16]);
    }

    #[test]
    fn it_comes_within_a_tenth_of_the_best_count() {
        for (name, machine, max) in [("idle", IDLE, 2), ("busy", BUSY, 2), ("half", HALF_BUSY, 8)] {
            let best = (1..=max).map(machine).fold(f64::INFINITY, f64::min);
            for tokens in [1, 3, 128] {
                let took = play(&mut ThreadController::new(max), machine, tokens, 600);
                assert!(
                    took < best * 1.15,
                    "{name}, {tokens} tokens: {took} against {best}"
                );
            }
        }
    }

    #[test]
    fn it_follows_a_machine_that_becomes_busy_and_idle_again() {
        let mut controller = ThreadController::new(2);
        play(&mut controller, IDLE, 1, 100);
        assert_eq!(controller.current(), 2);
        play(&mut controller, BUSY, 1, 12);
        assert_eq!(controller.current(), 1);
        play(&mut controller, BUSY, 1, 300);
        assert_eq!(controller.current(), 1);
        play(&mut controller, IDLE, 1, 200);
        assert_eq!(controller.current(), 2);
    }

    #[test]
    fn one_thread_is_never_left_for_more_when_there_is_only_one() {
        let mut controller = ThreadController::new(1);
        play(&mut controller, BUSY, 1, 50);
        assert_eq!(
            controller.decide(1),
            Decision {
                threads: 1,
                tokens_max: usize::MAX
            }
        );
    }

    #[test]
    fn nonsense_is_ignored() {
        let mut controller = ThreadController::new(2);
        controller.record(0, 2, 1.0);
        controller.record(1, 7, 1.0);
        controller.record(1, 2, f64::NAN);
        assert_eq!(controller.decide(1).threads, 2);
    }
}
