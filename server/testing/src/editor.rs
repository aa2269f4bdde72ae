//! An editor in memory: one end of a language server connection, without the pipe.
//!
//! It makes the bytes to send, takes the bytes that came back and keeps the books: which requests are
//! open, what was answered, what the server asked and told. Dropping it fails the test if a request
//! went unanswered, was answered twice, or the server sent something that is no message at all.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// How a request of the editor ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The server's result.
    Result(Value),
    /// The server's error: its code and message.
    Error(i64, String),
}

impl Answer {
    /// Whether the server confirmed that the request was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Error(-32800, _))
    }
}

/// The editor's end of a connection.
#[derive(Debug, Default)]
pub struct Editor {
    next_id: i64,
    open: BTreeMap<i64, String>,
    answers: BTreeMap<i64, Answer>,
    answered: BTreeSet<i64>,
    received: Vec<u8>,
    requests: Vec<(Value, String, Value)>,
    notifications: Vec<(String, Value)>,
    complaints: Vec<String>,
    abandoned: bool,
}

impl Editor {
    /// Makes an editor that has neither sent nor received anything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a request: its number, and the bytes to send.
    pub fn request(&mut self, method: &str, params: &Value) -> (i64, Vec<u8>) {
        self.next_id += 1;
        let id = self.next_id;
        self.open.insert(id, method.to_owned());
        let mut message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        without_null_params(&mut message);
        (id, frame(&message))
    }

    /// The bytes that notify the server.
    #[must_use]
    pub fn notification(&self, method: &str, params: &Value) -> Vec<u8> {
        let mut message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        without_null_params(&mut message);
        frame(&message)
    }

    /// The bytes that ask the server to cancel the request `id`.
    #[must_use]
    pub fn cancellation(&self, id: i64) -> Vec<u8> {
        self.notification("$/cancelRequest", &json!({ "id": id }))
    }

    /// The bytes that answer the request `id` of the server.
    #[must_use]
    pub fn response(&self, id: &Value, result: &Value) -> Vec<u8> {
        frame(&json!({ "jsonrpc": "2.0", "id": id, "result": result }))
    }

    /// Takes in what the server sent, in pieces of any size.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
        while let Some(message) = self.next_message() {
            self.take(&message);
        }
    }

    /// Takes the answer to the request `id`, if it has come.
    pub fn answer(&mut self, id: i64) -> Option<Answer> {
        self.answers.remove(&id)
    }

    /// Takes all answers that have come, with the number of their request.
    pub fn answers(&mut self) -> BTreeMap<i64, Answer> {
        std::mem::take(&mut self.answers)
    }

    /// Numbers and methods of the requests that wait for their answer.
    #[must_use]
    pub fn open_requests(&self) -> &BTreeMap<i64, String> {
        &self.open
    }

    /// Takes the requests of the server that have come: id, method and parameters.
    pub fn requests(&mut self) -> Vec<(Value, String, Value)> {
        std::mem::take(&mut self.requests)
    }

    /// Takes the notifications of the server that have come: method and parameters.
    pub fn notifications(&mut self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.notifications)
    }

    /// From here on requests may stay open: the test is about a server that is gone.
    pub fn abandon(&mut self) {
        self.abandoned = true;
    }

    fn next_message(&mut self) -> Option<Value> {
        let headers = find(&self.received, b"\r\n\r\n")?;
        let length = std::str::from_utf8(&self.received[..headers])
            .ok()
            .and_then(|text| text.strip_prefix("Content-Length: "))
            .and_then(|digits| digits.parse::<usize>().ok());
        let Some(length) = length else {
            self.complaints.push(format!(
                "no frame: {:?}",
                String::from_utf8_lossy(&self.received[..headers])
            ));
            self.received.clear();
            return None;
        };
        let body = headers + 4;
        if self.received.len() < body + length {
            return None;
        }
        let rest = self.received.split_off(body + length);
        let message = std::mem::replace(&mut self.received, rest);
        match serde_json::from_slice(&message[body..]) {
            Ok(message) => Some(message),
            Err(error) => {
                self.complaints.push(format!("no JSON: {error}"));
                Some(Value::Null)
            }
        }
    }

    fn take(&mut self, message: &Value) {
        let method = message.get("method").and_then(Value::as_str);
        let params = message.get("params").cloned().unwrap_or_default();
        match (message.get("id"), method) {
            (Some(id), Some(method)) => self.requests.push((id.clone(), method.to_owned(), params)),
            (None, Some(method)) => self.notifications.push((method.to_owned(), params)),
            (Some(id), None) => self.take_answer(id, message),
            (None, None) => self.complaints.push(format!("no message: {message}")),
        }
    }

    fn take_answer(&mut self, id: &Value, message: &Value) {
        let answer = match message.get("error") {
            Some(error) => Answer::Error(
                error.get("code").and_then(Value::as_i64).unwrap_or_default(),
                error
                    .get("message")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned(),
            ),
            None => Answer::Result(message.get("result").cloned().unwrap_or_default()),
        };
        let Some(id) = id.as_i64() else {
            // What the server could not read has no number; it says so with `null`.
            if !id.is_null() {
                self.complaints
                    .push(format!("an answer to {id}, which was never asked"));
            }
            return;
        };
        if self.open.remove(&id).is_some() {
            self.answered.insert(id);
            self.answers.insert(id, answer);
        } else if self.answered.contains(&id) {
            self.complaints
                .push(format!("a second answer to request {id}: {answer:?}"));
        } else {
            self.complaints.push(format!(
                "an answer to request {id}, which was never asked: {answer:?}"
            ));
        }
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        assert!(
            self.complaints.is_empty(),
            "the server broke the protocol: {:#?}",
            self.complaints
        );
        assert!(
            self.open.is_empty() || self.abandoned,
            "the server left requests unanswered: {:?}",
            self.open
        );
    }
}

/// The bytes of one message.
#[must_use]
pub fn frame(message: &Value) -> Vec<u8> {
    let body = message.to_string();
    format!("Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A message without parameters has no `params` at all.
fn without_null_params(message: &mut Value) {
    if let Some(object) = message.as_object_mut()
        && object.get("params") == Some(&Value::Null)
    {
        object.remove("params");
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panics(editor: Editor) -> bool {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(editor))).is_err()
    }

    #[test]
    fn an_answer_may_come_in_pieces() {
        let mut editor = Editor::new();
        let (id, _) = editor.request("shutdown", &Value::Null);
        for byte in frame(&json!({ "jsonrpc": "2.0", "id": id, "result": 7 })) {
            editor.receive(&[byte]);
        }
        assert_eq!(editor.answer(id), Some(Answer::Result(json!(7))));
    }

    #[test]
    fn an_unanswered_request_fails_the_test() {
        let mut editor = Editor::new();
        editor.request("shutdown", &Value::Null);
        assert!(panics(editor));
    }

    #[test]
    fn a_second_answer_fails_the_test() {
        let mut editor = Editor::new();
        let (id, _) = editor.request("shutdown", &Value::Null);
        let answer = frame(&json!({ "jsonrpc": "2.0", "id": id, "result": null }));
        editor.receive(&answer);
        editor.receive(&answer);
        assert!(panics(editor));
    }
}
