//! Where a generation ends: with the line, statement, paragraph or block that the cursor stands in.

use crate::lines::{indentation, is_blank, is_word, same_line};
use crate::scan::{Scanner, Step, opener};
use crate::{Context, Shape};
use syntax::Language;

/// Lines of a suggestion, at most: more is not read before it is accepted, and takes seconds on a small machine.
pub const LINES_MAX: usize = 12;

/// Blank lines that may stand within a block; more divide what belongs together in no style guide.
const BLANK_LINES_MAX: usize = 1;

/// The same line so many times in a row is a model that has lost its way.
const REPEATED_LINES: usize = 3;

/// A line whose code ends with one of these goes on in the next.
const OPEN_ENDS: &[char] = &[',', '+', '-', '*', '=', '|', '&', '.', '\\', '?', '(', '[', '{'];

/// A line that begins with one of these goes on with the one before it.
const OPEN_STARTS: &[char] = &['.', ')', ']', '}', '?', '|', '&', '+', ':', '='];

/// A line that ends with one of these may be followed by a deeper one.
const BLOCK_OPENERS: &[char] = &[':', '{', '(', '[', ',', '>'];

/// A line that begins with one of these says something of the next: a decorator, an attribute.
const HERALDS: &[&str] = &["@", "#["];

/// How much belongs to a suggestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// The rest of the line.
    Line,
    /// The statement that the cursor's line has begun.
    Statement,
    /// The lines up to a blank one.
    Paragraph,
    /// The lines up to the end of the block, of which nothing follows the cursor.
    Block,
}

impl Extent {
    fn of(context: &Context, shape: Shape) -> Self {
        if shape == Shape::Line {
            return Self::Line;
        }
        if !is_blank(context.line_before()) {
            return Self::Statement;
        }
        let columns = indentation(context.line_before());
        let more_follows = context
            .next_line()
            .is_some_and(|line| indentation(line) >= columns);
        if columns == 0 || more_follows {
            Self::Paragraph
        } else {
            Self::Block
        }
    }
}

/// What is known of where a generation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Where it ends, in bytes of what was generated, once that is certain.
    pub end: Option<usize>,
    /// The last place so far where a statement was whole; zero if there was none.
    pub safe_end: usize,
}

/// Says where `generated` ends; with `ended` nothing more will follow it.
pub fn cut(context: &Context, shape: Shape, generated: &str, ended: bool) -> Cut {
    let mut walk = Walk::new(context, Extent::of(context, shape));
    if walk.extent == Extent::Line {
        return Cut {
            end: generated.find('\n'),
            safe_end: 0,
        };
    }
    let mut start = 0;
    loop {
        let length = generated[start..].find('\n');
        let text = &generated[start..start + length.unwrap_or(generated.len() - start)];
        let line = Line {
            start,
            text,
            whole: length.is_some() || ended,
            last: length.is_none(),
        };
        match walk.line(line) {
            Flow::End(end) => {
                return Cut {
                    end: Some(end),
                    safe_end: walk.safe_end,
                };
            }
            Flow::Wait => break,
            Flow::Next => {}
        }
        match length {
            Some(length) => start += length + 1,
            None => break,
        }
    }
    Cut {
        end: None,
        safe_end: walk.safe_end,
    }
}

/// One line of what was generated; the first goes on with the cursor's line.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    start: usize,
    text: &'a str,
    /// Nothing will be added to it.
    whole: bool,
    /// Nothing follows it yet.
    last: bool,
}

/// What a line means for the end.
enum Flow {
    Next,
    /// It cannot be said before more is known.
    Wait,
    End(usize),
}

/// The way through the lines of what was generated.
struct Walk<'a> {
    context: &'a Context,
    language: &'static Language,
    extent: Extent,
    scanner: Scanner,
    /// The fewest brackets that have been open since the cursor.
    depth_min: usize,
    /// Brackets from before the cursor that the suggestion may still close.
    wanted: Vec<char>,
    /// Columns of what the suggestion goes on with; for a blank line those of its first text.
    columns: Option<usize>,
    /// Whether the lines so far could be all of a statement.
    statement_whole: bool,
    blank_lines: usize,
    /// Lines with text, of which the first goes on with the cursor's.
    lines: Vec<String>,
    /// Where each of them ends.
    ends: Vec<usize>,
    last_end: usize,
    safe_end: usize,
}

impl<'a> Walk<'a> {
    fn new(context: &'a Context, extent: Extent) -> Self {
        let before = context.line_before();
        Self {
            context,
            language: context.scanner.language(),
            extent,
            scanner: context.scanner.clone(),
            depth_min: context.scanner.depth(),
            wanted: context.closers_wanted.clone(),
            columns: (!is_blank(before)).then(|| indentation(before)),
            statement_whole: false,
            blank_lines: 0,
            lines: Vec::new(),
            ends: Vec::new(),
            last_end: 0,
            safe_end: 0,
        }
    }

