//! Programs as they are.

#![expect(
    clippy::disallowed_methods,
    reason = "this is what the rest of the program calls instead"
)]

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::process::{self, Stdio};
use std::sync::PoisonError;

use super::{RealHost, said};
use crate::{Command, Detached, Output, Processes, Result};

/// Of what a program prints, to each of its two outputs, so many bytes of the beginning are kept and as many of
/// the end.
const PRINTED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Reads to the end, and leaves out the middle of what is too long.
fn within_bounds(mut input: impl Read) -> std::io::Result<Vec<u8>> {
    let (mut beginning, mut end) = (Vec::new(), Vec::new());
    let mut buffer = vec![0; 64 * 1024];
    let mut left_out = false;
    loop {
        let count = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let room = count.min(PRINTED_BYTES_MAX - beginning.len());
        beginning.extend_from_slice(&buffer[..room]);
        end.extend_from_slice(&buffer[room..count]);
        if end.len() > 2 * PRINTED_BYTES_MAX {
            left_out = true;
            end.drain(..end.len() - PRINTED_BYTES_MAX);
        }
    }
    if left_out {
        beginning.push(b'\n');
    }
    beginning.extend(end);
    Ok(beginning)
}

impl Processes for RealHost {
    fn run(&self, command: &Command) -> Result<Output> {
        let failed = |error| said("run", command.program.as_path())(error);
        let mut child = prepare(command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (printed, complained) = (child.stdout.take(), child.stderr.take());
        let complained = std::thread::spawn(move || complained.map(within_bounds).transpose());
        let stdout = printed.map(within_bounds).transpose().map_err(failed)?;
        let stderr = complained
            .join()
            .unwrap_or_else(|_| Err(ErrorKind::Other.into()))
            .map_err(failed)?;
        let status = child.wait().map_err(failed)?;
        Ok(Output {
            status_code: status.code(),
            stdout: stdout.unwrap_or_default(),
            stderr: stderr.unwrap_or_default(),
        })
    }

    fn become_program(&self, command: &Command) -> Result<std::convert::Infallible> {
        #[cfg(unix)]
        let error = std::os::unix::process::CommandExt::exec(&mut prepare(command));
        #[cfg(not(unix))]
        let error = ErrorKind::Unsupported.into();
        Err(said("run", command.program.as_path())(error))
    }

    fn spawn_detached(&self, command: &Command, log: &Path) -> Result<Detached> {
        let log_file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(log)
            .map_err(said("open", log))?;
        let mut prepared = prepare(command);
        prepared
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut prepared, 0);
        let mut child = prepared
            .spawn()
            .map_err(said("start", command.program.as_path()))?;
        let id = child.id();
        let readiness: Box<dyn std::io::Read + Send> = match child.stdout.take() {
            Some(stdout) => Box::new(stdout),
            None => Box::new(std::io::empty()),
        };
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        children.push(child);
        Ok(Detached { id, readiness })
    }

    fn announce_ready(&self, line: &str) -> Result<()> {
        let mut stdout = std::io::stdout().lock();
        match writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                return Err(said("write to", "standard output")(error));
            }
            _ => {}
        }
        #[cfg(unix)]
        rustix::stdio::dup2_stdout(std::io::stderr())
            .map_err(|error| said("redirect", "standard output")(error.into()))?;
        Ok(())
    }

    #[cfg(unix)]
    fn kill(&self, id: u32) -> Result<()> {
        use rustix::process::{Pid, Signal, kill_process};

        let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) else {
            return Ok(());
        };
        match kill_process(pid, Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(said("end process", id.to_string())(error.into())),
        }
    }

    #[cfg(not(unix))]
    fn kill(&self, id: u32) -> Result<()> {
        let command = Command::new("taskkill").arguments(["/F", "/PID", &id.to_string()]);
        self.run(&command).map(drop)
    }
}

fn prepare(command: &Command) -> process::Command {
    let mut prepared = process::Command::new(&command.program);
    prepared.args(&command.arguments);
    prepared.envs(command.environment.iter().map(|(name, value)| (name, value)));
    if let Some(folder) = &command.folder {
        prepared.current_dir(folder);
    }
    prepared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_what_is_too_long_is_left_out() {
        let most = PRINTED_BYTES_MAX as u64;
        let printed = |middle: u64| {
            b"begins\n"
                .chain(std::io::repeat(b'x').take(middle))
                .chain(&b"ends\n"[..])
        };
        let short = within_bounds(printed(10)).expect("read");
        assert_eq!(short, b"begins\nxxxxxxxxxxends\n");
        let long = within_bounds(printed(10 * most)).expect("read");
        assert!(long.starts_with(b"begins\nx") && long.ends_with(b"xends\n"));
        assert!(long.len() <= 3 * PRINTED_BYTES_MAX + 1);
    }
}
