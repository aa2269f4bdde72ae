//! The steps of which an apply is made on the disk, and how each of them is taken back.
//!
//! The new content of every file is first laid beside it. Then each file changes places with its new
//! content, at once, and what came out is looked at: if it is not what the change was made against, it
//! goes back in. So not even a write between the check and the act is lost.

use std::io::ErrorKind;

use host::{Kind, Tree};

use crate::Digest;
use crate::WorkspacePath;
use crate::journal::{FileStep, Step};
use crate::operation::Standing;
use crate::store::{Store, StoreError};
use crate::writer::ApplyError;

/// The bytes and permission bits of a file.
pub(crate) type File = (Vec<u8>, u32);

/// The part of a step that is done on the disk.
pub(crate) struct Disk<'a> {
    pub(crate) tree: &'a dyn Tree,
    pub(crate) store: &'a Store<'a>,
    pub(crate) step: &'a Step,
}

/// What stands at a path of `tree`.
pub(crate) fn look(tree: &dyn Tree, path: &str) -> Result<Standing, ApplyError> {
    let found = match tree.look(path) {
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            return Err(ApplyError::NotAFile(path.to_owned()));
        }
        found => found?,
    };
    match found {
        None => Ok(Standing::Absent),
        Some(found) if found.kind == Kind::File => Ok(Standing::File {
            digest: Digest::of(&tree.read(path)?),
            mode: found.mode,
        }),
        Some(_) => Err(ApplyError::NotAFile(path.to_owned())),
    }
}

/// The folders on the way to `path` that do not exist, outermost first.
pub(crate) fn missing_folders(tree: &dyn Tree, path: &WorkspacePath) -> Result<Vec<String>, ApplyError> {
    let mut missing = Vec::new();
    for folder in path.folders() {
        match tree.look(folder)? {
            None => missing.push(folder.to_owned()),
            Some(found) if found.kind == Kind::Folder => {}
            Some(_) => return Err(ApplyError::NotAFile(folder.to_owned())),
        }
    }
    Ok(missing)
}

