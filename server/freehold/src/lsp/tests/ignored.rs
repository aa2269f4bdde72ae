//! The files that say what is kept from the model are changed while documents are open.

use std::time::Duration;

use engine::scripted::{Reply, Script};
use serde_json::{Value, json};

use super::desk::{Desk, Setup, always, description, nothing, plain};
use super::typist::{DOCUMENT, Typist, some};
use crate::settings::CompletionSettings;

/// From now on documents with `part` in their URI are named by an ignore file.
fn exclude(desk: &Desk, part: Option<&str>) {
    *desk.backend.excluded.lock().expect("not poisoned") = part.map(str::to_owned);
}

/// The ways in which it is told that the file `name` was changed.
fn tellings(name: &str) -> [(&'static str, Value); 2] {
    let uri = format!("file:///project/app/{name}");
    [
        ("textDocument/didSave", json!({ "textDocument": { "uri": uri } })),
        (
            "workspace/didChangeWatchedFiles",
            json!({ "changes": [{ "uri": uri, "type": 2 }] }),
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn an_ignore_file_that_is_changed_holds_for_what_is_open() {
    for name in [".freeholdignore", ".gitignore"] {
        for (method, params) in tellings(name) {
            let mut user = Typist::new(DOCUMENT, always(&["a + b;"]), plain()).await;
            assert_eq!(user.ask().await, some("a + b;", 1));
            exclude(&user.desk, Some("a.rs"));
            user.desk.notify(method, &params).await;
            user.settle().await;
            assert_eq!(user.ask().await, (None, 1), "{method} {name}");
            exclude(&user.desk, None);
            user.desk.notify(method, &params).await;
            user.settle().await;
            assert_eq!(user.ask().await, some("a + b;", 1), "{method} {name}");
            user.leave().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn other_files_have_nothing_looked_up() {
    let mut user = Typist::new(DOCUMENT, always(&["a + b;"]), plain()).await;
    assert_eq!(user.ask().await, some("a + b;", 1));
    exclude(&user.desk, Some("a.rs"));
    for (method, params) in tellings("a.rs") {
        user.desk.notify(method, &params).await;
    }
    user.settle().await;
    assert_eq!(user.ask().await, some("a + b;", 1));
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn what_runs_ahead_of_a_file_that_is_kept_from_the_model_from_now_on_is_stopped() {
    let reply = Reply {
        tokens: vec!["val".to_owned(), "ues".to_owned(), ";".to_owned()],
        log_probabilities: [0.25_f32, 0.9, 0.99].map(f32::ln).to_vec(),
        hold_before: Some(2),
        ..Reply::default()
    };
    let script = Script {
        description: description(),
        reply: vec![reply],
    };
    let mut user = Typist::new(DOCUMENT, script, plain()).await;
    assert_eq!(user.ask().await, (None, 1));
    user.desk.until_open_requests(1).await;
    exclude(&user.desk, Some("a.rs"));
    let [(method, params), _] = tellings(".freeholdignore");
    user.desk.notify(method, &params).await;
    user.settle().await;
    assert_eq!((user.cancelled(), user.desk.engine.open_requests()), (1, 0));
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_another_document_meanwhile_is_stopped_too() {
    let mut script = always(&["a", " + b;"]);
    script.reply[0].hold_before = Some(1);
    let mut user = Typist::new(DOCUMENT, script, plain()).await;
    user.desk.open("b.rs", "fn helper() {}\n").await;
    let question = user.send_question().await;
    user.desk.until_open_requests(1).await;
    exclude(&user.desk, Some("b.rs"));
    let [(method, params), _] = tellings(".freeholdignore");
    user.desk.notify(method, &params).await;
    assert_eq!(user.take(question).await, (None, 1));
    user.desk.until_open_requests(0).await;
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_planned_for_a_rest_is_not_done_for_it_either() {
    let prefetch = CompletionSettings {
        prefetch: true,
        ..plain()
    };
    let mut user = Typist::new(DOCUMENT, always(&["a + b;"]), prefetch).await;
    assert_eq!(user.ask().await, some("a + b;", 1));
    exclude(&user.desk, Some("a.rs"));
    let [(method, params), _] = tellings(".freeholdignore");
    user.desk.notify(method, &params).await;
    user.settle().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    user.settle().await;
    assert_eq!(user.desk.engine.requests().len(), 1);
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn an_editor_that_can_watch_files_is_asked_to_watch_these() {
    let mut desk = Desk::new(Setup {
        capabilities: json!({ "workspace": { "didChangeWatchedFiles": { "dynamicRegistration": true } } }),
        ..Setup::default()
    })
    .await;
    let (id, method, params) = loop {
        match desk.editor.requests().pop() {
            Some(request) => break request,
            None => desk.read().await,
        }
    };
    assert_eq!(method, "client/registerCapability");
    let watchers = &params["registrations"][0]["registerOptions"]["watchers"];
    let expected = json!([{ "globPattern": "**/.gitignore" }, { "globPattern": "**/.freeholdignore" }]);
    assert_eq!(watchers, &expected);
    let response = desk.editor.response(&id, &Value::Null);
    desk.send(&response).await;
    let uri = desk.open("a.rs", "let x = \n").await;
    let id = desk.ask(&uri, (0, 8)).await;
    assert_ne!(desk.answer(id).await, nothing());
    desk.leave().await;
}
