//! A folder in memory, opened as a tree.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::{Content, MemoryHost, Node, World};
use crate::tree::{Found, Tree, Trees, split};
use crate::{Error, Files, Kind, Result};

impl Trees for MemoryHost {
    fn open_tree(&self, root: &Path) -> Result<Box<dyn Tree>> {
        self.list(root)?;
        Ok(Box::new(MemoryTree {
            host: self.clone(),
            root: root.to_owned(),
        }))
    }
}

struct MemoryTree {
    host: MemoryHost,
    root: PathBuf,
}

impl MemoryTree {
    fn place(&self, path: &str) -> io::Result<PathBuf> {
        split(path).ok_or(ErrorKind::InvalidInput)?;
        Ok(self.root.join(path))
    }

    /// Makes one change, if changes can still be made.
    fn change(
        &self,
        action: &'static str,
        path: &str,
        change: impl FnOnce(&mut World, &Path) -> io::Result<()>,
    ) -> Result<()> {
        let place = self.place(path);
        let mut world = self.host.world();
        place
            .and_then(|place| world.write().and_then(|()| change(&mut world, &place)))
            .map_err(|error| Error::new(action, &self.root.join(path), error))
    }

    fn rename(&self, from: &str, to: &str, replace: bool) -> Result<()> {
        self.change("rename", from, |world, from| {
            let to = self.place(to)?;
            world.bytes(from)?;
            world.place_for_file(&to)?;
            if !replace && world.nodes.contains_key(&to) {
                return Err(ErrorKind::AlreadyExists.into());
            }
            let node = world.nodes.remove(from).ok_or(ErrorKind::NotFound)?;
            world.nodes.insert(to, node);
            Ok(())
        })
    }
}

impl Tree for MemoryTree {
    fn look(&self, path: &str) -> Result<Option<Found>> {
        let place = self
            .place(path)
            .map_err(|error| Error::new("look at", &self.root.join(path), error))?;
        let world = self.host.world();
        Ok(world.nodes.get(&place).map(|node| match node {
            Node::Folder => Found {
                kind: Kind::Folder,
                mode: 0o755,
            },
            Node::File(file) => Found {
                kind: Kind::File,
                mode: super::files::lock(file).mode,
            },
        }))
    }

    fn read(&self, path: &str) -> Result<Vec<u8>> {
        let read = || self.host.world().bytes(&self.place(path)?);
        read().map_err(|error| Error::new("read", &self.root.join(path), error))
    }

    fn write_new(&self, path: &str, content: &[u8], mode: u32, _like: Option<&str>) -> Result<()> {
        let made = self.change("write", path, |world, path| {
            if world.nodes.contains_key(path) {
                return Err(ErrorKind::AlreadyExists.into());
            }
            world.place_for_file(path)?;
            let content = Content {
                bytes: content.to_vec(),
                modified: world.now(),
                mode,
            };
            world
                .nodes
                .insert(path.to_owned(), Node::File(Arc::new(Mutex::new(content))));
            Ok(())
        });
        if made.as_ref().is_err_and(|error| error.kind() == ErrorKind::Other) {
            // A disk that goes away leaves a part of what was being written.
            let mut world = self.host.world();
            let place = self.root.join(path);
            if world.place_for_file(&place).is_ok() && !world.nodes.contains_key(&place) {
                let bytes = content[..content.len() / 2].to_vec();
                let part = Content {
                    bytes,
                    modified: world.now(),
                    mode: 0o600,
                };
                world.nodes.insert(place, Node::File(Arc::new(Mutex::new(part))));
            }
        }
        made
    }

    fn exchange(&self, one: &str, other: &str) -> Result<bool> {
        self.change("replace", other, |world, other| {
            let one = self.place(one)?;
            world.bytes(&one)?;
            world.bytes(other)?;
            let (Some(first), Some(second)) = (world.nodes.remove(&one), world.nodes.remove(other)) else {
                return Err(ErrorKind::NotFound.into());
            };
            world.nodes.insert(one, second);
            world.nodes.insert(other.to_owned(), first);
            Ok(())
        })
        .map(|()| true)
    }

    fn rename_new(&self, from: &str, to: &str) -> Result<()> {
        self.rename(from, to, false)
    }

    fn rename_over(&self, from: &str, to: &str) -> Result<()> {
        self.rename(from, to, true)
    }

    fn remove_file(&self, path: &str) -> Result<()> {
        self.change("remove", path, |world, path| {
            world.bytes(path)?;
            world.nodes.remove(path);
            Ok(())
        })
    }

    fn create_folder(&self, path: &str) -> Result<()> {
        self.change("create folder", path, |world, path| {
            world.place_for_file(path)?;
            if world.nodes.contains_key(path) {
                return Err(ErrorKind::AlreadyExists.into());
            }
            world.nodes.insert(path.to_owned(), Node::Folder);
            Ok(())
        })
    }

    fn remove_empty_folder(&self, path: &str) -> Result<()> {
        self.change("remove", path, |world, path| {
            world.folder(path)?;
            if world.nodes.keys().any(|inside| inside.parent() == Some(path)) {
                return Err(ErrorKind::DirectoryNotEmpty.into());
            }
            world.nodes.remove(path);
            Ok(())
        })
    }

    fn sync_folder(&self, path: &str) -> Result<()> {
        if path.is_empty() {
            return Ok(());
        }
        self.change("make durable", path, |world, path| world.folder(path))
    }
}
