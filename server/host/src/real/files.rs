//! Files as they are.

#![expect(
    clippy::disallowed_methods,
    reason = "this is what the rest of the program calls instead"
)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{RealHost, said};
use crate::{AppendFile, Entry, Files, Kind, Lock, Metadata, ReadFile, Result};

impl Files for RealHost {
    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        fs::read(path).map_err(said("read", path))
    }

    fn read_range(&self, path: &Path, offset_bytes: u64, length_bytes: usize) -> Result<Vec<u8>> {
        let read = || {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(offset_bytes))?;
            let mut content = Vec::new();
            file.take(length_bytes as u64).read_to_end(&mut content)?;
            Ok(content)
        };
        read().map_err(said("read", path))
    }

    fn open(&self, path: &Path) -> Result<Box<dyn ReadFile>> {
        Ok(Box::new(File::open(path).map_err(said("open", path))?))
    }

    fn metadata(&self, path: &Path) -> Result<Metadata> {
        let metadata = fs::metadata(path).map_err(said("look at", path))?;
        Ok(Metadata {
            kind: kind(metadata.file_type()),
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
        })
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf> {
        fs::canonicalize(path).map_err(said("find", path))
    }

    fn list(&self, folder: &Path) -> Result<Vec<Entry>> {
        let list = || {
            let mut entries = Vec::new();
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let Ok(name) = entry.file_name().into_string() else {
                    continue;
                };
                // A dangling symbolic link leads nowhere and is listed as what it is.
                let kind = match fs::metadata(entry.path()) {
                    Ok(metadata) => kind(metadata.file_type()),
                    Err(_) => Kind::Other,
                };
                entries.push(Entry { name, kind });
            }
            entries.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(entries)
        };
        list().map_err(said("list", folder))
    }

    fn write_atomic(&self, path: &Path, content: &[u8]) -> Result<()> {
        replace(path, |file| file.write_all(content)).map_err(said("write", path))
    }

    fn open_append(&self, path: &Path) -> Result<Box<dyn AppendFile>> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .map_err(said("write", path))?;
        Ok(Box::new(RealAppendFile {
            file,
            folder: folder_of(path),
        }))
    }

    fn truncate(&self, path: &Path, length_bytes: u64) -> Result<()> {
        let truncate = || {
            let file = OpenOptions::new().write(true).open(path)?;
            if file.metadata()?.len() < length_bytes {
                return Err(io::Error::new(ErrorKind::InvalidInput, "the file is shorter"));
            }
            file.set_len(length_bytes)?;
            file.sync_all()
        };
        truncate().map_err(said("shorten", path))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        fs::rename(from, to)
            .and_then(|()| sync_folder(&folder_of(to)))
            .map_err(said("rename", from))
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        fs::remove_file(path).map_err(said("remove", path))
    }

    fn remove_folder(&self, path: &Path) -> Result<()> {
        fs::remove_dir_all(path).map_err(said("remove", path))
    }

    fn create_folder(&self, path: &Path) -> Result<()> {
        make_folders(path).map_err(said("create folder", path))
    }

    fn create_private_folder(&self, path: &Path) -> Result<()> {
        if let Some(parent) = path.parent() {
            make_folders(parent).map_err(said("create folder", parent))?;
        }
        private_folder(path).map_err(said("create private folder", path))
    }

    fn make_private(&self, path: &Path) -> Result<()> {
        set_mode(path, 0o600).map_err(said("make private", path))
    }

    fn hard_link(&self, from: &Path, to: &Path) -> Result<()> {
        // A link to a symbolic link would break when that moves; resolve it first.
        let link = || fs::hard_link(fs::canonicalize(from)?, to).and_then(|()| sync_folder(&folder_of(to)));
        link().map_err(said("link", from))
    }

    fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        let mut source = File::open(from).map_err(said("read", from))?;
        replace(to, |file| io::copy(&mut source, file).map(drop)).map_err(said("write", to))
    }

    fn free_bytes(&self, folder: &Path) -> Result<u64> {
        free_bytes(folder).map_err(said("measure the free space of", folder))
    }

    fn try_lock(&self, path: &Path) -> Result<Option<Lock>> {
        let lock = || {
            // Not removed on release: two holders could then lock two files of the same name.
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)?;
            match file.try_lock() {
                Ok(()) => Ok(Some(Lock::new(Held(file)))),
                Err(fs::TryLockError::WouldBlock) => Ok(None),
                Err(fs::TryLockError::Error(error)) => Err(error),
            }
        };
        lock().map_err(said("lock", path))
    }
}

