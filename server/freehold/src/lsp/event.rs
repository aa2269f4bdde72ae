//! Everything that can happen to a session, and everything that it can want done: two closed lists.

use std::sync::Arc;
use std::time::Duration;

use completion::{Features, Gate, Surroundings, Trigger};
use engine::{Engine, Failure, Usage};
use serde_json::Value;
use text::{Change, Document, Encoding, Position, Range};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::backend::AttachFailure;
use super::feedback::Judged;
use super::folders::Folder;
use super::generation::{GenerationId, Purpose};
use super::options::Options;
use super::review::{ReviewEffect, ReviewEvent};
use super::status::Status;
use crate::review::Abilities;
use crate::settings::CompletionSettings;

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
    /// A time that was to pass has passed.
    TimePassed(Timer),
    /// A piece of a suggestion has come from the engine.
    Streamed {
        id: GenerationId,
        piece: String,
        /// What has come so far up to the last whole line, fit to be shown, when another line is whole.
        lines: Option<completion::Suggestion>,
    },
    /// The work of this request to the engine has ended, or its text goes on where the model is too unsure for it to
    /// be shown: then `ahead` holds all that has come.
    Generated {
        id: GenerationId,
        outcome: Outcome,
        ahead: Option<Vec<Piece>>,
    },
    /// What may come next, where the model is unsure: a piece, or its end.
    WentOn { id: GenerationId, went_on: WentOn },
    /// The user's own settings were read.
    Configured(Box<Configuration>),
    /// It was looked up whether suggestions are wanted in this document at all.
    Examined {
        uri: String,
        lookup: u64,
        excluded: bool,
    },
    /// Files that say what is kept from the model were changed on the disk.
    IgnoreFilesChanged,
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

/// What the user has set and what was learnt from the user's choices, read from the user's own files.
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    /// The settings of `config.toml`.
    pub completion: CompletionSettings,
    /// What is shown and what is not.
    pub gate: Gate,
}

/// What a time that passes is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Before a question nobody asked goes to the engine, whether the user types on.
    Question(RequestId),
    /// Before a generation that nobody waits for is stopped, whether somebody does.
    Grace(GenerationId),
    /// Until the user rests for long enough.
    Rest,
    /// Until suggestions come again.
    Snooze,
}

/// Something that was begun and can be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Task {
    /// The pause of a question.
    Pause(RequestId),
    /// A request to the engine.
    Generation(GenerationId),
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
    pub answer: oneshot::Sender<Vec<Item>>,
}

/// A suggestion in the editor's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it replaces, within one line.
    pub range: Range,
    /// What stands there afterwards.
    pub text: String,
}

/// A piece of text from the engine.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// The natural logarithm of the probability that the model gave it, if that is known.
    pub log_probability: Option<f32>,
}

/// How a text goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum WentOn {
    /// With another piece.
    Piece(Piece),
    /// Not at all; `whole` says whether it ends there by itself, not because it is not worth working out more.
    Ended { whole: bool },
}

/// What the model would go on with at a place, known before anybody asks.
#[derive(Debug, Clone, PartialEq)]
pub struct Foreseen {
    /// The pieces, the first perhaps without what was typed of it.
    pub pieces: Vec<Piece>,
    /// Whether the text ends with them.
    pub whole: bool,
}

/// What came of the work on a suggestion.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A text worth offering, and what is known of it besides.
    Suggestion(completion::Suggestion, Option<Features>),
    /// A prompt is in the engine's cache, as was wanted; what that took.
    Warmed(Usage),
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
    /// Offer nothing unasked for so many minutes; 0 ends that.
    Snooze(u32),
    /// Show what the model would be shown at a place.
    ShowPrompt { uri: String, position: Position },
}

/// Something that the session wants done. Nothing here can wait or fail within the session.
pub enum Effect {
    /// Answer a question.
    Answer(oneshot::Sender<Vec<Item>>, Vec<Item>),
    /// Say [`Event::TimePassed`] after `duration`.
    Wait { timer: Timer, duration: Duration },
    /// Work on a suggestion; say [`Event::Streamed`] and [`Event::Generated`].
    Generate(Box<Job>),
    /// Stop what was begun.
    Stop(Task),
    /// Read the user's own settings and say [`Event::Configured`].
    Configure,
    /// Look up whether suggestions are wanted in this document and say [`Event::Examined`].
    Examine {
        uri: String,
        lookup: u64,
        folders: Vec<Folder>,
    },
    /// Keep on this machine what became of a suggestion.
    Keep(Box<Judged>),
    /// Tell what the model would be shown.
    ShowPrompt {
        job: Box<Job>,
        answer: oneshot::Sender<Result<Value, String>>,
    },
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
    /// The number of the request to the engine.
    pub id: GenerationId,
    /// What it is for.
    pub purpose: Purpose,
    /// Which of the model's choices to begin with.
    pub rank: u32,
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
    /// What the model goes on with, if that is known: the engine is not asked then.
    pub foreseen: Option<Foreseen>,
    /// Tokens that are read first at a new place, where that is known.
    pub first_tokens_max: Option<u32>,
    /// Whether only so much is shown after the cursor, too.
    pub near: bool,
    /// What the model is shown besides.
    pub surroundings: Surroundings,
    /// What the user has set, and what was learnt.
    pub configuration: Arc<Configuration>,
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
