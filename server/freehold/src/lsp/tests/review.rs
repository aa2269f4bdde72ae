//! A review through the protocol: shown, decided, written, taken back.

use expect_test::expect;
use serde_json::{Value, json};
use testing::editor::Answer;

use super::reviewer::{Manner, Reviewer, abilities};

const A: &str = "/project/app/a.rs";
const B: &str = "/project/app/b.rs";
const A_TEXT: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n";
const B_TEXT: &str = "alpha\nbeta\ngamma\ndelta\n";

const FIVE_HUNKS: &str = "\
--- a/a.rs
+++ b/a.rs
@@ -1,7 +1,7 @@
-one
+ONE
 two
-three
+THREE
 four
 five
 six
-seven
+SEVEN
--- a/b.rs
+++ b/b.rs
@@ -1,4 +1,4 @@
-alpha
+ALPHA
 beta
 gamma
-delta
+DELTA
";

/// Two are kept, one is edited and kept, two are dropped, and a character is typed between them.
#[tokio::test(start_paused = true)]
async fn five_hunks_in_two_files() {
    for manner in [Manner::ChangesFirst, Manner::AnswersFirst] {
        let mut reviewer = Reviewer::new(&[(A, A_TEXT), (B, B_TEXT)]).await;
        reviewer.manner = manner;
        let a = reviewer.open(A).await;
        let proposed = reviewer.propose(FIVE_HUNKS).await;
        assert_eq!(proposed["hunks"].as_array().map(Vec::len), Some(5));
        reviewer.until_hunks(5).await;
        assert_eq!(reviewer.text(&a), A_TEXT, "nothing undecided is in a buffer");

        let applied = json!({ "applied": true });
        let keep = reviewer.seen("ONE");
        assert_eq!(reviewer.command("keepHunk", keep).await, applied);
        assert!(reviewer.text(&a).starts_with("ONE\ntwo\nthree\n"));
        reviewer.type_before(&a, "two", "x").await;
        let mut edit = reviewer.seen("THREE");
        edit["text"] = json!("Three!\n");
        assert_eq!(reviewer.command("editHunk", edit).await, applied);
        let drop = reviewer.seen("SEVEN");
        assert_eq!(reviewer.command("dropHunk", drop).await, applied);
        let keep = reviewer.seen("ALPHA");
        assert_eq!(reviewer.command("keepHunk", keep).await, applied);
        let drop = reviewer.seen("DELTA");
        assert_eq!(reviewer.command("dropHunk", drop).await, applied);
        reviewer.until_hunks(0).await;

        let kept = "ONE\nxtwo\nThree!\nfour\nfive\nsix\nseven\n";
        assert_eq!(reviewer.text(&a), kept);
        assert_eq!(reviewer.desk.text(&a).await, kept);
        assert_eq!(
            reviewer.desk.file(A).as_deref(),
            Some(A_TEXT),
            "the editor saves, not we"
        );
        assert_eq!(
            reviewer.desk.file(B).as_deref(),
            Some("ALPHA\nbeta\ngamma\ndelta\n")
        );

        // Back, step by step; what was typed stays.
        assert_eq!(reviewer.command("undo", json!({})).await, applied);
        assert_eq!(reviewer.desk.file(B).as_deref(), Some(B_TEXT));
        assert_eq!(reviewer.command("undo", json!({})).await, applied);
        assert_eq!(reviewer.text(&a), "ONE\nxtwo\nthree\nfour\nfive\nsix\nseven\n");
        assert_eq!(reviewer.command("undo", json!({})).await, applied);
        assert_eq!(reviewer.text(&a), "one\nxtwo\nthree\nfour\nfive\nsix\nseven\n");
        for _ in 0..3 {
            assert_eq!(reviewer.command("redo", json!({})).await, applied);
        }
        assert_eq!(reviewer.text(&a), kept);
        assert_eq!(
            reviewer.desk.file(B).as_deref(),
            Some("ALPHA\nbeta\ngamma\ndelta\n")
        );
        reviewer.leave().await;
    }
}

