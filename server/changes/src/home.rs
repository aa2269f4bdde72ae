//! Where all that is kept about one workspace lies: outside it, in a folder of its own.

use std::path::{Path, PathBuf};

use host::{Files, Lock, Tree};

use crate::journal::Journal;
use crate::{Audit, Digest, Pending, Store, Writer};

/// How many hexadecimal digits of the digest of its root name a workspace: enough that no two meet.
const NAME_DIGITS: usize = 32;

/// The folder of one workspace: its store, journal, pending review and audit log.
///
/// It is cheap to make, and keeps nothing open.
#[derive(Clone)]
pub struct Home<'a> {
    files: &'a dyn Files,
    folder: PathBuf,
}

impl<'a> Home<'a> {
    /// The home of the workspace at `root`, among those of all workspaces beneath `state`; it is made if
    /// needed. Whichever way the root is named, it is the same home.
    ///
    /// # Errors
    /// When the root does not exist, or the home cannot be made.
    pub fn open(files: &'a dyn Files, state: &Path, root: &Path) -> Result<Self, host::Error> {
        let root = files.canonical(root)?;
        let name = Digest::of(root.as_os_str().as_encoded_bytes()).to_string();
        let folder = state.join("workspaces").join(&name[..NAME_DIGITS]);
        files.create_private_folder(&folder)?;
        let home = Self { files, folder };
        // For people who look, and for clearing away what belongs to workspaces that are gone.
        let named = home.folder.join("root");
        if !files.exists(&named) {
            files.write_atomic(&named, root.as_os_str().as_encoded_bytes())?;
        }
        Ok(home)
    }

    /// The home in this folder, which [`Home::open`] has given before.
    #[must_use]
    pub fn at(files: &'a dyn Files, folder: PathBuf) -> Self {
        Self { files, folder }
    }

    /// The folder itself.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the caller the only owner of the workspace's review for as long as the lock is held; nothing
    /// if somebody else is. Whoever owns it calls [`Writer::recover`], then [`Pending::load`].
    ///
    /// # Errors
    /// When the lock cannot be made.
    pub fn own(&self) -> Result<Option<Lock>, host::Error> {
        self.files.try_lock(&self.folder.join("owner"))
    }

    /// The one that writes the workspace's files, which `tree` has opened.
    #[must_use]
    pub fn writer(&self, tree: &'a dyn Tree) -> Writer<'a> {
        Writer::new(self.files, tree, self.folder.clone())
    }

    /// Where the review is kept.
    #[must_use]
    pub fn pending(&self) -> Pending<'a> {
        Pending::new(self.files, self.folder.clone())
    }

    pub(crate) fn files(&self) -> &'a dyn Files {
        self.files
    }

    pub(crate) fn journal(&self) -> Journal<'a> {
        Journal::new(self.files, self.folder.join("journal"))
    }

    /// What was put away.
    #[must_use]
    pub fn store(&self) -> Store<'a> {
        Store::new(self.files, self.folder.join("store"))
    }

    /// What a program that was killed has left beside the files that it was about to replace.
    pub(crate) fn half_written(&self) -> Result<Vec<PathBuf>, host::Error> {
        let mut found = Vec::new();
        for folder in [
            self.folder.clone(),
            self.folder.join("journal"),
            self.folder.join("audit"),
        ] {
            let entries = match self.files.list(&folder) {
                Ok(entries) => entries,
                Err(error) if error.is_not_found() => continue,
                Err(error) => return Err(error),
            };
            let half = entries
                .iter()
                .filter(|entry| entry.name.starts_with(".freehold-"));
            found.extend(half.map(|entry| folder.join(&entry.name)));
        }
        Ok(found)
    }

    /// The audit log.
    #[must_use]
    pub fn audit(&self) -> Audit<'a> {
        Audit::new(self.files, self.folder.join("audit"))
    }
}
