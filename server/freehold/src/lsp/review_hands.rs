//! Carries out what the reviews want done: in the workspace, and in the editor.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use host::Stop;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};

use super::backend::Backend;
use super::event::{Event, Events};
use super::review::{FolderId, ReviewEffect, ReviewEvent};
use crate::review::job::{Done, Job, NotOpen};
use crate::review::view::{self, Shown};
use crate::review::workspace::Busy;
use crate::review::{Answer, Effect, Workspace};

/// A command in a terminal may have the review open when the editor starts; it is soon done with it.
const OPEN_TRIES_MAX: u32 = 50;
const OPEN_TRIES_EVERY: Duration = Duration::from_millis(100);
/// How often it is looked whether another window still has the review open: one attempt to take a lock.
const HELD_TRIES_EVERY: Duration = Duration::from_secs(1);
/// When the editor leaves, what is known of a command that was being run is waited for so long.
const LEAVING_TIME_MAX: Duration = Duration::from_secs(5);

/// Something that is told to the editor or asked of it.
pub enum Outgoing {
    /// Change documents, and say how that went.
    Edit {
        folder: FolderId,
        number: u64,
        what: Edit,
    },
    /// Open a document.
    Show(String),
    /// Tell the user.
    Say(String),
}

/// Documents to change.
pub enum Edit {
    /// As it is written here.
    Documents {
        label: String,
        edits: Vec<crate::review::editing::DocumentEdit>,
    },
    /// With a confirmation for each of these hunks.
    Preview {
        label: String,
        review: Arc<changes::Review>,
        hunks: std::collections::BTreeSet<changes::HunkId>,
    },
}

/// A workspace, once it was opened.
type Slot = Arc<Mutex<Option<Arc<Workspace>>>>;

/// Carries out what the reviews want. All it has begun ends when it is dropped.
pub struct ReviewHands {
    backend: Arc<dyn Backend>,
    events: Events,
    shown: watch::Sender<Vec<Shown>>,
    outgoing: mpsc::UnboundedSender<Outgoing>,
    tasks: JoinSet<()>,
    slots: HashMap<FolderId, Slot>,
    /// Where an apply waits for the editor.
    gates: HashMap<FolderId, std::sync::mpsc::Sender<bool>>,
    lines: HashMap<FolderId, AbortHandle>,
    /// Ends the command that is being run against what waits.
    stops: HashMap<FolderId, Stop>,
}

impl Drop for ReviewHands {
    fn drop(&mut self) {
        for stop in self.stops.values() {
            stop.now();
        }
        for stop in self.stops.values() {
            stop.wait_ended(LEAVING_TIME_MAX);
        }
    }
}

impl ReviewHands {
    /// Makes hands that report to `events`, and that show and ask through the rest.
    pub fn new(
        backend: Arc<dyn Backend>,
        events: Events,
        shown: watch::Sender<Vec<Shown>>,
        outgoing: mpsc::UnboundedSender<Outgoing>,
    ) -> Self {
        Self {
            backend,
            events,
            shown,
            outgoing,
            tasks: JoinSet::new(),
            slots: HashMap::new(),
            gates: HashMap::new(),
            lines: HashMap::new(),
            stops: HashMap::new(),
        }
    }

    /// Carries out `effect`, or begins to.
    pub fn perform(&mut self, effect: ReviewEffect) {
        while self.tasks.try_join_next().is_some() {}
        match effect {
            ReviewEffect::Desk { folder, effect } => self.perform_at(folder, effect),
            ReviewEffect::Open { folder, root } => self.open(folder, root),
            ReviewEffect::Close { folder } => {
                self.slots.remove(&folder);
                // An apply that waits for the editor is taken back.
                self.gates.remove(&folder);
                if let Some(stop) = self.stops.remove(&folder) {
                    stop.now();
                }
                if let Some(line) = self.lines.remove(&folder) {
                    line.abort();
                }
            }
            ReviewEffect::Join(answers, answer) => {
                self.tasks.spawn(async move { answer.give(join(answers).await) });
            }
            ReviewEffect::Value(answer, value) => {
                // Who asked may have gone in this moment; then nobody wants to know.
                let _gone = answer.send(value);
            }
            ReviewEffect::Text(answer, text) => {
                let _gone = answer.send(text);
            }
            ReviewEffect::Show(shown) => {
                self.shown.send_replace(shown);
            }
        }
    }

