//! Other programs: found, run with their output kept in a log, and reported on when they fail.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Lines of a failed program's output that are shown; the rest is in the log.
const TAIL_LINES_MAX: usize = 40;

/// The folder of the whole project.
pub fn root() -> PathBuf {
    let manifest_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest_folder
        .ancestors()
        .nth(2)
        .expect("this crate lies two folders below the root")
        .to_owned()
}

/// Where cargo puts what it builds.
pub fn target_folder() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// The file name of the program `name` on this system.
pub fn executable(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}

/// Looks `name` up in the folders of `PATH`, also as a `.cmd` script where those exist.
pub fn find(name: &str) -> Option<PathBuf> {
    let names = match std::env::consts::OS {
        "windows" => vec![format!("{name}.exe"), format!("{name}.cmd")],
        _ => vec![name.to_owned()],
    };
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .flat_map(|folder| {
            names
                .iter()
                .map(move |name| folder.join(name))
                .collect::<Vec<_>>()
        })
        .find(|file| file.is_file())
}

/// A command that runs `program` in the project's folder, found as [`find`] does.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(find(program).unwrap_or_else(|| PathBuf::from(program)));
    command.current_dir(root());
    command
}

/// The same cargo that runs us.
pub fn cargo<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(arguments);
    command
}

/// Whether `command` can be run and succeeds; says nothing either way.
pub fn succeeds(command: &mut Command) -> bool {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// What `command` prints.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run `{}`", shown(command)))?;
    if !output.status.success() {
        bail!(
            "`{}` failed: {}",
            shown(command),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command as one would type it.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    std::iter::once(program)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .map(|word| {
            if word.contains(' ') {
                format!("'{word}'")
            } else {
                word.into_owned()
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Called about once a second with the time gone by and the last line printed.
type Tick = Box<dyn FnMut(Duration, &str)>;

/// Runs programs one after the other and keeps all that they print in one file.
pub struct Log {
    path: PathBuf,
    file: File,
    since: Instant,
    tick: Tick,
}

impl Log {
    /// Begins the log of the step `name`, replacing that of an earlier run.
    pub fn create(name: &str, tick: impl FnMut(Duration, &str) + 'static) -> Result<Self> {
        let folder = target_folder().join("xtask");
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create the folder `{}`", folder.display()))?;
        let path = folder.join(format!("{name}.log"));
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .open(&path)
            .with_context(|| format!("cannot write the log `{}`", path.display()))?;
        Ok(Self {
            path,
            file,
            since: Instant::now(),
            tick: Box::new(tick),
        })
    }

    /// Runs `command` to its end and gives what it printed, both streams mixed.
    ///
    /// # Errors
    /// When it cannot be started or fails; the error shows the end of its output and names the log.
    pub fn run(&mut self, command: &mut Command) -> Result<String> {
        let shown = shown(command);
        writeln!(self.file, "$ {shown}").context("cannot write the log")?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run `{shown}`"))?;
        let (sender, receiver) = channel();
        forward(child.stdout.take().expect("stdout is piped"), sender.clone());
        forward(child.stderr.take().expect("stderr is piped"), sender);
        let text = self.follow(&receiver)?;
        let status = child
            .wait()
            .with_context(|| format!("cannot wait for `{shown}`"))?;
        if !status.success() {
            bail!(
                "`{shown}` failed ({status}); the end of its output:\n{}\n    the whole of it: {}",
                indented_tail(&text),
                self.path.display()
            );
        }
        Ok(text)
    }

    /// Reads lines until both streams are closed.
    fn follow(&mut self, lines: &Receiver<String>) -> Result<String> {
        let mut text = String::new();
        let mut last = String::new();
        let mut ticked = Instant::now();
        loop {
            match lines.recv_timeout(Duration::from_secs(1)) {
                Ok(line) => {
                    self.file
                        .write_all(line.as_bytes())
                        .context("cannot write the log")?;
                    text.push_str(&line);
                    last = line;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(text),
            }
            if ticked.elapsed() >= Duration::from_millis(500) {
                ticked = Instant::now();
                (self.tick)(self.since.elapsed(), last.trim());
            }
        }
    }
}

/// Sends each line of `stream` on, from a thread that ends with the stream.
fn forward(stream: impl Read + Send + 'static, lines: Sender<String>) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut bytes = Vec::new();
        while matches!(reader.read_until(b'\n', &mut bytes), Ok(length) if length > 0) {
            if lines.send(String::from_utf8_lossy(&bytes).into_owned()).is_err() {
                return;
            }
            bytes.clear();
        }
    });
}

fn indented_tail(text: &str) -> String {
    let mut tail = VecDeque::new();
    for line in text.lines() {
        if tail.len() == TAIL_LINES_MAX {
            tail.pop_front();
        }
        tail.push_back(format!("    {line}"));
    }
    Vec::from(tail).join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_where_the_workspace_is() {
        assert!(root().join("Cargo.lock").is_file());
    }

    #[test]
    fn a_failing_program_is_reported_with_its_output() {
        let mut log = Log::create("self-test", |_, _| {}).expect("the target folder can be written");
        let error = log
            .run(&mut cargo(["no-such-subcommand"]))
            .expect_err("cargo has no such subcommand");
        let message = format!("{error:#}");
        assert!(message.contains("`cargo no-such-subcommand` failed"), "{message}");
        assert!(message.contains("no such command"), "{message}");
        assert!(message.contains("self-test.log"), "{message}");
    }

    #[test]
    fn only_the_end_of_a_long_output_is_shown() {
        let text = (0..100).map(|number| format!("{number}\n")).collect::<String>();
        let tail = indented_tail(&text);
        assert_eq!(tail.lines().count(), TAIL_LINES_MAX);
        assert!(tail.ends_with("    99"), "{tail}");
    }
}
