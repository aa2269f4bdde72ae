//! A llama-server of our own, started for a measurement and ended with it.

use std::ffi::OsString;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use host::{Command, Host};
use serde_json::Value;

use super::infill::server_arguments;
use crate::terminal::interrupt::Interrupt;

/// How long the server may take to load its model.
const LOAD_TIME_MAX: Duration = Duration::from_secs(120);

/// How often it is asked whether it has.
const LOAD_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A llama-server of our own; it ends when this is dropped.
pub struct PeerServer {
    host: Arc<dyn Host>,
    id: u32,
    url: String,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl PeerServer {
    /// Starts `program` with the model in `model_file` on `threads` threads, as llama.vscode advises for machines
    /// without a GPU, and waits until it has loaded; what it says goes to `log`.
    ///
    /// # Errors
    /// When it cannot be started or does not load the model, or the wait for that is interrupted.
    pub fn start(
        host: Arc<dyn Host>,
        program: &Path,
        model_file: &Path,
        threads: u32,
        log: &Path,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Self> {
        let model = model_file.to_str().context("the model's path is not Unicode")?;
        // Freed at once: somebody else may take it before the server does, which then says so.
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .context("cannot find a free port")?
            .port();
        let inner = command(host.as_ref(), program, model, port, threads);
        // What it prints goes to the log too: nobody reads the pipe, and it would die of that.
        let shell = ["-c", "exec \"$0\" \"$@\" >&2"].map(OsString::from).into_iter();
        let command = Command {
            program: "sh".into(),
            arguments: shell
                .chain([inner.program.into()])
                .chain(inner.arguments)
                .collect(),
            ..inner
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start a runtime")?;
        // A proxy has no business on loopback; and the server drops connections that are idle for seconds, which
        // a request would only notice when it is sent.
        let client = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .build()?;
        let started = host.spawn_detached(&command, log)?;
        let server = Self {
            id: started.id,
            url: format!("http://127.0.0.1:{port}"),
            client,
            runtime,
            host,
        };
        let loaded = server.runtime.block_on(async {
            tokio::select! {
                loaded = server.loaded() => loaded,
                interrupted = interrupt.wait() => Err(interrupted.into()),
            }
        });
        loaded.with_context(|| {
            format!(
                "`{}` does not answer; its log is `{}`",
                program.display(),
                log.display()
            )
        })?;
        Ok(server)
    }

    /// Posts `body` to `/infill`; the answer, when all of it is there.
    ///
    /// # Errors
    /// When it refuses or went away, or the wait for it is interrupted.
    pub fn infill(&self, body: &Value, interrupt: &Interrupt) -> anyhow::Result<Value> {
        let answer = async {
            let request = self.client.post(format!("{}/infill", self.url)).json(body);
            let answer = request.send().await.context("the peer does not answer")?;
            if !answer.status().is_success() {
                bail!("the peer refuses: {}", answer.text().await.unwrap_or_default());
            }
            answer.json().await.context("the peer's answer is not JSON")
        };
        self.runtime.block_on(async {
            tokio::select! {
                answer = answer => answer,
                interrupted = interrupt.wait() => Err(interrupted.into()),
            }
        })
    }

    /// Returns when the model is loaded.
    async fn loaded(&self) -> anyhow::Result<()> {
        let started = self.host.monotonic();
        let health = format!("{}/health", self.url);
        while self.host.monotonic() - started < LOAD_TIME_MAX {
            let answer = self.client.get(&health).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(LOAD_POLL_INTERVAL).await;
        }
        bail!(
            "it has not loaded its model within {} seconds",
            LOAD_TIME_MAX.as_secs()
        )
    }
}

/// The command that starts `program`, which is llama-server, on `port`; libraries that lie beside it are found.
pub fn command(host: &dyn Host, program: &Path, model_file: &str, port: u16, threads: u32) -> Command {
    let command = Command::new(program).arguments(server_arguments(model_file, port, threads));
    let Some(folder) = program.parent() else {
        return command;
    };
    let mut folders = folder.as_os_str().to_owned();
    if let Some(others) = host.variable_os("LD_LIBRARY_PATH") {
        folders.push(":");
        folders.push(others);
    }
    command.variable("LD_LIBRARY_PATH", folders)
}

impl Drop for PeerServer {
    fn drop(&mut self) {
        if let Err(error) = self.host.kill(self.id) {
            tracing::warn!("the peer does not end: {error}");
        }
    }
}
