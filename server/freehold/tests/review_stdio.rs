//! A review as any LSP client has it: the real program on standard input and output, nothing but standard requests.
#![expect(
    clippy::disallowed_methods,
    reason = "the test starts the program and looks past the host"
)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use testing::Editor;
use testing::editor::Answer;
use testing::naive::{Place, Text};

/// Far more than anything here takes, so that a server that hangs fails the test and not the whole run.
const PATIENCE: Duration = Duration::from_secs(120);

const CART: &str = "src/cart.py";
const REPORT: &str = "src/report.py";

/// Where the story lies that is told in every editor: files before and after, and the patch.
fn story(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/review/five_hunks")
        .join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("cannot read `{}`: {error}", file.display()))
}

/// An editor with open documents, which does what the server asks of it.
struct Client {
    home: tempfile::TempDir,
    editor: Editor,
    child: Child,
    input: ChildStdin,
    output: Receiver<Vec<u8>>,
    documents: BTreeMap<String, (i64, Text)>,
    diagnostics: BTreeMap<String, Value>,
}

impl Client {
    fn start() -> Self {
        let home = tempfile::tempdir().expect("there is room for a folder");
        let work = home.path().join("work");
        for file in [CART, REPORT] {
            let path = work.join(file);
            std::fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("there is room");
            std::fs::write(path, story(&format!("before/{file}"))).expect("there is room");
        }
        let script = home.path().join("script.toml");
        std::fs::write(&script, SCRIPT).expect("there is room");
        let mut child = program(home.path(), &["lsp"])
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
        let mut client = Self {
            input: child.stdin.take().expect("piped"),
            home,
            editor: Editor::new(),
            child,
            output,
            documents: BTreeMap::new(),
            diagnostics: BTreeMap::new(),
        };
        client.initialize();
        client
    }

    fn initialize(&mut self) {
        let root = format!("file://{}", self.work().display());
        let capabilities = json!({
            "workspace": { "applyEdit": true, "workspaceEdit": { "documentChanges": true } },
            "textDocument": { "codeAction": { "dataSupport": true, "codeActionLiteralSupport":
                { "codeActionKind": { "valueSet": ["quickfix", "refactor", "source"] } } } },
        });
        self.result(
            "initialize",
            &json!({
                "processId": null, "rootUri": root, "capabilities": capabilities,
                "workspaceFolders": [{ "uri": root, "name": "work" }],
            }),
        );
        self.notify("initialized", &json!({}));
    }

    fn work(&self) -> PathBuf {
        self.home.path().join("work")
    }

    fn uri(&self, file: &str) -> String {
        format!("file://{}/{file}", self.work().display())
    }

    fn on_disk(&self, file: &str) -> String {
        std::fs::read_to_string(self.work().join(file)).expect("it is there")
    }

    fn text(&self, file: &str) -> String {
        self.documents[&self.uri(file)].1.to_string()
    }

    fn send(&mut self, bytes: &[u8]) {
        self.input.write_all(bytes).expect("the program reads");
        self.input.flush().expect("the program reads");
    }

    fn notify(&mut self, method: &str, params: &Value) {
        let bytes = self.editor.notification(method, params);
        self.send(&bytes);
    }

    /// Asks, and does what the server asks meanwhile, until it answers.
    fn result(&mut self, method: &str, params: &Value) -> Value {
        let (id, bytes) = self.editor.request(method, params);
        self.send(&bytes);
        loop {
            match self.editor.answer(id) {
                Some(Answer::Result(result)) => return result,
                Some(error @ Answer::Error(..)) => panic!("{method}: {error:?}"),
                None => self.listen(),
            }
        }
    }