    fn perform_at(&mut self, folder: FolderId, effect: Effect) {
        let events = self.events.clone();
        match effect {
            Effect::Do(job) => self.work(folder, job),
            Effect::Proceed(go_on) => {
                if let Some(gate) = self.gates.remove(&folder) {
                    // It has ended by itself.
                    let _ended = gate.send(go_on);
                }
            }
            Effect::EditDocuments { number, label, edits } => self.tell(Outgoing::Edit {
                folder,
                number,
                what: Edit::Documents { label, edits },
            }),
            Effect::Preview {
                number,
                label,
                review,
                hunks,
            } => self.tell(Outgoing::Edit {
                folder,
                number,
                what: Edit::Preview { label, review, hunks },
            }),
            Effect::Wait { number, duration } => {
                self.tasks.spawn(async move {
                    tokio::time::sleep(duration).await;
                    events.push(Event::Review(ReviewEvent::Waited { folder, number }));
                });
            }
            Effect::Answer(answer, result) => answer.give(result),
            Effect::AnswerState(answer, workspaces) => {
                self.tasks.spawn(async move {
                    let state = tokio::task::spawn_blocking(move || view::state(&workspaces)).await;
                    answer.give(state.map_err(|error| format!("an internal error came up: {error}")));
                });
            }
            Effect::ShowDocument(uri) => self.tell(Outgoing::Show(uri)),
            Effect::Say(message) => self.tell(Outgoing::Say(message)),
            // The session has turned it into `ReviewEffect::Show`.
            Effect::Changed => {}
        }
    }

    fn tell(&self, outgoing: Outgoing) {
        // Without an editor there is nobody to tell.
        let _gone = self.outgoing.send(outgoing);
    }

    /// Opens a workspace and listens for the terminal.
    fn open(&mut self, folder: FolderId, root: String) {
        let slot: Slot = Arc::default();
        self.slots.insert(folder, Arc::clone(&slot));
        let (backend, events) = (Arc::clone(&self.backend), self.events.clone());
        let listening = Arc::clone(&self.backend);
        let line = self.tasks.spawn(async move {
            let mut tries = 0_u32;
            let (done, root) = loop {
                let (backend, root, slot) = (Arc::clone(&backend), root.clone(), Arc::clone(&slot));
                let opened = tokio::task::spawn_blocking(move || open(backend.as_ref(), &root, &slot)).await;
                tries = tries.saturating_add(1);
                match opened {
                    Ok((Done::Loaded(Err(_)), _)) if tries < OPEN_TRIES_MAX => {
                        tokio::time::sleep(OPEN_TRIES_EVERY).await;
                    }
                    // Another window has it, perhaps for hours.
                    Ok((done @ Done::Loaded(Err(NotOpen::Held(_))), _)) => {
                        if tries == OPEN_TRIES_MAX {
                            events.push(Event::Review(ReviewEvent::JobDone { folder, done }));
                        }
                        tokio::time::sleep(HELD_TRIES_EVERY).await;
                    }
                    Ok(opened) => break opened,
                    Err(error) => {
                        let message = format!("an internal error came up: {error}");
                        break (Done::Loaded(Err(NotOpen::Failed(message))), None);
                    }
                }
            };
            events.push(Event::Review(ReviewEvent::JobDone { folder, done }));
            if let Some(root) = root {
                super::review_line::listen(listening.as_ref(), &root, folder, events).await;
            }
        });
        self.lines.insert(folder, line);
    }

