//! What a file holds: text with all that is needed to write back the same bytes, or bytes only.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Digest;

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const UTF16_LE_MARK: &[u8] = b"\xff\xfe";
const UTF16_BE_MARK: &[u8] = b"\xfe\xff";

/// How text became bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-16, low byte first; recognised by its byte-order mark only.
    Utf16Le,
    /// UTF-16, high byte first; recognised by its byte-order mark only.
    Utf16Be,
    /// Some encoding in which each byte from 0x80 up stands for something unknown: Latin-1,
    /// Windows-1252, Shift-JIS, broken UTF-8. Such bytes become U+0080 to U+00FF and so return unharmed.
    EightBit,
}

/// What is needed besides the text to write the same bytes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Format {
    /// How the text became bytes.
    pub encoding: Encoding,
    /// Whether the bytes begin with a byte-order mark; the text never holds it.
    pub byte_order_mark: bool,
}

impl Format {
    /// What new files are written in: UTF-8 without a byte-order mark.
    pub const NEW: Self = Self {
        encoding: Encoding::Utf8,
        byte_order_mark: false,
    };
}

/// How the lines of a text end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LineEnding {
    /// All with LF, or there is no line end at all.
    Lf,
    /// All with CR LF.
    CrLf,
    /// Some with LF and some with CR LF.
    Mixed,
}

impl LineEnding {
    /// How the lines of `text` end.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let all = text.bytes().filter(|&byte| byte == b'\n').count();
        match text.matches("\r\n").count() {
            0 => Self::Lf,
            crlf if crlf == all => Self::CrLf,
            _ => Self::Mixed,
        }
    }
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Text, and how it is written.
    Text {
        /// The text without its byte-order mark, with its own line ends.
        text: Arc<str>,
        /// How it is written.
        format: Format,
    },
    /// Bytes that are not text.
    Binary(Arc<[u8]>),
}

/// A character cannot be written in the encoding of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("character `{}` cannot be written in the encoding of the file", .0.escape_debug())]
pub struct EncodeError(pub char);

impl Content {
    /// Reads bytes: as text if [`Content::encode`] gives the very same bytes again, else as bytes.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Self {
        decode_text(bytes).map_or_else(
            || Self::Binary(bytes.into()),
            |(text, format)| Self::Text {
                text: text.into(),
                format,
            },
        )
    }

    /// Text in the format of new files.
    #[must_use]
    pub fn new_text(text: &str) -> Self {
        Self::Text {
            text: text.into(),
            format: Format::NEW,
        }
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// When the text has a character that its encoding lacks.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Text { text, format } => encode_text(text, *format),
            Self::Binary(bytes) => Ok(bytes.to_vec()),
        }
    }

    /// The text, if it is text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text { text, .. } => Some(text),
            Self::Binary(_) => None,
        }
    }
}

/// What is remembered of the file that a change was made against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    /// The digest of its bytes.
    pub digest: Digest,
    /// How its text is written; nothing for a file that is not text.
    pub format: Option<Format>,
    /// How its lines end.
    pub line_ending: LineEnding,
    /// Whether its last line ends; true for an empty file.
    pub final_newline: bool,
    /// Its permission bits (0 to 0o7777).
    pub mode: u32,
}

impl Base {
    /// Looks at the bytes and permission bits of a file.
    #[must_use]
    pub fn of(bytes: &[u8], mode: u32) -> Self {
        let content = Content::decode(bytes);
        let text = content.text().unwrap_or_default();
        Self {
            digest: Digest::of(bytes),
            format: match content {
                Content::Text { format, .. } => Some(format),
                Content::Binary(_) => None,
            },
            line_ending: LineEnding::of(text),
            final_newline: text.is_empty() || text.ends_with('\n'),
            mode,
        }
    }
}

