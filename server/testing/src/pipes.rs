//! The real program with an editor in memory at its pipes.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::editor::{Answer, Editor};

/// Far more than anything here takes, so that a program that hangs fails the test and not the whole run.
const PATIENCE: Duration = Duration::from_secs(120);

/// A program that speaks the protocol on its standard input and output, and what the editor has heard of it.
pub struct Pipes {
    /// The editor.
    pub editor: Editor,
    child: Child,
    input: ChildStdin,
    output: Receiver<Vec<u8>>,
}

impl Pipes {
    /// Starts `program`.
    pub fn start(program: &mut Command) -> Self {
        let mut child = program
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
        Self {
            editor: Editor::new(),
            input: child.stdin.take().expect("piped"),
            child,
            output,
        }
    }

    /// Writes `bytes` to the program as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.input.write_all(bytes).expect("the program reads");
        self.input.flush().expect("the program reads");
    }

    /// Tells something.
    pub fn notify(&mut self, method: &str, params: &Value) {
        let bytes = self.editor.notification(method, params);
        self.send(&bytes);
    }

    /// Asks something; gives the number of the request, and does not wait for its answer.
    pub fn begin(&mut self, method: &str, params: &Value) -> i64 {
        let (id, bytes) = self.editor.request(method, params);
        self.send(&bytes);
        id
    }

    /// Answers a request of the program.
    pub fn respond(&mut self, id: &Value, result: &Value) {
        let bytes = self.editor.response(id, result);
        self.send(&bytes);
    }

    /// Waits until something comes, and takes it in.
    pub fn receive(&mut self) {
        let bytes = self.output.recv_timeout(PATIENCE).expect("the program goes on");
        self.editor.receive(&bytes);
    }

    /// Waits for the answer to the request `id`.
    pub fn answer(&mut self, id: i64) -> Answer {
        loop {
            match self.editor.answer(id) {
                Some(answer) => return answer,
                None => self.receive(),
            }
        }
    }

    /// Has the program end in order; its standard input stays open, for it must not wait for the end of that.
    pub fn leave(mut self) -> ExitStatus {
        let id = self.begin("shutdown", &Value::Null);
        assert_eq!(self.answer(id), Answer::Result(Value::Null));
        self.notify("exit", &Value::Null);
        self.child.wait().expect("the program ends")
    }

    /// Closes the program's standard input and waits for its end.
    pub fn hang_up(mut self) -> ExitStatus {
        drop(self.input);
        self.child.wait().expect("the program ends")
    }
}
