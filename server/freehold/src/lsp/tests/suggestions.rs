//! Suggestions: where they come from, what they look like, and when there is none.

use std::sync::atomic::Ordering;
use std::time::Duration;

use engine::State;
use engine::scripted::flatten;
use serde_json::{Value, json};
use testing::Fixture;
use testing::editor::Answer;

use super::desk::{Desk, Setup, always, held, item, nothing};

/// Line and UTF-16 column of a byte offset.
fn place(text: &str, offset: usize) -> (u32, u32) {
    let at = text::position(&ropey::Rope::from_str(text), offset, text::Encoding::Utf16);
    (at.line, at.character)
}

/// A desk at which the engine says what `notation` tells; the document is open.
async fn desk(notation: &str, capabilities: Value) -> (Desk, String, String, usize) {
    let fixture = Fixture::parse(notation);
    let (file, cursor) = fixture.cursor();
    let script = always(&[fixture.said()]);
    let mut desk = Desk::new(Setup {
        script,
        capabilities,
        ..Setup::default()
    })
    .await;
    let uri = desk.open(file.path.trim_start_matches('/'), &file.text).await;
    (desk, uri, file.text.clone(), cursor)
}

#[tokio::test(start_paused = true)]
async fn a_suggestion_is_what_the_engine_says() {
    let (mut desk, uri, text, cursor) =
        desk("fn add(a: i32, b: i32) -> i32 {\n    «a + b»\n}\n", json!({})).await;
    let at = place(&text, cursor);
    for id in [desk.ask(&uri, at).await, desk.ask_unasked(&uri, at).await] {
        assert_eq!(desk.answer(id).await, item(at, at, "a + b"));
    }
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn positions_count_what_was_agreed_on() {
    let notation = "//- /a.rs\nlet 😀é = «1;»\n";
    let utf_8 = json!({ "general": { "positionEncodings": ["utf-16", "utf-8"] } });
    for (capabilities, column) in [(json!({}), 10), (utf_8, 13)] {
        let (mut desk, uri, _, _) = desk(notation, capabilities).await;
        let id = desk.ask(&uri, (0, column)).await;
        assert_eq!(desk.answer(id).await, item((0, column), (0, column), "1;"));
        desk.leave().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_says_what_it_can_do() {
    let mut desk = Desk::unintroduced(held(), None, State::Ready);
    let capabilities = json!({ "general": { "positionEncodings": ["utf-8", "utf-16"] } });
    let id = desk
        .request(
            "initialize",
            &json!({ "processId": 1, "rootUri": null, "capabilities": capabilities }),
        )
        .await;
    let Answer::Result(result) = desk.answer(id).await else {
        panic!("the server refuses")
    };
    expect_test::expect![[r#"
        {
          "capabilities": {
            "codeActionProvider": {
              "codeActionKinds": [
                "quickfix"
              ]
            },
            "codeLensProvider": {},
            "executeCommandProvider": {
              "commands": [
                "freehold.restartEngine",
                "freehold.listModels",
                "freehold.useModel",
                "freehold.snooze",
                "freehold.showPrompt",
                "freehold.keepHunk",
                "freehold.dropHunk",
                "freehold.keepLines",
                "freehold.editHunk",
                "freehold.keepAlike",
                "freehold.dropAlike",
                "freehold.keepTogether",
                "freehold.dropTogether",
                "freehold.keepFile",
                "freehold.dropFile",
                "freehold.keepChange",
                "freehold.dropChange",
                "freehold.keepAll",
                "freehold.dropAll",
                "freehold.propose",
                "freehold.undo",
                "freehold.redo",
                "freehold.checkpoints",
                "freehold.showDiff",
                "freehold.diff",
                "freehold.preview",
                "freehold.review",
                "freehold.check",
                "freehold.diagnose",
                "freehold.audit"
              ]
            },
            "inlineCompletionProvider": true,
            "positionEncoding": "utf-8",
            "textDocumentSync": {
              "change": 2,
              "openClose": true,
              "save": true
            },
            "workspace": {
              "textDocumentContent": {
                "schemes": [
                  "freehold-proposed",
                  "freehold-original"
                ]
              },
              "workspaceFolders": {
                "changeNotifications": true,
                "supported": true
              }
            }
          },
          "serverInfo": {
            "name": "freehold",
            "version": "0.1.0"
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&result).expect("JSON"));
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn an_edit_answers_what_was_asked_before_with_nothing_and_stops_the_engine() {
    let mut desk = Desk::new(Setup {
        script: held(),
        ..Setup::default()
    })
    .await;
    let uri = desk.open("a.rs", "let x = \n").await;
    let id = desk.ask(&uri, (0, 8)).await;
    desk.until_open_requests(1).await;
    desk.edit(&uri, 2, (0, 8), (0, 8), "1").await;
    assert_eq!(desk.answer(id).await, nothing());
    desk.until_open_requests(0).await;
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_request_is_answered_as_such_and_stops_the_engine() {
    let mut desk = Desk::new(Setup {
        script: held(),
        ..Setup::default()
    })
    .await;
    let uri = desk.open("a.rs", "let x = \n").await;
    let id = desk.ask(&uri, (0, 8)).await;
    desk.until_open_requests(1).await;
    desk.cancel(id).await;
    assert!(desk.answer(id).await.is_cancelled());
    desk.after_grace().await;
    desk.until_open_requests(0).await;
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn closing_the_document_answers_what_is_open_with_nothing() {
    let mut desk = Desk::new(Setup {
        script: held(),
        ..Setup::default()
    })
    .await;
    let uri = desk.open("a.rs", "let x = \n").await;
    let id = desk.ask(&uri, (0, 8)).await;
    desk.until_open_requests(1).await;
    desk.notify(
        "textDocument/didClose",
        &json!({ "textDocument": { "uri": uri } }),
    )
    .await;
    assert_eq!(desk.answer(id).await, nothing());
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_offered_nothing_is_asked_of_the_engine() {
    let options = json!({ "languagesOff": ["markdown"] });
    let mut desk = Desk::new(Setup {
        options,
        ..Setup::default()
    })
    .await;
    let cell = "vscode-notebook-cell:/project/app/book.ipynb#W0";
    desk.open_uri(cell, "python", "x = \n").await;
    desk.open_uri("file:///project/app/README.md", "markdown", "One \n")
        .await;
    for uri in [
        cell,
        "file:///project/app/README.md",
        "file:///project/app/never-opened.rs",
    ] {
        let id = desk.ask(uri, (0, 4)).await;
        assert_eq!(desk.answer(id).await, nothing(), "{uri}");
    }
    assert_eq!(desk.engine.requests(), []);
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn suggestions_can_be_switched_off_and_on_again() {
    let mut desk = Desk::new(Setup {
        script: held(),
        ..Setup::default()
    })
    .await;
    let uri = desk.open("a.rs", "let x = \n").await;
    let id = desk.ask(&uri, (0, 8)).await;
    desk.until_open_requests(1).await;
    desk.notify(
        "workspace/didChangeConfiguration",
        &json!({ "settings": { "freehold": { "enabled": false } } }),
    )
    .await;
    assert_eq!(desk.answer(id).await, nothing());
    let id = desk.ask(&uri, (0, 8)).await;
    assert_eq!(desk.answer(id).await, nothing());
    desk.notify("workspace/didChangeConfiguration", &json!({ "settings": null }))
        .await;
    let id = desk.ask(&uri, (0, 8)).await;
    desk.until_open_requests(1).await;
    desk.engine.release();
    assert_eq!(desk.answer(id).await, item((0, 8), (0, 8), "late"));
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn with_an_item_selected_the_suggestion_begins_with_it_and_replaces_the_same() {
    let mut desk = Desk::new(Setup {
        script: always(&["(1)"]),
        ..Setup::default()
    })
    .await;
    let uri = desk.open("a.rs", "let x = so\n").await;
    let selected = super::desk::range((0, 8), (0, 10));
    let context =
        json!({ "triggerKind": 2, "selectedCompletionInfo": { "range": selected, "text": "some" } });
    let id = desk.ask_with(&uri, (0, 10), &context).await;
    assert_eq!(desk.answer(id).await, item((0, 8), (0, 10), "some(1)"));
    assert!(flatten(&desk.asked()[0]).contains("let x = some<|fim_suffix|>"));
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn the_prompt_tells_where_the_document_lies() {
    let folders = json!([{ "uri": "file:///project/app", "name": "app" }, { "uri": "file:///project/lib", "name": "lib" }]);
    let mut desk = Desk::new(Setup {
        folders,
        ..Setup::default()
    })
    .await;
    desk.open_uri("file:///project/lib/src/a.rs", "rust", "let x = \n")
        .await;
    desk.open_uri("file:///project/new/src/b.rs", "rust", "let x = \n")
        .await;
    let change = json!({
        "added": [{ "uri": "file:///project/new", "name": "new" }],
        "removed": [{ "uri": "file:///project/lib", "name": "lib" }],
    });
    for (uri, expected) in [
        (
            "file:///project/lib/src/a.rs",
            "<|repo_name|>lib\n<|file_sep|>src/a.rs\n",
        ),
        (
            "file:///project/new/src/b.rs",
            "<|repo_name|>\n<|file_sep|>b.rs\n",
        ),
    ] {
        let id = desk.ask(uri, (0, 8)).await;
        desk.answer(id).await;
        let prompt = flatten(desk.asked().last().expect("asked"));
        assert!(prompt.starts_with(expected), "{prompt:?}");
    }
    desk.notify("workspace/didChangeWorkspaceFolders", &json!({ "event": change }))
        .await;
    // Another text, since for this one a suggestion is known.
    desk.edit("file:///project/new/src/b.rs", 2, (0, 4), (0, 5), "y")
        .await;
    let id = desk.ask("file:///project/new/src/b.rs", (0, 8)).await;
    desk.answer(id).await;
    let prompt = flatten(desk.asked().last().expect("asked"));
    assert!(
        prompt.starts_with("<|repo_name|>new\n<|file_sep|>src/b.rs\n"),
        "{prompt:?}"
    );
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn within_a_burst_of_keys_only_the_last_one_costs_the_engine_anything() {
    let mut desk = Desk::new(Setup {
        script: always(&["9;"]),
        ..Setup::default()
    })
    .await;
    let uri = desk.open("a.rs", "let x = \n").await;
    let mut ids = Vec::new();
    for (version, digit) in (2..).zip(0..8_u32) {
        desk.edit(&uri, version, (0, 8 + digit), (0, 8 + digit), "1")
            .await;
        // As VS Code does: it asks 20 ms after the key.
        tokio::time::sleep(Duration::from_millis(20)).await;
        ids.push(desk.ask_unasked(&uri, (0, 9 + digit)).await);
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let last = ids.pop().expect("eight were asked");
    for id in ids {
        assert_eq!(desk.answer(id).await, nothing());
    }
    assert_eq!(desk.answer(last).await, item((0, 16), (0, 16), "9;"));
    assert_eq!(desk.asked().len(), 1);
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_asked_gives_way_to_the_next_one() {
    let mut desk = Desk::new(Setup {
        script: held(),
        ..Setup::default()
    })
    .await;
    let uri = desk.open("a.rs", "let x = \nlet y = \n").await;
    let first = desk.ask_unasked(&uri, (0, 8)).await;
    desk.until_open_requests(1).await;
    let second = desk.ask_unasked(&uri, (1, 8)).await;
    assert_eq!(desk.answer(first).await, nothing());
    desk.until_open_requests(1).await;
    desk.engine.release();
    assert_eq!(desk.answer(second).await, item((1, 8), (1, 8), "late"));
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_leaves_nobody_waiting() {
    let mut desk = Desk::new(Setup::default()).await;
    let uri = desk.open("a.rs", "let x = \n").await;
    desk.backend.breaks.store(true, Ordering::SeqCst);
    let id = desk.ask(&uri, (0, 8)).await;
    assert_eq!(desk.answer(id).await, nothing());
    desk.backend.breaks.store(false, Ordering::SeqCst);
    let id = desk.ask(&uri, (0, 8)).await;
    assert_eq!(desk.answer(id).await, item((0, 8), (0, 8), "said"));
    desk.leave().await;
}
