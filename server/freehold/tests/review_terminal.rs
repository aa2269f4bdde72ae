//! Reviews as people have them: the real program in a terminal, alone and beside an editor's server.
#![expect(
    clippy::disallowed_methods,
    reason = "the test starts the program and looks past the host"
)]

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use expect_test::expect;
use serde_json::{Value, json};
use testing::Editor;
use testing::editor::Answer;

/// Far more than anything here takes, so that a server that hangs fails the test and not the whole run.
const PATIENCE: Duration = Duration::from_secs(120);

const PATCH: &str = "\
--- a/a.txt
+++ b/a.txt
@@ -1,3 +1,3 @@
-one
+ONE
 two
-three
+THREE
--- a/b.txt
+++ b/b.txt
@@ -1 +1 @@
-alpha
+ALPHA
";

struct Place {
    home: tempfile::TempDir,
    workspace: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            home: tempfile::tempdir().expect("there is room for a folder"),
            workspace: tempfile::tempdir().expect("there is room for a folder"),
        };
        std::fs::write(place.path("a.txt"), "one\ntwo\nthree\n").expect("written");
        std::fs::write(place.path("b.txt"), "alpha\n").expect("written");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.workspace.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("there")
    }

    fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_freehold"));
        command
            .env("FREEHOLD_HOME", self.home.path())
            .env("USER", "ada")
            .current_dir(self.workspace.path());
        command
    }

    /// Runs the program with `input`.
    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self
            .program()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // It may not want any.
        let _unread = child.stdin.take().expect("piped").write_all(input.as_bytes());
        child.wait_with_output().expect("the program ends")
    }

    /// What the program prints, and whether it succeeds.
    fn said(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input);
        format!(
            "{}{}[{}]\n",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
            output
                .status
                .code()
                .map_or("signal".to_owned(), |code| code.to_string())
        )
    }
}

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
fn alone_a_patch_is_proposed_decided_taken_back_and_accounted_for() {
    let place = Place::new();
    let check = "grep -q ONE a.txt && ! grep -q ONE \"$FREEHOLD_HOME/../nowhere\"";
    let proposed = place.said(&["propose", "--title", "Louder", "--check", check], PATCH);
    let proposed = proposed.replace(check, "CHECK");
    expect![[r#"
        c1: 3 hunks wait for your decision; see `freehold diff`
        `CHECK` passes
        [0]
    "#]]
    .assert_eq(&proposed);
    assert_eq!(
        place.text("a.txt"),
        "one\ntwo\nthree\n",
        "nothing is written before it is kept"
    );
    let shown = place.said(&["diff"], "");
    expect![[r#"
        c1  Louder (terminal)
        `grep -q ONE a.txt && ! grep -q ONE "$FREEHOLD_HOME/../nowhere"` passes

        h2  a.txt:1  change 1 line to 1
        - one
        + ONE

        h3  a.txt:3  change 1 line to 1
        - three
        + THREE

        h4  b.txt:1  change 1 line to 1
        - alpha
        + ALPHA
        [0]
    "#]]
    .assert_eq(&shown);
    assert_eq!(place.said(&["keep", "h2", "h4"], ""), "kept\n[0]\n");
    assert_eq!(place.text("a.txt"), "ONE\ntwo\nthree\n");
    assert_eq!(place.text("b.txt"), "ALPHA\n");
    assert_eq!(place.said(&["drop", "--all"], ""), "dropped\n[0]\n");
    assert_eq!(
        place.said(&["diff"], ""),
        "nothing waits for your decision\n[0]\n"
    );
    assert_eq!(place.said(&["undo"], ""), "taken back\n[0]\n");
    assert_eq!(place.text("b.txt"), "alpha\n");
    assert_eq!(place.said(&["redo"], ""), "done again\n[0]\n");
    assert_eq!(place.text("b.txt"), "ALPHA\n");
    assert_eq!(
        place.said(&["undo", "--step", "1", "--hunk", "1", "--file", "a.txt"], ""),
        "taken back\n[0]\n"
    );
    assert_eq!(place.text("a.txt"), "one\ntwo\nthree\n");
    assert_eq!(place.text("b.txt"), "ALPHA\n");
    assert_eq!(
        place.said(&["undo", "--step", "1", "--hunk", "7", "--file", "a.txt"], ""),
        "error: step 1 has 1 hunks in `a.txt`, and no other\n[1]\n"
    );
    // The rest of the step can still be taken back, and all of it be done again.
    assert_eq!(place.said(&["undo"], ""), "taken back\n[0]\n");
    assert_eq!(place.text("b.txt"), "alpha\n");
    assert_eq!(
        place.said(&["undo"], ""),
        "error: there is nothing to undo\n[1]\n"
    );
    assert_eq!(place.said(&["redo"], ""), "done again\n[0]\n");
    assert_eq!(place.text("a.txt"), "one\ntwo\nthree\n");
    assert_eq!(place.text("b.txt"), "ALPHA\n");
    assert_eq!(place.said(&["redo"], ""), "done again\n[0]\n");
    assert_eq!(place.text("a.txt"), "ONE\ntwo\nthree\n");
    expect![[r#"
        -    7  Redo Louder  a.txt
        -    6  Redo Louder  b.txt
        -    5  Undo Louder  b.txt
        -    4  Undo Louder  a.txt
        -    3  Redo Louder  a.txt, b.txt
        -    2  Undo Louder  a.txt, b.txt
             1  Louder  a.txt, b.txt
        [0]
    "#]]
    .assert_eq(&place.said(&["checkpoints"], ""));
    let audit = place.said(&["audit", "show"], "");
    assert!(
        audit.contains("person=ada") && audit.contains("decision=keep"),
        "{audit}"
    );
    assert!(
        place
            .said(&["audit", "verify"], "")
            .starts_with("the audit log is as it was left")
    );
}

#[test]
fn what_goes_wrong_is_said_and_shows_in_the_exit_code() {
    let place = Place::new();
    let shown = [
        place.said(&["propose"], "no patch"),
        place.said(&["propose"], &PATCH.replace("-one", "-1")),
        place.said(&["keep", "h7"], ""),
        place.said(&["undo"], ""),
        place.said(&["drop", "--file", "a.txt"], ""),
        place.said(&["diff", "--step", "9"], ""),
    ];
    expect![[r#"
        error: cannot read the patch: line 1 of the patch: there is no change in it; a patch begins with `--- FILE` and `+++ FILE`
        [1]
        error: the patch does not fit `a.txt`: line 1 there is `one\n`, line 4 of the patch expects `1\n`
        [1]
        error: hunk h7 does not wait for a decision
        [1]
        error: there is nothing to undo
        [1]
        error: nothing waits for `a.txt`
        [1]
        error: there is no step 9; see `freehold checkpoints`
        [1]
    "#]]
    .assert_eq(&shown.concat());
}

struct Server {
    editor: Editor,
    child: Child,
    input: ChildStdin,
    output: Receiver<Vec<u8>>,
}

impl Server {
    fn start(place: &Place) -> Self {
        let mut server = Self::connect(place);
        // Once this is answered, the workspace is open; then the socket is there.
        server.request(
            "workspace/executeCommand",
            &json!({ "command": "freehold.checkpoints" }),
        );
        let run = place.home.path().join("run");
        let listens = || {
            let entries = std::fs::read_dir(&run).into_iter().flatten().flatten();
            entries
                .into_iter()
                .any(|entry| entry.file_name().to_string_lossy().starts_with("review-"))
        };
        while !listens() {
            server.request(
                "workspace/executeCommand",
                &json!({ "command": "freehold.review" }),
            );
        }
        server
    }

    /// Starts without waiting for the workspace.
    fn connect(place: &Place) -> Self {
        let mut child = place
            .program()
            .arg("lsp")
            .env("FREEHOLD_IDLE_SECONDS", "5")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut from_program = child.stdout.take().expect("piped");
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(count @ 1..) = from_program.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take().expect("piped");
        let mut server = Self {
            editor: Editor::new(),
            child,
            input,
            output,
        };
        let folder = format!("file://{}", place.workspace.path().display());
        let capabilities =
            json!({ "workspace": { "applyEdit": true, "workspaceEdit": { "documentChanges": true } } });
        let params = json!({ "processId": null, "rootUri": folder, "capabilities": capabilities });
        server.request("initialize", &params);
        server.notify("initialized", &json!({}));
        server
    }

    fn notify(&mut self, method: &str, params: &Value) {
        let bytes = self.editor.notification(method, params);
        self.input.write_all(&bytes).expect("the program reads");
        self.input.flush().expect("the program reads");
    }

    fn request(&mut self, method: &str, params: &Value) -> Value {
        match self.try_request(method, params) {
            Answer::Result(value) => value,
            Answer::Error(_, message) => panic!("{method}: {message}"),
        }
    }

    fn command(&mut self, name: &str, argument: &Value) -> Answer {
        let params = json!({ "command": format!("freehold.{name}"), "arguments": [argument] });
        self.try_request("workspace/executeCommand", &params)
    }

    fn try_request(&mut self, method: &str, params: &Value) -> Answer {
        let (id, bytes) = self.editor.request(method, params);
        self.input.write_all(&bytes).expect("the program reads");
        self.input.flush().expect("the program reads");
        loop {
            match self.editor.answer(id) {
                Some(answer) => return answer,
                None => self.receive(),
            }
        }
    }

    /// Waits for a notification of this method that is as `wanted`.
    fn told(&mut self, method: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let told = self.editor.notifications();
            if let Some((_, params)) = told
                .into_iter()
                .find(|(name, params)| name == method && wanted(params))
            {
                return params;
            }
            self.receive();
        }
    }

    fn leave(mut self) {
        self.request("shutdown", &Value::Null);
        self.notify("exit", &Value::Null);
        assert!(self.child.wait().expect("the program ends").success());
    }

    fn receive(&mut self) {
        let bytes = self.output.recv_timeout(PATIENCE).expect("the program answers");
        self.editor.receive(&bytes);
    }

    /// Waits for the next request of the server.
    fn asked(&mut self) -> (Value, String, Value) {
        loop {
            if let Some(asked) = self.editor.requests().pop() {
                return asked;
            }
            self.receive();
        }
    }
}

#[test]
fn beside_an_editor_the_terminal_reaches_its_server() {
    let place = Place::new();
    let mut server = Server::start(&place);
    let uri = format!("file://{}", place.path("a.txt").display());
    let document =
        json!({ "uri": uri, "languageId": "plaintext", "version": 1, "text": "one\ntwo\nthree\ntyped\n" });
    server.notify("textDocument/didOpen", &json!({ "textDocument": document }));
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
    server.notify(
        "textDocument/didChange",
        &json!({ "textDocument": versioned, "contentChanges": [change] }),
    );
    let response = server.editor.response(&id, &json!({ "applied": true }));
    server.input.write_all(&response).expect("the program reads");
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
    second.notify("textDocument/didOpen", &json!({ "textDocument": document }));
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
