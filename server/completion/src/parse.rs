//! Whether a document would parse with a text put in at the cursor.

use std::cell::Cell;
use std::ops::Range;

use ropey::Rope;
use syntax::{Insertion, Language, Limits, Tree};

use crate::Context;
use crate::cut::begins_item;
use crate::lines::{indentation, is_blank};
use crate::scan::{Scanner, Step};

/// A shorter document is parsed as a whole: that takes about a millisecond.
const ITEM_BYTES_MIN: usize = 8 * 1024;

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
    /// How brackets and quotes stand where the text begins.
    scanner: Scanner,
    /// Whether the text begins a line.
    begins_line: bool,
    /// Whether the document parses as it stands, but for `elsewhere`.
    whole: bool,
    /// What is broken where no text at the cursor can mend it.
    elsewhere: Vec<Range<usize>>,
    /// Bytes read in parsing it again.
    reread_bytes: Cell<usize>,
}

impl Sketch {
    /// Parses the document of `context`; nothing if it cannot be parsed, or is broken in too many places.
    pub fn new(context: &Context) -> Option<Self> {
        let limits = Limits::default();
        let language = context.scanner.language();
        let item = item(context, language, &limits);
        let (text, from_bytes) = match &item {
            Some(range) => (Rope::from(context.text.byte_slice(range.clone())), range.start),
            None => (context.text.clone(), 0),
        };
        let tree = Tree::parse(language, &text, &limits)?;
        let mut sketch = Self {
            text,
            tree,
            language,
            limits,
            start_bytes: context.replaced.start - from_bytes,
            end_bytes: context.replaced.end - from_bytes,
            scanner: context.scanner_before.clone(),
            begins_line: context.replaced_begins_line(),
            whole: false,
            elsewhere: Vec::new(),
            reread_bytes: Cell::new(0),
        };
        let errors = sketch.tree.errors(ERRORS_MAX);
        if errors.len() == ERRORS_MAX {
            return None;
        }
        let here;
        (here, sketch.elsewhere) = parted(errors, &sketch.region());
        sketch.whole = here.is_empty() && sketch.stands(&sketch.text, sketch.end_bytes);
        Some(sketch)
    }

    /// Whether the document parses as it stands, but for what is broken far from the cursor.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Bytes that were read so far in parsing it again, in pieces of about a kilobyte.
    pub fn reread_bytes(&self) -> usize {
        self.reread_bytes.get()
    }

