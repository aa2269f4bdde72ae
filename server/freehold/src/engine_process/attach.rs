//! The way to the engine process: connect to it, or start it first.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use host::{Command, Host};
use tokio::net::UnixStream;

/// How long a started process may take until its socket answers; the model is loaded after that.
const START_TIME_MAX: Duration = Duration::from_secs(20);
/// Longest log that is still added to, in bytes.
const LOG_BYTES_MAX: u64 = 1024 * 1024;
/// How much of the log an error shows, in bytes.
const LOG_TAIL_BYTES: u64 = 2000;

/// How the engine process is reached and started.
#[derive(Clone)]
pub struct Launcher {
    /// The world.
    pub host: Arc<dyn Host>,
    /// Program that has the subcommand `engine`: usually this one.
    pub program: PathBuf,
    /// What follows the subcommand.
    pub arguments: Vec<OsString>,
    /// The socket.
    pub socket: PathBuf,
    /// What the process says goes to the end of this file.
    pub log: PathBuf,
    /// Variables that it gets besides our own.
    pub environment: Vec<(OsString, OsString)>,
}

impl Launcher {
    /// Makes sure that an engine process answers at the socket.
    ///
    /// # Errors
    /// When it cannot be started or dies at once; then with the end of its log.
    pub async fn attach(&self) -> anyhow::Result<()> {
        if UnixStream::connect(&self.socket).await.is_ok() {
            return Ok(());
        }
        let folder = self.log.parent().context("the log has no folder")?;
        self.host.create_private_folder(folder)?;
        self.put_long_log_aside()?;
        let log_start = self.host.metadata(&self.log).map_or(0, |metadata| metadata.bytes);
        let mut command = Command::new(&self.program).argument("engine");
        command.arguments.extend(self.arguments.iter().cloned());
        command.environment.extend(self.environment.iter().cloned());
        let started = self
            .host
            .spawn_detached(&command, &self.log)
            .context("cannot start the engine process")?;
        let id = started.id;
        let mut ready = tokio::task::spawn_blocking(move || started.wait_ready());
        let line = match tokio::time::timeout(START_TIME_MAX, &mut ready).await {
            Ok(line) => line.ok().flatten(),
            Err(_) => {
                self.host.kill(id)?;
                anyhow::bail!(
                    "the engine process did not answer within {} seconds{}",
                    START_TIME_MAX.as_secs(),
                    self.log_tail(log_start)
                );
            }
        };
        match line {
            Some(line) => {
                tracing::info!(line, "attached to the engine process");
                Ok(())
            }
            None => anyhow::bail!("the engine process ended at once{}", self.log_tail(log_start)),
        }
    }

    /// A log that has grown long becomes the old one.
    fn put_long_log_aside(&self) -> anyhow::Result<()> {
        let bytes = self.host.metadata(&self.log).map_or(0, |metadata| metadata.bytes);
        if bytes > LOG_BYTES_MAX {
            match self.host.rename(&self.log, &self.log.with_extension("log.old")) {
                // Somebody who starts the process at the same time was quicker.
                Err(error) if error.is_not_found() => {}
                renamed => renamed?,
            }
        }
        Ok(())
    }

    /// The same as a hook for [`remote::RemoteEngine`].
    pub fn hook(&self) -> remote::Attach {
        let launcher = self.clone();
        Arc::new(move || {
            let launcher = launcher.clone();
            Box::pin(async move { launcher.attach().await.map_err(|error| format!("{error:#}")) })
        })
    }

    /// What the log says since `start`, as the end of a sentence.
    fn log_tail(&self, start: u64) -> String {
        let end = self
            .host
            .metadata(&self.log)
            .map_or(start, |metadata| metadata.bytes);
        let start = start.max(end.saturating_sub(LOG_TAIL_BYTES));
        let length = usize::try_from(end.saturating_sub(start)).unwrap_or(0);
        let bytes = self.host.read_range(&self.log, start, length).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        match text.trim() {
            "" => format!("; its log `{}` says nothing", self.log.display()),
            text => format!("; its log `{}` says:\n{text}", self.log.display()),
        }
    }
}
