//! A review without an editor, on a disk in memory.

use std::path::Path;
use std::sync::Arc;

use expect_test::expect;
use host::{Files, MemoryHost};
use serde_json::{Value, json};

use crate::paths::Paths;
use crate::review::Command;
use crate::review::alone::Alone;

const PATCH: &str = "\
--- a/a
+++ b/a
@@ -1,3 +1,3 @@
-one
+ONE
 two
-three
+THREE
--- /dev/null
+++ b/new/made
@@ -0,0 +1 @@
+made
diff --git a/gone b/gone
deleted file mode 100644
--- a/gone
+++ /dev/null
@@ -1 +0,0 @@
-gone
diff --git a/old b/moved
rename from old
rename to moved
";

fn world() -> Arc<MemoryHost> {
    let host = MemoryHost::new();
    host.create_folder(Path::new("/project")).expect("made");
    for (name, text) in [("a", "one\ntwo\nthree\n"), ("gone", "gone\n"), ("old", "moves\n")] {
        host.write_atomic(&Path::new("/project").join(name), text.as_bytes())
            .expect("written");
    }
    Arc::new(host)
}

/// Each use is a new start of the program.
fn ask(host: &Arc<MemoryHost>, name: &str, argument: Value) -> Result<Value, String> {
    let paths = Paths::within(Path::new("/freehold"));
    let mut alone = Alone::open(host.clone(), &paths, Path::new("/project"), &mut |_| {}).expect("opens");
    let command = Command::parse(&format!("freehold.{name}"), &[argument]).expect("there is such a command");
    alone.ask(command.expect("understood"), &host::Stop::default(), &mut |_| {})
}

fn snapshot(host: &MemoryHost) -> String {
    let mut shown = Vec::new();
    let mut folders = vec![std::path::PathBuf::from("/project")];
    while let Some(folder) = folders.pop() {
        for entry in host.list(&folder).expect("listed") {
            let path = folder.join(entry.name);
            match entry.kind {
                host::Kind::Folder => folders.push(path),
                _ => shown.push(format!(
                    "{} {:?}",
                    path.display(),
                    host.read_text(&path).expect("text")
                )),
            }
        }
    }
    shown.sort();
    shown.join("\n")
}

