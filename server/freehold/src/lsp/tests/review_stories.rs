//! What people do with a review besides keeping and dropping its hunks: each story through the protocol.

use expect_test::expect;
use serde_json::{Value, json};
use testing::editor::Answer;

use super::desk::Setup;
use super::reviewer::{Manner, Reviewer, abilities};

const A: &str = "/project/app/a.rs";
const B: &str = "/project/app/b.rs";

fn applied() -> Value {
    json!({ "applied": true })
}

#[tokio::test(start_paused = true)]
async fn some_lines_of_a_hunk_are_kept() {
    let mut reviewer = Reviewer::new(&[(A, "one\ntwo\nthree\nfour\n")]).await;
    let a = reviewer.open(A).await;
    let patch = "--- a/a.rs\n+++ b/a.rs\n@@ -1,4 +1,5 @@\n one\n-two\n-three\n+TWO\n+THREE\n+more\n four\n";
    reviewer.propose(patch).await;
    reviewer.until_hunks(1).await;
    for (lines, reason) in [
        (json!(["-2"]), "has no such line"),
        (json!(["two"]), "`two` names no line"),
        (json!(null), "`lines` is missing"),
    ] {
        let mut seen = reviewer.seen("TWO");
        seen["lines"] = lines;
        let said = match reviewer.try_command("keepLines", seen).await {
            Answer::Result(answer) => {
                assert_eq!(answer["applied"], json!(false));
                answer["message"].as_str().expect("a reason").to_owned()
            }
            Answer::Error(_, message) => message,
        };
        assert!(said.contains(reason), "{said}");
    }
    assert_eq!(reviewer.text(&a), "one\ntwo\nthree\nfour\n");
    // The second line stays as it is, and what it was to become does not come.
    let mut seen = reviewer.seen("TWO");
    seen["lines"] = json!(["-0", "+0", "+2"]);
    assert_eq!(reviewer.command("keepLines", seen).await, applied());
    assert_eq!(reviewer.text(&a), "one\nTWO\nthree\nmore\nfour\n");
    reviewer.until_hunks(0).await;
    assert_eq!(reviewer.command("undo", json!({})).await, applied());
    assert_eq!(reviewer.text(&a), "one\ntwo\nthree\nfour\n");
    reviewer.leave().await;
}

const RENAME: &str = "\
--- a/a.rs
+++ b/a.rs
@@ -1,3 +1,3 @@
-let total = old(1);
+let total = new(1);
 other();
-let sum = old(2);
+let sum = new(2);
--- a/b.rs
+++ b/b.rs
@@ -1,2 +1,2 @@
-old(3);
+new(3);
-left();
+right();
";

