//! Where the model is too unsure for its text to be shown, the text is worked out all the same, and the key that
//! confirms it is answered without the model.

use std::time::Duration;

use engine::scripted::{Reply, Script};
use serde_json::json;

use super::desk::{description, plain};
use super::typist::{DOCUMENT, Typist, some};

/// A script that says `tokens` with these likelihoods in per cent, and waits before the one at `hold_before`.
fn saying(tokens: &[(&str, f32)], hold_before: Option<usize>) -> Script {
    Script {
        description: description(),
        reply: vec![Reply {
            tokens: tokens.iter().map(|(text, _)| (*text).to_owned()).collect(),
            log_probabilities: tokens
                .iter()
                .map(|(_, per_cent)| (per_cent / 100.0).ln())
                .collect(),
            hold_before,
            ..Reply::default()
        }],
    }
}

const VALUES: [(&str, f32); 4] = [("val", 56.0), ("ues", 95.0), (".len()", 98.0), (";", 99.0)];

#[tokio::test(start_paused = true)]
async fn the_key_that_confirms_what_was_unsure_has_the_rest_without_the_model() {
    let mut user = Typist::new(DOCUMENT, saying(&VALUES, None), plain()).await;
    assert_eq!(user.ask().await, (None, 1));
    user.desk.until_open_requests(0).await;
    user.insert("v").await;
    assert_eq!(user.ask().await, some("alues.len();", 1));
    user.insert("a").await;
    assert_eq!(user.ask().await, some("lues.len();", 1));
    user.delete(2).await;
    user.insert("values").await;
    assert_eq!(user.ask().await, some(".len();", 1));
    // Behind its end the model is asked.
    user.insert(".len();").await;
    assert_eq!(user.ask().await.1, 2);
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_goes_elsewhere_stops_the_work_at_once() {
    for (key, open) in [("v", 1), ("x", 0)] {
        let mut user = Typist::new(DOCUMENT, saying(&VALUES, Some(2)), plain()).await;
        assert_eq!(user.ask().await, (None, 1));
        user.desk.until_open_requests(1).await;
        let before = tokio::time::Instant::now();
        user.insert(key).await;
        user.settle().await;
        assert_eq!(user.desk.engine.open_requests(), open, "{key}");
        assert!(before.elapsed() < Duration::from_millis(20), "{key}");
        user.leave().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_waits_for_what_is_on_its_way() {
    let mut user = Typist::new(DOCUMENT, saying(&VALUES, Some(2)), plain()).await;
    assert_eq!(user.ask().await, (None, 1));
    user.desk.until_open_requests(1).await;
    user.insert("v").await;
    let question = user.send_question().await;
    user.settle().await;
    user.desk.engine.release();
    assert_eq!(user.take(question).await, some("alues.len();", 1));
    assert_eq!(user.cancelled(), 0);
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn who_asks_by_hand_meanwhile_has_the_model_to_themselves() {
    let mut user = Typist::new(DOCUMENT, saying(&VALUES, Some(2)), plain()).await;
    assert_eq!(user.ask().await, (None, 1));
    user.desk.until_open_requests(1).await;
    let place = user.place(user.at);
    let by_hand = user.desk.ask(&user.uri, place).await;
    user.settle().await;
    assert_eq!((user.cancelled(), user.desk.engine.open_requests()), (1, 1));
    user.desk.engine.release();
    assert_eq!(user.take(by_hand).await, some("values.len();", 2));
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_hardly_likely_is_not_worked_out() {
    let hopeless = [("val", 4.0), ("ues", 90.0)];
    let mut user = Typist::new(DOCUMENT, saying(&hopeless, Some(1)), plain()).await;
    assert_eq!(user.ask().await, (None, 1));
    user.desk.until_open_requests(0).await;
    // What is left of the piece is too little to be shown.
    user.insert("v").await;
    assert_eq!(user.ask().await.1, 2);
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn where_it_was_broken_off_what_is_sure_is_shown() {
    let unsure = [("val", 56.0), ("ues_of_all", 95.0), (" - ", 8.0), ("other", 90.0)];
    let mut user = Typist::new(DOCUMENT, saying(&unsure, Some(3)), plain()).await;
    assert_eq!(user.ask().await, (None, 1));
    user.desk.until_open_requests(0).await;
    user.insert("v").await;
    assert_eq!(user.ask().await, some("alues_of_all", 1));
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn closing_the_document_ends_the_work() {
    let mut user = Typist::new(DOCUMENT, saying(&VALUES, Some(2)), plain()).await;
    assert_eq!(user.ask().await, (None, 1));
    user.desk.until_open_requests(1).await;
    let close = json!({ "textDocument": { "uri": user.uri } });
    user.desk.notify("textDocument/didClose", &close).await;
    user.desk.until_open_requests(0).await;
    user.desk.leave().await;
}
