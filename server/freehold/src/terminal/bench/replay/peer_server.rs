//! The peer's llama-server: started, started again where it hangs, and ended.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use host::Host;

use super::process::{self, Program};
use crate::terminal::peer::server;

/// How often the server is asked whether it has loaded its model.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// What the peer's side is made of.
pub struct PeerOptions {
    /// The program llama-server.
    pub program: PathBuf,
    /// The model's file.
    pub model_file: PathBuf,
    /// Its threads.
    pub threads: u32,
    /// Completions in one request (`max_parallel_completions`); else as many as the extension asks for.
    pub completions: Option<u32>,
    /// Where it may write its log.
    pub log: PathBuf,
}

/// A llama-server that runs; it ends with this.
pub struct Server {
    options: PeerOptions,
    program: Program,
    port: u16,
}

impl Server {
    /// Starts it and waits until its model is loaded.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(
        host: &dyn Host,
        options: PeerOptions,
        client: &reqwest::Client,
    ) -> anyhow::Result<Self> {
        let (program, port) = launch(host, &options)?;
        let mut this = Self {
            options,
            program,
            port,
        };
        this.loaded(host, client).await?;
        Ok(this)
    }

    /// Ends it, whatever it is doing, and starts another.
    ///
    /// # Errors
    /// When that one does not start.
    pub async fn restart(&mut self, host: &dyn Host, client: &reqwest::Client) -> anyhow::Result<()> {
        (self.program, self.port) = launch(host, &self.options)?;
        self.loaded(host, client).await
    }

    /// Where it answers.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.program.runs()
    }

    /// Seconds of computing since it was started.
    ///
    /// # Errors
    /// When it is gone.
    pub fn compute_seconds(&self) -> anyhow::Result<f64> {
        process::compute_seconds(self.program.id())
    }

    async fn loaded(&mut self, host: &dyn Host, client: &reqwest::Client) -> anyhow::Result<()> {
        let end = host.monotonic() + process::LOAD_TIME_MAX;
        let health = format!("{}/health", self.address());
        let program = self.options.program.display();
        loop {
            let answer = client.get(&health).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            ensure!(self.program.runs(), "`{program}` ended");
            ensure!(host.monotonic() < end, "`{program}` does not load its model");
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

/// Starts llama-server; gives it with its port.
fn launch(host: &dyn Host, options: &PeerOptions) -> anyhow::Result<(Program, u16)> {
    let port = process::free_port()?;
    let model = options.model_file.to_string_lossy();
    let command = server::command(host, &options.program, &model, port, options.threads);
    let (program, mut output) = Program::start(&command, &options.log)?;
    std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    Ok((program, port))
}
