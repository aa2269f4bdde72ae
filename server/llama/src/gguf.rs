//! Checks the header of a model file before llama.cpp sees it.
//!
//! Model files are hostile input: sizes in them have led readers past their buffers more than once. This
//! reader takes nothing on trust. Every count is held against the bytes that are left, every tensor
//! against the length of the file, and sums are checked for overflow. It allocates nothing that grows
//! with the file.

use std::io::{self, BufRead};

use crate::ffi::backend::tensor_layout;

/// What the header of a good file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Version of the format, 2 or 3.
    pub version: u32,
    /// Number of tensors.
    pub tensors: u64,
    /// Number of metadata entries.
    pub entries: u64,
    /// Where the tensors' data begin, in bytes from the start of the file.
    pub data_offset: u64,
}

/// What is wrong with a model file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// It does not begin as a GGUF file does.
    #[error("it is not a GGUF file")]
    NotGguf,
    /// It has a version that is not known.
    #[error("it has version {0} of the GGUF format, known are 2 and 3")]
    Version(u32),
    /// It ends within its header, or a count is larger than what is left.
    #[error("it is cut short or damaged: {0} reaches past the end of the file")]
    Short(&'static str),
    /// Something in it makes no sense.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// It could not be read.
    #[error("it could not be read: {0}")]
    Read(String),
}

const MAGIC: &[u8; 4] = b"GGUF";
const KEY_BYTES_MAX: u64 = 65_535;
const TENSOR_NAME_BYTES_MAX: u64 = 63;
const DIMENSIONS_MAX: u32 = 4;
/// No model has nearly as many; keeps the time that a check takes in bounds.
const COUNT_MAX: u64 = 1 << 20;
const TYPE_STRING: u32 = 8;
const TYPE_ARRAY: u32 = 9;

/// Reads and checks the header of a file of `file_bytes` bytes.
///
/// # Errors
/// Gives what is wrong with it, the first thing found.
pub fn check(reader: impl BufRead, file_bytes: u64) -> Result<Header, HeaderError> {
    let mut reader = Reader {
        inner: reader,
        left: file_bytes,
    };
    let mut magic = [0; 4];
    if reader.left < 4 || reader.bytes("the magic number", &mut magic).is_err() || &magic != MAGIC {
        return Err(HeaderError::NotGguf);
    }
    let version = reader.u32("the version")?;
    if !(2..=3).contains(&version) {
        return Err(HeaderError::Version(version));
    }
    let tensors = reader.u64("the number of tensors")?;
    let entries = reader.u64("the number of metadata entries")?;
    // The shortest tensor description has 24 bytes, the shortest entry 13.
    reader.hold(tensors, 24, "the number of tensors")?;
    reader.hold(entries, 13, "the number of metadata entries")?;
    if tensors > COUNT_MAX || entries > COUNT_MAX {
        return Err(HeaderError::Damaged(
            "it claims more than a million tensors or metadata entries",
        ));
    }
    let mut alignment = 32;
    for _ in 0..entries {
        if let Some(value) = read_entry(&mut reader)? {
            alignment = value;
        }
    }
    if !alignment.is_power_of_two() || alignment > 1 << 20 {
        return Err(HeaderError::Damaged(
            "its alignment is no power of two, or too large",
        ));
    }
    let mut end = 0;
    for _ in 0..tensors {
        end = end.max(read_tensor(&mut reader, alignment)?);
    }
    let position = file_bytes - reader.left;
    let data_offset = position
        .checked_next_multiple_of(alignment)
        .ok_or(HeaderError::Short("its data"))?;
    // Files may leave out the padding when no data follow.
    let data_end = data_offset
        .checked_add(end)
        .ok_or(HeaderError::Short("a tensor"))?;
    if tensors > 0 && data_end > file_bytes {
        return Err(HeaderError::Short("a tensor"));
    }
    Ok(Header {
        version,
        tensors,
        entries,
        data_offset,
    })
}

/// Reads one metadata entry; gives its value if it is the alignment.
fn read_entry(reader: &mut Reader<impl BufRead>) -> Result<Option<u64>, HeaderError> {
    const ALIGNMENT: &[u8] = b"general.alignment";
    let length = reader.length(KEY_BYTES_MAX, "a metadata key")?;
    let mut key = [0; ALIGNMENT.len()];
    let is_alignment = if length == key.len() as u64 {
        reader.bytes("a metadata key", &mut key)?;
        key == ALIGNMENT
    } else {
        reader.skip(length, "a metadata key")?;
        false
    };
    let value_type = reader.u32("a metadata type")?;
    if is_alignment {
        if value_type != 4 {
            return Err(HeaderError::Damaged("its alignment is not a number of 32 bits"));
        }
        return Ok(Some(u64::from(reader.u32("the alignment")?)));
    }
    if value_type == TYPE_ARRAY {
        let item_type = reader.u32("an array's type")?;
        let count = reader.u64("an array's length")?;
        if item_type == TYPE_STRING {
            reader.hold(count, 8, "an array of texts")?;
            for _ in 0..count {
                skip_string(reader)?;
            }
            return Ok(None);
        }
        let bytes = reader.hold(count, scalar_bytes(item_type)?, "an array")?;
        reader.skip(bytes, "an array")?;
    } else if value_type == TYPE_STRING {
        skip_string(reader)?;
    } else {
        reader.skip(scalar_bytes(value_type)?, "a metadata value")?;
    }
    Ok(None)
}

