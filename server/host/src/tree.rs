//! A folder and what lies beneath it, from which no path leads out.

use std::path::Path;

use crate::{Kind, Result};

/// Opens trees.
pub trait Trees: Send + Sync {
    /// Opens the folder `root`; the tree stays with that folder, wherever it is moved and whatever takes
    /// its place.
    ///
    /// # Errors
    /// When the folder does not exist or cannot be opened, or the system lacks what keeps paths in it.
    fn open_tree(&self, root: &Path) -> Result<Box<dyn Tree>>;
}

/// A folder and what lies beneath it.
///
/// Paths are relative to the folder, with `/` between names; the empty path is the folder itself. A path
/// with an empty, `.` or `..` name is refused. Symbolic links are never followed, neither on the way nor
/// at the end: what a path says is where it acts, also while others put links in its way.
///
/// The calls that write are steps of which the caller makes something that is all or nothing; none of
/// them is durable before [`Tree::sync_folder`].
pub trait Tree: Send + Sync {
    /// What lies at a path; nothing if nothing does.
    ///
    /// # Errors
    /// When it cannot be told, also when a symbolic link lies on the way.
    fn look(&self, path: &str) -> Result<Option<Found>>;

    /// The whole content of a file.
    ///
    /// # Errors
    /// When no file lies there or it cannot be read.
    fn read(&self, path: &str) -> Result<Vec<u8>>;

    /// Makes a file with this content and these permission bits; the content is on the disk on return.
    ///
    /// With `like`, the owner and extended attributes of that file are given to it, as far as allowed.
    ///
    /// # Errors
    /// When something lies there already, or it cannot be made; a part of it may then be left.
    fn write_new(&self, path: &str, content: &[u8], mode: u32, like: Option<&str>) -> Result<()>;

    /// Lets two files change places, at once; false if the file system cannot, and nothing was done.
    ///
    /// # Errors
    /// When either does not exist or may not be moved.
    fn exchange(&self, one: &str, other: &str) -> Result<bool>;

    /// Moves a file to where nothing lies.
    ///
    /// # Errors
    /// When something lies there, or it may not be moved.
    fn rename_new(&self, from: &str, to: &str) -> Result<()>;

    /// Moves a file, replacing the one that lies there.
    ///
    /// # Errors
    /// When it may not be moved.
    fn rename_over(&self, from: &str, to: &str) -> Result<()>;

    /// Removes a file, or the symbolic link that lies there.
    ///
    /// # Errors
    /// When nothing lies there or it may not be removed.
    fn remove_file(&self, path: &str) -> Result<()>;

    /// Makes one folder.
    ///
    /// # Errors
    /// When something lies there already or the folder above is missing.
    fn create_folder(&self, path: &str) -> Result<()>;

    /// Removes an empty folder.
    ///
    /// # Errors
    /// When it is not empty or may not be removed.
    fn remove_empty_folder(&self, path: &str) -> Result<()>;

    /// Returns when what was made, moved and removed in a folder is on the disk.
    ///
    /// # Errors
    /// When the disk is full or broken.
    fn sync_folder(&self, path: &str) -> Result<()>;
}

/// What lies at a path of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// What kind of thing it is; a symbolic link is [`Kind::Other`].
    pub kind: Kind,
    /// Its permission bits (0 to 0o7777).
    pub mode: u32,
}

/// The folder and the last name of a path; nothing for a path that is none.
pub(crate) fn split(path: &str) -> Option<(&str, &str)> {
    let plain = |name: &str| !matches!(name, "" | "." | "..") && !name.contains('\0');
    path.split('/')
        .all(plain)
        .then(|| path.rsplit_once('/').unwrap_or(("", path)))
}
