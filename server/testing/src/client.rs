//! An LSP client over the pipes of the real program, which does what the server asks of it.
#![expect(
    clippy::disallowed_methods,
    reason = "it starts the program and looks past the host"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::editor::Answer;
use crate::naive::{Place, Text};
use crate::pipes::Pipes;

/// An editor with open documents, which does what the server asks of it. Paths are those of files from its folder.
pub struct Client {
    program: PathBuf,
    home: tempfile::TempDir,
    pipes: Pipes,
    documents: BTreeMap<String, (i64, Text)>,
    diagnostics: BTreeMap<String, Value>,
}

impl Client {
    /// Starts `program` in a folder with these files: paths from there, and their texts.
    pub fn start(program: &Path, files: &[(String, String)]) -> Self {
        Self::start_within(&std::env::temp_dir(), program, files)
    }

    /// The same, with all that is written somewhere within `place`.
    pub fn start_within(place: &Path, program: &Path, files: &[(String, String)]) -> Self {
        let home = tempfile::tempdir_in(place).expect("there is room for a folder");
        let work = home.path().join("work");
        for (file, text) in files {
            let path = work.join(file);
            std::fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("there is room");
            std::fs::write(path, text).expect("there is room");
        }
        let script = home.path().join("script.toml");
        std::fs::write(&script, SCRIPT).expect("there is room");
        let mut client = Self {
            program: program.to_owned(),
            pipes: Pipes::start(&mut command(program, home.path(), &["lsp"])),
            home,
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
        self.pipes.notify("initialized", &json!({}));
    }

    /// The program in a terminal beside the editor, in the same folder.
    pub fn terminal(&self, arguments: &[&str]) -> Command {
        command(&self.program, self.home.path(), arguments)
    }

    fn work(&self) -> PathBuf {
        self.home.path().join("work")
    }

    /// The URI of a file.
    pub fn uri(&self, file: &str) -> String {
        format!("file://{}/{file}", self.work().display())
    }

    /// What a file holds on the disk.
    pub fn on_disk(&self, file: &str) -> String {
        std::fs::read_to_string(self.work().join(file)).expect("it is there")
    }

    /// What stands in an open document.
    pub fn text(&self, file: &str) -> String {
        self.documents[&self.uri(file)].1.to_string()
    }

    /// Asks, and does not wait for the answer.
    pub fn begin(&mut self, method: &str, params: &Value) -> i64 {
        self.pipes.begin(method, params)
    }

    /// The answer, if it has come.
    pub fn answer(&mut self, id: i64) -> Option<Answer> {
        self.pipes.editor.answer(id)
    }

    /// Asks, and does what the server asks meanwhile, until it answers.
    pub fn result(&mut self, method: &str, params: &Value) -> Value {
        match self.ask(method, params) {
            Answer::Result(result) => result,
            error @ Answer::Error(..) => panic!("{method}: {error:?}"),
        }
    }

    /// The same where the answer may be an error.
    pub fn ask(&mut self, method: &str, params: &Value) -> Answer {
        let id = self.begin(method, params);
        loop {
            if let Some(answer) = self.answer(id) {
                return answer;
            }
            self.listen();
        }
    }

    /// Takes in what comes next, and does what the server asks.
    fn listen(&mut self) {
        self.pipes.receive();
        for (method, params) in self.pipes.editor.notifications() {
            if method == "textDocument/publishDiagnostics" {
                let uri = params["uri"].as_str().expect("a URI").to_owned();
                self.diagnostics.insert(uri, params["diagnostics"].clone());
            }
        }
        for (id, method, params) in self.pipes.editor.requests() {
            let result = match method.as_str() {
                "workspace/applyEdit" => {
                    self.apply(&params["edit"]["documentChanges"]);
                    json!({ "applied": true })
                }
                _ => Value::Null,
            };
            self.pipes.respond(&id, &result);
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
        self.pipes.notify(
            "textDocument/didChange",
            &json!({ "textDocument": document, "contentChanges": changes }),
        );
    }

    /// Types into an open document.
    pub fn type_at(&mut self, file: &str, line: u32, character: u32, text: &str) {
        let at = json!({ "line": line, "character": character });
        self.edit(&self.uri(file), &json!({ "start": at, "end": at }), text);
    }

    /// Opens a file as it is on the disk.
    pub fn open(&mut self, file: &str) {
        let (uri, text) = (self.uri(file), self.on_disk(file));
        self.documents.insert(uri.clone(), (1, Text::new(&text)));
        let document = json!({ "uri": uri, "languageId": "python", "version": 1, "text": text });
        self.pipes
            .notify("textDocument/didOpen", &json!({ "textDocument": document }));
    }

    /// Writes an open document to the disk and says so.
    pub fn save(&mut self, file: &str) {
        std::fs::write(self.work().join(file), self.text(file)).expect("there is room");
        let uri = self.uri(file);
        self.pipes
            .notify("textDocument/didSave", &json!({ "textDocument": { "uri": uri } }));
    }

    /// The hints of a file once there are so many, from top to bottom.
    pub fn hints(&mut self, file: &str, count: usize) -> Vec<Value> {
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
    pub fn act(&mut self, file: &str, hint: &Value, title: &str) {
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

    /// Has a command carried out.
    pub fn execute(&mut self, command: &str, arguments: &Value) -> Value {
        self.result(
            "workspace/executeCommand",
            &json!({ "command": command, "arguments": arguments }),
        )
    }

    /// Ends the program in order.
    pub fn leave(self) {
        assert_eq!(self.pipes.leave().code(), Some(0));
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
fn command(program: &Path, home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
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
