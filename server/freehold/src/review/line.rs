//! The line from the terminal to the server of an editor: one JSON object a line, over a unix socket.
//!
//! `{"command": "freehold.propose", "arguments": [...]}` one way, `{"result": ...}` or `{"error": "..."}` the
//! other.

use std::path::Path;

use host::Host;
use serde_json::{Value, json};

use crate::paths::Paths;

/// The longest line, in bytes: a patch of that size is not for a person to review.
pub const LINE_BYTES_MAX: u64 = 256 * 1024 * 1024;

#[cfg(unix)]
pub use connected::Line;

/// What is sent for a command.
#[must_use]
pub fn question(name: &str, arguments: &Value) -> String {
    json!({ "command": name, "arguments": [arguments] }).to_string() + "\n"
}

/// Reads a command: its name and arguments.
///
/// # Errors
/// When the line is none.
pub fn read_question(line: &str) -> Result<(String, Vec<Value>), String> {
    let question: Value =
        serde_json::from_str(line).map_err(|error| format!("this is no command: {error}"))?;
    let name = question["command"].as_str().ok_or("`command` is missing")?;
    let arguments = question["arguments"].as_array().cloned().unwrap_or_default();
    Ok((name.to_owned(), arguments))
}

/// What is sent back.
#[must_use]
pub fn answer(result: &Result<Value, String>) -> String {
    let answer = match result {
        Ok(value) => json!({ "result": value }),
        Err(message) => json!({ "error": message }),
    };
    answer.to_string() + "\n"
}

#[cfg(unix)]
mod connected {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    use anyhow::Context as _;

    use super::*;

    /// A connection to the server of an editor.
    pub struct Line {
        stream: BufReader<UnixStream>,
    }

    impl Line {
        /// Connects to the server that has the workspace at `root` open; nothing if there is none, or if it
        /// is not this user's.
        #[must_use]
        pub fn connect(host: &dyn Host, paths: &Paths, root: &Path) -> Option<Self> {
            let stream = UnixStream::connect(paths.review_socket(root)).ok()?;
            let peer = rustix::net::sockopt::socket_peercred(&stream).ok()?;
            (peer.uid.as_raw() == host.user_id()).then(|| Self {
                stream: BufReader::new(stream),
            })
        }

        /// Says, from another thread, that what runs for us is to end; its answer is still waited for. Nothing
        /// can be asked afterwards.
        ///
        /// # Errors
        /// When the system has no more to give.
        pub fn ender(&self) -> anyhow::Result<impl FnOnce() + Send + use<>> {
            let stream = self.stream.get_ref().try_clone()?;
            // If it is closed already, the server has heard it.
            Ok(move || drop(stream.shutdown(std::net::Shutdown::Write)))
        }

        /// Has a command carried out.
        ///
        /// # Errors
        /// When the server goes away meanwhile; inside, why the command was not carried out.
        pub fn ask(&mut self, name: &str, arguments: &Value) -> anyhow::Result<Result<Value, String>> {
            let gone = "the editor's server went away before it answered";
            self.stream
                .get_mut()
                .write_all(question(name, arguments).as_bytes())
                .context(gone)?;
            let mut line = String::new();
            (&mut self.stream)
                .take(LINE_BYTES_MAX)
                .read_line(&mut line)
                .context(gone)?;
            let mut answer: Value = serde_json::from_str(&line).context(gone)?;
            Ok(match answer["error"].as_str() {
                Some(message) => Err(message.to_owned()),
                None => Ok(answer["result"].take()),
            })
        }
    }
}

/// Where there are no unix sockets, nobody is reached.
#[cfg(not(unix))]
pub struct Line;

#[cfg(not(unix))]
impl Line {
    /// Connects to nobody.
    #[must_use]
    pub fn connect(_host: &dyn Host, _paths: &Paths, _root: &Path) -> Option<Self> {
        None
    }

    /// Is never called: nobody is connected.
    ///
    /// # Errors
    /// Always.
    pub fn ender(&self) -> anyhow::Result<impl FnOnce() + Send + use<>> {
        anyhow::Ok(|| {})
    }

    /// Is never called: nobody is connected.
    ///
    /// # Errors
    /// Always.
    pub fn ask(&mut self, _name: &str, _arguments: &Value) -> anyhow::Result<Result<Value, String>> {
        anyhow::bail!("there are no unix sockets on this system")
    }
}
