//! Somebody who reviews: an editor in memory that changes its documents when asked to, in its own manner.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testing::editor::Answer;

use super::desk::{Desk, Setup};

/// How an editor takes requests to change its documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It changes them, then answers.
    ChangesFirst,
    /// It answers, then changes them, as VS Code does.
    AnswersFirst,
    /// It answers, then changes them, and tells it as another edit that makes the same text, as Neovim does.
    Rephrases,
    /// It refuses.
    Refuses,
    /// It answers with an error.
    Fails,
    /// It does nothing at all.
    Ignores,
    /// It says that it has changed them, and has not.
    Lies,
    /// It changes the first document only, then refuses.
    StopsHalfway,
}

/// What an editor can do that can do everything.
pub fn abilities() -> Value {
    json!({
        "workspace": {
            "applyEdit": true,
            "workspaceEdit": {
                "documentChanges": true,
                "changeAnnotationSupport": {},
                "resourceOperations": ["create", "rename", "delete"],
            },
            "codeLens": { "refreshSupport": true },
        },
        "textDocument": { "codeAction": { "codeActionLiteralSupport": { "codeActionKind": { "valueSet": [] } } } },
        "window": { "showDocument": { "support": true } },
    })
}

/// An editor with documents of its own, and what the server has told it.
pub struct Reviewer {
    pub desk: Desk,
    pub manner: Manner,
    documents: BTreeMap<String, (i32, String)>,
    pub state: Value,
    pub diagnostics: BTreeMap<String, Value>,
    pub messages: Vec<String>,
    /// Edits that the server has asked for.
    pub asked: Vec<Value>,
    /// Called with the desk when an edit is asked for, before anything is done about it.
    pub meanwhile: Option<fn(&Desk)>,
}

impl Reviewer {
    /// Sits down before a workspace with these files.
    pub async fn new(files: &[(&'static str, &'static str)]) -> Self {
        Self::with(files, abilities()).await
    }

    pub async fn with(files: &[(&'static str, &'static str)], capabilities: Value) -> Self {
        Self::set_up(Setup {
            files: files.to_vec(),
            capabilities,
            ..Setup::default()
        })
        .await
    }

    pub async fn set_up(setup: Setup) -> Self {
        let desk = Desk::new(setup).await;
        Self {
            desk,
            manner: Manner::ChangesFirst,
            documents: BTreeMap::new(),
            state: json!({ "changes": [], "files": [] }),
            diagnostics: BTreeMap::new(),
            messages: Vec::new(),
            asked: Vec::new(),
            meanwhile: None,
        }
    }

    /// Opens a file as it lies on the disk.
    pub async fn open(&mut self, path: &str) -> String {
        let text = self.desk.file(path).expect("there is such a file");
        let uri = format!("file://{path}");
        self.documents.insert(uri.clone(), (1, text.clone()));
        self.desk.open_uri(&uri, "rust", &text).await;
        uri
    }

    pub async fn close(&mut self, uri: &str) {
        self.documents.remove(uri);
        let params = json!({ "textDocument": { "uri": uri } });
        self.desk.notify("textDocument/didClose", &params).await;
    }

    /// What stands in a document.
    pub fn text(&self, uri: &str) -> &str {
        &self.documents[uri].1
    }

    /// Types over what stands between two offsets.
    pub async fn replace(&mut self, uri: &str, range: std::ops::Range<usize>, new: &str) {
        let (version, text) = self.documents.get_mut(uri).expect("it is open");
        let (start, end) = (place(text, range.start), place(text, range.end));
        text.replace_range(range, new);
        *version += 1;
        let version = *version;
        self.desk.edit(uri, version, start, end, new).await;
    }

    /// Types before the first `mark`.
    pub async fn type_before(&mut self, uri: &str, mark: &str, new: &str) {
        let at = self.text(uri).find(mark).expect("it stands there");
        self.replace(uri, at..at, new).await;
    }

    /// Has a command carried out.
    pub async fn command(&mut self, name: &str, argument: Value) -> Value {
        match self.try_command(name, argument).await {
            Answer::Result(value) => value,
            Answer::Error(_, message) => panic!("{name}: {message}"),
        }
    }

