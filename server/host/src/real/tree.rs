//! A folder as it is, opened once and never left.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawMode, RenameFlags, XattrFlags};
use rustix::io::Errno;

use super::{RealHost, said};
use crate::tree::{Found, Tree, Trees, split};
use crate::{Kind, Result};

/// How a folder is opened to name things in it.
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Trees for RealHost {
    fn open_tree(&self, root: &Path) -> Result<Box<dyn Tree>> {
        // The user names the root; only beneath it are links not followed.
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(root, flags, Mode::empty()).map_err(io::Error::from);
        let folder = folder.map_err(said("open folder", root))?;
        Ok(Box::new(RealTree {
            root: root.to_owned(),
            folder,
        }))
    }
}

struct RealTree {
    /// For messages only.
    root: PathBuf,
    folder: OwnedFd,
}

impl Tree for RealTree {
    fn look(&self, path: &str) -> Result<Option<Found>> {
        let look = || -> io::Result<Option<Found>> {
            let (folder, name) = match self.place(path) {
                Ok(place) => place,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            };
            match rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => Ok(Some(Found {
                    kind: kind(stat.st_mode),
                    mode: wide(Mode::from_raw_mode(stat.st_mode).bits()),
                })),
                Err(Errno::NOENT) => Ok(None),
                Err(error) => Err(error.into()),
            }
        };
        look().map_err(said("look at", self.root.join(path)))
    }

    fn read(&self, path: &str) -> Result<Vec<u8>> {
        let read = || {
            let mut content = Vec::new();
            self.open_file(path)?.read_to_end(&mut content)?;
            Ok(content)
        };
        read().map_err(said("read", self.root.join(path)))
    }

    fn write_new(&self, path: &str, content: &[u8], mode: u32, like: Option<&str>) -> Result<()> {
        let write = || {
            let (folder, name) = self.place(path)?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            // Nobody else reads a file that may get a narrower mode below.
            let mut file = File::from(rustix::fs::openat(
                &folder,
                name,
                flags,
                Mode::from_raw_mode(0o600),
            )?);
            file.write_all(content)?;
            if let Some(like) = like {
                take_after(&file, &self.open_file(like)?)?;
            }
            // After the owner, whose change takes special bits away.
            rustix::fs::fchmod(&file, Mode::from_raw_mode(mode as RawMode & 0o7777))?;
            file.sync_all()
        };
        write().map_err(said("write", self.root.join(path)))
    }

    fn exchange(&self, one: &str, other: &str) -> Result<bool> {
        match self.rename(one, other, RenameFlags::EXCHANGE) {
            Ok(()) => Ok(true),
            Err(error) if lacks_flags(&error) => Ok(false),
            Err(error) => Err(error).map_err(said("replace", self.root.join(other))),
        }
    }

    fn rename_new(&self, from: &str, to: &str) -> Result<()> {
        let link = || {
            // Where a file system cannot rename so, a second name is refused just the same.
            let (from_folder, from_name) = self.place(from)?;
            let (to_folder, to_name) = self.place(to)?;
            rustix::fs::linkat(&from_folder, from_name, &to_folder, to_name, AtFlags::empty())?;
            Ok(rustix::fs::unlinkat(&from_folder, from_name, AtFlags::empty())?)
        };
        match self.rename(from, to, RenameFlags::NOREPLACE) {
            Err(error) if lacks_flags(&error) => link(),
            result => result,
        }
        .map_err(said("rename", self.root.join(from)))
    }

    fn rename_over(&self, from: &str, to: &str) -> Result<()> {
        self.rename(from, to, RenameFlags::empty())
            .map_err(said("replace", self.root.join(to)))
    }

    fn remove_file(&self, path: &str) -> Result<()> {
        let remove = || {
            let (folder, name) = self.place(path)?;
            Ok(rustix::fs::unlinkat(&folder, name, AtFlags::empty())?)
        };
        remove().map_err(said("remove", self.root.join(path)))
    }

    fn create_folder(&self, path: &str) -> Result<()> {
        let create = || {
            let (folder, name) = self.place(path)?;
            Ok(rustix::fs::mkdirat(&folder, name, Mode::from_raw_mode(0o777))?)
        };
        create().map_err(said("create folder", self.root.join(path)))
    }

    fn remove_empty_folder(&self, path: &str) -> Result<()> {
        let remove = || {
            let (folder, name) = self.place(path)?;
            Ok(rustix::fs::unlinkat(&folder, name, AtFlags::REMOVEDIR)?)
        };
        remove().map_err(said("remove", self.root.join(path)))
    }

    fn sync_folder(&self, path: &str) -> Result<()> {
        let sync = || Ok(rustix::fs::fsync(self.open_folder(path)?)?);
        sync().map_err(said("make durable", self.root.join(path)))
    }
}

