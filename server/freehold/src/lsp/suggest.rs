//! The work on one request to the engine: decide, gather, render, generate, finish.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use completion::{
    Asking, Budget, Context, Decision, Document, Finisher, Progress, Shape, Suggestion, Trigger,
};
use engine::{
    Description, Engine, Event as EngineEvent, Failure, Lane, Request, Reuse, State, StopReason, Usage,
};
use futures_util::FutureExt;
use tokio::sync::mpsc;

use super::event::{Configuration, Event, Events, Foreseen, Job, Outcome, Piece, WentOn};
use super::generation::{GenerationId, Purpose};
use super::scopes;

/// What there is to ask the engine.
pub struct Prepared {
    /// What the model is shown.
    pub context: Context,
    /// How much is wanted.
    pub shape: Shape,
    /// The prompt, and how it is answered.
    pub request: Request,
    /// What the engine is.
    pub description: Description,
}

/// How often an engine that loads its model is asked whether it has.
const LOADING_POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Of what may never be wanted only the beginning is made.
const PREFETCH_TOKENS_MAX: u32 = 48;

/// What the model is unsure of is worked out as long as all of it together is at least so likely: then what is typed
/// next may well be its beginning.
const AHEAD_LIKELIHOOD_MIN: f32 = 0.05;

/// Pieces that are worked out so at most.
const AHEAD_PIECES_MAX: usize = 16;

/// Works on `job` to its end and tells what comes through `events`, also that nothing does after a panic. Dropping the
/// future cancels the engine's request within milliseconds.
pub async fn suggest(job: Job, events: &Events) {
    let id = job.id;
    // Nothing of the job is used after a panic.
    let worked = AssertUnwindSafe(work(job, events)).catch_unwind().await;
    if worked.is_err() {
        tracing::error!("the work on a suggestion panicked; whoever waits for it gets none");
        // Whichever of the two the session still waits for; the other tells it nothing.
        events.push(Event::Generated {
            id,
            outcome: Outcome::Silent,
            ahead: None,
        });
        events.push(Event::WentOn {
            id,
            went_on: WentOn::Ended { whole: false },
        });
    }
}

async fn work(mut job: Job, events: &Events) {
    let (id, purpose, trigger) = (job.id, job.purpose, job.trigger);
    let goes_ahead = purpose == Purpose::Ask && trigger == Trigger::Automatic && job.rank == 0;
    let (engine, configuration) = (Arc::clone(&job.engine), Arc::clone(&job.configuration));
    let foreseen = job.foreseen.take();
    let generated = |outcome, ahead| events.push(Event::Generated { id, outcome, ahead });
    described(engine.as_ref()).await;
    // Reading brackets out of a large document takes up to milliseconds: not on the runtime's threads.
    let prepared = tokio::task::spawn_blocking(move || prepare(&job)).await;
    // A panic there is one of this work.
    let mut prepared = match prepared.unwrap_or_else(|error| resume_unwind(error.into_panic())) {
        Ok(prepared) => prepared,
        Err(outcome) => return generated(outcome, None),
    };
    if goes_ahead {
        prepared.request.stop.log_probability_min = Some(AHEAD_LIKELIHOOD_MIN.ln());
    }
    let mut draft = Draft {
        id,
        trigger,
        configuration: &configuration,
        finisher: Finisher::new(&prepared.context, prepared.shape).asked(trigger),
        pieces: Vec::new(),
        events,
    };
    if let Some(foreseen) = foreseen {
        draft.replay(foreseen);
        return generated(draft.made(), None);
    }
    // As many events as the request asks for tokens, and one: no need for another bound.
    let (sender, mut tokens) = mpsc::unbounded_channel();
    let ticket = engine.submit(
        prepared.request,
        Box::new(move |event| {
            // Nobody listens any more once the suggestion is whole.
            let _stopped = sender.send(event);
        }),
    );
    let ended = match draft.receive(&mut tokens).await {
        Ok(ended) => ended,
        Err(failure) => return generated(Outcome::Failed(failure), None),
    };
    if matches!(purpose, Purpose::Read | Purpose::Warm) {
        return generated(Outcome::Warmed(ended.unwrap_or_default()), None);
    }
    if ended.is_some() || !goes_ahead || !draft.is_worth_going_ahead() {
        drop(ticket);
        return generated(draft.made(), None);
    }
    generated(draft.made(), Some(std::mem::take(&mut draft.pieces)));
    draft.go_ahead(&mut tokens).await;
}

