//! Where all that is kept about one workspace lies: outside it, in a folder of its own.

use std::path::{Path, PathBuf};

use host::{Files, Lock, Tree};

use crate::{Audit, Digest, Pending, Writer};

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

    /// The audit log.
    #[must_use]
    pub fn audit(&self) -> Audit<'a> {
        Audit::new(self.files, self.folder.join("audit"))
    }
}
