//! What the user chooses: whether and where to be offered something, several things to choose from, and to see
//! what the model is shown.

use std::time::Duration;

use engine::scripted::flatten;
use serde_json::{Value, json};
use testing::editor::Answer;

use super::desk::{always, nothing, plain};
use super::typist::{DOCUMENT, Typist, some};
use crate::settings::CompletionSettings;

#[tokio::test(start_paused = true)]
async fn alternatives_are_asked_for_with_the_same_prompt_and_told_once() {
    let three = CompletionSettings {
        alternatives: 3,
        ..plain()
    };
    let mut user = Typist::new(DOCUMENT, always(&["a + b;"]), three).await;
    assert_eq!(user.ask().await, some("a + b;", 1));
    let place = user.place(user.at);
    let id = user.desk.ask(&user.uri, place).await;
    let Answer::Result(items) = user.desk.answer(id).await else {
        panic!("refused")
    };
    assert_eq!(items.as_array().map(Vec::len), Some(1), "{items}");
    let asked = user.desk.asked();
    let mut ranks: Vec<u32> = asked
        .iter()
        .map(|request| request.sampling.first_token_rank)
        .collect();
    ranks.sort_unstable();
    assert_eq!(ranks, [0, 1, 2]);
    assert!(asked.iter().all(|request| request.prompt == asked[0].prompt));
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn the_users_switches_are_honoured() {
    let by_hand = CompletionSettings {
        automatic: false,
        ..plain()
    };
    let mut user = Typist::new(DOCUMENT, always(&["a + b;"]), by_hand).await;
    user.settle().await;
    assert_eq!(user.ask().await, (None, 0));
    let place = user.place(user.at);
    let id = user.desk.ask(&user.uri, place).await;
    assert_eq!(user.take(id).await, some("a + b;", 1));
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_snooze_keeps_quiet_until_it_is_over() {
    let mut user = Typist::new(DOCUMENT, always(&["a + b;"]), plain()).await;
    let snooze = |minutes: u32| json!({ "command": "freehold.snooze", "arguments": [minutes] });
    let id = user.desk.request("workspace/executeCommand", &snooze(5)).await;
    assert_eq!(user.desk.answer(id).await, nothing());
    assert_eq!(user.ask().await, (None, 0));
    tokio::time::sleep(Duration::from_secs(301)).await;
    user.settle().await;
    assert_eq!(user.ask().await, some("a + b;", 1));
    let id = user.desk.request("workspace/executeCommand", &snooze(5)).await;
    user.desk.answer(id).await;
    let id = user.desk.request("workspace/executeCommand", &snooze(0)).await;
    user.desk.answer(id).await;
    assert_eq!(user.ask().await, some("a + b;", 1));
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_kept_from_the_model_gets_nothing_and_is_shown_to_nobody() {
    let mut user = Typist::new(DOCUMENT, always(&["a + b;"]), plain()).await;
    *user.desk.backend.excluded.lock().expect("not poisoned") = Some("hidden".to_owned());
    let hidden = user.desk.open("hidden.rs", "const HIDDEN: u8 = \n").await;
    let id = user.desk.ask(&hidden, (0, 19)).await;
    assert_eq!(user.desk.answer(id).await, nothing());
    user.desk.edit(&hidden, 2, (0, 19), (0, 19), "7;").await;
    user.insert("a").await;
    assert_eq!(user.ask().await, some("a + b;", 1));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let told: String = user.desk.engine.requests().iter().map(flatten).collect();
    assert!(!told.contains("HIDDEN"), "{told}");
    let place = json!({ "textDocument": { "uri": hidden }, "position": { "line": 0, "character": 0 } });
    let params = json!({ "command": "freehold.showPrompt", "arguments": [place] });
    let id = user.desk.request("workspace/executeCommand", &params).await;
    assert!(matches!(user.desk.answer(id).await, Answer::Error(..)));
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn the_prompt_can_be_looked_at() {
    let mut user = Typist::new(DOCUMENT, always(&["a + b;"]), plain()).await;
    user.ask().await;
    let place = json!({ "textDocument": { "uri": user.uri }, "position": { "line": 1, "character": 16 } });
    let params = json!({ "command": "freehold.showPrompt", "arguments": [place] });
    let id = user.desk.request("workspace/executeCommand", &params).await;
    let Answer::Result(Value::String(text)) = user.desk.answer(id).await else {
        panic!("refused")
    };
    assert!(text.contains("a.rs") && text.contains("<|fim_prefix|>"), "{text}");
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_that_one_model_said_or_read_is_believed_of_the_next() {
    let use_model = json!({ "command": "freehold.useModel", "arguments": ["small"] });
    for command in [use_model, json!({ "command": "freehold.restartEngine" })] {
        let line = "    let some_name = other_name.method(argument, 12) + third;\n";
        let notation = line.repeat(400) + "    let total = |\n" + &line.repeat(400);
        let mut user = Typist::new(&notation, always(&["a + b;"]), plain()).await;
        assert_eq!(user.ask().await, some("a + b;", 1));
        let id = user.desk.request("workspace/executeCommand", &command).await;
        assert_eq!(user.desk.answer(id).await, nothing());
        assert_eq!(user.ask().await, some("a + b;", 2), "{command}");
        // The place is read anew, too.
        let requests = user.desk.engine.requests();
        let reads: Vec<bool> = requests.iter().map(|request| request.tokens_max == 0).collect();
        assert_eq!(reads, [true, false, true, false], "{command}");
        user.leave().await;
    }
}
