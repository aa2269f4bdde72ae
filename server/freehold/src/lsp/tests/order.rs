//! Order and numbers: whatever is going on, edits are applied at once and in order, and every request is
//! answered exactly once. (The editor at the desk fails the test if one is not.)

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use testing::editor::Answer;
use testing::naive;
use tokio::time::Instant;

use engine::scripted::{Reply, Script};
use text::{Change, Position, Range};

use super::desk::{Desk, Setup, description, held, nothing, range};
use crate::lsp::event::Event;
use crate::settings::CompletionSettings;

/// Random numbers that are the same for the same seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((mixed ^ (mixed >> 31)) % u64::from(bound)).expect("the bound fits")
    }

    fn text(&mut self) -> String {
        const PIECES: [&str; 12] = [
            "a", "let x = ", "foo(", ")", " ", "é", "😀", "\n", "\r\n", "\r", "\u{2028}", "{\n}",
        ];
        (0..self.below(5))
            .map(|_| PIECES[self.below(12) as usize])
            .collect()
    }

    /// Mostly within a small text, sometimes far outside.
    fn place(&mut self) -> naive::Place {
        let mut count = |bound| {
            if self.below(40) == 0 {
                1_000_000
            } else {
                self.below(bound)
            }
        };
        (count(4), count(12))
    }
}

/// What happened in a run of interleavings.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    edits: u32,
    requests: u32,
    cancellations_sent: u32,
    answered_with_items: u32,
    answered_with_nothing: u32,
    answered_as_cancelled: u32,
}

impl Counts {
    fn add(&mut self, answers: BTreeMap<i64, Answer>) {
        for (id, answer) in answers {
            match answer {
                Answer::Result(serde_json::Value::Null) => self.answered_with_nothing += 1,
                Answer::Result(items) => {
                    assert_eq!(items.as_array().map(Vec::len), Some(1), "request {id}");
                    self.answered_with_items += 1;
                }
                answer => {
                    assert!(answer.is_cancelled(), "request {id}: {answer:?}");
                    self.answered_as_cancelled += 1;
                }
            }
        }
    }

    fn answers(&self) -> u32 {
        self.answered_with_items + self.answered_with_nothing + self.answered_as_cancelled
    }
}

