//! The files as they would be, laid out in a folder of their own: for commands and tests to run against.
//!
//! Everything is copied, not linked: a command that writes a file in place must not write the user's.

use std::path::Path;

use anyhow::Context as _;
use changes::{Content, Digest, Overlaid, Review, WorkspacePath};
use host::{Host, Kind, Stop, Tree};

/// Folders that are never laid out: what they hold is made from the rest, or is none of a command's business.
const LEFT_OUT: [&str; 4] = [".git", "target", "node_modules", ".freehold"];
/// The most files that are laid out; a larger workspace takes too long to copy for every check.
const FILES_MAX: usize = 200_000;

/// How the files of a review are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// As they are, in the editor if it has them open.
    Live,
    /// As they would be.
    Proposed,
}

/// Lays out in `to` what the workspace at `root` is or would be; false if it was stopped before all was there.
pub fn lay_out(
    host: &dyn Host,
    root: &Path,
    tree: &dyn Tree,
    review: &Review,
    side: Side,
    stop: &Stop,
    to: &Path,
) -> anyhow::Result<bool> {
    if host.exists(to) {
        host.remove_folder(to)?;
    }
    host.create_private_folder(to)?;
    let mut folders = vec![String::new()];
    let mut count = 0_usize;
    while let Some(folder) = folders.pop() {
        for entry in host.list(&root.join(&folder))? {
            let path = if folder.is_empty() {
                entry.name.clone()
            } else {
                format!("{folder}/{}", entry.name)
            };
            // A link out of the workspace, or a device, is not for a command to find here.
            let Some(found) = tree.look(&path)? else { continue };
            match found.kind {
                Kind::Folder if !LEFT_OUT.contains(&entry.name.as_str()) => {
                    host.create_folder(&to.join(&path))?;
                    folders.push(path);
                }
                Kind::File => {
                    count += 1;
                    if stop.is_said() {
                        return Ok(false);
                    }
                    anyhow::ensure!(
                        count <= FILES_MAX,
                        "the workspace has more than {FILES_MAX} files, too many to copy for a check"
                    );
                    host.copy(&root.join(&path), &to.join(&path))?;
                }
                Kind::Folder | Kind::Other => {}
            }
        }
    }
    match side {
        Side::Live => lay_live(host, review, to)?,
        Side::Proposed => lay_over(host, review, to)?,
    }
    Ok(true)
}

fn lay_live(host: &dyn Host, review: &Review, to: &Path) -> anyhow::Result<()> {
    let over = host.open_tree(to)?;
    for file in review.files() {
        if let Some(content) = file.content() {
            put(over.as_ref(), file.path(), &content, file.mode())?;
        }
    }
    Ok(())
}

/// Puts a file over what was laid out.
pub fn put(over: &dyn Tree, path: &WorkspacePath, content: &Content, mode: u32) -> anyhow::Result<()> {
    let bytes = content
        .encode()
        .with_context(|| format!("cannot write `{path}`"))?;
    for folder in path.folders() {
        if over.look(folder)?.is_none() {
            over.create_folder(folder)?;
        }
    }
    if over.look(path.as_str())?.is_some() {
        over.remove_file(path.as_str())?;
    }
    Ok(over.write_new(path.as_str(), &bytes, mode, None)?)
}

fn lay_over(host: &dyn Host, review: &Review, to: &Path) -> anyhow::Result<()> {
    let over = host.open_tree(to)?;
    for path in review.overlaid_paths() {
        match review.overlay(&path) {
            Overlaid::Untouched => {}
            Overlaid::Gone => {
                if over.look(path.as_str())?.is_some() {
                    over.remove_file(path.as_str())?;
                }
            }
            Overlaid::File { content, mode } => {
                put(over.as_ref(), &path, &content, mode)?;
            }
        }
    }
    Ok(())
}

/// Stands for what the files of a review are, or would be.
///
/// # Errors
/// If a text cannot be written in the encoding of its file.
pub fn digest(review: &Review, side: Side) -> anyhow::Result<Digest> {
    let mut fields: Vec<Vec<u8>> = Vec::new();
    let mut add = |path: &str, file: Option<(Content, u32)>| -> anyhow::Result<()> {
        fields.push(path.as_bytes().to_vec());
        fields.push(match file {
            None => Vec::new(),
            Some((content, mode)) => [content.encode()?, format!("{mode:o}").into_bytes()].concat(),
        });
        Ok(())
    };
    match side {
        Side::Live => {
            for file in review.files() {
                let live = file.content().map(|content| (content, file.mode()));
                add(file.path().as_str(), live)?;
            }
        }
        Side::Proposed => {
            for path in review.overlaid_paths() {
                match review.overlay(&path) {
                    Overlaid::Untouched => {}
                    Overlaid::Gone => add(path.as_str(), None)?,
                    Overlaid::File { content, mode } => add(path.as_str(), Some((content, mode)))?,
                }
            }
        }
    }
    let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
    Ok(Digest::of_fields(&fields))
}
