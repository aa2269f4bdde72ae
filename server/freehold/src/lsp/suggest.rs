//! The work on one suggestion: decide, gather, render, generate, finish.

use std::sync::Arc;
use std::time::Duration;

use completion::{Budget, Decision, Document, Finisher, Progress};
use engine::{Engine, Event as EngineEvent, Failure, Request, State, StopReason};
use tokio::sync::mpsc;

use super::event::{Job, Outcome};

/// What there is to ask the engine.
struct Prepared {
    request: Request,
    finisher: Finisher,
}

/// How often an engine that loads its model is asked whether it has.
const LOADING_POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Works on `job` to its end. Dropping the future cancels the engine's request within milliseconds.
pub async fn suggest(job: Job) -> Outcome {
    let engine = Arc::clone(&job.engine);
    described(engine.as_ref()).await;
    // Reading brackets out of a large document takes up to milliseconds: not on the runtime's threads.
    let prepared = match tokio::task::spawn_blocking(move || prepare(&job)).await {
        Ok(Ok(prepared)) => prepared,
        Ok(Err(outcome)) => return outcome,
        Err(panicked) => {
            tracing::error!("a prompt could not be prepared: {panicked}");
            return Outcome::Silent;
        }
    };
    let Prepared {
        request,
        mut finisher,
    } = prepared;
    // As many events as the request asks for tokens, and one: no need for another bound.
    let (sender, mut events) = mpsc::unbounded_channel();
    let ticket = engine.submit(
        request,
        Box::new(move |event| {
            // Nobody listens any more once the suggestion is whole.
            let _stopped = sender.send(event);
        }),
    );
    while let Some(event) = events.recv().await {
        match event {
            EngineEvent::Token { text, .. } => {
                if finisher.push(&text) == Progress::Stop {
                    break;
                }
            }
            EngineEvent::Done { reason, .. } => {
                if reason == StopReason::Length {
                    finisher.length_reached();
                }
                break;
            }
            EngineEvent::Failed(failure) => return Outcome::Failed(failure),
        }
    }
    drop(ticket);
    finisher.finish().map_or(Outcome::Nothing, Outcome::Suggestion)
}

/// Waits until the engine has said how it is prompted: one that loads its model for the first time may not
/// know yet. A request is never kept from an engine that has died since, for only requests wake it.
async fn described(engine: &dyn Engine) {
    while engine.description().fim.is_none() && matches!(engine.state(), State::Loading { .. }) {
        tokio::time::sleep(LOADING_POLL_INTERVAL).await;
    }
}

fn prepare(job: &Job) -> Result<Prepared, Outcome> {
    let document = Document {
        text: &job.text,
        path: &job.path,
        language: &job.language,
        workspace: &job.workspace,
    };
    let selected = job.selected.as_ref();
    let shape = match completion::decide(&document, job.offset, job.trigger, selected) {
        Decision::Offer(shape) => shape,
        Decision::Silent(silence) => {
            tracing::debug!("no suggestion: {}", silence.reason());
            return Err(Outcome::Silent);
        }
    };
    let description = job.engine.description();
    let Some(format) = &description.fim else {
        return Err(match job.engine.state() {
            State::Failed(reason) => Outcome::Failed(Failure::NoModel(reason)),
            State::Loading { .. } | State::Ready => Outcome::CannotInfill,
        });
    };
    let budget = Budget::for_context(description.context_tokens);
    let context = completion::gather(&document, job.offset, selected, &completion::Surroundings::default(), &budget);
    let request = completion::render(&context, shape, format);
    Ok(Prepared {
        request,
        finisher: Finisher::new(&context, shape),
    })
}
