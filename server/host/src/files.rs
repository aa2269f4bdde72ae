//! Files and folders.

use std::any::Any;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::{Error, Result};

/// Reads and changes files and folders. Symbolic links are followed throughout.
pub trait Files: Send + Sync {
    /// The whole content of a file.
    ///
    /// # Errors
    /// When the file does not exist or cannot be read.
    fn read(&self, path: &Path) -> Result<Vec<u8>>;

    /// The whole content of a file that holds text.
    ///
    /// # Errors
    /// As [`Files::read`], and when the content is not UTF-8.
    fn read_text(&self, path: &Path) -> Result<String> {
        String::from_utf8(self.read(path)?).map_err(|error| {
            Error::new(
                "read",
                path,
                std::io::Error::new(std::io::ErrorKind::InvalidData, error),
            )
        })
    }

    /// At most `length_bytes` from `offset_bytes` on; fewer at the end of the file.
    ///
    /// # Errors
    /// When the file does not exist or cannot be read.
    fn read_range(&self, path: &Path, offset_bytes: u64, length_bytes: usize) -> Result<Vec<u8>>;

    /// Opens a file to be read piece by piece.
    ///
    /// # Errors
    /// When the file does not exist or cannot be read.
    fn open(&self, path: &Path) -> Result<Box<dyn ReadFile>>;

    /// What kind of thing lies at `path`, how large and how old it is.
    ///
    /// # Errors
    /// When nothing lies there or it cannot be looked at.
    fn metadata(&self, path: &Path) -> Result<Metadata>;

    /// Whether anything lies at `path`; false also when that cannot be told.
    fn exists(&self, path: &Path) -> bool {
        self.metadata(path).is_ok()
    }

    /// The one absolute path of what lies at `path`, free of symbolic links, `.` and `..`.
    ///
    /// # Errors
    /// When nothing lies there or a folder on the way cannot be entered.
    fn canonical(&self, path: &Path) -> Result<PathBuf>;

    /// What lies in a folder, ordered by name; names that are not Unicode are left out.
    ///
    /// # Errors
    /// When the folder does not exist or cannot be read.
    fn list(&self, folder: &Path) -> Result<Vec<Entry>>;

    /// Replaces the content of a file, or makes the file: all or nothing, and durable on return.
    ///
    /// The mode of an existing file stays; a symbolic link stays and its target is replaced.
    ///
    /// # Errors
    /// When the folder does not exist, is full or may not be written; the file is then as before.
    fn write_atomic(&self, path: &Path, content: &[u8]) -> Result<()>;

    /// Opens a file to write at its end, making it if needed.
    ///
    /// # Errors
    /// When the folder does not exist or may not be written.
    fn open_append(&self, path: &Path) -> Result<Box<dyn AppendFile>>;

    /// Cuts a file to its first `length_bytes`.
    ///
    /// # Errors
    /// When the file does not exist, is shorter, or may not be written.
    fn truncate(&self, path: &Path, length_bytes: u64) -> Result<()>;

    /// Moves a file within a file system, replacing what lies at `to`: all or nothing, and durable on
    /// return.
    ///
    /// # Errors
    /// When `from` does not exist, or `to` lies elsewhere or may not be written.
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// When the file does not exist or its folder may not be written.
    fn remove_file(&self, path: &Path) -> Result<()>;

    /// Removes a folder and all it holds; symbolic links in it are removed, not followed.
    ///
    /// # Errors
    /// When the folder does not exist or something in it may not be removed.
    fn remove_folder(&self, path: &Path) -> Result<()>;

    /// Makes a folder and all above it that are missing, durably; that it exists is no error.
    ///
    /// # Errors
    /// When a file lies in the way or the folder above may not be written.
    fn create_folder(&self, path: &Path) -> Result<()>;

    /// Makes a folder that only this user can enter (mode 0700), and all above it that are missing,
    /// durably.
    ///
    /// # Errors
    /// When what lies there is no folder of this user, or is a symbolic link: in a shared place such as
    /// `/tmp` somebody else may have put it there. A folder of this user with another mode is mended.
    fn create_private_folder(&self, path: &Path) -> Result<()>;

    /// Lets only this user read and write a file (mode 0600).
    ///
    /// # Errors
    /// When the file does not exist or belongs to somebody else.
    fn make_private(&self, path: &Path) -> Result<()>;

    /// Gives a file a second name on the same file system.
    ///
    /// # Errors
    /// When `to` exists or lies on another file system, or the file system has no such links.
    fn hard_link(&self, from: &Path, to: &Path) -> Result<()>;

    /// Copies the content of a file to `to`, replacing what lies there.
    ///
    /// # Errors
    /// When `from` cannot be read or `to` cannot be written.
    fn copy(&self, from: &Path, to: &Path) -> Result<()>;

    /// How many bytes this user can still write to the file system that `folder` lies on.
    ///
    /// # Errors
    /// When the folder does not exist or the system does not say.
    fn free_bytes(&self, folder: &Path) -> Result<u64>;

    /// Takes the lock that `path` stands for, making the file if needed; nothing if another holder,
    /// in this process or another, has it. A holder that dies lets go of it.
    ///
    /// # Errors
    /// When the file cannot be made or the file system has no locks.
    fn try_lock(&self, path: &Path) -> Result<Option<Lock>>;
}

/// A file that is read piece by piece.
pub trait ReadFile: Read + Seek + Send {}

impl<T: Read + Seek + Send> ReadFile for T {}

/// A file that is written at its end.
pub trait AppendFile: Write + Send {
    /// Returns when all that was written is on the disk.
    ///
    /// # Errors
    /// When the disk is full or broken.
    fn sync(&mut self) -> std::io::Result<()>;
}

/// What kind of thing lies at a path, how large and how old it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// What kind of thing it is.
    pub kind: Kind,
    /// Size of a file in bytes; of anything else it says nothing.
    pub bytes: u64,
    /// When the content last changed, if the file system says.
    pub modified: Option<SystemTime>,
}

/// What kind of thing lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A socket, pipe or device.
    Other,
}

/// One thing in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name within the folder.
    pub name: String,
    /// What kind of thing it is.
    pub kind: Kind,
}

/// Holds a lock until it is dropped.
#[must_use = "dropping the lock lets go of it"]
pub struct Lock {
    _held: Box<dyn Any + Send + Sync>,
}

impl Lock {
    pub(crate) fn new(held: impl Any + Send + Sync) -> Self {
        Self {
            _held: Box::new(held),
        }
    }
}

impl std::fmt::Debug for Lock {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Lock").finish_non_exhaustive()
    }
}
