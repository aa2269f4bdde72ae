//! The programs that are measured: started, spoken to through pipes, and ended.
#![expect(
    clippy::disallowed_methods,
    reason = "the host starts programs and leaves them to themselves; these are spoken to and ended"
)]

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use host::Command;

/// Ticks a second in `/proc`: part of Linux's interface to programs (USER_HZ).
const TICKS_PER_SECOND: f64 = 100.0;

/// A program that runs; it ends with this.
pub struct Program {
    child: Child,
    input: Option<ChildStdin>,
}

impl Program {
    /// Starts `command` with pipes to its input and from its output; what it complains of goes to `log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(
        command: &Command,
        log: &std::path::Path,
    ) -> anyhow::Result<(Self, impl Read + Send + 'static)> {
        let log = std::fs::File::create(log).with_context(|| format!("cannot write `{}`", log.display()))?;
        let mut child = std::process::Command::new(&command.program)
            .args(&command.arguments)
            .envs(command.environment.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start `{}`", command.program.display()))?;
        let output = child.stdout.take().context("the program has no output")?;
        let input = child.stdin.take();
        Ok((Self { child, input }, output))
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its input.
    ///
    /// # Errors
    /// When it does not read any more.
    pub fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let input = self.input.as_mut().context("the program's input is closed")?;
        input
            .write_all(bytes)
            .and_then(|()| input.flush())
            .context("a program that is measured ended")
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.input.take());
        // It may have ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Seconds of computing by the process `id` so far.
///
/// # Errors
/// When there is no such process, or the system does not tell.
pub fn compute_seconds(id: u32) -> anyhow::Result<f64> {
    let file = format!("/proc/{id}/stat");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read `{file}`"))?;
    seconds(&text).with_context(|| format!("cannot understand `{file}`"))
}

/// Time in user and in system mode, the 14th and 15th field; the second, the name, may hold spaces.
fn seconds(stat: &str) -> Option<f64> {
    let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

/// Lets `folder` be found at `at` too.
///
/// # Errors
/// When the system cannot do that.
pub fn link_folder(folder: &std::path::Path, at: &std::path::Path) -> anyhow::Result<()> {
    std::os::unix::fs::symlink(folder, at).with_context(|| format!("cannot link `{}`", at.display()))
}

/// A free port on this machine, free for the moment.
///
/// # Errors
/// When there is none.
pub fn free_port() -> anyhow::Result<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("cannot find a free port")?;
    Ok(listener.local_addr()?.port())
}

/// How long a program may take to load its model.
pub const LOAD_TIME_MAX: Duration = Duration::from_secs(180);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computing_time_is_read_past_any_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 100 0 0";
        assert_eq!(seconds(stat), Some(3.0));
        assert_eq!(seconds("7 (a"), None);
    }
}
