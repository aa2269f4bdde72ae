//! Random interleavings of typing, saving, formatting, external writes, proposals, decisions, applies and
//! refused applies: dropping everything leaves what the user has, keeping everything leaves the proposal
//! plus the user's edits, and nobody's character is lost.
//!
//! Every character but the line end is used once, so where it came from and where it went can be told:
//! `account.rs` keeps the account that the review is checked against after every step.
//! `FREEHOLD_CASES` says how many interleavings are played, `FREEHOLD_SEED` where to begin:
//! `FREEHOLD_CASES=1000000 cargo test --release -p changes --test interleavings -- --nocapture`.

mod account;
mod play;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use host::{Environment, RealHost};

use play::{Counts, play};

const CASES: u64 = 2_000;
const STEPS: usize = 40;

fn number(name: &str) -> Option<u64> {
    RealHost::new().variable(name)?.parse().ok()
}

#[test]
fn nobody_loses_a_character() {
    let cases = number("FREEHOLD_CASES").unwrap_or(CASES);
    let first = number("FREEHOLD_SEED").unwrap_or(0);
    let mut counts = Counts::default();
    for seed in first..first + cases {
        let case = |steps| catch_unwind(AssertUnwindSafe(|| play(seed, steps)));
        match case(STEPS) {
            Ok(Ok(case_counts)) => counts.add(&case_counts),
            _ => {
                let shortest = (0..=STEPS)
                    .find(|&steps| !matches!(case(steps), Ok(Ok(_))))
                    .unwrap_or(STEPS);
                panic!(
                    "seed {seed} fails with {shortest} steps: {:?}",
                    case(shortest).map(|result| result.err())
                );
            }
        }
    }
    println!("{cases} interleavings of {STEPS} steps: {counts}");
}