#[tokio::test(start_paused = true)]
async fn all_is_kept_in_one_step_over_open_and_closed_files() {
    let mut reviewer = Reviewer::new(&[(A, A_TEXT), (B, B_TEXT)]).await;
    let a = reviewer.open(A).await;
    reviewer.propose(FIVE_HUNKS).await;
    assert_eq!(
        reviewer.command("keepAll", json!({})).await,
        json!({ "applied": true })
    );
    assert_eq!(reviewer.text(&a), "ONE\ntwo\nTHREE\nfour\nfive\nsix\nSEVEN\n");
    assert_eq!(
        reviewer.desk.file(B).as_deref(),
        Some("ALPHA\nbeta\ngamma\nDELTA\n")
    );
    reviewer.until_hunks(0).await;
    let steps = reviewer.command("checkpoints", json!({})).await;
    assert_eq!(steps.as_array().map(Vec::len), Some(1));
    assert_eq!(steps[0]["files"], json!(["a.rs", "b.rs"]));
    assert_eq!(
        reviewer.command("undo", json!({})).await,
        json!({ "applied": true })
    );
    assert_eq!(reviewer.text(&a), A_TEXT);
    assert_eq!(reviewer.desk.file(B).as_deref(), Some(B_TEXT));
    let audit = reviewer.command("audit", json!({})).await;
    let kinds: Vec<&str> = audit
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|record| record["kind"].as_str())
        .collect();
    let mut expected = vec!["decision"; 5];
    expected.extend(["write"; 4]);
    assert_eq!(kinds, expected);
    reviewer.leave().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_shown_as_the_protocol_has_it() {
    let mut reviewer = Reviewer::new(&[(A, A_TEXT), (B, B_TEXT)]).await;
    let a = reviewer.open(A).await;
    reviewer.propose(FIVE_HUNKS).await;
    reviewer
        .until(|reviewer| reviewer.diagnostics.len() == 2 && reviewer.hunks().len() == 5)
        .await;
    let hints: Vec<String> = reviewer.diagnostics[&a]
        .as_array()
        .expect("a list")
        .iter()
        .map(|hint| {
            format!(
                "{} {} {} {}",
                hint["range"], hint["severity"], hint["source"], hint["message"]
            )
        })
        .collect();
    expect![[r#"
        {"end":{"character":3,"line":0},"start":{"character":0,"line":0}} 4 "freehold" "A patch: change 1 line to 1"
        {"end":{"character":5,"line":2},"start":{"character":0,"line":2}} 4 "freehold" "A patch: change 1 line to 1"
        {"end":{"character":5,"line":6},"start":{"character":0,"line":6}} 4 "freehold" "A patch: change 1 line to 1""#]]
    .assert_eq(&hints.join("\n"));

    let seen = reviewer.seen("THREE");
    let at = json!({ "line": 2, "character": 1 });
    let context = json!({ "diagnostics": [] });
    let params =
        json!({ "textDocument": { "uri": a }, "range": { "start": at, "end": at }, "context": context });
    let actions = reviewer.request("textDocument/codeAction", &params).await;
    let named: Vec<String> = actions
        .as_array()
        .expect("a list")
        .iter()
        .map(|action| {
            format!(
                "{} {}",
                action["title"].as_str().expect("a title"),
                action["command"]["command"]
            )
        })
        .collect();
    expect![[r#"
        Keep this change "freehold.keepHunk"
        Drop this change "freehold.dropHunk"
        Keep all in file "freehold.keepFile"
        Drop all in file "freehold.dropFile"
        Keep all "freehold.keepAll"
        Drop all "freehold.dropAll"
        Show diff "freehold.showDiff""#]]
    .assert_eq(&named.join("\n"));
    assert_eq!(actions[0]["command"]["arguments"], json!([seen]));

    let document = json!({ "textDocument": { "uri": a } });
    let lenses = reviewer.request("textDocument/codeLens", &document).await;
    assert_eq!(lenses.as_array().map(Vec::len), Some(9));
    let proposed = json!({ "uri": "freehold-proposed:///project/app/a.rs" });
    let content = reviewer.request("workspace/textDocumentContent", &proposed).await;
    assert_eq!(
        content,
        json!({ "text": "ONE\ntwo\nTHREE\nfour\nfive\nsix\nSEVEN\n" })
    );
    let shown = reviewer.command("showDiff", json!({ "uri": a })).await;
    assert_eq!(shown["proposed"], proposed["uri"]);

    assert_eq!(
        reviewer.command("dropFile", json!({ "uri": a })).await,
        json!({ "applied": true })
    );
    reviewer
        .until(|reviewer| reviewer.diagnostics[&a] == json!([]))
        .await;
    reviewer.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_decision_is_only_about_what_was_seen() {
    let mut reviewer = Reviewer::new(&[(A, A_TEXT), (B, B_TEXT)]).await;
    let a = reviewer.open(A).await;
    reviewer.propose(FIVE_HUNKS).await;
    reviewer.until_hunks(5).await;
    let seen = reviewer.seen("THREE");
    reviewer.type_before(&a, "hree", "T").await;
    let answer = reviewer.command("keepHunk", seen).await;
    assert_eq!(answer["applied"], json!(false));
    assert_eq!(reviewer.text(&a), "one\ntwo\ntThree\nfour\nfive\nsix\nseven\n");
    reviewer
        .until(|reviewer| reviewer.hunks().iter().any(|hunk| hunk["status"] == "conflict"))
        .await;
    // Keeping all leaves the conflict to be looked at.
    let answer = reviewer.command("keepAll", json!({})).await;
    assert_eq!(answer["applied"], json!(true));
    assert!(
        answer["message"]
            .as_str()
            .is_some_and(|message| message.contains("conflict"))
    );
    assert_eq!(reviewer.text(&a), "ONE\ntwo\ntThree\nfour\nfive\nsix\nSEVEN\n");
    reviewer.until_hunks(1).await;
    reviewer.leave().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_ticked_in_a_preview_is_learnt_from_what_follows() {
    let mut reviewer = Reviewer::new(&[(A, A_TEXT), (B, B_TEXT)]).await;
    let a = reviewer.open(A).await;
    reviewer.propose(FIVE_HUNKS).await;
    reviewer.until_hunks(5).await;
    reviewer.manner = Manner::Lies;
    let id = reviewer.begin("preview", json!({})).await;
    reviewer.until(|reviewer| !reviewer.asked.is_empty()).await;
    let asked = reviewer.asked[0].clone();
    assert_eq!(
        asked["edit"]["changeAnnotations"]
            .as_object()
            .map(serde_json::Map::len),
        Some(5)
    );
    let every = |change: &Value| change["edits"].as_array().expect("a list").clone();
    let edits: Vec<Value> = asked["edit"]["documentChanges"]
        .as_array()
        .expect("a list")
        .iter()
        .flat_map(every)
        .collect();
    assert!(edits.iter().all(|edit| edit["annotationId"].is_string()));
    // The second of the first file was ticked, and nothing else.
    let at = reviewer.text(&a).find("three\n").expect("there");
    reviewer.replace(&a, at..at + 6, "THREE\n").await;
    let answer = reviewer.answer(id).await;
    assert_eq!(
        answer,
        Answer::Result(json!({ "applied": true, "message": "1 taken over" }))
    );
    reviewer.until_hunks(4).await;
    let steps = reviewer.command("checkpoints", json!({})).await;
    assert_eq!(steps.as_array().map(Vec::len), Some(1));
    reviewer.manner = Manner::ChangesFirst;
    assert_eq!(
        reviewer.command("undo", json!({})).await,
        json!({ "applied": true })
    );
    assert_eq!(reviewer.text(&a), A_TEXT);
    reviewer.leave().await;
}

#[tokio::test(start_paused = true)]
async fn editors_that_can_do_less_are_told_so() {
    let mut can = abilities();
    can["workspace"]["applyEdit"] = json!(false);
    can["textDocument"] = json!({});
    let mut reviewer = Reviewer::with(&[(A, A_TEXT), (B, B_TEXT)], can).await;
    let a = reviewer.open(A).await;
    reviewer.propose(FIVE_HUNKS).await;
    reviewer.until_hunks(5).await;
    let keep = reviewer.seen("ONE");
    let answer = reviewer.command("keepHunk", keep).await;
    assert_eq!(answer["applied"], json!(false));
    assert!(
        answer["message"]
            .as_str()
            .is_some_and(|message| message.contains("cannot be asked to change `a.rs`"))
    );
    let at = json!({ "line": 0, "character": 0 });
    let params = json!({ "textDocument": { "uri": a }, "range": { "start": at, "end": at }, "context": {} });
    let actions = reviewer.request("textDocument/codeAction", &params).await;
    assert_eq!(
        actions[0]["command"],
        json!("freehold.keepHunk"),
        "a bare command"
    );
    // Closed, the file is the disk's, and so ours to write.
    reviewer.close(&a).await;
    let keep = reviewer.seen("ONE");
    assert_eq!(
        reviewer.command("keepHunk", keep).await,
        json!({ "applied": true })
    );
    assert!(
        reviewer
            .desk
            .file(A)
            .is_some_and(|text| text.starts_with("ONE\n"))
    );
    reviewer.leave().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_there_again_after_a_restart() {
    let mut reviewer = Reviewer::new(&[(A, A_TEXT), (B, B_TEXT)]).await;
    reviewer.propose(FIVE_HUNKS).await;
    reviewer.until_hunks(5).await;
    let host = std::sync::Arc::clone(&reviewer.desk.backend.host);
    reviewer.leave().await;
    let paths = crate::paths::Paths::within(std::path::Path::new("/freehold"));
    let root = std::path::Path::new("/project/app");
    let mut alone = loop {
        // The server lets go of the workspace when its last task has ended.
        match crate::review::alone::Alone::open(host.clone(), &paths, root, &mut |_| {}) {
            Ok(alone) => break alone,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let state = alone
        .ask(
            crate::review::Command::Review,
            &host::Stop::default(),
            &mut |_| {},
        )
        .expect("answers");
    assert_eq!(state["files"].as_array().map(Vec::len), Some(2));
}

#[tokio::test(start_paused = true)]
async fn what_would_not_parse_is_said_with_its_line() {
    let mut reviewer = Reviewer::new(&[
        (A, "fn f() {}\n"),
        (B, "fn g( {}\n"),
        ("/project/app/c.txt", "(\n"),
    ])
    .await;
    let patch = "--- a/a.rs\n+++ b/a.rs\n@@ -1 +1,2 @@\n fn f() {}\n+fn h( {}\n--- a/b.rs\n+++ b/b.rs\n@@ -1 +1 @@\n-fn g( {}\n\
                 +fn g() {}\n--- a/c.txt\n+++ b/c.txt\n@@ -1 +1 @@\n-(\n+()\n";
    let proposed = reviewer.propose(patch).await;
    reviewer.until_hunks(3).await;
    let expected = json!([
        { "path": "a.rs", "syntax": "broken", "line": 2 },
        { "path": "b.rs", "syntax": "mended" },
    ]);
    assert_eq!(reviewer.state["changes"][0]["evidence"]["parse"], expected);
    let asked = reviewer.command("review", Value::Null).await;
    assert_eq!(asked["changes"], reviewer.state["changes"]);
    let said = |reviewer: &Reviewer, path: &str| {
        reviewer.diagnostics[&format!("file://{path}")][0]["message"].clone()
    };
    assert_eq!(
        said(&reviewer, A),
        "A patch: add 1 line; the file would not parse any more (line 2)"
    );
    assert_eq!(
        said(&reviewer, B),
        "A patch: change 1 line to 1; the file would parse again"
    );
    assert_eq!(
        said(&reviewer, "/project/app/c.txt"),
        "A patch: change 1 line to 1"
    );

    // Typed by hand, the hunk's reason to be mended is gone.
    let b = reviewer.open(B).await;
    let id = proposed["change"].clone();
    reviewer.replace(&b, 0..0, "fn i( {}\n").await;
    reviewer
        .until(|reviewer| {
            reviewer.state["changes"][0]["evidence"]["parse"]
                .as_array()
                .map(Vec::len)
                == Some(1)
        })
        .await;
    assert_eq!(reviewer.state["changes"][0]["id"], id);
}
