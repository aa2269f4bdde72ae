//! Where suggestions come from: the engine, as far as the session knows of it.

use std::sync::Arc;
use std::time::Duration;

use engine::{Engine, Failure, State};

use super::backend::AttachFailure;
use super::event::{Attached, Outcome};
use super::status::{Stage, Status};

/// An engine that could not be had is looked for again after so long, if somebody needs it.
const ATTACH_AGAIN: Duration = Duration::from_secs(5);

/// Where suggestions come from.
pub enum Source {
    /// Nobody has needed it yet.
    Unsought,
    /// It is being looked for.
    Sought,
    /// It was found.
    Found(Found),
    /// It was not found, at this time.
    Missing(AttachFailure, Duration),
}

/// An engine that was found.
pub struct Found {
    /// Who answers.
    pub engine: Arc<dyn Engine>,
    state: State,
    model: String,
    /// What was wrong with its last answer: the stage that shows it, and the words.
    complaint: Option<(Stage, String)>,
    /// Since when it has failed.
    useless_since: Option<Duration>,
}

impl From<Attached> for Found {
    fn from(attached: Attached) -> Self {
        let Attached { engine, state, model } = attached;
        Self {
            engine,
            state,
            model,
            complaint: None,
            useless_since: None,
        }
    }
}

impl Source {
    /// Whether it is to be looked for at `now`: not while that is being done, nor shortly after it failed.
    #[must_use]
    pub fn wants_seeking(&self, now: Duration) -> bool {
        match self {
            Self::Unsought => true,
            Self::Missing(_, since) => now.saturating_sub(*since) >= ATTACH_AGAIN,
            // Its model may have been mended; an engine that was never described gets no request to wake it.
            Self::Found(found) => found
                .useless_since
                .is_some_and(|since| now.saturating_sub(since) >= ATTACH_AGAIN),
            Self::Sought => false,
        }
    }

    /// How things stand with it.
    #[must_use]
    pub fn status(&self) -> Status {
        let (state, message) = match self {
            Self::Unsought | Self::Sought => (Stage::Starting, None),
            Self::Missing(AttachFailure::NoModel(message), _) => (Stage::NoModel, Some(message.clone())),
            Self::Missing(AttachFailure::NoEngine(message), _) => (Stage::NoEngine, Some(message.clone())),
            Self::Found(found) => return found.status(),
        };
        Status {
            state,
            message,
            ..Status::default()
        }
    }
}

impl Found {
    /// Learns from `outcome`; says whether the engine should be asked how it is.
    #[must_use]
    pub fn judge(&mut self, outcome: &Outcome) -> bool {
        self.complaint = match outcome {
            Outcome::Suggestion(..) | Outcome::Nothing | Outcome::Warmed(_) => None,
            // The engine was not asked, so this says nothing of it.
            Outcome::Silent => return false,
            Outcome::CannotInfill => {
                let message = format!(
                    "`{}` was not taught to fill in code, or it is not known how; choose another model, or for one elsewhere set `endpoint.infill_format`",
                    self.model
                );
                Some((Stage::NoModel, message))
            }
            Outcome::Failed(Failure::NoModel(message)) => Some((Stage::NoModel, message.clone())),
            Outcome::Failed(failure) => Some((Stage::Error, failure.to_string())),
        };
        matches!(outcome, Outcome::Failed(_))
    }

    /// Takes in what the engine said of itself.
    pub fn change(&mut self, state: State, model: String, now: Duration) {
        if state == State::Ready && (self.state != State::Ready || self.model != model) {
            self.complaint = None;
        }
        self.useless_since = matches!(state, State::Failed(_)).then(|| self.useless_since.unwrap_or(now));
        self.state = state;
        self.model = model;
    }

    fn status(&self) -> Status {
        let (state, message, fraction) = match (&self.state, &self.complaint) {
            (State::Loading { fraction }, _) => (Stage::Loading, None, Some(*fraction)),
            (State::Failed(reason), _) => (Stage::Error, Some(reason.clone()), None),
            (State::Ready, Some((stage, message))) => (*stage, Some(message.clone()), None),
            (State::Ready, None) => (Stage::Ready, None, None),
        };
        let model = Some(self.model.clone()).filter(|model| !model.is_empty());
        Status {
            state,
            model,
            message,
            fraction,
        }
    }
}
