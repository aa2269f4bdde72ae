//! Which of the places where a generation could end is the right one: the first that leaves a file that parses.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;

use crate::cut::{LINES_MAX, cut, step_columns};
use crate::filters::is_subsequence;
use crate::lines::{indentation, is_blank, is_word, letters};
use crate::parse::Sketch;
use crate::seam::{joints, seam};
use crate::{Context, Shape};

/// Places to join what follows the cursor that are tried when no line ends as it does.
const JOINTS_MAX: usize = 12;

/// A line that begins with one of these begins a function, where indentation tells what belongs to it.
const FUNCTION_WORDS: &[&str] = &["def", "async"];

/// Where a generation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// After so many bytes, by the shape of the lines.
    Lines(usize),
    /// After so many bytes, where what follows the cursor goes on with it.
    Joined(usize),
    /// After so many bytes, in place of the rest of the cursor's line.
    Covering(usize),
}

impl End {
    /// Bytes of what was generated up to the end.
    pub fn bytes(self) -> usize {
        match self {
            Self::Lines(bytes) | Self::Joined(bytes) | Self::Covering(bytes) => bytes,
        }
    }
}

/// Finds the end, asking the syntax where the lines alone do not tell.
#[derive(Debug, Clone, Default)]
pub struct Ends {
    /// The document, once it has been parsed; nothing inside if it cannot be.
    sketch: OnceCell<Option<Sketch>>,
    /// What the parser said of the ends so far, by their bytes: a text only grows.
    said: RefCell<BTreeMap<usize, Option<bool>>>,
    parses: Cell<usize>,
    /// Whether all that is missing is waited for, not only what comes next.
    pub patient: bool,
}

/// What came of looking for a place further on.
enum Found {
    Here(usize),
    /// It may still come.
    NotYet,
    Nowhere,
}

impl Ends {
    /// The document with its cursor, if it can be parsed. Parsed when first asked for, which is while the
    /// engine generates anyway.
    pub fn sketch(&self, context: &Context) -> Option<&Sketch> {
        self.sketch.get_or_init(|| Sketch::new(context)).as_ref()
    }

    /// How often the document was parsed with a text put in.
    pub fn parses_count(&self) -> usize {
        self.parses.get()
    }

    /// Bytes that were read so far in parsing the document again.
    pub fn reread_bytes(&self) -> usize {
        let sketch = self.sketch.get().and_then(Option::as_ref);
        sketch.map_or(0, Sketch::reread_bytes)
    }

    /// Whether the document parses with all that is selected and `text`; nothing if it cannot be said.
    pub fn parses(&self, context: &Context, text: &str, covered_bytes: usize) -> Option<bool> {
        self.parses.set(self.parses.get() + 1);
        let inserted = [context.selected.as_str(), text].concat();
        self.sketch(context)?.parses_with(&inserted, covered_bytes)
    }

    /// Where `generated` ends, once that is certain; with `ended` nothing more will follow it.
    pub fn find(&self, context: &Context, shape: Shape, generated: &str, ended: bool) -> Option<End> {
        match shape {
            Shape::Line => cut(context, shape, generated, ended).end.map(End::Lines),
            Shape::Span => self.span(context, generated, ended),
            Shape::Block => self.block(context, generated, ended).map(End::Lines),
        }
    }

    /// Where a block ends; for who waits, where all that is missing before the next line has come.
    fn block(&self, context: &Context, generated: &str, ended: bool) -> Option<usize> {
        let first = || cut(context, Shape::Block, generated, ended).end;
        let first = self.header(context, generated, ended).or_else(first);
        if let (true, Some(first)) = (self.patient, first) {
            match self.further(context, generated, first, ended) {
                Found::Here(end) => return Some(end),
                Found::NotYet => return None,
                Found::Nowhere => {}
            }
        }
        self.settle(context, generated, ended)
    }

