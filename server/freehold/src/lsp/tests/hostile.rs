//! What no editor should send, and editors that do not listen or go away.

use std::time::Duration;

use engine::State;
use serde_json::json;
use testing::editor::{Answer, frame};
use tokio::io::AsyncWriteExt;

use super::desk::{Desk, PIPE_BYTES, Setup, held, item, nothing};
use crate::lsp::transport::Ended;

#[tokio::test(start_paused = true)]
async fn what_is_no_message_harms_nobody() {
    let mut desk = Desk::new(Setup::default()).await;
    let uri = desk.open("a.rs", "let x = \n").await;
    let cases: [&[u8]; 14] = [
        b"Content-Length: 1\r\n\r\n{",
        b"Content-Length: x\r\n\r\n",
        b"Content-Length: -5\r\n\r\n",
        b"Content-Length: 18446744073709551616\r\n\r\n",
        b"Content-Length: 9999999999999\r\n\r\n",
        b"Content-Type: text/plain\r\n\r\n{}",
        b"\r\n\r\n\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
        b"Content-Length: 3\r\n\r\n\xff\xfe\xfd",
        b"Content-Length: 0\r\n\r\n",
        b"Content-Length: 4\r\n\r\nnull",
        b"Content-Length: 2\r\n\r\n[]",
        b"\0\0\0\0\r\n\r\n",
        b"Content-Length: 27\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":null}",
    ];
    for bytes in cases {
        desk.send(bytes).await;
        let id = desk.ask(&uri, (0, 8)).await;
        assert_eq!(
            desk.answer(id).await,
            item((0, 8), (0, 8), "said"),
            "{:?}",
            String::from_utf8_lossy(bytes)
        );
    }
    // So deep that a parser which recursed would not come back.
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    desk.send(format!("Content-Length: {}\r\n\r\n{deep}", deep.len()).as_bytes())
        .await;
    let id = desk.ask(&uri, (0, 8)).await;
    assert_eq!(desk.answer(id).await, item((0, 8), (0, 8), "said"));
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn requests_that_make_no_sense_are_answered_with_an_error() {
    let mut desk = Desk::new(Setup::default()).await;
    let cases = [
        ("textDocument/inlineCompletion", json!({})),
        ("textDocument/inlineCompletion", json!(null)),
        (
            "textDocument/inlineCompletion",
            json!({ "textDocument": { "uri": 7 } }),
        ),
        (
            "textDocument/hover",
            json!({ "textDocument": { "uri": "file:///a" } }),
        ),
        ("textDocument/didOpen", json!({})),
        ("initialize", json!({ "capabilities": {} })),
        ("no/such/method", json!([1, 2])),
        ("", json!(null)),
    ];
    for (method, params) in cases {
        let id = desk.request(method, &params).await;
        assert!(matches!(desk.answer(id).await, Answer::Error(..)), "{method}");
    }
    desk.notify("textDocument/didChange", &json!({ "wrong": true }))
        .await;
    desk.notify("no/such/notification", &json!(null)).await;
    desk.notify("$/cancelRequest", &json!({ "id": "never asked" }))
        .await;
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn places_outside_the_document_are_its_ends() {
    let mut desk = Desk::new(Setup::default()).await;
    let uri = desk.open("a.rs", "let x = \nlet y = ").await;
    for (place, nearest) in [
        ((0, u32::MAX), (0, 8)),
        ((u32::MAX, 0), (1, 8)),
        ((u32::MAX, u32::MAX), (1, 8)),
    ] {
        let id = desk.ask(&uri, place).await;
        assert_eq!(desk.answer(id).await, item(nearest, nearest, "said"), "{place:?}");
    }
    desk.edit(&uri, 2, (0, 4), (u32::MAX, u32::MAX), "z = ").await;
    desk.edit(&uri, 3, (7, 7), (0, 0), "").await;
    desk.edit("file:///project/app/never-opened.rs", 3, (0, 0), (0, 0), "x")
        .await;
    desk.settle().await;
    assert_eq!(desk.text(&uri).await, "");
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn half_surrogate_pairs_keep_the_document_in_step() {
    let mut desk = Desk::new(Setup::default()).await;
    let uri = desk.open("a.rs", "12").await;
    let message = format!(
        r#"{{"jsonrpc":"2.0","method":"textDocument/didChange","params":{{"textDocument":{{"uri":"{uri}","version":2}},"contentChanges":[{{"range":{{"start":{{"line":0,"character":1}},"end":{{"line":0,"character":1}}}},"text":"\ud83d"}}]}}}}"#
    );
    desk.send(format!("Content-Length: {}\r\n\r\n{message}", message.len()).as_bytes())
        .await;
    // The editor counts the half as one unit, and so does the server.
    desk.edit(&uri, 3, (0, 2), (0, 2), "b").await;
    desk.settle().await;
    assert_eq!(desk.text(&uri).await, "1\u{fffd}b2");
    desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_may_come_byte_by_byte_and_many_may_come_at_once() {
    let mut desk = Desk::new(Setup::default()).await;
    let uri = desk.open("a.rs", "let x = \n").await;
    let (first, bytes) = desk.editor.request(
        "workspace/executeCommand",
        &json!({ "command": "freehold.listModels" }),
    );
    for byte in bytes {
        desk.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert!(matches!(desk.answer(first).await, Answer::Result(_)));
    let mut together = Vec::new();
    for version in 2..102 {
        let params = json!({
            "textDocument": { "uri": uri, "version": version },
            "contentChanges": [{ "range": super::desk::range((0, 8), (0, 8)), "text": "1" }],
        });
        together.extend(frame(
            &json!({ "jsonrpc": "2.0", "method": "textDocument/didChange", "params": params }),
        ));
    }
    desk.send(&together).await;
    desk.settle().await;
    assert_eq!(desk.text(&uri).await, format!("let x = {}\n", "1".repeat(100)));
    desk.leave().await;
}

/// Why memory is bounded: what the server has read but not answered is at most the requests that may be
/// unanswered and the answers that may wait to be written. Then it stops reading, the pipe fills, and the
/// editor cannot send any more.
#[tokio::test(start_paused = true)]
async fn an_editor_that_does_not_read_is_not_read_any_more() {
    let mut desk = Desk::new(Setup::default()).await;
    let uri = desk.open("a.rs", "let x = \n").await;
    let mut sent = 0;
    loop {
        let params = json!({
            "textDocument": { "uri": uri },
            "position": { "line": 0, "character": 8 },
            "context": { "triggerKind": 1 },
        });
        let (_, bytes) = desk.editor.request("textDocument/inlineCompletion", &params);
        // Time passes only when nobody has anything to do: then nothing moves any more.
        match tokio::time::timeout(Duration::from_secs(60), desk.to_server.write_all(&bytes)).await {
            Ok(written) => written.expect("the server lives"),
            Err(_) => break,
        }
        sent += bytes.len();
        assert!(sent < 16 * PIPE_BYTES, "the server reads on and on");
    }
    // Once the editor reads again, all is answered. (The last request was cut in the middle.)
    desk.editor.abandon();
    while desk.editor.open_requests().len() > 1 {
        desk.read().await;
    }
    assert_eq!(desk.engine.open_requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn when_the_editor_is_gone_the_server_leaves_and_the_engine_rests() {
    let mut desk = Desk::new(Setup {
        script: held(),
        ..Setup::default()
    })
    .await;
    let uri = desk.open("a.rs", "let x = \n").await;
    desk.ask(&uri, (0, 8)).await;
    desk.until_open_requests(1).await;
    desk.editor.abandon();
    let Desk {
        engine,
        to_server,
        from_server,
        server,
        editor,
        ..
    } = desk;
    drop((to_server, from_server));
    assert_eq!(server.await.expect("no panic"), Ended::Abruptly);
    assert_eq!(engine.open_requests(), 0);
    drop(editor);
}

#[tokio::test(start_paused = true)]
async fn exit_without_shutdown_ends_the_server_though_requests_hang() {
    let mut desk = Desk::new(Setup {
        script: held(),
        ..Setup::default()
    })
    .await;
    let uri = desk.open("a.rs", "let x = \n").await;
    desk.ask(&uri, (0, 8)).await;
    desk.until_open_requests(1).await;
    desk.notify("exit", &json!(null)).await;
    desk.editor.abandon();
    assert_eq!((&mut desk.server).await.expect("no panic"), Ended::Abruptly);
    assert_eq!(desk.engine.open_requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn before_the_introduction_and_after_the_farewell_nothing_is_answered_but_errors() {
    let mut desk = Desk::unintroduced(held(), None, State::Ready);
    let id = desk.ask("file:///project/app/a.rs", (0, 0)).await;
    assert!(matches!(desk.answer(id).await, Answer::Error(-32002, _)));
    let id = desk.request("initialize", &json!({ "capabilities": {} })).await;
    assert!(matches!(desk.answer(id).await, Answer::Result(_)));
    let id = desk.request("shutdown", &json!(null)).await;
    assert_eq!(desk.answer(id).await, nothing());
    let id = desk.ask("file:///project/app/a.rs", (0, 0)).await;
    assert!(matches!(desk.answer(id).await, Answer::Error(-32600, _)));
    desk.notify("exit", &json!(null)).await;
    assert_eq!((&mut desk.server).await.expect("no panic"), Ended::InOrder);
}