impl RealTree {
    /// The folder that `path` lies in, opened, and its last name.
    fn place<'a>(&self, path: &'a str) -> io::Result<(OwnedFd, &'a str)> {
        let (folder, name) = split(path).ok_or_else(leads_elsewhere)?;
        Ok((self.open_folder(folder)?, name))
    }

    fn open_folder(&self, path: &str) -> io::Result<OwnedFd> {
        if path.is_empty() {
            return self.folder.try_clone();
        }
        split(path).ok_or_else(leads_elsewhere)?;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            use rustix::fs::ResolveFlags;
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            match rustix::fs::openat2(&self.folder, path, FOLDER, Mode::empty(), resolve) {
                // Old kernels and some confinements lack the call.
                Err(Errno::NOSYS | Errno::PERM) => {}
                // A link where a folder should be is no folder, on whichever way it is found out.
                Err(Errno::LOOP) => return Err(Errno::NOTDIR.into()),
                result => return Ok(result?),
            }
        }
        self.walk_to_folder(path)
    }

    /// Opens a folder name by name: each is opened in the one before, and none may be a link.
    fn walk_to_folder(&self, path: &str) -> io::Result<OwnedFd> {
        let mut folder = self.folder.try_clone()?;
        for name in path.split('/') {
            folder = rustix::fs::openat(&folder, name, FOLDER, Mode::empty())?;
        }
        Ok(folder)
    }

    fn open_file(&self, path: &str) -> io::Result<File> {
        let (folder, name) = self.place(path)?;
        // Opening a pipe would otherwise wait for somebody to write into it.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&folder, name, flags, Mode::empty())?;
        match kind(rustix::fs::fstat(&file)?.st_mode) {
            Kind::File => Ok(File::from(file)),
            Kind::Folder => Err(ErrorKind::IsADirectory.into()),
            Kind::Other => Err(io::Error::new(ErrorKind::InvalidInput, "it is not a plain file")),
        }
    }

    fn rename(&self, from: &str, to: &str, flags: RenameFlags) -> io::Result<()> {
        let (from_folder, from_name) = self.place(from)?;
        let (to_folder, to_name) = self.place(to)?;
        Ok(rustix::fs::renameat_with(
            &from_folder,
            from_name,
            &to_folder,
            to_name,
            flags,
        )?)
    }
}

fn leads_elsewhere() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "the path does not stay in the folder")
}

/// Whether a file system or kernel lacks the wanted way to rename.
fn lacks_flags(error: &io::Error) -> bool {
    let lacking = [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP];
    lacking
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// Gives `file` the owner and extended attributes of `model`, as far as this user may.
fn take_after(file: &File, model: &File) -> io::Result<()> {
    let (own, wanted) = (rustix::fs::fstat(file)?, rustix::fs::fstat(model)?);
    if (own.st_uid, own.st_gid) != (wanted.st_uid, wanted.st_gid) {
        let owner = Some(rustix::fs::Uid::from_raw(wanted.st_uid));
        let group = Some(rustix::fs::Gid::from_raw(wanted.st_gid));
        // Only the superuser may give files away; a group of one's own one may choose.
        if rustix::fs::fchown(file, owner, group).is_err() {
            let _the_group_stays_that_of_the_folder = rustix::fs::fchown(file, None, group);
        }
    }
    for name in attribute_names(model)? {
        let mut value = vec![0; rustix::fs::fgetxattr_query(model, name.as_slice())?];
        let length = rustix::fs::fgetxattr(model, name.as_slice(), &mut value[..])?;
        // What the system guards, such as capabilities, only the superuser may set.
        match rustix::fs::fsetxattr(file, name.as_slice(), &value[..length], XattrFlags::empty()) {
            Ok(()) | Err(Errno::PERM | Errno::ACCESS | Errno::NOTSUP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn attribute_names(file: &File) -> io::Result<Vec<Vec<u8>>> {
    let mut list = match rustix::fs::flistxattr_query(file) {
        Ok(length) => vec![0; length],
        Err(Errno::NOTSUP) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    if list.is_empty() {
        return Ok(Vec::new());
    }
    let length = rustix::fs::flistxattr(file, &mut list[..])?;
    let names = list[..length].split(|&byte| byte == 0);
    Ok(names
        .filter(|name| !name.is_empty())
        .map(<[u8]>::to_vec)
        .collect())
}

/// Systems differ in how wide these bits are.
fn wide(bits: impl Into<u32>) -> u32 {
    bits.into()
}

fn kind(mode: RawMode) -> Kind {
    match FileType::from_raw_mode(mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        _ => Kind::Other,
    }
}
