//! Whether a document would parse with a text put in at the cursor.

use ropey::Rope;
use syntax::{Insertion, Language, Limits, Tree};

use crate::Context;
use crate::lines::{indentation, is_blank};
use crate::scan::Scanner;

/// Errors that are looked at in a document that does not parse as it stands.
const ERRORS_MAX: usize = 32;

/// A document at its cursor, ready to be parsed with this or that put in.
#[derive(Debug, Clone)]
pub struct Sketch {
    text: Rope,
    tree: Tree,
    language: &'static Language,
    limits: Limits,
    /// Where the cursor stands, or the item that is selected in the popup.
    start_bytes: usize,
    end_bytes: usize,
    /// Whether the document parses as it stands.
    whole: bool,
}

impl Sketch {
    /// Parses the document of `context`. Nothing if it cannot be parsed, or is broken far from the cursor, so
    /// that no text here could mend it.
    pub fn new(context: &Context) -> Option<Self> {
        let limits = Limits::default();
        let language = context.scanner.language();
        let tree = Tree::parse(language, &context.text, &limits)?;
        let mut sketch = Self {
            text: context.text.clone(),
            tree,
            language,
            limits,
            start_bytes: context.replaced.start,
            end_bytes: context.replaced.end,
            whole: false,
        };
        sketch.whole = sketch.tree.is_whole() && sketch.stands(&sketch.text, sketch.end_bytes);
        let here = sketch.region();
        let errors = sketch.tree.errors(ERRORS_MAX);
        let elsewhere = |error: &std::ops::Range<usize>| error.end < here.start || error.start > here.end;
        (!errors.iter().any(elsewhere)).then_some(sketch)
    }

    /// Whether the document parses as it stands.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Whether the document would parse with `inserted` at the cursor instead of `covered_bytes` after it;
    /// nothing if that takes too long to say.
    pub fn parses_with(&self, inserted: &str, covered_bytes: usize) -> Option<bool> {
        let removed_bytes = self.end_bytes - self.start_bytes + covered_bytes;
        let start = self.text.try_byte_to_char(self.start_bytes).ok()?;
        let end = self
            .text
            .try_byte_to_char(self.start_bytes + removed_bytes)
            .ok()?;
        let mut text = self.text.clone();
        text.remove(start..end);
        text.insert(start, inserted);
        let insertion = Insertion {
            at_bytes: self.start_bytes,
            removed_bytes,
            inserted_bytes: inserted.len(),
        };
        let tree = self
            .tree
            .parse_again(&self.text, &text, insertion, &self.limits)?;
        Some(tree.is_whole() && self.stands(&text, self.start_bytes + inserted.len()))
    }

    /// Whether the indentation of the line after the one at `at_bytes` fits the lines up to there, in a
    /// language where it matters: its grammar does not mind.
    fn stands(&self, text: &Rope, at_bytes: usize) -> bool {
        if !self.language.indented {
            return true;
        }
        let line = text.byte_to_line(at_bytes);
        let mut below = text.lines_at(line + 1).map(|line| line.to_string());
        let Some(next) = below.find(|line| !is_blank(line)) else {
            return !self.opens_block(text, line);
        };
        let columns = indentation(&next);
        let mut scanner = Scanner::new(self.language);
        scanner.scan(&text.byte_slice(..text.line_to_byte(line)).to_string());
        scanner.scan(&text.line(line).to_string());
        if scanner.depth() > 0 || scanner.in_long_text() {
            return true;
        }
        let Some(last) = self.last_line(text, line) else {
            return columns == 0;
        };
        if self.opens_block(text, line) {
            return columns > indentation(&last);
        }
        // One of the blocks that are open: their columns fall from line to line upwards.
        let mut open = indentation(&last);
        if columns >= open {
            return columns == open || !is_statement(&last) || self.in_bracket(text, line);
        }
        for index in (0..line).rev() {
            let above = text.line(index).to_string();
            if !is_blank(&above) && indentation(&above) < open {
                open = indentation(&above);
                if open <= columns {
                    return open == columns;
                }
            }
        }
        columns == 0
    }

    /// Whether the last line with text up to `line` is the end of something that began in an earlier line, so
    /// that its own indentation says nothing.
    fn in_bracket(&self, text: &Rope, line: usize) -> bool {
        let Some(last) = self.last_line(text, line) else {
            return false;
        };
        let mut scanner = Scanner::new(self.language);
        scanner.scan(&last);
        !scanner.unmatched().is_empty()
    }

    fn last_line(&self, text: &Rope, line: usize) -> Option<String> {
        (0..=line)
            .rev()
            .map(|index| text.line(index).to_string())
            .find(|line| !is_blank(line) && !self.is_comment(line))
    }

    fn is_comment(&self, line: &str) -> bool {
        let line = line.trim_start();
        self.language
            .line_comments
            .iter()
            .any(|open| line.starts_with(open.as_str()))
    }

    fn opens_block(&self, text: &Rope, line: usize) -> bool {
        let Some(last) = self.last_line(text, line) else {
            return false;
        };
        let mut scanner = Scanner::new(self.language);
        let mut tail = None;
        let mut rest = last.as_str();
        while !rest.is_empty() {
            let (bytes, step) = scanner.step(rest);
            if step != crate::scan::Step::Quiet {
                tail = rest[..bytes].chars().next_back();
            }
            rest = &rest[bytes..];
        }
        tail == Some(':') && scanner.depth() == 0
    }

    /// What a text at the cursor can mend: from the last line above it that is not indented to the next below.
    fn region(&self) -> std::ops::Range<usize> {
        let is_outer = |line: &String| !is_blank(line) && indentation(line) == 0;
        let line = self.text.byte_to_line(self.start_bytes);
        let start = (0..line)
            .rev()
            .find(|&index| is_outer(&self.text.line(index).to_string()))
            .map_or(0, |index| self.text.line_to_byte(index));
        let end = (line + 1..self.text.len_lines())
            .find(|&index| is_outer(&self.text.line(index).to_string()))
            .map_or(self.text.len_bytes(), |index| {
                self.text.line_to_byte((index + 1).min(self.text.len_lines()))
            });
        start..end
    }
}

/// Whether `line` is more than closing brackets.
fn is_statement(line: &str) -> bool {
    line.contains(crate::lines::is_word)
}
