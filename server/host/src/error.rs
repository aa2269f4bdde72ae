//! What could not be done, to which thing.

use std::io;
use std::path::{Path, PathBuf};

/// What every fallible call of this crate gives.
pub type Result<T> = std::result::Result<T, Error>;

/// Something could not be done to a file, a folder or a program.
///
/// Its text says what and to which; the reason is its source.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} `{}`", path.display())]
pub struct Error {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl Error {
    /// Says that `action` could not be done to `path`; `action` completes "cannot … `path`".
    #[must_use]
    pub fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// Which sort of failure it was.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// The file, folder or program that it happened to.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the thing does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind() == io::ErrorKind::NotFound
    }
}