    /// Looks past `first`, where the lines seem to end, for the place where what follows the cursor begins: what
    /// is missing often reaches beyond the cursor's own block, and a model that has seen the rest writes up to it.
    fn further(&self, context: &Context, generated: &str, first: usize, ended: bool) -> Found {
        let here = indentation(context.line_before());
        let next = context.next_line();
        let function = next.is_none().then(|| function_columns(context)).flatten();
        if here == 0 || (next.is_none() && function.is_none()) {
            return Found::Nowhere;
        }
        let outermost = function.map_or(1, |columns| columns + 1);
        let (mut start, mut last_end) = (0, 0);
        for index in 0..=LINES_MAX {
            let Some((line, next_start)) = whole_line(generated, start, ended) else {
                break;
            };
            let past = index > 0 && !is_blank(line) && start >= first;
            if past {
                let meets = next.is_some_and(|next| line.trim_end() == next.trim_end());
                let leaves = indentation(line) < outermost;
                let ends_here = meets || (leaves && function.is_some());
                if ends_here && last_end > 0 && self.fits(context, generated, last_end) != Some(false) {
                    return Found::Here(last_end);
                }
                if leaves {
                    return Found::Nowhere;
                }
            }
            if index == LINES_MAX {
                return Found::Nowhere;
            }
            if !is_blank(line) {
                last_end = start + line.trim_end().len();
            }
            start = next_start;
        }
        if !ended {
            return Found::NotYet;
        }
        // A model that ends by itself means all of it, if that makes sense.
        if last_end > first && self.fits(context, generated, last_end) == Some(true) {
            Found::Here(last_end)
        } else {
            Found::Nowhere
        }
    }

    /// The end of the cursor's line, where the next line needs it to belong to: a header whose body is there
    /// already, one step deeper.
    fn header(&self, context: &Context, generated: &str, ended: bool) -> Option<usize> {
        let here = indentation(context.line_before());
        let next = context.next_line().map(indentation)?;
        if next <= here || Some(next - here) != step_columns(context) {
            return None;
        }
        let (line, _) = whole_line(generated, 0, ended).filter(|(line, _)| !is_blank(line))?;
        let end = line.trim_end().len();
        let was_whole = self.sketch(context).is_none_or(Sketch::is_whole);
        (!was_whole && self.fits(context, generated, end) == Some(true)).then_some(end)
    }

    /// Where the lines end; if that leaves a file broken which a later line mends, there.
    pub fn settle(&self, context: &Context, generated: &str, ended: bool) -> Option<usize> {
        if let Some(end) = self.header(context, generated, ended) {
            return Some(end);
        }
        let first = cut(context, Shape::Block, generated, ended).end?;
        if first == 0 || self.fits(context, generated, first) != Some(false) {
            return Some(first);
        }
        let outermost = outermost_columns(context);
        let mut last_end = first;
        let mut lines = generated[..first].matches('\n').count() + 1;
        let Some(break_bytes) = generated[first..].find('\n') else {
            return ended.then_some(first);
        };
        let mut start = first + break_bytes + 1;
        while lines < LINES_MAX {
            let Some((line, next_start)) = whole_line(generated, start, ended) else {
                return ended.then_some(first);
            };
            lines += 1;
            if !is_blank(line) {
                if context.next_line().is_some_and(|next| says_the_same(line, next)) {
                    let fits = self.fits(context, generated, last_end) != Some(false);
                    return Some(if fits { last_end } else { first });
                }
                if indentation(line) < outermost {
                    return Some(first);
                }
                last_end = start + line.trim_end().len();
                if self.fits(context, generated, last_end) == Some(true) {
                    return Some(last_end);
                }
            }
            start = next_start;
        }
        Some(first)
    }

    /// Where the text after the cursor goes on with what was generated.
    fn span(&self, context: &Context, generated: &str, ended: bool) -> Option<End> {
        let rest = context.line_after().trim_end();
        let closes = rest
            .chars()
            .all(|one| !is_word(one) && !OPENS_MORE.contains(&one));
        // The rest of the line may belong to another block than the cursor; both to the same function.
        let outermost = usize::from(indentation(context.line_before()) > 0);
        let mut start = 0;
        let mut likely = None;
        for index in 0..LINES_MAX {
            let Some((line, next_start)) = whole_line(generated, start, ended) else {
                if ended {
                    break;
                }
                return None;
            };
            if index > 0 && !is_blank(line) && indentation(line) < outermost {
                return Some(self.span_at_last(context, generated, likely, false));
            }
            if let Some(at) = seam(line, rest).map(|at| start + at) {
                let says_more = !is_blank(&generated[..at]);
                if says_more && self.fits(context, generated, at) != Some(false) {
                    if closes {
                        return Some(End::Joined(at));
                    }
                    // What many a line ends with joins for certain only if the next lines are the same too.
                    likely = likely.or(Some(at));
                    let next = whole_line(generated, next_start, ended).map(|(line, _)| line);
                    match (next, context.next_line()) {
                        (Some(line), Some(next)) if says_the_same(line, next) => {
                            return Some(End::Joined(at));
                        }
                        (None, _) if !ended => return None,
                        _ => {}
                    }
                }
            }
            if index == 0 && closes && self.fits(context, generated, line.len()) != Some(false) {
                return Some(End::Lines(line.trim_end().len()));
            }
            start = next_start;
        }
        Some(self.span_at_last(context, generated, likely, ended))
    }

