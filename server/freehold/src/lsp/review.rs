//! The reviews of the editor's workspace folders, as far as the session decides about them.

use changes::{Edit, WorkspacePath};
use host::Stop;
use ropey::Rope;
use serde_json::{Value, json};
use text::{Document, Encoding, Range};
use tokio::sync::oneshot;

use super::event::Effect;
use super::folders::Folder;
use crate::review::command::{self, Command, Pick};
use crate::review::desk::{Client, Documents};
use crate::review::job::{Done, Job};
use crate::review::view::{self, Shown};
use crate::review::{self, Abilities, Answer, Desk, uri};

/// Names a workspace folder within this process: it is given once.
pub type FolderId = usize;

/// Something that happened to a review.
pub enum ReviewEvent {
    /// Somebody wants something done: the editor, or the terminal for one folder.
    Asked {
        name: String,
        arguments: Vec<Value>,
        folder: Option<FolderId>,
        answer: Answer,
    },
    /// A job has ended, or waits at its gate.
    JobDone { folder: FolderId, done: Done },
    /// The editor has answered a request.
    EditorAnswered {
        folder: FolderId,
        number: u64,
        applied: Result<bool, String>,
    },
    /// Time has passed.
    Waited { folder: FolderId, number: u64 },
    /// Files were written by somebody.
    FilesChanged { uris: Vec<String> },
    /// The editor asks what can be done at a place.
    ActionsAsked {
        uri: String,
        range: Range,
        only: Vec<String>,
        answer: oneshot::Sender<Value>,
    },
    /// The editor asks what stands above the lines of a document.
    LensesAsked {
        uri: String,
        answer: oneshot::Sender<Value>,
    },
    /// The editor asks for the text of a virtual document.
    ContentAsked {
        uri: String,
        answer: oneshot::Sender<Option<String>>,
    },
}

/// Something that the reviews want done.
pub enum ReviewEffect {
    /// Something for one folder.
    Desk {
        folder: FolderId,
        effect: review::Effect,
    },
    /// Open the folder, which has this path.
    Open { folder: FolderId, root: String },
    /// The folder is not one of the workspace any more.
    Close { folder: FolderId },
    /// Answer with what came of several commands.
    Join(Vec<oneshot::Receiver<Result<Value, String>>>, Answer),
    /// Answer a question of the editor.
    Value(oneshot::Sender<Value>, Value),
    /// Give the text of a virtual document.
    Text(oneshot::Sender<Option<String>>, Option<String>),
    /// Show what waits now.
    Show(Vec<Shown>),
}

/// One folder and its review.
struct Place {
    id: FolderId,
    desk: Desk,
    /// The path of the folder, with `/` at its end.
    root: String,
}

/// The reviews of all folders.
pub struct Reviews {
    client: Client,
    places: Vec<Place>,
    last_id: FolderId,
    changed: bool,
}

impl Reviews {
    /// None yet.
    pub fn new() -> Self {
        Self {
            client: Client {
                abilities: Abilities::default(),
                encoding: Encoding::Utf16,
            },
            places: Vec::new(),
            last_id: 0,
            changed: false,
        }
    }

    /// The editor has said who it is.
    pub fn initialized(&mut self, client: Client, folders: &[Folder], effects: &mut Vec<Effect>) {
        self.client = client;
        folders.iter().for_each(|folder| self.add(folder, effects));
    }

    fn add(&mut self, folder: &Folder, effects: &mut Vec<Effect>) {
        let root = uri::place(&folder.uri);
        // Only what lies on this machine has a disk to write to.
        if super::folders::scheme(&folder.uri) != "file"
            || self.places.iter().any(|place| is_at(place, &root))
        {
            return;
        }
        let id = self.last_id;
        self.last_id += 1;
        let mut wanted = Vec::new();
        let number = (id > 0).then_some(id);
        let desk = Desk::new(&folder.uri, number, self.client, &mut wanted);
        let root = format!("{}/", root.trim_end_matches('/'));
        self.places.push(Place { id, desk, root });
        self.want(id, wanted, effects);
    }

