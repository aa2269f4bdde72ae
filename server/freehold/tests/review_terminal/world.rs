//! A workspace, the program in a terminal there, and an editor's server.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use testing::Pipes;
use testing::editor::Answer;

pub const PATCH: &str = "\
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

pub struct Place {
    pub home: tempfile::TempDir,
    pub workspace: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        let place = Self {
            home: tempfile::tempdir().expect("there is room for a folder"),
            workspace: tempfile::tempdir().expect("there is room for a folder"),
        };
        std::fs::write(place.path("a.txt"), "one\ntwo\nthree\n").expect("written");
        std::fs::write(place.path("b.txt"), "alpha\n").expect("written");
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.workspace.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("there")
    }

    pub fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_freehold"));
        command
            .env("FREEHOLD_HOME", self.home.path())
            .env("USER", "ada")
            .current_dir(self.workspace.path());
        command
    }

    /// Runs the program with `input`.
    pub fn run(&self, arguments: &[&str], input: &str) -> Output {
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
    pub fn said(&self, arguments: &[&str], input: &str) -> String {
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

pub struct Server {
    pub pipes: Pipes,
}

impl Server {
    pub fn start(place: &Place) -> Self {
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
    pub fn connect(place: &Place) -> Self {
        let mut command = place.program();
        command.arg("lsp").env("FREEHOLD_IDLE_SECONDS", "5");
        let mut server = Self {
            pipes: Pipes::start(&mut command),
        };
        let folder = format!("file://{}", place.workspace.path().display());
        let capabilities = json!({ "window": { "workDoneProgress": true }, "workspace": { "applyEdit": true, "workspaceEdit": { "documentChanges": true } } });
        let params = json!({ "processId": null, "rootUri": folder, "capabilities": capabilities });
        server.request("initialize", &params);
        server.pipes.notify("initialized", &json!({}));
        server
    }

    pub fn request(&mut self, method: &str, params: &Value) -> Value {
        match self.try_request(method, params) {
            Answer::Result(value) => value,
            Answer::Error(_, message) => panic!("{method}: {message}"),
        }
    }

    pub fn command(&mut self, name: &str, argument: &Value) -> Answer {
        let params = json!({ "command": format!("freehold.{name}"), "arguments": [argument] });
        self.try_request("workspace/executeCommand", &params)
    }

    pub fn try_request(&mut self, method: &str, params: &Value) -> Answer {
        let id = self.pipes.begin(method, params);
        self.pipes.answer(id)
    }

    /// Waits for a notification of this method that is as `wanted`.
    pub fn told(&mut self, method: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let told = self.pipes.editor.notifications();
            if let Some((_, params)) = told
                .into_iter()
                .find(|(name, params)| name == method && wanted(params))
            {
                return params;
            }
            self.pipes.receive();
        }
    }

    pub fn leave(self) {
        assert!(self.pipes.leave().success());
    }

    /// Waits for the next request of the server.
    pub fn asked(&mut self) -> (Value, String, Value) {
        loop {
            if let Some(asked) = self.pipes.editor.requests().pop() {
                return asked;
            }
            self.pipes.receive();
        }
    }
}
