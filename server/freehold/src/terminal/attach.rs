//! The way from a terminal command to an engine that can answer: the one place where it is wired.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use engine::State;
use host::Host;
use remote::RemoteEngine;

use super::interrupt::Interrupt;
use crate::paths::Paths;
use crate::{engine_process, settings};

/// An engine that has loaded its model, for as long as this is kept.
pub struct Attached {
    /// The engine.
    pub engine: RemoteEngine,
    /// How long it took to reach the engine process, or to start it.
    pub attach_time: Duration,
    /// How long it took from there until the model was loaded.
    pub load_time: Duration,
    /// Where an engine of this command's own runs; it ends with the command.
    private: Option<(Paths, tempfile::TempDir)>,
    runtime: tokio::runtime::Runtime,
}

impl Attached {
    /// Where waiting for the engine is done.
    pub fn runtime(&self) -> tokio::runtime::Handle {
        self.runtime.handle().clone()
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        if let Some((paths, _folder)) = &self.private
            && let Err(error) = engine_process::shutdown(paths)
        {
            tracing::warn!("the engine of this command does not end: {error:#}");
        }
    }
}

/// Which engine is wanted, and for how long it is waited for.
#[derive(Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// The model; else the chosen one.
    pub model: Option<&'a str>,
    /// Whether `model` is loaded by an engine of the command's own even if it is the chosen one.
    pub alone: bool,
    /// Ends the wait.
    pub interrupt: Option<&'a Interrupt>,
}

/// Reaches the engine process, starts it if need be, and waits until it has loaded the model that is `wanted`;
/// `progress` hears of every change of state. For another model than the chosen one an engine of its
/// own is started, so that editors keep theirs.
///
/// # Errors
/// When it cannot be reached or has no model, or the wait was interrupted.
pub fn attach(
    host: &Arc<dyn Host>,
    paths: &Paths,
    wanted: Wanted,
    progress: &mut dyn FnMut(&State),
) -> anyhow::Result<Attached> {
    let Wanted {
        model,
        alone,
        interrupt,
    } = wanted;
    let settings = settings::load(host.as_ref(), &paths.settings_file)?.settings;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let handle = runtime.handle().clone();
    let other =
        model.filter(|name| alone || settings.endpoint.is_some() || settings.model.as_deref() != Some(name));
    let (engine, private) = match other {
        Some(name) => {
            let mut private = paths.clone();
            host.create_private_folder(&paths.run)?;
            let folder = tempfile::Builder::new()
                .prefix("command-")
                .tempdir_in(&paths.run)
                .with_context(|| format!("cannot make a folder in `{}`", paths.run.display()))?;
            private.run = folder.path().to_owned();
            let engine = engine_process::private_engine(host.clone(), &private, name, handle)?;
            (engine, Some((private, folder)))
        }
        None => (
            engine_process::remote_engine(host.clone(), paths, &settings, handle)?,
            None,
        ),
    };
    let started = host.monotonic();
    let mut reached = None;
    let mut states = engine.states();
    let connected = runtime.block_on(async {
        let connect = engine.connect();
        tokio::pin!(connect);
        let interrupted = async {
            match interrupt {
                Some(interrupt) => interrupt.wait().await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(interrupted);
        loop {
            tokio::select! {
                connected = &mut connect => return connected.map_err(anyhow::Error::from),
                interrupted = &mut interrupted => return Err(interrupted.into()),
                changed = states.changed() => {
                    if changed.is_err() {
                        return connect.await.map_err(anyhow::Error::from);
                    }
                    reached.get_or_insert_with(|| host.monotonic());
                    progress(&states.borrow_and_update());
                }
            }
        }
    });
    let ready = host.monotonic();
    let reached = reached.unwrap_or(ready);
    let attached = Attached {
        engine,
        attach_time: reached.saturating_sub(started),
        load_time: ready.saturating_sub(reached),
        private,
        runtime,
    };
    connected?;
    Ok(attached)
}

/// One line on standard error that says how far the model has loaded, and goes away.
#[derive(Debug, Default)]
pub struct ProgressLine {
    shown: bool,
}

impl ProgressLine {
    /// Shows `state`; somewhere else than in a terminal one line is enough.
    pub fn show(&mut self, state: &State) {
        let State::Loading { fraction } = state else {
            self.clear();
            return;
        };
        let mut stderr = std::io::stderr().lock();
        let written = if stderr.is_terminal() {
            write!(stderr, "\r\x1b[Kloading the model: {:.0} %", fraction * 100.0)
        } else if self.shown {
            Ok(())
        } else {
            writeln!(stderr, "loading the model")
        };
        self.shown = written.and_then(|()| stderr.flush()).is_ok();
    }

    /// Takes the line away.
    pub fn clear(&mut self) {
        let mut stderr = std::io::stderr().lock();
        if self.shown && stderr.is_terminal() {
            // Nobody is helped by an error about a line that says how far something is.
            let _cleared = write!(stderr, "\r\x1b[K").and_then(|()| stderr.flush());
        }
        self.shown = false;
    }
}