    /// Folders came and went; `open` are the documents that the editor has open.
    pub fn folders_changed(
        &mut self,
        added: &[Folder],
        removed: &[Folder],
        open: &[String],
        documents: &dyn Documents,
        effects: &mut Vec<Effect>,
    ) {
        for folder in removed {
            let root = uri::place(&folder.uri);
            let gone = self.places.iter().position(|place| is_at(place, &root));
            if let Some(gone) = gone {
                let folder = self.places.remove(gone).id;
                self.changed = true;
                effects.push(Effect::Review(ReviewEffect::Close { folder }));
            }
        }
        added.iter().for_each(|folder| self.add(folder, effects));
        open.iter().for_each(|uri| self.opened(uri, documents, effects));
    }

    /// A document was opened.
    pub fn opened(&mut self, uri: &str, documents: &dyn Documents, effects: &mut Vec<Effect>) {
        let Some((text, _)) = documents.document(uri) else {
            return;
        };
        self.with(uri, effects, |desk, path, wanted| {
            desk.opened(path.clone(), uri, text, wanted);
            desk.settle(documents, wanted);
        });
    }

    /// A document was closed.
    pub fn closed(&mut self, uri: &str, documents: &dyn Documents, effects: &mut Vec<Effect>) {
        self.with(uri, effects, |desk, path, wanted| {
            desk.closed(path, documents, wanted)
        });
    }

    /// Whether edits of a document must be told.
    pub fn follows(&self, uri: &str) -> bool {
        self.find(uri)
            .is_some_and(|(index, path)| self.places[index].desk.follows(&path))
    }

    /// A document that is followed was edited; `text` is what it is now.
    pub fn edited(&mut self, uri: &str, edit: Option<&Edit>, text: &Rope, effects: &mut Vec<Effect>) {
        self.with(uri, effects, |desk, path, wanted| {
            desk.edited(path, edit, text, wanted)
        });
    }

    /// All edits of a notification have been told.
    pub fn settle(&mut self, uri: &str, documents: &dyn Documents, effects: &mut Vec<Effect>) {
        self.with(uri, effects, |desk, _, wanted| desk.settle(documents, wanted));
    }

    /// Takes in what happened.
    pub fn take(&mut self, event: ReviewEvent, documents: &dyn Documents, effects: &mut Vec<Effect>) {
        match event {
            ReviewEvent::Asked {
                name,
                arguments,
                folder,
                answer,
            } => self.ask(&name, arguments, folder, answer, documents, effects),
            ReviewEvent::JobDone { folder, done } => self.at(folder, effects, |desk, wanted| {
                desk.job_done(done, documents, wanted);
            }),
            ReviewEvent::EditorAnswered {
                folder,
                number,
                applied,
            } => self.at(folder, effects, |desk, wanted| {
                desk.editor_answered(number, applied, documents, wanted);
            }),
            ReviewEvent::Waited { folder, number } => self.at(folder, effects, |desk, wanted| {
                desk.waited(number, documents, wanted);
            }),
            ReviewEvent::FilesChanged { uris } => {
                for uri in uris {
                    self.with(&uri, effects, |desk, path, wanted| {
                        desk.files_changed(vec![path.clone()], documents, wanted);
                    });
                }
            }
            ReviewEvent::ActionsAsked {
                uri,
                range,
                only,
                answer,
            } => {
                let actions = self.find(&uri).map(|(index, path)| {
                    super::review_view::actions(&self.places[index].desk, &path, &uri, range, &only)
                });
                let value = actions.unwrap_or(json!([]));
                effects.push(Effect::Review(ReviewEffect::Value(answer, value)));
            }
            ReviewEvent::LensesAsked { uri, answer } => {
                let lenses = self
                    .find(&uri)
                    .map(|(index, path)| super::review_view::lenses(&self.places[index].desk, &path, &uri));
                let value = lenses.unwrap_or(json!([]));
                effects.push(Effect::Review(ReviewEffect::Value(answer, value)));
            }
            ReviewEvent::ContentAsked { uri, answer } => {
                let text = self.content(&uri, documents);
                effects.push(Effect::Review(ReviewEffect::Text(answer, text)));
            }
        }
    }

