//! Applying: all of what was kept, or nothing, whatever happens meanwhile.

use std::path::PathBuf;

use host::{Files, Lock, Tree};

use crate::WorkspacePath;
use crate::disk::{Disk, File, look, missing_folders};
use crate::journal::{About, FileStep, Journal, JournalError, Step, StepId};
use crate::operation::Standing;
use crate::store::{Store, StoreError};

/// What is to become of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Where it is.
    pub path: WorkspacePath,
    /// Its bytes and permission bits before; nothing if there is none.
    pub before: Option<(Vec<u8>, u32)>,
    /// Its bytes and permission bits afterwards; nothing if there is to be none.
    pub after: Option<(Vec<u8>, u32)>,
    /// Whether an editor has it open and is asked to change it; the disk is left alone then.
    pub in_editor: bool,
}

/// The one that writes the files of a workspace, and remembers what it wrote.
pub struct Writer<'a> {
    tree: &'a dyn Tree,
    store: Store<'a>,
    journal: Journal<'a>,
}

/// Files cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A file is not what the change was made against; nothing was changed.
    #[error("`{0}` has changed since; look at the change again")]
    Stale(WorkspacePath),
    /// A folder, a link or a device stands where a file should.
    #[error("`{0}` is not a plain file in a plain folder")]
    NotAFile(String),
    /// Another window is writing in this workspace.
    #[error("another window is writing in this workspace; try again")]
    Busy,
    /// Something failed, and so did putting things back: the next start does that.
    #[error("cannot take a half-done change back now; it will be taken back at the next start")]
    HalfDone(#[source] Box<ApplyError>),
    /// The disk refused something; nothing was changed.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// The store refused something; nothing was changed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal refused something; nothing was changed.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// An apply that an earlier run of the program did not finish, and that was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// What it was.
    pub step: Step,
    /// The files that somebody has written since, and that were left alone.
    pub left: Vec<WorkspacePath>,
}

/// An apply under way: what is about to happen is on record, nothing has happened.
#[must_use = "a transaction must be committed or aborted"]
pub struct Transaction<'a> {
    writer: &'a Writer<'a>,
    step: Step,
    contents: Vec<Option<File>>,
    _lock: Lock,
}

impl<'a> Writer<'a> {
    /// A writer for the workspace `tree` that keeps its memory in `folder`, which lies elsewhere.
    #[must_use]
    pub fn new(files: &'a dyn Files, tree: &'a dyn Tree, folder: PathBuf) -> Self {
        let store = Store::new(files, folder.join("store"));
        Self {
            tree,
            store,
            journal: Journal::new(files, folder.join("journal")),
        }
    }

