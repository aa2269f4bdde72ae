//! `freehold lsp` as an editor starts it: the real program, on standard input and output.
#![expect(
    clippy::disallowed_methods,
    reason = "the test starts the program and looks past the host"
)]

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use testing::Editor;
use testing::editor::Answer;

/// Far more than anything here takes, so that a server that hangs fails the test and not the whole run.
const PATIENCE: Duration = Duration::from_secs(120);

const SCRIPT: &str = r#"
[description]
model = "scripted"
context_tokens = 4096
[description.fim]
infill = [{ token = "<P>" }, "prefix", { token = "<S>" }, "suffix", { token = "<M>" }]
source = "a test"
[[reply]]
tokens = ["a", " + b"]
"#;

/// The document whose suggestion shows that the server still does its work.
const WORKS: &str = "file:///project/add.rs";
const WORKS_TEXT: &str = "fn add(a: i32, b: i32) -> i32 {\n    \n}\n";

struct Program {
    home: tempfile::TempDir,
    editor: Editor,
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<Vec<u8>>,
}

impl Program {
    /// Starts the program with a script of its own.
    fn start(name: &str) -> Self {
        Self::start_with(name, "")
    }

    /// Starts it with these settings besides.
    fn start_with(name: &str, settings: &str) -> Self {
        let script = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.toml"));
        std::fs::write(&script, SCRIPT).expect("the folder for tests can be written");
        // Short, because the path of a socket may have 107 bytes at most.
        let home = tempfile::tempdir().expect("there is room for a folder");
        std::fs::write(home.path().join("config.toml"), settings).expect("the folder can be written");
        let mut child = Command::new(env!("CARGO_BIN_EXE_freehold"))
            .arg("lsp")
            .env("FREEHOLD_SCRIPT", script)
            .env("FREEHOLD_HOME", home.path())
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
        let input = child.stdin.take();
        let mut program = Self {
            home,
            editor: Editor::new(),
            child,
            input,
            output,
        };
        let params = json!({ "processId": null, "rootUri": null, "capabilities": {} });
        let id = program.request("initialize", &params);
        assert!(matches!(program.answer(id), Answer::Result(_)));
        program.notify("initialized", &json!({}));
        program.open(WORKS, WORKS_TEXT);
        program
    }

    fn send(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("open until the end");
        input.write_all(bytes).expect("the program reads");
        input.flush().expect("the program reads");
    }

    fn request(&mut self, method: &str, params: &Value) -> i64 {
        let (id, bytes) = self.editor.request(method, params);
        self.send(&bytes);
        id
    }

    fn notify(&mut self, method: &str, params: &Value) {
        let bytes = self.editor.notification(method, params);
        self.send(&bytes);
    }

    fn answer(&mut self, id: i64) -> Answer {
        loop {
            if let Some(answer) = self.editor.answer(id) {
                return answer;
            }
            let bytes = self.output.recv_timeout(PATIENCE).expect("the program answers");
            self.editor.receive(&bytes);
        }
    }

    fn open(&mut self, uri: &str, text: &str) {
        let document = json!({ "uri": uri, "languageId": "rust", "version": 1, "text": text });
        self.notify("textDocument/didOpen", &json!({ "textDocument": document }));
    }

    fn ask(&mut self, uri: &str, line: u32, character: u32) -> Answer {
        let params = json!({
            "textDocument": { "uri": uri },
            "position": { "line": line, "character": character },
            "context": { "triggerKind": 1 },
        });
        let id = self.request("textDocument/inlineCompletion", &params);
        self.answer(id)
    }

    fn assert_works(&mut self, after: &str) {
        let at = json!({ "line": 1, "character": 4 });
        let expected = json!([{ "insertText": "a + b", "range": { "start": at, "end": at } }]);
        assert_eq!(self.ask(WORKS, 1, 4), Answer::Result(expected), "after {after}");
    }

    fn leave(mut self) -> ExitStatus {
        let id = self.request("shutdown", &Value::Null);
        assert_eq!(self.answer(id), Answer::Result(Value::Null));
        self.notify("exit", &Value::Null);
        // Standard input stays open: the program must not wait for its end.
        self.child.wait().expect("the program ends")
    }
}

#[test]
fn a_suggestion_comes_and_the_program_leaves_in_order() {
    let mut program = Program::start("leaves_in_order");
    program.assert_works("nothing");
    assert_eq!(program.leave().code(), Some(0));
}

