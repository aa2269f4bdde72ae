//! The models folder: what is installed, and that each file is still the one that was checked.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, bail, ensure};
use engine::ModelCard;
use engine::catalogue::Catalogue;
use host::{Files, Kind, Metadata};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::paths::Paths;
use crate::settings::Settings;

/// The models on this machine.
pub struct Store<'a> {
    files: &'a dyn Files,
    folder: PathBuf,
    catalogue: Catalogue,
}

/// A model that is installed.
#[derive(Debug, Clone, PartialEq)]
pub struct Installed {
    /// Name by which the user picks it.
    pub name: String,
    /// Its GGUF file.
    pub file: PathBuf,
    /// What was recorded when it was checked.
    pub record: Record,
    /// What the catalogue says of it, if it is known there.
    pub card: Option<ModelCard>,
}

/// What is recorded of a model file when its checksum has been computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// SHA-256 of the file, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Size of the file.
    pub bytes: u64,
    /// When the file had last changed, as seconds and nanoseconds since 1970.
    pub modified: String,
    /// Name in the catalogue, if the file is known there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<String>,
}

impl<'a> Store<'a> {
    /// The store in the folders of `paths`, with the catalogue that comes with Freehold.
    pub fn new(files: &'a dyn Files, paths: &Paths) -> Self {
        Self {
            files,
            folder: paths.models.clone(),
            catalogue: Catalogue::builtin(),
        }
    }

    /// The same store with another catalogue.
    #[cfg(test)]
    pub fn with_catalogue(mut self, catalogue: Catalogue) -> Self {
        self.catalogue = catalogue;
        self
    }

