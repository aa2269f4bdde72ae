//! A disk when the power comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use host::{Files as _, MemoryHost, Trees as _};

use super::Fate;
use super::record::What;

/// A disk on its way back.
#[derive(Default)]
pub(super) struct Returning {
    folders: BTreeSet<PathBuf>,
    names: BTreeMap<PathBuf, u64>,
    files: BTreeMap<u64, (Vec<u8>, u32)>,
}

impl Returning {
    pub(super) fn replay(&mut self, what: &What, fate: Fate) {
        if let (What::Append(file, bytes), Fate::Torn) = (what, fate) {
            self.file(*file).0.extend_from_slice(&bytes[..bytes.len() / 2]);
            return;
        }
        if fate != Fate::There {
            return;
        }
        match what {
            What::Folder(path) => drop(self.folders.insert(path.clone())),
            What::NoFolder(path) => drop(self.folders.remove(path)),
            What::Name(path, file) => drop(self.names.insert(path.clone(), *file)),
            What::NoName(path, file) => self.leave(path, *file),
            What::Move(from, to, file) => {
                self.leave(from, *file);
                self.names.insert(to.clone(), *file);
            }
            What::Exchange((one, first), (other, second)) => {
                self.names.insert(one.clone(), *second);
                self.names.insert(other.clone(), *first);
            }
            What::Append(file, bytes) => self.file(*file).0.extend_from_slice(bytes),
            What::Cut(file, length) => self.file(*file).0.truncate(*length),
            What::Mode(file, mode) => self.file(*file).1 = *mode,
            What::Sync => {}
        }
    }

    fn file(&mut self, number: u64) -> &mut (Vec<u8>, u32) {
        self.files.entry(number).or_insert_with(|| (Vec::new(), 0o600))
    }

    fn leave(&mut self, path: &Path, file: u64) {
        if self.names.get(path) == Some(&file) {
            self.names.remove(path);
        }
    }

    /// What can be reached from the root.
    pub(super) fn host(mut self) -> MemoryHost {
        let host = MemoryHost::new();
        let made = "a world in memory takes everything";
        let mut reached = BTreeSet::from([PathBuf::from("/")]);
        // Folders come before what they hold.
        for folder in &self.folders {
            if folder.parent().is_some_and(|parent| reached.contains(parent)) {
                host.create_folder(folder).expect(made);
                reached.insert(folder.clone());
            }
        }
        let root = host.open_tree(Path::new("/")).expect(made);
        for (path, number) in std::mem::take(&mut self.names) {
            if path.parent().is_some_and(|parent| reached.contains(parent)) {
                let (bytes, mode) = self.file(number).clone();
                let name = path.to_string_lossy();
                root.write_new(name.trim_start_matches('/'), &bytes, mode, None)
                    .expect(made);
            }
        }
        host
    }
}
