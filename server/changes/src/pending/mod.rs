//! Keeping a review on the disk, so that it is there again after a restart.
//!
//! An index, replaced as a whole, says which files wait and where the store has the record of each. A
//! record holds the text as its authority last had it and the hunks that stand in it; after a restart
//! the hunks follow from that text to what stands there by then, as they do while the program runs.

mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use host::Files;
use serde::{Deserialize, Serialize};

use crate::file_review::{FileReview, Live};
use crate::hunk::ChangeId;
use crate::journal::{Journal, JournalError, Step, StepId};
use crate::operation::OperationKind;
use crate::store::{Store, StoreError};
use crate::{ChangeInfo, Digest, Review, WorkspacePath};
use record::FileRecord;

/// The version of the index and the records.
const FORMAT: u32 = 1;
/// How the index is named, and what stands before the number of one that was set aside.
const INDEX: &str = "pending";
const SET_ASIDE: &str = "pending.damaged-";

/// Keeps the review of one workspace in a folder, beside the workspace's store and journal.
pub struct Pending<'a> {
    files: &'a dyn Files,
    folder: PathBuf,
    store: Store<'a>,
    journal: Journal<'a>,
}

/// A review that was kept.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What waits, held against what stands there now; empty if nothing was kept.
    pub review: Review,
    /// What could not be read of it, if there is something: the user must be told.
    pub set_aside: Option<SetAside>,
}

/// Something of a kept review could not be read, and was put where nothing will overwrite it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the pending review of {} cannot be read; it was set aside as `{}`",
    if files.is_empty() { "all files".to_owned() } else { named(files) },
    path.display()
)]
pub struct SetAside {
    /// Where it is.
    pub path: PathBuf,
    /// The files of the workspace whose hunks are missing now; none if that cannot even be told.
    pub files: Vec<String>,
}

/// A review cannot be kept or had again.
#[derive(Debug, thiserror::Error)]
pub enum PendingError {
    /// The disk refuses.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal, which says what of the review was carried out, cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Another version of the program has kept a review there; it is left alone.
    #[error("`{}` was written by a later version of Freehold; use that version", .0.display())]
    Later(PathBuf),
    /// The review cannot be written as it is.
    #[error("cannot write the pending review to `{}`", path.display())]
    Unwritable {
        /// The index.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

fn named(files: &[String]) -> String {
    let names: Vec<String> = files.iter().map(|file| format!("`{file}`")).collect();
    names.join(", ")
}

#[derive(Serialize, Deserialize)]
struct Index {
    format: u32,
    last_id: u64,
    /// The last step that had been done when this was written.
    step: u64,
    changes: BTreeMap<ChangeId, ChangeInfo>,
    files: BTreeMap<String, Place>,
}

/// Where the record of a file is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// The digest of the record.
    record: String,
    /// The object of the store that has it among others: the records that were written at once.
    object: String,
}

/// The only thing that must be known of an index to see whether the rest can be.
#[derive(Deserialize)]
struct Version {
    format: u32,
}

impl<'a> Pending<'a> {
    /// Keeps a review in `folder`, in which the [`crate::Writer`] of the workspace has its memory.
    #[must_use]
    pub fn new(files: &'a dyn Files, folder: PathBuf) -> Self {
        Self {
            files,
            store: Store::new(files, folder.join("store")),
            journal: Journal::new(files, folder.join("journal")),
            folder,
        }
    }

