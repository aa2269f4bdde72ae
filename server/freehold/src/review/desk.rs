//! The one owner of a workspace's review: takes commands and what the editor says, says what is to be done.
//!
//! It never waits and touches nothing. One thing is under way at a time, so that whatever is decided is
//! decided about what stands; commands that come meanwhile wait their turn.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use changes::{HunkId, Review, WorkspacePath};
use host::Stop;
use ropey::Rope;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::abilities::Abilities;
use super::applying::{Applying, Then};
use super::command::Command;
use super::editing::DocumentEdit;
use super::evidence::Parsed;
use super::job::{Done, Job, Marks, TryOut};
use super::keeping;
use super::previewing::Shown;
use super::proposing;
use super::related::Related;
use super::trial::{Outcome, Trials};
use super::view;

/// Where the answer to a command goes, and how whoever waits for it says that they do not want it any more.
#[derive(Debug)]
pub struct Answer {
    to: oneshot::Sender<Result<Value, String>>,
    stop: Stop,
}

impl Answer {
    /// An answer, and where it comes; a command that runs for it ends when `stop` says so.
    #[must_use]
    pub fn channel(stop: Stop) -> (Self, oneshot::Receiver<Result<Value, String>>) {
        let (to, from) = oneshot::channel();
        (Self { to, stop }, from)
    }

    /// Gives it; whoever asked may have gone in this moment, and then nobody wants to know.
    pub fn give(self, answer: Result<Value, String>) {
        let _gone = self.to.send(answer);
    }
}

/// Commands that may wait at once; an editor that asks for more has lost its way.
const QUEUE_MAX: usize = 1024;

/// Something that a review wants done.
#[derive(Debug)]
pub enum Effect {
    /// Carry out a job and say [`Desk::job_done`].
    Do(Job),
    /// Let the apply that waits at its gate go on, or take it back.
    Proceed(bool),
    /// Ask the editor to change documents, and say [`Desk::editor_answered`] with this number.
    EditDocuments {
        /// The number of the request.
        number: u64,
        /// What the editor shows for it.
        label: String,
        /// What changes, document by document.
        edits: Vec<DocumentEdit>,
    },
    /// Ask the editor to let the user confirm edits one by one, and say [`Desk::editor_answered`].
    Preview {
        /// The number of the request.
        number: u64,
        /// What the editor shows for it.
        label: String,
        /// What would change.
        review: Arc<Review>,
        /// The hunks that are shown.
        hunks: BTreeSet<HunkId>,
    },
    /// Say [`Desk::waited`] with this number after `duration`.
    Wait {
        /// The number.
        number: u64,
        /// How long.
        duration: Duration,
    },
    /// Answer a command.
    Answer(Answer, Result<Value, String>),
    /// Answer a command with everything that waits in these workspaces ([`view::state`]), which takes its time.
    AnswerState(Answer, Vec<view::Shown>),
    /// Open a virtual document beside the user's own.
    ShowDocument(String),
    /// What waits has changed: show it.
    Changed,
    /// Tell the user.
    Say(String),
}

/// Who is served.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    /// What it can do.
    pub abilities: Abilities,
    /// How it counts positions.
    pub encoding: text::Encoding,
}

/// The documents that the editor has open.
pub trait Documents {
    /// The text and version of an open document.
    fn document(&self, uri: &str) -> Option<(&Rope, i32)>;
}

/// What is under way.
pub(super) enum Work {
    /// The workspace is being opened.
    Loading,
    /// Files are being looked at; then the command goes on.
    Looking(Option<(Command, Answer)>),
    /// Something is being written.
    Applying(Box<Applying>),
    /// What going back or forward would write is being found out.
    FindingBack(Command, Answer, u32),
    /// Decisions are being put on record.
    Recording(Answer, Value),
    /// What waits is kept without anybody asking.
    Keeping,
    /// Something is being read, and answered as it is.
    Reading(Answer),
}

/// The review of one workspace.
pub struct Desk {
    /// The URI of its folder.
    pub(super) folder: String,
    number: Option<usize>,
    encoding: text::Encoding,
    pub(super) review: Arc<Review>,
    pub(super) abilities: Abilities,
    pub(super) marks: Marks,
    /// Why the workspace cannot be opened, once that is known.
    pub(super) failure: Option<String>,
    /// A command is being run against what waits; meanwhile everything else goes on.
    trying: Option<(Option<changes::ChangeId>, Answer)>,
    /// What the editor has open.
    pub(super) open: BTreeMap<WorkspacePath, String>,
    pub(super) work: Option<Work>,
    queue: VecDeque<(Command, Answer)>,
    /// Files whose authority is the disk, and which must be looked at before anything else.
    pub(super) looks: BTreeSet<WorkspacePath>,
    pub(super) shown: Option<Shown>,
    /// Hunks that the editor was asked to carry out and did not, or not in time. It may yet.
    pub(super) late: BTreeSet<HunkId>,
    pub(super) numbers: u64,
    /// What came of commands that were run against what waits.
    pub(super) trials: Arc<Trials>,
    parsed: Arc<Parsed>,
    related: Arc<Related>,
}

