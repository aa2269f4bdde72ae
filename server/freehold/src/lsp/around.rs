//! What stands around a cursor, and whether a text that was made for one place still fits another.
//!
//! Texts are kept with what stood around their place, not with its position. So edits elsewhere leave them
//! alone, and undo, typing the same again and deleting back find them.

use std::borrow::Cow;

use completion::Selected;
use ropey::Rope;

/// Text before a cursor that is looked at: what an offer needs, and the longest offer typed out.
const BEFORE_BYTES_MAX: usize = 4096;

/// Text after a cursor that is looked at.
const AFTER_BYTES_MAX: usize = 256;

/// So much text before its place must still stand there for an offer to be the right one: some four lines.
const OFFER_BEFORE_BYTES: usize = 160;

/// The same, after its place.
const OFFER_AFTER_BYTES: usize = 128;

/// Editors put closing brackets, quotes and a line for them after the cursor while one types; no more than this.
const CLOSERS_BYTES_MAX: usize = 64;

/// Stands for the start and the end of a document, so that they are told from any other place.
const EDGE: char = '\0';

/// What stands around a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Around {
    before: String,
    after: String,
}

impl Around {
    /// What stands around `offset_bytes` of `text`, with what is selected in the popup as if it was inserted.
    #[must_use]
    pub fn of(text: &Rope, offset_bytes: usize, selected: Option<&Selected>) -> Self {
        let (start, end) = selected.map_or((offset_bytes, offset_bytes), |selected| {
            (selected.range.start, selected.range.end)
        });
        let end = ceil(text, end);
        let start = floor(text, start.min(end));
        let first = floor(text, start.saturating_sub(BEFORE_BYTES_MAX));
        let last = floor(text, (end + AFTER_BYTES_MAX).min(text.len_bytes()));
        let mut before = String::new();
        if first == 0 {
            before.push(EDGE);
        }
        before.extend(text.byte_slice(first..start).chunks());
        before.extend(selected.map(|selected| selected.text.as_str()));
        let mut after = String::new();
        after.extend(text.byte_slice(end..last).chunks());
        if last == text.len_bytes() {
            after.push(EDGE);
        }
        Self { before, after }
    }

    /// The cursor's line up to the cursor.
    #[must_use]
    pub fn line_before(&self) -> &str {
        let start = self.before.rfind(['\n', '\r', EDGE]).map_or(0, |at| at + 1);
        &self.before[start..]
    }

    /// What follows the cursor, as far as it is looked at.
    #[must_use]
    pub fn after(&self) -> &str {
        self.after.trim_end_matches(EDGE)
    }

    /// Where this place may be the place of `near` with some text typed since, and what that text is:
    /// nothing first, then more, up to `bytes_max`.
    fn typed_since<'a>(&'a self, near: &'a Near, bytes_max: usize) -> impl Iterator<Item = &'a str> {
        let boundaries = self.before.char_indices().rev().map(|(at, _)| at);
        std::iter::once(self.before.len())
            .chain(boundaries)
            .take_while(move |at| self.before.len() - at <= bytes_max)
            .filter(|at| self.before[..*at].ends_with(&near.before))
            .map(|at| &self.before[at..])
    }

    /// What stands between the cursor and the text that `near` has after it, if that is nothing but what
    /// editors insert there by themselves, or a part of `covered`.
    fn inserted_after(&self, near: &Near, covered: &str) -> Option<&str> {
        let ends = self.after.char_indices().map(|(at, _)| at);
        ends.take_while(|at| *at <= CLOSERS_BYTES_MAX.max(covered.len()))
            .find(|at| self.after[*at..].starts_with(&near.after))
            .map(|at| &self.after[..at])
            .filter(|inserted| covered.ends_with(inserted) || inserted.chars().all(is_closing))
    }
}

/// The part of [`Around`] that an offer is kept with.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Near {
    before: String,
    after: String,
}

