//! An audit log in volumes, for records that are many: each is a log of its own, the oldest go, and what is left
//! can still be verified.
//!
//! A volume begins with a record of how the one before it ended, and a file names the last: so a volume that is
//! missing shows, but for those that had to go.

use std::path::PathBuf;

use host::{Files, Lock};

use crate::audit::{End, read_or_nothing};
use crate::{Audit, AuditEntry, AuditError, AuditKind, Digest, Fault};

/// The field of a volume's first record: the digest of the last record of the volume before.
const FOLLOWS: &str = "follows";

/// An audit log in volumes, in a folder.
pub struct Volumes<'a> {
    files: &'a dyn Files,
    folder: PathBuf,
    bytes_max: u64,
    count_max: u64,
}

impl<'a> Volumes<'a> {
    /// The log in `folder`, which is made when it is first needed. A volume that has `bytes_max` bytes is
    /// followed by another; of the volumes the last `count_max` are kept (at least one).
    #[must_use]
    pub fn new(files: &'a dyn Files, folder: PathBuf, bytes_max: u64, count_max: u64) -> Self {
        Self {
            files,
            folder,
            bytes_max,
            count_max: count_max.max(1),
        }
    }

    /// Adds records; they are on the disk on return.
    ///
    /// # Errors
    /// When they cannot be written, or the log is not as it was left; [`AuditError::Busy`] while another
    /// process writes it.
    pub fn append(&self, entries: &[AuditEntry]) -> Result<(), AuditError> {
        let Some(first) = entries.first() else {
            return Ok(());
        };
        let _lock = self.lock()?;
        let last = self.last()?;
        let end = match last {
            0 => End::start(),
            last => self.volume(last).end()?,
        };
        if last > 0 && end.bytes < self.bytes_max {
            return self.volume(last).append(entries);
        }
        let link = AuditEntry {
            kind: AuditKind::Continues,
            time: first.time,
            fields: vec![(FOLLOWS.to_owned(), end.digest.to_string())],
        };
        let linked: Vec<AuditEntry> = [link].into_iter().chain(entries.iter().cloned()).collect();
        self.volume(last + 1).append(&linked)?;
        self.begun(last + 1)
    }

    /// All records that are kept, first to last, once they have been found to be as they were left.
    ///
    /// # Errors
    /// When they are not, or cannot be read.
    pub fn verify(&self) -> Result<Vec<AuditEntry>, AuditError> {
        let last = self.last()?;
        let mut found = Vec::new();
        // Nothing says how the volume ended that had to go.
        let mut before = (last <= self.count_max).then(|| End::start().digest);
        for volume in self.first(last)..=last {
            let within = |error| match error {
                AuditError::Fault(fault) => AuditError::Fault(Fault::Within {
                    volume,
                    fault: Box::new(fault),
                }),
                other => other,
            };
            let (mut entries, end) = self.volume(volume).verify_to_end().map_err(within)?;
            let follows = entries.first().and_then(follows);
            if follows.is_none() || before.is_some_and(|before| Some(before) != follows) {
                return Err(Fault::Volume { volume }.into());
            }
            found.extend(entries.drain(1..));
            before = Some(end.digest);
        }
        Ok(found)
    }

    fn volume(&self, number: u64) -> Audit<'a> {
        Audit::new(self.files, self.path(number))
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:08}"))
    }

    fn lock(&self) -> Result<Lock, AuditError> {
        self.files.create_private_folder(&self.folder)?;
        self.files
            .try_lock(&self.folder.join("lock"))?
            .ok_or(AuditError::Busy)
    }

    /// The oldest volume that is kept beside `last`.
    fn first(&self, last: u64) -> u64 {
        last.saturating_sub(self.count_max) + 1
    }

    /// The last volume; 0 if there is none.
    fn last(&self) -> Result<u64, AuditError> {
        let named = match read_or_nothing(self.files, &self.folder.join("last"))? {
            None => 0,
            Some(bytes) => {
                let number = std::str::from_utf8(&bytes)
                    .ok()
                    .and_then(|text| text.trim().parse().ok());
                number.ok_or(Fault::Head)?
            }
        };
        // It may have been begun, and not been named yet, when the power went.
        let next = self.volume(named + 1);
        let begun = self.files.exists(&self.path(named + 1)) && !next.verify()?.is_empty();
        Ok(if begun { named + 1 } else { named })
    }

    /// Names the last volume, and lets those go that are too many.
    fn begun(&self, last: u64) -> Result<(), AuditError> {
        let path = self.folder.join("last");
        self.files.write_atomic(&path, format!("{last}\n").as_bytes())?;
        self.files.make_private(&path)?;
        for entry in self.files.list(&self.folder)? {
            let number: Option<u64> = entry.name.parse().ok();
            if number.is_some_and(|number| number < self.first(last)) {
                self.files.remove_folder(&self.folder.join(entry.name))?;
            }
        }
        Ok(())
    }
}

/// How the volume before ended, as the first record of a volume says.
fn follows(entry: &AuditEntry) -> Option<Digest> {
    let (name, digest) = entry.fields.first()?;
    (entry.kind == AuditKind::Continues && name == FOLLOWS)
        .then(|| Digest::parse(digest))
        .flatten()
}
