//! The audit log: what was asked, allowed, decided and written, each record chained to the one before.
//!
//! A record is a line: its digest, and what it says. The digest covers the digest of the line before, so
//! no line can be edited, removed, moved or put in without its place showing. The last digest is kept
//! apart in a file of its own, so that a cut-off tail shows as well.
//!
//! Whoever can write both files can make up another history; what is guarded against is that parts of
//! this one vanish or change.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use host::{Files, Lock};
use serde::{Deserialize, Serialize};

use crate::Digest;

/// What a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditKind {
    /// Something was asked of a model.
    Request,
    /// A tool was called.
    ToolCall,
    /// Leave was asked, given or refused.
    Leave,
    /// A hunk was kept or dropped.
    Decision,
    /// Files were written.
    Write,
    /// A volume begins; see [`crate::Volumes`].
    Continues,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// What it is of.
    pub kind: AuditKind,
    /// When it happened.
    pub time: SystemTime,
    /// The rest, as names and values in a fixed order: session, prompt, model file, person, path, digest.
    pub fields: Vec<(String, String)>,
}

/// An audit log in a folder.
pub struct Audit<'a> {
    files: &'a dyn Files,
    folder: PathBuf,
}

/// The log cannot be read or written: nothing that wants a record may go on.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The disk refuses.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// The log is not as it was left.
    #[error("the audit log is not as it was left: {0}")]
    Fault(#[from] Fault),
    /// Another window is writing the log.
    #[error("another window is writing the audit log; try again")]
    Busy,
}

/// The first place in which a log is not as it was left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A record cannot be read.
    #[error("record {record} cannot be read")]
    Unreadable {
        /// The record, from 1.
        record: u64,
    },
    /// A record was edited, or the one before it was edited, removed, moved or put in.
    #[error("record {record} does not follow from the one before it")]
    Broken {
        /// The record, from 1.
        record: u64,
    },
    /// Records are missing at the end, or were added to it by somebody else.
    #[error("the log ends with record {found}, but {expected} were written")]
    Tail {
        /// How many records there are.
        found: u64,
        /// How many there should be.
        expected: u64,
    },
    /// Something is wrong within a volume of a log.
    #[error("volume {volume}: {fault}")]
    Within {
        /// The volume, from 1.
        volume: u64,
        /// What.
        fault: Box<Fault>,
    },
    /// A volume of a log is missing, or is not the one that was begun there.
    #[error("volume {volume} is missing, or does not follow from the one before it")]
    Volume {
        /// The volume, from 1.
        volume: u64,
    },
    /// The file that says where the log ends is missing or cannot be read.
    #[error("the file that says where the log ends cannot be read")]
    Head,
}

#[derive(Serialize, Deserialize)]
struct Record {
    number: u64,
    time_ms: u64,
    kind: AuditKind,
    fields: Vec<(String, String)>,
}

/// How far a log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    /// How many records there are.
    pub(crate) records: u64,
    /// How many bytes they take.
    pub(crate) bytes: u64,
    /// The digest of the last one.
    pub(crate) digest: Digest,
}

/// Where the log ended when it was last written, and where it would end after what was being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    written: End,
    intended: End,
}

impl End {
    pub(crate) fn start() -> Self {
        Self {
            records: 0,
            bytes: 0,
            digest: Digest::of(b""),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let records = words.next()?.parse().ok()?;
        let bytes = words.next()?.parse().ok()?;
        let digest = Digest::parse(words.next()?)?;
        words.next().is_none().then_some(Self {
            records,
            bytes,
            digest,
        })
    }
}

impl<'a> Audit<'a> {
    /// The log in `folder`, which is made when it is first needed.
    #[must_use]
    pub fn new(files: &'a dyn Files, folder: PathBuf) -> Self {
        Self { files, folder }
    }

    /// Adds records; they are on the disk on return.
    ///
    /// # Errors
    /// When they cannot be written, or the log is not as it was left: whatever they are about must not
    /// happen then.
    pub fn append(&self, entries: &[AuditEntry]) -> Result<(), AuditError> {
        let _lock = self.lock()?;
        let written = self.mend()?;
        let mut intended = written;
        let mut lines = String::new();
        for entry in entries {
            intended.records += 1;
            let line = line(entry, intended)?;
            intended.digest = line.0;
            intended.bytes += line.1.len() as u64;
            lines += &line.1;
        }
        self.write_head(Head { written, intended })?;
        let path = self.log();
        let failed = |error| host::Error::new("write", &path, error);
        let mut log = self.files.open_append(&path)?;
        log.write_all(lines.as_bytes())
            .and_then(|()| log.sync())
            .map_err(failed)?;
        self.files.make_private(&path)?;
        self.write_head(Head {
            written: intended,
            intended,
        })
    }

    /// All records, first to last, once the log has been found to be as it was left.
    ///
    /// # Errors
    /// When it is not, or cannot be read.
    pub fn verify(&self) -> Result<Vec<AuditEntry>, AuditError> {
        Ok(self.verify_to_end()?.0)
    }

