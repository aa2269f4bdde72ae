//! Beside the server of an editor.

use std::process::Stdio;

use serde_json::json;
use testing::editor::Answer;

use crate::world::{PATCH, Place, Server};

#[test]
fn beside_an_editor_the_terminal_reaches_its_server() {
    let place = Place::new();
    let mut server = Server::start(&place);
    let uri = format!("file://{}", place.path("a.txt").display());
    let document =
        json!({ "uri": uri, "languageId": "plaintext", "version": 1, "text": "one\ntwo\nthree\ntyped\n" });
    server
        .pipes
        .notify("textDocument/didOpen", &json!({ "textDocument": document }));
    // The patch is made for what the editor has, not for what lies on the disk.
    let patch = PATCH
        .replace("@@ -1,3 +1,3 @@", "@@ -1,4 +1,4 @@")
        .replace("+THREE\n", "+THREE\n typed\n");
    let said = place.said(&["propose"], &patch);
    assert!(said.starts_with("c1: 3 hunks wait"), "{said}");
    assert_eq!(place.said(&["keep", "h4"], ""), "kept\n[0]\n");
    assert_eq!(place.text("b.txt"), "ALPHA\n");

    let keep = {
        let mut command = place.program();
        command
            .args(["keep", "h2"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts")
    };
    let (id, method, params) = server.asked();
    assert_eq!(method, "workspace/applyEdit");
    let edits = &params["edit"]["documentChanges"][0];
    assert_eq!(edits["textDocument"], json!({ "uri": uri, "version": 1 }));
    let change = json!({ "range": edits["edits"][0]["range"], "text": edits["edits"][0]["newText"] });
    let versioned = json!({ "uri": uri, "version": 2 });
    server.pipes.notify(
        "textDocument/didChange",
        &json!({ "textDocument": versioned, "contentChanges": [change] }),
    );
    server.pipes.respond(&id, &json!({ "applied": true }));
    let kept = keep.wait_with_output().expect("the program ends");
    assert_eq!(String::from_utf8_lossy(&kept.stdout), "kept\n");
    assert_eq!(
        place.text("a.txt"),
        "one\ntwo\nthree\n",
        "the editor saves, not we"
    );

    let state = server.request(
        "workspace/executeCommand",
        &json!({ "command": "freehold.review" }),
    );
    assert_eq!(state["files"][0]["hunks"].as_array().map(Vec::len), Some(1));
    server.leave();
    // What waits is still there, now for the terminal alone; what the editor did not save has changed.
    assert!(place.said(&["diff"], "").contains("THREE"));
}

#[test]
fn a_second_window_shows_the_review_once_the_first_is_closed() {
    let place = Place::new();
    place.said(&["propose"], PATCH);
    let first = Server::start(&place);
    let mut second = Server::connect(&place);
    let told = second.told("window/showMessage", |_| true);
    let message = told["message"].as_str().expect("a text");
    assert!(
        message.starts_with("another window or command has the review of `")
            && message.ends_with("open; what waits there shows here as soon as that is closed"),
        "{message}"
    );
    match second.command("keepAll", &json!({})) {
        Answer::Error(_, message) => assert!(message.starts_with("another window"), "{message}"),
        Answer::Result(value) => panic!("somebody else has the review: {value}"),
    }
    // What is opened meanwhile counts once the review is here.
    let uri = format!("file://{}", place.path("b.txt").display());
    let document = json!({ "uri": uri, "languageId": "plaintext", "version": 1, "text": "beta\n" });
    second
        .pipes
        .notify("textDocument/didOpen", &json!({ "textDocument": document }));
    first.leave();
    let state = second.told("freehold/reviewChanged", |state| {
        state["files"].as_array().map(Vec::len) == Some(2)
    });
    assert_eq!(state["files"][0]["hunks"].as_array().map(Vec::len), Some(2));
    assert_eq!(state["files"][1]["hunks"][0]["status"], "conflict");
    match second.command("keepFile", &json!({ "path": "a.txt" })) {
        Answer::Result(value) => assert_eq!(value["applied"], true, "{value}"),
        Answer::Error(_, message) => panic!("{message}"),
    }
    assert_eq!(place.text("a.txt"), "ONE\ntwo\nTHREE\n");
    // The terminal reaches the window that has it now.
    assert!(place.said(&["diff"], "").contains("conflict"));
    second.leave();
}
