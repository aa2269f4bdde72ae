//! A patch laid over the file that it was made for.

use super::{FilePatch, Line, LineKind, Section};
use crate::WorkspacePath;
use crate::content::{Content, Encoding, Format};
use crate::lines;

/// What of a line is shown when it is not the one expected.
const SHOWN_CHARACTERS_MAX: usize = 80;

/// A patch does not fit the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayError {
    /// The file is not text.
    #[error("`{path}` is not text")]
    NotText {
        /// The file.
        path: WorkspacePath,
    },
    /// A line is not the one that the patch names.
    #[error(
        "the patch does not fit `{path}`: line {file_line} there is `{found}`, line {patch_line} of the patch \
         expects `{expected}`"
    )]
    Mismatch {
        /// The file.
        path: WorkspacePath,
        /// The line of the file, counted from 1.
        file_line: usize,
        /// The line of the patch, counted from 1.
        patch_line: usize,
        /// What stands in the file, with line ends visible.
        found: String,
        /// What the patch expects, with line ends visible.
        expected: String,
    },
    /// The file ends before the patch does, or the patch before the file.
    #[error(
        "the patch does not fit `{path}`: the file has {lines} lines, line {patch_line} of the patch {needs}"
    )]
    Length {
        /// The file.
        path: WorkspacePath,
        /// How many lines the file has.
        lines: usize,
        /// The line of the patch, counted from 1.
        patch_line: usize,
        /// What the patch says about the end of the file.
        needs: &'static str,
    },
    /// A line of the patch is not written in the encoding of the file.
    #[error("line {patch_line} of the patch is not in the encoding of `{path}`")]
    Encoding {
        /// The file.
        path: WorkspacePath,
        /// The line of the patch, counted from 1.
        patch_line: usize,
    },
    /// The patch would add or take away the byte-order mark.
    #[error("the patch up to its line {patch_line} would change the byte-order mark of `{path}`")]
    ByteOrderMark {
        /// The file.
        path: WorkspacePath,
        /// The line of the patch, counted from 1.
        patch_line: usize,
    },
}

/// What the file at `path` holds after `patch`; nothing if the patch deletes it.
///
/// `base` is what it holds now; a patch that makes the file takes nothing.
///
/// # Errors
/// When a line that the patch keeps or removes is not where it says, to the byte.
pub fn lay(
    patch: &FilePatch,
    base: Option<&Content>,
    path: &WorkspacePath,
) -> Result<Option<Content>, LayError> {
    let Some(base) = base.filter(|_| patch.old.is_some()) else {
        let bytes: Vec<u8> = patch
            .sections
            .iter()
            .flat_map(|s| &s.lines)
            .flat_map(|l| l.bytes.clone())
            .collect();
        return Ok(Some(Content::decode(&bytes)));
    };
    let Content::Text { text, format } = base else {
        return if patch.sections.is_empty() && patch.new.is_some() {
            Ok(Some(base.clone()))
        } else {
            Err(LayError::NotText { path: path.clone() })
        };
    };
    let mut layer = Layer {
        path,
        format: *format,
        lines: lines::split(text),
        next: 0,
        text: String::new(),
        old_marked: false,
        new_marked: false,
    };
    for section in &patch.sections {
        layer.section(section)?;
    }
    layer.finish(patch).map(|text| {
        text.map(|text| Content::Text {
            text: text.into(),
            format: *format,
        })
    })
}

struct Layer<'a> {
    path: &'a WorkspacePath,
    format: Format,
    /// The lines of the file.
    lines: Vec<&'a str>,
    /// The first line of the file that no section has passed.
    next: usize,
    /// The new text so far.
    text: String,
    /// Whether the patch shows a byte-order mark before the first line of the old and of the new text.
    old_marked: bool,
    new_marked: bool,
}

impl Layer<'_> {
    fn section(&mut self, section: &Section) -> Result<(), LayError> {
        let patch_line = section.lines.first().map_or(0, |line| line.number);
        if section.old_index > self.lines.len() {
            return Err(self.length(patch_line, "begins behind its end"));
        }
        for line in &self.lines[self.next..section.old_index] {
            self.text.push_str(line);
        }
        self.next = section.old_index;
        for line in &section.lines {
            let decoded = self.decode(line)?;
            let leads_old = line.kind != LineKind::Added && self.next == 0;
            let leads_new = line.kind != LineKind::Removed && self.text.is_empty();
            let unmarked = decoded
                .strip_prefix('\u{feff}')
                .filter(|_| leads_old || leads_new);
            self.old_marked |= leads_old && unmarked.is_some();
            self.new_marked |= leads_new && unmarked.is_some();
            let expected = unmarked.unwrap_or(&decoded);
            if line.kind != LineKind::Added {
                self.expect(expected, line)?;
                self.next += 1;
            }
            if line.kind != LineKind::Removed {
                self.text.push_str(expected);
            }
        }
        Ok(())
    }

    fn decode(&self, line: &Line) -> Result<String, LayError> {
        match self.format.encoding {
            Encoding::EightBit => Ok(line.bytes.iter().copied().map(char::from).collect()),
            Encoding::Utf8 | Encoding::Utf16Le | Encoding::Utf16Be => String::from_utf8(line.bytes.clone())
                .map_err(|_| LayError::Encoding {
                    path: self.path.clone(),
                    patch_line: line.number,
                }),
        }
    }

    fn expect(&self, expected: &str, line: &Line) -> Result<(), LayError> {
        match self.lines.get(self.next) {
            None => Err(self.length(line.number, "expects another one")),
            Some(&found) if found == expected => Ok(()),
            Some(found) => Err(LayError::Mismatch {
                path: self.path.clone(),
                file_line: self.next + 1,
                patch_line: line.number,
                found: shown(found),
                expected: shown(expected),
            }),
        }
    }

    fn length(&self, patch_line: usize, needs: &'static str) -> LayError {
        LayError::Length {
            path: self.path.clone(),
            lines: self.lines.len(),
            patch_line,
            needs,
        }
    }

    /// The new text, with the lines behind the last section.
    fn finish(mut self, patch: &FilePatch) -> Result<Option<String>, LayError> {
        let last = patch
            .sections
            .iter()
            .flat_map(|section| &section.lines)
            .next_back();
        let rest = &self.lines[self.next..];
        let patch_line = last.map_or(1, |line| line.number);
        if patch.new.is_none() {
            return if rest.is_empty() {
                Ok(None)
            } else {
                Err(self.length(patch_line, "deletes only some"))
            };
        }
        if self.old_marked != self.new_marked || self.new_marked && !self.format.byte_order_mark {
            return Err(LayError::ByteOrderMark {
                path: self.path.clone(),
                patch_line,
            });
        }
        if !rest.is_empty() && !self.text.is_empty() && !self.text.ends_with('\n') {
            return Err(self.length(patch_line, "leaves the last one without its line end"));
        }
        self.text.extend(rest.iter().copied());
        Ok(Some(self.text))
    }
}

fn shown(line: &str) -> String {
    line.chars()
        .take(SHOWN_CHARACTERS_MAX)
        .flat_map(char::escape_debug)
        .collect()
}