#[test]
fn a_patch_waits_is_kept_taken_back_and_done_again() {
    let host = world();
    let before = snapshot(&host);
    let proposed = ask(&host, "propose", json!({ "patch": PATCH, "title": "All sorts" })).expect("proposed");
    assert_eq!(proposed["hunks"].as_array().map(Vec::len), Some(5));
    assert_eq!(snapshot(&host), before, "nothing is written before it is kept");
    let applied = Ok(json!({ "applied": true }));
    assert_eq!(ask(&host, "keepAll", json!({})), applied);
    let after = snapshot(&host);
    expect![[r#"
        /project/a "ONE\ntwo\nTHREE\n"
        /project/moved "moves\n"
        /project/new/made "made\n""#]]
    .assert_eq(&after);
    assert_eq!(
        ask(&host, "review", json!({})).map(|state| state["files"].clone()),
        Ok(json!([]))
    );
    assert_eq!(ask(&host, "undo", json!({})), applied);
    assert_eq!(snapshot(&host).replace("/project/new", ""), before);
    assert_eq!(ask(&host, "redo", json!({})), applied);
    assert_eq!(snapshot(&host), after);
    assert_eq!(
        ask(&host, "redo", json!({})),
        Err("there is nothing to redo".to_owned())
    );
}

#[test]
fn what_was_applied_long_ago_is_forgotten_when_the_workspace_is_opened() {
    let host = world();
    ask(&host, "propose", json!({ "patch": PATCH })).expect("proposed");
    for path in ["a", "gone"] {
        ask(&host, "keepFile", json!({ "path": path })).expect("kept");
    }
    let steps = || {
        let steps = ask(&host, "checkpoints", json!({})).expect("listed");
        steps.as_array().map(Vec::len)
    };
    assert_eq!(steps(), Some(2));
    let days = |count: u64| std::time::Duration::from_secs(count * 24 * 60 * 60);
    host.advance(days(89));
    assert_eq!(steps(), Some(2));
    host.advance(days(2));
    assert_eq!(steps(), Some(1), "the latest stays");
    let undone = ask(&host, "undo", json!({}));
    assert_eq!(undone, Ok(json!({ "applied": true })));
    assert_eq!(
        host.read_text(Path::new("/project/a")).as_deref().ok(),
        Some("ONE\ntwo\nTHREE\n")
    );
}

#[test]
fn what_was_changed_since_is_merged_or_waits_as_a_conflict() {
    let host = world();
    ask(&host, "propose", json!({ "patch": PATCH })).expect("proposed");
    ask(&host, "keepFile", json!({ "path": "a" })).expect("kept");
    let write = |text: &str| {
        host.write_atomic(Path::new("/project/a"), text.as_bytes())
            .expect("written");
    };
    write("ONE\ntwo and more\nTHREE\n");
    assert_eq!(ask(&host, "undo", json!({})), Ok(json!({ "applied": true })));
    assert_eq!(
        host.read_text(Path::new("/project/a")).as_deref().ok(),
        Some("one\ntwo and more\nthree\n")
    );
    ask(&host, "redo", json!({})).expect("done again");
    write("ONE!\ntwo\nTHREE\n");
    let answer = ask(&host, "undo", json!({})).expect("answered");
    assert_eq!(answer["applied"], json!(false));
    assert!(
        answer["message"]
            .as_str()
            .is_some_and(|message| message.contains("waits for your decision"))
    );
    assert_eq!(
        host.read_text(Path::new("/project/a")).as_deref().ok(),
        Some("ONE!\ntwo\nTHREE\n")
    );
}

#[test]
fn a_write_since_the_patch_is_never_overwritten() {
    let host = world();
    let proposed = ask(&host, "propose", json!({ "patch": PATCH })).expect("proposed");
    host.write_atomic(Path::new("/project/a"), b"1\ntwo\nthree\n")
        .expect("written");
    let first = json!({ "hunks": [proposed["hunks"][0]] });
    let state = ask(&host, "review", json!({})).expect("shown");
    assert_eq!(state["files"][0]["hunks"][0]["status"], json!("conflict"));
    assert_eq!(state["files"][0]["hunks"][0]["mine"], json!("1\n"));
    // By itself, and so on purpose, a conflict can be kept.
    assert_eq!(ask(&host, "keepHunk", first), Ok(json!({ "applied": true })));
    assert_eq!(
        host.read_text(Path::new("/project/a")).as_deref().ok(),
        Some("ONE\ntwo\nthree\n")
    );
}

#[test]
fn what_cannot_be_understood_is_refused_with_a_reason() {
    let host = world();
    let cases = [
        ("propose", json!({ "patch": "nonsense" })),
        ("propose", json!({ "patch": PATCH.replace("-one", "-1") })),
        (
            "propose",
            json!({ "patch": "--- a/../x\n+++ b/../x\n@@ -1 +1 @@\n-a\n+b\n" }),
        ),
        ("undo", json!({})),
        ("undo", json!({ "step": 7 })),
        ("keepFile", json!({ "path": "a" })),
        ("keepHunk", json!({ "hunk": "h9" })),
    ];
    let mut shown = Vec::new();
    for (name, argument) in cases {
        shown.push(match ask(&host, name, argument) {
            Ok(answer) => format!("{name}: {}", answer["message"]),
            Err(message) => format!("{name}: {message}"),
        });
    }
    expect![[r#"
        propose: cannot read the patch: line 1 of the patch: there is no change in it; a patch begins with `--- FILE` and `+++ FILE`
        propose: the patch does not fit `a`: line 1 there is `one\n`, line 4 of the patch expects `1\n`
        propose: cannot read the patch: line 2 of the patch: path `../x` has an empty, `.` or `..` name in it
        undo: there is nothing to undo
        undo: there is no step 7; see `freehold checkpoints`
        keepFile: "nothing waits for `a`"
        keepHunk: "hunk h9 does not wait for a decision""#]].assert_eq(&shown.join("\n"));
}

#[test]
fn a_run_and_a_session_are_taken_back_and_done_again_as_a_whole() {
    let host = world();
    let texts = || ["a", "gone"].map(|name| host.read_text(&Path::new("/project").join(name)).expect("text"));
    let before = texts();
    let replace = |name: &str, from: &str, to: &str, session: &str, run: &str| {
        let context = if name == "a" { " two\n three\n" } else { "" };
        let lines = if name == "a" { 3 } else { 1 };
        let patch =
            format!("--- a/{name}\n+++ b/{name}\n@@ -1,{lines} +1,{lines} @@\n-{from}\n+{to}\n{context}");
        let from = json!({ "session": session, "run": run });
        let proposal = json!({ "patch": patch, "title": format!("{to} of {run}"), "from": from });
        ask(&host, "propose", proposal).expect("proposed");
        assert_eq!(ask(&host, "keepAll", json!({})), Ok(json!({ "applied": true })));
    };
    replace("a", "one", "1", "s", "first");
    replace("a", "1", "I", "s", "second");
    replace("gone", "gone", "here", "s", "second");
    let after = texts();
    let go = |name: &str, scope: &str, step: Option<u64>| {
        let answer = ask(&host, name, json!({ "scope": scope, "step": step }));
        assert_eq!(answer, Ok(json!({ "applied": true })), "{name} {scope}");
        texts()
    };
    assert_eq!(go("undo", "run", None), ["1\ntwo\nthree\n", "gone\n"]);
    assert_eq!(go("redo", "run", None), after);
    assert_eq!(go("undo", "session", None), before);
    assert_eq!(go("redo", "session", None), after);
    // Taken back one by one, a run is done again as a whole too; another run of the session is not.
    go("undo", "step", None);
    go("undo", "step", None);
    assert_eq!(go("undo", "step", None), before);
    assert_eq!(go("redo", "run", None), ["1\ntwo\nthree\n", "gone\n"]);
    assert_eq!(go("redo", "session", None), after);
    // Going forward to a step does not take it back.
    let held = ask(&host, "redo", json!({ "step": 1 }));
    assert_eq!(
        held,
        Err("step 1 was not taken back, or something was kept since".to_owned())
    );
    assert_eq!(texts(), after);
    go("undo", "step", Some(3));
    assert_eq!(go("redo", "step", Some(3)), after);
}