    /// Where a span ends of which no line ends as the cursor's does.
    fn span_at_last(&self, context: &Context, generated: &str, likely: Option<usize>, ended: bool) -> End {
        let whole = generated.trim_end_matches('\n').len();
        // A model that ends by itself, and not with what follows the cursor, means that to go on with all of it.
        let last = &generated[generated[..whole].rfind('\n').map_or(0, |at| at + 1)..whole];
        let says_rest = seam(last, context.line_after().trim_end()).is_some();
        let all = || ended && whole > 0 && self.fits(context, generated, whole) == Some(true);
        match likely {
            Some(at) if says_rest || !all() => return End::Joined(at),
            _ if all() => return End::Joined(whole),
            _ => {}
        }
        let joints = joints(generated, context.following.trim_end());
        let joint = joints
            .into_iter()
            .take(JOINTS_MAX)
            .find(|&at| !is_blank(&generated[..at]) && self.fits(context, generated, at) == Some(true));
        if let Some(at) = joint {
            return End::Joined(at);
        }
        let line = generated.find('\n').unwrap_or(generated.len());
        if self.writes_line_anew(context, generated[..line].trim_end()) {
            End::Covering(generated[..line].trim_end().len())
        } else {
            End::Lines(line)
        }
    }

    /// Whether `line` is the cursor's line to its end, the rest of it said in another way: it makes sense without
    /// the rest. Editors show such a text only if the rest can be found in it, letter by letter.
    fn writes_line_anew(&self, context: &Context, line: &str) -> bool {
        let rest = context.line_after().trim_end();
        !is_blank(line)
            && !is_blank(rest)
            && is_subsequence(rest, line)
            && self.parses(context, line, rest.len()) == Some(true)
    }

    /// Whether the document parses with the first `bytes` of `generated`.
    fn fits(&self, context: &Context, generated: &str, bytes: usize) -> Option<bool> {
        if let Some(&said) = self.said.borrow().get(&bytes) {
            return said;
        }
        let said = self.parses(context, &generated[..bytes], 0);
        self.said.borrow_mut().insert(bytes, said);
        said
    }
}

/// Marks at the end of a line after which the next one belongs to it.
const OPENS_MORE: &[char] = &[
    ':', '{', '(', '[', '=', '+', '-', '*', '/', '|', '&', '.', '<', '\\',
];

/// The columns of the function that the cursor stands in, in a language where indentation tells.
fn function_columns(context: &Context) -> Option<usize> {
    if !context.scanner.language().indented {
        return None;
    }
    let mut columns = indentation(context.line_before());
    let mut headers = context.prefix.rsplit('\n').skip(1).filter(|line| !is_blank(line));
    headers.find_map(|line| {
        if indentation(line) >= columns {
            return None;
        }
        columns = indentation(line);
        let word = line.split_whitespace().next();
        word.is_some_and(|word| FUNCTION_WORDS.contains(&word))
            .then_some(columns)
    })
}

/// The columns to the left of which nothing belongs between the lines around the cursor.
fn outermost_columns(context: &Context) -> usize {
    let here = indentation(context.line_before());
    context.next_line().map_or(0, |next| indentation(next).min(here))
}

/// The line of `text` at `start` and where the next begins, if the line is whole.
fn whole_line(text: &str, start: usize, ended: bool) -> Option<(&str, usize)> {
    let rest = text.get(start..)?;
    match rest.find('\n') {
        Some(length) => Some((&rest[..length], start + length + 1)),
        None if ended && !rest.is_empty() => Some((rest, text.len() + 1)),
        None => None,
    }
}

/// Whether the two lines are the same but for white space, and say something.
fn says_the_same(one: &str, other: &str) -> bool {
    let visible = |text: &str| -> String { text.chars().filter(|one| !one.is_whitespace()).collect() };
    letters(one) > 0 && visible(one) == visible(other)
}
