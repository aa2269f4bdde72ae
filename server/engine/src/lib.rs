//! The contract for inference: what is asked of an engine, and what it answers.
//!
//! An engine turns tokens into tokens.
//! This crate knows neither llama.cpp nor HTTP nor documents nor who asks; it only says what a
//! request, its events and its usage are, and what is known of a model.
//! [`scripted::ScriptedEngine`] fulfils the contract in tests and checks every request it gets.

pub mod card;
pub mod catalogue;
pub mod request;
pub mod response;
pub mod scripted;

pub use card::{ChatTemplateSource, Description, FimFormat, FimPart, Licence, ModelCard, ModelSource};
pub use request::{Lane, Request, Reuse, Sampling, Segment, StopConditions};
pub use response::{Event, Failure, StopReason, Usage};

/// Receives the events of one request, in order; the last one is [`Event::Done`] or [`Event::Failed`].
///
/// It is called on the engine's own thread and must return at once: hand the event on, do not work.
pub type EventSink = Box<dyn FnMut(Event) + Send>;

/// What turns a prompt into text.
pub trait Engine: Send + Sync {
    /// What this engine has loaded, or would load.
    fn description(&self) -> Description;

    /// How far the engine is from answering.
    fn state(&self) -> State;

    /// Queues `request` and returns at once; its events go to `events`.
    ///
    /// Every request ends with exactly one [`Event::Done`] or [`Event::Failed`], also when its ticket
    /// is dropped: being cancelled is an ending.
    fn submit(&self, request: Request, events: EventSink) -> Ticket;
}

/// How far an engine is from answering.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// The weights are being read; `fraction` goes from 0 to 1.
    Loading {
        /// Share of the weights that has been read, 0 to 1.
        fraction: f32,
    },
    /// Requests are answered as they come.
    Ready,
    /// No request can be answered, for this reason, said for a person.
    Failed(String),
}

/// Holds a request in flight; dropping it cancels the request within milliseconds.
#[must_use = "dropping the ticket cancels its request"]
pub struct Ticket {
    cancel: Option<Box<dyn FnOnce() + Send>>,
}

impl Ticket {
    /// Makes a ticket that calls `cancel`, once, when it is dropped.
    pub fn new(cancel: impl FnOnce() + Send + 'static) -> Self {
        Self {
            cancel: Some(Box::new(cancel)),
        }
    }

    /// Lets the request run to its end with nobody holding on to it.
    pub fn detach(mut self) {
        self.cancel = None;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(cancel) = self.cancel.take() {
            cancel();
        }
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Ticket").finish_non_exhaustive()
    }
}

/// All that one request produced, gathered by [`generate`].
#[derive(Debug, Clone, PartialEq)]
pub struct Generation {
    /// The generated text, without the stop text.
    pub text: String,
    /// One entry for each token with its text and, when it was asked for, its log-probability.
    pub tokens: Vec<(String, Option<f32>)>,
    /// Why the generation ended.
    pub reason: StopReason,
    /// What it cost.
    pub usage: Usage,
}

/// Runs `request` to its end on the calling thread's time.
///
/// # Errors
/// Gives the engine's [`Failure`] when the request could not be answered.
pub fn generate(engine: &dyn Engine, request: Request) -> Result<Generation, Failure> {
    let (sender, receiver) = std::sync::mpsc::channel();
    let ticket = engine.submit(
        request,
        Box::new(move |event| {
            // The receiver outlives the request: it is drained to the end below.
            let _closed_only_on_panic = sender.send(event);
        }),
    );
    let mut text = String::new();
    let mut tokens = Vec::new();
    for event in receiver {
        match event {
            Event::Token {
                text: piece,
                log_probability,
            } => {
                text.push_str(&piece);
                tokens.push((piece, log_probability));
            }
            Event::Done { reason, usage } => {
                ticket.detach();
                return Ok(Generation {
                    text,
                    tokens,
                    reason,
                    usage,
                });
            }
            Event::Failed(failure) => {
                ticket.detach();
                return Err(failure);
            }
        }
    }
    Err(Failure::Gone)
}