    /// Keeps `review` as it is, all or nothing; it is on the disk on return.
    ///
    /// # Errors
    /// When it cannot be written; what was kept before is kept still.
    pub fn save(&self, review: &Review) -> Result<(), PendingError> {
        let path = self.index();
        let unwritable = |source| PendingError::Unwritable {
            path: path.clone(),
            source,
        };
        let before = match self.read()? {
            Read::Index(index) => index.files,
            Read::Nothing => BTreeMap::new(),
            Read::Damaged => {
                self.set_index_aside()?;
                BTreeMap::new()
            }
        };
        let mut index = Index {
            format: FORMAT,
            last_id: review.last_id,
            step: self.journal.last_id()?.map_or(0, |step| step.0),
            changes: review.changes.clone(),
            files: BTreeMap::new(),
        };
        let (mut fresh, mut object) = (Vec::new(), Vec::new());
        for (at, file) in &review.files {
            let (record, binaries) = FileRecord::of(file);
            for bytes in binaries {
                self.store.put(&bytes)?;
            }
            let line = serde_json::to_vec(&record).map_err(unwritable)?;
            let digest = Digest::of(&line).to_string();
            match before.get(at.as_str()).filter(|place| place.record == digest) {
                Some(place) => drop(index.files.insert(at.to_string(), place.clone())),
                None => {
                    object.extend_from_slice(&line);
                    object.push(b'\n');
                    fresh.push((at.to_string(), digest));
                }
            }
        }
        if !fresh.is_empty() {
            let object = self.store.put(&object)?.to_string();
            let place = |record| Place {
                record,
                object: object.clone(),
            };
            index
                .files
                .extend(fresh.into_iter().map(|(at, record)| (at, place(record))));
        }
        let text = serde_json::to_vec_pretty(&index).map_err(unwritable)?;
        self.files.create_private_folder(&self.folder)?;
        self.files.write_atomic(&path, &text)?;
        Ok(self.files.make_private(&path)?)
    }

    /// The review as it was last kept, each file of it held against what `live` says stands there now.
    ///
    /// What an apply carried out after that is not in it any more. Call [`crate::Writer::recover`] first.
    ///
    /// # Errors
    /// When something cannot be read because the disk or another version of the program stands in the
    /// way. What is damaged is no error: it is set aside.
    pub fn load(&self, mut live: impl FnMut(&WorkspacePath) -> Live) -> Result<Loaded, PendingError> {
        let index = match self.read()? {
            Read::Index(index) => index,
            Read::Nothing => {
                return Ok(Loaded {
                    review: Review::default(),
                    set_aside: None,
                });
            }
            Read::Damaged => {
                let path = self.set_index_aside()?;
                return Ok(Loaded {
                    review: Review::default(),
                    set_aside: Some(SetAside {
                        path,
                        files: Vec::new(),
                    }),
                });
            }
        };
        let mut review = Review {
            files: BTreeMap::new(),
            changes: index.changes.clone(),
            last_id: index.last_id,
        };
        let mut damaged = Vec::new();
        let mut objects = BTreeMap::new();
        for (at, place) in &index.files {
            match self.file(at, place, &mut objects)? {
                Some(file) => drop(review.files.insert(file.path.clone(), file)),
                None => damaged.push(at.clone()),
            }
        }
        let set_aside = if damaged.is_empty() {
            None
        } else {
            let path = self.free_name()?;
            self.files.copy(&self.index(), &path)?;
            Some(SetAside { path, files: damaged })
        };
        for step in self.journal.steps_since(StepId(index.step))? {
            carried_out(&mut review, &step, &mut live);
        }
        let paths: Vec<WorkspacePath> = review.files.keys().cloned().collect();
        for path in paths {
            let now = live(&path);
            review.set_live(&path, now);
        }
        Ok(Loaded { review, set_aside })
    }

    /// The objects of the store without which a kept review, or one set aside, could not be had again;
    /// nothing if that cannot be told.
    pub(crate) fn needed(&self) -> Result<Option<BTreeSet<Digest>>, PendingError> {
        let mut needed = BTreeSet::new();
        let mut objects = BTreeMap::new();
        let mut indexes = match self.read()? {
            Read::Index(index) => vec![index],
            Read::Nothing => Vec::new(),
            Read::Damaged => return Ok(None),
        };
        for path in self.set_aside()? {
            match serde_json::from_slice(&self.files.read(&path)?) {
                Ok(index) => indexes.push(index),
                Err(_) => return Ok(None),
            }
        }
        for index in indexes {
            for (at, place) in &index.files {
                needed.extend(Digest::parse(&place.object));
                if let Some(record) = self.record(at, place, &mut objects)? {
                    needed.extend(record.binaries());
                }
            }
        }
        Ok(Some(needed))
    }

    fn index(&self) -> PathBuf {
        self.folder.join(INDEX)
    }

    fn read(&self) -> Result<Read, PendingError> {
        let path = self.index();
        let bytes = match self.files.read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Ok(Read::Nothing),
            Err(error) => return Err(error.into()),
        };
        match serde_json::from_slice::<Version>(&bytes) {
            Ok(version) if version.format > FORMAT => Err(PendingError::Later(path)),
            Ok(_) => Ok(serde_json::from_slice(&bytes).map_or(Read::Damaged, Read::Index)),
            Err(_) => Ok(Read::Damaged),
        }
    }