#[test]
fn the_program_leaves_when_its_input_ends() {
    let mut program = Program::start("input_ends");
    program.input = None;
    assert_eq!(program.child.wait().expect("the program ends").code(), Some(1));
}

#[test]
fn whatever_comes_in_the_program_goes_on() {
    let mut program = Program::start("goes_on");
    let frame = |body: &str| format!("Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes();
    let cases: [(&str, Vec<u8>); 10] = [
        ("invalid JSON", frame(r#"{"a": tru"#)),
        ("JSON that is no message", frame("[[], 7, null]")),
        ("no UTF-8", b"Content-Length: 4\r\n\r\n\xff\xfe\xfd\xfc".to_vec()),
        (
            "a length that is too short",
            b"Content-Length: 9\r\n\r\n{\"jsonrpc\":\"2.0\",\"method\":\"x\"}".to_vec(),
        ),
        (
            "a length that is no number",
            b"Content-Length: many\r\n\r\n{}".to_vec(),
        ),
        (
            "a length beyond all",
            b"Content-Length: 99999999999999999999\r\n\r\n{}".to_vec(),
        ),
        ("headers without end", vec![b'a'; 20_000]),
        ("no headers", b"\r\n\r\n{\"jsonrpc\":\"2.0\"}\r\n\r\n".to_vec()),
        (
            "half a surrogate pair",
            frame(r#"{"jsonrpc":"2.0","method":"\ud800","params":["\udc00"]}"#),
        ),
        ("zero bytes", vec![0; 100]),
    ];
    for (name, bytes) in cases {
        program.send(&bytes);
        program.assert_works(name);
    }
    // It ends within a later message, and what it has swallowed is found again.
    program.send(b"Content-Length: 300\r\n\r\n{\"jsonrpc\":\"2.0\",\"method\":\"x\"}");
    program.notify("x", &json!("y".repeat(200)));
    program.notify("x", &json!("y".repeat(200)));
    program.assert_works("a length that is too long");
    assert_eq!(program.leave().code(), Some(0));
}

#[test]
fn a_line_of_a_hundred_megabytes_is_a_line_like_any_other() {
    let mut program = Program::start("long_line");
    let long = "file:///project/long.rs";
    // Five bytes and three UTF-16 units each.
    program.open(long, &"x😀".repeat(20_000_000));
    assert!(matches!(program.ask(long, 0, u32::MAX), Answer::Result(_)));
    assert!(matches!(program.ask(long, 0, 30_000_002), Answer::Result(_)));
    let place = json!({ "line": 0, "character": 30_000_000 });
    let change = json!({ "range": { "start": place, "end": place }, "text": "\n" });
    let document = json!({ "uri": long, "version": 2 });
    program.notify(
        "textDocument/didChange",
        &json!({ "textDocument": document, "contentChanges": [change] }),
    );
    assert!(matches!(program.ask(long, 1, 0), Answer::Result(_)));
    program.assert_works("a line of 100 MB");
    assert_eq!(program.leave().code(), Some(0));
}

#[test]
fn requests_to_the_model_are_on_record_unless_the_user_does_not_want_it() {
    let requests = |settings: &str| -> Vec<Value> {
        let name = format!("on_record_{}", settings.len());
        let mut program = Program::start_with(&name, settings);
        program.assert_works("nothing");
        let nothing = tempfile::tempdir().expect("there is room for a folder");
        let home = std::mem::replace(&mut program.home, nothing);
        assert_eq!(program.leave().code(), Some(0));
        let shown = Command::new(env!("CARGO_BIN_EXE_freehold"))
            .args(["audit", "--json", "requests"])
            .env("FREEHOLD_HOME", home.path())
            .output()
            .expect("the program starts");
        serde_json::from_slice(&shown.stdout).expect("JSON")
    };
    assert_eq!(requests("[audit]\ncompletions = false\n"), Vec::<Value>::new());
    let recorded = requests("");
    assert!(!recorded.is_empty());
    for record in recorded {
        assert_eq!(record["kind"], "request");
        let fields = record["fields"].as_array().expect("a list");
        assert_eq!(fields[..2], [json!(["to", "here"]), json!(["model", "scripted"])]);
        assert!(!record.to_string().contains("fn add"), "{record}");
    }
}
