//! Places in a text: counted in lines and code units as editors do, and in bytes as we do.

use ropey::Rope;

/// What one step of [`Position::character`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Bytes of UTF-8.
    Utf8,
    /// Code units of UTF-16: astral characters count two.
    Utf16,
    /// Characters.
    Utf32,
}

/// A place between two characters, as an editor counts it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 0.
    pub line: u32,
    /// Distance from the start of the line, in units of the [`Encoding`] in force.
    pub character: u32,
}

/// The text from `start` to `end`; the two are put in order before use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Range {
    /// Where it begins.
    pub start: Position,
    /// Where it ends: the first place that does not belong to it.
    pub end: Position,
}

/// Where a position falls among the characters of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    /// Index of the character that follows the position.
    pub index: usize,
    /// Whether the position falls between the two surrogates of that character.
    pub splits: bool,
}

/// The byte offset of `position` in `text`.
///
/// A position past the end of its line is the end of that line, before its line break; one past the
/// last line is the end of the text; one inside a character is the start of that character.
#[must_use]
pub fn offset(text: &Rope, position: Position, encoding: Encoding) -> usize {
    text.char_to_byte(spot(text, position, encoding).index)
}

/// The position of the byte `offset` in `text`.
///
/// An offset inside a character is its start, one past the end of `text` is its end, and one between
/// CR and LF is the place before both, since no position lies between them.
#[must_use]
pub fn position(text: &Rope, offset: usize, encoding: Encoding) -> Position {
    let index = text.byte_to_char(offset.min(text.len_bytes()));
    let line = text.char_to_line(index);
    let start = text.line_to_char(line);
    let index = index.min(line_end(text, line));
    let character = match encoding {
        Encoding::Utf8 => text.char_to_byte(index) - text.char_to_byte(start),
        Encoding::Utf16 => text.char_to_utf16_cu(index) - text.char_to_utf16_cu(start),
        Encoding::Utf32 => index - start,
    };
    Position {
        line: saturate(line),
        character: saturate(character),
    }
}

pub(crate) fn spot(text: &Rope, position: Position, encoding: Encoding) -> Spot {
    let line = position.line as usize;
    if line >= text.len_lines() {
        return Spot {
            index: text.len_chars(),
            splits: false,
        };
    }
    let start = text.line_to_char(line);
    let end = line_end(text, line);
    let character = position.character as usize;
    match encoding {
        Encoding::Utf32 => Spot {
            index: start.saturating_add(character).min(end),
            splits: false,
        },
        Encoding::Utf8 => {
            let byte = text
                .char_to_byte(start)
                .saturating_add(character)
                .min(text.char_to_byte(end));
            Spot {
                index: text.byte_to_char(byte),
                splits: false,
            }
        }
        Encoding::Utf16 => {
            let unit = text
                .char_to_utf16_cu(start)
                .saturating_add(character)
                .min(text.char_to_utf16_cu(end));
            let index = text.utf16_cu_to_char(unit);
            Spot {
                index,
                splits: text.char_to_utf16_cu(index) != unit,
            }
        }
    }
}

/// Index of the character after the last one of `line` that is not part of its line break.
fn line_end(text: &Rope, line: usize) -> usize {
    let start = text.line_to_char(line);
    let mut end = text.line_to_char(line + 1);
    if end > start && text.char(end - 1) == '\n' {
        end -= 1;
        if end > start && text.char(end - 1) == '\r' {
            end -= 1;
        }
    } else if end > start && text.char(end - 1) == '\r' {
        end -= 1;
    }
    end
}

fn saturate(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
