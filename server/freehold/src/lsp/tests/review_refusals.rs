//! Editors that refuse, do half, forget, lie or come late: the state is what is true in each case.

use std::time::Duration;

use expect_test::{Expect, expect};
use serde_json::json;
use testing::editor::Answer;

use super::reviewer::{Manner, Reviewer};

const A: &str = "/project/app/a.rs";
const B: &str = "/project/app/b.rs";
const C: &str = "/project/app/c.rs";

const PATCH: &str = "\
--- a/a.rs
+++ b/a.rs
@@ -1 +1 @@
-a
+A
--- a/b.rs
+++ b/b.rs
@@ -1 +1 @@
-b
+B
--- a/c.rs
+++ b/c.rs
@@ -1 +1 @@
-c
+C
";

/// Everything is kept: of `a` and `b`, which are open, and of `c`, which is not.
async fn keep_all(manner: Manner) -> (Reviewer, Answer) {
    let mut reviewer = Reviewer::new(&[(A, "a\n"), (B, "b\n"), (C, "c\n")]).await;
    reviewer.open(A).await;
    reviewer.open(B).await;
    reviewer.propose(PATCH).await;
    reviewer.until_hunks(3).await;
    reviewer.manner = manner;
    let id = reviewer.begin("keepAll", json!({})).await;
    reviewer.until(|reviewer| !reviewer.asked.is_empty()).await;
    if matches!(manner, Manner::Ignores | Manner::Lies) {
        reviewer.desk.settle().await;
        // A thread that waits for the editor keeps the clock from going by itself.
        tokio::time::advance(Duration::from_secs(31)).await;
    }
    let answer = reviewer.answer(id).await;
    (reviewer, answer)
}

async fn check(manner: Manner, expected: Expect) {
    let (mut reviewer, answer) = keep_all(manner).await;
    let hunks = reviewer.command("review", json!({})).await;
    let waiting: Vec<&str> = hunks["files"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|file| file["path"].as_str())
        .collect();
    let shown = format!(
        "{answer:?}\ndocuments {:?} {:?}, disk {:?}, waiting {waiting:?}\n",
        reviewer.text("file:///project/app/a.rs"),
        reviewer.text("file:///project/app/b.rs"),
        reviewer.desk.file(C).expect("there"),
    );
    expected.assert_eq(&shown);
    reviewer.manner = Manner::ChangesFirst;
    if !waiting.is_empty() {
        assert_eq!(
            reviewer.command("keepAll", json!({})).await,
            json!({ "applied": true }),
            "{manner:?}"
        );
        assert_eq!(reviewer.desk.file(C).as_deref(), Some("C\n"));
    }
    reviewer.leave().await;
}

