//! `freehold lsp` as an editor starts it: the real program, on standard input and output.
#![expect(
    clippy::disallowed_methods,
    reason = "the test starts the program and looks past the host"
)]

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use testing::Pipes;
use testing::editor::Answer;

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
    pipes: Pipes,
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
        let mut command = Command::new(env!("CARGO_BIN_EXE_freehold"));
        command
            .arg("lsp")
            .env("FREEHOLD_SCRIPT", script)
            .env("FREEHOLD_HOME", home.path())
            .env("FREEHOLD_IDLE_SECONDS", "5");
        let mut program = Self {
            home,
            pipes: Pipes::start(&mut command),
        };
        let params = json!({ "processId": null, "rootUri": null, "capabilities": {} });
        let id = program.pipes.begin("initialize", &params);
        assert!(matches!(program.pipes.answer(id), Answer::Result(_)));
        program.pipes.notify("initialized", &json!({}));
        program.open(WORKS, WORKS_TEXT);
        program
    }

    fn open(&mut self, uri: &str, text: &str) {
        let document = json!({ "uri": uri, "languageId": "rust", "version": 1, "text": text });
        self.pipes
            .notify("textDocument/didOpen", &json!({ "textDocument": document }));
    }

    fn ask(&mut self, uri: &str, line: u32, character: u32) -> Answer {
        let params = json!({
            "textDocument": { "uri": uri },
            "position": { "line": line, "character": character },
            "context": { "triggerKind": 1 },
        });
        let id = self.pipes.begin("textDocument/inlineCompletion", &params);
        self.pipes.answer(id)
    }

    fn assert_works(&mut self, after: &str) {
        let at = json!({ "line": 1, "character": 4 });
        let expected = json!([{ "insertText": "a + b", "range": { "start": at, "end": at } }]);
        assert_eq!(self.ask(WORKS, 1, 4), Answer::Result(expected), "after {after}");
    }
}

#[test]
fn a_suggestion_comes_and_the_program_leaves_in_order() {
    let mut program = Program::start("leaves_in_order");
    program.assert_works("nothing");
    assert_eq!(program.pipes.leave().code(), Some(0));
}

#[test]
fn the_program_leaves_when_its_input_ends() {
    let program = Program::start("input_ends");
    assert_eq!(program.pipes.hang_up().code(), Some(1));
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
        program.pipes.send(&bytes);
        program.assert_works(name);
    }
    // It ends within a later message, and what it has swallowed is found again.
    program
        .pipes
        .send(b"Content-Length: 300\r\n\r\n{\"jsonrpc\":\"2.0\",\"method\":\"x\"}");
    program.pipes.notify("x", &json!("y".repeat(200)));
    program.pipes.notify("x", &json!("y".repeat(200)));
    program.assert_works("a length that is too long");
    assert_eq!(program.pipes.leave().code(), Some(0));
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
    program.pipes.notify(
        "textDocument/didChange",
        &json!({ "textDocument": document, "contentChanges": [change] }),
    );
    assert!(matches!(program.ask(long, 1, 0), Answer::Result(_)));
    program.assert_works("a line of 100 MB");
    assert_eq!(program.pipes.leave().code(), Some(0));
}

#[test]
fn requests_to_the_model_are_on_record_unless_the_user_does_not_want_it() {
    let requests = |settings: &str| -> Vec<Value> {
        let name = format!("on_record_{}", settings.len());
        let mut program = Program::start_with(&name, settings);
        program.assert_works("nothing");
        let home = program.home;
        assert_eq!(program.pipes.leave().code(), Some(0));
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