impl Disk<'_> {
    fn files(&self) -> impl DoubleEndedIterator<Item = (String, &FileStep)> {
        let on_disk = |(_, file): &(usize, &FileStep)| !file.in_editor;
        self.step
            .files
            .iter()
            .enumerate()
            .filter(on_disk)
            .map(|(index, file)| {
                let folder = file.path.folder();
                let slash = if folder.is_empty() { "" } else { "/" };
                (
                    format!("{folder}{slash}.freehold-{}-{index}.tmp", self.step.id.0),
                    file,
                )
            })
    }

    /// Does the step: afterwards all is done, and on the disk.
    pub(crate) fn carry_out(&self, contents: &[Option<File>]) -> Result<(), ApplyError> {
        for folder in &self.step.folders {
            self.tree.create_folder(folder)?;
        }
        let contents = self
            .step
            .files
            .iter()
            .zip(contents)
            .filter(|(file, _)| !file.in_editor);
        for ((beside, file), (_, content)) in self.files().zip(contents) {
            if let Some((bytes, mode)) = content {
                let like = (file.before != Standing::Absent).then(|| file.path.as_str());
                self.tree.write_new(&beside, bytes, *mode, like)?;
            }
        }
        for (beside, file) in self.files() {
            self.swap(&beside, file)?;
        }
        self.sync()
    }

    fn swap(&self, beside: &str, file: &FileStep) -> Result<(), ApplyError> {
        let path = file.path.as_str();
        let stale = || ApplyError::Stale(file.path.clone());
        match (file.before, file.after) {
            (Standing::Absent, Standing::Absent) => Ok(()),
            (Standing::Absent, Standing::File { .. }) => match self.tree.rename_new(beside, path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(stale()),
                renamed => Ok(renamed?),
            },
            (Standing::File { .. }, Standing::File { .. }) => {
                if !self.tree.exchange(beside, path)? {
                    return self.replace_after_a_look(beside, file);
                }
                if self.holds(beside, file.before) {
                    return Ok(());
                }
                self.tree.exchange(beside, path)?;
                Err(stale())
            }
            (Standing::File { .. }, Standing::Absent) => {
                self.tree.rename_new(path, beside)?;
                if self.holds(beside, file.before) {
                    return Ok(());
                }
                self.tree.rename_new(beside, path)?;
                Err(stale())
            }
        }
    }

    /// For file systems that cannot exchange two files: a write just now would be lost.
    fn replace_after_a_look(&self, beside: &str, file: &FileStep) -> Result<(), ApplyError> {
        if !self.holds(file.path.as_str(), file.before) {
            return Err(ApplyError::Stale(file.path.clone()));
        }
        Ok(self.tree.rename_over(beside, file.path.as_str())?)
    }

    fn holds(&self, path: &str, standing: Standing) -> bool {
        look(self.tree, path).is_ok_and(|found| found == standing)
    }

    /// Takes the step back, however far it has come; afterwards nothing of it is left.
    ///
    /// Gives the files that hold something which is neither what was nor what was to be: somebody has
    /// written them since, and they are left alone.
    pub(crate) fn take_back(&self) -> Result<Vec<WorkspacePath>, ApplyError> {
        let mut left = Vec::new();
        for (beside, file) in self.files().rev() {
            if !self.put_back(&beside, file)? {
                left.push(file.path.clone());
            }
        }
        for folder in self.step.folders.iter().rev() {
            match self.tree.remove_empty_folder(folder) {
                Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty || is_gone(&error) => {}
                removed => removed?,
            }
        }
        self.sync()?;
        Ok(left)
    }

    /// Puts one file back to what it was; false if somebody else has written it.
    fn put_back(&self, beside: &str, file: &FileStep) -> Result<bool, ApplyError> {
        let path = file.path.as_str();
        let (now, aside) = (self.standing_or_foreign(path)?, self.standing_or_foreign(beside)?);
        if now == Some(file.before) {
            self.discard(beside, aside)?;
            return Ok(true);
        }
        if now != Some(file.after) {
            // What lies aside may be the only copy of something unless the store has it.
            if aside == Some(file.before) || aside == Some(file.after) {
                self.discard(beside, aside)?;
            }
            return Ok(false);
        }
        match (file.before, aside) {
            (Standing::Absent, _) => {
                self.tree.remove_file(path)?;
                self.discard(beside, aside)?;
            }
            // Swapped, and perhaps with something that nobody had looked at yet.
            (Standing::File { .. }, None | Some(Standing::File { .. })) => {
                self.bring_in(beside, file)?;
            }
            (Standing::File { digest, mode }, Some(Standing::Absent)) => {
                let like = (now != Some(Standing::Absent)).then_some(path);
                self.tree.write_new(beside, &self.stored(digest)?, mode, like)?;
                self.bring_in(beside, file)?;
            }
        }
        Ok(true)
    }

    /// Moves what lies aside to its place, and what stands there away.
    fn bring_in(&self, beside: &str, file: &FileStep) -> Result<(), ApplyError> {
        let path = file.path.as_str();
        if file.after == Standing::Absent {
            return Ok(self.tree.rename_new(beside, path)?);
        }
        if self.tree.exchange(beside, path)? {
            Ok(self.tree.remove_file(beside)?)
        } else {
            Ok(self.tree.rename_over(beside, path)?)
        }
    }

    fn stored(&self, digest: Digest) -> Result<Vec<u8>, StoreError> {
        self.store.get(digest)
    }

    /// What stands at a path; nothing for what is no file.
    fn standing_or_foreign(&self, path: &str) -> Result<Option<Standing>, ApplyError> {
        match look(self.tree, path) {
            Ok(standing) => Ok(Some(standing)),
            Err(ApplyError::NotAFile(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn discard(&self, beside: &str, aside: Option<Standing>) -> Result<(), ApplyError> {
        if aside != Some(Standing::Absent) {
            self.tree.remove_file(beside)?;
        }
        Ok(())
    }

    /// Removes what the step has put aside, once it has happened.
    pub(crate) fn tidy(&self) -> Result<(), ApplyError> {
        let mut removed = false;
        for (beside, file) in self.files() {
            if file.before != Standing::Absent && self.standing_or_foreign(&beside)? == Some(file.before) {
                self.tree.remove_file(&beside)?;
                removed = true;
            }
        }
        // What comes back with the power would stay: only the last step is tidied up after.
        if removed { self.sync() } else { Ok(()) }
    }

    /// Makes all names durable in the folders that the step touches.
    fn sync(&self) -> Result<(), ApplyError> {
        let made = self
            .step
            .folders
            .iter()
            .map(|folder| folder.rsplit_once('/').map_or("", |(above, _)| above));
        let mut folders: Vec<&str> = self
            .files()
            .map(|(_, file)| file.path.folder())
            .chain(made)
            .collect();
        folders.sort_unstable();
        folders.dedup();
        for folder in folders {
            match self.tree.sync_folder(folder) {
                // A folder that was made and taken back, or that somebody has put something else for.
                Err(error) if is_gone(&error) => {}
                synced => synced?,
            }
        }
        Ok(())
    }
}

fn is_gone(error: &host::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