impl Near {
    fn of(around: &Around, covered_bytes: usize) -> Self {
        let start = around.before.len().saturating_sub(OFFER_BEFORE_BYTES);
        let start = around.before.ceil_char_boundary(start);
        let after = around.after.get(covered_bytes..).unwrap_or_default();
        let end = after.floor_char_boundary(OFFER_AFTER_BYTES);
        Self {
            before: around.before[start..].to_owned(),
            after: after[..end].to_owned(),
        }
    }
}

/// A text that was made for a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    near: Near,
    /// The text; empty if nothing is to be offered there.
    text: String,
    /// What it replaces after the cursor.
    covered: String,
}

/// How an offer fits a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fit {
    /// Bytes of it that have been typed since.
    pub typed_bytes: usize,
    /// What is left of it; empty if nothing worth showing is.
    pub text: String,
    /// Bytes after the cursor that it replaces.
    pub covered_bytes: usize,
}

impl Offer {
    /// `text` was made for the place `around`, where it replaces `covered_bytes` after the cursor. If that is more
    /// than is looked at, nothing is offered: without what it replaces the text would stand there twice.
    #[must_use]
    pub fn new(around: &Around, text: &str, covered_bytes: usize) -> Self {
        let covered = around.after().get(..covered_bytes);
        let text = covered.map_or("", |_| text);
        Self {
            near: Near::of(around, covered_bytes),
            text: text.to_owned(),
            covered: covered.unwrap_or_default().to_owned(),
        }
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How it fits the place `around`, if it does: it was made for this very place, or for one from which
    /// its own text was typed up to here.
    #[must_use]
    pub fn fit(&self, around: &Around) -> Option<Fit> {
        let typed = around
            .typed_since(&self.near, self.text.len())
            .find(|typed| self.text.starts_with(typed))?;
        let inserted = around.inserted_after(&self.near, &self.covered)?;
        let left = &self.text[typed.len()..];
        let (left, covered_bytes) = if inserted.is_empty() {
            (left, 0)
        } else if !self.covered.is_empty() && self.covered.ends_with(inserted) {
            (left, inserted.len())
        } else if let Some(left) = left.strip_suffix(inserted) {
            // What the editor has put there is the end of the text.
            (left, 0)
        } else if left.is_empty() {
            (left, 0)
        } else if !inserted.contains(['\n', '\r']) && is_within(inserted, left) {
            (left, inserted.len())
        } else {
            return None;
        };
        let worth_showing = !left.trim().is_empty() && left != &around.after[..covered_bytes];
        Some(Fit {
            typed_bytes: typed.len(),
            text: if worth_showing { left } else { "" }.to_owned(),
            covered_bytes: if worth_showing { covered_bytes } else { 0 },
        })
    }
}

/// A text that is being made for a place. Its lines end with `\n`, as models write them, whatever those of the document
/// end with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    near: Near,
    text: String,
}

/// So many characters may be typed beyond what has come and still be waited for: what has come agreed with what
/// was typed, so the rest may too.
const TYPED_AHEAD_MAX: usize = 3;

impl Stream {
    /// Nothing yet, for the place `around`.
    #[must_use]
    pub fn new(around: &Around) -> Self {
        Self {
            near: Near::of(around, 0),
            text: String::new(),
        }
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &str) {
        self.text.push_str(piece);
    }

    /// How many bytes of it were typed on the way from its place to `around`, if nothing else was.
    #[must_use]
    pub fn typed_bytes(&self, around: &Around) -> Option<usize> {
        let mut typed = self.typed_since(around, 0);
        let typed_bytes = typed.find_map(|typed| {
            let mut texts = self.texts().into_iter();
            let text = texts.find(|text| text.starts_with(&*typed))?;
            Some(self.text.len() - text.len() + typed.len())
        })?;
        around.inserted_after(&self.near, "").map(|_| typed_bytes)
    }

    /// Whether it may become what is wanted at the place `around`.
    #[must_use]
    pub fn agrees(&self, around: &Around) -> bool {
        self.typed_bytes(around).is_some() || self.is_overtaken(around)
    }