    /// What is to be shown, if it has changed.
    pub fn shown(&mut self, documents: &dyn Documents) -> Option<Vec<Shown>> {
        std::mem::take(&mut self.changed).then(|| self.show_all(documents))
    }

    fn show_all(&self, documents: &dyn Documents) -> Vec<Shown> {
        let places = self.places.iter();
        places.map(|place| Shown::of(&place.desk, documents)).collect()
    }

    fn content(&self, uri: &str, documents: &dyn Documents) -> Option<String> {
        let (index, path) = self.find(uri)?;
        let desk = &self.places[index].desk;
        let open = || {
            documents
                .document(&desk.uri(&path))
                .map(|(text, _)| text.to_string())
        };
        if super::folders::scheme(uri) == uri::PROPOSED {
            return view::proposed_text(desk.review(), &path).or_else(open);
        }
        let file = desk.review().file(&path);
        file.map(|file| file.text().live().to_owned()).or_else(open)
    }

    fn ask(
        &mut self,
        name: &str,
        mut arguments: Vec<Value>,
        folder: Option<FolderId>,
        answer: Answer,
        documents: &dyn Documents,
        effects: &mut Vec<Effect>,
    ) {
        let named = arguments.first_mut().and_then(named_folder);
        let by_uri = |key: &str| {
            let uri = arguments.first()?.get(key)?.as_str()?;
            self.find_place(uri).map(|index| self.places[index].id)
        };
        let wanted = folder
            .or(named)
            .or_else(|| by_uri("folder"))
            .or_else(|| by_uri("uri"));
        let command = match Command::parse(name, &arguments) {
            Some(Ok(command)) => command,
            Some(Err(message)) => return self.refuse(answer, message, effects),
            None => return self.refuse(answer, format!("there is no command `{name}`"), effects),
        };
        if wanted.is_none() && matches!(command, Command::Review) {
            effects.push(Effect::Review(ReviewEffect::Desk {
                folder: 0,
                effect: review::Effect::AnswerState(answer, self.show_all(documents)),
            }));
            return;
        }
        let all = matches!(&command, Command::Keep(Pick::All) | Command::Drop(Pick::All));
        let waiting: Vec<FolderId> = self
            .places
            .iter()
            .filter(|place| place.desk.review().files().next().is_some())
            .map(|place| place.id)
            .collect();
        if wanted.is_none() && all && waiting.len() > 1 {
            let mut answers = Vec::new();
            for id in waiting {
                let (each, answered) = Answer::channel(Stop::default());
                answers.push(answered);
                let command = command.clone();
                self.at(id, effects, |desk, wanted| {
                    desk.ask(command, each, documents, wanted)
                });
            }
            effects.push(Effect::Review(ReviewEffect::Join(answers, answer)));
            return;
        }
        match wanted.or_else(|| self.likely(&command, &waiting)) {
            Some(id) if self.places.iter().any(|place| place.id == id) => {
                self.at(id, effects, |desk, wanted| {
                    desk.ask(command, answer, documents, wanted)
                });
            }
            _ => self.refuse(
                answer,
                "no folder is open that this could be about".to_owned(),
                effects,
            ),
        }
    }

    /// The folder that a command is about which names none.
    fn likely(&self, command: &Command, waiting: &[FolderId]) -> Option<FolderId> {
        let marked = |mark: fn(&Desk) -> bool| {
            let found = self.places.iter().find(|place| mark(&place.desk));
            found.map(|place| place.id)
        };
        let likely = match command {
            Command::Undo(_) => marked(|desk| desk.marks().undo.is_some()),
            Command::Redo(_) => marked(|desk| desk.marks().redo.is_some()),
            Command::Preview { .. }
            | Command::Diff { .. }
            | Command::Keep(Pick::All)
            | Command::Drop(Pick::All) => waiting.first().copied(),
            _ => None,
        };
        likely.or_else(|| self.places.first().map(|place| place.id))
    }

