//! How things stand: what the editor is told, what the user can do about it.

use std::time::Duration;

use engine::scripted::{Reply, Script};
use engine::{Description, State};
use serde_json::{Value, json};
use testing::editor::Answer;

use super::desk::{Desk, Setup, always, description, held, item, nothing};
use crate::lsp::backend::AttachFailure;

/// The statuses that the editor was told until one is `state`.
async fn statuses_until(desk: &mut Desk, state: &str) -> Vec<Value> {
    let mut told = Vec::new();
    loop {
        for (method, params) in desk.editor.notifications() {
            if method == "freehold/status" {
                told.push(params);
            }
        }
        if told.last().is_some_and(|status| status["state"] == state) {
            return told;
        }
        desk.read().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_status_follows_the_engine() {
    let mut desk = Desk::new(Setup {
        script: held(),
        ..Setup::default()
    })
    .await;
    assert_eq!(
        statuses_until(&mut desk, "starting").await,
        [json!({ "state": "starting" })]
    );
    let uri = desk.open("a.rs", "let x = \n").await;
    assert_eq!(
        statuses_until(&mut desk, "ready").await,
        [json!({ "state": "ready", "model": "scripted" })]
    );
    let id = desk.ask(&uri, (0, 8)).await;
    assert_eq!(
        statuses_until(&mut desk, "working").await,
        [json!({ "state": "working", "model": "scripted" })]
    );
    desk.cancel(id).await;
    statuses_until(&mut desk, "ready").await;
    desk.notify(
        "workspace/didChangeConfiguration",
        &json!({ "settings": { "enabled": false } }),
    )
    .await;
    assert_eq!(
        statuses_until(&mut desk, "off").await,
        [json!({ "state": "off" })]
    );
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn without_an_engine_there_are_no_suggestions_and_the_status_says_why() {
    let cases = [
        (
            AttachFailure::NoModel("get one first".to_owned()),
            "noModel",
            "get one first",
        ),
        (
            AttachFailure::NoEngine("it does not start".to_owned()),
            "noEngine",
            "it does not start",
        ),
    ];
    for (failure, state, message) in cases {
        let mut desk = Desk::new(Setup {
            failure: Some(failure),
            ..Setup::default()
        })
        .await;
        let uri = desk.open("a.rs", "let x = \n").await;
        let id = desk.ask(&uri, (0, 8)).await;
        assert_eq!(desk.answer(id).await, nothing());
        let told = statuses_until(&mut desk, state).await;
        assert_eq!(told.last(), Some(&json!({ "state": state, "message": message })));
        // What was missing is there now, and is looked for again, but not at every key.
        *desk.backend.failure.lock().expect("not poisoned") = None;
        let id = desk.ask(&uri, (0, 8)).await;
        assert_eq!(desk.answer(id).await, nothing());
        tokio::time::advance(Duration::from_secs(6)).await;
        let id = desk.ask(&uri, (0, 8)).await;
        assert_eq!(desk.answer(id).await, item((0, 8), (0, 8), "said"));
        desk.leave().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_cannot_fill_in_is_named() {
    let script = Script {
        description: Description {
            fim: None,
            ..description()
        },
        ..always(&["x"])
    };
    let mut desk = Desk::new(Setup {
        script,
        ..Setup::default()
    })
    .await;
    let uri = desk.open("a.rs", "let x = \n").await;
    let id = desk.ask(&uri, (0, 8)).await;
    assert_eq!(desk.answer(id).await, nothing());
    let told = statuses_until(&mut desk, "noModel").await;
    let message = told
        .last()
        .and_then(|status| status["message"].as_str())
        .unwrap_or_default();
    assert_eq!(
        message,
        "`scripted` was not taught to fill in code, or it is not known how; choose another model, or for one elsewhere set \
         `endpoint.infill_format`"
    );
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_fails_is_nothing_and_the_next_one_mends_the_status() {
    // The script has a reply for one document only; to anything else the engine fails.
    let reply = Reply {
        when: "good".to_owned(),
        tokens: vec!["1;".to_owned()],
        ..Reply::default()
    };
    let script = Script {
        description: description(),
        reply: vec![reply],
    };
    let mut desk = Desk::new(Setup {
        script,
        ..Setup::default()
    })
    .await;
    let bad = desk.open("bad.rs", "let x = \n").await;
    let good = desk.open("good.rs", "let x = \n").await;
    let id = desk.ask(&bad, (0, 8)).await;
    assert_eq!(desk.answer(id).await, nothing());
    statuses_until(&mut desk, "error").await;
    let id = desk.ask(&good, (0, 8)).await;
    assert_eq!(desk.answer(id).await, item((0, 8), (0, 8), "1;"));
    statuses_until(&mut desk, "ready").await;
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn commands_are_carried_out_or_refused() {
    let mut desk = Desk::new(Setup::default()).await;
    let refused = |code, message: &str| Answer::Error(code, message.to_owned());
    let small = |chosen| {
        json!([{
            "name": "small", "title": "Small", "installed": true, "chosen": chosen,
            "bytes": 1, "licence": "MIT", "commercialUse": true,
        }])
    };
    let cases = [
        (
            json!({ "command": "freehold.listModels" }),
            Answer::Result(small(false)),
        ),
        (
            json!({ "command": "freehold.useModel", "arguments": ["small"] }),
            nothing(),
        ),
        (
            json!({ "command": "freehold.listModels", "arguments": [] }),
            Answer::Result(small(true)),
        ),
        (
            json!({ "command": "freehold.useModel", "arguments": ["big"] }),
            refused(-32603, "no model is called `big`"),
        ),
        (
            json!({ "command": "freehold.useModel" }),
            refused(
                -32602,
                "`freehold.useModel` takes one argument, the name of a model",
            ),
        ),
        (json!({ "command": "freehold.restartEngine" }), nothing()),
        (
            json!({ "command": "rm" }),
            refused(-32602, "there is no command `rm`"),
        ),
    ];
    for (params, expected) in cases {
        let id = desk.request("workspace/executeCommand", &params).await;
        assert_eq!(desk.answer(id).await, expected, "{params}");
    }
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn restarting_the_engine_answers_what_is_open_and_attaches_again() {
    let mut desk = Desk::new(Setup {
        script: held(),
        ..Setup::default()
    })
    .await;
    let uri = desk.open("a.rs", "let x = \n").await;
    let id = desk.ask(&uri, (0, 8)).await;
    desk.until_open_requests(1).await;
    let restart = desk
        .request(
            "workspace/executeCommand",
            &json!({ "command": "freehold.restartEngine" }),
        )
        .await;
    assert_eq!(desk.answer(id).await, nothing());
    assert_eq!(desk.answer(restart).await, nothing());
    assert_eq!(desk.backend.attached.load(std::sync::atomic::Ordering::SeqCst), 2);
    statuses_until(&mut desk, "ready").await;
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn while_a_model_loads_the_editor_shows_how_far_it_is() {
    let capabilities = json!({ "window": { "workDoneProgress": true } });
    let state = State::Loading { fraction: 0.25 };
    let mut desk = Desk::new(Setup {
        capabilities,
        state,
        ..Setup::default()
    })
    .await;
    let uri = desk.open("a.rs", "let x = \n").await;
    let told = statuses_until(&mut desk, "loading").await;
    let loading = json!({ "state": "loading", "model": "scripted", "fraction": 0.25 });
    assert_eq!(told.last(), Some(&loading));
    let (request, method, params) = loop {
        match desk.editor.requests().pop() {
            Some(request) => break request,
            None => desk.read().await,
        }
    };
    assert_eq!(method, "window/workDoneProgress/create");
    let response = desk.editor.response(&request, &Value::Null);
    desk.send(&response).await;
    let mut shown = progress(&mut desk, &params["token"], 2).await;
    *desk.backend.state.lock().expect("not poisoned") = State::Ready;
    shown.extend(progress(&mut desk, &params["token"], 1).await);
    let expected = [
        json!({ "kind": "begin", "title": "Loading scripted", "percentage": 0 }),
        json!({ "kind": "report", "percentage": 25 }),
        json!({ "kind": "end" }),
    ];
    assert_eq!(shown, expected);
    let id = desk.ask(&uri, (0, 8)).await;
    assert_eq!(desk.answer(id).await, item((0, 8), (0, 8), "said"));
    desk.leave().await;
}

/// The next `count` values of the progress `token`.
async fn progress(desk: &mut Desk, token: &Value, count: usize) -> Vec<Value> {
    let mut values = Vec::new();
    loop {
        for (method, params) in desk.editor.notifications() {
            if method == "$/progress" {
                assert_eq!(&params["token"], token);
                values.push(params["value"].clone());
            }
        }
        if values.len() >= count {
            return values;
        }
        desk.read().await;
    }
}
