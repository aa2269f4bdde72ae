//! A file and a place in it.

use std::path::{Path, PathBuf};

use completion::Document;
use host::Host;
use ropey::Rope;

use crate::language_ids::language_id;
use crate::terminal::place::Place;

/// A file and a place in it.
pub(super) struct Source {
    pub(super) text: Rope,
    path: String,
    language: String,
    workspace: String,
    pub(super) offset_bytes: usize,
}

impl Source {
    pub(super) fn read(host: &dyn Host, place: &Place) -> anyhow::Result<Self> {
        let text = host.read_text(&place.file)?;
        let text = Rope::from_str(&text);
        let offset_bytes = place.offset_bytes(&text)?;
        let file = host.current_folder()?.join(&place.file);
        let (workspace, path) = workspace_of(host, &file);
        Ok(Self {
            text,
            path,
            language: language_id(&file).to_owned(),
            workspace,
            offset_bytes,
        })
    }

    pub(super) fn document(&self) -> Document<'_> {
        Document {
            text: &self.text,
            path: &self.path,
            language: &self.language,
            workspace: &self.workspace,
        }
    }
}

/// The name of the repository, or else of the folder, that `file` lies in, and its path from there.
fn workspace_of(host: &dyn Host, file: &Path) -> (String, String) {
    let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
    let root = folder
        .ancestors()
        .find(|folder| host.exists(&folder.join(".git")))
        .unwrap_or(&folder);
    let relative: PathBuf = file.strip_prefix(root).unwrap_or(file).to_path_buf();
    let parts: Vec<_> = relative
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    let name = root
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    (name, parts.join("/"))
}
