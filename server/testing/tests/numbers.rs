//! How long a review makes its user wait, through the pipes of the program that `FREEHOLD_PROGRAM` names; the promises
//! hold for release builds.
//!
//! `FREEHOLD_PROGRAM=$PWD/target/release/freehold FREEHOLD_PROMISES=1 cargo test --release -p testing --test numbers --
//! --nocapture --test-threads=1` shows all of it.
#![expect(
    clippy::disallowed_methods,
    reason = "the tests measure the program that the environment names"
)]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testing::Client;
use testing::editor::Answer;

const FILES: usize = 100;
const HUNKS_PER_FILE: usize = 5;
const LINES_PER_HUNK: usize = 40;
const DECISIONS: usize = 60;

/// Holds a promise if `FREEHOLD_PROMISES` is set: it is made of release builds on a machine that does nothing else.
fn promised(what: &str, time: Duration, at_most_ms: u64) {
    println!("{what}: {} (promised {at_most_ms} ms)", shown(time));
    let is_held = std::env::var_os("FREEHOLD_PROMISES").is_some();
    assert!(
        !is_held || time <= Duration::from_millis(at_most_ms),
        "{what} takes {time:?}"
    );
}

/// A folder in memory, where the system has one: the promises are made of what the program does by itself.
fn memory() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    }
}

/// Starts the program with all its files within `place`.
fn start(place: &Path, files: &[(String, String)]) -> Client {
    let program = std::env::var_os("FREEHOLD_PROGRAM").expect("FREEHOLD_PROGRAM names what is measured");
    Client::start_within(place, Path::new(&program), files)
}

fn shown(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn percentile(times: &mut [Duration], hundredths: usize) -> Duration {
    times.sort();
    times[(times.len() - 1) * hundredths / 100]
}

fn line(file: usize, number: usize) -> String {
    format!(
        "    let value_{number} = compute({file}, {});\n",
        number * 7919 % 1000
    )
}

fn path(file: usize) -> String {
    format!("src/file{file}.rs")
}

/// So many files with so many lines each.
fn files(count: usize, lines: usize) -> Vec<(String, String)> {
    (0..count)
        .map(|file| (path(file), (0..lines).map(|number| line(file, number)).collect()))
        .collect()
}

/// A patch that replaces lines of a file: where, counted from 0, and how many.
fn patch(file: usize, places: &[(usize, usize)]) -> String {
    let path = path(file);
    let mut patch = format!("--- a/{path}\n+++ b/{path}\n");
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

fn proposal(patch: &str) -> Value {
    json!([{ "patch": patch, "title": "Many lines" }])
}

fn hunks(proposed: &Value) -> &Vec<Value> {
    proposed["hunks"].as_array().expect("a list")
}

#[test]
fn one_of_many_hunks_is_decided_at_once() {
    for (command, mut times) in decide(&memory()) {
        println!(
            "{command}, one of 500, p50: {}",
            shown(percentile(&mut times, 50))
        );
        let p95 = percentile(&mut times, 95);
        promised(&format!("{command}, one of 500, p95"), p95, 50);
    }
    // Nobody can promise for a disk; what `changes` has to do with it is measured there.
    for (command, mut times) in decide(&std::env::temp_dir()) {
        let (p50, p95) = (percentile(&mut times, 50), percentile(&mut times, 95));
        println!("{command} on the disk, p50: {}, p95: {}", shown(p50), shown(p95));
    }
}

/// How long deciding takes for each command, one of many hunks after the other, with all files within `place`.
fn decide(place: &Path) -> [(&'static str, Vec<Duration>); 2] {
    let mut client = start(place, &files(FILES, HUNKS_PER_FILE * LINES_PER_HUNK));
    // Every other decision is about a file that the editor has open.
    for file in (0..FILES).step_by(2) {
        client.open(&path(file));
    }
    let places: Vec<(usize, usize)> = (0..HUNKS_PER_FILE)
        .map(|hunk| (hunk * LINES_PER_HUNK + 10, 1))
        .collect();
    let whole: String = (0..FILES).map(|file| patch(file, &places)).collect();
    let proposed = client.execute("freehold.propose", &proposal(&whole));
    let hunks = hunks(&proposed);
    assert_eq!(hunks.len(), FILES * HUNKS_PER_FILE);
    let decided = [("keepHunk", 0), ("dropHunk", 200)].map(|(command, first)| {
        let mut times = Vec::with_capacity(DECISIONS);
        for turn in 0..DECISIONS {
            let params = json!({
                "command": format!("freehold.{command}"),
                "arguments": [{ "hunk": hunks[(first + turn) * 7 % 400 + turn % 2] }],
            });
            let start = Instant::now();
            let answer = client.ask("workspace/executeCommand", &params);
            if answer == Answer::Result(json!({ "applied": true })) {
                times.push(start.elapsed());
            }
        }
        assert!(times.len() > DECISIONS / 2, "most are decided");
        (command, times)
    });
    client.leave();
    decided
}

/// While the patch is laid, keys are taken in as ever: each is followed by a question that comes to its turn after it.
#[test]
fn five_thousand_lines_are_proposed_without_keeping_anybody_from_typing() {
    for (count, lines) in [(1, 5_000), (50, 100)] {
        let mut there = files(count, lines);
        there.push(("typed.rs".into(), "typed\n".into()));
        let mut client = start(&memory(), &there);
        client.open("typed.rs");
        let typed = json!({ "textDocument": { "uri": client.uri("typed.rs") } });
        let whole: String = (0..count).map(|file| patch(file, &[(0, lines)])).collect();
        client.execute("freehold.review", &json!([{}]));
        let params = json!({ "command": "freehold.propose", "arguments": proposal(&whole) });
        let start = Instant::now();
        let id = client.begin("workspace/executeCommand", &params);
        let (mut longest, mut keys) = (Duration::ZERO, 0);
        let answer = loop {
            let key = Instant::now();
            client.type_at("typed.rs", 0, 0, "x");
            assert_eq!(client.result("textDocument/codeLens", &typed), json!([]));
            longest = longest.max(key.elapsed());
            keys += 1;
            if let Some(answer) = client.answer(id) {
                break answer;
            }
        };
        let taken = start.elapsed();
        let Answer::Result(proposed) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(hunks(&proposed).len(), count);
        promised(&format!("proposing 5000 lines in {count} files"), taken, 200);
        // What nobody notices; a quick machine takes 8 ms, one a third as quick 37.
        promised(&format!("the slowest of {keys} keys meanwhile"), longest, 50);
        client.leave();
    }
}
