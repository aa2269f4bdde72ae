//! Ending from one thread what another one waits for.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Ends, from one thread, what another one waits for. Clones are the same.
#[derive(Clone, Default)]
pub struct Stop {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    stopped: bool,
    /// Called when it is to end; there is one while a program runs.
    heard: Option<Box<dyn Fn() + Send>>,
    /// How many there are for whom whoever stops may wait.
    under_way: usize,
}

/// Something that can be stopped is under way until this is dropped.
#[derive(Debug)]
pub struct UnderWay(Stop);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.state().under_way -= 1;
        self.0.shared.ended.notify_all();
    }
}

impl Stop {
    /// Ends what is under way, and whatever would be begun with this later. It may take a moment.
    pub fn now(&self) {
        let mut state = self.state();
        if !std::mem::replace(&mut state.stopped, true)
            && let Some(heard) = &state.heard
        {
            heard();
        }
    }

    /// Whether it was said.
    #[must_use]
    pub fn is_said(&self) -> bool {
        self.state().stopped
    }

    /// Says that something is under way which ends soon after it is stopped, and has an end worth waiting for.
    #[must_use]
    pub fn under_way(&self) -> UnderWay {
        self.state().under_way += 1;
        UnderWay(self.clone())
    }

    /// Waits until nothing is under way, but not for longer than `time_max`.
    pub fn wait_ended(&self, time_max: Duration) {
        let under_way = |state: &mut State| state.under_way > 0;
        let ended = &self.shared.ended;
        drop(ended.wait_timeout_while(self.state(), time_max, under_way));
    }

    /// A program runs; `heard` is called if it is to end before [`Stop::ended`], at once if that was said.
    pub(crate) fn begun(&self, heard: impl Fn() + Send + 'static) {
        let mut state = self.state();
        if state.stopped {
            heard();
        }
        state.heard = Some(Box::new(heard));
    }

    /// It has ended: nobody is called any more.
    pub(crate) fn ended(&self) {
        self.state().heard = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Stop").field(&self.is_said()).finish()
    }
}
