//! The way from a terminal command to an engine that can answer: the one place where it is wired.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use engine::{Engine, State};
use host::Host;

use crate::paths::Paths;

/// An engine that has loaded its model, for as long as this is kept.
pub struct Attached {
    /// The engine.
    pub engine: Box<dyn Engine>,
    /// How long it took to reach the engine process, or to start it.
    pub attach_time: Duration,
    /// How long it took from there until the model was loaded.
    pub load_time: Duration,
}

/// Reaches the engine process, starts it if need be, and waits until it has loaded `model`, or the chosen
/// one; `progress` hears of every change of state.
///
/// # Errors
/// When it cannot be reached or has no model.
pub fn attach(
    _host: &Arc<dyn Host>,
    _paths: &Paths,
    _model: Option<&str>,
    _progress: &mut dyn FnMut(&State),
) -> anyhow::Result<Attached> {
    anyhow::bail!("the engine process cannot be reached in this build")
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
