//! What other threads tell the engine's thread, and how they stop what it is doing.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use engine::{Event, EventSink, Failure, Lane, Request, StopReason, Usage};

/// A request on its way to the engine's thread.
pub(crate) struct Submission {
    pub(crate) id: u64,
    pub(crate) request: Request,
    pub(crate) events: EventSink,
    pub(crate) submitted: Instant,
}

/// What other threads ask for.
pub(crate) enum Command {
    Submit(Box<Submission>),
    Cancel(u64),
}

/// How long the engine's thread waits for commands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wait {
    No,
    Always,
    AtMost(Duration),
}

/// What the engine's thread gets when it looks.
pub(crate) enum Taken {
    /// These commands, in order; maybe none.
    Commands(Vec<Command>),
    /// The engine was dropped.
    Closed,
}

/// Commands for the engine's thread.
///
/// All that decides whether a running decode is stopped happens under one lock, so no command can fall
/// between the engine's last look and the beginning of a decode.
pub(crate) struct Inbox {
    inner: Mutex<Inner>,
    filled: Condvar,
    /// Stops a decode in its middle.
    abort: Arc<AtomicBool>,
}

#[derive(Default)]
struct Inner {
    commands: VecDeque<Command>,
    /// The lane and the requests of the decode that runs now.
    running: Option<(Lane, Vec<u64>)>,
    /// Why no request can be answered any more.
    failed: Option<Failure>,
    closed: bool,
    next_id: u64,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self {
            inner: Mutex::default(),
            filled: Condvar::new(),
            abort: Arc::new(AtomicBool::new(false)),
        }
    }

    /// The flag that stops a decode.
    pub(crate) fn abort_flag(&self) -> &Arc<AtomicBool> {
        &self.abort
    }

    /// Queues a request, and stops a decode that it goes before; gives its number.
    pub(crate) fn submit(&self, request: Request, mut events: EventSink) -> u64 {
        let mut inner = self.lock();
        let id = inner.next_id;
        inner.next_id += 1;
        if let Some(failure) = inner.failed.clone() {
            drop(inner);
            events(Event::Failed(failure));
            return id;
        }
        if inner
            .running
            .as_ref()
            .is_some_and(|(lane, _)| request.lane < *lane)
        {
            self.abort.store(true, Ordering::Relaxed);
        }
        let submission = Submission {
            id,
            request,
            events,
            submitted: Instant::now(),
        };
        inner.commands.push_back(Command::Submit(Box::new(submission)));
        self.filled.notify_one();
        id
    }

    /// Cancels a request. One that the engine's thread has not taken yet ends here and now, so that
    /// nobody waits for a model that is still loading.
    pub(crate) fn cancel(&self, id: u64) {
        let mut inner = self.lock();
        let waiting = inner
            .commands
            .iter()
            .position(|command| matches!(command, Command::Submit(submission) if submission.id == id));
        if let Some(index) = waiting {
            let command = inner.commands.remove(index);
            drop(inner);
            if let Some(Command::Submit(mut submission)) = command {
                let queue_milliseconds = submission.submitted.elapsed().as_secs_f64() * 1e3;
                let usage = Usage {
                    queue_milliseconds,
                    ..Usage::default()
                };
                (submission.events)(Event::Done {
                    reason: StopReason::Cancelled,
                    usage,
                });
            }
            return;
        }
        if inner.running.as_ref().is_some_and(|(_, ids)| ids.contains(&id)) {
            self.abort.store(true, Ordering::Relaxed);
        }
        inner.commands.push_back(Command::Cancel(id));
        self.filled.notify_one();
    }

    /// Ends everything: the engine is being dropped.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.abort.store(true, Ordering::Relaxed);
        self.filled.notify_one();
    }

    /// Whether something has come that should be looked at.
    pub(crate) fn is_filled(&self) -> bool {
        !self.lock().commands.is_empty()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// From now on every request fails with `failure`; so do those that wait.
    pub(crate) fn fail(&self, failure: &Failure) {
        let waiting = {
            let mut inner = self.lock();
            inner.failed = Some(failure.clone());
            std::mem::take(&mut inner.commands)
        };
        for command in waiting {
            if let Command::Submit(mut submission) = command {
                (submission.events)(Event::Failed(failure.clone()));
            }
        }
    }

    /// Takes what has come; with `wait`, until something has.
    pub(crate) fn take(&self, wait: Wait) -> Taken {
        let mut inner = self.lock();
        let idle = |inner: &mut Inner| inner.commands.is_empty() && !inner.closed;
        inner = match wait {
            Wait::No => inner,
            Wait::Always => self
                .filled
                .wait_while(inner, idle)
                .unwrap_or_else(PoisonError::into_inner),
            Wait::AtMost(patience) => {
                let waited = self.filled.wait_timeout_while(inner, patience, idle);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        if inner.closed {
            return Taken::Closed;
        }
        Taken::Commands(inner.commands.drain(..).collect())
    }

    /// Says that a decode for `requests` of `lane` begins; false, and nothing is said, if something has
    /// come meanwhile that must be looked at first.
    pub(crate) fn begin(&self, lane: Lane, requests: Vec<u64>) -> bool {
        let mut inner = self.lock();
        if !inner.commands.is_empty() || inner.closed {
            return false;
        }
        self.abort.store(false, Ordering::Relaxed);
        inner.running = Some((lane, requests));
        true
    }

    /// Says that the decode has ended.
    pub(crate) fn end(&self) {
        self.lock().running = None;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that runs under the lock can leave it half changed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