impl Desk {
    /// A desk for the workspace whose folder has the URI `folder`; it opens it at once.
    pub fn new(folder: &str, number: Option<usize>, client: Client, effects: &mut Vec<Effect>) -> Self {
        effects.push(Effect::Do(Job::Load));
        Self {
            folder: folder.to_owned(),
            number,
            encoding: client.encoding,
            review: Arc::default(),
            abilities: client.abilities,
            marks: Marks::default(),
            failure: None,
            trying: None,
            open: BTreeMap::new(),
            work: Some(Work::Loading),
            queue: VecDeque::new(),
            looks: BTreeSet::new(),
            shown: None,
            late: BTreeSet::new(),
            numbers: 0,
            trials: Arc::default(),
            parsed: Arc::default(),
            related: Arc::default(),
        }
    }

    /// What waits.
    #[must_use]
    pub fn review(&self) -> &Arc<Review> {
        &self.review
    }

    /// What can be undone and redone.
    #[must_use]
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// What came of commands that were run against what waits.
    #[must_use]
    pub fn trials(&self) -> &Arc<Trials> {
        &self.trials
    }

    /// What was found by parsing.
    #[must_use]
    pub fn parsed(&self) -> &Arc<Parsed> {
        &self.parsed
    }

    /// Which hunks go with which, as far as that was found.
    #[must_use]
    pub fn related(&self) -> &Arc<Related> {
        &self.related
    }

    /// Which of the editor's folders it is for; nothing for the first.
    #[must_use]
    pub fn number(&self) -> Option<usize> {
        self.number
    }

    /// Who is served.
    #[must_use]
    pub fn client(&self) -> Client {
        Client {
            abilities: self.abilities,
            encoding: self.encoding,
        }
    }

    /// How positions are counted.
    #[must_use]
    pub fn encoding(&self) -> text::Encoding {
        self.encoding
    }

    /// The URI under which the editor has a file open, or would.
    #[must_use]
    pub fn uri(&self, path: &WorkspacePath) -> String {
        let open = self.open.get(path).cloned();
        open.unwrap_or_else(|| super::uri::join(&self.folder, path))
    }

