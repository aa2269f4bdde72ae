//! One request for a suggestion by hand, from the terminal: prepared, sent, and taken in piece by piece.

use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use anyhow::Context as _;
use completion::{Budget, Document, Finisher, Progress, Shape, Surroundings, Trigger, gather, render};
use engine::{Description, Engine, Event, Request, StopReason, Usage};
use host::Clock;

/// How often whoever waits for text may say that it is no longer wanted.
const READ_INTERVAL: Duration = Duration::from_millis(100);

/// What there is to ask the engine, and what makes a suggestion of its answer.
pub(super) struct Prepared {
    /// What the model is shown.
    pub context: completion::Context,
    /// The request.
    pub request: Request,
    /// What takes the answer.
    pub finisher: Finisher,
    /// Who is asked.
    pub description: Description,
}

/// Prepares to ask `engine` at a place of `document`, with `surroundings` open beside it, within `budget`.
///
/// # Errors
/// When its model cannot fill in the middle.
pub(super) fn prepare(
    engine: &dyn Engine,
    document: &Document,
    offset_bytes: usize,
    shape: Shape,
    surroundings: &Surroundings,
    budget: Budget,
) -> anyhow::Result<Prepared> {
    let description = engine.description();
    let format = description.fim.as_ref().with_context(|| {
        format!(
            "model `{}` was not trained to fill in the middle, or it is not known how; `freehold models list` shows those for code, and `endpoint.infill_format` says how a model elsewhere is asked",
            description.model
        )
    })?;
    let budget = budget.within(description.context_tokens);
    let context = gather(document, offset_bytes, None, surroundings, &budget);
    Ok(Prepared {
        request: render(&context, shape, format),
        finisher: Finisher::new(&context, shape).asked(Trigger::Invoked),
        context,
        description,
    })
}

/// Runs `request` until `finisher` has enough; the request is then cancelled and still says what it cost.
/// `read` hears of every piece of text that `finisher` takes, and of an empty one now and then while none comes;
/// it may end the request too.
pub(super) fn run(
    engine: &dyn Engine,
    clock: &dyn Clock,
    request: Request,
    finisher: &mut Finisher,
    read: &mut dyn FnMut(&str) -> Progress,
) -> anyhow::Result<(Usage, Option<Duration>)> {
    let asked = clock.monotonic();
    let (sender, receiver) = std::sync::mpsc::channel();
    let sink = Box::new(move |event| {
        // The receiver below outlives the request.
        let _closed_only_on_panic = sender.send(event);
    });
    let mut ticket = Some(engine.submit(request, sink));
    let mut first_token = None;
    loop {
        let event = match receiver.recv_timeout(READ_INTERVAL) {
            Ok(event) => event,
            Err(RecvTimeoutError::Disconnected) => return Err(engine::Failure::Gone.into()),
            Err(RecvTimeoutError::Timeout) => {
                if read("") == Progress::Stop {
                    drop(ticket.take());
                }
                continue;
            }
        };
        match event {
            Event::Token {
                text,
                log_probability,
            } => {
                if first_token.is_none() && !text.is_empty() {
                    first_token = Some(clock.monotonic() - asked);
                }
                let stopped = ticket.is_some() && read(&text) == Progress::Stop;
                if finisher.push_scored(&text, log_probability) == Progress::Stop || stopped {
                    drop(ticket.take());
                }
            }
            Event::Done { reason, usage } => {
                if reason == StopReason::Length {
                    finisher.length_reached();
                }
                if let Some(ticket) = ticket {
                    ticket.detach();
                }
                return Ok((usage, first_token));
            }
            Event::Failed(failure) => return Err(failure.into()),
        }
    }
}
