//! Other programs: run to their end, or started and left to themselves.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{Result, Stop};

/// Runs other programs.
pub trait Processes: Send + Sync {
    /// Runs `command` to its end with nothing on its standard input. The middle of what it prints may be left
    /// out if that is more than some 32 MiB.
    ///
    /// # Errors
    /// When it cannot be started; that it fails is in [`Output::status_code`].
    fn run(&self, command: &Command) -> Result<Output>;

    /// Runs `command` as [`Processes::run`] does, in a process group of its own, and ends the whole group when it
    /// has run for `time_max`, when `stop` says so, and when the program itself has ended: nothing that it has
    /// begun goes on, but for what has left the group. It is asked to end first, and a second later made to.
    ///
    /// # Errors
    /// When it cannot be started.
    fn run_bounded(&self, command: &Command, time_max: Duration, stop: &Stop) -> Result<Bounded>;

    /// Becomes `command`: the same process goes on as that program, and this call does not return.
    ///
    /// # Errors
    /// When it cannot be started, or the system cannot do such a thing; the process then goes on as it is.
    fn become_program(&self, command: &Command) -> Result<std::convert::Infallible>;

    /// Starts `command` and leaves it to itself: in a process group of its own, so that Ctrl-C and the
    /// end of the terminal do not reach it, with nothing on its standard input and its standard error
    /// appended to `log`.
    ///
    /// Its standard output is the pipe on which it says that it is ready ([`Detached::wait_ready`]);
    /// it calls [`Processes::announce_ready`] to do so.
    ///
    /// # Errors
    /// When `log` cannot be opened or the program cannot be started.
    fn spawn_detached(&self, command: &Command, log: &Path) -> Result<Detached>;

    /// Says `line` to whoever started this program and waits in [`Detached::wait_ready`], and then
    /// sends whatever else is printed to standard error, for nobody reads the pipe any longer.
    ///
    /// # Errors
    /// When the line cannot be written; it is no error that nobody waits any longer.
    fn announce_ready(&self, line: &str) -> Result<()>;

    /// Ends the process `id` at once, without letting it clean up. That it is gone already is no error.
    ///
    /// # Errors
    /// When the process belongs to somebody else.
    fn kill(&self, id: u32) -> Result<()>;
}

/// A program to run and what it is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// The program: a path, or a name to look for in `PATH`.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Variables added to our own environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Folder to run in; else our own.
    pub folder: Option<PathBuf>,
}

impl Command {
    /// Makes a command without arguments.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            ..Self::default()
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn arguments<I: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = I>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Adds one variable to the environment.
    #[must_use]
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Runs in `folder`.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }
}

/// How a program ended and what it printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// Its exit code; none if a signal ended it.
    pub status_code: Option<i32>,
    /// What it printed on standard output.
    pub stdout: Vec<u8>,
    /// What it printed on standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Whether it ended with exit code 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.status_code == Some(0)
    }
}

/// Why a program ended that might not run for as long as it wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was done, or a signal of somebody else ended it.
    Itself,
    /// Its time was over.
    TimeOver,
    /// It was stopped.
    Stopped,
}

/// How a program ended that might not run for as long as it wanted, and what it printed until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounded {
    /// What it printed, and its exit code.
    pub output: Output,
    /// Why it ended.
    pub ending: Ending,
}

/// A program that was started and left to itself; dropping this does not end it.
pub struct Detached {
    /// Its process number.
    pub id: u32,
    pub(crate) readiness: Box<dyn Read + Send>,
}

impl Detached {
    /// Waits for the line by which the program says that it is ready.
    ///
    /// Gives nothing when the program ended, or closed its output, without saying so.
    /// It waits as long as the program takes: call it where waiting hurts nobody.
    #[must_use]
    pub fn wait_ready(self) -> Option<String> {
        let mut line = String::new();
        BufReader::new(self.readiness.take(READY_LINE_BYTES_MAX))
            .read_line(&mut line)
            .ok()?;
        line.strip_suffix('\n').map(str::to_owned)
    }
}

/// A ready line is a few words; whatever is longer is not one.
const READY_LINE_BYTES_MAX: u64 = 4096;

impl std::fmt::Debug for Detached {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Detached")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
