//! Measures what other programs on the same cores cost, with fixed numbers of threads and the adaptive one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::bench::{BenchError, BenchOptions, Runner};
use crate::threads::ThreadController;

/// Tokens of a prompt that are evaluated at once.
const CHUNK_TOKENS: u32 = 128;
/// Tokens after which the context is emptied.
const CONTEXT_TOKENS: u32 = 512;

/// Speeds in tokens per second next to a number of busy loops.
#[derive(Debug, Clone, PartialEq)]
pub struct Contention {
    /// Threads that do nothing but take time.
    pub busy: u32,
    /// With the number of threads chosen by [`ThreadController`].
    pub adaptive: Pace,
    /// With 1, 2, … threads.
    pub fixed: Vec<Pace>,
}

/// How fast it went.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pace {
    /// Tokens of a prompt, per second.
    pub prompt: f64,
    /// Generated tokens, per second.
    pub generation: f64,
}

impl Contention {
    /// The adaptive speeds over those of the best fixed number, prompt and generation by themselves.
    #[must_use]
    pub fn ratio(&self) -> Pace {
        let best = |speed: fn(&Pace) -> f64| self.fixed.iter().map(speed).fold(f64::MIN_POSITIVE, f64::max);
        Pace {
            prompt: self.adaptive.prompt / best(|pace| pace.prompt),
            generation: self.adaptive.generation / best(|pace| pace.generation),
        }
    }
}

/// Measures with 0, 1, … `busy_max` busy loops, which it starts and stops itself. Each number of threads
/// is measured `repetitions` times for `slice`, in turns, so that a change of the machine's load hits all
/// alike. The controller is not told when loops begin: what it needs to find out counts.
///
/// # Errors
/// Gives a [`BenchError`] when the model cannot be loaded or llama.cpp fails.
pub fn contention(
    options: &BenchOptions,
    busy_max: u32,
    slice: Duration,
) -> Result<Vec<Contention>, BenchError> {
    let sized = BenchOptions {
        prompt_tokens: CONTEXT_TOKENS,
        generated_tokens: 0,
        ..options.clone()
    };
    let mut runner = Runner::new(&sized)?;
    let mut controller = ThreadController::new(options.threads);
    // The first decodes read the weights.
    run(&mut runner, &mut Threads::Fixed(options.threads), 1, slice)?;
    let mut rows = Vec::new();
    for busy in 0..=busy_max {
        let _loops = BusyLoops::start(busy);
        let mut row = Contention {
            busy,
            adaptive: Pace::default(),
            fixed: vec![Pace::default(); options.threads as usize],
        };
        let share = 1.0 / f64::from(options.repetitions.max(1));
        for _ in 0..options.repetitions {
            measure(
                &mut runner,
                &mut Threads::Adaptive(&mut controller),
                slice,
                share,
                &mut row.adaptive,
            )?;
            for (threads, pace) in (1..).zip(&mut row.fixed) {
                measure(&mut runner, &mut Threads::Fixed(threads), slice, share, pace)?;
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

enum Threads<'a> {
    Fixed(u32),
    Adaptive(&'a mut ThreadController),
}

fn measure(
    runner: &mut Runner,
    threads: &mut Threads<'_>,
    slice: Duration,
    share: f64,
    pace: &mut Pace,
) -> Result<(), BenchError> {
    pace.prompt += share * run(runner, threads, CHUNK_TOKENS, slice)?;
    pace.generation += share * run(runner, threads, 1, slice)?;
    Ok(())
}

/// Evaluates `step` tokens at a time for `slice`; gives tokens per second.
fn run(
    runner: &mut Runner,
    threads: &mut Threads<'_>,
    step: u32,
    slice: Duration,
) -> Result<f64, BenchError> {
    let start = Instant::now();
    let (mut position, mut done) = (0, 0);
    runner.context.clear();
    while start.elapsed() < slice {
        let mut tokens = step;
        let count = match threads {
            Threads::Fixed(count) => *count,
            Threads::Adaptive(controller) => {
                let decision = controller.decide(step as usize);
                tokens = tokens.min(u32::try_from(decision.tokens_max).unwrap_or(u32::MAX));
                decision.threads
            }
        };
        if position + tokens > CONTEXT_TOKENS {
            runner.context.clear();
            position = 0;
        }
        runner.context.set_threads(count);
        let begin = Instant::now();
        runner.chunk(position, tokens)?;
        if let Threads::Adaptive(controller) = threads {
            controller.record(tokens as usize, count, begin.elapsed().as_secs_f64() * 1e3);
        }
        position += tokens;
        done += tokens;
    }
    Ok(f64::from(done) / start.elapsed().as_secs_f64())
}

/// Threads that do nothing but take time; dropping it ends them.
struct BusyLoops {
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl BusyLoops {
    fn start(count: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..count).map(|_| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        });
        let threads = threads.collect();
        Self { stop, threads }
    }
}

impl Drop for BusyLoops {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // They cannot panic.
            let _ended = thread.join();
        }
    }
}
