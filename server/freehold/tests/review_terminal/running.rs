//! Commands that are run against what waits.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use expect_test::expect;
use serde_json::json;
use testing::editor::Answer;

use crate::world::{PATCH, Place, Server};

#[test]
fn a_check_that_fails_is_shown_and_decides_nothing() {
    let place = Place::new();
    let check = "cat a.txt; echo broken >&2; exit 3";
    let proposed = place.said(&["propose", "--title", "Louder", "--check", check], PATCH);
    expect![[r#"
        c1: 3 hunks wait for your decision; see `freehold diff`
        `cat a.txt; echo broken >&2; exit 3` fails with code 3
            ONE
            two
            THREE
            broken
        [1]
    "#]]
    .assert_eq(&proposed);
    // The files as they would be were checked, and are as they were.
    assert_eq!(place.text("a.txt"), "one\ntwo\nthree\n");
    assert_eq!(place.said(&["keep", "--all"], ""), "kept\n[0]\n");
    assert_eq!(place.text("a.txt"), "ONE\ntwo\nTHREE\n");
}

#[test]
fn what_a_command_said_before_a_decision_is_shown_as_older() {
    let place = Place::new();
    let arguments = ["propose", "--check", "true", "--diagnose", "echo a.txt:1: odd"];
    place.said(&arguments, PATCH);
    let about = |place: &Place| {
        let shown = place.said(&["diff"], "");
        let about: Vec<&str> = shown.lines().filter(|line| line.contains('`')).collect();
        about.join("\n")
    };
    let fresh = "`true` passes\n`echo a.txt:1: odd`: 0 new, 0 gone, 1 in all";
    assert_eq!(about(&place), fresh);
    // What is kept would stand there all the same.
    place.said(&["keep", "h2"], "");
    assert_eq!(about(&place), fresh);
    place.said(&["drop", "h3"], "");
    expect![[r#"
        `true` passes (before later decisions or edits)
        `echo a.txt:1: odd`: 0 new, 0 gone, 1 in all (before later decisions or edits)"#]]
    .assert_eq(&about(&place));
    // Also where it had nothing to compare.
    let place = Place::new();
    place.said(&["propose", "--diagnose", "exit 3"], PATCH);
    place.said(&["drop", "h3"], "");
    expect!["`exit 3` ended with code 3 and has nothing to say of a file (before later decisions or edits)"]
        .assert_eq(&about(&place));
}

#[test]
fn a_command_that_runs_too_long_is_ended_and_the_change_says_so() {
    let place = Place::new();
    let arguments = ["propose", "--time-limit", "1", "--check", "echo begun; sleep 600"];
    expect![[r#"
        c1: 3 hunks wait for your decision; see `freehold diff`
        `echo begun; sleep 600` was ended after 1 s, the longest that it may run
            begun
        [1]
    "#]]
    .assert_eq(&place.said(&arguments, PATCH));
    let arguments = ["propose", "--diagnose", "sleep 600"];
    std::fs::write(
        place.home.path().join("config.toml"),
        "[review]\ncommand_seconds_max = 1\n",
    )
    .expect("written");
    let patch = "--- /dev/null\n+++ b/c.txt\n@@ -0,0 +1 @@\n+new\n";
    expect![[r#"
        c5: 1 hunk waits for your decision; see `freehold diff`
        `sleep 600` was ended after 1 s, the longest that it may run; nothing was compared
        [1]
    "#]]
    .assert_eq(&place.said(&arguments, patch));
    let shown = place.said(&["diff"], "");
    assert_eq!(shown.matches("was ended after 1 s").count(), 2, "{shown}");
    // Who let it run, against what, and how it ended.
    let records = place.said(&["audit", "show"], "");
    assert_eq!(records.matches(" leave ").count(), 2, "{records}");
    assert_eq!(
        records
            .matches("leave=given tool=check command=echo begun; sleep 600 change=c1")
            .count(),
        1,
        "{records}"
    );
    assert_eq!(records.matches(" tool_call ").count(), 2, "{records}");
    assert_eq!(records.matches("ended=time over").count(), 2, "{records}");
    assert!(
        records.contains(r#"program=sh arguments=["-c","sleep 600"] files=as they are"#),
        "{records}"
    );
    assert!(
        place
            .said(&["audit", "verify"], "")
            .contains("as it was left: 4 records")
    );
}

/// A proposal whose check says that it has begun, through a pipe, and then waits for very long.
fn long_check(place: &Place) -> (Child, String) {
    let begun = place.home.path().join("begun");
    let made = Command::new("mkfifo").arg(&begun).status().expect("started");
    assert!(made.success());
    let check = format!("sleep 600 & echo $! > '{}'; wait", begun.display());
    let mut proposes = place
        .program()
        .args(["propose", "--check", &check])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = proposes.stdin.take().expect("piped");
    input.write_all(PATCH.as_bytes()).expect("the program reads");
    drop(input);
    let begun = std::fs::read_to_string(begun).expect("it has begun");
    (proposes, begun.trim().to_owned())
}

/// Whether the process of this number runs; it may still be in the table when it does not.
fn goes_on(number: &str) -> bool {
    let process = std::path::Path::new("/proc").join(number);
    process.join("exe").read_link().is_ok()
}

fn interrupt(child: &Child) {
    let number = child.id().to_string();
    let sent = Command::new("kill")
        .args(["-INT", &number])
        .status()
        .expect("started");
    assert!(sent.success());
}

#[test]
fn an_interrupted_check_is_ended_and_the_change_says_so() {
    let place = Place::new();
    let (proposes, sleeps) = long_check(&place);
    interrupt(&proposes);
    let ended = proposes.wait_with_output().expect("the program ends");
    assert_eq!(ended.status.code(), Some(130));
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(
        said.starts_with("c1: 3 hunks wait") && said.contains(" was stopped\n"),
        "{said}"
    );
    assert!(!goes_on(&sleeps));
    assert!(place.said(&["diff"], "").contains(" was stopped\n"));
    assert!(place.said(&["audit", "show"], "").contains("ended=stopped"));
}

#[test]
fn beside_an_editor_an_interrupted_check_is_ended_too() {
    let place = Place::new();
    let server = Server::start(&place);
    let (proposes, sleeps) = long_check(&place);
    interrupt(&proposes);
    let ended = proposes.wait_with_output().expect("the program ends");
    assert_eq!(ended.status.code(), Some(130));
    assert!(String::from_utf8_lossy(&ended.stdout).contains(" was stopped\n"));
    assert!(!goes_on(&sleeps));
    server.leave();
}

#[test]
fn when_the_editor_is_closed_a_check_ends() {
    let place = Place::new();
    let server = Server::start(&place);
    let (proposes, sleeps) = long_check(&place);
    server.leave();
    let ended = proposes.wait_with_output().expect("the program ends");
    assert_ne!(ended.status.code(), Some(0));
    assert!(!goes_on(&sleeps));
    // What was proposed waits, and says what became of the check.
    assert!(place.said(&["diff"], "").contains(" was stopped\n"));
}

/// Says of every line with a capital letter or an `e` at its end that it is odd.
const ODD: &str = "grep -Hn 'e$\\|[A-Z]' *.txt | sed 's/$/ is odd/'";

#[test]
fn what_a_command_says_of_the_files_is_compared() {
    let place = Place::new();
    let longer = PATCH.replace("@@ -1,3 +1,3 @@\n", "@@ -1,3 +1,4 @@\n+zero\n");
    let proposed = place.said(
        &["propose", "--diagnose", ODD],
        &longer.replace("+THREE", "+three"),
    );
    expect![[r#"
        c1: 2 hunks wait for your decision; see `freehold diff`
        `ODD`: 2 new, 1 gone, 3 in all
          + a.txt:2: ONE is odd
          + b.txt:1: ALPHA is odd
          - a.txt:1: one is odd
        [1]
    "#]]
    .assert_eq(&proposed.replace(ODD, "ODD"));
    assert_eq!(place.text("b.txt"), "alpha\n", "it runs in a copy");
    // It is still known after a restart, and to the editor.
    let shown = place.said(&["diff"], "");
    expect![[r#"
        c1  A patch (terminal)
        `ODD`: 2 new, 1 gone, 3 in all
          + a.txt:2: ONE is odd
          + b.txt:1: ALPHA is odd"#]]
    .assert_eq(
        &shown
            .lines()
            .take(4)
            .collect::<Vec<_>>()
            .join("\n")
            .replace(ODD, "ODD"),
    );

    let mut server = Server::start(&place);
    let hints = server.told("textDocument/publishDiagnostics", |params| {
        params["uri"].as_str().is_some_and(|uri| uri.ends_with("/a.txt"))
    });
    let messages: Vec<&str> = hints["diagnostics"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|hint| hint["message"].as_str())
        .collect();
    expect!["A patch: change 1 line to 2; new: ONE is odd"].assert_eq(&messages.join("\n"));
    let loud =
        json!({ "change": "c1", "run": "for line in 7 8; do echo b.txt:1: error: $line; done; exit 3" });
    let Answer::Result(diagnosed) = server.command("diagnose", &loud) else {
        panic!("the command can be run");
    };
    assert_eq!(
        diagnosed,
        json!({
            "run": loud["run"], "new": [], "moreNew": 0, "gone": [], "moreGone": 0, "count": 2,
        })
    );
    let state = server.told("freehold/reviewChanged", |state| {
        state["changes"][0]["evidence"]["diagnostics"]["count"] == 2
    });
    assert_eq!(state["changes"][0]["evidence"]["diagnostics"], diagnosed);
    let Answer::Result(failed) = server.command("diagnose", &json!({ "run": "echo no such thing; exit 3" }))
    else {
        panic!("the command can be run");
    };
    assert_eq!(
        failed["failed"],
        json!({ "code": 3, "output": "no such thing\n" })
    );
    server.leave();
}

#[test]
fn the_editor_shows_a_check_while_it_runs_and_can_stop_it() {
    let place = Place::new();
    let mut server = Server::start(&place);
    place.said(&["propose"], PATCH);
    let check = json!({ "command": "freehold.check", "arguments": [{ "change": "c1", "run": "sleep 600" }] });
    let id = server.pipes.begin("workspace/executeCommand", &check);
    let (request, method, params) = server.asked();
    assert_eq!(method, "window/workDoneProgress/create");
    server.pipes.respond(&request, &json!(null));
    let shown = server.told("$/progress", |progress| progress["value"]["kind"] == "begin");
    assert_eq!(shown["value"]["title"], "Running sleep 600");
    assert_eq!(shown["value"]["cancellable"], true);
    server.pipes.notify(
        "window/workDoneProgress/cancel",
        &json!({ "token": params["token"] }),
    );
    let answer = server.pipes.answer(id);
    assert!(
        matches!(&answer, Answer::Result(value) if value["cut"]["why"] == "stopped"),
        "{answer:?}"
    );
    server.told("$/progress", |progress| progress["value"]["kind"] == "end");
    server.leave();
}

#[test]
fn a_command_sees_what_the_editor_has_not_saved() {
    let place = Place::new();
    let mut server = Server::start(&place);
    std::fs::write(place.path("c.txt"), "saved\n").expect("written");
    let uri = format!("file://{}", place.path("c.txt").display());
    let document = json!({ "uri": uri, "languageId": "plaintext", "version": 1, "text": "typed\n" });
    server
        .pipes
        .notify("textDocument/didOpen", &json!({ "textDocument": document }));
    expect![[r#"
        c1: 3 hunks wait for your decision; see `freehold diff`
        `cat c.txt; false` fails with code 1
            typed
        [1]
    "#]]
    .assert_eq(&place.said(&["propose", "--check", "cat c.txt; false"], PATCH));
    assert_eq!(place.text("c.txt"), "saved\n");
    server.leave();
}
