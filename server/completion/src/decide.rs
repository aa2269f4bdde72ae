//! Whether a suggestion would be welcome at a cursor, and of which shape.

use std::ops::Range;

use crate::lines::is_word;
use crate::scan::is_closer;
use crate::secrets::{is_secret_file, reach, secrets};
use crate::{Document, Selected, Shape, Trigger};
use syntax::{Language, language};

/// A longer line is taken for generated or minified, and nobody is offered anything in it unasked.
const LINE_BYTES_MAX: usize = 4096;

/// Bytes of a line that are looked at for signs of a binary file.
const LINE_SAMPLE_BYTES: usize = 1024;

/// A document that begins with so much white space is taken to be blank throughout.
const BLANK_CHARACTERS_MAX: usize = 64 * 1024;

/// Marks that may follow the closers at the end of a line without making it the middle of something: the
/// same that Copilot's client allows.
const TRAILING_MARKS: &[char] = &[':', '{', ';', ','];

/// Whether to suggest something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// A suggestion of this shape is welcome.
    Offer(Shape),
    /// None is, for this reason.
    Silent(Silence),
}

/// Why nothing is suggested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// The place lies past the end of the document, or inside a character.
    NoSuchPlace,
    /// What is selected in the popup does not lie in the cursor's line.
    SelectionElsewhere,
    /// There is no text yet that could be gone on with.
    NothingWritten,
    /// The cursor stands before or within a word.
    InsideWord,
    /// The line goes on after the cursor with more than closing brackets and the like.
    InsideLine,
    /// The line is too long to have been written by hand.
    LineTooLong,
    /// The line holds what no text holds.
    NotText,
    /// The file holds secrets, or the cursor stands in one.
    Secret,
}

impl Silence {
    /// The reason, said for a person.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoSuchPlace => "the place is not in the document",
            Self::SelectionElsewhere => "the selected popup item is not at the cursor",
            Self::NothingWritten => "the document is empty",
            Self::InsideWord => "the cursor is inside a word",
            Self::InsideLine => "the line goes on after the cursor",
            Self::LineTooLong => "the line is too long to have been written by hand",
            Self::NotText => "the line does not look like text",
            Self::Secret => "the file or the place holds a secret",
        }
    }
}

/// Says whether a suggestion is welcome at `offset_bytes` of `document`.
///
/// Unasked, it is offered only where it does not get in the way; asked for, wherever there is text.
#[must_use]
pub fn decide(
    document: &Document,
    offset_bytes: usize,
    trigger: Trigger,
    selected: Option<&Selected>,
) -> Decision {
    match refuse(document, offset_bytes, trigger, selected) {
        Ok(shape) => Decision::Offer(shape),
        Err(silence) => Decision::Silent(silence),
    }
}

fn refuse(
    document: &Document,
    offset_bytes: usize,
    trigger: Trigger,
    selected: Option<&Selected>,
) -> Result<Shape, Silence> {
    if !is_place(document.text, offset_bytes) {
        return Err(Silence::NoSuchPlace);
    }
    let line = line_range(document.text, offset_bytes);
    let replaced = match selected {
        Some(selected) => selected_range(document, &line, offset_bytes, selected)?,
        None => offset_bytes..offset_bytes,
    };
    let sample_start = floor_to_character(
        document.text,
        offset_bytes.saturating_sub(LINE_SAMPLE_BYTES).max(line.start),
    );
    let sample_end = floor_to_character(document.text, (offset_bytes + LINE_SAMPLE_BYTES).min(line.end));
    if document
        .text
        .byte_slice(sample_start..sample_end)
        .chars()
        .any(is_binary)
    {
        return Err(Silence::NotText);
    }
    if is_secret_place(document, offset_bytes) {
        return Err(Silence::Secret);
    }
    let rest_end = floor_to_character(document.text, line.end.min(replaced.end + LINE_BYTES_MAX));
    let rest = document.text.byte_slice(replaced.end..rest_end).to_string();
    let shape = if rest.trim().is_empty() {
        Shape::Block
    } else {
        Shape::Line
    };
    if trigger == Trigger::Invoked {
        return Ok(if shape == Shape::Line { Shape::Span } else { shape });
    }
    if line.len() > LINE_BYTES_MAX {
        return Err(Silence::LineTooLong);
    }
    if rest.starts_with(is_word) {
        return Err(Silence::InsideWord);
    }
    if !is_only_closers(&rest, language(document.language)) {
        return Err(Silence::InsideLine);
    }
    if document
        .text
        .chars()
        .take(BLANK_CHARACTERS_MAX)
        .all(char::is_whitespace)
    {
        return Err(Silence::NothingWritten);
    }
    Ok(shape)
}