/// One interleaving of edits, requests and cancellations in a document of its own; time passes in it only
/// where the clock `stands_still` else.
async fn interleave(desk: &mut Desk, dice: &mut Dice, number: u32, stands_still: bool, counts: &mut Counts) {
    let start = dice.text();
    let uri = desk
        .open(
            &format!("{number}{}.rs", if dice.below(2) == 0 { "" } else { "hold" }),
            &start,
        )
        .await;
    let mut model = naive::Text::new(&start);
    for version in 2..12 {
        match dice.below(8) {
            0..=2 => {
                let mut changes = Vec::new();
                for _ in 0..=dice.below(2) {
                    let (start, end, text) = (dice.place(), dice.place(), dice.text());
                    model.replace(start, end, &text);
                    changes.push(json!({ "range": range(start, end), "text": text }));
                }
                let document = json!({ "uri": uri, "version": version });
                let params = json!({ "textDocument": document, "contentChanges": changes });
                desk.notify("textDocument/didChange", &params).await;
                counts.edits += 1;
            }
            3 | 4 => {
                let place = dice.place();
                let kind = 1 + dice.below(2);
                desk.ask_with(&uri, place, &json!({ "triggerKind": kind })).await;
                counts.requests += 1;
            }
            5 => {
                let open: Vec<i64> = desk.editor.open_requests().keys().copied().collect();
                if !open.is_empty() {
                    desk.cancel(open[dice.below(u32::try_from(open.len()).expect("few")) as usize])
                        .await;
                    counts.cancellations_sent += 1;
                }
            }
            6 => {
                for _ in 0..dice.below(30) {
                    tokio::task::yield_now().await;
                }
                if stands_still && dice.below(2) == 0 {
                    let milliseconds = u64::from(dice.below(400));
                    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                }
            }
            _ => desk.engine.release(),
        }
    }
    desk.settle().await;
    assert_eq!(desk.text(&uri).await, model.to_string(), "interleaving {number}");
    desk.notify(
        "textDocument/didClose",
        &json!({ "textDocument": { "uri": uri } }),
    )
    .await;
    // Whatever happened, nothing is computed for a document that is gone.
    desk.until_open_requests(0).await;
    counts.add(desk.editor.answers());
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_interleavings_leave_the_text_right_and_every_request_answered_once() {
    let reply = |when: &str, hold_before| Reply {
        when: when.to_owned(),
        tokens: vec!["1".to_owned(), ";".to_owned()],
        hold_before,
        ..Reply::default()
    };
    let script = Script {
        description: description(),
        reply: vec![reply("hold", Some(1)), reply("", None)],
    };
    // With alternatives and with what is fetched ahead.
    let mut desk = Desk::new(Setup {
        script,
        completion: CompletionSettings::default(),
        ..Setup::default()
    })
    .await;
    let mut counts = Counts::default();
    let mut dice = Dice(20_260_401);
    for number in 0..10_000 {
        interleave(&mut desk, &mut dice, number, true, &mut counts).await;
    }
    while !desk.editor.open_requests().is_empty() {
        desk.read().await;
    }
    counts.add(desk.editor.answers());
    println!("{counts:#?}");
    assert_eq!(counts.answers(), counts.requests);
    assert!(
        counts.answered_with_items > 500 && counts.answered_as_cancelled > 500,
        "{counts:?}"
    );
    desk.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interleavings_on_several_threads_leave_the_text_right_too() {
    let mut desk = Desk::new(Setup {
        script: held(),
        ..Setup::default()
    })
    .await;
    let mut counts = Counts::default();
    let mut dice = Dice(7);
    for number in 0..300 {
        interleave(&mut desk, &mut dice, number, false, &mut counts).await;
    }
    while !desk.editor.open_requests().is_empty() {
        desk.engine.release();
        desk.read().await;
    }
    counts.add(desk.editor.answers());
    assert_eq!(counts.answers(), counts.requests);
    desk.leave().await;
}

/// A desk with `count` completions in flight, each in a document of its own.
async fn with_completions_in_flight(count: usize) -> (Desk, Vec<i64>) {
    let mut desk = Desk::new(Setup {
        script: held(),
        ..Setup::default()
    })
    .await;
    let mut ids = Vec::new();
    for number in 0..count {
        let uri = desk.open(&format!("{number}.rs"), "let x = \n").await;
        ids.push(desk.ask(&uri, (0, 8)).await);
    }
    desk.until_open_requests(count).await;
    (desk, ids)
}

// On one thread, which the edit has to share with all the rest.
#[tokio::test]
async fn with_a_thousand_completions_in_flight_an_edit_is_applied_within_a_millisecond() {
    let (mut desk, ids) = with_completions_in_flight(1000).await;
    let uri = desk.open("edited.rs", "").await;
    desk.settle().await;
    let mut times = Vec::new();
    for version in 2..502 {
        // From the moment that the edit is known to the moment that it is seen: more than applying takes.
        let start = Instant::now();
        let range = Some(Range {
            start: Position::default(),
            end: Position::default(),
        });
        let changes = vec![Change {
            range,
            text: "é".to_owned(),
        }];
        desk.events.push(Event::Changed {
            uri: uri.clone(),
            version,
            changes,
        });
        let seen = desk.text(&uri).await;
        times.push(start.elapsed());
        assert_eq!(
            seen.chars().count(),
            usize::try_from(version - 1).expect("positive")
        );
    }
    times.sort_unstable();
    let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!(
        "edit applied with {} completions in flight: p50 {p50:?}, p99 {p99:?}",
        desk.engine.open_requests()
    );
    assert!(p50 < Duration::from_millis(1), "p50 {p50:?}, p99 {p99:?}");
    assert_eq!(desk.engine.open_requests(), 1000);
    for id in &ids {
        desk.cancel(*id).await;
    }
    for id in ids {
        assert!(desk.answer(id).await.is_cancelled());
    }
    desk.until_open_requests(0).await;
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn hung_completions_can_all_be_cancelled_and_the_next_edit_is_seen_at_once() {
    let (mut desk, ids) = with_completions_in_flight(500).await;
    for id in &ids {
        desk.cancel(*id).await;
    }
    desk.edit("file:///project/app/0.rs", 2, (0, 8), (0, 8), "1")
        .await;
    desk.settle().await;
    assert_eq!(desk.text("file:///project/app/0.rs").await, "let x = 1\n");
    for id in ids {
        assert!(desk.answer(id).await.is_cancelled());
    }
    desk.after_grace().await;
    desk.until_open_requests(0).await;
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn edits_are_applied_in_order_while_slow_requests_are_open() {
    let (mut desk, ids) = with_completions_in_flight(50).await;
    let uri = desk.open("storm.rs", "").await;
    let mut expected = String::new();
    for version in 2..1002 {
        let (text, column) = (
            format!("{version} "),
            u32::try_from(expected.len()).expect("small"),
        );
        expected.push_str(&text);
        desk.edit(&uri, version, (0, column), (0, column), &text).await;
        if version % 100 == 0 {
            let id = desk.ask(&uri, (0, column)).await;
            desk.cancel(id).await;
        }
    }
    desk.settle().await;
    assert_eq!(desk.text(&uri).await, expected);
    desk.engine.release();
    for id in ids {
        assert_ne!(desk.answer(id).await, nothing());
    }
    while !desk.editor.open_requests().is_empty() {
        desk.read().await;
    }
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn more_questions_than_anybody_asks_are_bounded() {
    let mut desk = Desk::new(Setup {
        script: held(),
        ..Setup::default()
    })
    .await;
    let uri = desk.open("a.rs", "let x = \n").await;
    let mut ids = Vec::new();
    for _ in 0..2100 {
        ids.push(desk.ask(&uri, (0, 8)).await);
        tokio::task::yield_now().await;
    }
    let (answered, open) = ids.split_at(52);
    for id in answered {
        assert_eq!(desk.answer(*id).await, nothing());
    }
    // The same place, the same work.
    desk.until_open_requests(1).await;
    desk.engine.release();
    for id in open {
        assert_ne!(desk.answer(*id).await, nothing());
    }
    desk.leave().await;
}
