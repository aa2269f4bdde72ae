//! Changes to files themselves, and files that change under what waits for them, through the protocol.

use serde_json::{Value, json};
use testing::editor::Answer;

use super::reviewer::{Manner, Reviewer};

const A: &str = "/project/app/a.rs";
const B: &str = "/project/app/b.rs";
const NEW: &str = "/project/app/new.rs";
const MOVED: &str = "/project/app/moved.rs";

const MAKE: &str = "--- /dev/null\n+++ b/new.rs\n@@ -0,0 +1,2 @@\n+made\n+up\n";
const DELETE: &str = "diff --git a/a.rs b/a.rs\ndeleted file mode 100644\n--- a/a.rs\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-one\n-two\n";
const RENAME: &str = "diff --git a/a.rs b/moved.rs\nrename from a.rs\nrename to moved.rs\n";
const MODE: &str = "diff --git a/a.rs b/a.rs\nold mode 100644\nnew mode 100755\n";

fn applied() -> Value {
    json!({ "applied": true })
}

#[tokio::test(start_paused = true)]
async fn a_file_is_made_when_it_is_kept() {
    let mut reviewer = Reviewer::new(&[(A, "one\ntwo\n")]).await;
    reviewer.propose(MAKE).await;
    reviewer.until_hunks(1).await;
    assert_eq!(reviewer.hunks()[0]["kind"], json!("create"));
    let drop = reviewer.seen("made");
    assert_eq!(reviewer.command("dropHunk", drop).await, applied());
    reviewer.until_hunks(0).await;
    assert_eq!(reviewer.desk.file(NEW), None);
    reviewer.propose(MAKE).await;
    reviewer.until_hunks(1).await;
    let keep = reviewer.seen("made");
    assert_eq!(reviewer.command("keepHunk", keep).await, applied());
    assert_eq!(reviewer.desk.file(NEW).as_deref(), Some("made\nup\n"));
    assert_eq!(reviewer.command("undo", json!({})).await, applied());
    assert_eq!(reviewer.desk.file(NEW), None);
    assert_eq!(reviewer.command("redo", json!({})).await, applied());
    assert_eq!(reviewer.desk.file(NEW).as_deref(), Some("made\nup\n"));
    // It is the user's now: what they did to it is not deleted with it.
    reviewer.write_from_outside(NEW, "made\nup\nand mine\n").await;
    let answer = reviewer.command("undo", json!({})).await;
    assert_eq!(answer["applied"], json!(false), "{answer}");
    assert_eq!(reviewer.desk.file(NEW).as_deref(), Some("made\nup\nand mine\n"));
    reviewer.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_somebody_made_meanwhile_is_not_overwritten() {
    let mut reviewer = Reviewer::new(&[(A, "one\ntwo\n")]).await;
    reviewer.propose(MAKE).await;
    reviewer.until_hunks(1).await;
    reviewer.write_from_outside(NEW, "somebody's\n").await;
    reviewer
        .until(|reviewer| reviewer.hunks().iter().all(|hunk| hunk["status"] == "conflict"))
        .await;
    let answer = reviewer.command("keepAll", json!({})).await;
    assert_eq!(answer["applied"], json!(false));
    assert_eq!(reviewer.desk.file(NEW).as_deref(), Some("somebody's\n"));
    assert_eq!(reviewer.command("dropAll", json!({})).await, applied());
    assert_eq!(reviewer.desk.file(NEW).as_deref(), Some("somebody's\n"));
    reviewer.leave().await;
}

/// The file is open in the editor, as the disk has it: what is done to it is done on the disk.
#[tokio::test(start_paused = true)]
async fn an_open_file_is_deleted_moved_or_given_another_mode() {
    for (patch, kind, gone, there) in [
        (DELETE, "delete", Some(A), None),
        (RENAME, "rename", Some(A), Some(MOVED)),
        (MODE, "mode", None, Some(A)),
    ] {
        let mut reviewer = Reviewer::new(&[(A, "one\ntwo\n")]).await;
        let a = reviewer.open(A).await;
        reviewer.propose(patch).await;
        reviewer.until_hunks(1).await;
        let hunk = reviewer.hunks()[0].clone();
        assert_eq!(hunk["kind"], json!(kind));
        let seen = json!({ "hunk": hunk["id"], "digest": hunk["digest"] });

        // Dropped, nothing comes of it.
        assert_eq!(reviewer.command("dropHunk", seen).await, applied(), "{kind}");
        reviewer.until_hunks(0).await;
        assert_eq!(reviewer.desk.file(A).as_deref(), Some("one\ntwo\n"), "{kind}");

        // What the user has typed and not saved would be lost with the file.
        reviewer.propose(patch).await;
        reviewer.until_hunks(1).await;
        reviewer.type_before(&a, "two", "unsaved ").await;
        let answer = reviewer.command("keepAll", json!({})).await;
        assert_eq!(answer["applied"], json!(false), "{kind}: {answer}");
        assert_eq!(reviewer.desk.file(A).as_deref(), Some("one\ntwo\n"), "{kind}");
        assert_eq!(reviewer.text(&a), "one\nunsaved two\n", "{kind}");

        // Taken back, it is as the disk has it, and the file itself is decided.
        let at = reviewer.text(&a).find("unsaved ").expect("there");
        reviewer.replace(&a, at..at + 8, "").await;
        reviewer
            .until(|reviewer| reviewer.hunks().iter().all(|hunk| hunk["status"] == "ready"))
            .await;
        assert_eq!(reviewer.command("keepAll", json!({})).await, applied(), "{kind}");
        assert_eq!(gone.and_then(|path| reviewer.desk.file(path)), None, "{kind}");
        if let Some(path) = there {
            assert_eq!(reviewer.desk.file(path).as_deref(), Some("one\ntwo\n"), "{kind}");
        }
        reviewer.until_hunks(0).await;
        reviewer.close(&a).await;
        assert_eq!(reviewer.command("undo", json!({})).await, applied(), "{kind}");
        assert_eq!(reviewer.desk.file(A).as_deref(), Some("one\ntwo\n"), "{kind}");
        assert_eq!(reviewer.desk.file(MOVED), None, "{kind}");
        reviewer.leave().await;
    }
}

#[tokio::test(start_paused = true)]
async fn files_that_change_on_the_disk_are_looked_at_again() {
    let mut reviewer = Reviewer::new(&[(A, "one\ntwo\nthree\n"), (B, "one\ntwo\n")]).await;
    let b = reviewer.open(B).await;
    let patch = "\
--- a/a.rs
+++ b/a.rs
@@ -1,3 +1,3 @@
-one
+ONE
 two
-three
+THREE
--- a/b.rs
+++ b/b.rs
@@ -1,2 +1,2 @@
-one
+ONE
 two
";
    reviewer.propose(patch).await;
    reviewer.until_hunks(3).await;
    // Elsewhere in the file: what waits moves.
    reviewer.write_from_outside(A, "zero\none\ntwo\nthree\n").await;
    reviewer
        .until(|reviewer| reviewer.hunks()[0]["range"]["start"]["line"] == json!(1))
        .await;
    // In its place: a conflict, with what stands there now.
    reviewer.write_from_outside(A, "zero\none\ntwo\n3\n").await;
    reviewer
        .until(|reviewer| reviewer.hunks()[1]["mine"] == json!("3\n"))
        .await;
    // Done by somebody else: it waits no more.
    reviewer.write_from_outside(A, "zero\nONE\ntwo\n3\n").await;
    reviewer
        .until(|reviewer| {
            reviewer
                .hunks()
                .iter()
                .filter(|hunk| hunk["status"] != "landed")
                .count()
                == 2
        })
        .await;
    // Open in the editor, which is the authority: the disk is not asked.
    reviewer.write_from_outside(B, "something else\n").await;
    let keep = json!({ "uri": b });
    assert_eq!(reviewer.command("keepFile", keep).await, applied());
    assert_eq!(reviewer.text(&b), "ONE\ntwo\n");
    assert_eq!(reviewer.desk.file(B).as_deref(), Some("something else\n"));
    // Gone from the disk: nothing is written in its place.
    let host = std::sync::Arc::clone(&reviewer.desk.backend.host);
    host::Files::remove_file(host.as_ref(), std::path::Path::new(A)).expect("removed");
    reviewer.tell_of_file(A).await;
    reviewer
        .until(|reviewer| reviewer.hunks().iter().any(|hunk| hunk["mine"] == json!("")))
        .await;
    let answer = reviewer.command("keepAll", json!({})).await;
    assert_eq!(answer["applied"], json!(false), "{answer}");
    assert_eq!(reviewer.desk.file(A), None);
    reviewer.leave().await;
}

/// The editor writes closed files itself, and tells of it as of any other write.
#[tokio::test(start_paused = true)]
async fn a_preview_reaches_closed_files_and_files_themselves() {
    let mut reviewer = Reviewer::new(&[(A, "one\ntwo\n"), (B, "alpha\nbeta\n")]).await;
    let b = "--- a/b.rs\n+++ b/b.rs\n@@ -1,2 +1,2 @@\n-alpha\n+ALPHA\n beta\n";
    reviewer.propose(&format!("{b}{MAKE}{RENAME}")).await;
    reviewer.until_hunks(3).await;
    reviewer.manner = Manner::Lies;
    let id = reviewer.begin("preview", json!({})).await;
    reviewer.until(|reviewer| !reviewer.asked.is_empty()).await;
    let asked = reviewer.asked[0]["edit"]["documentChanges"].clone();
    let changes = asked.as_array().expect("a list");
    let kinds: Vec<&str> = changes
        .iter()
        .map(|change| change["kind"].as_str().unwrap_or("edit"))
        .collect();
    assert_eq!(kinds, ["rename", "edit", "create", "edit"], "{asked:#}");
    assert_eq!(changes[0]["newUri"], json!(format!("file://{MOVED}")));
    let closed = &changes[1]["textDocument"];
    assert_eq!(*closed, json!({ "uri": format!("file://{B}"), "version": null }));
    assert_eq!(changes[2]["uri"], json!(format!("file://{NEW}")));
    // Two of the three were ticked.
    reviewer.write_from_outside(B, "ALPHA\nbeta\n").await;
    reviewer.write_from_outside(NEW, "made\nup\n").await;
    let answer = reviewer.answer(id).await;
    assert_eq!(
        answer,
        Answer::Result(json!({ "applied": true, "message": "2 taken over" }))
    );
    reviewer.until_hunks(1).await;
    assert_eq!(reviewer.hunks()[0]["kind"], json!("rename"));
    assert_eq!(reviewer.desk.file(A).as_deref(), Some("one\ntwo\n"));
    reviewer.leave().await;
}
