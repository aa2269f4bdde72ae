//! What surrounds the program: variables, folders, the user, the machine.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::Result;

/// What surrounds the program: variables, folders, the user, the machine.
pub trait Environment: Send + Sync {
    /// An environment variable as it stands, if it is set and not empty.
    fn variable_os(&self, name: &str) -> Option<OsString>;

    /// An environment variable, if it is set, not empty and valid Unicode.
    fn variable(&self, name: &str) -> Option<String> {
        self.variable_os(name)?.into_string().ok()
    }

    /// The user's home folder, if there is one.
    fn home(&self) -> Option<PathBuf>;

    /// The folder that relative paths start from.
    ///
    /// # Errors
    /// When it was removed or cannot be read.
    fn current_folder(&self) -> Result<PathBuf>;

    /// The file of the running program, symbolic links resolved.
    ///
    /// # Errors
    /// When the system does not say.
    fn own_executable(&self) -> Result<PathBuf>;

    /// The number of the user who runs the program; 0 where users have no numbers.
    fn user_id(&self) -> u32;

    /// Memory of the machine, or of the control group if that gives less; nothing if the system does
    /// not say.
    fn memory(&self) -> Option<Memory>;

    /// Cores that this program may use, at least 1; affinity and control groups count.
    fn core_count(&self) -> usize;
}

/// Memory that the program may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// All of it.
    pub total_bytes: u64,
    /// What can still be had without pushing others out.
    pub free_bytes: u64,
}
