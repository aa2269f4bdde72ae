//! The session: all that the language server knows, with one owner and changed by events alone.
//!
//! [`Session::handle`] never waits, computes nothing of weight and touches nothing outside: it takes an
//! event and says what to do. So edits are applied the moment they come, whatever else is going on.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use completion::{Selected, Trigger};
use engine::Engine;
use text::{Document, Encoding, Range};
use tokio::sync::oneshot;

use super::backend::AttachFailure;
use super::event::{Attached, Command, Effect, Event, Item, Job, Outcome, Question, RequestId};
use super::folders::{self, Folder};
use super::options::Options;
use super::pacing::Pacing;
use super::review::{ReviewEffect, Reviews, edit_of};
use super::source::Source;
use super::status::{Stage, Status};
use crate::review::desk::{Client, Documents};

/// Questions that may be open at once; beyond, the oldest is answered with nothing. Editors have one or
/// two; an editor that loses its answers must not fill the memory.
const QUESTIONS_MAX: usize = 2048;

/// Cells of notebooks come under this scheme, each as a document of its own without its neighbours.
const NOTEBOOK_CELL: &str = "vscode-notebook-cell";

/// All that the language server knows.
pub struct Session {
    encoding: Encoding,
    folders: Vec<Folder>,
    options: Options,
    documents: HashMap<String, OpenDocument>,
    open: BTreeMap<RequestId, Open>,
    source: Source,
    pacing: Pacing,
    shown: Status,
    reviews: Reviews,
}

/// The open documents, as reviews ask for them.
struct Buffers<'a>(&'a HashMap<String, OpenDocument>);

impl Documents for Buffers<'_> {
    fn document(&self, uri: &str) -> Option<(&ropey::Rope, i32)> {
        let document = &self.0.get(uri)?.document;
        Some((document.text(), document.version()))
    }
}

struct OpenDocument {
    document: Document,
    language: Arc<str>,
    path: Arc<str>,
    workspace: Arc<str>,
    /// Whether it can have suggestions at all.
    whole: bool,
    questions: Vec<RequestId>,
}

/// A question that is not answered yet.
struct Open {
    uri: String,
    version: i32,
    offset: usize,
    trigger: Trigger,
    selected: Option<(Range, Selected)>,
    answer: oneshot::Sender<Option<Item>>,
    step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Waits whether the user types on.
    Pause,
    /// Waits for the engine to be found.
    Source,
    /// Is being worked on.
    Work,
}

