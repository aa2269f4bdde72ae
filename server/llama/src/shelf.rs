//! Evaluated prompts on disk, so that an engine that was started again goes on where it was.
//!
//! What is read is used only if it was written for this very model file by this very llama.cpp and is whole;
//! anything else is passed over. A file is removed before what it holds is used: should that bring the
//! process down, the next start begins with nothing instead of ending the same way.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::ffi::Token;

const MAGIC: &[u8; 8] = b"FHKV0001";
const EXTENSION: &str = "kv";

/// Prompts kept at most.
pub const PROMPTS_MAX: usize = 3;

/// A folder with evaluated prompts.
#[derive(Debug, Clone)]
pub struct Shelf {
    folder: PathBuf,
    key: String,
    bytes_max: u64,
}

/// One evaluated prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its tokens, at the positions from 0 on.
    pub tokens: Vec<Token>,
    /// Their keys and values, as llama.cpp writes them.
    pub state: Vec<u8>,
}

impl Shelf {
    /// The shelf in `folder` for a model and context that `key` names; it holds `bytes_max` at most, other
    /// models' prompts among them.
    #[must_use]
    pub fn new(folder: PathBuf, key: String, bytes_max: u64) -> Self {
        Self {
            folder,
            key,
            bytes_max,
        }
    }

    /// Bytes that it may hold.
    #[must_use]
    pub fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// Takes what is kept for this model out, the most useful first. What cannot be used is passed over.
    #[must_use]
    pub fn take(&self) -> Vec<Kept> {
        let mut kept = Vec::new();
        for number in 0..PROMPTS_MAX {
            let path = self.path(number);
            let too_long = fs::metadata(&path).is_ok_and(|metadata| metadata.len() > self.bytes_max);
            let Ok(bytes) = (if too_long { Ok(Vec::new()) } else { fs::read(&path) }) else {
                continue;
            };
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!("cannot remove `{}`, so it is not used: {error}", path.display());
                continue;
            }
            match decode(&bytes, &self.key) {
                Some(found) => kept.push(found),
                None => tracing::warn!(
                    "`{}` is damaged or not for this model; passed over",
                    path.display()
                ),
            }
        }
        kept
    }

    /// Writes the prompt with this number, in place of the one that was there.
    ///
    /// # Errors
    /// Gives what the system says.
    pub fn put(&self, number: usize, kept: &Kept) -> io::Result<()> {
        create_private_folder(&self.folder)?;
        let path = self.path(number);
        let unfinished = path.with_extension("part");
        let mut file = create_private_file(&unfinished)?;
        file.write_all(&encode(kept, &self.key))?;
        drop(file);
        fs::rename(&unfinished, &path)
    }

    /// Removes the prompts from `number` on, and the oldest of other models' until all fit.
    pub fn tidy(&self, number: usize) {
        for number in number..PROMPTS_MAX {
            // Usually there is none.
            let _absent = fs::remove_file(self.path(number));
        }
        let mut files = self.files();
        files.sort_by_key(|(own, modified, _, _)| (*own, *modified));
        let mut total: u64 = files.iter().map(|(_, _, bytes, _)| bytes).sum();
        for (_, _, bytes, path) in files {
            if total <= self.bytes_max {
                break;
            }
            if fs::remove_file(path).is_ok() {
                total -= bytes;
            }
        }
    }

    /// Every prompt in the folder: whether it is for this model, when it was written, its size, its path.
    fn files(&self) -> Vec<(bool, SystemTime, u64, PathBuf)> {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        let own: Vec<PathBuf> = (0..PROMPTS_MAX).map(|number| self.path(number)).collect();
        let files = entries.flatten().filter_map(|entry| {
            let path = entry.path();
            let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            let is_kept = path
                .extension()
                .is_some_and(|extension| extension == EXTENSION || extension == "part");
            let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            is_kept.then_some((own.contains(&path), modified, metadata.len(), path))
        });
        files.collect()
    }

    fn path(&self, number: usize) -> PathBuf {
        let key = checksum(self.key.as_bytes());
        self.folder.join(format!("{key:016x}-{number}.{EXTENSION}"))
    }
}