    fn line(&mut self, line: Line) -> Flow {
        if is_blank(line.text) {
            return self.blank(line);
        }
        let continues_cursor = line.start == 0;
        let full = if continues_cursor {
            self.context.line_before().to_owned() + line.text
        } else {
            line.text.to_owned()
        };
        let begins = !continues_cursor || is_blank(self.context.line_before());
        let mut closes_block = false;
        if begins && !self.scanner.in_long_text() {
            match self.begin(&full, line.whole) {
                Begin::Goes => {}
                Begin::Closes => closes_block = true,
                Begin::Wait => return Flow::Wait,
                Begin::Ends => return Flow::End(self.last_end),
            }
        }
        let tail = match self.scan(line) {
            Ok(tail) => tail,
            Err(end) => return Flow::End(end),
        };
        if line.last && !line.whole {
            return Flow::Wait;
        }
        self.end_line(line, full, tail, closes_block)
    }

    fn blank(&mut self, line: Line) -> Flow {
        if line.last {
            return Flow::Wait;
        }
        let in_text = self.scanner.in_long_text();
        self.scanner.scan(line.text);
        self.scanner.scan("\n");
        if line.start == 0 || in_text {
            return Flow::Next;
        }
        self.blank_lines += 1;
        Flow::Next
    }

    /// Whether brackets opened in the cursor's line or later are still open.
    fn nested(&self) -> bool {
        self.scanner.depth() > self.context.line_depth
    }

    /// What the start of a line says: its indentation and its first word.
    fn begin(&mut self, full: &str, whole: bool) -> Begin {
        let columns = indentation(full);
        let cursor_columns = indentation(self.context.line_before());
        let base = *self.columns.get_or_insert(columns.max(cursor_columns));
        if self.nested() {
            return Begin::Goes;
        }
        let start = Start::of(full.trim_start(), self.language, whole);
        if columns < base {
            return match start {
                Start::Unknown => Begin::Wait,
                Start::Closer if self.may_close(full) => Begin::Closes,
                _ => Begin::Ends,
            };
        }
        if columns > base {
            return Begin::Goes;
        }
        if self.lines.is_empty() {
            // A line of its own after a line that was whole: what follows is a paragraph.
            if self.extent == Extent::Statement {
                self.extent = Extent::Paragraph;
            }
            return Begin::Goes;
        }
        let statement_ends = self.extent == Extent::Statement && self.statement_whole;
        let paragraph_ends = match self.extent {
            Extent::Paragraph => self.blank_lines > 0,
            _ => self.blank_lines > BLANK_LINES_MAX,
        };
        match start {
            Start::Unknown if statement_ends => Begin::Wait,
            Start::Plain if statement_ends => Begin::Ends,
            _ if paragraph_ends => Begin::Ends,
            _ => Begin::Goes,
        }
    }

    /// Whether the line that closes the cursor's block is missing after the cursor.
    fn may_close(&self, full: &str) -> bool {
        let columns = indentation(full);
        self.context.next_line().is_none_or(|next| {
            let next_closes = Start::of(next.trim_start(), self.language, true) == Start::Closer;
            indentation(next) < columns || (indentation(next) == columns && !next_closes)
        })
    }

    /// Goes over the text of a line. Gives the last character of its code, or where the suggestion must
    /// end because a bracket would be closed that is not the suggestion's to close.
    fn scan(&mut self, line: Line) -> Result<Option<char>, usize> {
        let mut tail = None;
        let mut at = 0;
        while at < line.text.len() {
            let (bytes, step) = self.scanner.step(&line.text[at..]);
            let character = line.text[at..].chars().next();
            // The quote after it may still come that makes the last bracket a character: `')'`.
            let certain = line.whole || at + bytes < line.text.len();
            let outer =
                step == Step::Unmatched || (step == Step::Close && self.scanner.depth() < self.depth_min);
            if outer && certain {
                self.depth_min = self.depth_min.min(self.scanner.depth());
                let wanted =
                    character.and_then(|closer| self.wanted.iter().rposition(|&open| open == opener(closer)));
                match wanted {
                    Some(index) => self.wanted.truncate(index),
                    None if is_blank(&line.text[..at]) => return Err(self.last_end),
                    None => return Err(line.start + at),
                }
            }
            if step != Step::Quiet {
                tail = line.text[at..at + bytes].chars().next_back();
            }
            at += bytes;
        }
        Ok(tail)
    }

