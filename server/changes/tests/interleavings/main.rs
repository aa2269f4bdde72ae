//! Random interleavings of typing, saving, formatting, external writes, proposals, decisions, applies and
//! refused applies: dropping everything leaves what the user has, keeping everything leaves the proposal
//! plus the user's edits, and nobody's character is lost.
//!
//! Every character but the line end is used once, so where it came from and where it went can be told:
//! `account.rs` keeps the account that the review is checked against after every step.
//! `FREEHOLD_CASES` says how many interleavings are played, on all cores, `FREEHOLD_SEED` where to begin; all
//! are played, and those that fail are named:
//! `FREEHOLD_CASES=1000000 cargo test --release -p changes --test interleavings -- --nocapture`.

mod account;
mod play;
mod world;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use host::{Environment, RealHost};

use play::{Counts, play};

const CASES: u64 = 2_000;
const STEPS: usize = 40;

fn number(name: &str) -> Option<u64> {
    RealHost::new().variable(name)?.parse().ok()
}

/// Plays every `stride`th of the seeds, counts what happens, and tells of those that fail.
fn play_all(seeds: Range<u64>, stride: usize) -> (Counts, Vec<String>) {
    let mut counts = Counts::default();
    let mut failures = Vec::new();
    for seed in seeds.step_by(stride) {
        match play_one(seed, STEPS) {
            Ok(case_counts) => counts.add(&case_counts),
            Err(_) => failures.push(shortest_failure(seed)),
        }
    }
    (counts, failures)
}

fn play_one(seed: u64, steps: usize) -> Result<Counts, String> {
    let played = catch_unwind(AssertUnwindSafe(|| play(seed, steps)));
    played.unwrap_or_else(|_| Err("it panics".to_owned()))
}

fn shortest_failure(seed: u64) -> String {
    let failure = (0..=STEPS).find_map(|steps| Some((steps, play_one(seed, steps).err()?)));
    let (steps, error) = failure.unwrap_or((STEPS, "not again".to_owned()));
    let told = format!("seed {seed} fails with {steps} steps: {error}");
    println!("{told}");
    told
}

#[test]
fn nobody_loses_a_character() {
    let cases = number("FREEHOLD_CASES").unwrap_or(CASES);
    let first = number("FREEHOLD_SEED").unwrap_or(0);
    let cores = RealHost::new().core_count();
    let mut counts = Counts::default();
    let mut failures = Vec::new();
    thread::scope(|scope| {
        let player = |core: usize| scope.spawn(move || play_all(first + core as u64..first + cases, cores));
        let players: Vec<_> = (0..cores).map(player).collect();
        for player in players {
            let (played, failed) = player.join().expect("a player catches what its cases do");
            counts.add(&played);
            failures.extend(failed);
        }
    });
    println!("{cases} interleavings of {STEPS} steps: {counts}");
    assert!(
        failures.is_empty(),
        "{} fail:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
