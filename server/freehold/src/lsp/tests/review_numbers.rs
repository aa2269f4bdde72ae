//! How long a review makes its user wait, through the protocol; the promises hold for release builds.
//!
//! `FREEHOLD_PROMISES=1 cargo test --release -p freehold --no-default-features --bin freehold review_numbers -- --nocapture
//! --test-threads=1` shows all of it.

use std::fmt::Write;
use std::time::Duration;

use host::{Clock, Environment, RealHost};
use serde_json::{Value, json};
use testing::editor::Answer;

use super::desk::Setup;
use super::reviewer::{Reviewer, abilities};

const FILES: usize = 100;
const HUNKS_PER_FILE: usize = 5;
const LINES_PER_HUNK: usize = 40;
const DECISIONS: usize = 60;

/// Holds a promise if `FREEHOLD_PROMISES` is set: it is made of release builds on a machine that does nothing else.
fn promised(what: &str, time: Duration, at_most_ms: u64) {
    println!(
        "{what}: {:.1} ms (promised {at_most_ms} ms)",
        time.as_secs_f64() * 1e3
    );
    let is_held = RealHost::new().variable("FREEHOLD_PROMISES").is_some();
    assert!(
        !is_held || time <= Duration::from_millis(at_most_ms),
        "{what} takes {time:?}"
    );
}

fn percentile(times: &mut [Duration], hundredths: usize) -> Duration {
    times.sort();
    times[(times.len() - 1) * hundredths / 100]
}

async fn reviewer() -> Reviewer {
    Reviewer::set_up(Setup {
        capabilities: abilities(),
        ..Setup::default()
    })
    .await
}

fn line(file: usize, number: usize) -> String {
    format!(
        "    let value_{number} = compute({file}, {});\n",
        number * 7919 % 1000
    )
}

fn path(file: usize) -> String {
    format!("/project/app/src/file{file}.rs")
}

/// A patch that replaces lines of a file: where, counted from 0, and how many.
fn patch(file: usize, places: &[(usize, usize)]) -> String {
    let mut patch = format!("--- a/src/file{file}.rs\n+++ b/src/file{file}.rs\n");
    for &(start, count) in places {
        let from = start + 1;
        writeln!(patch, "@@ -{from},{count} +{from},{count} @@").expect("written");
        for sign in ['-', '+'] {
            for number in start..start + count {
                let shift = if sign == '+' { 1_000_000 } else { 0 };
                write!(patch, "{sign}{}", line(file, number + shift)).expect("written");
            }
        }
    }
    patch
}

#[tokio::test]
async fn one_of_many_hunks_is_decided_at_once() {
    let host = RealHost::new();
    let mut reviewer = reviewer().await;
    let places: Vec<(usize, usize)> = (0..HUNKS_PER_FILE)
        .map(|hunk| (hunk * LINES_PER_HUNK + 10, 1))
        .collect();
    let mut whole = String::new();
    for file in 0..FILES {
        let text: String = (0..HUNKS_PER_FILE * LINES_PER_HUNK)
            .map(|number| line(file, number))
            .collect();
        reviewer.desk.write(&path(file), &text);
        whole += &patch(file, &places);
    }
    // Every other decision is about a file that the editor has open.
    for file in (0..FILES).step_by(2) {
        reviewer.open(&path(file)).await;
    }
    let proposed = reviewer.propose(&whole).await;
    let hunks: Vec<Value> = proposed["hunks"].as_array().expect("a list").clone();
    assert_eq!(hunks.len(), FILES * HUNKS_PER_FILE);
    for command in ["keepHunk", "dropHunk"] {
        let mut times = Vec::with_capacity(DECISIONS);
        for turn in 0..DECISIONS {
            let hunk = if command == "keepHunk" { turn } else { turn + 200 };
            let argument = json!({ "hunk": hunks[hunk * 7 % 400 + turn % 2] });
            let start = host.monotonic();
            let answer = reviewer.try_command(command, argument).await;
            if answer == Answer::Result(json!({ "applied": true })) {
                times.push(host.monotonic() - start);
            }
        }
        assert!(times.len() > DECISIONS / 2, "most are decided");
        let p50 = percentile(&mut times, 50);
        println!("{command}, one of 500, p50: {:.1} ms", p50.as_secs_f64() * 1e3);
        promised(
            &format!("{command}, one of 500, p95"),
            percentile(&mut times, 95),
            50,
        );
    }
    reviewer.leave().await;
}

/// While the patch is laid, keys are taken in as ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_lines_are_proposed_without_keeping_anybody_from_typing() {
    let host = RealHost::new();
    for (files, lines) in [(1, 5_000), (50, 100)] {
        let mut reviewer = reviewer().await;
        reviewer.desk.write("/project/app/typed.rs", "typed\n");
        let typed = reviewer.open("/project/app/typed.rs").await;
        let mut whole = String::new();
        for file in 0..files {
            let text: String = (0..lines).map(|number| line(file, number)).collect();
            reviewer.desk.write(&path(file), &text);
            whole += &patch(file, &[(0, lines)]);
        }
        reviewer.command("review", json!({})).await;
        let start = host.monotonic();
        let id = reviewer
            .begin("propose", json!({ "patch": whole, "title": "Many lines" }))
            .await;
        let (mut longest, mut keys) = (Duration::ZERO, 0);
        let answer = loop {
            let key = host.monotonic();
            reviewer.replace(&typed, 0..0, "x").await;
            reviewer.desk.settle().await;
            let seen = reviewer.desk.text(&typed).await;
            longest = longest.max(host.monotonic() - key);
            keys += 1;
            assert_eq!(seen, reviewer.text(&typed));
            if let Some(answer) = reviewer.desk.editor.answer(id) {
                break answer;
            }
        };
        let taken = host.monotonic() - start;
        let Answer::Result(proposed) = answer else {
            panic!("{answer:?}");
        };
        assert!(
            proposed["hunks"]
                .as_array()
                .is_some_and(|hunks| hunks.len() == files)
        );
        promised(&format!("proposing 5000 lines in {files} files"), taken, 200);
        // What nobody notices; a quick machine takes 8 ms, one a third as quick 37.
        promised(&format!("the slowest of {keys} keys meanwhile"), longest, 50);
        reviewer.leave().await;
    }
}