    /// All records, as [`Audit::verify`] has them, and where they end.
    pub(crate) fn verify_to_end(&self) -> Result<(Vec<AuditEntry>, End), AuditError> {
        let log = self.read_log()?;
        let head = match self.read_head()? {
            Some(head) => head,
            None if log.is_empty() => return Ok((Vec::new(), End::start())),
            None => return Err(Fault::Head.into()),
        };
        let halfway = head.written.bytes..head.intended.bytes;
        // What was being written when the power went stands for nothing.
        let log = if halfway.contains(&(log.len() as u64)) {
            log.get(..usize::try_from(halfway.start).unwrap_or(usize::MAX))
                .unwrap_or_default()
        } else {
            &log
        };
        let mut entries = Vec::new();
        let mut end = End::start();
        let mut ends_with_head = head.written == end;
        for line in log.split_inclusive(|&byte| byte == b'\n') {
            let record = end.records + 1;
            let (digest, entry) = read_line(line).ok_or(Fault::Unreadable { record })?;
            if digest != chained(end.digest, &line[DIGEST_DIGITS + 1..]) || entry.0 != record {
                return Err(Fault::Broken { record }.into());
            }
            end = End {
                records: record,
                bytes: end.bytes + line.len() as u64,
                digest,
            };
            ends_with_head = end == head.written || end == head.intended;
            entries.push(entry.1);
        }
        if !ends_with_head {
            return Err(Fault::Tail {
                found: end.records,
                expected: head.written.records,
            }
            .into());
        }
        Ok((entries, end))
    }

    /// Where the log ends; what was only half written when the power went is cut off.
    pub(crate) fn end(&self) -> Result<End, AuditError> {
        let _lock = self.lock()?;
        self.mend()
    }

    /// Finds the end of the log, and cuts off what was only half written when the power went.
    fn mend(&self) -> Result<End, AuditError> {
        let log = self.read_log()?;
        let Some(head) = self.read_head()? else {
            return if log.is_empty() {
                Ok(End::start())
            } else {
                Err(Fault::Head.into())
            };
        };
        let bytes = log.len() as u64;
        let last = |end: End| end.records == 0 && log.is_empty() || ends_with(&log, end);
        if bytes == head.intended.bytes && last(head.intended) {
            return Ok(head.intended);
        }
        let kept = usize::try_from(head.written.bytes).unwrap_or(usize::MAX);
        let halfway = head.intended != head.written && bytes < head.intended.bytes;
        match log.get(..kept) {
            Some(whole) if bytes == head.written.bytes || halfway => {
                if head.written.records > 0 && !ends_with(whole, head.written) {
                    return Err(Fault::Broken {
                        record: head.written.records,
                    }
                    .into());
                }
                if bytes > head.written.bytes {
                    self.files.truncate(&self.log(), head.written.bytes)?;
                }
                Ok(head.written)
            }
            _ => {
                let found = log.iter().filter(|&&byte| byte == b'\n').count() as u64;
                Err(Fault::Tail {
                    found,
                    expected: head.written.records,
                }
                .into())
            }
        }
    }

    fn lock(&self) -> Result<Lock, AuditError> {
        self.files.create_private_folder(&self.folder)?;
        self.files
            .try_lock(&self.folder.join("lock"))?
            .ok_or(AuditError::Busy)
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn read_log(&self) -> Result<Vec<u8>, host::Error> {
        read_or_nothing(self.files, &self.log()).map(Option::unwrap_or_default)
    }

    fn read_head(&self) -> Result<Option<Head>, AuditError> {
        let Some(bytes) = read_or_nothing(self.files, &self.folder.join("head"))? else {
            return Ok(None);
        };
        let text = String::from_utf8(bytes).map_err(|_| Fault::Head)?;
        let mut ends = text.lines().map(End::parse);
        match (ends.next().flatten(), ends.next().flatten(), ends.next()) {
            (Some(written), Some(intended), None) => Ok(Some(Head { written, intended })),
            _ => Err(Fault::Head.into()),
        }
    }

    fn write_head(&self, head: Head) -> Result<(), AuditError> {
        let line = |end: End| format!("{} {} {}\n", end.records, end.bytes, end.digest);
        let text = line(head.written) + &line(head.intended);
        let path = self.folder.join("head");
        self.files.write_atomic(&path, text.as_bytes())?;
        Ok(self.files.make_private(&path)?)
    }
}

const DIGEST_DIGITS: usize = 64;

pub(crate) fn read_or_nothing(files: &dyn Files, path: &Path) -> Result<Option<Vec<u8>>, host::Error> {
    match files.read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn chained(before: Digest, said: &[u8]) -> Digest {
    Digest::of_fields(&[before.to_string().as_bytes(), said])
}

/// The record that makes a log end with `end`, whose digest is still that of the record before.
fn line(entry: &AuditEntry, end: End) -> Result<(Digest, String), AuditError> {
    let since = entry
        .time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let record = Record {
        number: end.records,
        time_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
        kind: entry.kind,
        fields: entry.fields.clone(),
    };
    let said = serde_json::to_string(&record).map_err(|_| Fault::Unreadable { record: end.records })? + "\n";
    let digest = chained(end.digest, said.as_bytes());
    Ok((digest, format!("{digest} {said}")))
}

/// The digest, number and content of a record.
fn read_line(line: &[u8]) -> Option<(Digest, (u64, AuditEntry))> {
    let digest = Digest::parse(std::str::from_utf8(line.get(..DIGEST_DIGITS)?).ok()?)?;
    let said = line.get(DIGEST_DIGITS..)?.strip_prefix(b" ")?;
    let record: Record = serde_json::from_slice(said.strip_suffix(b"\n")?).ok()?;
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(record.time_ms))?;
    Some((
        digest,
        (
            record.number,
            AuditEntry {
                kind: record.kind,
                time,
                fields: record.fields,
            },
        ),
    ))
}

/// Whether the last line of a log has the digest that `end` names.
fn ends_with(log: &[u8], end: End) -> bool {
    let last = log
        .split_inclusive(|&byte| byte == b'\n')
        .next_back()
        .unwrap_or_default();
    last.ends_with(b"\n") && read_line(last).is_some_and(|(digest, _)| digest == end.digest)
}