    pub async fn try_command(&mut self, name: &str, argument: Value) -> Answer {
        let id = self.begin(name, argument).await;
        self.answer(id).await
    }

    /// Asks for a command and does not wait for it.
    pub async fn begin(&mut self, name: &str, argument: Value) -> i64 {
        let params = json!({ "command": format!("freehold.{name}"), "arguments": [argument] });
        self.desk.request("workspace/executeCommand", &params).await
    }

    /// Waits for an answer, and does what the server asks meanwhile.
    pub async fn answer(&mut self, id: i64) -> Answer {
        loop {
            self.take_in().await;
            if let Some(answer) = self.desk.editor.answer(id) {
                return answer;
            }
            self.desk.read().await;
        }
    }

    /// Asks for something of the protocol.
    pub async fn request(&mut self, method: &str, params: &Value) -> Value {
        let id = self.desk.request(method, params).await;
        match self.answer(id).await {
            Answer::Result(value) => value,
            Answer::Error(_, message) => panic!("{method}: {message}"),
        }
    }

    /// Waits until what the server shows is as `wanted`.
    pub async fn until(&mut self, wanted: impl Fn(&Self) -> bool) {
        loop {
            self.take_in().await;
            if wanted(self) {
                return;
            }
            self.desk.read().await;
        }
    }

    /// Waits until `count` hunks are shown.
    pub async fn until_hunks(&mut self, count: usize) {
        self.until(|reviewer| reviewer.hunks().len() == count).await;
    }

    /// The hunks that are shown.
    pub fn hunks(&self) -> Vec<Value> {
        let files = self.state["files"].as_array().expect("a list");
        let hunks = files
            .iter()
            .flat_map(|file| file["hunks"].as_array().expect("a list"));
        hunks.cloned().collect()
    }

    /// What a command needs to be about the hunk that brings `text`, as it is shown.
    pub fn seen(&self, text: &str) -> Value {
        let hunks = self.hunks();
        let hunk = hunks.iter().find(|hunk| {
            let has = |name: &str| hunk[name].as_str().is_some_and(|lines| lines.contains(text));
            has("added") || has("removed")
        });
        let hunk = hunk.unwrap_or_else(|| panic!("no hunk brings {text:?}: {hunks:#?}"));
        json!({ "hunk": hunk["id"], "digest": hunk["digest"] })
    }

    /// Another program writes a file, and the editor tells.
    pub async fn write_from_outside(&mut self, path: &str, text: &str) {
        self.desk.write(path, text);
        self.tell_of_file(path).await;
    }

    /// Tells that something happened to a file on the disk.
    pub async fn tell_of_file(&mut self, path: &str) {
        let params = json!({ "changes": [{ "uri": format!("file://{path}"), "type": 2 }] });
        self.desk.notify("workspace/didChangeWatchedFiles", &params).await;
    }

    /// Proposes a patch.
    pub async fn propose(&mut self, patch: &str) -> Value {
        self.command("propose", json!({ "patch": patch, "title": "A patch" }))
            .await
    }

    async fn take_in(&mut self) {
        for (method, params) in self.desk.editor.notifications() {
            match method.as_str() {
                "freehold/reviewChanged" => self.state = params,
                "textDocument/publishDiagnostics" => {
                    let uri = params["uri"].as_str().expect("a URI").to_owned();
                    self.diagnostics.insert(uri, params["diagnostics"].clone());
                }
                "window/showMessage" => {
                    self.messages
                        .push(params["message"].as_str().expect("a text").to_owned());
                }
                _ => {}
            }
        }
        for (id, method, params) in self.desk.editor.requests() {
            if method == "workspace/applyEdit" {
                self.asked.push(params.clone());
                if let Some(meanwhile) = self.meanwhile.take() {
                    meanwhile(&self.desk);
                }
                self.take_edit(&id, &params).await;
            } else {
                self.respond(&id, Value::Null).await;
            }
        }
    }

    async fn respond(&mut self, id: &Value, result: Value) {
        let bytes = self.desk.editor.response(id, &result);
        self.desk.send(&bytes).await;
    }

