//! The engine with a real model, named by `FREEHOLD_MODEL_FILE`; without it these tests say so and pass.

#![expect(
    clippy::disallowed_methods,
    reason = "the tests look past the host, as the crate does"
)]

#[path = "model/cache.rs"]
mod cache;
#[path = "model/cancel.rs"]
mod cancel;
#[path = "model/ffi.rs"]
mod ffi;
#[path = "model/healing.rs"]
mod healing;
#[path = "model/loading.rs"]
mod loading;
#[path = "model/moved.rs"]
mod moved;
#[path = "model/text.rs"]
mod text;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use engine::{
    Engine, Event, Failure, Lane, Request, Reuse, Sampling, Segment, StopConditions, StopReason, Ticket,
    Usage,
};
use llama::{LlamaEngine, LlamaOptions};

/// Small, so that the tests fill it quickly; `source(_, 57)` nearly does.
pub const CONTEXT_TOKENS: u32 = 1024;

/// The model file to test with; `None`, said on standard error, when none is given.
pub fn model_file() -> Option<PathBuf> {
    let file = std::env::var_os("FREEHOLD_MODEL_FILE").map(PathBuf::from);
    if file.is_none() {
        eprintln!("skipped: FREEHOLD_MODEL_FILE names no model");
    }
    file
}

/// One engine for all tests, one test at a time; its cache holds what earlier tests left there.
pub struct Shared {
    engine: &'static LlamaEngine,
    _one_at_a_time: MutexGuard<'static, ()>,
}

impl std::ops::Deref for Shared {
    type Target = LlamaEngine;

    fn deref(&self) -> &LlamaEngine {
        self.engine
    }
}

/// The engine with the model, loaded once; `None` when there is no model to test with.
pub fn shared() -> Option<Shared> {
    static ENGINE: OnceLock<LlamaEngine> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    let file = model_file()?;
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let engine = ENGINE.get_or_init(|| {
        LlamaEngine::load(LlamaOptions {
            context_tokens: CONTEXT_TOKENS,
            ..LlamaOptions::new(file)
        })
    });
    Some(Shared {
        engine,
        _one_at_a_time: turn,
    })
}

/// An engine that nobody has used; `None` when there is no model to test with.
pub fn alone() -> Option<LlamaEngine> {
    Some(LlamaEngine::load(LlamaOptions {
        context_tokens: CONTEXT_TOKENS,
        ..LlamaOptions::new(model_file()?)
    }))
}

/// A greedy request for at most `tokens_max` tokens after `text`.
pub fn request(text: &str, tokens_max: u32) -> Request {
    Request {
        prompt: vec![Segment::Text(text.to_owned())],
        sampling: Sampling::default(),
        stop: StopConditions::default(),
        lane: Lane::Typing,
        tokens_max,
        log_probabilities: false,
        reuse: Reuse::Exact,
    }
}

/// Submits; the events come out of the receiver, which ends after the last one.
pub fn submit(engine: &LlamaEngine, request: Request) -> (Ticket, Receiver<Event>) {
    let (sender, receiver) = channel();
    let ticket = engine.submit(
        request,
        Box::new(move |event| {
            // A test that has seen enough may be gone.
            let _gone = sender.send(event);
        }),
    );
    (ticket, receiver)
}

/// Submits and returns when the engine works on it, and so in the middle of a decode.
pub fn submit_and_begin(engine: &LlamaEngine, request: Request) -> (Ticket, Receiver<Event>) {
    let before = engine.metrics().decodes;
    let submitted = submit(engine, request);
    while engine.metrics().decodes == before {
        std::thread::yield_now();
    }
    submitted
}

/// Runs to the end; panics on a failure.
pub fn complete(engine: &LlamaEngine, request: Request) -> engine::Generation {
    engine::generate(engine, request).expect("the request is answered")
}

/// The ending among `events`, which must be the last and the only one.
pub fn ending(events: Receiver<Event>) -> Result<(StopReason, Usage), Failure> {
    let mut endings: Vec<_> = events
        .into_iter()
        .filter_map(|event| match event {
            Event::Token { .. } => None,
            Event::Done { reason, usage } => Some(Ok((reason, usage))),
            Event::Failed(failure) => Some(Err(failure)),
        })
        .collect();
    assert_eq!(endings.len(), 1, "{endings:?}");
    endings.remove(0)
}

/// A text of about `lines` times 17 tokens that shares nothing with other `name`s.
pub fn source(name: &str, lines: usize) -> String {
    let body = (0..lines).map(|line| format!("    total_{line} = {name}({line}, {})\n", line * 7 + 1));
    format!("# {name}\ndef {name}_all():\n{}", body.collect::<String>())
}
