//! A disk whose power may go at any moment, with all that a file system may lose then.
//!
//! It works like [`MemoryHost`] and remembers every change in the order in which it was made. A change is
//! safe once what it changed was synced: a file's content with the file, a name with its folder. What
//! was not safe when the power went may be there or not, each change for itself and in any mixture; of
//! content that was being written a part may be there. Only a rename is there whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use host::{AppendFile, Entry, Files, Found, Lock, MemoryHost, Metadata, ReadFile, Result, Tree, Trees};

/// A disk that remembers what was done to it; clones are the same disk.
#[derive(Clone)]
pub struct PowerDisk {
    now: MemoryHost,
    record: Arc<Mutex<Record>>,
}

/// What becomes of a change that was not safe when the power went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is gone.
    Lost,
    /// It is there.
    There,
    /// Of content, the first half is there; anything else is gone.
    Torn,
}

#[derive(Default)]
struct Record {
    changes: Vec<Change>,
    names: BTreeMap<PathBuf, u64>,
    last_file: u64,
}

/// One change, and the moment from which on it is safe, counted in changes and syncs.
struct Change {
    what: What,
    safe_from: Option<usize>,
}

/// Files are named by numbers, since they keep their content when they are moved.
enum What {
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
    fn add(&mut self, what: What) {
        self.changes.push(Change {
            what,
            safe_from: None,
        });
    }

    /// Makes safe what `covered` picks.
    fn sync(&mut self, covered: impl Fn(&What) -> bool) {
        let now = self.changes.len();
        for change in &mut self.changes {
            if change.safe_from.is_none() && covered(&change.what) {
                change.safe_from = Some(now);
            }
        }
        self.add(What::Sync);
    }

    fn sync_file(&mut self, file: u64) {
        self.sync(|what| what.is_of_file(file));
    }

    fn sync_folder(&mut self, folder: &Path) {
        self.sync(|what| what.is_of_folder(folder));
    }

    fn file(&self, path: &Path) -> u64 {
        self.names.get(path).copied().unwrap_or_default()
    }

    fn make(&mut self, path: &Path) -> u64 {
        self.last_file += 1;
        let file = self.last_file;
        self.names.insert(path.to_owned(), file);
        self.add(What::Name(path.to_owned(), file));
        file
    }

    fn move_to(&mut self, from: &Path, to: &Path) {
        let file = self.file(from);
        self.names.remove(from);
        self.names.insert(to.to_owned(), file);
        self.add(What::Move(from.to_owned(), to.to_owned(), file));
    }

    fn remove(&mut self, path: &Path) {
        let file = self.file(path);
        self.names.remove(path);
        self.add(What::NoName(path.to_owned(), file));
    }

    /// As the real world does it: beside, synced, moved, and the folder synced.
    fn write_atomic(&mut self, path: &Path, content: &[u8], mode: u32) {
        let beside = path.with_file_name(format!(".freehold-beside-{}", self.last_file + 1));
        let file = self.make(&beside);
        self.add(What::Append(file, content.to_vec()));
        self.add(What::Mode(file, mode));
        self.sync_file(file);
        self.move_to(&beside, path);
        self.sync_folder(path.parent().unwrap_or(path));
    }
}

impl PowerDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self {
            now: MemoryHost::new(),
            record: Arc::default(),
        }
    }

    /// How many moments there were so far at which the power can have gone.
    #[must_use]
    pub fn moments(&self) -> usize {
        self.record().changes.len()
    }

    /// The changes that were made before `moment` and were not safe then.
    #[must_use]
    pub fn unsafe_at(&self, moment: usize) -> Vec<usize> {
        let record = self.record();
        let changes = record.changes.iter().enumerate().take(moment);
        changes
            .filter(|(_, change)| !matches!(change.what, What::Sync))
            .filter(|(_, change)| change.safe_from.is_none_or(|safe| safe >= moment))
            .map(|(index, _)| index)
            .collect()
    }

    /// Makes safe all that was done so far, as an orderly shutdown does.
    pub fn settle(&self) {
        self.record().sync(|_| true);
    }

    /// The disk as it is found when the power comes back after it went at `moment`; `fate` says what
    /// became of each change that was not safe.
    #[must_use]
    pub fn after_power_cut(&self, moment: usize, mut fate: impl FnMut(usize) -> Fate) -> MemoryHost {
        let mut found = Returning::default();
        for (index, change) in self.record().changes.iter().enumerate().take(moment) {
            let is_sync = matches!(change.what, What::Sync);
            let is_safe = is_sync || change.safe_from.is_some_and(|safe| safe < moment);
            let fate = if is_safe { Fate::There } else { fate(index) };
            found.replay(&change.what, fate);
        }
        found.host()
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mode_at(&self, path: &Path) -> u32 {
        let root = self.now.open_tree(Path::new("/"));
        let name = path.to_string_lossy();
        let look = root.and_then(|root| root.look(name.trim_start_matches('/')));
        look.ok().flatten().map_or(0o644, |found| found.mode)
    }
}

