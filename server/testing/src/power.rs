//! A disk whose power may go at any moment, with all that a file system may lose then.
//!
//! It works like [`MemoryHost`] and remembers every change in the order in which it was made. A change is
//! safe once what it changed was synced: a file's content with the file, a name with its folder. What
//! was not safe when the power went may be there or not, each change for itself and in any mixture; of
//! content that was being written a part may be there. Only a rename is there whole or not at all.

mod record;
mod returning;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use host::{AppendFile, Entry, Files, Found, Lock, MemoryHost, Metadata, ReadFile, Result, Tree, Trees};

use record::{Record, What};
use returning::Returning;

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