fn encode(kept: &Kept, key: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(kept.state.len() + kept.tokens.len() * 4 + key.len() + 64);
    bytes.extend_from_slice(MAGIC);
    let mut field = |part: &[u8]| {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part);
    };
    field(key.as_bytes());
    let tokens: Vec<u8> = kept.tokens.iter().flat_map(|token| token.to_le_bytes()).collect();
    field(&tokens);
    field(&kept.state);
    let sum = checksum(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// What `bytes` hold, if they were written whole for `key`.
fn decode(bytes: &[u8], key: &str) -> Option<Kept> {
    let (content, sum) = bytes.split_at_checked(bytes.len().checked_sub(8)?)?;
    if checksum(content).to_le_bytes() != sum {
        return None;
    }
    let mut rest = content.strip_prefix(MAGIC)?;
    let mut field = || {
        let (length, behind) = rest.split_first_chunk::<8>()?;
        let (part, behind) = behind.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        rest = behind;
        Some(part)
    };
    if field()? != key.as_bytes() {
        return None;
    }
    let tokens = field()?;
    let state = field()?.to_vec();
    let (tokens, odd) = tokens.as_chunks::<4>();
    let whole = odd.is_empty() && rest.is_empty();
    let tokens = tokens.iter().map(|token| Token::from_le_bytes(*token)).collect();
    whole.then_some(Kept { tokens, state })
}

/// FNV-1a over words of eight bytes: finds damage, and is no defence against a forger, who could as well
/// write into this user's programs.
fn checksum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let step = |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x0100_0000_01B3).rotate_left(29);
    let sum = words.iter().fold(0xCBF2_9CE4_8422_2325, |sum, word| {
        step(sum, u64::from_le_bytes(*word))
    });
    let sum = rest.iter().fold(sum, |sum, byte| step(sum, u64::from(*byte)));
    step(sum, bytes.len() as u64)
}

fn create_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// The prompts hold the user's code: nobody else may read them.
fn create_private_file(path: &Path) -> io::Result<fs::File> {
    // What lies there may be a link to elsewhere.
    let _absent = fs::remove_file(path);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kept(tokens: usize) -> Kept {
        Kept {
            tokens: (0..).take(tokens).collect(),
            state: (0..=255).cycle().take(tokens * 100).collect(),
        }
    }

    fn names(folder: &Path) -> usize {
        fs::read_dir(folder).map_or(0, Iterator::count)
    }

    #[test]
    fn what_was_put_is_taken_once_and_only_for_the_same_model() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cache");
        let shelf = Shelf::new(path.clone(), "model 1".to_owned(), 1 << 20);
        let other = Shelf::new(path.clone(), "model 2".to_owned(), 1 << 20);
        assert_eq!(shelf.take(), []);
        shelf.put(0, &kept(5)).expect("written");
        shelf.put(0, &kept(6)).expect("written again");
        shelf.put(1, &kept(7)).expect("written");
        assert_eq!(other.take(), []);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
            assert_eq!((mode(&path), mode(&shelf.path(0))), (0o700, 0o600));
        }
        assert_eq!(shelf.take(), [kept(6), kept(7)]);
        assert_eq!(shelf.take(), []);
        assert_eq!(names(&path), 0);
    }

    #[test]
    fn the_oldest_of_other_models_make_room() {
        let folder = tempfile::tempdir().expect("a folder");
        let other = Shelf::new(folder.path().to_owned(), "other".to_owned(), 20_000);
        let shelf = Shelf::new(folder.path().to_owned(), "own".to_owned(), 20_000);
        for number in 0..PROMPTS_MAX {
            other.put(number, &kept(50)).expect("written");
        }
        shelf.put(0, &kept(100)).expect("written");
        shelf.put(1, &kept(1)).expect("written");
        shelf.tidy(1);
        assert_eq!(names(folder.path()), 2);
        assert_eq!(shelf.take(), [kept(100)]);
    }

    proptest! {
        #[test]
        fn a_damaged_file_is_passed_over(tokens in 0_usize..20, at in any::<prop::sample::Index>(), bit in 0_u32..8, cut in any::<bool>()) {
            let mut bytes = encode(&kept(tokens), "key");
            prop_assert_eq!(decode(&bytes, "key"), Some(kept(tokens)));
            prop_assert_eq!(decode(&bytes, "kez"), None);
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
            prop_assert_eq!(decode(&bytes, "key"), None);
        }
    }
}