impl Session {
    /// Makes a session that knows nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            encoding: Encoding::Utf16,
            folders: Vec::new(),
            options: Options::default(),
            documents: HashMap::new(),
            open: BTreeMap::new(),
            source: Source::Unsought,
            pacing: Pacing::default(),
            shown: Status::default(),
            reviews: Reviews::new(),
        }
    }

    /// Takes in what happened at `now`, counted from any one moment; gives what is to be done, in order.
    pub fn handle(&mut self, event: Event, now: Duration) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.take(event, now, &mut effects);
        let status = self.status();
        if status != self.shown {
            self.shown = status.clone();
            effects.push(Effect::Show(status));
        }
        if let Some(shown) = self.reviews.shown(&Buffers(&self.documents)) {
            effects.push(Effect::Review(ReviewEffect::Show(shown)));
        }
        effects
    }

    fn take(&mut self, event: Event, now: Duration, effects: &mut Vec<Effect>) {
        match event {
            Event::Initialized {
                encoding,
                folders,
                options,
                abilities,
            } => {
                let client = Client { abilities, encoding };
                self.reviews.initialized(client, &folders, effects);
                self.encoding = encoding;
                self.folders = folders;
                self.options = options;
            }
            Event::OptionsChanged(options) => {
                self.options = options;
                self.end_all(effects);
            }
            Event::FoldersChanged { added, removed } => self.change_folders(added, &removed, effects),
            Event::Opened {
                uri,
                language,
                document,
            } => self.open_document(uri, &language, document, now, effects),
            Event::Changed {
                uri,
                version,
                changes,
            } => {
                self.end_in(&uri, effects);
                self.change(&uri, version, &changes, effects);
                self.pacing.typed(now);
            }
            Event::Closed { uri } => {
                self.end_in(&uri, effects);
                self.documents.remove(&uri);
                self.reviews.closed(&uri, &Buffers(&self.documents), effects);
            }
            Event::SuggestionAsked(question) => self.ask(question, now, effects),
            Event::SuggestionDropped { id } => {
                if self.remove(id).is_some() {
                    effects.push(Effect::Stop { id });
                }
            }
            Event::PauseEnded { id } => self.proceed(id, effects),
            Event::Suggested { id, outcome } => self.finish(id, outcome, effects),
            Event::EngineAttached(attached) => self.attach(attached, now, effects),
            Event::EngineChanged { state, model } => {
                if let Source::Found(found) = &mut self.source {
                    found.change(state, model, now);
                }
            }
            Event::CommandAsked { command, answer } => self.perform(command, answer, effects),
            Event::Review(event) => self.reviews.take(event, &Buffers(&self.documents), effects),
            Event::ShutDown => self.end_all(effects),
            #[cfg(test)]
            Event::Inspected { uri, answer } => {
                let text = self
                    .documents
                    .get(&uri)
                    .map(|open| open.document.text().to_string());
                answer.send(text).expect("the test waits for it");
            }
        }
    }

    fn open_document(
        &mut self,
        uri: String,
        language: &str,
        document: Document,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) {
        self.end_in(&uri, effects);
        let home = folders::home(&uri, &self.folders);
        let whole = folders::scheme(&uri) != NOTEBOOK_CELL;
        let open = OpenDocument {
            document,
            language: language.into(),
            path: home.path.into(),
            workspace: home.workspace.into(),
            whole,
            questions: Vec::new(),
        };
        self.documents.insert(uri.clone(), open);
        self.reviews.opened(&uri, &Buffers(&self.documents), effects);
        if whole && self.options.allow(language) {
            // The model is read while the user still looks at the text.
            self.seek(now, effects);
        }
    }

    fn change(&mut self, uri: &str, version: i32, changes: &[text::Change], effects: &mut Vec<Effect>) {
        let Some(open) = self.documents.get_mut(uri) else {
            tracing::warn!("a document was changed that is not open: {uri}");
            return;
        };
        if !self.reviews.follows(uri) {
            open.document.apply(version, changes, self.encoding);
            return;
        }
        for change in changes {
            let edit = edit_of(&open.document, change, self.encoding);
            open.document
                .apply(version, std::slice::from_ref(change), self.encoding);
            self.reviews
                .edited(uri, edit.as_ref(), open.document.text(), effects);
        }
        // Some editors send a new version without changes.
        open.document.apply(version, &[], self.encoding);
        self.reviews.settle(uri, &Buffers(&self.documents), effects);
    }

    fn change_folders(&mut self, added: Vec<Folder>, removed: &[Folder], effects: &mut Vec<Effect>) {
        let open: Vec<String> = self.documents.keys().cloned().collect();
        let buffers = Buffers(&self.documents);
        self.reviews
            .folders_changed(&added, removed, &open, &buffers, effects);
        self.folders
            .retain(|folder| !removed.iter().any(|gone| gone.uri == folder.uri));
        self.folders.extend(added);
        for (uri, open) in &mut self.documents {
            let home = folders::home(uri, &self.folders);
            open.path = home.path.into();
            open.workspace = home.workspace.into();
        }
    }

    fn ask(&mut self, question: Question, now: Duration, effects: &mut Vec<Effect>) {
        let Question {
            id,
            uri,
            position,
            trigger,
            selected,
            answer,
        } = question;
        let encoding = self.encoding;
        let wanted = |open: &&mut OpenDocument| open.whole && self.options.allow(&open.language);
        let Some(open) = self.documents.get_mut(&uri).filter(wanted) else {
            effects.push(Effect::Answer(answer, None));
            return;
        };
        let text = open.document.text();
        let offset = text::offset(text, position, encoding);
        let selected = selected.map(|(range, inserted)| {
            let bytes = text::offset(text, range.start, encoding)..text::offset(text, range.end, encoding);
            (
                range,
                Selected {
                    range: bytes,
                    text: inserted,
                },
            )
        });
        let version = open.document.version();
        // Unasked, only the newest question of a document matters: the cursor is where that one says.
        let old: Vec<RequestId> = open.questions.clone();
        for old in old {
            if self
                .open
                .get(&old)
                .is_some_and(|open| open.trigger == Trigger::Automatic)
            {
                self.end(old, effects);
            }
        }
        if self.open.len() >= QUESTIONS_MAX
            && let Some(oldest) = self.open.keys().next().copied()
        {
            self.end(oldest, effects);
        }
        if let Some(open) = self.documents.get_mut(&uri) {
            open.questions.push(id);
        }
        self.open.insert(
            id,
            Open {
                uri,
                version,
                offset,
                trigger,
                selected,
                answer,
                step: Step::Pause,
            },
        );
        self.seek(now, effects);
        let pause = match trigger {
            Trigger::Invoked => Duration::ZERO,
            Trigger::Automatic => self.pacing.pause(now),
        };
        if pause.is_zero() {
            self.proceed(id, effects);
        } else {
            effects.push(Effect::Pause { id, duration: pause });
        }
    }

    /// Goes on with a question whose pause is over.
    fn proceed(&mut self, id: RequestId, effects: &mut Vec<Effect>) {
        match &self.source {
            Source::Found(found) => {
                let engine = Arc::clone(&found.engine);
                self.work(id, engine, effects);
            }
            Source::Missing(..) => self.end(id, effects),
            Source::Sought | Source::Unsought => {
                if let Some(open) = self.open.get_mut(&id) {
                    open.step = Step::Source;
                }
            }
        }
    }

    fn work(&mut self, id: RequestId, engine: Arc<dyn Engine>, effects: &mut Vec<Effect>) {
        let Some(open) = self.open.get_mut(&id).filter(|open| open.step != Step::Work) else {
            return;
        };
        let Some(document) = self.documents.get(&open.uri) else {
            return;
        };
        open.step = Step::Work;
        effects.push(Effect::Suggest(Box::new(Job {
            id,
            engine,
            text: document.document.text().clone(),
            path: Arc::clone(&document.path),
            language: Arc::clone(&document.language),
            workspace: Arc::clone(&document.workspace),
            offset: open.offset,
            trigger: open.trigger,
            selected: open.selected.as_ref().map(|(_, selected)| selected.clone()),
        })));
    }

    fn finish(&mut self, id: RequestId, outcome: Outcome, effects: &mut Vec<Effect>) {
        if let Source::Found(found) = &mut self.source
            && found.judge(&outcome)
        {
            effects.push(Effect::Watch(Arc::clone(&found.engine)));
        }
        let Some(open) = self.remove(id) else { return };
        let item = match outcome {
            Outcome::Suggestion(suggestion) => self.item(&open, suggestion),
            Outcome::Nothing | Outcome::Silent | Outcome::CannotInfill | Outcome::Failed(_) => None,
        };
        effects.push(Effect::Answer(open.answer, item));
    }

    /// The suggestion in the editor's terms, if it is one that the editor can show.
    fn item(&self, open: &Open, suggestion: completion::Suggestion) -> Option<Item> {
        let document = &self.documents.get(&open.uri)?.document;
        let completion::Suggestion { text, range: bytes } = suggestion;
        let end = document.text().len_bytes();
        if document.version() != open.version || bytes.start > bytes.end || bytes.end > end {
            return None;
        }
        if let Some((range, selected)) = &open.selected {
            let fits = bytes == selected.range
                && text.len() > selected.text.len()
                && text.starts_with(&selected.text);
            return fits.then_some(Item { range: *range, text });
        }
        let range = Range {
            start: text::position(document.text(), bytes.start, self.encoding),
            end: text::position(document.text(), bytes.end, self.encoding),
        };
        (range.start.line == range.end.line && !text.is_empty()).then_some(Item { range, text })
    }

    /// Looks for the engine, unless that is being done, was done, or failed a moment ago.
    fn seek(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.source.wants_seeking(now) {
            self.source = Source::Sought;
            effects.push(Effect::Attach);
        }
    }

    fn attach(
        &mut self,
        attached: Result<Attached, AttachFailure>,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) {
        self.source = match attached {
            Ok(attached) => {
                effects.push(Effect::Watch(Arc::clone(&attached.engine)));
                Source::Found(attached.into())
            }
            Err(failure) => Source::Missing(failure, now),
        };
        let waiting = self.open.iter().filter(|(_, open)| open.step == Step::Source);
        let waiting: Vec<RequestId> = waiting.map(|(id, _)| *id).collect();
        for id in waiting {
            self.proceed(id, effects);
        }
    }

    fn perform(
        &mut self,
        command: Command,
        answer: oneshot::Sender<Result<serde_json::Value, String>>,
        effects: &mut Vec<Effect>,
    ) {
        match &command {
            Command::RestartEngine | Command::UseModel(_) => {
                self.end_all(effects);
                self.source = Source::Sought;
            }
            Command::ListModels => {}
        }
        effects.push(Effect::Perform { command, answer });
    }

    /// Answers every question about the document `uri` with nothing.
    fn end_in(&mut self, uri: &str, effects: &mut Vec<Effect>) {
        let questions = self
            .documents
            .get_mut(uri)
            .map(|open| std::mem::take(&mut open.questions));
        for id in questions.into_iter().flatten() {
            self.end(id, effects);
        }
    }

    fn end_all(&mut self, effects: &mut Vec<Effect>) {
        let all: Vec<RequestId> = self.open.keys().copied().collect();
        for id in all {
            self.end(id, effects);
        }
    }

    /// Answers a question with nothing and stops the work on it.
    fn end(&mut self, id: RequestId, effects: &mut Vec<Effect>) {
        if let Some(open) = self.remove(id) {
            effects.push(Effect::Stop { id });
            effects.push(Effect::Answer(open.answer, None));
        }
    }

    fn remove(&mut self, id: RequestId) -> Option<Open> {
        let open = self.open.remove(&id)?;
        if let Some(document) = self.documents.get_mut(&open.uri) {
            document.questions.retain(|other| *other != id);
        }
        Some(open)
    }

    fn status(&self) -> Status {
        if !self.options.enabled {
            return Status {
                state: Stage::Off,
                ..Status::default()
            };
        }
        let status = self.source.status();
        let works = status.state == Stage::Ready && self.open.values().any(|open| open.step == Step::Work);
        if works {
            Status {
                state: Stage::Working,
                ..status
            }
        } else {
            status
        }
    }
}
