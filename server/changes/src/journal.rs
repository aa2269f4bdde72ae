//! What was applied, and what was being applied when the power went: the memory of a workspace.
//!
//! It lies outside the workspace, in a folder of its own. Before anything is written to the workspace,
//! an intent says which files are about to change and from what to what; when all of them have changed,
//! renaming the intent to a step makes it so, at once. An intent that is found at the start belongs to
//! an apply that did not finish.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use host::{Files, Lock};
use serde::{Deserialize, Serialize};

use crate::blame::Source;
use crate::hunk::HunkId;
use crate::operation::Standing;
use crate::undo::{StepHunk, StepPart};
use crate::{Digest, PathError, WorkspacePath};

/// The version of the records; a program that does not know it leaves the folder alone.
const FORMAT: u32 = 1;

/// Names a step; later steps have greater numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StepId(pub u64);

/// Something that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub id: StepId,
    /// Why it was done.
    pub about: About,
    /// What it did to each file, in the order in which it was done.
    pub files: Vec<FileStep>,
    /// The folders that it made, outermost first.
    pub folders: Vec<String>,
}

/// Why a step was done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// What it is for, in one line.
    pub title: String,
    /// The session that it belongs to, if any.
    pub session: String,
    /// The run within the session that it belongs to, if any.
    pub run: String,
    /// The steps that it takes back, if that is what it is for.
    pub takes_back: Vec<StepId>,
    /// The one hunk that it takes back of its only such step, if not all of it; see
    /// [`crate::TakeBack::part`].
    pub part: Option<StepPart>,
    /// The hunks of the review that it carries out, if that is what it is for; see [`crate::Plan::hunks`].
    pub hunks: Vec<HunkId>,
    /// Who decided that it be done.
    pub person: String,
    /// The changes that these hunks are of; [`crate::Review::about`] finds them.
    pub sources: Vec<Source>,
}

/// What a step did to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStep {
    /// Where the file is.
    pub path: WorkspacePath,
    /// What stood there before; the store has its bytes.
    pub before: Standing,
    /// What stood there afterwards; the store has its bytes.
    pub after: Standing,
    /// Whether an editor had it open and was asked to change it; the disk was left alone then.
    pub in_editor: bool,
}

/// The journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The folder of the journal cannot be read or written.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// A record cannot be understood.
    #[error("record `{0}` of the journal is damaged or of another version")]
    Damaged(PathBuf),
}

#[derive(Serialize, Deserialize)]
struct Record {
    format: u32,
    title: String,
    session: String,
    run: String,
    takes_back: Vec<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    part: Option<PartRecord>,
    #[serde(default)]
    hunks: Vec<HunkId>,
    #[serde(default)]
    person: String,
    #[serde(default)]
    sources: Vec<Source>,
    files: Vec<FileRecord>,
    folders: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct PartRecord {
    path: String,
    index: usize,
    of: usize,
}

#[derive(Serialize, Deserialize)]
struct FileRecord {
    path: String,
    before: Option<StandingRecord>,
    after: Option<StandingRecord>,
    in_editor: bool,
}

/// A file in a record; none stands for no file.
#[derive(Serialize, Deserialize)]
pub(crate) struct StandingRecord {
    digest: String,
    mode: u32,
}

/// The records of a workspace, in a folder.
pub(crate) struct Journal<'a> {
    files: &'a dyn Files,
    folder: PathBuf,
}

const INTENT: &str = "intent";
const STEP: &str = "step";
const WITHDRAWN: &str = "withdrawn";
/// What a step becomes on its way out.
const FORGOTTEN: &str = "forgotten";

impl<'a> Journal<'a> {
    pub(crate) fn new(files: &'a dyn Files, folder: PathBuf) -> Self {
        Self { files, folder }
    }

    /// The number that the next step gets.
    pub(crate) fn next_id(&self) -> Result<StepId, JournalError> {
        let numbers = [INTENT, STEP, WITHDRAWN]
            .into_iter()
            .map(|kind| self.numbers(kind));
        let last = numbers
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .max();
        Ok(StepId(last.map_or(1, |last| last + 1)))
    }

    /// Says what is about to be done; it is on the disk on return.
    pub(crate) fn intend(&self, step: &Step) -> Result<(), JournalError> {
        self.files.create_private_folder(&self.folder)?;
        let path = self.path(step.id, INTENT);
        let record =
            serde_json::to_vec_pretty(&Record::of(step)).map_err(|_| JournalError::Damaged(path.clone()))?;
        self.files.write_atomic(&path, &record)?;
        Ok(self.files.make_private(&path)?)
    }

    /// Says that all that was intended is done: this is the moment at which the step has happened.
    pub(crate) fn commit(&self, id: StepId) -> Result<(), JournalError> {
        Ok(self.files.rename(&self.path(id, INTENT), &self.path(id, STEP))?)
    }

    /// Says that nothing of what was intended is done.
    pub(crate) fn withdraw(&self, id: StepId) -> Result<(), JournalError> {
        // A removal alone might not outlive a power cut, and the intent must never come back.
        let withdrawn = self.path(id, WITHDRAWN);
        self.files.rename(&self.path(id, INTENT), &withdrawn)?;
        Ok(())
    }

    /// What was intended and neither done nor withdrawn, oldest first.
    pub(crate) fn intents(&self) -> Result<Vec<Step>, JournalError> {
        self.numbers(INTENT)?
            .into_iter()
            .map(|number| self.read(number, INTENT))
            .collect()
    }

    /// The name of the last thing that was done.
    pub(crate) fn last_id(&self) -> Result<Option<StepId>, JournalError> {
        Ok(self.numbers(STEP)?.last().copied().map(StepId))
    }