    /// The models that can be had.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The folder that it lies in.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the file of the model called `name` lies, or would lie.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.gguf"))
    }

    fn record_file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.toml"))
    }

    /// The installed models, by name.
    ///
    /// # Errors
    /// When the folder or a record cannot be read.
    pub fn installed(&self) -> anyhow::Result<Vec<Installed>> {
        let entries = match self.files.list(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let names = entries.iter().filter(|entry| entry.kind == Kind::File);
        let names = names.filter_map(|entry| entry.name.strip_suffix(".gguf"));
        names.filter_map(|name| self.find(name).transpose()).collect()
    }

    /// The installed model called `name`, if there is one: a file with a record beside it.
    ///
    /// # Errors
    /// When its record cannot be read.
    pub fn find(&self, name: &str) -> anyhow::Result<Option<Installed>> {
        let (file, record_file) = (self.file(name), self.record_file(name));
        if check_name(name).is_err() || !self.files.exists(&file) {
            return Ok(None);
        }
        let text = match self.files.read_text(&record_file) {
            Ok(text) => text,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let record: Record = toml::from_str(&text).with_context(|| {
            format!(
                "cannot understand `{}`; remove it and add the model again",
                record_file.display()
            )
        })?;
        let known = record.catalogue.as_deref();
        let card = known.and_then(|name| self.catalogue.card(name)).cloned();
        Ok(Some(Installed {
            name: name.to_owned(),
            file,
            record,
            card,
        }))
    }

    /// The installed model called `name`.
    ///
    /// # Errors
    /// When it is not installed; the error says how to get it.
    pub fn require(&self, name: &str) -> anyhow::Result<Installed> {
        match self.find(name)? {
            Some(installed) => Ok(installed),
            None if self.catalogue.card(name).is_some() => {
                bail!("model `{name}` is not installed; `freehold models get {name}` downloads it")
            }
            None => bail!("there is no model `{name}`; `freehold models list` shows those there are"),
        }
    }

    /// The model that completes code: the chosen one, or the only one.
    ///
    /// # Errors
    /// When none is chosen and none or several are installed, or the chosen one is not installed.
    pub fn chosen(&self, settings: &Settings) -> anyhow::Result<Installed> {
        if let Some(name) = &settings.model {
            return self.require(name);
        }
        let mut installed = self.installed()?;
        match (installed.pop(), installed.is_empty()) {
            (None, _) => bail!(
                "no model is installed; `freehold models list` shows those there are, and `freehold models get \
                 qwen2.5-coder-0.5b` downloads the smallest"
            ),
            (Some(only), true) => Ok(only),
            (Some(_), false) => bail!("no model is chosen; `freehold models use NAME` chooses one"),
        }
    }

    /// Makes sure that the file is still the one whose checksum was recorded.
    ///
    /// As long as its size and time are as recorded it is taken to be; otherwise it is read again.
    ///
    /// # Errors
    /// When it has changed, and so may be anything.
    pub fn verify(&self, installed: &Installed) -> anyhow::Result<()> {
        let metadata = self.files.metadata(&installed.file)?;
        let record = &installed.record;
        if metadata.bytes == record.bytes && stamp(&metadata) == record.modified {
            return Ok(());
        }
        let name = &installed.name;
        let changed = || {
            format!(
                "the file of model `{name}` has changed since it was checked; remove it with `freehold models \
                 remove {name}` and get or add it again"
            )
        };
        ensure!(metadata.bytes == record.bytes, changed());
        ensure!(
            sha256_of(self.files, &installed.file, &mut |_| {})? == record.sha256,
            changed()
        );
        self.record(name, &record.sha256, record.catalogue.clone())
            .map(drop)
    }

    /// Records the checksum of a file that lies in the store.
    ///
    /// # Errors
    /// When the file is gone or the record cannot be written.
    pub(super) fn record(
        &self,
        name: &str,
        sha256: &str,
        catalogue: Option<String>,
    ) -> anyhow::Result<Installed> {
        let metadata = self.files.metadata(&self.file(name))?;
        let record = Record {
            sha256: sha256.to_owned(),
            bytes: metadata.bytes,
            modified: stamp(&metadata),
            catalogue,
        };
        let text = toml::to_string(&record).context("cannot write down what was checked")?;
        self.files
            .write_atomic(&self.record_file(name), text.as_bytes())?;
        self.require(name)
    }

    /// Removes an installed model.
    ///
    /// # Errors
    /// When it is not installed or cannot be removed.
    pub(super) fn remove(&self, name: &str) -> anyhow::Result<()> {
        check_name(name)?;
        ensure!(
            self.files.exists(&self.file(name)),
            "model `{name}` is not installed"
        );
        // The file goes first: a record without a file is nothing, a file without a record is a leftover.
        self.files.remove_file(&self.file(name))?;
        match self.files.remove_file(&self.record_file(name)) {
            Err(error) if !error.is_not_found() => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// What the catalogue knows of a file: by its checksum, or by its size where no checksum is known.
    pub(super) fn recognise(&self, sha256: &str, bytes: u64) -> Option<&ModelCard> {
        let cards = &self.catalogue.model;
        let by_sum = cards.iter().find(|card| card.sha256.as_deref() == Some(sha256));
        by_sum.or_else(|| {
            cards
                .iter()
                .find(|card| card.sha256.is_none() && card.bytes == Some(bytes))
        })
    }
}

/// Refuses names that could lie outside the folder or hide in it.
///
/// # Errors
/// Says what a name may be made of.
pub(super) fn check_name(name: &str) -> anyhow::Result<()> {
    let good = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    ensure!(
        !name.is_empty() && name.len() <= 100 && name.chars().all(good) && !name.starts_with(['.', '-']),
        "`{name}` cannot be the name of a model: letters, digits, `.`, `_` and `-`, with a letter or digit first"
    );
    Ok(())
}

/// Refuses what is not a GGUF file that llama.cpp can read.
///
/// # Errors
/// When the file cannot be read, does not begin as GGUF files do, or is of a version not known.
pub(super) fn check_gguf(files: &dyn Files, file: &Path) -> anyhow::Result<()> {
    let head = files.read_range(file, 0, 8)?;
    let version = match head.as_slice() {
        [b'G', b'G', b'U', b'F', version @ ..] => version.try_into().ok().map(u32::from_le_bytes),
        _ => bail!("`{}` is not a GGUF file", file.display()),
    };
    ensure!(
        matches!(version, Some(2 | 3)),
        "`{}` is a GGUF file of a version that is not known here",
        file.display()
    );
    Ok(())
}

/// SHA-256 of a file as hexadecimal digits; `progress` is told the bytes of each piece.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn sha256_of(
    files: &dyn Files,
    file: &Path,
    progress: &mut dyn FnMut(u64),
) -> anyhow::Result<String> {
    let mut hasher = Sha256::new();
    hash_into(&mut hasher, files, file, progress)?;
    Ok(hexadecimal(&hasher.finalize()))
}

/// Adds the content of a file to `hasher`.
pub(super) fn hash_into(
    hasher: &mut Sha256,
    files: &dyn Files,
    file: &Path,
    progress: &mut dyn FnMut(u64),
) -> anyhow::Result<()> {
    let mut open = files.open(file)?;
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        let count = open
            .read(&mut buffer)
            .with_context(|| format!("cannot read `{}`", file.display()))?;
        if count == 0 {
            return Ok(());
        }
        hasher.update(&buffer[..count]);
        progress(count as u64);
    }
}

/// Large enough that calls do not count, small enough for any machine.
pub(super) const PIECE_BYTES: usize = 1 << 20;

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn stamp(metadata: &Metadata) -> String {
    let since = metadata
        .modified
        .and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
    since.map_or("unknown".to_owned(), |since| {
        format!("{}.{:09}", since.as_secs(), since.subsec_nanos())
    })
}
