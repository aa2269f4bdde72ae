//! A user who types in one document, and asks as editors do.

use std::sync::atomic::Ordering;
use std::time::Duration;

use engine::scripted::Script;
use serde_json::{Value, json};
use testing::editor::Answer;

use super::desk::{Desk, Setup};
use crate::settings::CompletionSettings;

pub const DOCUMENT: &str = "fn f(a: i32, b: i32) {\n    let total = |\n}\n";

/// A user with one document open, and the cursor in it.
pub struct Typist {
    pub desk: Desk,
    pub uri: String,
    version: i32,
    text: String,
    pub at: usize,
}

impl Typist {
    /// Opens the document with the cursor at `|` of `notation`.
    pub async fn new(notation: &str, script: Script, completion: CompletionSettings) -> Self {
        let mut desk = Desk::new(Setup {
            script,
            completion,
            ..Setup::default()
        })
        .await;
        let text = notation.replacen('|', "", 1);
        let uri = desk.open("a.rs", &text).await;
        let at = notation.find('|').expect("a cursor");
        Self {
            desk,
            uri,
            version: 1,
            text,
            at,
        }
    }

    pub fn place(&self, at: usize) -> (u32, u32) {
        let before = &self.text[..at];
        let line = before.matches('\n').count();
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
        (
            u32::try_from(line).expect("small"),
            u32::try_from(column).expect("small"),
        )
    }

    pub async fn replace(&mut self, start: usize, end: usize, text: &str) {
        self.version += 1;
        let (from, to) = (self.place(start), self.place(end));
        self.desk.edit(&self.uri, self.version, from, to, text).await;
        self.text.replace_range(start..end, text);
    }

    /// Types, or takes a part of a suggestion.
    pub async fn insert(&mut self, text: &str) {
        self.replace(self.at, self.at, text).await;
        self.at += text.len();
    }

    pub async fn delete(&mut self, bytes: usize) {
        self.at -= bytes;
        self.replace(self.at, self.at + bytes, "").await;
    }

    /// Asks as editors do after a key; gives the number of the question.
    pub async fn send_question(&mut self) -> i64 {
        let place = self.place(self.at);
        self.desk.ask_unasked(&self.uri, place).await
    }

    /// What is offered at the cursor after a key, and how many requests the engine has had for it by now.
    pub async fn ask(&mut self) -> (Option<String>, usize) {
        let id = self.send_question().await;
        self.take(id).await
    }

    pub async fn take(&mut self, id: i64) -> (Option<String>, usize) {
        let text = match self.desk.answer(id).await {
            Answer::Result(Value::Null) => None,
            Answer::Result(items) => Some(items[0]["insertText"].as_str().expect("a text").to_owned()),
            answer => panic!("{answer:?}"),
        };
        (text, self.desk.asked().len())
    }

    pub fn cancelled(&self) -> usize {
        self.desk.backend.cancelled.load(Ordering::SeqCst)
    }

    /// Lets everything happen that can happen within a moment; for tests whose clock stands still
    /// (`start_paused = true`).
    pub async fn settle(&mut self) {
        self.desk.settle().await;
        // The clock stands still as long as anybody works, on other threads too.
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub async fn leave(mut self) {
        let close = json!({ "textDocument": { "uri": self.uri } });
        self.desk.notify("textDocument/didClose", &close).await;
        self.desk.until_open_requests(0).await;
        self.desk.leave().await;
    }
}

pub fn some(text: &str, asked: usize) -> (Option<String>, usize) {
    (Some(text.to_owned()), asked)
}