    /// Whether the document would parse with `inserted` at the cursor instead of `covered_bytes` after it, but for
    /// what was broken far from there before; nothing if that takes too long to say, or if the parser sees that in
    /// another way.
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
        self.reread_bytes.set(self.reread_bytes.get() + tree.read_bytes());
        let stands = || self.stands(&text, self.start_bytes + inserted.len());
        if self.elsewhere.is_empty() {
            return Some(tree.is_whole() && stands());
        }
        let Range { start, end } = self.region();
        let moved = |at: usize| at - removed_bytes + inserted.len();
        let (here, elsewhere) = parted(tree.errors(ERRORS_MAX), &(start..moved(end)));
        if !here.is_empty() {
            return Some(false);
        }
        let before = self.elsewhere.iter().map(|error| {
            if error.start > end {
                moved(error.start)..moved(error.end)
            } else {
                error.clone()
            }
        });
        before.eq(elsewhere).then(stands)
    }

    /// Whether the indentation of the lines from the cursor's on, up to the first after `end_bytes`, is one that
    /// the lines above allow, in a language where that matters: its grammar does not mind.
    fn stands(&self, text: &Rope, end_bytes: usize) -> bool {
        if !self.language.indented {
            return true;
        }
        let first = text.byte_to_line(self.start_bytes);
        let last = text.byte_to_line(end_bytes);
        let mut scanner = self.scanner.clone();
        for index in first..text.len_lines() {
            let line = text.line(index).to_string();
            let within = scanner.depth() > 0 || scanner.in_long_text();
            let begins = index > first || self.begins_line;
            let says = !is_blank(&line) && !self.is_comment(&line);
            if begins && !within && says && !self.line_stands(text, index, &line) {
                return false;
            }
            if index > last && says {
                return true;
            }
            let from = if index == first {
                self.start_bytes - text.line_to_byte(first)
            } else {
                0
            };
            scanner.scan(&line[from..]);
        }
        // At the end of the document a header lacks its block.
        let end = self.last_line(text, text.len_lines());
        scanner.depth() > 0 || end.is_none_or(|line| !self.opens_block(&line))
    }

    /// Whether `line`, with the number `index`, belongs to one of the blocks that are open above it.
    fn line_stands(&self, text: &Rope, index: usize, line: &str) -> bool {
        let columns = indentation(line);
        let Some(above) = self.last_line(text, index) else {
            return columns == 0;
        };
        if above.trim_end().ends_with('\\') {
            return true;
        }
        if self.opens_block(&above) {
            return columns > indentation(&above);
        }
        let mut scanner = Scanner::new(self.language);
        scanner.scan(&above);
        // The end of something longer is indented as its writer likes.
        let ends_longer = !scanner.unmatched().is_empty() || scanner.in_long_text() || !is_statement(&above);
        let mut open = indentation(&above);
        if columns >= open {
            return columns == open || ends_longer;
        }
        // The blocks that are open have fewer columns from line to line upwards.
        for index in (0..index).rev() {
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

    /// The last line above the one with the number `index` that says something.
    fn last_line(&self, text: &Rope, index: usize) -> Option<String> {
        (0..index)
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

    /// Whether the code of `line` ends with the mark before a block.
    fn opens_block(&self, line: &str) -> bool {
        let mut scanner = Scanner::new(self.language);
        let mut tail = None;
        let mut rest = line;
        while !rest.is_empty() {
            let (bytes, step) = scanner.step(rest);
            if step != Step::Quiet {
                tail = rest[..bytes].chars().next_back();
            }
            rest = &rest[bytes..];
        }
        tail == Some(':') && scanner.depth() == 0
    }

    /// What a text at the cursor can mend: from the last line above it that is not indented to the next below.
    fn region(&self) -> Range<usize> {
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

/// The `errors` that touch `region`, and the others.
fn parted(errors: Vec<Range<usize>>, region: &Range<usize>) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    errors
        .into_iter()
        .partition(|error| error.end >= region.start && error.start <= region.end)
}

/// The lines around the cursor that stand for themselves at the left margin, if the long document around them
/// parses without them: then only they need be parsed with this or that put in. A file that is broken at the
/// cursor may otherwise be read as a whole each time.
fn item(context: &Context, language: &Language, limits: &Limits) -> Option<Range<usize>> {
    let text = &context.text;
    if text.len_bytes() < ITEM_BYTES_MIN {
        return None;
    }
    let begins = |line: usize| begins_item(&text.line(line).to_string(), language);
    let first = text.byte_to_line(context.replaced.start);
    let last = text.byte_to_line(context.replaced.end);
    // What is typed at the margin may belong to what stands above it.
    let start = (0..first).rev().find(|&line| begins(line))?;
    let end = (last + 1..text.len_lines()).find(|&line| begins(line));
    let start = text.line_to_byte(start);
    let end = end.map_or(text.len_bytes(), |line| text.line_to_byte(line));
    if (end - start) * 2 > text.len_bytes() {
        return None;
    }
    let mut others = text.clone();
    others.remove(text.byte_to_char(start)..text.byte_to_char(end));
    Tree::parse(language, &others, limits)?
        .is_whole()
        .then_some(start..end)
}

/// Whether `line` is more than closing brackets.
fn is_statement(line: &str) -> bool {
    line.contains(crate::lines::is_word)
}
