//! What was done to a disk, and from when on it is safe.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// All that was done to a disk, in order.
#[derive(Default)]
pub(super) struct Record {
    pub(super) changes: Vec<Change>,
    pub(super) names: BTreeMap<PathBuf, u64>,
    last_file: u64,
}

/// One change, and the moment from which on it is safe, counted in changes and syncs.
pub(super) struct Change {
    pub(super) what: What,
    pub(super) safe_from: Option<usize>,
}

/// Files are named by numbers, since they keep their content when they are moved.
pub(super) enum What {
    Folder(PathBuf),
    NoFolder(PathBuf),
    Name(PathBuf, u64),
    NoName(PathBuf, u64),
    Move(PathBuf, PathBuf, u64),
    Exchange((PathBuf, u64), (PathBuf, u64)),
    Append(u64, Vec<u8>),
    Cut(u64, usize),
    Mode(u64, u32),
    /// A moment at which something became safe.
    Sync,
}

impl What {
    fn is_of_file(&self, number: u64) -> bool {
        match self {
            Self::Append(file, _) | Self::Cut(file, _) | Self::Mode(file, _) => *file == number,
            _ => false,
        }
    }

    fn is_of_folder(&self, folder: &Path) -> bool {
        let inside = |path: &PathBuf| path.parent() == Some(folder);
        match self {
            Self::Folder(path) | Self::NoFolder(path) | Self::Name(path, _) | Self::NoName(path, _) => {
                inside(path)
            }
            Self::Move(from, to, _) => inside(from) || inside(to),
            Self::Exchange((one, _), (other, _)) => inside(one) || inside(other),
            Self::Append(..) | Self::Cut(..) | Self::Mode(..) | Self::Sync => false,
        }
    }
}

impl Record {
    pub(super) fn add(&mut self, what: What) {
        self.changes.push(Change {
            what,
            safe_from: None,
        });
    }

    /// Makes safe what `covered` picks.
    pub(super) fn sync(&mut self, covered: impl Fn(&What) -> bool) {
        let now = self.changes.len();
        for change in &mut self.changes {
            if change.safe_from.is_none() && covered(&change.what) {
                change.safe_from = Some(now);
            }
        }
        self.add(What::Sync);
    }

    pub(super) fn sync_file(&mut self, file: u64) {
        self.sync(|what| what.is_of_file(file));
    }

    pub(super) fn sync_folder(&mut self, folder: &Path) {
        self.sync(|what| what.is_of_folder(folder));
    }

    pub(super) fn file(&self, path: &Path) -> u64 {
        self.names.get(path).copied().unwrap_or_default()
    }

    pub(super) fn make(&mut self, path: &Path) -> u64 {
        self.last_file += 1;
        let file = self.last_file;
        self.names.insert(path.to_owned(), file);
        self.add(What::Name(path.to_owned(), file));
        file
    }

    pub(super) fn move_to(&mut self, from: &Path, to: &Path) {
        let file = self.file(from);
        self.names.remove(from);
        self.names.insert(to.to_owned(), file);
        self.add(What::Move(from.to_owned(), to.to_owned(), file));
    }

    pub(super) fn remove(&mut self, path: &Path) {
        let file = self.file(path);
        self.names.remove(path);
        self.add(What::NoName(path.to_owned(), file));
    }

    /// As the real world does it: beside, synced, moved, and the folder synced.
    pub(super) fn write_atomic(&mut self, path: &Path, content: &[u8], mode: u32) {
        let beside = path.with_file_name(format!(".freehold-beside-{}", self.last_file + 1));
        let file = self.make(&beside);
        self.add(What::Append(file, content.to_vec()));
        self.add(What::Mode(file, mode));
        self.sync_file(file);
        self.move_to(&beside, path);
        self.sync_folder(path.parent().unwrap_or(path));
    }
}