    /// The record of a file; nothing if it is damaged.
    fn record(
        &self,
        at: &str,
        place: &Place,
        objects: &mut BTreeMap<Digest, Vec<u8>>,
    ) -> Result<Option<FileRecord>, PendingError> {
        let Some(object) = Digest::parse(&place.object) else {
            return Ok(None);
        };
        if let std::collections::btree_map::Entry::Vacant(entry) = objects.entry(object) {
            match self.store.get(object) {
                Ok(bytes) => drop(entry.insert(bytes)),
                Err(StoreError::Damaged(_)) => return Ok(None),
                Err(StoreError::Host(error)) if error.is_not_found() => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        let lines = objects[&object].split(|&byte| byte == b'\n');
        let record = lines
            .map(|line| (line, serde_json::from_slice::<FileRecord>(line)))
            .find_map(|(line, record)| {
                let record = record.ok().filter(|record| record.path == at)?;
                (Digest::of(line).to_string() == place.record).then_some(record)
            });
        Ok(record)
    }

    /// The review of a file; nothing if its record is damaged.
    fn file(
        &self,
        at: &str,
        place: &Place,
        objects: &mut BTreeMap<Digest, Vec<u8>>,
    ) -> Result<Option<FileReview>, PendingError> {
        let Some(record) = self.record(at, place, objects)? else {
            return Ok(None);
        };
        let mut binaries = BTreeMap::new();
        for digest in record.binaries() {
            match self.store.get(digest) {
                Ok(bytes) => drop(binaries.insert(digest, bytes)),
                Err(StoreError::Damaged(_)) => return Ok(None),
                Err(StoreError::Host(error)) if error.is_not_found() => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(record.file(&binaries))
    }

    /// Puts the index where it is not overwritten, and says where.
    fn set_index_aside(&self) -> Result<PathBuf, PendingError> {
        let path = self.free_name()?;
        self.files.rename(&self.index(), &path)?;
        Ok(path)
    }

    fn set_aside(&self) -> Result<Vec<PathBuf>, PendingError> {
        let entries = match self.files.list(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.is_not_found() => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        Ok(entries
            .into_iter()
            .filter(|entry| entry.name.starts_with(SET_ASIDE))
            .map(|entry| self.folder.join(entry.name))
            .collect())
    }

    fn free_name(&self) -> Result<PathBuf, PendingError> {
        let taken = self.set_aside()?;
        let mut names = (1_u64..).map(|number| self.folder.join(format!("{SET_ASIDE}{number}")));
        Ok(names
            .find(|name| !taken.contains(name))
            .unwrap_or_else(|| self.folder.join(SET_ASIDE)))
    }
}

/// What was found where the index should be.
enum Read {
    Index(Index),
    Nothing,
    Damaged,
}

/// Takes note of a step that was done after the review had been kept for the last time.
///
/// What an editor was asked to write may have died with the editor, so that is looked at anew.
fn carried_out(review: &mut Review, step: &Step, live: &mut impl FnMut(&WorkspacePath) -> Live) {
    for file in step.files.iter().filter(|file| !file.in_editor) {
        let Some(waiting) = review.file(&file.path) else {
            continue;
        };
        let operations = waiting.operations().iter();
        let (whole, moved_to): (Vec<_>, Vec<_>) = operations
            .filter(|operation| step.about.hunks.contains(&operation.id()))
            .map(|operation| match operation.kind() {
                OperationKind::Rename(to) => (operation.id(), Some(to.clone())),
                _ => (operation.id(), None),
            })
            .unzip();
        let texts = waiting.text().hunks().iter().map(crate::Hunk::id);
        let ids: Vec<_> = whole
            .into_iter()
            .chain(texts.filter(|id| step.about.hunks.contains(id)))
            .collect();
        if ids.is_empty() {
            continue;
        }
        let to = moved_to.into_iter().flatten().next();
        let now_at = to.unwrap_or_else(|| file.path.clone());
        let now = live(&now_at);
        review.carried_out_before(&file.path, &ids, now_at, now);
    }
}