/// Reads one tensor's description; gives where its data end, counted from the start of all data.
fn read_tensor(reader: &mut Reader<impl BufRead>, alignment: u64) -> Result<u64, HeaderError> {
    const TOO_LARGE: HeaderError = HeaderError::Damaged("a tensor's size overflows");
    let length = reader.length(TENSOR_NAME_BYTES_MAX, "a tensor's name")?;
    reader.skip(length, "a tensor's name")?;
    let dimensions = reader.u32("a tensor's dimensions")?;
    if !(1..=DIMENSIONS_MAX).contains(&dimensions) {
        return Err(HeaderError::Damaged(
            "a tensor has no dimension, or more than four",
        ));
    }
    let mut row = 0;
    let mut elements: u64 = 1;
    for dimension in 0..dimensions {
        let size = reader.u64("a tensor's size")?;
        if size == 0 || size > i64::MAX as u64 {
            return Err(HeaderError::Damaged("a tensor's size is zero or negative"));
        }
        if dimension == 0 {
            row = size;
        }
        elements = elements.checked_mul(size).ok_or(TOO_LARGE)?;
    }
    let tensor_type = reader.u32("a tensor's type")?;
    let (block, block_bytes) =
        tensor_layout(tensor_type).ok_or(HeaderError::Damaged("a tensor has a type that is not known"))?;
    if row % block != 0 {
        return Err(HeaderError::Damaged(
            "a tensor's rows are no whole number of blocks",
        ));
    }
    let bytes = (elements / block).checked_mul(block_bytes).ok_or(TOO_LARGE)?;
    let offset = reader.u64("a tensor's offset")?;
    if offset % alignment != 0 {
        return Err(HeaderError::Damaged("a tensor's data are not aligned"));
    }
    offset
        .checked_add(bytes)
        .filter(|end| *end <= i64::MAX as u64)
        .ok_or(TOO_LARGE)
}

fn skip_string(reader: &mut Reader<impl BufRead>) -> Result<(), HeaderError> {
    let length = reader.length(u64::MAX, "a text")?;
    reader.skip(length, "a text")
}

/// Bytes of one value of a type that has a fixed size.
fn scalar_bytes(value_type: u32) -> Result<u64, HeaderError> {
    match value_type {
        0 | 1 | 7 => Ok(1),
        2 | 3 => Ok(2),
        4..=6 => Ok(4),
        10..=12 => Ok(8),
        TYPE_ARRAY => Err(HeaderError::Damaged("an array holds arrays")),
        _ => Err(HeaderError::Damaged(
            "a metadata entry has a type that is not known",
        )),
    }
}

/// Reads little-endian values and counts down what is left of the file.
struct Reader<R> {
    inner: R,
    left: u64,
}

impl<R: BufRead> Reader<R> {
    /// Takes `count` bytes off what is left.
    fn spend(&mut self, count: u64, what: &'static str) -> Result<(), HeaderError> {
        self.left = self.left.checked_sub(count).ok_or(HeaderError::Short(what))?;
        Ok(())
    }

