//! The peer's side: the real llama-server, asked by llama.vscode's rules (`peer_extension.rs`).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use host::Host;

use super::peer_extension::{Asked, Extension, State, TURN_INTERVAL};
use super::peer_server::{PeerOptions, Server};
use super::side::{Answer, Served, Side};
use super::trace::Trace;
use super::typist::Edit;

/// After a file is closed, what still runs at the server is waited for so long.
const SETTLING_MAX: Duration = Duration::from_secs(180);

/// The peer's side.
pub struct Peer {
    server: Server,
    runtime: tokio::runtime::Runtime,
    answers: Receiver<Answer>,
    extension: Extension,
    cancelled: HashMap<u64, Arc<AtomicBool>>,
    ring: tokio::task::JoinHandle<()>,
    next_question: u64,
}

impl Peer {
    /// Starts the server and waits until its model is loaded.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(host: Arc<dyn Host>, options: PeerOptions) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("cannot start threads")?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        let completions = options.completions;
        let server = runtime.block_on(Server::start(host.as_ref(), options, &client))?;
        let (sender, answers) = channel();
        let extension = Extension {
            host,
            client,
            address: server.address(),
            completions,
            sender,
            state: Arc::new(Mutex::new(State::new(""))),
        };
        Ok(Self {
            server,
            ring: runtime.spawn(std::future::ready(())),
            runtime,
            answers,
            extension,
            cancelled: HashMap::new(),
            next_question: 0,
        })
    }

    /// Ends the server, whatever it is doing, and starts another.
    ///
    /// # Errors
    /// When that one does not start.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        let extension = &mut self.extension;
        let restarted = self.server.restart(extension.host.as_ref(), &extension.client);
        self.runtime.block_on(restarted)?;
        extension.address = self.server.address();
        // Whoever still waits for the one before has the old books.
        extension.state = Arc::new(Mutex::new(State::new("")));
        Ok(())
    }
}

impl Side for Peer {
    fn open(&mut self, trace: &Trace) -> anyhow::Result<()> {
        *self.extension.lock() = State::new(&trace.path);
        self.cancelled.clear();
        let extension = self.extension.clone();
        self.ring = self.runtime.spawn(async move { extension.turn_ring().await });
        Ok(())
    }

    fn change(&mut self, _before: &str, _edit: &Edit) -> anyhow::Result<()> {
        Ok(())
    }

    fn ask(&mut self, text: &str, cursor: usize) -> anyhow::Result<u64> {
        self.next_question += 1;
        let question = Asked {
            number: self.next_question,
            text: text.to_owned(),
            cursor,
            cancelled: Arc::default(),
        };
        self.cancelled
            .insert(question.number, Arc::clone(&question.cancelled));
        let extension = self.extension.clone();
        self.runtime
            .spawn(async move { extension.answer(question).await });
        Ok(self.next_question)
    }

    fn cancel(&mut self, question: u64) -> anyhow::Result<()> {
        if let Some(cancelled) = self.cancelled.remove(&question) {
            cancelled.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn answer(&mut self, patience: Duration) -> anyhow::Result<Option<Answer>> {
        match self.answers.recv_timeout(patience) {
            Ok(answer) => Ok(Some(answer)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("nobody answers for the peer"),
        }
    }

    fn close(&mut self) -> anyhow::Result<Vec<Served>> {
        self.ring.abort();
        let host = Arc::clone(&self.extension.host);
        let end = host.monotonic() + SETTLING_MAX;
        while self.extension.lock().running > 0 {
            ensure!(self.server.runs(), "llama-server ended");
            // What it cost is known when it has ended; without that the figures would flatter it.
            ensure!(
                host.monotonic() < end,
                "llama-server still works on a request {} seconds after the trace",
                SETTLING_MAX.as_secs()
            );
            self.runtime
                .block_on(async { tokio::time::sleep(TURN_INTERVAL).await });
        }
        Ok(std::mem::take(&mut self.extension.lock().served))
    }

    fn compute_seconds(&self) -> anyhow::Result<f64> {
        self.server.compute_seconds()
    }
}