    fn refuse(&self, answer: Answer, message: String, effects: &mut Vec<Effect>) {
        effects.push(Effect::Review(ReviewEffect::Desk {
            folder: 0,
            effect: review::Effect::Answer(answer, Err(message)),
        }));
    }

    /// The folder around a document, the innermost, and where the document lies in it.
    fn find(&self, uri: &str) -> Option<(usize, WorkspacePath)> {
        let index = self.find_place(uri)?;
        let place = uri::place(uri);
        let path = place.strip_prefix(&self.places[index].root)?;
        WorkspacePath::parse(path).ok().map(|path| (index, path))
    }

    fn find_place(&self, uri: &str) -> Option<usize> {
        let place = uri::place(uri);
        let inside = self
            .places
            .iter()
            .enumerate()
            .filter(|(_, at)| place.starts_with(&at.root) || is_at(at, &place));
        inside.max_by_key(|(_, at)| at.root.len()).map(|(index, _)| index)
    }

    fn with(
        &mut self,
        uri: &str,
        effects: &mut Vec<Effect>,
        act: impl FnOnce(&mut Desk, &WorkspacePath, &mut Vec<review::Effect>),
    ) {
        if let Some((index, path)) = self.find(uri) {
            let place = &mut self.places[index];
            let mut wanted = Vec::new();
            act(&mut place.desk, &path, &mut wanted);
            let id = place.id;
            self.want(id, wanted, effects);
        }
    }

    fn at(
        &mut self,
        folder: FolderId,
        effects: &mut Vec<Effect>,
        act: impl FnOnce(&mut Desk, &mut Vec<review::Effect>),
    ) {
        if let Some(place) = self.places.iter_mut().find(|place| place.id == folder) {
            let mut wanted = Vec::new();
            act(&mut place.desk, &mut wanted);
            self.want(folder, wanted, effects);
        }
    }

    fn want(&mut self, folder: FolderId, wanted: Vec<review::Effect>, effects: &mut Vec<Effect>) {
        for effect in wanted {
            match effect {
                review::Effect::Changed => self.changed = true,
                review::Effect::Do(Job::Load) => {
                    let place = self.places.iter().find(|place| place.id == folder);
                    let root = place.map(|place| place.root.clone()).unwrap_or_default();
                    effects.push(Effect::Review(ReviewEffect::Open { folder, root }));
                }
                effect => effects.push(Effect::Review(ReviewEffect::Desk { folder, effect })),
            }
        }
    }
}

/// Whether the name of a command is one of a review.
pub fn is_command(name: &str) -> bool {
    command::NAMES.contains(&name)
}

/// The edit that a change of a document comes to in bytes; nothing if it replaces everything.
pub fn edit_of(document: &Document, change: &text::Change, encoding: Encoding) -> Option<Edit> {
    let range = change.range?;
    let (start, end) = (range.start.min(range.end), range.start.max(range.end));
    let offset = |position| text::offset(document.text(), position, encoding);
    Some(Edit {
        range: offset(start)..offset(end),
        text: change.text.clone(),
    })
}

fn is_at(place: &Place, root: &str) -> bool {
    place.root.trim_end_matches('/') == root.trim_end_matches('/')
}

/// Takes the folder's number off the names in the arguments of a command, and gives it.
fn named_folder(argument: &mut Value) -> Option<FolderId> {
    let mut found = None;
    for key in ["hunk", "change"] {
        if let Some(Value::String(name)) = argument.get_mut(key)
            && let Some((bare, number)) = name.split_once('~')
        {
            found = number.parse().ok();
            *name = bare.to_owned();
        } else if argument.get(key).is_some_and(Value::is_string) {
            found = Some(0);
        }
    }
    if let Some(Value::Array(names)) = argument.get_mut("hunks") {
        for name in names {
            let bare = name.as_str().and_then(|name| name.split_once('~'));
            if let Some((bare, number)) = bare.map(|(bare, number)| (bare.to_owned(), number.parse().ok())) {
                found = number;
                *name = Value::String(bare);
            }
        }
    }
    found
}
