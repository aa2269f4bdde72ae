//! An agent that generates all the while, so that one sees what it does to somebody who types.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

use anyhow::Context as _;
use engine::{Engine as _, Event, Lane, Request, Sampling, Segment, StopConditions};
use remote::{Endpoint, RemoteEngine, RemoteOptions};

/// Tokens of each of its answers.
const ANSWER_TOKENS: u32 = 512;

/// An agent at work; it stops with this.
pub struct Agent {
    over: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
    _runtime: tokio::runtime::Runtime,
}

impl Agent {
    /// Lets it ask the engine at `socket` for one long answer after the other.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn start(socket: PathBuf) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("cannot start threads")?;
        let engine = RemoteEngine::new(RemoteOptions {
            endpoint: Endpoint::Freehold { socket, attach: None },
            runtime: runtime.handle().clone(),
        })?;
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            for number in 0.. {
                if told.load(Ordering::Relaxed) || !answer(&engine, number, &told) {
                    return;
                }
            }
        });
        Ok(Self {
            over,
            thread: Some(thread),
            _runtime: runtime,
        })
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // What it panicked of is on standard error already.
            let _ended = thread.join();
        }
    }
}

/// One answer, to its end or until the agent is told to stop; whether the engine gave it.
fn answer(engine: &RemoteEngine, number: u32, told: &AtomicBool) -> bool {
    let (sender, events) = channel();
    let prompt = format!("# {number}: a program that sorts numbers, with a test for each function\n\ndef ");
    let request = Request {
        prompt: vec![Segment::Text(prompt)],
        sampling: Sampling::default(),
        stop: StopConditions::default(),
        lane: Lane::Agent,
        tokens_max: ANSWER_TOKENS,
        log_probabilities: false,
        reuse: engine::Reuse::Exact,
    };
    let _ticket = engine.submit(
        request,
        Box::new(move |event| {
            // Nobody listens after the end.
            let _over = sender.send(event);
        }),
    );
    for event in events {
        match event {
            Event::Token { .. } if told.load(Ordering::Relaxed) => return false,
            Event::Token { .. } => {}
            Event::Done { .. } => return true,
            Event::Failed(failure) => {
                tracing::warn!("the agent gets no answer: {failure}");
                return false;
            }
        }
    }
    false
}
