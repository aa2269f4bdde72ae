//! Where a file lies in the workspace: names that cannot lead out of it.

use std::fmt;

/// The most bytes that a path may have: `PATH_MAX` of Linux, less room for the root before it.
const PATH_BYTES_MAX: usize = 2048;
/// The most bytes that one name may have: `NAME_MAX` of Linux.
const NAME_BYTES_MAX: usize = 255;
/// Folders that no change may touch at any depth: the user's git, and what Freehold itself keeps.
const GUARDED_NAMES: [&str; 2] = [".git", ".freehold"];

/// A path relative to the root of the workspace, with `/` between its names.
///
/// It has no empty, `.` or `..` names, no NUL, and no name that is `.git` or `.freehold` in any case of
/// letters. Symbolic links are not its business: whoever opens it must not follow them out of the root.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkspacePath(String);

/// Why a text is not the path of a file that a change may touch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It is empty.
    #[error("a path is empty")]
    Empty,
    /// It begins at the root of the file system or with a drive.
    #[error("path `{0}` is absolute; give it relative to the workspace")]
    Absolute(String),
    /// A name in it is empty, `.` or `..`.
    #[error("path `{0}` has an empty, `.` or `..` name in it")]
    NotPlain(String),
    /// It holds NUL or a backslash, which some systems take for a separator.
    #[error("path `{0}` has a NUL or a backslash in it")]
    BadCharacter(String),
    /// It or one of its names is longer than file systems take.
    #[error("path `{0}…` is too long")]
    TooLong(String),
    /// It lies in a folder that no change may touch.
    #[error("path `{0}` lies in a folder that changes must not touch")]
    Guarded(String),
}

impl WorkspacePath {
    /// Takes `text` for a path.
    ///
    /// # Errors
    /// When it is not one, or not one that a change may touch; see [`PathError`].
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let shown = || text.escape_debug().to_string();
        if text.is_empty() {
            return Err(PathError::Empty);
        }
        if text.contains(['\0', '\\']) {
            return Err(PathError::BadCharacter(shown()));
        }
        if text.starts_with('/') || has_drive(text) {
            return Err(PathError::Absolute(shown()));
        }
        if text.split('/').any(|name| matches!(name, "" | "." | "..")) {
            return Err(PathError::NotPlain(shown()));
        }
        if text.len() > PATH_BYTES_MAX || text.split('/').any(|name| name.len() > NAME_BYTES_MAX) {
            return Err(PathError::TooLong(
                text.chars().take(60).flat_map(char::escape_debug).collect(),
            ));
        }
        if text.split('/').any(is_guarded) {
            return Err(PathError::Guarded(shown()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folders on the way to the file, outermost first, without the root.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(end, _)| &self.0[..end])
    }

    /// The folder that the file lies in; empty for the root.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// The last name of the path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }
}

fn has_drive(text: &str) -> bool {
    matches!(text.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// Case-insensitive file systems open `.GIT` as `.git`, and some drop trailing dots and spaces.
fn is_guarded(name: &str) -> bool {
    let name = name.trim_end_matches(['.', ' ']);
    GUARDED_NAMES
        .iter()
        .any(|guarded| name.eq_ignore_ascii_case(guarded))
}

impl fmt::Display for WorkspacePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for WorkspacePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_are_taken_apart() {
        let path = WorkspacePath::parse("src/deep/main.rs").unwrap();
        assert_eq!(path.folders().collect::<Vec<_>>(), ["src", "src/deep"]);
        assert_eq!((path.folder(), path.name()), ("src/deep", "main.rs"));
        let path = WorkspacePath::parse("..dots and spaces.txt").unwrap();
        assert_eq!((path.folder(), path.name()), ("", "..dots and spaces.txt"));
    }

    #[test]
    fn paths_that_lead_out_or_into_guarded_folders_are_refused() {
        let refused = [
            "",
            "/etc/passwd",
            "C:/x",
            "c:x",
            "../x",
            "a/../../x",
            "a/./b",
            "a//b",
            "a/",
            "a\0b",
            "a\\..\\b",
            ".git/hooks/pre-commit",
            "vendor/.GIT/config",
            ".git",
            ".git./config",
            ".Freehold/x",
        ];
        for text in refused {
            assert!(WorkspacePath::parse(text).is_err(), "{text:?} was taken");
        }
        assert!(WorkspacePath::parse(&"a".repeat(256)).is_err());
        assert!(WorkspacePath::parse(&"a/".repeat(2000)).is_err());
        assert!(WorkspacePath::parse(".github/workflows/x.yml").is_ok());
        assert!(WorkspacePath::parse(".gitignore").is_ok());
    }
}
