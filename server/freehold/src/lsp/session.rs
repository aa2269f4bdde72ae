//! The session: all that the language server knows, with one owner and changed by events alone.
//!
//! [`Session::handle`] never waits, computes nothing of weight and touches nothing outside: it takes an
//! event and says what to do. So edits are applied the moment they come, whatever else is going on.

mod ahead;
mod asides;
mod cursors;
mod exclusion;
mod foreseeing;
mod generating;
mod idle;
mod questions;
mod reading;
mod stopping;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use completion::Neighbour;
use text::{Change, Document, Encoding};
use tokio::sync::oneshot;

use super::around::Around;
use super::backend::AttachFailure;
use super::event::{Attached, Command, Configuration, Effect, Event, RequestId, Timer};
use super::feedback::{Rejections, Shown};
use super::folders::{self, Folder};
use super::generation::{Generation, GenerationId};
use super::known::Known;
use super::options::Options;
use super::pacing::Pacing;
use super::reading_speed::ReadingSpeed;
use super::review::{ReviewEffect, Reviews, edit_of};
use super::seen::Seen;
use super::source::Source;
use super::status::{Stage, Status};
use super::trail::Trail;
use crate::review::desk::{Client, Documents};
use ahead::Ahead;
use cursors::Cursors;
use idle::Idle;
use questions::{Open, Step};

/// Cells of notebooks come under this scheme, each as a document of its own without its neighbours.
const NOTEBOOK_CELL: &str = "vscode-notebook-cell";

/// All that the language server knows.
pub struct Session {
    encoding: Encoding,
    folders: Vec<Folder>,
    options: Options,
    configuration: Arc<Configuration>,
    /// Whether the user's own settings were read: before, nothing goes to the engine.
    configured: bool,
    documents: HashMap<String, OpenDocument>,
    /// How often a document was opened or changed: the larger the number, the more recent.
    touches: u64,
    /// How often it was looked up what is kept from the model.
    lookups: u64,
    open: BTreeMap<RequestId, Open>,
    generations: BTreeMap<GenerationId, Generation>,
    generations_begun: GenerationId,
    /// What the model goes on with where it was too unsure last.
    ahead: Option<Ahead>,
    source: Source,
    pacing: Pacing,
    reading_speed: ReadingSpeed,
    shown: Option<Shown>,
    /// Suggestions that something else was typed for, maybe by a slip.
    doubtful: Vec<Shown>,
    rejections: Rejections,
    /// Where the model had nothing to say last: the document, and the cursor in bytes.
    unsure: Option<(String, usize)>,
    trail: Trail,
    idle: Idle,
    snoozed_until: Option<Duration>,
    /// The status that was told last.
    told: Status,
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
    /// Whether the user keeps it from the model; nothing until that was looked up.
    excluded: Option<bool>,
    /// The last lookup of that.
    lookup: u64,
    known: Known,
    seen: Seen,
    /// The document as others are shown it.
    neighbour: Neighbour,
    cursors: Cursors,
    /// How many characters the last change has brought at the cursor: more than one is no key.
    last_inserted: usize,
    touched: u64,
    questions: Vec<RequestId>,
}