impl Default for PowerDisk {
    fn default() -> Self {
        Self::new()
    }
}

/// A disk on its way back.
#[derive(Default)]
struct Returning {
    folders: BTreeSet<PathBuf>,
    names: BTreeMap<PathBuf, u64>,
    files: BTreeMap<u64, (Vec<u8>, u32)>,
}

impl Returning {
    fn replay(&mut self, what: &What, fate: Fate) {
        if let (What::Append(file, bytes), Fate::Torn) = (what, fate) {
            self.file(*file).0.extend_from_slice(&bytes[..bytes.len() / 2]);
            return;
        }
        if fate != Fate::There {
            return;
        }
        match what {
            What::Folder(path) => drop(self.folders.insert(path.clone())),
            What::NoFolder(path) => drop(self.folders.remove(path)),
            What::Name(path, file) => drop(self.names.insert(path.clone(), *file)),
            What::NoName(path, file) => self.leave(path, *file),
            What::Move(from, to, file) => {
                self.leave(from, *file);
                self.names.insert(to.clone(), *file);
            }
            What::Exchange((one, first), (other, second)) => {
                self.names.insert(one.clone(), *second);
                self.names.insert(other.clone(), *first);
            }
            What::Append(file, bytes) => self.file(*file).0.extend_from_slice(bytes),
            What::Cut(file, length) => self.file(*file).0.truncate(*length),
            What::Mode(file, mode) => self.file(*file).1 = *mode,
            What::Sync => {}
        }
    }

    fn file(&mut self, number: u64) -> &mut (Vec<u8>, u32) {
        self.files.entry(number).or_insert_with(|| (Vec::new(), 0o600))
    }

    fn leave(&mut self, path: &Path, file: u64) {
        if self.names.get(path) == Some(&file) {
            self.names.remove(path);
        }
    }

    /// What can be reached from the root.
    fn host(mut self) -> MemoryHost {
        let host = MemoryHost::new();
        let made = "a world in memory takes everything";
        let mut reached = BTreeSet::from([PathBuf::from("/")]);
        // Folders come before what they hold.
        for folder in &self.folders {
            if folder.parent().is_some_and(|parent| reached.contains(parent)) {
                host.create_folder(folder).expect(made);
                reached.insert(folder.clone());
            }
        }
        let root = host.open_tree(Path::new("/")).expect(made);
        for (path, number) in std::mem::take(&mut self.names) {
            if path.parent().is_some_and(|parent| reached.contains(parent)) {
                let (bytes, mode) = self.file(number).clone();
                let name = path.to_string_lossy();
                root.write_new(name.trim_start_matches('/'), &bytes, mode, None)
                    .expect(made);
            }
        }
        host
    }
}

impl Files for PowerDisk {
    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        self.now.read(path)
    }

    fn read_range(&self, path: &Path, offset_bytes: u64, length_bytes: usize) -> Result<Vec<u8>> {
        self.now.read_range(path, offset_bytes, length_bytes)
    }

    fn open(&self, path: &Path) -> Result<Box<dyn ReadFile>> {
        self.now.open(path)
    }

    fn metadata(&self, path: &Path) -> Result<Metadata> {
        self.now.metadata(path)
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf> {
        self.now.canonical(path)
    }

    fn list(&self, folder: &Path) -> Result<Vec<Entry>> {
        self.now.list(folder)
    }

    fn write_atomic(&self, path: &Path, content: &[u8]) -> Result<()> {
        self.now.write_atomic(path, content)?;
        let mode = self.mode_at(path);
        self.record().write_atomic(path, content, mode);
        Ok(())
    }

    fn open_append(&self, path: &Path) -> Result<Box<dyn AppendFile>> {
        let is_new = !self.now.exists(path);
        let file = self.now.open_append(path)?;
        let mut record = self.record();
        let number = if is_new {
            record.make(path)
        } else {
            record.file(path)
        };
        drop(record);
        Ok(Box::new(Appending {
            disk: self.clone(),
            path: path.to_owned(),
            number,
            file,
        }))
    }

    fn truncate(&self, path: &Path, length_bytes: u64) -> Result<()> {
        self.now.truncate(path, length_bytes)?;
        let mut record = self.record();
        let file = record.file(path);
        record.add(What::Cut(
            file,
            usize::try_from(length_bytes).unwrap_or(usize::MAX),
        ));
        record.sync_file(file);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.now.rename(from, to)?;
        let mut record = self.record();
        record.move_to(from, to);
        record.sync_folder(to.parent().unwrap_or(to));
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        self.now.remove_file(path)?;
        self.record().remove(path);
        Ok(())
    }

    fn remove_folder(&self, path: &Path) -> Result<()> {
        self.now.remove_folder(path)?;
        let mut record = self.record();
        let inside: Vec<PathBuf> = record
            .names
            .keys()
            .filter(|name| name.starts_with(path))
            .cloned()
            .collect();
        for name in inside {
            record.remove(&name);
        }
        record.add(What::NoFolder(path.to_owned()));
        Ok(())
    }

    fn create_folder(&self, path: &Path) -> Result<()> {
        let missing: Vec<&Path> = path
            .ancestors()
            .take_while(|folder| !self.now.exists(folder))
            .collect();
        self.now.create_folder(path)?;
        let mut record = self.record();
        for folder in missing.into_iter().rev() {
            record.add(What::Folder(folder.to_owned()));
            record.sync_folder(folder.parent().unwrap_or(folder));
        }
        Ok(())
    }

    fn create_private_folder(&self, path: &Path) -> Result<()> {
        self.create_folder(path)
    }

    fn make_private(&self, path: &Path) -> Result<()> {
        self.now.make_private(path)?;
        let mode = self.mode_at(path);
        let mut record = self.record();
        let file = record.file(path);
        record.add(What::Mode(file, mode));
        Ok(())
    }

    fn hard_link(&self, from: &Path, to: &Path) -> Result<()> {
        self.now.hard_link(from, to)?;
        let mut record = self.record();
        let file = record.file(from);
        record.names.insert(to.to_owned(), file);
        record.add(What::Name(to.to_owned(), file));
        record.sync_folder(to.parent().unwrap_or(to));
        Ok(())
    }

    fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        self.write_atomic(to, &self.read(from)?)
    }

    fn free_bytes(&self, folder: &Path) -> Result<u64> {
        self.now.free_bytes(folder)
    }

    fn try_lock(&self, path: &Path) -> Result<Option<Lock>> {
        let is_new = !self.now.exists(path);
        let lock = self.now.try_lock(path)?;
        if is_new {
            self.record().make(path);
        }
        Ok(lock)
    }
}

