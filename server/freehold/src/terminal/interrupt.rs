//! Ctrl-C and its like, heard by a command that has processes of its own to end first.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// The command was interrupted: what it had begun was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Whether this process was asked to end.
pub struct Interrupt {
    heard: watch::Receiver<bool>,
    runtime: tokio::runtime::Runtime,
}

impl Interrupt {
    /// From now on SIGINT, SIGTERM and SIGHUP do not end this process but are heard here.
    ///
    /// # Errors
    /// When the system has no thread or signal to spare.
    pub fn listen() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("cannot start threads")?;
        let inside = runtime.enter();
        let said = |kind| signal(kind).context("cannot wait for signals");
        let mut interrupt = said(SignalKind::interrupt())?;
        let mut terminate = said(SignalKind::terminate())?;
        let mut hangup = said(SignalKind::hangup())?;
        drop(inside);
        let (sender, heard) = watch::channel(false);
        runtime.spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            // Whoever no longer listens has ended already.
            let _ended = sender.send(true);
        });
        Ok(Self { heard, runtime })
    }

    /// Whether a signal has come.
    pub fn heard(&self) -> bool {
        *self.heard.borrow()
    }

    /// Goes on unless a signal has come.
    ///
    /// # Errors
    /// When one has.
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.heard() { Err(Interrupted) } else { Ok(()) }
    }

    /// Does something, away from whoever calls, once a signal has come.
    pub fn when_heard(&self, act: impl FnOnce() + Send + 'static) {
        let mut heard = self.heard.clone();
        self.runtime.spawn(async move {
            if heard.wait_for(|heard| *heard).await.is_ok() {
                act();
            }
        });
    }

    /// Waits for a signal.
    pub async fn wait(&self) -> Interrupted {
        let mut heard = self.heard.clone();
        if heard.wait_for(|heard| *heard).await.is_err() {
            std::future::pending::<()>().await;
        }
        Interrupted
    }
}