    async fn take_edit(&mut self, id: &Value, params: &Value) {
        let fits = self.fits(params);
        let applied = |applied: bool| json!({ "applied": applied });
        match self.manner {
            Manner::ChangesFirst => {
                if fits {
                    self.change(params, usize::MAX).await;
                }
                self.respond(id, applied(fits)).await;
            }
            Manner::AnswersFirst => {
                self.respond(id, applied(fits)).await;
                if fits {
                    self.change(params, usize::MAX).await;
                }
            }
            Manner::Rephrases => {
                self.respond(id, applied(fits)).await;
                if fits {
                    self.rephrase(params).await;
                }
            }
            Manner::Refuses => self.respond(id, applied(false)).await,
            Manner::Fails => {
                let error = json!({ "code": -32603, "message": "no" });
                let bytes = testing::editor::frame(&json!({ "jsonrpc": "2.0", "id": id, "error": error }));
                self.desk.send(&bytes).await;
            }
            Manner::Ignores => {}
            Manner::Lies => self.respond(id, applied(true)).await,
            Manner::StopsHalfway => {
                self.change(params, 1).await;
                self.manner = Manner::ChangesFirst;
                self.respond(id, applied(false)).await;
            }
        }
    }

    /// Whether every document has the version that an edit is for.
    fn fits(&self, params: &Value) -> bool {
        let changes = params["edit"]["documentChanges"].as_array().expect("a list");
        changes.iter().all(|change| {
            let uri = change["textDocument"]["uri"].as_str().unwrap_or_default();
            let version = self.documents.get(uri).map(|(version, _)| i64::from(*version));
            version == change["textDocument"]["version"].as_i64()
        })
    }

    /// Changes the first `count` documents as asked.
    pub async fn change(&mut self, params: &Value, count: usize) {
        let changes = params["edit"]["documentChanges"]
            .as_array()
            .expect("a list")
            .clone();
        for change in changes.into_iter().take(count) {
            let uri = change["textDocument"]["uri"].as_str().expect("a URI").to_owned();
            let edits = change["edits"].as_array().expect("a list").clone();
            // Last to first, so that no edit moves the next.
            for edit in edits.into_iter().rev() {
                let text = self.text(&uri);
                let range = offset(text, &edit["range"]["start"])..offset(text, &edit["range"]["end"]);
                let new = edit["newText"].as_str().expect("a text").to_owned();
                self.replace(&uri, range, &new).await;
            }
        }
    }

    /// Changes the documents as asked, and tells it as one edit of all from the first other character on.
    async fn rephrase(&mut self, params: &Value) {
        for change in params["edit"]["documentChanges"].as_array().expect("a list") {
            let uri = change["textDocument"]["uri"].as_str().expect("a URI");
            let (before, mut after) = (self.text(uri).to_owned(), self.text(uri).to_owned());
            for edit in change["edits"].as_array().expect("a list").iter().rev() {
                let at = |end: &str| offset(&before, &edit["range"][end]);
                after.replace_range(at("start")..at("end"), edit["newText"].as_str().expect("a text"));
            }
            let same = before
                .bytes()
                .zip(after.bytes())
                .take_while(|(old, new)| old == new);
            let first = same.count();
            self.replace(uri, first..before.len(), &after[first..]).await;
        }
    }

    pub async fn leave(self) {
        self.desk.leave().await;
    }
}

fn place(text: &str, offset: usize) -> (u32, u32) {
    let before = &text[..offset];
    let line = before.matches('\n').count();
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let character = before[start..].encode_utf16().count();
    (
        u32::try_from(line).expect("few"),
        u32::try_from(character).expect("few"),
    )
}

fn offset(text: &str, position: &Value) -> usize {
    let number = |name: &str| usize::try_from(position[name].as_u64().expect("a number")).expect("few");
    let start: usize = text
        .split_inclusive('\n')
        .take(number("line"))
        .map(str::len)
        .sum();
    let mut units = 0;
    for (at, character) in text[start..].char_indices() {
        if units >= number("character") {
            return start + at;
        }
        units += character.len_utf16();
    }
    text.len()
}