impl Session {
    /// Makes a session that knows nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            encoding: Encoding::Utf16,
            folders: Vec::new(),
            options: Options::default(),
            configuration: Arc::default(),
            configured: false,
            documents: HashMap::new(),
            touches: 0,
            lookups: 0,
            open: BTreeMap::new(),
            generations: BTreeMap::new(),
            generations_begun: 0,
            ahead: None,
            source: Source::Unsought,
            pacing: Pacing::default(),
            reading_speed: ReadingSpeed::default(),
            shown: None,
            doubtful: Vec::new(),
            rejections: Rejections::default(),
            unsure: None,
            trail: Trail::default(),
            idle: Idle::default(),
            snoozed_until: None,
            told: Status::default(),
            reviews: Reviews::new(),
        }
    }

    /// Takes in what happened at `now`, counted from any one moment; gives what is to be done, in order.
    pub fn handle(&mut self, event: Event, now: Duration) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.take(event, now, &mut effects);
        self.let_go(now, &mut effects);
        self.plan_rest(now, &mut effects);
        let status = self.status();
        if status != self.told {
            self.told = status.clone();
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
                effects.push(Effect::Configure);
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
            } => self.change_document(&uri, version, &changes, now, effects),
            Event::Closed { uri } => self.close_document(&uri, effects),
            Event::SuggestionAsked(question) => self.ask(question, now, effects),
            Event::SuggestionDropped { id } => drop(self.remove(id, effects)),
            Event::TimePassed(timer) => self.time_passed(timer, now, effects),
            Event::Streamed { id, piece, lines } => self.streamed(id, &piece, lines, now, effects),
            Event::Generated { id, outcome, ahead } => {
                if let Some(pieces) = ahead {
                    self.go_ahead(id, pieces, effects);
                }
                self.generated(id, outcome, now, effects);
            }
            Event::WentOn { id, went_on } => self.went_on(id, went_on, now, effects),
            Event::Configured(configuration) => self.configure(*configuration, now, effects),
            Event::Examined {
                uri,
                lookup,
                excluded,
            } => self.examined(&uri, lookup, excluded, now, effects),
            Event::IgnoreFilesChanged => self.examine_all(effects),
            Event::EngineAttached(attached) => self.attach(attached, now, effects),
            Event::EngineChanged { state, model } => {
                if let Source::Found(found) = &mut self.source {
                    found.change(state, model, now);
                }
            }
            Event::CommandAsked { command, answer } => self.perform(command, answer, now, effects),
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
        self.close_document(&uri, effects);
        let home = folders::home(&uri, &self.folders);
        let whole = folders::scheme(&uri) != NOTEBOOK_CELL;
        self.touches += 1;
        let neighbour = Neighbour::new(&home.path, language, document.text().clone());
        let open = OpenDocument {
            document,
            neighbour,
            language: language.into(),
            path: home.path.into(),
            workspace: home.workspace.into(),
            whole,
            excluded: None,
            lookup: 0,
            known: Known::default(),
            seen: Seen::default(),
            cursors: Cursors::default(),
            last_inserted: 0,
            touched: self.touches,
            questions: Vec::new(),
        };
        self.documents.insert(uri.clone(), open);
        self.examine(&uri, effects);
        self.reviews.opened(&uri, &Buffers(&self.documents), effects);
        if whole && self.options.allow(language) {
            // The model is read while the user still looks at the text.
            self.seek(now, effects);
            self.plan_warming(&uri, now);
        }
    }

    fn close_document(&mut self, uri: &str, effects: &mut Vec<Effect>) {
        self.end_in(uri, effects);
        self.stop_generations(effects, |generation| generation.uri == uri);
        self.leave_ahead(effects, |ahead| ahead.is_of(uri));
        self.documents.remove(uri);
        self.trail.forget(uri);
        self.reviews.closed(uri, &Buffers(&self.documents), effects);
    }

    fn change_document(
        &mut self,
        uri: &str,
        version: i32,
        changes: &[Change],
        now: Duration,
        effects: &mut Vec<Effect>,
    ) {
        self.end_in(uri, effects);
        self.touches += 1;
        let Some(open) = self.documents.get_mut(uri) else {
            tracing::warn!("a document was changed that is not open: {uri}");
            return;
        };
        open.touched = self.touches;
        open.cursors.begin();
        let mut cursor = None;
        let follows = self.reviews.follows(uri);
        for change in changes {
            let before = open.document.text().clone();
            let edit = follows.then(|| edit_of(&open.document, change, self.encoding));
            let ends = change.range.map(|range| {
                let (start, end) = (range.start.min(range.end), range.start.max(range.end));
                let offset = |position| text::offset(&before, position, self.encoding);
                (offset(start), offset(end))
            });
            open.document
                .apply(version, std::slice::from_ref(change), self.encoding);
            if let Some(edit) = edit {
                self.reviews
                    .edited(uri, edit.as_ref(), open.document.text(), effects);
            }
            if ends.is_none() {
                open.seen = Seen::default();
                open.cursors.replaced();
            }
            if let Some((start, end)) = ends {
                let first = before.byte_to_line(start);
                let replaced = before.byte_to_line(end) - first + 1;
                let lines = change.text.matches('\n').count() + 1;
                self.trail
                    .changed(uri, &before, open.document.text(), first, replaced, lines);
                open.seen.edited(start..end, change.text.len());
                open.cursors.edited(start..end, &change.text);
                cursor = foreseeing::cursor_after(changes).map(|cursor| start + cursor);
            }
        }
        // Some editors send a new version without changes.
        open.document.apply(version, &[], self.encoding);
        if changes.is_empty() {
            if follows {
                self.reviews.settle(uri, &Buffers(&self.documents), effects);
            }
            return;
        }
        let typed = open.cursors.typed();
        open.last_inserted = typed.unwrap_or(0);
        open.renew_neighbour();
        let text = open.document.text();
        let cursors = open.cursors.places().map(|offset| Around::of(text, offset, None));
        let cursors: Vec<Around> = cursors.collect();
        self.pacing.typed(now);
        self.follow_shown(uri, &cursors, typed, now, effects);
        self.stop_disagreeing(uri, &cursors, effects);
        self.leave_ahead(effects, |ahead| !ahead.agrees(uri, &cursors));
        self.idle.key();
        if let Some(cursor) = cursor {
            self.foresee(uri, cursor, now, effects);
        }
        if follows {
            self.reviews.settle(uri, &Buffers(&self.documents), effects);
        }
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
            open.renew_neighbour();
        }
        self.examine_all(effects);
    }

    fn time_passed(&mut self, timer: Timer, now: Duration, effects: &mut Vec<Effect>) {
        match timer {
            Timer::Question(id) => self.proceed(id, now, effects),
            Timer::Grace(id) => self.grace_ended(id, now, effects),
            Timer::Rest => self.rested(now, effects),
            Timer::Snooze => {
                self.snoozed_until = self.snoozed_until.filter(|until| now < *until);
            }
        }
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
        self.proceed_waiting(now, effects);
    }

    fn perform(
        &mut self,
        command: Command,
        answer: oneshot::Sender<Result<serde_json::Value, String>>,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) {
        match &command {
            Command::RestartEngine | Command::UseModel(_) => {
                self.forget_model(now, effects);
                self.source = Source::Sought;
            }
            Command::ListModels => {}
            Command::Snooze(minutes) => {
                self.snooze(*minutes, now, effects);
                // Who asked may have gone.
                let _gone = answer.send(Ok(serde_json::Value::Null));
                return;
            }
            Command::ShowPrompt { uri, position } => {
                return self.show_prompt(uri, *position, answer, effects);
            }
        }
        effects.push(Effect::Perform { command, answer });
    }

    fn status(&self) -> Status {
        if !self.options.enabled {
            return Status {
                state: Stage::Off,
                ..Status::default()
            };
        }
        if self.snoozed_until.is_some() {
            return Status {
                state: Stage::Snoozed,
                model: self.source.status().model,
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

impl OpenDocument {
    /// What was found in the document for others holds no more.
    fn renew_neighbour(&mut self) {
        self.neighbour = Neighbour::new(&self.path, &self.language, self.document.text().clone());
    }
}
