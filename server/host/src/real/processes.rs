//! Programs as they are.

#![expect(
    clippy::disallowed_methods,
    reason = "this is what the rest of the program calls instead"
)]

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::{self, Stdio};
use std::sync::PoisonError;
use std::time::Duration;

use super::printed::Printed;
use super::{RealHost, said};
use crate::{Bounded, Command, Detached, Output, Processes, Result, Stop};

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
        let complained = std::thread::spawn(move || complained.map(Printed::read).transpose());
        let stdout = printed.map(Printed::read).transpose().map_err(failed)?;
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

    #[cfg(unix)]
    fn run_bounded(&self, command: &Command, time_max: Duration, stop: &Stop) -> Result<Bounded> {
        super::bounded::run(prepare(command), time_max, stop).map_err(said("run", command.program.as_path()))
    }

    #[cfg(not(unix))]
    fn run_bounded(&self, command: &Command, _time_max: Duration, _stop: &Stop) -> Result<Bounded> {
        Ok(Bounded {
            output: self.run(command)?,
            ending: crate::Ending::Itself,
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