    fn bytes(&mut self, what: &'static str, bytes: &mut [u8]) -> Result<(), HeaderError> {
        self.spend(bytes.len() as u64, what)?;
        self.inner
            .read_exact(bytes)
            .map_err(|error| read_error(&error, what))
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, HeaderError> {
        let mut bytes = [0; 4];
        self.bytes(what, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn u64(&mut self, what: &'static str) -> Result<u64, HeaderError> {
        let mut bytes = [0; 8];
        self.bytes(what, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Reads the length of a text and holds it against `max` and what is left.
    fn length(&mut self, max: u64, what: &'static str) -> Result<u64, HeaderError> {
        let length = self.u64(what)?;
        if length > max {
            return Err(HeaderError::Damaged("a name is longer than names are"));
        }
        self.hold(length, 1, what)
    }

    /// Checks that `count` things of at least `bytes` bytes fit into what is left; gives their bytes.
    fn hold(&self, count: u64, bytes: u64, what: &'static str) -> Result<u64, HeaderError> {
        count
            .checked_mul(bytes)
            .filter(|total| *total <= self.left)
            .ok_or(HeaderError::Short(what))
    }

    fn skip(&mut self, count: u64, what: &'static str) -> Result<(), HeaderError> {
        self.spend(count, what)?;
        let mut open = count;
        while open > 0 {
            let there = self
                .inner
                .fill_buf()
                .map_err(|error| read_error(&error, what))?
                .len() as u64;
            if there == 0 {
                return Err(HeaderError::Short(what));
            }
            let step = there.min(open);
            // At most the length of a buffer.
            self.inner.consume(step as usize);
            open -= step;
        }
        Ok(())
    }
}

fn read_error(error: &io::Error, what: &'static str) -> HeaderError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return HeaderError::Short(what);
    }
    HeaderError::Read(error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(bytes: &mut Vec<u8>, text: &str) {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    }

    /// A small file that is right: three entries, two tensors.
    fn sample() -> Vec<u8> {
        let mut file = b"GGUF".to_vec();
        file.extend(3_u32.to_le_bytes());
        file.extend(2_u64.to_le_bytes());
        file.extend(3_u64.to_le_bytes());
        text(&mut file, "general.architecture");
        file.extend(8_u32.to_le_bytes());
        text(&mut file, "qwen2");
        text(&mut file, "general.alignment");
        file.extend(4_u32.to_le_bytes());
        file.extend(64_u32.to_le_bytes());
        text(&mut file, "tokenizer.ggml.tokens");
        file.extend(9_u32.to_le_bytes());
        file.extend(8_u32.to_le_bytes());
        file.extend(2_u64.to_le_bytes());
        text(&mut file, "a");
        text(&mut file, "bc");
        for (name, tensor_type, sizes, offset) in
            [("one", 0_u32, vec![4_u64], 0_u64), ("two", 12, vec![256, 2], 64)]
        {
            text(&mut file, name);
            file.extend((sizes.len() as u32).to_le_bytes());
            for size in sizes {
                file.extend(size.to_le_bytes());
            }
            file.extend(tensor_type.to_le_bytes());
            file.extend(offset.to_le_bytes());
        }
        file.resize(file.len().next_multiple_of(64), 0);
        file.resize(file.len() + 64 + 2 * 144, 0);
        file
    }

    fn check_bytes(bytes: &[u8]) -> Result<Header, HeaderError> {
        check(bytes, bytes.len() as u64)
    }

    #[test]
    fn a_good_file_passes() {
        let header = check_bytes(&sample()).expect("the sample is right");
        assert_eq!((header.version, header.tensors, header.entries), (3, 2, 3));
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        let file = sample();
        for length in 0..file.len() {
            assert!(check_bytes(&file[..length]).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn sizes_that_overflow_are_refused() {
        let file = sample();
        let huge = u64::MAX.to_le_bytes();
        // Every aligned and unaligned place in the header: counts, lengths, sizes, offsets.
        let header_end = check_bytes(&file).expect("the sample is right").data_offset as usize;
        for place in 8..header_end - 8 {
            let mut broken = file.clone();
            broken[place..place + 8].copy_from_slice(&huge);
            if let Ok(header) = check_bytes(&broken) {
                // The place held text or a number that does not matter.
                assert_eq!((header.tensors, header.entries), (2, 3), "at {place}");
            }
        }
    }

    #[test]
    fn what_is_no_model_is_named_as_such() {
        assert_eq!(check_bytes(b""), Err(HeaderError::NotGguf));
        assert_eq!(check_bytes(b"<html>not found</html>"), Err(HeaderError::NotGguf));
        assert_eq!(check_bytes(b"GGUF\x01\0\0\0"), Err(HeaderError::Version(1)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(check_bytes(&bytes).is_err());
        }

        #[test]
        fn any_bytes_after_the_magic_are_answered(
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
            tensors in 0_u64..4,
            entries in 0_u64..4,
        ) {
            let mut file = b"GGUF\x03\0\0\0".to_vec();
            file.extend(tensors.to_le_bytes());
            file.extend(entries.to_le_bytes());
            file.extend(&bytes);
            if let Ok(header) = check_bytes(&file) {
                prop_assert!(header.tensors == 0 || header.data_offset <= file.len() as u64);
            }
        }

        #[test]
        fn mutations_of_a_good_file_are_answered(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            cut in any::<prop::sample::Index>(),
            claimed in prop_oneof![Just(None), any::<u64>().prop_map(Some)],
        ) {
            let mut file = sample();
            for (place, value) in changes {
                let place = place.index(file.len());
                file[place] = value;
            }
            let length = 1 + cut.index(file.len());
            // Also a length that the file does not have: it may shrink while it is read.
            let claimed = claimed.unwrap_or(length as u64);
            if let Ok(header) = check(&file[..length], claimed) {
                prop_assert!(header.tensors == 0 || header.data_offset <= claimed);
            }
        }
    }
}