    pub(crate) fn tree(&self) -> &'a dyn Tree {
        self.tree
    }

    /// What was put away.
    #[must_use]
    pub fn store(&self) -> &Store<'a> {
        &self.store
    }

    /// What was done, oldest first.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn steps(&self) -> Result<Vec<Step>, JournalError> {
        self.journal.steps()
    }

    /// Takes back what an earlier run of the program has left half done.
    ///
    /// # Errors
    /// When the disk refuses; what is left to do stays on record.
    pub fn recover(&self) -> Result<Vec<Recovered>, ApplyError> {
        let _lock = self.lock()?;
        self.recover_locked()
    }

    fn lock(&self) -> Result<Lock, ApplyError> {
        self.journal.lock()?.ok_or(ApplyError::Busy)
    }

    fn recover_locked(&self) -> Result<Vec<Recovered>, ApplyError> {
        let mut recovered = Vec::new();
        for step in self.journal.intents()?.into_iter().rev() {
            let left = self.disk(&step).take_back()?;
            self.journal.withdraw(step.id)?;
            recovered.push(Recovered { step, left });
        }
        if let Some(step) = self.journal.last_step()? {
            self.disk(&step).tidy()?;
        }
        Ok(recovered)
    }

    fn disk<'b>(&'b self, step: &'b Step) -> Disk<'b> {
        Disk {
            tree: self.tree,
            store: &self.store,
            step,
        }
    }

    /// Checks that all files are what they should be, and puts on record what is about to happen.
    ///
    /// # Errors
    /// When a file has changed, or something cannot be read or kept; nothing is changed then.
    pub fn begin(&'a self, writes: Vec<Write>, about: About) -> Result<Transaction<'a>, ApplyError> {
        let lock = self.lock()?;
        self.recover_locked()?;
        let mut step = Step {
            id: self.journal.next_id()?,
            about,
            files: Vec::new(),
            folders: Vec::new(),
        };
        let mut contents = Vec::new();
        for write in writes {
            let standing =
                |file: &Option<File>| Standing::of(file.as_ref().map(|(bytes, mode)| (&**bytes, *mode)));
            let (before, after) = (standing(&write.before), standing(&write.after));
            if before == after {
                continue;
            }
            if !write.in_editor {
                self.check(&write.path, before, after, &mut step.folders)?;
            }
            for (bytes, _) in [&write.before, &write.after].into_iter().flatten() {
                self.store.put(bytes)?;
            }
            step.files.push(FileStep {
                path: write.path,
                before,
                after,
                in_editor: write.in_editor,
            });
            contents.push(write.after);
        }
        self.journal.intend(&step)?;
        Ok(Transaction {
            writer: self,
            step,
            contents,
            _lock: lock,
        })
    }

    fn check(
        &self,
        path: &WorkspacePath,
        before: Standing,
        after: Standing,
        folders: &mut Vec<String>,
    ) -> Result<(), ApplyError> {
        let missing = missing_folders(self.tree, path)?;
        let now = if missing.is_empty() {
            look(self.tree, path.as_str())?
        } else {
            Standing::Absent
        };
        if now != before {
            return Err(ApplyError::Stale(path.clone()));
        }
        if after != Standing::Absent {
            folders.extend(
                missing
                    .into_iter()
                    .filter(|folder| !folders.contains(folder))
                    .collect::<Vec<_>>(),
            );
        }
        Ok(())
    }

    /// Writes everything, or nothing.
    ///
    /// # Errors
    /// When a file has changed or the disk refuses; nothing is changed then.
    pub fn apply(&'a self, writes: Vec<Write>, about: About) -> Result<Step, ApplyError> {
        let transaction = self.begin(writes, about)?;
        match transaction.write() {
            Ok(()) => transaction.commit(),
            Err(error) => {
                transaction.abort()?;
                Err(error)
            }
        }
    }
}

impl Transaction<'_> {
    /// What is about to happen.
    #[must_use]
    pub fn step(&self) -> &Step {
        &self.step
    }

    /// Writes what belongs on the disk. After an error the transaction must be aborted.
    ///
    /// # Errors
    /// When a file has changed or the disk refuses.
    pub fn write(&self) -> Result<(), ApplyError> {
        self.writer.disk(&self.step).carry_out(&self.contents)
    }

    /// Makes it so: from here on the step has happened.
    ///
    /// # Errors
    /// When the journal cannot be written; everything is taken back then.
    pub fn commit(self) -> Result<Step, ApplyError> {
        if let Err(error) = self.writer.journal.commit(self.step.id) {
            // A rename that was reported as failed may have happened all the same.
            let steps = self
                .writer
                .journal
                .steps()
                .map_err(|error| half_done(error.into()))?;
            if steps.iter().any(|step| step.id == self.step.id) {
                return Ok(self.step);
            }
            self.abort()?;
            return Err(error.into());
        }
        // What is left lying now is removed before the next step.
        let _tidied_next_time = self.writer.disk(&self.step).tidy();
        Ok(self.step)
    }

    /// Takes back whatever was written.
    ///
    /// # Errors
    /// [`ApplyError::HalfDone`] when the disk refuses; the next start takes it back then.
    pub fn abort(self) -> Result<StepId, ApplyError> {
        self.writer.disk(&self.step).take_back().map_err(half_done)?;
        self.writer
            .journal
            .withdraw(self.step.id)
            .map_err(|error| half_done(error.into()))?;
        Ok(self.step.id)
    }
}

fn half_done(error: ApplyError) -> ApplyError {
    ApplyError::HalfDone(Box::new(error))
}