    pub(super) fn review_mut(&mut self) -> &mut Review {
        Arc::make_mut(&mut self.review)
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// A command; it is answered in its turn.
    pub fn ask(
        &mut self,
        command: Command,
        answer: Answer,
        documents: &dyn Documents,
        effects: &mut Vec<Effect>,
    ) {
        if self.queue.len() >= QUEUE_MAX {
            effects.push(Effect::Answer(
                answer,
                Err("too many commands wait already".to_owned()),
            ));
            return;
        }
        self.queue.push_back((command, answer));
        self.pump(documents, effects);
    }

    /// The editor has answered the request of this number: done, refused, or not understood.
    pub fn editor_answered(
        &mut self,
        number: u64,
        applied: Result<bool, String>,
        documents: &dyn Documents,
        effects: &mut Vec<Effect>,
    ) {
        self.preview_answered(number, &applied, effects);
        self.apply_answered(number, applied, effects);
        self.pump(documents, effects);
    }

    /// Time has passed.
    pub fn waited(&mut self, number: u64, documents: &dyn Documents, effects: &mut Vec<Effect>) {
        self.preview_waited(number, effects);
        self.apply_waited(number, effects);
        self.pump(documents, effects);
    }

    /// A job has ended, or waits at its gate.
    pub fn job_done(&mut self, done: Done, documents: &dyn Documents, effects: &mut Vec<Effect>) {
        let done = match done {
            Done::TriedOut(outcome) => return self.tried_out(outcome, effects),
            done => done,
        };
        match (self.work.take(), done) {
            (Some(Work::Loading), Done::Loaded(loaded)) => self.loaded(loaded, documents, effects),
            // Whoever had the review has let go.
            (None, Done::Loaded(loaded)) if self.failure.is_some() => {
                self.loaded(loaded, documents, effects);
            }
            (Some(Work::Looking(next)), Done::Looked { live, failures }) => {
                for (path, live) in &live {
                    if !self.open.contains_key(path) {
                        self.review_mut().set_live(path, live.clone());
                    }
                }
                effects.push(Effect::Changed);
                if let Some((command, answer)) = next {
                    self.put_up(command, answer, &live, &failures, documents, effects);
                }
            }
            (Some(Work::Applying(applying)), done @ (Done::Begun | Done::Applied(_))) => {
                self.apply_done(*applying, done, documents, effects);
            }
            (Some(Work::FindingBack(command, answer, tries)), Done::FoundBack(found)) => {
                self.found_back(command, answer, tries, found, documents, effects);
            }
            (Some(Work::Recording(answer, value)), Done::Recorded(recorded)) => {
                let answered = match recorded {
                    Ok(()) => Ok(value),
                    Err(message) => Err(message),
                };
                effects.push(Effect::Answer(answer, answered));
            }
            (Some(Work::Keeping), Done::Recorded(recorded)) => {
                effects.extend(recorded.err().map(Effect::Say));
            }
            (Some(Work::Reading(answer)), Done::Read(read)) => effects.push(Effect::Answer(answer, read)),
            // No job ends that was not begun.
            (work, _) => self.work = work,
        }
        self.pump(documents, effects);
    }

    fn tried_out(&mut self, outcome: Result<Outcome, String>, effects: &mut Vec<Effect>) {
        let Some((change, answer)) = self.trying.take() else {
            return;
        };
        let answered = outcome.map(|outcome| {
            let value = outcome.value();
            Arc::make_mut(&mut self.trials)
                .entry(change)
                .or_default()
                .put(outcome);
            value
        });
        effects.push(Effect::Changed);
        effects.push(Effect::Answer(answer, answered));
    }

    /// Begins what waits, one thing at a time.
    pub(super) fn pump(&mut self, documents: &dyn Documents, effects: &mut Vec<Effect>) {
        while self.work.is_none() {
            if let Some(failure) = &self.failure {
                let Some((_, answer)) = self.queue.pop_front() else {
                    return;
                };
                effects.push(Effect::Answer(answer, Err(failure.clone())));
            } else if !self.looks.is_empty() {
                let looks = std::mem::take(&mut self.looks);
                effects.push(Effect::Do(Job::Look(looks.into_iter().collect())));
                self.work = Some(Work::Looking(None));
            } else if self.record_landed(effects) {
                return;
            } else if let Some((command, answer)) = self.queue.pop_front() {
                self.begin(command, answer, documents, effects);
            } else {
                return;
            }
        }
    }

    fn begin(
        &mut self,
        command: Command,
        answer: Answer,
        documents: &dyn Documents,
        effects: &mut Vec<Effect>,
    ) {
        match command {
            Command::Keep(pick) => self.keep(&pick, answer, documents, effects),
            Command::Drop(pick) => self.drop_hunks(&pick, answer, effects),
            Command::KeepLines { seen, lines } => {
                self.keep_one(seen, keeping::How::Lines(lines), answer, documents, effects);
            }
            Command::EditHunk { seen, text } => {
                self.keep_one(seen, keeping::How::As(text), answer, documents, effects);
            }
            Command::Propose { ref patch, .. } => match proposing::paths(patch) {
                Ok(paths) => {
                    effects.push(Effect::Do(Job::Look(paths)));
                    self.work = Some(Work::Looking(Some((command, answer))));
                }
                Err(message) => effects.push(Effect::Answer(answer, Err(message))),
            },
            Command::Undo(_) | Command::Redo(_) => self.find_back(command, answer, 0, documents, effects),
            Command::Checkpoints => self.read(Job::ListSteps, answer, effects),
            Command::Audit => self.read(Job::Audit, answer, effects),
            Command::Behind { path } => {
                let open = self.open.get(&path).and_then(|uri| documents.document(uri));
                let text = open.map(|(text, _)| text.clone());
                self.read(Job::Behind { path, text }, answer, effects);
            }
            Command::Diff { step: Some(step) } => {
                self.read(Job::DiffStep(changes::StepId(step)), answer, effects);
            }
            Command::Diff { step: None } => {
                let patch = view::patch(&self.review);
                effects.push(Effect::Answer(answer, Ok(json!({ "patch": patch }))));
            }
            Command::ShowDiff { uri } => {
                let proposed = super::uri::with_scheme(&uri, super::uri::PROPOSED);
                if self.abilities.shows_documents {
                    effects.push(Effect::ShowDocument(proposed.clone()));
                }
                let value = json!({ "original": uri, "proposed": proposed });
                effects.push(Effect::Answer(answer, Ok(value)));
            }
            Command::Preview { change } => self.preview(change, answer, effects),
            Command::Review => {
                let shown = view::Shown::of(self, documents);
                effects.push(Effect::AnswerState(answer, vec![shown]));
            }
            Command::TryOut(trial) => {
                if self.trying.is_some() {
                    let message = "a command is being run already; try again when it has ended";
                    effects.push(Effect::Answer(answer, Err(message.to_owned())));
                    return;
                }
                let change = trial.change;
                effects.push(Effect::Do(Job::TryOut(Box::new(TryOut {
                    trial,
                    review: Arc::clone(&self.review),
                    open: self.open_texts(documents),
                    stop: answer.stop.clone(),
                }))));
                self.trying = Some((change, answer));
            }
        }
    }

    fn read(&mut self, job: Job, answer: Answer, effects: &mut Vec<Effect>) {
        effects.push(Effect::Do(job));
        self.work = Some(Work::Reading(answer));
    }

    /// Begins an apply.
    pub(super) fn apply(&mut self, applying: Applying, effects: &mut Vec<Effect>) {
        let job = applying.job();
        effects.push(Effect::Do(Job::Apply(Box::new(job))));
        self.work = Some(Work::Applying(Box::new(applying)));
    }

    /// What was kept has been carried out, or recorded.
    pub(super) fn carried_out(&mut self, then: Then, effects: &mut Vec<Effect>) {
        self.finish(then, effects);
        let waiting: BTreeSet<HunkId> = self.review.hunks().map(|view| view.id).collect();
        self.late.retain(|hunk| waiting.contains(hunk));
    }
}
