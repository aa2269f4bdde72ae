//! A file and a place in it.

use std::path::{Path, PathBuf};

use completion::Document;
use host::Host;
use ropey::Rope;

use crate::language_ids::language_id;
use crate::lsp::excluded::is_file_excluded;
use crate::terminal::place::Place;

/// A file and a place in it.
pub(super) struct Source {
    pub(super) text: Rope,
    file: PathBuf,
    /// The repository, or else the folder, that the file lies in.
    root: PathBuf,
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
        let file = host.canonical(&host.current_folder()?.join(&place.file))?;
        let root = root_of(host, &file);
        Ok(Self {
            text,
            path: path_within(&root, &file),
            language: language_id(&file).to_owned(),
            workspace: root
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default(),
            file,
            root,
            offset_bytes,
        })
    }

    /// Whether the file is kept from the model, by the user's `patterns` or by what its repository ignores.
    pub(super) fn is_excluded(&self, host: &dyn Host, patterns: &[String]) -> bool {
        is_file_excluded(host, &self.file, &self.root, patterns)
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

fn root_of(host: &dyn Host, file: &Path) -> PathBuf {
    let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
    let root = folder
        .ancestors()
        .find(|folder| host.exists(&folder.join(".git")));
    root.unwrap_or(&folder).to_path_buf()
}

/// The path of `file` from `root` on, with `/` between folders.
fn path_within(root: &Path, file: &Path) -> String {
    let relative = file.strip_prefix(root).unwrap_or(file);
    let parts: Vec<_> = relative
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    parts.join("/")
}