    /// What the end of a line says: whether the statement, the block or the measure is full.
    fn end_line(&mut self, line: Line, full: String, tail: Option<char>, closes_block: bool) -> Flow {
        self.scanner.scan("\n");
        let end = line.start + line.text.trim_end().len();
        if self
            .context
            .next_line()
            .is_some_and(|next| same_line(&full, next))
        {
            return Flow::End(self.last_end);
        }
        if closes_block && self.nested() {
            return Flow::End(self.last_end);
        }
        let herald = HERALDS.iter().any(|mark| full.trim_start().starts_with(mark));
        let open_end = !self.language.prose && (herald || tail.is_none_or(|tail| OPEN_ENDS.contains(&tail)));
        let opens_block = self.language.indented && tail == Some(':');
        self.statement_whole = !self.nested() && !self.scanner.in_long_text() && !open_end && !opens_block;
        self.blank_lines = 0;
        self.lines.push(full);
        self.ends.push(end);
        self.last_end = end;
        if self.statement_whole {
            self.safe_end = end;
        }
        if let Some(kept) = self.repeats() {
            return Flow::End(kept);
        }
        let left_block = self.scanner.depth() < self.context.line_depth;
        if closes_block || left_block {
            return Flow::End(end);
        }
        let single = self.lines.len() == 1 && !self.after_line_break(line);
        let ends_for_sure = tail == Some(';') || self.language.indented || self.language.prose;
        if self.extent == Extent::Statement && self.statement_whole && ends_for_sure && single {
            return Flow::End(end);
        }
        if self.lines.len() == LINES_MAX {
            return Flow::End(if self.safe_end > 0 { self.safe_end } else { end });
        }
        Flow::Next
    }

    /// Whether the suggestion began with a new line.
    fn after_line_break(&self, line: Line) -> bool {
        line.start > 0 && !is_blank(self.context.line_before())
    }

    /// Where to end if the last lines are all the same.
    fn repeats(&self) -> Option<usize> {
        let (last, before) = self.lines.split_last()?;
        let same = before.iter().rev().take_while(|line| *line == last).count() + 1;
        (same >= REPEATED_LINES).then(|| self.ends[self.ends.len() - same])
    }
}

/// What the start of a line means for the suggestion.
enum Begin {
    Goes,
    Closes,
    Wait,
    Ends,
}

/// What a line begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// What closes a block.
    Closer,
    /// What goes on with the statement before.
    Continues,
    Plain,
    /// The first word is not known to its end.
    Unknown,
}

impl Start {
    /// What `text`, a line without its indentation, begins with.
    fn of(text: &str, language: &Language, whole: bool) -> Self {
        let word_end = text.find(|character| !is_word(character)).unwrap_or(text.len());
        let word = &text[..word_end];
        let closing_tag = language.tags && text.starts_with("</");
        if closing_tag || text.starts_with([')', ']', '}']) {
            return Self::Closer;
        }
        if !whole && (word_end == text.len() || text == "<") {
            return Self::Unknown;
        }
        if language.closing_words.iter().any(|closing| closing == word) {
            return Self::Closer;
        }
        let continues = language
            .continuing_words
            .iter()
            .any(|continuing| continuing == word);
        if continues || text.starts_with(OPEN_STARTS) {
            Self::Continues
        } else {
            Self::Plain
        }
    }
}

/// Whether `line` may be the first of something that stands for itself at the left margin.
pub fn begins_item(line: &str, language: &Language) -> bool {
    let plain = Start::of(line, language, true) == Start::Plain;
    plain && !line.starts_with([' ', '\t', '{', '#', '/', '*', '-']) && !is_blank(line)
}

/// The columns of one step of indentation, by the lines around the cursor's.
pub fn step_columns(context: &Context) -> Option<usize> {
    let above = context.prefix.rsplit('\n').skip(1);
    let below = context.suffix.split('\n').skip(1);
    let columns = |line: &str| Some(indentation(line)).filter(|&columns| columns > 0 && !is_blank(line));
    above.chain(below).filter_map(columns).min()
}

/// Whether the cursor stands within a step of indentation that `more` completes: typed by hand, or a span that
/// begins there.
fn only_begun(context: &Context, before: &str, more: &str) -> bool {
    let Some(step) = step_columns(context) else {
        return false;
    };
    let whole = |columns: usize| columns.is_multiple_of(step);
    !whole(indentation(before)) && whole(indentation(&[before, more].concat()))
}

/// Bytes at the start of `generated` that indent a line which the cursor has indented already.
///
/// Models trained on whole lines do so when the prompt ends with white space.
pub fn doubled_indentation(context: &Context, generated: &str) -> usize {
    let before = context.line_before();
    let extra = generated.len() - generated.trim_start_matches([' ', '\t']).len();
    let rest = &generated[extra..];
    let undecided = extra == 0 || rest.is_empty() || rest.starts_with('\n');
    if undecided || before.is_empty() || !is_blank(before) || context.scanner.in_long_text() {
        return 0;
    }
    if only_begun(context, before, &generated[..extra]) {
        return 0;
    }
    let above = context.previous_line().unwrap_or_default();
    let is_deeper = indentation(before) > indentation(above);
    // Below a line that opens a block, or in an open bracket, more indentation makes sense.
    let may_be_deeper =
        above.trim_end().ends_with(BLOCK_OPENERS) || context.line_depth > 0 || rest.starts_with(OPEN_STARTS);
    if is_deeper || !may_be_deeper { extra } else { 0 }
}