#[tokio::test(start_paused = true)]
async fn an_editor_that_does_it_at_once_or_after_its_answer() {
    for manner in [Manner::ChangesFirst, Manner::AnswersFirst, Manner::Rephrases] {
        check(
            manner,
            expect![[r#"
            Result(Object {"applied": Bool(true)})
            documents "A\n" "B\n", disk "C\n", waiting []
        "#]],
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_editor_that_tells_in_other_words_what_it_was_asked_to_do() {
    let mut reviewer = Reviewer::new(&[(A, "a\n    c\n")]).await;
    let a = reviewer.open(A).await;
    let patch = "--- a/a.rs\n+++ b/a.rs\n@@ -1,2 +1,3 @@\n a\n+    b\n     c\n";
    reviewer.propose(patch).await;
    reviewer.until_hunks(1).await;
    reviewer.manner = Manner::Rephrases;
    for (command, text) in [
        ("keepAll", "a\n    b\n    c\n"),
        ("undo", "a\n    c\n"),
        ("redo", "a\n    b\n    c\n"),
    ] {
        let answer = reviewer.command(command, json!({})).await;
        assert_eq!(answer, json!({ "applied": true }), "{command}");
        assert_eq!(reviewer.text(&a), text, "{command}");
        reviewer.until_hunks(0).await;
    }
    reviewer.leave().await;
}

#[tokio::test(start_paused = true)]
async fn an_editor_that_does_nothing_and_says_so() {
    check(Manner::Refuses, expect![[r#"
        Result(Object {"applied": Bool(false), "message": String("the editor refused to change its documents; nothing was written")})
        documents "a\n" "b\n", disk "c\n", waiting ["a.rs", "b.rs", "c.rs"]
    "#]])
    .await;
    check(Manner::Fails, expect![[r#"
        Result(Object {"applied": Bool(false), "message": String("the editor cannot change its documents: Internal error: no; nothing was written")})
        documents "a\n" "b\n", disk "c\n", waiting ["a.rs", "b.rs", "c.rs"]
    "#]])
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_editor_that_does_nothing_and_does_not_say_so() {
    for manner in [Manner::Ignores, Manner::Lies] {
        check(manner, expect![[r#"
            Result(Object {"applied": Bool(false), "message": String("the editor did not change its documents in time; nothing was written")})
            documents "a\n" "b\n", disk "c\n", waiting ["a.rs", "b.rs", "c.rs"]
        "#]])
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_editor_that_stops_halfway_is_asked_to_go_back() {
    check(Manner::StopsHalfway, expect![[r#"
        Result(Object {"applied": Bool(false), "message": String("the editor refused to change its documents; nothing was written")})
        documents "a\n" "b\n", disk "c\n", waiting ["a.rs", "b.rs", "c.rs"]
    "#]])
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_editor_that_comes_late_is_taken_at_its_word() {
    let (mut reviewer, answer) = keep_all(Manner::Ignores).await;
    assert!(matches!(answer, Answer::Result(value) if value["applied"] == json!(false)));
    let asked = reviewer.asked[0].clone();
    reviewer.change(&asked, usize::MAX).await;
    reviewer.until_hunks(1).await;
    assert_eq!(reviewer.text("file:///project/app/a.rs"), "A\n");
    assert_eq!(reviewer.desk.file(C).as_deref(), Some("c\n"));
    // It is on record, and so can be taken back.
    reviewer.manner = Manner::ChangesFirst;
    assert_eq!(
        reviewer.command("undo", json!({})).await,
        json!({ "applied": true })
    );
    reviewer.leave().await;
}

#[tokio::test(start_paused = true)]
async fn when_the_disk_refuses_the_documents_go_back() {
    let mut reviewer = Reviewer::new(&[(A, "a\n"), (B, "b\n"), (C, "c\n")]).await;
    reviewer.open(A).await;
    reviewer.propose(PATCH).await;
    reviewer.until_hunks(3).await;
    reviewer.meanwhile = Some(|desk| desk.write(C, "somebody else\n"));
    let answer = reviewer.command("keepAll", json!({})).await;
    assert_eq!(answer["applied"], json!(false));
    assert!(
        answer["message"]
            .as_str()
            .is_some_and(|message| message.contains("`c.rs` has changed since"))
    );
    assert_eq!(reviewer.text("file:///project/app/a.rs"), "a\n");
    assert_eq!(reviewer.desk.file(B).as_deref(), Some("b\n"));
    assert_eq!(reviewer.desk.file(C).as_deref(), Some("somebody else\n"));
    reviewer
        .until(|reviewer| reviewer.hunks().iter().any(|hunk| hunk["status"] == "conflict"))
        .await;
    assert_eq!(reviewer.hunks().len(), 3);
    reviewer.leave().await;
}

#[tokio::test(start_paused = true)]
async fn who_types_while_the_editor_is_asked_loses_nothing() {
    let mut reviewer = Reviewer::new(&[(A, "a\nx\n"), (B, "b\n"), (C, "c\n")]).await;
    let a = reviewer.open(A).await;
    reviewer
        .propose(&PATCH.replace("-1 +1 @@\n-a\n+A\n", "-1,2 +1,2 @@\n-a\n+A\n x\n"))
        .await;
    reviewer.until_hunks(3).await;
    // Typed before the edit arrives: its version does not fit any more, and the editor refuses.
    let id = reviewer.begin("keepAll", json!({})).await;
    reviewer.type_before(&a, "x", "typed ").await;
    let first = reviewer.answer(id).await;
    if matches!(&first, Answer::Result(value) if value["applied"] == json!(false)) {
        assert_eq!(reviewer.desk.file(C).as_deref(), Some("c\n"));
        assert_eq!(
            reviewer.command("keepAll", json!({})).await,
            json!({ "applied": true })
        );
    }
    assert_eq!(reviewer.text(&a), "A\ntyped x\n");
    assert_eq!(reviewer.desk.file(C).as_deref(), Some("C\n"));
    reviewer.leave().await;
}