/// Whether the file holds secrets, or the cursor stands in one.
fn is_secret_place(document: &Document, offset_bytes: usize) -> bool {
    if is_secret_file(document.path) {
        return true;
    }
    let around = reach(document.text, &(offset_bytes..offset_bytes));
    let at = offset_bytes - around.start;
    secrets(&document.text.byte_slice(around).to_string())
        .iter()
        .any(|secret| secret.start < at && at <= secret.end)
}

/// Whether `rest`, the line after the cursor, would stay as it is whatever came before it.
fn is_only_closers(rest: &str, language: &Language) -> bool {
    let rest = rest.trim();
    let without_closers = rest.trim_start_matches(|character| {
        is_closer(character) || matches!(character, '"' | '\'' | '`' | '>' | ' ')
    });
    let without_marks = without_closers.trim_start_matches(TRAILING_MARKS).trim_start();
    if without_marks.is_empty() {
        return true;
    }
    let is_comment = language
        .line_comments
        .iter()
        .any(|open| without_marks.starts_with(open.as_str()));
    let is_closing_tag = language.tags && (rest.starts_with("</") || rest == "/>");
    is_comment || is_closing_tag
}

/// Where the selected item goes, if it lies around the cursor and in its line.
fn selected_range(
    document: &Document,
    line: &Range<usize>,
    offset_bytes: usize,
    selected: &Selected,
) -> Result<Range<usize>, Silence> {
    let range = selected.range.clone();
    let around = range.start <= offset_bytes && offset_bytes <= range.end;
    let in_line = line.start <= range.start && range.end <= line.end;
    if around && in_line && is_place(document.text, range.start) && is_place(document.text, range.end) {
        Ok(range)
    } else {
        Err(Silence::SelectionElsewhere)
    }
}

/// Whether `offset_bytes` is between two characters of `text`, or at one of its ends.
pub(crate) fn is_place(text: &ropey::Rope, offset_bytes: usize) -> bool {
    offset_bytes <= text.len_bytes() && floor_to_character(text, offset_bytes) == offset_bytes
}

/// The nearest place at or before `offset_bytes` that is not inside a character.
pub(crate) fn floor_to_character(text: &ropey::Rope, offset_bytes: usize) -> usize {
    let offset_bytes = offset_bytes.min(text.len_bytes());
    text.char_to_byte(text.byte_to_char(offset_bytes))
}

/// The line that `offset_bytes` lies in, without its line break.
pub(crate) fn line_range(text: &ropey::Rope, offset_bytes: usize) -> Range<usize> {
    let line = text.byte_to_line(offset_bytes);
    let start = text.line_to_byte(line);
    let slice = text.line(line);
    let breaks = slice
        .chars_at(slice.len_chars())
        .reversed()
        .take_while(|character| matches!(character, '\n' | '\r'));
    let end = start + slice.len_bytes() - breaks.count();
    // Between the two characters of a CRLF the line's text has ended already.
    start.min(offset_bytes)..end.max(offset_bytes)
}

/// Whether no text file holds `character`: control characters but white space and the escape of terminals.
fn is_binary(character: char) -> bool {
    character == char::REPLACEMENT_CHARACTER
        || (character.is_control() && !matches!(character, '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1b}'))
}