struct Appending {
    disk: PowerDisk,
    path: PathBuf,
    number: u64,
    file: Box<dyn AppendFile>,
}

impl io::Write for Appending {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.file.write(buffer)?;
        let bytes = buffer[..written].to_vec();
        self.disk.record().add(What::Append(self.number, bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl AppendFile for Appending {
    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()?;
        let mut record = self.disk.record();
        record.sync_file(self.number);
        record.sync_folder(self.path.parent().unwrap_or(&self.path));
        Ok(())
    }
}

impl Trees for PowerDisk {
    fn open_tree(&self, root: &Path) -> Result<Box<dyn Tree>> {
        Ok(Box::new(PowerTree {
            now: self.now.open_tree(root)?,
            root: root.to_owned(),
            disk: self.clone(),
        }))
    }
}

struct PowerTree {
    now: Box<dyn Tree>,
    root: PathBuf,
    disk: PowerDisk,
}

impl Tree for PowerTree {
    fn look(&self, path: &str) -> Result<Option<Found>> {
        self.now.look(path)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>> {
        self.now.read(path)
    }

    fn write_new(&self, path: &str, content: &[u8], mode: u32, like: Option<&str>) -> Result<()> {
        self.now.write_new(path, content, mode, like)?;
        let mut record = self.disk.record();
        let file = record.make(&self.root.join(path));
        record.add(What::Append(file, content.to_vec()));
        record.add(What::Mode(file, mode));
        record.sync_file(file);
        Ok(())
    }

    fn exchange(&self, one: &str, other: &str) -> Result<bool> {
        let done = self.now.exchange(one, other)?;
        if done {
            let (one, other) = (self.root.join(one), self.root.join(other));
            let mut record = self.disk.record();
            let (first, second) = (record.file(&one), record.file(&other));
            record.names.insert(one.clone(), second);
            record.names.insert(other.clone(), first);
            record.add(What::Exchange((one, first), (other, second)));
        }
        Ok(done)
    }

    fn rename_new(&self, from: &str, to: &str) -> Result<()> {
        self.now.rename_new(from, to)?;
        let (from, to) = (self.root.join(from), self.root.join(to));
        self.disk.record().move_to(&from, &to);
        Ok(())
    }

    fn rename_over(&self, from: &str, to: &str) -> Result<()> {
        self.now.rename_over(from, to)?;
        let (from, to) = (self.root.join(from), self.root.join(to));
        self.disk.record().move_to(&from, &to);
        Ok(())
    }

    fn remove_file(&self, path: &str) -> Result<()> {
        self.now.remove_file(path)?;
        self.disk.record().remove(&self.root.join(path));
        Ok(())
    }

    fn create_folder(&self, path: &str) -> Result<()> {
        self.now.create_folder(path)?;
        self.disk.record().add(What::Folder(self.root.join(path)));
        Ok(())
    }

    fn remove_empty_folder(&self, path: &str) -> Result<()> {
        self.now.remove_empty_folder(path)?;
        self.disk.record().add(What::NoFolder(self.root.join(path)));
        Ok(())
    }

    fn sync_folder(&self, path: &str) -> Result<()> {
        self.now.sync_folder(path)?;
        let folder = if path.is_empty() {
            self.root.clone()
        } else {
            self.root.join(path)
        };
        self.disk.record().sync_folder(&folder);
        Ok(())
    }
}
