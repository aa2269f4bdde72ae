//! A file that is not whole yet: appended to, hashed as it grows, and resumable at any time.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use host::{AppendFile, Files};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::store::{hash_into, hexadecimal};

/// A file that is not whole yet: `NAME.gguf.part`, and beside it what is known of it.
pub(super) struct Partial<'a> {
    files: &'a dyn Files,
    path: PathBuf,
    state_path: PathBuf,
    state: State,
    open: Option<Open>,
}

/// What is known of a partial file, so that another run can go on with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// SHA-256 of the file that this will be.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    /// Where each part of the mirror ends that is wholly in it.
    part_ends: Vec<u64>,
}

struct Open {
    file: Box<dyn AppendFile>,
    hasher: Sha256,
    length_bytes: u64,
}

impl<'a> Partial<'a> {
    /// Finds what an earlier run left of the file that will be `target` with checksum `sha256`.
    ///
    /// What it left of another file, or of one of unknown checksum, is not gone on with.
    pub(super) fn find(files: &'a dyn Files, target: &Path, sha256: Option<&str>) -> anyhow::Result<Self> {
        let beside = |ending: &str| {
            let mut name = target.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        let (path, state_path) = (beside(".part"), beside(".part.toml"));
        let state = files
            .read_text(&state_path)
            .ok()
            .and_then(|text| toml::from_str(&text).ok());
        let mut partial = Self {
            files,
            path,
            state_path,
            state: state.unwrap_or_default(),
            open: None,
        };
        if let Some(sha256) = sha256 {
            partial.expect(sha256)?;
        }
        Ok(partial)
    }

    /// Says what checksum the whole file will have; what is there of another file is dropped.
    pub(super) fn expect(&mut self, sha256: &str) -> anyhow::Result<()> {
        if self.state.sha256.as_deref() != Some(sha256) {
            self.discard()?;
            self.state.sha256 = Some(sha256.to_owned());
            self.save()?;
        }
        Ok(())
    }

    /// The checksum that the whole file will have, if it is known.
    pub(super) fn expected(&self) -> Option<&str> {
        self.state.sha256.as_deref()
    }

    /// Bytes that are there already.
    pub(super) fn length_bytes(&self) -> u64 {
        match &self.open {
            Some(open) => open.length_bytes,
            None if self.state.sha256.is_none() => 0,
            None => self
                .files
                .metadata(&self.path)
                .map_or(0, |metadata| metadata.bytes),
        }
    }

    /// Opens the file to go on after its first `length_bytes`; what lies behind them is dropped.
    pub(super) fn resume_at(&mut self, length_bytes: u64) -> anyhow::Result<()> {
        self.open = None;
        let mut file = self.files.open_append(&self.path)?;
        file.sync()
            .with_context(|| format!("cannot write `{}`", self.path.display()))?;
        if self.files.metadata(&self.path)?.bytes != length_bytes {
            self.files.truncate(&self.path, length_bytes)?;
        }
        let mut hasher = Sha256::new();
        hash_into(&mut hasher, self.files, &self.path, &mut |_| {})?;
        if self.state.part_ends.last().is_some_and(|end| *end > length_bytes) {
            self.state.part_ends.retain(|end| *end <= length_bytes);
            self.save()?;
        }
        self.open = Some(Open {
            file,
            hasher,
            length_bytes,
        });
        Ok(())
    }

    /// Whether [`Partial::resume_at`] was called.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Writes at the end.
    pub(super) fn append(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let open = self.open.as_mut().context("the partial file is not open")?;
        open.file
            .write_all(bytes)
            .with_context(|| format!("cannot write `{}`", self.path.display()))?;
        open.hasher.update(bytes);
        open.length_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Where each part of the mirror ends that is wholly there.
    pub(super) fn part_ends(&self) -> &[u64] {
        &self.state.part_ends
    }

    /// Notes that a part of the mirror ends here.
    pub(super) fn end_part(&mut self) -> anyhow::Result<()> {
        self.sync()?;
        self.state.part_ends.push(self.length_bytes());
        self.save()
    }

    /// Returns when all that was appended is on the disk.
    pub(super) fn sync(&mut self) -> anyhow::Result<()> {
        let open = self.open.as_mut().context("the partial file is not open")?;
        open.file
            .sync()
            .with_context(|| format!("cannot write `{}`", self.path.display()))
    }

    /// SHA-256 of what is there.
    pub(super) fn sha256(&self) -> anyhow::Result<String> {
        let open = self.open.as_ref().context("the partial file is not open")?;
        Ok(hexadecimal(&open.hasher.clone().finalize()))
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Moves the file, whole now, to `target`.
    pub(super) fn finish(mut self, target: &Path) -> anyhow::Result<()> {
        self.sync()?;
        self.open = None;
        self.files.rename(&self.path, target)?;
        self.remove(&self.state_path)
    }

    /// Removes all that is there.
    pub(super) fn discard(&mut self) -> anyhow::Result<()> {
        self.open = None;
        self.state = State::default();
        self.remove(&self.state_path)?;
        self.remove(&self.path)
    }

    fn remove(&self, path: &Path) -> anyhow::Result<()> {
        match self.files.remove_file(path) {
            Err(error) if !error.is_not_found() => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn save(&self) -> anyhow::Result<()> {
        let text = toml::to_string(&self.state).context("cannot write down how far the download got")?;
        Ok(self.files.write_atomic(&self.state_path, text.as_bytes())?)
    }
}
