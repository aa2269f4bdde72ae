//! The world as it is.

#[cfg(unix)]
mod bounded;
mod environment;
mod files;
#[cfg(not(unix))]
mod no_tree;
mod printed;
mod processes;
#[cfg(unix)]
mod tree;

use std::path::PathBuf;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use crate::{Clock, Error};

/// The world as it is. Clones share what they know of it.
#[derive(Debug, Clone)]
pub struct RealHost {
    started: Instant,
    /// Programs started and left to themselves: asked now and then whether they ended, because an
    /// ended child stays in the process table until its parent asks.
    children: Arc<Mutex<Vec<Child>>>,
}

impl RealHost {
    /// Gives the world.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is what the rest of the program calls instead"
    )]
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            children: Arc::default(),
        }
    }
}

impl Default for RealHost {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for RealHost {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is what the rest of the program calls instead"
    )]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Adds to an I/O error what could not be done to which thing.
fn said(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |error| Error::new(action, &path, error)
}
