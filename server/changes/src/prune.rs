//! Forgetting the oldest steps, so that the memory of a workspace stays within a budget.
//!
//! A step is forgotten before what it needs is: whenever the power goes, every step that is still on
//! record can be taken back.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use host::Lock;

use crate::journal::{FileStep, JournalError, Step};
use crate::pending::PendingError;
use crate::store::StoreError;
use crate::writer::ApplyError;
use crate::{Digest, Home, Store};

/// What the memory of a workspace may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The most bytes that the store may take for what can be undone; the newest step may exceed it.
    pub store_bytes_max: u64,
    /// How long a step can be undone at least, if the bytes allow.
    pub age_max: Duration,
}

/// How often the oldest steps are looked for: that takes a look at every object.
const PAUSE: Duration = Duration::from_secs(24 * 60 * 60);
/// The file whose age says when they were last looked for.
const PRUNED: &str = "pruned";

/// What was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// The steps that cannot be undone any more.
    pub steps: usize,
    /// The objects that nothing needs any more, and files that a killed program has left half written.
    pub objects: usize,
    /// The bytes that these took.
    pub bytes: u64,
}

/// Nothing, or not all that could be, was forgotten.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// The disk refuses, or another window is writing.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The journal cannot be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The kept review cannot be read, so what it needs is not known.
    #[error(transparent)]
    Pending(#[from] PendingError),
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The disk refuses.
    #[error(transparent)]
    Host(#[from] host::Error),
}

impl Home<'_> {
    /// Does what [`Home::prune`] does if that was not done within the last day; else gives nothing.
    ///
    /// # Errors
    /// As there.
    pub fn prune_daily(
        &self,
        budget: &Budget,
        now: SystemTime,
        owner: &Lock,
    ) -> Result<Option<Pruned>, PruneError> {
        let mark = self.folder().join(PRUNED);
        let last = match self.files().metadata(&mark) {
            Ok(metadata) => metadata.modified,
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error.into()),
        };
        // A time to come is that of a clock that was set back since: it says nothing.
        let is_recent = last.is_some_and(|last| now.duration_since(last).is_ok_and(|since| since < PAUSE));
        if is_recent {
            return Ok(None);
        }
        let pruned = self.prune(budget, now, owner)?;
        self.files().write_atomic(&mark, b"")?;
        Ok(Some(pruned))
    }

    /// Forgets the oldest steps beyond `budget`, and all objects that neither a step nor the kept review
    /// needs. `now` is the time of day; [`Home::own`] has given `_owner`, who must not save meanwhile.
    ///
    /// # Errors
    /// When something cannot be read or removed; what is left is whole all the same.
    pub fn prune(&self, budget: &Budget, now: SystemTime, _owner: &Lock) -> Result<Pruned, PruneError> {
        let (journal, store) = (self.journal(), self.store());
        let _writing = journal.lock()?.ok_or(ApplyError::Busy)?;
        // An apply that did not finish is put right first by whoever opens the workspace.
        let unfinished = journal.intents()?;
        let steps = journal.steps()?;
        let mut pruned = Pruned {
            steps: steps.len() - kept(&steps, &store, budget, |step| journal.age(step.id, now))?,
            ..Pruned::default()
        };
        let (forgotten, kept) = steps.split_at(pruned.steps);
        for step in forgotten {
            journal.forget(step.id)?;
        }
        journal.tidy()?;
        let needed = self.pending().needed()?.map(|mut needed| {
            needed.extend(kept.iter().chain(&unfinished).flat_map(digests));
            needed
        });
        for object in store.objects()? {
            // A review that was set aside may be mended yet: as long as it lies there, all objects stay.
            let is_needed = |digest| needed.as_ref().is_none_or(|needed| needed.contains(&digest));
            if !object.digest.is_some_and(is_needed) {
                self.files().remove_file(&object.path)?;
                pruned.objects += 1;
                pruned.bytes += object.bytes;
            }
        }
        for path in self.half_written()? {
            self.files().remove_file(&path)?;
            pruned.objects += 1;
        }
        Ok(pruned)
    }
}

fn digests(step: &Step) -> impl Iterator<Item = Digest> {
    let both = |file: &FileStep| [file.before.digest(), file.after.digest()];
    step.files.iter().flat_map(both).flatten()
}

/// How many of `steps`, counted from the newest, the budget has room for; the newest always.
fn kept(
    steps: &[Step],
    store: &Store,
    budget: &Budget,
    age: impl Fn(&Step) -> Result<Duration, JournalError>,
) -> Result<usize, PruneError> {
    let (mut seen, mut bytes) = (BTreeSet::new(), 0);
    for (newer, step) in steps.iter().rev().enumerate() {
        for digest in digests(step) {
            if seen.insert(digest) {
                bytes += store.bytes_of(digest)?;
            }
        }
        if newer > 0 && (bytes > budget.store_bytes_max || age(step)? > budget.age_max) {
            return Ok(newer);
        }
    }
    Ok(steps.len())
}
