//! Everything that can happen to a session, and everything that it can want done: two closed lists.

use std::sync::Arc;
use std::time::Duration;

use completion::Trigger;
use engine::{Engine, Failure};
use serde_json::Value;
use text::{Change, Document, Encoding, Position, Range};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::backend::AttachFailure;
use super::folders::Folder;
use super::options::Options;
use super::review::{ReviewEffect, ReviewEvent};
use super::status::Status;
use crate::review::Abilities;

/// One question about a place in a document: its number within this process.
pub type RequestId = u64;

/// Something that happened.
pub enum Event {
    /// The editor said who it is and what it wants.
    Initialized {
        encoding: Encoding,
        folders: Vec<Folder>,
        options: Options,
        abilities: Abilities,
    },
    /// The user changed the editor's settings for Freehold.
    OptionsChanged(Options),
    /// Workspace folders came and went.
    FoldersChanged {
        added: Vec<Folder>,
        removed: Vec<Folder>,
    },
    /// A document was opened in the editor, which is from now on the authority for it.
    Opened {
        uri: String,
        language: String,
        document: Document,
    },
    /// An open document was changed.
    Changed {
        uri: String,
        version: i32,
        changes: Vec<Change>,
    },
    /// A document was closed.
    Closed { uri: String },
    /// The editor asks for a suggestion.
    SuggestionAsked(Question),
    /// Nobody waits for this suggestion any more: it was cancelled, or the editor is gone.
    SuggestionDropped { id: RequestId },
    /// The pause before this suggestion is over.
    PauseEnded { id: RequestId },
    /// The work on this suggestion has ended.
    Suggested { id: RequestId, outcome: Outcome },
    /// The engine was looked for.
    EngineAttached(Result<Attached, AttachFailure>),
    /// The engine said how far it is.
    EngineChanged { state: engine::State, model: String },
    /// The user wants something done.
    CommandAsked {
        command: Command,
        answer: oneshot::Sender<Result<Value, String>>,
    },
    /// Something happened to a review.
    Review(ReviewEvent),
    /// The editor is about to leave.
    ShutDown,
    /// A test wants to see the text of a document.
    #[cfg(test)]
    Inspected {
        uri: String,
        answer: oneshot::Sender<Option<String>>,
    },
}

/// An engine that was found, and how it was found.
pub struct Attached {
    /// Who answers.
    pub engine: Arc<dyn Engine>,
    /// How far it is.
    pub state: engine::State,
    /// Name of its model.
    pub model: String,
}

/// What is asked when a suggestion is asked for.
#[derive(Debug)]
pub struct Question {
    /// Its number.
    pub id: RequestId,
    /// The document.
    pub uri: String,
    /// The cursor.
    pub position: Position,
    /// Why it is asked.
    pub trigger: Trigger,
    /// What is highlighted in the editor's own popup: what it would replace, and by what.
    pub selected: Option<(Range, String)>,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Option<Item>>,
}

/// A suggestion in the editor's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it replaces, within one line.
    pub range: Range,
    /// What stands there afterwards.
    pub text: String,
}

/// What came of the work on a suggestion.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A text worth offering.
    Suggestion(completion::Suggestion),
    /// The engine answered, and nothing of it is worth offering.
    Nothing,
    /// This is no place for a suggestion; the engine was not asked.
    Silent,
    /// The model was never taught to fill in.
    CannotInfill,
    /// The engine could not answer.
    Failed(Failure),
}

/// What the user can want done, besides editing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// End the engine process and start it again.
    RestartEngine,
    /// Tell which models there are.
    ListModels,
    /// Complete with this model from now on.
    UseModel(String),
}

/// Something that the session wants done. Nothing here can wait or fail within the session.
pub enum Effect {
    /// Answer a question.
    Answer(oneshot::Sender<Option<Item>>, Option<Item>),
    /// Say [`Event::PauseEnded`] after `duration`.
    Pause { id: RequestId, duration: Duration },
    /// Work on a suggestion and say [`Event::Suggested`].
    Suggest(Box<Job>),
    /// Stop the pause or the work on this suggestion.
    Stop { id: RequestId },
    /// Look for the engine and say [`Event::EngineAttached`].
    Attach,
    /// Say [`Event::EngineChanged`] until the engine is ready or has failed.
    Watch(Arc<dyn Engine>),
    /// Carry out a command and answer it; commands that concern the engine attach to it again.
    Perform {
        command: Command,
        answer: oneshot::Sender<Result<Value, String>>,
    },
    /// Show this to the user.
    Show(Status),
    /// What the reviews want done.
    Review(ReviewEffect),
}

/// All that the work on one suggestion needs. It is a snapshot: nothing in it changes any more.
pub struct Job {
    /// The question's number.
    pub id: RequestId,
    /// Who answers.
    pub engine: Arc<dyn Engine>,
    /// The text.
    pub text: ropey::Rope,
    /// Where the document lies, relative to its workspace.
    pub path: Arc<str>,
    /// Its language, by LSP's name.
    pub language: Arc<str>,
    /// The name of its workspace.
    pub workspace: Arc<str>,
    /// The cursor, in bytes.
    pub offset: usize,
    /// Why the suggestion is asked for.
    pub trigger: Trigger,
    /// What is highlighted in the editor's own popup.
    pub selected: Option<completion::Selected>,
}

/// Sends events to the one owner of the session, stamped with the time; never waits.
#[derive(Debug, Clone)]
pub struct Events(mpsc::UnboundedSender<(Instant, Event)>);

impl Events {
    /// Makes a queue of events. It has no bound of its own: everything that fills it is bounded, the
    /// reading by what is read, the engine by the open requests.
    pub fn queue() -> (Self, mpsc::UnboundedReceiver<(Instant, Event)>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Sends `event`.
    pub fn push(&self, event: Event) {
        if self.0.send((Instant::now(), event)).is_err() {
            tracing::debug!("the session has ended and misses an event");
        }
    }
}