/// What has come for one job.
struct Draft<'a> {
    id: GenerationId,
    trigger: Trigger,
    configuration: &'a Configuration,
    finisher: Finisher,
    pieces: Vec<Piece>,
    events: &'a Events,
}

impl Draft<'_> {
    /// Takes what comes until enough has, or all; then what it cost.
    async fn receive(
        &mut self,
        tokens: &mut mpsc::UnboundedReceiver<EngineEvent>,
    ) -> Result<Option<Usage>, Failure> {
        while let Some(event) = tokens.recv().await {
            match event {
                EngineEvent::Token {
                    text,
                    log_probability,
                } => {
                    let progress = self.finisher.push_scored(&text, log_probability);
                    self.pieces.push(Piece {
                        text: text.clone(),
                        log_probability,
                    });
                    if progress == Progress::Stop {
                        return Ok(None);
                    }
                    self.tell(text);
                }
                EngineEvent::Done { reason, usage } => {
                    if reason == StopReason::Length {
                        self.finisher.length_reached();
                    }
                    return Ok(Some(usage));
                }
                EngineEvent::Failed(failure) => return Err(failure),
            }
        }
        Ok(Some(Usage::default()))
    }

    fn tell(&self, piece: String) {
        let lines = piece.contains('\n').then(|| self.whole_lines()).flatten();
        self.events.push(Event::Streamed {
            id: self.id,
            piece,
            lines,
        });
    }

    /// What has come so far up to the last whole line, as it would be shown.
    fn whole_lines(&self) -> Option<Suggestion> {
        let mut finisher = self.finisher.clone();
        finisher.length_reached();
        let (suggestion, features) = finisher.finish_scored(self.trigger)?;
        self.configuration.gate.shows(&features).then_some(suggestion)
    }

    /// What comes of what was generated.
    fn made(&self) -> Outcome {
        match self.finisher.clone().finish_scored(self.trigger) {
            Some((suggestion, features)) if self.configuration.gate.shows(&features) => {
                Outcome::Suggestion(suggestion, Some(features))
            }
            // The model has something to say, but is too unsure of it.
            Some(_) | None => Outcome::Nothing,
        }
    }

    /// Takes what is known already as if it had come from the engine.
    fn replay(&mut self, foreseen: Foreseen) {
        for piece in &foreseen.pieces {
            if self.finisher.push_scored(&piece.text, piece.log_probability) == Progress::Stop {
                return;
            }
        }
        if !foreseen.whole {
            self.finisher.broken_off();
        }
    }

    /// Whether the text goes on, and what is typed next may well be its beginning.
    fn is_worth_going_ahead(&self) -> bool {
        !self.finisher.is_whole() && self.finisher.log_probability() >= AHEAD_LIKELIHOOD_MIN.ln()
    }

    /// Tells what comes where the model is too unsure for it to be shown.
    async fn go_ahead(&mut self, tokens: &mut mpsc::UnboundedReceiver<EngineEvent>) {
        let whole = self.gone_ahead(tokens).await;
        self.events.push(Event::WentOn {
            id: self.id,
            went_on: WentOn::Ended { whole },
        });
    }

    /// The same; says whether the text ended by itself.
    async fn gone_ahead(&mut self, tokens: &mut mpsc::UnboundedReceiver<EngineEvent>) -> bool {
        for _ in 0..AHEAD_PIECES_MAX {
            match tokens.recv().await {
                Some(EngineEvent::Token {
                    text,
                    log_probability,
                }) => {
                    // That the model is unsure is known.
                    let _unsure = self.finisher.push_scored(&text, log_probability);
                    let went_on = WentOn::Piece(Piece {
                        text,
                        log_probability,
                    });
                    self.events.push(Event::WentOn { id: self.id, went_on });
                    if !self.is_worth_going_ahead() {
                        break;
                    }
                }
                Some(EngineEvent::Done { reason, .. }) => return reason != StopReason::Length,
                Some(EngineEvent::Failed(_)) | None => break,
            }
        }
        self.finisher.is_whole()
    }
}

