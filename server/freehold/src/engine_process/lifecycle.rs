//! The life of the engine process: one at a time, open before its model is loaded, gone when idle.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use engine::Engine;
use host::{Host, Lock};
use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};

use super::api::{self, Api};
use super::metrics::Metrics;
use super::slot::Slot;
use super::socket::OwnListener;

/// Exit code of an engine process that found another one at work.
pub const ANOTHER_RUNS: u8 = 75;
/// Said to whoever started the process, once its socket answers.
const READY: &str = "ready";
/// Said when another engine process answers there already.
const ANOTHER: &str = "another engine process runs";
/// How long a process that came second waits for the first one to answer, or to be gone.
const OTHER_TIME_MAX: Duration = Duration::from_secs(15);
/// Time between two looks at a first one that is just starting or ending.
const OTHER_POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How long an engine that could not be loaded stays to say so, before it makes room for a new try.
const FAILED_TIME_MAX: Duration = Duration::from_secs(10);
/// How long what is still at work may take to let go when the process ends.
const END_TIME_MAX: Duration = Duration::from_secs(2);

/// What an engine process needs to know.
pub struct EngineProcess {
    /// The world.
    pub host: Arc<dyn Host>,
    /// Folder of the socket and its lock.
    pub run: PathBuf,
    /// The socket.
    pub socket: PathBuf,
    /// Time without a request after which the process ends; none: never.
    pub idle: Option<Duration>,
    /// Whether the texts of the last requests are remembered, for measurements.
    pub keeps_texts: bool,
}

/// Loads the engine; the error is for a person.
pub type Load = Box<dyn FnOnce() -> Result<Arc<dyn Engine>, String> + Send>;

impl EngineProcess {
    /// Runs the process to its end.
    ///
    /// # Errors
    /// When the socket cannot be opened.
    pub fn run(self, load: Load) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context("cannot start threads")?;
        let code = runtime.block_on(self.live(load));
        // A model that is still loading cannot be interrupted; the end of the process does that.
        runtime.shutdown_timeout(END_TIME_MAX);
        code
    }

    async fn live(self, load: Load) -> anyhow::Result<ExitCode> {
        self.host.create_private_folder(&self.run)?;
        let Some(_alone) = self.become_the_only_one().await? else {
            self.host.announce_ready(ANOTHER)?;
            return Ok(ExitCode::from(ANOTHER_RUNS));
        };
        // Whoever died left its socket behind; nobody but the holder of the lock may take it away.
        remove_if_there(self.host.as_ref(), &self.socket)?;
        let listener = OwnListener::bind(self.host.as_ref(), &self.socket, self.host.user_id())?;
        let api = self.api();
        let server = axum::serve(listener, api::router(Arc::clone(&api))).into_future();
        self.host.announce_ready(READY)?;
        tracing::info!(socket = %self.socket.display(), "open");
        let slot = api.slot.clone();
        tokio::task::spawn_blocking(move || slot.fill(load()));
        let end = tokio::select! {
            () = end_of_need(&api, self.idle) => "nobody needs it",
            () = api.shutdown.notified() => "it was asked to",
            signal = end_signal() => signal?,
            served = server => return served.map(|()| ExitCode::SUCCESS).context("cannot serve"),
        };
        tracing::info!("the engine process ends: {end}");
        // First the socket, then, with the end of this function, the lock: so nobody connects to a process
        // that no longer answers, and nobody loads a second model while this one is still in memory.
        remove_if_there(self.host.as_ref(), &self.socket)?;
        Ok(ExitCode::SUCCESS)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "`/health` tells a person which process to look at"
    )]
    fn api(&self) -> Arc<Api> {
        let host = Arc::clone(&self.host);
        let now = move || {
            let since = host.now().duration_since(std::time::SystemTime::UNIX_EPOCH);
            since.unwrap_or_default()
        };
        let metrics = Metrics::new(self.keeps_texts);
        Arc::new(Api::new(Slot::loading(), metrics, std::process::id(), now))
    }

    /// Takes the lock that only one process has; nothing if another one has it and answers.
    async fn become_the_only_one(&self) -> anyhow::Result<Option<Lock>> {
        let lock_file = self.run.join("engine.lock");
        let start = tokio::time::Instant::now();
        loop {
            if let Some(lock) = self.host.try_lock(&lock_file)? {
                return Ok(Some(lock));
            }
            if UnixStream::connect(&self.socket).await.is_ok() {
                return Ok(None);
            }
            anyhow::ensure!(
                start.elapsed() < OTHER_TIME_MAX,
                "another engine process holds `{}` and does not answer; end it, then try again",
                lock_file.display()
            );
            tokio::time::sleep(OTHER_POLL_INTERVAL).await;
        }
    }
}

/// Waits until no request has come for the time `idle`. An engine that could not be loaded is not needed
/// for long: a user who mends the settings must not have to wait for it.
async fn end_of_need(api: &Api, idle: Option<Duration>) {
    api.slot.settled().await;
    if matches!(api.slot.state(), engine::State::Failed(_)) {
        tokio::time::sleep(FAILED_TIME_MAX).await;
        return;
    }
    match idle {
        Some(idle) => api.activity.idle_for(idle).await,
        None => std::future::pending().await,
    }
}

async fn end_signal() -> anyhow::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
    tokio::select! {
        _ = terminate.recv() => Ok("SIGTERM"),
        _ = interrupt.recv() => Ok("SIGINT"),
    }
}

fn remove_if_there(host: &dyn Host, path: &Path) -> anyhow::Result<()> {
    match host.remove_file(path) {
        Err(error) if !error.is_not_found() => Err(error.into()),
        _ => Ok(()),
    }
}
