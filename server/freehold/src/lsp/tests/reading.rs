//! What the model reads besides questions: a file that is opened, a place that it does not know, and all of a
//! prompt in order when the user rests.

use std::time::Duration;

use engine::scripted::flatten;
use engine::{Lane, Reuse};

use super::desk::{always, plain};
use super::typist::{DOCUMENT, Typist, some};
use crate::settings::CompletionSettings;

#[tokio::test(start_paused = true)]
async fn a_rest_makes_the_prompt_exact_once() {
    let mut user = Typist::new(DOCUMENT, always(&["a + b;"]), plain()).await;
    user.insert("a").await;
    user.ask().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    user.settle().await;
    let warmed: Vec<_> = user
        .desk
        .engine
        .requests()
        .into_iter()
        .filter(|request| request.tokens_max == 0)
        .collect();
    let last = warmed.last().expect("one at least");
    assert_eq!((last.reuse, last.lane), (Reuse::Exact, Lane::Idle));
    assert_eq!(flatten(last), flatten(&user.desk.asked()[0]));
    assert_eq!(user.desk.asked()[0].reuse, Reuse::Moved);
    let count = user.desk.engine.requests().len();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(user.desk.engine.requests().len(), count);
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_document_that_is_opened_is_put_into_the_cache() {
    let mut user = Typist::new(DOCUMENT, always(&["x"]), plain()).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    user.settle().await;
    let requests = user.desk.engine.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!((requests[0].tokens_max, requests[0].lane), (0, Lane::Idle));
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_place_that_the_model_has_not_read_is_read_before_it_is_asked_about() {
    let line = "    let some_name = other_name.method(argument, 12) + third;\n";
    let notation = line.repeat(400) + "    let total = |\n" + &line.repeat(400);
    let mut user = Typist::new(&notation, always(&["a + b;"]), plain()).await;
    assert_eq!(user.ask().await, some("a + b;", 1));
    let requests = user.desk.engine.requests();
    let shapes: Vec<_> = requests
        .iter()
        .map(|request| (request.tokens_max == 0, request.lane, request.reuse))
        .collect();
    assert_eq!(
        shapes,
        [
            (true, Lane::Typing, Reuse::Moved),
            (false, Lane::Typing, Reuse::Moved)
        ]
    );
    assert_eq!(requests[0].prompt, requests[1].prompt);
    let length = flatten(&requests[0]).len();
    assert!((500..800).contains(&length), "{length}");
    // What was read stays read.
    user.insert("x").await;
    user.ask().await;
    assert_eq!(user.desk.engine.requests().len(), 3);
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_window_of_the_users_own_size_stays_while_lines_are_typed() {
    let small = CompletionSettings {
        prompt_tokens_max: 384,
        ..plain()
    };
    let line = "    let some_name = other_name.method(argument, 12) + third;\n";
    let notation = line.repeat(400) + "    let total = |\n" + &line.repeat(400);
    let mut user = Typist::new(&notation, always(&["a + b;"]), small).await;
    user.ask().await;
    for _ in 0..10 {
        user.insert("1;\n    let x = ").await;
        user.ask().await;
    }
    let asked = user.desk.asked();
    let mut starts: Vec<usize> = asked
        .iter()
        .map(|request| {
            let text = flatten(request);
            let before = text.find("<|fim_suffix|>").expect("a marker");
            text[..before].matches("some_name").count()
        })
        .collect();
    starts.dedup();
    assert!(asked.len() > 10 && starts.len() <= 2, "{starts:?}");
    user.leave().await;
}