/// Waits until the engine has said how it is prompted: one that loads its model for the first time may not
/// know yet. A request is never kept from an engine that has died since, for only requests wake it.
async fn described(engine: &dyn Engine) {
    while engine.description().fim.is_none() && matches!(engine.state(), State::Loading { .. }) {
        tokio::time::sleep(LOADING_POLL_INTERVAL).await;
    }
}

/// Puts together what `job` asks the engine.
///
/// # Errors
/// Gives the outcome if there is nothing to ask.
pub fn prepare(job: &Job) -> Result<Prepared, Outcome> {
    let document = Document {
        text: &job.text,
        path: &job.path,
        language: &job.language,
        workspace: &job.workspace,
    };
    let selected = job.selected.as_ref();
    let shape = match completion::decide(&document, job.offset, job.trigger, selected) {
        Decision::Offer(shape) => shape,
        // A prompt is warmed where the cursor may come back to.
        Decision::Silent(_) if job.purpose == Purpose::Warm => Shape::Block,
        Decision::Silent(silence) => {
            tracing::debug!("no suggestion: {}", silence.reason());
            return Err(Outcome::Silent);
        }
    };
    let settings = &job.configuration.completion;
    if job.trigger == Trigger::Automatic
        && job.purpose != Purpose::Warm
        && scopes::is_off(&document, job.offset, &settings.scopes_off)
    {
        return Err(Outcome::Silent);
    }
    let description = job.engine.description();
    let Some(format) = &description.fim else {
        return Err(match job.engine.state() {
            State::Failed(reason) => Outcome::Failed(Failure::NoModel(reason)),
            State::Loading { .. } | State::Ready => Outcome::CannotInfill,
        });
    };
    let budget = budget(
        description.context_tokens,
        settings.prompt_tokens_max,
        job.first_tokens_max,
    );
    let budget = if job.near { budget.near() } else { budget };
    let context = completion::gather(&document, job.offset, selected, &job.surroundings, &budget);
    let asking = Asking {
        reuse: match job.purpose {
            Purpose::Ask | Purpose::Prefetch | Purpose::Read => Reuse::Moved,
            Purpose::Warm => Reuse::Exact,
        },
        first_token_rank: job.rank,
    };
    let mut request = completion::render_with(&context, shape, format, asking);
    request.tokens_max = request.tokens_max.min(settings.suggestion_tokens_max);
    match job.purpose {
        Purpose::Ask => {}
        Purpose::Read => request.tokens_max = 0,
        Purpose::Prefetch => {
            request.lane = Lane::Idle;
            request.tokens_max = request.tokens_max.min(PREFETCH_TOKENS_MAX);
        }
        Purpose::Warm => {
            request.lane = Lane::Idle;
            request.tokens_max = 0;
        }
    }
    Ok(Prepared {
        context,
        shape,
        request,
        description,
    })
}

/// What fits a context of `context_tokens`, and what the user allows; `first_tokens_max` is what can be read first at a
/// new place, where that is known.
#[must_use]
pub fn budget(context_tokens: u32, prompt_tokens_max: u32, first_tokens_max: Option<u32>) -> Budget {
    let budget = Budget::for_prompt(prompt_tokens_max).within(context_tokens);
    Budget {
        first_tokens_max: first_tokens_max.unwrap_or(budget.first_tokens_max),
        ..budget
    }
}