    /// What was done after the step `since`, oldest first.
    pub(crate) fn steps_since(&self, since: StepId) -> Result<Vec<Step>, JournalError> {
        self.numbers(STEP)?
            .into_iter()
            .filter(|&number| number > since.0)
            .map(|number| self.read(number, STEP))
            .collect()
    }

    /// What was done, oldest first.
    pub(crate) fn steps(&self) -> Result<Vec<Step>, JournalError> {
        self.numbers(STEP)?
            .into_iter()
            .map(|number| self.read(number, STEP))
            .collect()
    }

    /// The last thing that was done.
    pub(crate) fn last_step(&self) -> Result<Option<Step>, JournalError> {
        self.numbers(STEP)?
            .last()
            .map(|&number| self.read(number, STEP))
            .transpose()
    }

    /// Keeps everybody else from writing for as long as the lock is held; nothing if somebody else does.
    pub(crate) fn lock(&self) -> Result<Option<Lock>, host::Error> {
        self.files.create_private_folder(&self.folder)?;
        self.files.try_lock(&self.folder.join("lock"))
    }

    /// How long ago a step was put on record.
    pub(crate) fn age(&self, id: StepId, now: SystemTime) -> Result<Duration, JournalError> {
        let made = self.files.metadata(&self.path(id, STEP))?.modified;
        Ok(made
            .and_then(|made| now.duration_since(made).ok())
            .unwrap_or_default())
    }

    /// Forgets a step, which must be the oldest: on return it will never be seen again.
    pub(crate) fn forget(&self, id: StepId) -> Result<(), JournalError> {
        // A removal alone might not outlive a power cut.
        Ok(self
            .files
            .rename(&self.path(id, STEP), &self.folder.join(FORGOTTEN))?)
    }

    /// Removes records that say nothing any more; the last number given stays known.
    pub(crate) fn tidy(&self) -> Result<(), JournalError> {
        let forgotten = self.folder.join(FORGOTTEN);
        if self.files.exists(&forgotten) {
            self.files.remove_file(&forgotten)?;
        }
        let next = self.next_id()?.0;
        for number in self.numbers(WITHDRAWN)? {
            if number + 1 < next {
                self.files.remove_file(&self.path(StepId(number), WITHDRAWN))?;
            }
        }
        Ok(())
    }

    fn numbers(&self, kind: &str) -> Result<Vec<u64>, JournalError> {
        let entries = match self.files.list(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let number = |name: &str| name.strip_suffix(kind)?.strip_suffix('.')?.parse().ok();
        let mut numbers: Vec<u64> = entries.iter().filter_map(|entry| number(&entry.name)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn read(&self, number: u64, kind: &str) -> Result<Step, JournalError> {
        let path = self.path(StepId(number), kind);
        let record: Option<Record> = serde_json::from_slice(&self.files.read(&path)?).ok();
        record
            .filter(|record| record.format == FORMAT)
            .and_then(|record| record.step(StepId(number)))
            .ok_or(JournalError::Damaged(path))
    }

    fn path(&self, id: StepId, kind: &str) -> PathBuf {
        self.folder.join(format!("{:08}.{kind}", id.0))
    }
}

impl Record {
    fn of(step: &Step) -> Self {
        let file = |file: &FileStep| FileRecord {
            path: file.path.as_str().to_owned(),
            before: StandingRecord::of(file.before),
            after: StandingRecord::of(file.after),
            in_editor: file.in_editor,
        };
        Self {
            format: FORMAT,
            title: step.about.title.clone(),
            session: step.about.session.clone(),
            run: step.about.run.clone(),
            takes_back: step.about.takes_back.iter().map(|id| id.0).collect(),
            part: step.about.part.as_ref().map(PartRecord::of),
            hunks: step.about.hunks.clone(),
            person: step.about.person.clone(),
            sources: step.about.sources.clone(),
            files: step.files.iter().map(file).collect(),
            folders: step.folders.clone(),
        }
    }

    fn step(self, id: StepId) -> Option<Step> {
        let file = |file: FileRecord| -> Option<FileStep> {
            let parsed: Result<WorkspacePath, PathError> = WorkspacePath::parse(&file.path);
            Some(FileStep {
                path: parsed.ok()?,
                before: StandingRecord::standing(file.before)?,
                after: StandingRecord::standing(file.after)?,
                in_editor: file.in_editor,
            })
        };
        let part = self.part.map(PartRecord::part);
        Some(Step {
            id,
            about: About {
                title: self.title,
                session: self.session,
                run: self.run,
                takes_back: self.takes_back.into_iter().map(StepId).collect(),
                part: match part {
                    Some(part) => Some(part?),
                    None => None,
                },
                hunks: self.hunks,
                person: self.person,
                sources: self.sources,
            },
            files: self.files.into_iter().map(file).collect::<Option<_>>()?,
            folders: self.folders,
        })
    }
}

impl PartRecord {
    fn of(part: &StepPart) -> Self {
        Self {
            path: part.hunk.path.as_str().to_owned(),
            index: part.hunk.index,
            of: part.of,
        }
    }

    fn part(self) -> Option<StepPart> {
        Some(StepPart {
            hunk: StepHunk {
                path: WorkspacePath::parse(&self.path).ok()?,
                index: self.index,
            },
            of: self.of,
        })
    }
}

impl StandingRecord {
    pub(crate) fn of(standing: Standing) -> Option<Self> {
        match standing {
            Standing::Absent => None,
            Standing::File { digest, mode } => Some(Self {
                digest: digest.to_string(),
                mode,
            }),
        }
    }

    pub(crate) fn standing(record: Option<Self>) -> Option<Standing> {
        match record {
            None => Some(Standing::Absent),
            Some(Self { digest, mode }) => Some(Standing::File {
                digest: Digest::parse(&digest)?,
                mode,
            }),
        }
    }
}