/// A lock that is held.
struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        // Closing alone would leave it to a program that is just being started, which has this file open
        // for a moment, too.
        let _closing_does_it_otherwise = self.0.unlock();
    }
}

struct RealAppendFile {
    file: File,
    folder: PathBuf,
}

impl Write for RealAppendFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.file.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl AppendFile for RealAppendFile {
    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_all()?;
        sync_folder(&self.folder)
    }
}

/// Fills a file beside `path` and moves it there when it is safely on the disk.
fn replace(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    // Settings are often symbolic links into a folder under version control: keep the link.
    let target = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => fs::canonicalize(path)?,
        _ => path.to_owned(),
    };
    let folder = folder_of(&target);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".freehold-");
    let permissions = match fs::metadata(&target) {
        Ok(metadata) if metadata.is_dir() => return Err(ErrorKind::IsADirectory.into()),
        Ok(metadata) => Some(metadata.permissions()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    #[cfg(unix)]
    if permissions.is_none() {
        // As for any new file, less what the user's mask takes away; a temporary file would be 0600.
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(&folder)?;
    fill(file.as_file_mut())?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    file.as_file().sync_all()?;
    file.persist(&target).map_err(|error| error.error)?;
    sync_folder(&folder)
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Makes names in `folder` durable: without it a crash can undo a rename that was reported as done.
fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows cannot open folders as files and makes names durable by itself.
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

/// Makes a folder and those above it: without their names on the disk, what is put into them is lost
/// with them when the power goes, however well it was synced itself.
fn make_folders(path: &Path) -> io::Result<()> {
    let missing = |folder: &&Path| !folder.as_os_str().is_empty() && fs::metadata(folder).is_err();
    let missing: Vec<&Path> = path.ancestors().take_while(missing).collect();
    fs::create_dir_all(path)?;
    missing
        .into_iter()
        .rev()
        .try_for_each(|folder| sync_if_allowed(&folder_of(folder)))
}

/// Some folders may be written and not read, and then cannot be synced either.
fn sync_if_allowed(folder: &Path) -> io::Result<()> {
    match sync_folder(folder) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

fn kind(file_type: fs::FileType) -> Kind {
    if file_type.is_file() {
        Kind::File
    } else if file_type.is_dir() {
        Kind::Folder
    } else {
        Kind::Other
    }
}

#[cfg(unix)]
fn private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};

    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => sync_if_allowed(&folder_of(path))?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        return Err(io::Error::new(
            ErrorKind::NotADirectory,
            "something that is no folder lies there",
        ));
    }
    if metadata.uid() != rustix::process::getuid().as_raw() {
        return Err(io::Error::new(
            ErrorKind::PermissionDenied,
            "it belongs to another user",
        ));
    }
    if metadata.mode() & 0o777 != 0o700 {
        set_mode(path, 0o700)?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn private_folder(path: &Path) -> io::Result<()> {
    // Folders in a Windows profile are private to the user already.
    fs::create_dir_all(path)
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(path: &Path, _mode: u32) -> io::Result<()> {
    fs::metadata(path).map(drop)
}

#[cfg(unix)]
fn free_bytes(folder: &Path) -> io::Result<u64> {
    let space = rustix::fs::statvfs(folder)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_folder: &Path) -> io::Result<u64> {
    Err(ErrorKind::Unsupported.into())
}