    /// Whether all that has come was typed on the way to `around`, and a little more.
    fn is_overtaken(&self, around: &Around) -> bool {
        // Of a text that has not begun nothing is known, and the next request can use the work on its prompt.
        if self.text.is_empty() {
            return false;
        }
        let mut typed = self.typed_since(around, 4 * TYPED_AHEAD_MAX);
        let is_overtaken = typed.any(|typed| {
            let beyond = |text| {
                typed
                    .strip_prefix(text)
                    .map_or(usize::MAX, |beyond| beyond.chars().count())
            };
            self.texts()
                .into_iter()
                .any(|text| beyond(text) <= TYPED_AHEAD_MAX)
        });
        is_overtaken && around.inserted_after(&self.near, "").is_some()
    }

    /// What may have been typed on the way to `around`, up to `ahead_bytes_max` more than what has come.
    fn typed_since<'a>(
        &'a self,
        around: &'a Around,
        ahead_bytes_max: usize,
    ) -> impl Iterator<Item = Cow<'a, str>> {
        let bytes_max = self.text.len() + self.text.matches('\n').count() + ahead_bytes_max;
        around.typed_since(&self.near, bytes_max).map(|typed| {
            if typed.contains('\r') {
                typed.replace("\r\n", "\n").into()
            } else {
                typed.into()
            }
        })
    }

    /// It as it came, and as it is shown: models repeat the indentation before the cursor, and the finisher drops it.
    fn texts(&self) -> [&str; 2] {
        [&self.text, self.text.trim_start_matches([' ', '\t'])]
    }
}

/// What editors put after the cursor by themselves.
fn is_closing(character: char) -> bool {
    matches!(character, ')' | ']' | '}' | '>' | '"' | '\'' | '`') || character.is_whitespace()
}

/// Whether `text` has the characters of `wanted` in their order: only then can editors show it in its place.
fn is_within(wanted: &str, text: &str) -> bool {
    let mut characters = text.chars();
    wanted
        .chars()
        .all(|wanted| characters.any(|character| character == wanted))
}

fn floor(text: &Rope, offset_bytes: usize) -> usize {
    text.char_to_byte(text.byte_to_char(offset_bytes.min(text.len_bytes())))
}

