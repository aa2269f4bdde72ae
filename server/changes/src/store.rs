//! A content-addressed store: whatever a change overwrites or writes can be had again by its digest.

use std::path::{Path, PathBuf};

use host::{Files, Kind};

use crate::Digest;

/// How hard to compress: the level of zlib's default, past which little is gained and time is lost.
const COMPRESSION_LEVEL: u8 = 6;
/// The first byte of an object that is kept as it is, because compression would not make it smaller.
const PLAIN: u8 = 0;
/// The first byte of an object that is kept compressed.
const DEFLATED: u8 = 1;

/// Objects in a folder, each in a file named by the digest of what it holds.
pub struct Store<'a> {
    files: &'a dyn Files,
    folder: PathBuf,
}

/// A file in the store.
pub(crate) struct Object {
    pub(crate) path: PathBuf,
    /// What it is named by; nothing for what is no object.
    pub(crate) digest: Option<Digest>,
    pub(crate) bytes: u64,
}

/// An object cannot be kept or had again.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder of the store cannot be read or written.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// What lies in the store is not what was put there.
    #[error("stored object {0} is damaged")]
    Damaged(Digest),
}

impl<'a> Store<'a> {
    /// A store in `folder`, which is made when it is first needed.
    #[must_use]
    pub fn new(files: &'a dyn Files, folder: PathBuf) -> Self {
        Self { files, folder }
    }

    /// Keeps some bytes; they are on the disk on return.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        let path = self.path(digest);
        if self.files.exists(&path) {
            return Ok(digest);
        }
        let deflated = miniz_oxide::deflate::compress_to_vec(bytes, COMPRESSION_LEVEL);
        let object = if deflated.len() < bytes.len() {
            [&[DEFLATED], deflated.as_slice()].concat()
        } else {
            [&[PLAIN], bytes].concat()
        };
        if let Some(folder) = path.parent() {
            self.files.create_private_folder(folder)?;
        }
        self.files.write_atomic(&path, &object)?;
        self.files.make_private(&path)?;
        Ok(digest)
    }

    /// The bytes of this digest.
    ///
    /// # Errors
    /// When they were never kept, or are not what was kept.
    pub fn get(&self, digest: Digest) -> Result<Vec<u8>, StoreError> {
        let object = self.files.read(&self.path(digest))?;
        let bytes = match object.split_first() {
            Some((&PLAIN, bytes)) => Some(bytes.to_vec()),
            Some((&DEFLATED, bytes)) => miniz_oxide::inflate::decompress_to_vec(bytes).ok(),
            _ => None,
        };
        bytes
            .filter(|bytes| Digest::of(bytes) == digest)
            .ok_or(StoreError::Damaged(digest))
    }

    /// How many bytes an object takes in the store; 0 if it is not there.
    pub(crate) fn bytes_of(&self, digest: Digest) -> Result<u64, StoreError> {
        match self.files.metadata(&self.path(digest)) {
            Ok(metadata) => Ok(metadata.bytes),
            Err(error) if error.is_not_found() => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Everything that lies in the store, half-written files included.
    pub(crate) fn objects(&self) -> Result<Vec<Object>, StoreError> {
        let list = |folder: &Path| match self.files.list(folder) {
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            listed => listed,
        };
        let mut objects = Vec::new();
        for first in list(&self.folder)?
            .iter()
            .filter(|entry| entry.kind == Kind::Folder)
        {
            let folder = self.folder.join(&first.name);
            for entry in list(&folder)? {
                let path = folder.join(&entry.name);
                objects.push(Object {
                    digest: Digest::parse(&(first.name.clone() + &entry.name)),
                    bytes: self.files.metadata(&path)?.bytes,
                    path,
                });
            }
        }
        Ok(objects)
    }

    /// How many bytes all objects take.
    ///
    /// # Errors
    /// When the folder of the store cannot be read.
    pub fn bytes(&self) -> Result<u64, StoreError> {
        Ok(self.objects()?.iter().map(|object| object.bytes).sum())
    }

    fn path(&self, digest: Digest) -> PathBuf {
        let name = digest.to_string();
        // Two levels, since some file systems are slow with many files in one folder.
        self.folder.join(&name[..2]).join(&name[2..])
    }
}

#[cfg(test)]
mod tests {
    use host::MemoryHost;

    use super::*;

    #[test]
    fn objects_come_back_and_damage_is_noticed() {
        let host = MemoryHost::new();
        let store = Store::new(&host, PathBuf::from("/store"));
        let texts = [&b""[..], b"x", &[7; 100_000], b"\0\xff binary"];
        for bytes in texts {
            let digest = store.put(bytes).unwrap();
            assert_eq!(store.put(bytes).unwrap(), digest);
            assert_eq!(store.get(digest).unwrap(), bytes);
        }
        let digest = Digest::of(&[7; 100_000]);
        let path = store.path(digest);
        assert!(host.read(&path).unwrap().len() < 1_000, "it is compressed");
        host.write_atomic(&path, b"\x01nonsense").unwrap();
        assert!(matches!(store.get(digest), Err(StoreError::Damaged(_))));
        assert!(matches!(
            store.get(Digest::of(b"never kept")),
            Err(StoreError::Host(_))
        ));
    }
}