    /// Takes in what comes next, and does what the server asks.
    fn listen(&mut self) {
        let bytes = self.output.recv_timeout(PATIENCE).expect("the program goes on");
        self.editor.receive(&bytes);
        for (method, params) in self.editor.notifications() {
            if method == "textDocument/publishDiagnostics" {
                let uri = params["uri"].as_str().expect("a URI").to_owned();
                self.diagnostics.insert(uri, params["diagnostics"].clone());
            }
        }
        for (id, method, params) in self.editor.requests() {
            let result = match method.as_str() {
                "workspace/applyEdit" => {
                    self.apply(&params["edit"]["documentChanges"]);
                    json!({ "applied": true })
                }
                _ => Value::Null,
            };
            let bytes = self.editor.response(&id, &result);
            self.send(&bytes);
        }
    }

    /// Makes the edits of a versioned workspace edit, all of which are against the text as it stands.
    fn apply(&mut self, changes: &Value) {
        for change in changes.as_array().expect("versioned edits") {
            let uri = change["textDocument"]["uri"].as_str().expect("a URI").to_owned();
            assert_eq!(
                change["textDocument"]["version"],
                json!(self.documents[&uri].0),
                "of {uri}"
            );
            let mut edits = change["edits"].as_array().expect("edits").clone();
            edits.sort_by_key(|edit| std::cmp::Reverse(place(&edit["range"]["start"])));
            for edit in edits {
                self.edit(&uri, &edit["range"], edit["newText"].as_str().expect("a text"));
            }
        }
    }

    fn edit(&mut self, uri: &str, range: &Value, new_text: &str) {
        let (version, text) = self.documents.get_mut(uri).expect("it is open");
        *version += 1;
        text.replace(place(&range["start"]), place(&range["end"]), new_text);
        let document = json!({ "uri": uri, "version": *version });
        let changes = json!([{ "range": range, "text": new_text }]);
        self.notify(
            "textDocument/didChange",
            &json!({ "textDocument": document, "contentChanges": changes }),
        );
    }

    fn type_at(&mut self, file: &str, line: u32, character: u32, text: &str) {
        let at = json!({ "line": line, "character": character });
        self.edit(&self.uri(file), &json!({ "start": at, "end": at }), text);
    }

    fn open(&mut self, file: &str) {
        let (uri, text) = (self.uri(file), self.on_disk(file));
        self.documents.insert(uri.clone(), (1, Text::new(&text)));
        let document = json!({ "uri": uri, "languageId": "python", "version": 1, "text": text });
        self.notify("textDocument/didOpen", &json!({ "textDocument": document }));
    }

    fn save(&mut self, file: &str) {
        std::fs::write(self.work().join(file), self.text(file)).expect("there is room");
        let uri = self.uri(file);
        self.notify("textDocument/didSave", &json!({ "textDocument": { "uri": uri } }));
    }

    /// The hints of a file once there are so many, from top to bottom.
    fn hints(&mut self, file: &str, count: usize) -> Vec<Value> {
        let uri = self.uri(file);
        loop {
            let hints = self
                .diagnostics
                .get(&uri)
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            assert!(
                hints
                    .iter()
                    .all(|hint| hint["severity"] == 4 && hint["source"] == "freehold"),
                "{hints:?}"
            );
            if hints.len() == count {
                return hints;
            }
            self.listen();
        }
    }

    /// Takes the code action of this title that is offered where the hint is.
    fn act(&mut self, file: &str, hint: &Value, title: &str) {
        let uri = self.uri(file);
        let params = json!({
            "textDocument": { "uri": uri }, "range": hint["range"], "context": { "diagnostics": [hint] },
        });
        let actions = self.result("textDocument/codeAction", &params);
        let action = actions
            .as_array()
            .and_then(|actions| actions.iter().find(|action| action["title"] == title));
        let command = &action.unwrap_or_else(|| panic!("{title} is not among {actions:#}"))["command"];
        let name = command["command"].as_str().expect("a command").to_owned();
        let answer = self.execute(&name, &command["arguments"]);
        assert_eq!(answer["applied"], json!(true), "{title}: {answer}");
    }

    fn execute(&mut self, command: &str, arguments: &Value) -> Value {
        self.result(
            "workspace/executeCommand",
            &json!({ "command": command, "arguments": arguments }),
        )
    }