fn ceil(text: &Rope, offset_bytes: usize) -> usize {
    let floor = floor(text, offset_bytes);
    if floor == offset_bytes.min(text.len_bytes()) {
        floor
    } else {
        text.char_to_byte(text.byte_to_char(floor) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands around the `|` of `notation`.
    fn around(notation: &str) -> Around {
        let at = notation.find('|').expect("a cursor");
        let text = notation.replacen('|', "", 1);
        Around::of(&Rope::from_str(&text), at, None)
    }

    /// How `text`, made for the cursor of `made` with `covered_bytes`, fits the cursor of `now`:
    /// bytes typed, bytes covered, what is left.
    fn check(
        made: &str,
        text: &str,
        covered_bytes: usize,
        now: &str,
        expected: Option<(usize, usize, &str)>,
    ) {
        let fit = Offer::new(&around(made), text, covered_bytes).fit(&around(now));
        let expected = expected.map(|(typed_bytes, covered_bytes, text)| Fit {
            typed_bytes,
            text: text.to_owned(),
            covered_bytes,
        });
        assert_eq!(fit, expected, "{text:?} made for {made:?}, at {now:?}");
    }

    #[test]
    fn an_offer_fits_where_its_own_text_was_typed() {
        let made = "let total = |\nend\n";
        check(made, "a + b;", 0, made, Some((0, 0, "a + b;")));
        check(made, "a + b;", 0, "let total = a +|\nend\n", Some((3, 0, " b;")));
        check(made, "a + b;", 0, "let total = a + b;|\nend\n", Some((6, 0, "")));
        check(made, "a + b;", 0, "let total = a -|\nend\n", None);
        check(made, "a + b;", 0, "let total =|\nend\n", None);
        check(made, "a + b;", 0, "let total = |;\nend\n", None);
        check(made, "a + b;", 0, "let other = |\nend\n", None);
        check(made, "é😀;", 0, "let total = é|\nend\n", Some((2, 0, "😀;")));
        check(made, "", 0, made, Some((0, 0, "")));
    }

    #[test]
    fn the_start_of_the_document_is_a_place_of_its_own() {
        check("x = |\n", "1", 0, "y = 2\nx = |\n", None);
        check("x = |\n", "1", 0, "x = |\ny = 2\n", None);
    }

    #[test]
    fn what_lies_far_away_does_not_matter() {
        let far = "// line of text that is long enough to matter\n".repeat(8);
        let made = format!("{far}let x = |\n{far}");
        check(
            &made,
            "1;",
            0,
            &format!("use y;\n{made}use z;\n"),
            Some((0, 0, "1;")),
        );
    }

    #[test]
    fn what_the_editor_closes_by_itself_is_no_obstacle() {
        let made = "call|\nend\n";
        check(made, "(a, b)", 0, "call(|)\nend\n", Some((1, 0, "a, b")));
        check(made, "(a, b);", 0, "call(|)\nend\n", Some((1, 1, "a, b);")));
        check(made, "(a, b", 0, "call(|)\nend\n", None);
        check(made, "(a)", 0, "call(a|)\nend\n", Some((2, 0, "")));
        check(
            made,
            " {\n    a\n}",
            0,
            "call {|}\nend\n",
            Some((2, 0, "\n    a\n")),
        );
        check(
            made,
            " {\n    a\n}",
            0,
            "call {\n    |\n}\nend\n",
            Some((7, 0, "a")),
        );
        check(made, "(a)", 0, "call(|b)\nend\n", None);
    }

    #[test]
    fn what_is_covered_stays_covered_until_it_is_typed_over() {
        let made = "call(|)\nend\n";
        check(made, "a);", 1, made, Some((0, 1, "a);")));
        check(made, "a);", 1, "call(a|)\nend\n", Some((1, 1, ");")));
        check(made, "a);", 1, "call(a)|\nend\n", Some((2, 0, ";")));
    }

    #[test]
    fn what_is_selected_counts_as_inserted() {
        let text = Rope::from_str("let x = so\n");
        let selected = Selected {
            range: 8..10,
            text: "some".to_owned(),
        };
        let with = Around::of(&text, 10, Some(&selected));
        assert_eq!(with, around("let x = some|\n"));
        assert_eq!(with.line_before(), "let x = some");
    }

    #[test]
    fn what_replaces_more_than_is_looked_at_is_not_offered() {
        let long = format!("f(|{})\n", "a, ".repeat(100));
        check(&long, "b, c", 301, &long, Some((0, 0, "")));
        let short = format!("f(|{})\n", "a, ".repeat(10));
        check(&short, "b, c", 31, &short, Some((0, 31, "b, c")));
    }

    #[test]
    fn a_stream_agrees_as_long_as_it_may() {
        let made = "let x = |\n";
        let cases = [
            ("", "let x = |\n", true),
            ("", "let x = f|\n", false),
            ("f", "let x = food|\n", true),
            ("f", "let x = foods|\n", false),
            ("foo(", "let x = fo|\n", true),
            ("foo(", "let x = foo(|)\n", true),
            ("foo(", "let x = foo(a|)\n", true),
            ("foo(", "let x = fa|\n", false),
            ("  foo", "let x = fo|\n", true),
            ("foo", "let y = |\n", false),
            ("foo", "let x = | y\n", false),
            ("foo", "let x =|\n", false),
            ("\n  y\n", "let x = \n  y|\n", true),
            ("\n  y\n", "let x = \r\n  y\r\n|\n", true),
            ("\n  y", "let x = \r\n  yes|\n", true),
            ("\n  y", "let x = \r\n\r\n|\n", false),
        ];
        for (streamed, now, expected) in cases {
            let mut stream = Stream::new(&around(made));
            stream.push(streamed);
            assert_eq!(stream.agrees(&around(now)), expected, "{streamed:?} at {now:?}");
        }
    }

    #[test]
    fn places_inside_characters_do_no_harm() {
        let text = Rope::from_str("é😀\r\n");
        for offset in 0..=12 {
            let around = Around::of(&text, offset, None);
            assert_eq!(
                Offer::new(&around, "x", 1)
                    .fit(&around)
                    .map(|fit| fit.typed_bytes),
                Some(0)
            );
        }
    }
}