#[tokio::test(start_paused = true)]
async fn alike_hunks_are_decided_in_one_go() {
    let files = [
        (A, "let total = old(1);\nother();\nlet sum = old(2);\n"),
        (B, "old(3);\nkeep();\nleft();\n"),
    ];
    let patch = RENAME.replace(
        "-1,2 +1,2 @@\n-old(3);\n+new(3);\n",
        "-1,3 +1,3 @@\n-old(3);\n+new(3);\n keep();\n",
    );
    let mut reviewer = Reviewer::new(&files).await;
    let a = reviewer.open(A).await;
    reviewer.propose(&patch).await;
    reviewer.until_hunks(4).await;
    let alike = reviewer.hunks()[0]["alike"].as_array().map(Vec::len);
    assert_eq!(alike, Some(2), "the same word is replaced in three places");
    let seen = reviewer.seen("new(1)");
    assert_eq!(reviewer.command("keepAlike", seen).await, applied());
    assert_eq!(
        reviewer.text(&a),
        "let total = new(1);\nother();\nlet sum = new(2);\n"
    );
    assert_eq!(
        reviewer.desk.file(B).as_deref(),
        Some("new(3);\nkeep();\nleft();\n")
    );
    reviewer.until_hunks(1).await;
    // One step, so one undo.
    assert_eq!(reviewer.command("undo", json!({})).await, applied());
    assert_eq!(reviewer.text(&a), files[0].1);
    assert_eq!(reviewer.desk.file(B).as_deref(), Some(files[1].1));

    reviewer.command("dropAll", json!({})).await;
    reviewer.propose(&patch).await;
    reviewer.until_hunks(4).await;
    let seen = reviewer.seen("new(3)");
    assert_eq!(reviewer.command("dropAlike", seen).await, applied());
    reviewer.until_hunks(1).await;
    assert_eq!(reviewer.hunks()[0]["added"], json!("right();\n"));
    assert_eq!(reviewer.text(&a), files[0].1, "what is dropped changes nothing");
    reviewer.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_definition_is_kept_together_with_its_use() {
    let patch = "\
--- a/a.rs
+++ b/a.rs
@@ -1 +1,2 @@
 one();
+fn doubled() {}
--- a/b.rs
+++ b/b.rs
@@ -1,3 +1,3 @@
-single();
+doubled();
 two();
-three();
+THREE();
";
    let mut reviewer = Reviewer::new(&[(A, "one();\n"), (B, "single();\ntwo();\nthree();\n")]).await;
    reviewer.propose(patch).await;
    reviewer.until_hunks(3).await;
    let used = reviewer.seen("doubled();");
    let hunks = reviewer.hunks();
    assert_eq!(hunks[0]["together"], json!([used["hunk"]]));
    let b = format!("file://{B}");
    expect!["A patch: change 1 line to 1; stands or falls with a.rs:2"]
        .assert_eq(reviewer.diagnostics[&b][0]["message"].as_str().expect("a text"));
    let at = json!({ "line": 0, "character": 0 });
    let place = json!({ "textDocument": { "uri": b }, "range": { "start": at, "end": at }, "context": { "diagnostics": [] } });
    let actions = reviewer.request("textDocument/codeAction", &place).await;
    let action = |title: &str| {
        let actions = actions.as_array().expect("a list").iter();
        let mut found = actions.filter(|action| action["title"] == title);
        found.next().expect("it is offered")["command"].clone()
    };
    assert_eq!(
        action("Drop this change and what belongs to it")["command"],
        json!("freehold.dropTogether")
    );
    let keep = action("Keep this change and what belongs to it");
    assert_eq!(keep["command"], json!("freehold.keepTogether"));
    let argument = keep["arguments"][0].clone();
    assert_eq!(reviewer.command("keepTogether", argument).await, applied());
    assert_eq!(
        reviewer.desk.file(A).as_deref(),
        Some("one();\nfn doubled() {}\n")
    );
    assert_eq!(
        reviewer.desk.file(B).as_deref(),
        Some("doubled();\ntwo();\nthree();\n")
    );
    reviewer.until_hunks(1).await;
    reviewer.leave().await;
}

#[tokio::test(start_paused = true)]
async fn each_folder_of_a_workspace_has_its_own_review() {
    let (app, lib) = ("/project/app/a.rs", "/project/lib/a.rs");
    let mut reviewer = Reviewer::set_up(Setup {
        files: vec![(app, "a\nb\n"), (lib, "a\nb\n")],
        capabilities: abilities(),
        folders: json!([
            { "uri": "file:///project/app", "name": "app" },
            { "uri": "file:///project/lib", "name": "lib" },
        ]),
        ..Setup::default()
    })
    .await;
    let opened = reviewer.open(lib).await;
    let patch = |new: &str| format!("--- a/a.rs\n+++ b/a.rs\n@@ -1,2 +1,2 @@\n-a\n+{new}\n b\n");
    for (folder, new) in [("file:///project/app", "app"), ("file:///project/lib", "lib")] {
        let proposed = json!({ "patch": patch(new), "title": new, "folder": folder });
        reviewer.command("propose", proposed).await;
    }
    reviewer.until_hunks(2).await;
    let (in_app, in_lib) = (reviewer.seen("app\n"), reviewer.seen("lib\n"));
    assert_ne!(in_app["hunk"], in_lib["hunk"], "names are unambiguous");
    assert_eq!(reviewer.command("keepHunk", in_lib).await, applied());
    assert_eq!(reviewer.text(&opened), "lib\nb\n");
    assert_eq!(reviewer.desk.file(app).as_deref(), Some("a\nb\n"));
    reviewer.until_hunks(1).await;
    assert_eq!(reviewer.command("keepHunk", in_app).await, applied());
    assert_eq!(reviewer.desk.file(app).as_deref(), Some("app\nb\n"));

    // Each folder has a journal of its own, and *all* means the hunks of both.
    for folder in ["file:///project/app", "file:///project/lib"] {
        let steps = reviewer.command("checkpoints", json!({ "folder": folder })).await;
        assert_eq!(steps.as_array().map(Vec::len), Some(1), "{folder}");
        assert_eq!(
            reviewer.command("undo", json!({ "folder": folder })).await,
            applied()
        );
        let proposed = json!({ "patch": patch("again"), "folder": folder });
        reviewer.command("propose", proposed).await;
    }
    assert_eq!(reviewer.text(&opened), "a\nb\n");
    reviewer.until_hunks(2).await;
    assert_eq!(reviewer.command("keepAll", json!({})).await, applied());
    assert_eq!(reviewer.text(&opened), "again\nb\n");
    assert_eq!(reviewer.desk.file(app).as_deref(), Some("again\nb\n"));

    // A folder that goes takes its review with it; the other's stays.
    reviewer
        .command(
            "propose",
            json!({ "patch": patch("x").replace("-a", "-again"), "folder": "file:///project/app" }),
        )
        .await;
    reviewer.until_hunks(1).await;
    let gone =
        json!({ "event": { "added": [], "removed": [{ "uri": "file:///project/app", "name": "app" }] } });
    reviewer
        .desk
        .notify("workspace/didChangeWorkspaceFolders", &gone)
        .await;
    reviewer.until_hunks(0).await;
    let steps = reviewer
        .command("checkpoints", json!({ "folder": "file:///project/lib" }))
        .await;
    assert_eq!(steps.as_array().map(Vec::len), Some(3));
    reviewer.leave().await;
}

const TWO: &str = "--- a/a.rs\n+++ b/a.rs\n@@ -1,3 +1,3 @@\n-one\n+ONE\n two\n-three\n+THREE\n";

#[tokio::test(start_paused = true)]
async fn a_conflict_is_shown_with_both_texts_and_decided_each_way() {
    for (command, expected) in [
        ("keepHunk", "one\ntwo\nTHREE\n"),
        ("dropHunk", "one\ntwo\nthree, mine\n"),
        ("editHunk", "one\ntwo\nTHREE, mine\n"),
    ] {
        let mut reviewer = Reviewer::new(&[(A, "one\ntwo\nthree\n")]).await;
        let a = reviewer.open(A).await;
        reviewer.propose(TWO).await;
        reviewer.until_hunks(2).await;
        let end = reviewer.text(&a).len() - 1;
        reviewer.replace(&a, end..end, ", mine").await;
        reviewer
            .until(|reviewer| reviewer.hunks().iter().any(|hunk| hunk["status"] == "conflict"))
            .await;
        let shown = reviewer.hunks()[1].clone();
        assert_eq!(
            [&shown["removed"], &shown["mine"], &shown["added"]],
            [&json!("three\n"), &json!("three, mine\n"), &json!("THREE\n")]
        );
        let mut seen = reviewer.seen("THREE");
        seen["text"] = json!("THREE, mine\n");
        assert_eq!(reviewer.command(command, seen).await, applied(), "{command}");
        assert_eq!(reviewer.text(&a), expected, "{command}");
        reviewer.until_hunks(1).await;
        if command != "dropHunk" {
            assert_eq!(reviewer.command("undo", json!({})).await, applied(), "{command}");
            assert_eq!(reviewer.text(&a), "one\ntwo\nthree, mine\n", "{command}");
        }
        reviewer.leave().await;
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_everything_leaves_what_the_user_has() {
    let mut reviewer = Reviewer::new(&[(A, "one\ntwo\nthree\n")]).await;
    let a = reviewer.open(A).await;
    reviewer.propose(TWO).await;
    reviewer.until_hunks(2).await;
    reviewer.type_before(&a, "hree", "T").await;
    reviewer.type_before(&a, "two", "and ").await;
    assert_eq!(reviewer.command("dropAll", json!({})).await, applied());
    reviewer.until_hunks(0).await;
    assert_eq!(reviewer.text(&a), "one\nand two\ntThree\n");
    assert_eq!(reviewer.desk.text(&a).await, "one\nand two\ntThree\n");
    assert_eq!(reviewer.desk.file(A).as_deref(), Some("one\ntwo\nthree\n"));
    assert!(reviewer.asked.is_empty(), "nobody is asked to change anything");
    let again = reviewer.command("dropAll", json!({})).await;
    assert_eq!(again["applied"], json!(false));
    reviewer.leave().await;
}

/// Neovim tells what it was asked to do as one edit of all behind the first difference: what waits there
/// is not touched by it, and what was typed since stays when it is taken back.
#[tokio::test(start_paused = true)]
async fn what_an_editor_told_in_other_words_is_taken_back() {
    let mut reviewer = Reviewer::new(&[(A, "one\ntwo\nthree\nfour\nfive\n")]).await;
    let a = reviewer.open(A).await;
    let patch = "--- a/a.rs\n+++ b/a.rs\n@@ -1,5 +1,7 @@\n-one\n+ONE\n two\n+two and a half\n three\n-four\n+FOUR\n five\n+six\n";
    reviewer.propose(patch).await;
    reviewer.until_hunks(4).await;
    reviewer.manner = Manner::Rephrases;
    let keep = reviewer.seen("two and");
    assert_eq!(reviewer.command("keepHunk", keep).await, applied());
    assert_eq!(reviewer.text(&a), "one\ntwo\ntwo and a half\nthree\nfour\nfive\n");
    reviewer.until_hunks(3).await;
    let ready = |reviewer: &Reviewer| reviewer.hunks().iter().all(|hunk| hunk["status"] == "ready");
    assert!(ready(&reviewer), "{:#?}", reviewer.hunks());
    reviewer.type_before(&a, "three", "about ").await;
    assert_eq!(reviewer.command("undo", json!({})).await, applied());
    assert_eq!(reviewer.text(&a), "one\ntwo\nabout three\nfour\nfive\n");
    let keep = reviewer.seen("FOUR");
    assert_eq!(reviewer.command("keepHunk", keep).await, applied());
    assert_eq!(reviewer.text(&a), "one\ntwo\nabout three\nFOUR\nfive\n");
    reviewer.until_hunks(2).await;
    assert!(ready(&reviewer), "{:#?}", reviewer.hunks());
    assert_eq!(reviewer.command("keepAll", json!({})).await, applied());
    assert_eq!(reviewer.text(&a), "ONE\ntwo\nabout three\nFOUR\nfive\nsix\n");
    for text in [
        "one\ntwo\nabout three\nFOUR\nfive\n",
        "one\ntwo\nabout three\nfour\nfive\n",
    ] {
        assert_eq!(reviewer.command("undo", json!({})).await, applied());
        assert_eq!(reviewer.text(&a), text);
    }
    assert_eq!(reviewer.desk.text(&a).await, reviewer.text(&a));
    reviewer.leave().await;
}
