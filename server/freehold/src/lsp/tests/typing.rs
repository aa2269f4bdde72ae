//! A user types, deletes, takes and leaves: what is known is served without the model, what is on its way is
//! joined, and what nobody can want is stopped.

use std::time::Duration;

use engine::Lane;
use engine::scripted::{Reply, Script, flatten};
use serde_json::json;
use testing::editor::Answer;

use completion::Trigger;
use text::{Change, Position, Range};
use tokio::sync::oneshot;

use super::desk::{always, description, plain, range};
use super::typist::{DOCUMENT, Typist, some};
use crate::lsp::event::{Event, Question};
use crate::lsp::feedback::Verdict;
use crate::settings::CompletionSettings;

/// A script that says `tokens` and waits before the one at `hold_before`.
fn holding(tokens: &[&str], hold_before: usize) -> Script {
    let mut script = always(tokens);
    script.reply[0].hold_before = Some(hold_before);
    script
}

#[tokio::test(start_paused = true)]
async fn typing_along_deleting_back_and_taking_parts_need_no_model() {
    let mut user = Typist::new(DOCUMENT, always(&["a + b;"]), plain()).await;
    assert_eq!(user.ask().await, some("a + b;", 1));
    user.insert("a").await;
    assert_eq!(user.ask().await, some(" + b;", 1));
    user.insert(" + b").await;
    assert_eq!(user.ask().await, some(";", 1));
    user.delete(4).await;
    assert_eq!(user.ask().await, some(" + b;", 1));
    user.delete(1).await;
    assert_eq!(user.ask().await, some("a + b;", 1));
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_slip_that_is_taken_back_finds_the_suggestion_again() {
    let mut user = Typist::new(DOCUMENT, always(&["a + b;"]), plain()).await;
    assert_eq!(user.ask().await, some("a + b;", 1));
    user.insert("x").await;
    assert_eq!(user.ask().await.1, 2);
    user.delete(1).await;
    assert_eq!(user.ask().await, some("a + b;", 2));
    user.insert("a + b;").await;
    user.ask().await;
    user.delete(6).await;
    let asked = user.desk.asked().len();
    assert_eq!(user.ask().await, some("a + b;", asked));
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn brackets_that_the_editor_closes_do_not_hide_a_suggestion() {
    let mut user = Typist::new(DOCUMENT, always(&["sum(a, b);"]), plain()).await;
    assert_eq!(user.ask().await, some("sum(a, b);", 1));
    user.insert("sum()").await;
    user.at -= 1;
    let id = user.send_question().await;
    let at = user.place(user.at);
    let expected = json!([{ "insertText": "a, b);", "range": range(at, (at.0, at.1 + 1)) }]);
    assert_eq!(user.desk.answer(id).await, Answer::Result(expected));
    assert_eq!(user.desk.asked().len(), 1);
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_what_follows_is_not_served() {
    let mut user = Typist::new(DOCUMENT, always(&["a + b;"]), plain()).await;
    assert_eq!(user.ask().await, some("a + b;", 1));
    user.replace(user.at, user.at, ";").await;
    user.ask().await;
    assert_eq!(user.desk.asked().len(), 2);
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn the_next_statement_waits_until_its_line_is_begun() {
    let notation = "fn f() -> i32 {\n    let total = 1|\n}\n";
    let mut user = Typist::new(notation, always(&["\n    total"]), plain()).await;
    user.insert(";").await;
    assert_eq!(user.ask().await, (None, 1));
    // Who asks by hand has it, and who begins the line finds it without the model.
    let place = user.place(user.at);
    let id = user.desk.ask(&user.uri, place).await;
    assert_eq!(user.take(id).await, some("\n    total", 1));
    user.insert("\n    ").await;
    assert_eq!(user.ask().await, some("total", 1));
    user.leave().await;
    // Who takes suggestions takes the next one with the same key.
    let mut user = Typist::new(notation, always(&["\n    total"]), plain()).await;
    user.insert(" + 2;").await;
    assert_eq!(user.ask().await, some("\n    total", 1));
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_agrees_joins_what_is_on_its_way() {
    let mut user = Typist::new(DOCUMENT, holding(&["a", " + b;"], 1), plain()).await;
    let first = user.send_question().await;
    user.desk.until_open_requests(1).await;
    user.settle().await;
    user.insert("a").await;
    assert_eq!(user.take(first).await, (None, 1));
    let second = user.send_question().await;
    user.settle().await;
    user.desk.engine.release();
    assert_eq!(user.take(second).await, some(" + b;", 1));
    assert_eq!(user.cancelled(), 0);
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_line_break_joins_what_is_on_its_way_whatever_lines_end_with() {
    for line_break in ["\n", "\r\n"] {
        let notation = "fn f() -> i32 {\n    let total = 1;|\n}\n".replace('\n', line_break);
        let mut user = Typist::new(&notation, holding(&["\n    ", "total"], 1), plain()).await;
        let first = user.send_question().await;
        user.desk.until_open_requests(1).await;
        user.settle().await;
        user.insert(&format!("{line_break}    ")).await;
        assert_eq!(user.take(first).await, (None, 1), "{line_break:?}");
        let second = user.send_question().await;
        user.settle().await;
        user.desk.engine.release();
        assert_eq!(user.take(second).await, some("total", 1), "{line_break:?}");
        assert_eq!(user.cancelled(), 0, "{line_break:?}");
        user.leave().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_disagrees_stops_what_is_on_its_way_at_once() {
    let mut user = Typist::new(DOCUMENT, holding(&["a", " + b;"], 1), plain()).await;
    let first = user.send_question().await;
    user.desk.until_open_requests(1).await;
    user.settle().await;
    user.insert("x").await;
    assert_eq!(user.take(first).await, (None, 1));
    user.desk.until_open_requests(0).await;
    assert_eq!(user.cancelled(), 1);
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_blank_or_a_closing_bracket_is_a_key_too_and_stops_it_without_delay() {
    for key in [" ", ")", "}", "'", "\n        "] {
        let mut user = Typist::new(DOCUMENT, holding(&["a", " + b;"], 0), plain()).await;
        let first = user.send_question().await;
        user.desk.until_open_requests(1).await;
        let before = tokio::time::Instant::now();
        user.insert(key).await;
        user.desk.until_open_requests(0).await;
        assert!(
            before.elapsed() < Duration::from_millis(20),
            "{key}: {:?}",
            before.elapsed()
        );
        assert_eq!(user.take(first).await, (None, 1));
        user.leave().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_before_anything_has_come_stops_the_work_and_the_next_question_sets_out_anew() {
    let mut user = Typist::new(DOCUMENT, holding(&["a", " + b;"], 0), plain()).await;
    let first = user.send_question().await;
    user.desk.until_open_requests(1).await;
    user.insert("a").await;
    assert_eq!(user.take(first).await, (None, 1));
    user.desk.until_open_requests(0).await;
    assert_eq!(user.cancelled(), 1);
    let second = user.send_question().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    user.desk.until_open_requests(1).await;
    user.desk.engine.release();
    assert_eq!(user.take(second).await, some("a + b;", 2));
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn what_an_editor_asks_after_every_key_is_worked_on_before_it_asks() {
    let reply = |when: &str, text: &str| Reply {
        when: when.to_owned(),
        tokens: vec![text.to_owned()],
        ..Reply::default()
    };
    let script = Script {
        description: description(),
        reply: vec![reply("= x<", "yz;"), reply("", "a + b;")],
    };
    let mut user = Typist::new(DOCUMENT, script, plain()).await;
    // An editor that does not ask after its keys is not foreseen.
    user.insert("b").await;
    user.settle().await;
    assert_eq!(user.desk.asked().len(), 0);
    user.delete(1).await;
    assert_eq!(user.ask().await, some("a + b;", 1));
    tokio::time::sleep(Duration::from_millis(300)).await;
    user.insert("x").await;
    user.settle().await;
    assert_eq!(user.desk.asked().len(), 2);
    assert_eq!(user.ask().await, some("yz;", 2));
    // It stopped asking: one more is foreseen, and no further one.
    for asked in [3, 3, 3] {
        tokio::time::sleep(Duration::from_millis(300)).await;
        user.insert("q").await;
        user.settle().await;
        assert_eq!(user.desk.asked().len(), asked);
    }
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_question_leaves_its_work_to_the_next_one_for_a_moment() {
    let mut user = Typist::new(DOCUMENT, holding(&["a + b;"], 0), plain()).await;
    let first = user.send_question().await;
    user.desk.until_open_requests(1).await;
    user.desk.cancel(first).await;
    assert!(user.desk.answer(first).await.is_cancelled());
    let second = user.send_question().await;
    user.settle().await;
    user.desk.cancel(second).await;
    assert!(user.desk.answer(second).await.is_cancelled());
    assert_eq!((user.desk.asked().len(), user.cancelled()), (1, 0));
    // Nobody comes any more.
    tokio::time::sleep(Duration::from_millis(300)).await;
    user.desk.until_open_requests(0).await;
    assert_eq!(user.cancelled(), 1);
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_shown_the_first_line_as_soon_as_it_is_whole() {
    let notation = "fn f(a: i32) {\n    |\n}\n";
    let tokens = ["let b = a;", "\n", "    let c = b;", "\n", "    c();"];
    let mut user = Typist::new(notation, holding(&tokens, 2), plain()).await;
    let first = user.send_question().await;
    user.desk.until_open_requests(1).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    // The line was whole before the patience was over; the next piece shows it.
    let again = user.send_question().await;
    assert_eq!(
        user.take(first).await.0.or(user.take(again).await.0).as_deref(),
        Some("let b = a;")
    );
    assert_eq!(user.desk.engine.open_requests(), 1);
    user.desk.engine.release();
    user.desk.until_open_requests(0).await;
    user.settle().await;
    user.insert("let b = a;").await;
    assert_eq!(user.ask().await, some("\n    let c = b;\n    c();", 1));
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn the_place_after_a_suggestion_is_fetched_ahead_while_it_is_looked_at() {
    let reply = |when: &str, text: &str| Reply {
        when: when.to_owned(),
        tokens: vec![text.to_owned()],
        ..Reply::default()
    };
    let script = Script {
        description: description(),
        reply: vec![reply("one();", " two();"), reply("", "one();")],
    };
    let prefetch = CompletionSettings {
        prefetch: true,
        ..plain()
    };
    let mut user = Typist::new("fn f() {\n    |\n}\n", script, prefetch).await;
    assert_eq!(user.ask().await, some("one();", 1));
    tokio::time::sleep(Duration::from_millis(300)).await;
    user.settle().await;
    let ahead: Vec<_> = user
        .desk
        .engine
        .requests()
        .into_iter()
        .filter(|request| request.lane == Lane::Idle && request.tokens_max > 0)
        .collect();
    assert_eq!(ahead.len(), 1);
    assert!(
        flatten(&ahead[0]).contains("    one();<|fim_suffix|>"),
        "{}",
        flatten(&ahead[0])
    );
    user.insert("one();").await;
    assert_eq!(user.ask().await, some(" two();", 1));
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_fetched_ahead_is_given_up_for_a_key_that_goes_elsewhere() {
    let reply = |when: &str, text: &str, hold_before| Reply {
        when: when.to_owned(),
        tokens: vec![text.to_owned()],
        hold_before,
        ..Reply::default()
    };
    let script = Script {
        description: description(),
        reply: vec![reply("one();", " two();", Some(0)), reply("", "one();", None)],
    };
    let prefetch = CompletionSettings {
        prefetch: true,
        ..plain()
    };
    for (key, stays) in [("o", 1), ("x", 0)] {
        let mut user = Typist::new("fn f() {\n    |\n}\n", script.clone(), prefetch.clone()).await;
        assert_eq!(user.ask().await, some("one();", 1));
        tokio::time::sleep(Duration::from_millis(300)).await;
        user.desk.until_open_requests(1).await;
        user.insert(key).await;
        user.settle().await;
        assert_eq!(user.desk.engine.open_requests(), stays, "{key}");
        if stays == 1 {
            // Shown again, with the same place after it, which is not fetched twice.
            let (shown, asked) = user.ask().await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            user.settle().await;
            assert_eq!((shown.as_deref(), asked), (Some("ne();"), 1));
            assert_eq!(user.desk.engine.open_requests(), 1);
        }
        user.leave().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_and_rejected_is_recorded_and_not_offered_again_at_once() {
    let mut user = Typist::new(DOCUMENT, always(&["a + b;"]), plain()).await;
    assert_eq!(user.ask().await, some("a + b;", 1));
    tokio::time::sleep(Duration::from_millis(700)).await;
    for key in ["f", "o", "o"] {
        user.insert(key).await;
    }
    user.settle().await;
    let verdicts: Vec<Verdict> = {
        let kept = user.desk.backend.kept.lock().expect("not poisoned");
        kept.iter().map(|judged| judged.verdict).collect()
    };
    assert_eq!(verdicts, [Verdict::Rejected]);
    user.delete(3).await;
    assert_eq!(user.ask().await, (None, 1));
    let place = user.place(user.at);
    let id = user.desk.ask(&user.uri, place).await;
    assert_eq!(user.take(id).await, some("a + b;", 1));
    user.leave().await;
}

// Not on paused time: the time that it takes is what is looked at.
#[tokio::test]
async fn what_is_known_is_answered_within_milliseconds_in_a_long_document() {
    let line = "    let some_name = other_name.method(argument, 12) + third;\n";
    let notation = line.repeat(2500) + "    let total = |\n" + &line.repeat(2500);
    let text = "first(argument, 1) + second(argument, 2) + third(argument, 3);";
    let mut user = Typist::new(&notation, always(&[text]), plain()).await;
    assert_eq!(user.ask().await, some(text, 1));
    let (row, column) = user.place(user.at);
    let mut times = Vec::new();
    for (index, version) in (0..300_usize).zip(2..) {
        // Along the suggestion, letter by letter, and from its end all the way back.
        let typed = u32::try_from(index % 40).expect("small");
        let start = tokio::time::Instant::now();
        let position = |column| Position {
            line: row,
            character: column,
        };
        let (end, inserted) = match typed {
            0 => (column + 39, ""),
            _ => (column + typed - 1, &text[index % 40 - 1..index % 40]),
        };
        let change = Change {
            range: Some(Range {
                start: position(column + typed.max(1) - 1),
                end: position(if index == 0 { column } else { end }),
            }),
            text: inserted.to_owned(),
        };
        user.desk.events.push(Event::Changed {
            uri: user.uri.clone(),
            version,
            changes: vec![change],
        });
        let (answer, answered) = oneshot::channel();
        user.desk.events.push(Event::SuggestionAsked(Question {
            id: 1_000_000 + index as u64,
            uri: user.uri.clone(),
            position: position(column + typed),
            trigger: Trigger::Automatic,
            selected: None,
            answer,
        }));
        let items = answered.await.expect("the session lives");
        times.push(start.elapsed());
        assert_eq!(items[0].text, text[index % 40..], "key {index}");
    }
    assert_eq!(user.desk.asked().len(), 1);
    times.sort_unstable();
    let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("served from what is known: p50 {p50:?}, p99 {p99:?}");
    assert!(p50 < Duration::from_millis(3), "p50 {p50:?}, p99 {p99:?}");
    user.leave().await;
}