fn decode_text(bytes: &[u8]) -> Option<(String, Format)> {
    let marked = |encoding| Format {
        encoding,
        byte_order_mark: true,
    };
    if let Some(rest) = bytes.strip_prefix(UTF16_LE_MARK) {
        return Some((decode_utf16(rest, u16::from_le_bytes)?, marked(Encoding::Utf16Le)));
    }
    if let Some(rest) = bytes.strip_prefix(UTF16_BE_MARK) {
        return Some((decode_utf16(rest, u16::from_be_bytes)?, marked(Encoding::Utf16Be)));
    }
    if bytes.contains(&0) {
        return None;
    }
    let (rest, byte_order_mark) = match bytes.strip_prefix(UTF8_MARK) {
        Some(rest) => (rest, true),
        None => (bytes, false),
    };
    if let Ok(text) = std::str::from_utf8(rest) {
        return Some((
            text.to_owned(),
            Format {
                encoding: Encoding::Utf8,
                byte_order_mark,
            },
        ));
    }
    // With broken UTF-8 the three bytes of a mark are bytes like all others.
    let text = bytes.iter().copied().map(char::from).collect();
    Some((
        text,
        Format {
            encoding: Encoding::EightBit,
            byte_order_mark: false,
        },
    ))
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let pairs = bytes.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    let units: Vec<u16> = pairs.map(|pair| unit([pair[0], pair[1]])).collect();
    String::from_utf16(&units).ok()
}

fn encode_text(text: &str, format: Format) -> Result<Vec<u8>, EncodeError> {
    let mark = |mark: &[u8]| {
        if format.byte_order_mark {
            mark.to_vec()
        } else {
            Vec::new()
        }
    };
    Ok(match format.encoding {
        Encoding::Utf8 => [&mark(UTF8_MARK), text.as_bytes()].concat(),
        Encoding::Utf16Le => {
            let mut bytes = mark(UTF16_LE_MARK);
            bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
            bytes
        }
        Encoding::Utf16Be => {
            let mut bytes = mark(UTF16_BE_MARK);
            bytes.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
            bytes
        }
        Encoding::EightBit => text
            .chars()
            .map(|c| u8::try_from(c).map_err(|_| EncodeError(c)))
            .collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn format_of(bytes: &[u8]) -> Option<(Encoding, bool)> {
        Base::of(bytes, 0o644)
            .format
            .map(|format| (format.encoding, format.byte_order_mark))
    }

    #[test]
    fn encodings_are_told_apart() {
        assert_eq!(format_of(b"plain\r\n"), Some((Encoding::Utf8, false)));
        assert_eq!(format_of(b""), Some((Encoding::Utf8, false)));
        assert_eq!(format_of(b"\xef\xbb\xbfmarked"), Some((Encoding::Utf8, true)));
        assert_eq!(format_of(b"\xff\xfea\0\n\0"), Some((Encoding::Utf16Le, true)));
        assert_eq!(format_of(b"\xfe\xff\0a\0\n"), Some((Encoding::Utf16Be, true)));
        assert_eq!(format_of(b"caf\xe9\n"), Some((Encoding::EightBit, false)));
        assert_eq!(
            format_of(b"\xef\xbb\xbfcaf\xe9\n"),
            Some((Encoding::EightBit, false))
        );
        assert_eq!(format_of(b"\x7fELF\0\0"), None);
        assert_eq!(format_of(b"\xff\xfea\0\n"), None, "half a unit at the end");
        assert_eq!(format_of(b"\xff\xfe\0\xd8"), None, "a lone surrogate");
    }

    #[test]
    fn line_ends_are_told_apart() {
        assert_eq!(LineEnding::of("a\nb"), LineEnding::Lf);
        assert_eq!(LineEnding::of("a\r\nb\r\n"), LineEnding::CrLf);
        assert_eq!(LineEnding::of("a\r\nb\n"), LineEnding::Mixed);
        assert_eq!(LineEnding::of("a\rb"), LineEnding::Lf);
        assert!(!Base::of(b"a", 0).final_newline);
        assert!(Base::of(b"", 0).final_newline);
    }

    #[test]
    fn a_character_that_the_encoding_lacks_is_an_error() {
        let format = Format {
            encoding: Encoding::EightBit,
            byte_order_mark: false,
        };
        let content = Content::Text {
            text: "caf\u{e9} €".into(),
            format,
        };
        assert_eq!(content.encode(), Err(EncodeError('€')));
    }

    proptest! {
        #[test]
        fn every_byte_string_comes_back_unharmed(
            mark in prop::sample::select(vec![&b""[..], UTF8_MARK, UTF16_LE_MARK, UTF16_BE_MARK]),
            rest in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..64),
                prop::collection::vec(1u8..0x80, 0..64),
                ".*".prop_map(String::into_bytes),
                ".*".prop_map(|text: String| text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            ],
        ) {
            let bytes = [mark, &rest].concat();
            prop_assert_eq!(Content::decode(&bytes).encode().unwrap(), bytes);
        }
    }
}