    fn leave(mut self) {
        assert_eq!(self.result("shutdown", &Value::Null), Value::Null);
        self.notify("exit", &Value::Null);
        assert_eq!(self.child.wait().expect("the program ends").code(), Some(0));
    }
}

const SCRIPT: &str = r#"
[description]
model = "scripted"
context_tokens = 4096
[description.fim]
infill = [{ token = "<P>" }, "prefix", { token = "<S>" }, "suffix", { token = "<M>" }]
source = "a test"
[[reply]]
tokens = []
"#;

/// The program with a home of its own.
fn program(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_freehold"));
    command
        .args(arguments)
        .current_dir(home.join("work"))
        .env("FREEHOLD_SCRIPT", home.join("script.toml"))
        .env("FREEHOLD_HOME", home)
        .env("FREEHOLD_IDLE_SECONDS", "5");
    command
}

fn place(value: &Value) -> Place {
    let number =
        |name: &str| u32::try_from(value[name].as_u64().expect("a number")).expect("tests are small");
    (number("line"), number("character"))
}

/// Puts the patch up from a terminal, against the server that runs.
fn propose(client: &Client) {
    let mut child = program(
        client.home.path(),
        &["propose", "--title", "Tidy the cart and its report"],
    )
    .stdin(Stdio::piped())
    .stdout(Stdio::piped())
    .spawn()
    .expect("the program starts");
    let mut input = child.stdin.take().expect("piped");
    input
        .write_all(story("proposal.diff").as_bytes())
        .expect("the program reads");
    drop(input);
    let output = child.wait_with_output().expect("the program ends");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn five_hunks_in_two_files_are_decided_undone_and_done_again() {
    let mut client = Client::start();
    client.open(CART);
    // The other file stays closed: what is kept of it goes to the disk.
    client.execute("freehold.review", &json!([]));
    propose(&client);
    let hints = client.hints(CART, 3);
    assert_eq!(
        client.text(CART),
        story("before/src/cart.py"),
        "nothing undecided is in the text"
    );
    client.act(CART, &hints[0], "Keep this change");
    client.hints(CART, 2);

    // Typed between two hunks, while they wait.
    client.type_at(CART, 7, 39, "0");
    let hints = client.hints(CART, 2);
    let mut edited = hints[0]["data"].clone();
    edited["text"] = json!(
        "        if amount < 1:\n            raise ValueError(\"amount must be at least 1, not less\")\n"
    );
    let answer = client.execute("freehold.editHunk", &json!([edited]));
    assert_eq!(answer["applied"], json!(true), "{answer}");
    let hints = client.hints(CART, 1);
    client.act(CART, &hints[0], "Drop this change");
    client.hints(CART, 0);
    assert_eq!(client.text(CART), story("after/src/cart.py"));

    let hints = client.hints(REPORT, 2);
    client.act(REPORT, &hints[0], "Keep this change");
    let hints = client.hints(REPORT, 1);
    client.act(REPORT, &hints[0], "Drop this change");
    client.hints(REPORT, 0);
    assert_eq!(client.on_disk(REPORT), story("after/src/report.py"));

    client.save(CART);
    let typed = story("before/src/cart.py").replace("amount=1)", "amount=10)");
    for _ in 0..3 {
        let answer = client.execute("freehold.undo", &json!([{}]));
        assert_eq!(answer["applied"], json!(true), "{answer}");
    }
    assert_eq!(client.text(CART), typed, "what was typed stays");
    assert_eq!(client.on_disk(REPORT), story("before/src/report.py"));
    for _ in 0..3 {
        let answer = client.execute("freehold.redo", &json!([{}]));
        assert_eq!(answer["applied"], json!(true), "{answer}");
    }
    assert_eq!(client.text(CART), story("after/src/cart.py"));
    assert_eq!(client.on_disk(REPORT), story("after/src/report.py"));
    client.leave();
}