    fn work(&mut self, folder: FolderId, job: Job) {
        let Some(slot) = self.slots.get(&folder).cloned() else {
            return;
        };
        let (gate, waiting) = std::sync::mpsc::channel();
        if matches!(&job, Job::Apply(apply) if apply.gated) {
            self.gates.insert(folder, gate);
        }
        let under_way = match &job {
            Job::TryOut(wanted) => {
                self.stops.insert(folder, wanted.stop.clone());
                Some(wanted.stop.under_way())
            }
            _ => None,
        };
        let events = self.events.clone();
        let begun = self.events.clone();
        self.tasks.spawn(async move {
            let failed = failure(&job);
            let work = move || {
                let _under_way = under_way;
                let workspace = slot.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
                let begun = || {
                    begun.push(Event::Review(ReviewEvent::JobDone {
                        folder,
                        done: Done::Begun,
                    }));
                };
                // Nobody at the other end means that the folder was closed.
                let mut gate = || waiting.recv().unwrap_or(false);
                Some(workspace.perform(job, begun, &mut gate))
            };
            let done = match tokio::task::spawn_blocking(work).await {
                Ok(Some(done)) => done,
                Ok(None) => failed("the workspace is not open".to_owned()),
                Err(error) => failed(format!("an internal error came up: {error}")),
            };
            events.push(Event::Review(ReviewEvent::JobDone { folder, done }));
        });
    }
}

fn open(backend: &dyn Backend, root: &str, slot: &Slot) -> (Done, Option<PathBuf>) {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    match backend.open_workspace(&path(root)) {
        Ok(workspace) => {
            let root = workspace.root().to_owned();
            let done = workspace.perform(Job::Load, || {}, &mut crate::review::workspace::open_gate);
            *slot = Some(Arc::new(workspace));
            (done, Some(root))
        }
        Err(error) => {
            let message = format!("{error:#}");
            let why = if error.is::<Busy>() {
                NotOpen::Held(message)
            } else {
                NotOpen::Failed(message)
            };
            (Done::Loaded(Err(why)), None)
        }
    }
}

/// The path that a URI names, as the system writes it.
fn path(place: &str) -> PathBuf {
    let place = if cfg!(windows) {
        place.trim_start_matches('/')
    } else {
        place
    };
    let bare = place.trim_end_matches('/');
    PathBuf::from(if bare.is_empty() { place } else { bare })
}

/// What a job says that could not even begin.
fn failure(job: &Job) -> fn(String) -> Done {
    match job {
        Job::Load => |message| Done::Loaded(Err(NotOpen::Failed(message))),
        Job::Look(_) => |_| Done::Looked {
            live: std::collections::BTreeMap::new(),
            failures: std::collections::BTreeMap::new(),
        },
        Job::Apply(_) => |message| {
            Done::Applied(Err(crate::review::job::Refused {
                message,
                given_up: false,
                stale: None,
            }))
        },
        Job::TakeBack { .. } => |message| Done::FoundBack(Err(message)),
        Job::Record { .. } => |message| Done::Recorded(Err(message)),
        Job::ListSteps | Job::DiffStep(_) | Job::Audit | Job::Behind { .. } => {
            |message| Done::Read(Err(message))
        }
        Job::TryOut(_) => |message| Done::TriedOut(Err(message)),
    }
}

/// What came of several commands, as one answer.
async fn join(answers: Vec<oneshot::Receiver<Result<Value, String>>>) -> Result<Value, String> {
    let (mut applied, mut messages) = (false, Vec::new());
    for answer in answers {
        match answer
            .await
            .unwrap_or_else(|_| Err("an internal error came up".to_owned()))
        {
            Ok(value) => {
                applied |= value["applied"] == true;
                messages.extend(value["message"].as_str().map(str::to_owned));
            }
            Err(message) => messages.push(message),
        }
    }
    let mut value = json!({ "applied": applied });
    if !messages.is_empty() {
        value["message"] = json!(messages.join("; "));
    }
    Ok(value)
}

/// Answers commands of the terminal, which come over a socket, through the session; `stop` ends what they run.
pub fn asked(
    events: &Events,
    folder: FolderId,
    name: String,
    arguments: Vec<Value>,
    stop: Stop,
) -> oneshot::Receiver<Result<Value, String>> {
    let (answer, answered) = Answer::channel(stop);
    events.push(Event::Review(ReviewEvent::Asked {
        name,
        arguments,
        folder: Some(folder),
        answer,
    }));
    answered
}
