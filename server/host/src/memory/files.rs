//! Files in memory.

use std::io::{self, Cursor, ErrorKind, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Content, MemoryHost, Node, World};
use crate::{AppendFile, Entry, Error, Files, Kind, Lock, Metadata, ReadFile, Result};

impl Files for MemoryHost {
    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        self.world()
            .bytes(path)
            .map_err(|error| Error::new("read", path, error))
    }

    fn read_range(&self, path: &Path, offset_bytes: u64, length_bytes: usize) -> Result<Vec<u8>> {
        let bytes = self.read(path)?;
        let start = usize::try_from(offset_bytes)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let end = start.saturating_add(length_bytes).min(bytes.len());
        Ok(bytes[start..end].to_vec())
    }

    fn open(&self, path: &Path) -> Result<Box<dyn ReadFile>> {
        let bytes = self
            .world()
            .bytes(path)
            .map_err(|error| Error::new("open", path, error))?;
        Ok(Box::new(Cursor::new(bytes)))
    }

    fn metadata(&self, path: &Path) -> Result<Metadata> {
        let world = self.world();
        let found = match world.nodes.get(path) {
            Some(Node::Folder) => Ok(Metadata {
                kind: Kind::Folder,
                bytes: 0,
                modified: None,
            }),
            Some(Node::File(file)) => {
                let content = lock(file);
                let bytes = content.bytes.len() as u64;
                Ok(Metadata {
                    kind: Kind::File,
                    bytes,
                    modified: Some(content.modified),
                })
            }
            None => Err(ErrorKind::NotFound.into()),
        };
        found.map_err(|error| Error::new("look at", path, error))
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf> {
        let world = self.world();
        let mut place = PathBuf::from("/");
        for part in path.components() {
            match part {
                Component::ParentDir => drop(place.pop()),
                Component::Normal(name) => place.push(name),
                Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
            }
            if !world.nodes.contains_key(&place) {
                return Err(Error::new("find", path, ErrorKind::NotFound.into()));
            }
        }
        Ok(place)
    }

    fn list(&self, folder: &Path) -> Result<Vec<Entry>> {
        let world = self.world();
        world
            .folder(folder)
            .map_err(|error| Error::new("list", folder, error))?;
        let inside = world
            .nodes
            .iter()
            .filter(|(path, _)| path.parent() == Some(folder));
        Ok(inside
            .filter_map(|(path, node)| {
                let kind = match node {
                    Node::Folder => Kind::Folder,
                    Node::File(_) => Kind::File,
                };
                Some(Entry {
                    name: path.file_name()?.to_str()?.to_owned(),
                    kind,
                })
            })
            .collect())
    }

    fn write_atomic(&self, path: &Path, content: &[u8]) -> Result<()> {
        self.change("write", path, |world| world.put(path, content.to_vec()))
    }

    fn open_append(&self, path: &Path) -> Result<Box<dyn AppendFile>> {
        self.change("write", path, |world| match world.nodes.get(path) {
            Some(_) => world.bytes(path).map(drop),
            None => world.put(path, Vec::new()),
        })?;
        Ok(Box::new(MemoryAppendFile {
            host: self.clone(),
            path: path.to_owned(),
        }))
    }

    fn truncate(&self, path: &Path, length_bytes: u64) -> Result<()> {
        self.change("shorten", path, |world| {
            let length = usize::try_from(length_bytes).unwrap_or(usize::MAX);
            if world.bytes(path)?.len() < length {
                return Err(io::Error::new(ErrorKind::InvalidInput, "the file is shorter"));
            }
            let now = world.now();
            if let Some(Node::File(file)) = world.nodes.get(path) {
                let mut content = lock(file);
                content.bytes.truncate(length);
                content.modified = now;
            }
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.change("rename", from, |world| {
            world.bytes(from)?;
            world.place_for_file(to)?;
            let node = world.nodes.remove(from).ok_or(ErrorKind::NotFound)?;
            world.nodes.insert(to.to_owned(), node);
            Ok(())
        })
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        self.change("remove", path, |world| {
            world.bytes(path)?;
            world.nodes.remove(path);
            Ok(())
        })
    }

    fn remove_folder(&self, path: &Path) -> Result<()> {
        self.change("remove", path, |world| {
            world.folder(path)?;
            world.nodes.retain(|node, _| !node.starts_with(path));
            Ok(())
        })
    }

    fn create_folder(&self, path: &Path) -> Result<()> {
        self.change("create folder", path, |world| {
            for folder in path.ancestors() {
                match world.nodes.get(folder) {
                    Some(Node::File(_)) => return Err(ErrorKind::NotADirectory.into()),
                    Some(Node::Folder) => break,
                    None => world.nodes.insert(folder.to_owned(), Node::Folder),
                };
            }
            Ok(())
        })
    }

    fn create_private_folder(&self, path: &Path) -> Result<()> {
        self.create_folder(path)
    }

    fn make_private(&self, path: &Path) -> Result<()> {
        self.change("make private", path, |world| world.bytes(path).map(drop))
    }

    fn hard_link(&self, from: &Path, to: &Path) -> Result<()> {
        self.change("link", from, |world| {
            if world.nodes.contains_key(to) {
                return Err(ErrorKind::AlreadyExists.into());
            }
            world.place_for_file(to)?;
            let node = world.nodes.get(from).cloned().ok_or(ErrorKind::NotFound)?;
            world.nodes.insert(to.to_owned(), node);
            Ok(())
        })
    }

    fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        let content = self.read(from)?;
        self.write_atomic(to, &content)
    }

    fn free_bytes(&self, folder: &Path) -> Result<u64> {
        let world = self.world();
        world
            .folder(folder)
            .map_err(|error| Error::new("measure the free space of", folder, error))?;
        Ok(world.free_bytes)
    }

    fn try_lock(&self, path: &Path) -> Result<Option<Lock>> {
        let mut world = self.world();
        if !world.nodes.contains_key(path) {
            world
                .put(path, Vec::new())
                .map_err(|error| Error::new("lock", path, error))?;
        }
        if !world.locks.insert(path.to_owned()) {
            return Ok(None);
        }
        Ok(Some(Lock::new(Held {
            host: self.clone(),
            path: path.to_owned(),
        })))
    }
}

impl MemoryHost {
    /// Makes one change, if changes can still be made.
    fn change(
        &self,
        action: &'static str,
        path: &Path,
        change: impl FnOnce(&mut World) -> io::Result<()>,
    ) -> Result<()> {
        let mut world = self.world();
        world
            .write()
            .and_then(|()| change(&mut world))
            .map_err(|error| Error::new(action, path, error))
    }
}

impl World {
    pub(super) fn bytes(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self.nodes.get(path) {
            Some(Node::File(file)) => Ok(lock(file).bytes.clone()),
            Some(Node::Folder) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn folder(&self, path: &Path) -> io::Result<()> {
        match self.nodes.get(path) {
            Some(Node::Folder) => Ok(()),
            Some(Node::File(_)) => Err(ErrorKind::NotADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    /// Whether a file may lie at `path`: its folder exists and is one, and no folder is in its place.
    pub(super) fn place_for_file(&self, path: &Path) -> io::Result<()> {
        self.folder(path.parent().ok_or(ErrorKind::InvalidInput)?)?;
        match self.nodes.get(path) {
            Some(Node::Folder) => Err(ErrorKind::IsADirectory.into()),
            _ => Ok(()),
        }
    }

    /// The permission bits of the file at `path`, or of a new one.
    fn mode(&self, path: &Path) -> u32 {
        match self.nodes.get(path) {
            Some(Node::File(file)) => lock(file).mode,
            _ => 0o644,
        }
    }

    /// Puts a new file at `path`; a second name of an old one there keeps its content.
    fn put(&mut self, path: &Path, bytes: Vec<u8>) -> io::Result<()> {
        self.place_for_file(path)?;
        let content = Content {
            bytes,
            modified: self.now(),
            mode: self.mode(path),
        };
        self.nodes
            .insert(path.to_owned(), Node::File(Arc::new(Mutex::new(content))));
        Ok(())
    }
}

struct MemoryAppendFile {
    host: MemoryHost,
    path: PathBuf,
}

impl Write for MemoryAppendFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let mut world = self.host.world();
        world.write()?;
        let now = world.now();
        let Some(Node::File(file)) = world.nodes.get(&self.path) else {
            return Err(ErrorKind::NotFound.into());
        };
        let mut content = lock(file);
        content.bytes.extend_from_slice(buffer);
        content.modified = now;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AppendFile for MemoryAppendFile {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A lock that is held.
struct Held {
    host: MemoryHost,
    path: PathBuf,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.host.world().locks.remove(&self.path);
    }
}

pub(super) fn lock(content: &Mutex<Content>) -> MutexGuard<'_, Content> {
    content.lock().unwrap_or_else(PoisonError::into_inner)
}
