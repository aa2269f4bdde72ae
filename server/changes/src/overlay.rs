//! Reading through the overlay: the files as they would be if nothing that waits were dropped.
//!
//! Where a hunk is in conflict the overlay shows what the user wrote.

use crate::{Content, Review, WorkspacePath};

/// What the overlay has to say of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overlaid {
    /// Nothing is proposed there: read what the authority has.
    Untouched,
    /// There would be no file.
    Gone,
    /// The file would be this.
    File {
        /// What it would hold.
        content: Content,
        /// Its permission bits (0 to 0o7777).
        mode: u32,
    },
}

impl Review {
    /// What a path would hold.
    #[must_use]
    pub fn overlay(&self, path: &WorkspacePath) -> Overlaid {
        // A file that is moved to the path stands there whatever becomes of the one that was there.
        let mut previews = self.files().map(|file| (file.path(), file.preview()));
        let mut gone = false;
        let found = previews.find_map(|(from, preview)| {
            if preview.path == *path {
                gone |= preview.content.is_none();
                preview.content.map(|content| Overlaid::File {
                    content,
                    mode: preview.mode,
                })
            } else {
                gone |= from == path;
                None
            }
        });
        match found {
            Some(file) => file,
            None if gone => Overlaid::Gone,
            None => Overlaid::Untouched,
        }
    }

    /// The paths at which the overlay differs from what the authorities have, in order.
    #[must_use]
    pub fn overlaid_paths(&self) -> Vec<WorkspacePath> {
        let mut paths = Vec::new();
        for file in self.files() {
            let preview = file.preview();
            let moved = preview.path != *file.path();
            if moved || preview.content != file.content() || preview.mode != file.mode() {
                paths.push(file.path().clone());
            }
            if moved {
                paths.push(preview.path);
            }
        }
        paths.sort();
        paths.dedup();
        paths
    }
}
