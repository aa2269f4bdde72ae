//! Small filters between what a model wrote and what is worth showing, each about one thing.

use crate::lines::{indentation, is_blank, is_word, letters, same_line};
use crate::scan::{Scanner, Step, is_closer, opener};
use crate::{Context, Shape};

/// A line with fewer letters and digits may stand twice in a row: brackets, separators, `end`.
const LETTERS_MIN: usize = 4;

/// A piece of a line at least so long counts as repeated.
const PIECE_BYTES_MIN: usize = 3;

/// A longer piece is no longer looked for.
const PIECE_BYTES_MAX: usize = 60;

/// A piece so many times in a row at the end of a line is a model that has lost its way (Tabby's threshold).
const PIECE_REPEATS: usize = 5;

/// So much of the line must be repeated: short rows, as of type parameters, are written on purpose.
const REPEATED_BYTES_MIN: usize = 32;

/// What follows a statement that begins with one of these, in the same block, is never reached.
const LEAVING_WORDS: &[&str] = &["return", "break", "continue", "throw", "raise"];

/// A suggestion in the making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What would be inserted at the cursor.
    pub text: String,
    /// Bytes of the line after the cursor that the text takes the place of.
    pub covered_bytes: usize,
}

/// One filter: changes the draft, or empties it.
pub type Filter = fn(&Context, Shape, &mut Draft);

/// The filters, by name, in the order in which they are applied.
pub const FILTERS: &[(&str, Filter)] = &[
    ("drop_broken_characters", drop_broken_characters),
    ("fit_rest_of_line", fit_rest_of_line),
    ("drop_open_bracket", drop_open_bracket),
    ("drop_dead_end", drop_dead_end),
    ("drop_repeated_pieces", drop_repeated_pieces),
    ("drop_repeated_lines", drop_repeated_lines),
    ("trim_end", trim_end),
];

/// The filters for a span that is known to join what follows it.
pub const SPAN_FILTERS: &[(&str, Filter)] = &[
    ("drop_broken_characters", drop_broken_characters),
    ("drop_repeated_pieces", drop_repeated_pieces),
];

/// Takes away what a decoder writes for half a character, and marks that join to a character that is not there.
fn drop_broken_characters(_: &Context, _: Shape, draft: &mut Draft) {
    if let Some(at) = draft.text.find(char::REPLACEMENT_CHARACTER) {
        draft.text.truncate(at);
    }
    let kept = draft.text.trim_end_matches('\u{200d}').len();
    draft.text.truncate(kept);
}

/// Makes a line fit what follows the cursor in it: what stands there already is not written again.
fn fit_rest_of_line(context: &Context, _: Shape, draft: &mut Draft) {
    let rest = context.line_after().trim();
    if rest.is_empty() {
        return;
    }
    if writes_anew(&draft.text, rest) {
        draft.covered_bytes = context.line_after().trim_end().len();
        return;
    }
    if let Some(end) = overlap(context, &draft.text, rest) {
        draft.text.truncate(end);
        return;
    }
    let Some(at) = first_outer_closer(context, &draft.text) else {
        return;
    };
    let outer = draft.text[at..].to_owned();
    let rest_is_closers = !rest.contains(is_word) && rest.starts_with(|first| outer.starts_with(first));
    if rest_is_closers && is_subsequence(rest, &outer) {
        draft.covered_bytes = context.line_after().trim_end().len();
    } else {
        draft.text.truncate(at);
    }
}

/// Whether `text` is `rest` and more: the model has written the line once more, longer.
fn writes_anew(text: &str, rest: &str) -> bool {
    let more = text.strip_prefix(rest).filter(|more| !is_blank(more));
    more.is_some_and(|more| rest.contains(is_word) && !(rest.ends_with(is_word) && more.starts_with(is_word)))
}

/// Cuts a line before a bracket that it opens and does not close, if there is text after the cursor: the
/// closers there belong to what was opened before.
fn drop_open_bracket(context: &Context, _: Shape, draft: &mut Draft) {
    if is_blank(&context.line_after()[draft.covered_bytes..]) {
        return;
    }
    let mut scanner = context.scanner.clone();
    let mut opened = Vec::new();
    let mut at = 0;
    while at < draft.text.len() {
        let (bytes, step) = scanner.step(&draft.text[at..]);
        match step {
            Step::Open => opened.push(at),
            Step::Close => drop(opened.pop()),
            Step::Code | Step::Quiet | Step::Unmatched => {}
        }
        at += bytes;
    }
    if let Some(&first) = opened.first() {
        draft.text.truncate(first);
    }
}

/// Where the end of `text` begins to repeat the start of `rest`, if the brackets and quotes stand there as
/// they do at the cursor.
fn overlap(context: &Context, text: &str, rest: &str) -> Option<usize> {
    let text = text.trim_end();
    let mut scanner = context.scanner.clone();
    let mut at = 0;
    while at < text.len() {
        let tail = &text[at..];
        let word_before = text[..at].ends_with(is_word);
        let seam = !(word_before && tail.starts_with(is_word));
        let after = rest.strip_prefix(tail);
        let whole = after.is_some_and(|after| !(tail.ends_with(is_word) && after.starts_with(is_word)));
        let closes_angle = tail.starts_with('>') && angles(&text[..at]) > 0;
        // Brackets in prose between tags need no match; what has words in it is no accident.
        let stands = scanner.stands_like(&context.scanner) || (tail == rest && tail.contains(is_word));
        if seam && whole && !closes_angle && stands {
            return Some(at);
        }
        let (bytes, _) = scanner.step(tail);
        at += bytes;
    }
    None
}

/// How many angle brackets in `text` are not closed in it.
fn angles(text: &str) -> usize {
    text.matches('<')
        .count()
        .saturating_sub(text.matches('>').count())
}

/// Where `text` first closes a bracket or a string from before the cursor which it is not asked to close.
fn first_outer_closer(context: &Context, text: &str) -> Option<usize> {
    let mut scanner: Scanner = context.scanner.clone();
    let mut depth_min = scanner.depth();
    let mut wanted = context.closers_wanted.clone();
    let mode = scanner.mode();
    let mut in_cursor_string = scanner.in_string();
    let mut at = 0;
    while at < text.len() {
        let (bytes, step) = scanner.step(&text[at..]);
        if in_cursor_string && scanner.mode() != mode {
            in_cursor_string = false;
            if context
                .line_after()
                .trim_start()
                .starts_with(&text[at..at + bytes])
            {
                return Some(at);
            }
        }
        if step == Step::Unmatched || (step == Step::Close && scanner.depth() < depth_min) {
            depth_min = depth_min.min(scanner.depth());
            let closer = text[at..].chars().next()?;
            match wanted.iter().rposition(|&open| open == opener(closer)) {
                Some(index) => wanted.truncate(index),
                None => return Some(at),
            }
        }
        at += bytes;
    }
    None
}

/// Whether the characters of `part` stand in `whole` in the same order.
pub fn is_subsequence(part: &str, whole: &str) -> bool {
    let mut rest = whole.chars();
    part.chars()
        .filter(|character| !character.is_whitespace())
        .all(|character| rest.any(|other| other == character))
}

/// Takes away a last line that leaves the block although the block goes on after the cursor: small models
/// hurry to the end of a function and would cut off the rest of it.
fn drop_dead_end(context: &Context, shape: Shape, draft: &mut Draft) {
    if shape != Shape::Block || context.scanner.language().prose || !is_blank(context.line_before()) {
        return;
    }
    let whole = format!("{}{}", context.line_before(), draft.text.trim_end());
    let start = whole.rfind('\n').map_or(0, |at| at + 1);
    let last = &whole[start..];
    let text = last.trim_start();
    let word = &text[..text.find(|character| !is_word(character)).unwrap_or(text.len())];
    let base = whole.lines().find(|line| !is_blank(line)).map_or(0, indentation);
    let goes_on = context
        .next_line()
        .is_some_and(|next| indentation(next) >= base && letters(next) > 0);
    if goes_on && base > 0 && indentation(last) == base && LEAVING_WORDS.contains(&word) {
        let kept = start.saturating_sub(context.line_before().len() + 1);
        draft.text.truncate(kept);
    }
}

/// Cuts a line that ends with the same piece many times in a row, and what follows it.
fn drop_repeated_pieces(_: &Context, _: Shape, draft: &mut Draft) {
    let mut start = 0;
    for line in draft.text.clone().split('\n') {
        if let Some(piece) = repeated_piece(line.trim_end()) {
            let kept = if start == 0 { piece } else { start - 1 };
            draft.text.truncate(kept);
            return;
        }
        start += line.len() + 1;
    }
}

/// Where the row of like pieces at the end of `line` begins, if there is one.
fn repeated_piece(line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    for length in PIECE_BYTES_MIN..=PIECE_BYTES_MAX.min(bytes.len() / PIECE_REPEATS) {
        let piece = &bytes[bytes.len() - length..];
        // Rulers and rows of numbers are written on purpose.
        if !piece.iter().any(u8::is_ascii_alphabetic) || piece.iter().all(|byte| *byte == piece[0]) {
            continue;
        }
        let repeats = bytes.rchunks(length).take_while(|chunk| *chunk == piece).count();
        let start = bytes.len() - repeats * length;
        if repeats >= PIECE_REPEATS
            && line.len() - start >= REPEATED_BYTES_MIN
            && line.is_char_boundary(start)
        {
            return Some(start);
        }
    }
    None
}

/// Cuts the suggestion where one line would stand twice in a row: within it, after the line above the
/// cursor, or before the line below.
fn drop_repeated_lines(context: &Context, shape: Shape, draft: &mut Draft) {
    let after = if shape != Shape::Block {
        &context.line_after()[draft.covered_bytes..]
    } else {
        ""
    };
    loop {
        let whole = format!("{}{}{after}", context.line_before(), draft.text);
        let mut above = context.previous_line().map(str::to_owned);
        let mut start = 0;
        let mut cut = None;
        for line in whole.split('\n') {
            if is_blank(line) {
                start += line.len() + 1;
                continue;
            }
            if above.as_deref().is_some_and(|above| is_twice(above, line)) {
                cut = Some(start);
                break;
            }
            above = Some(line.to_owned());
            start += line.len() + 1;
        }
        let last = whole.trim_end().rfind('\n').map_or(0, |at| at + 1);
        let below = context.next_line().zip(above);
        if cut.is_none() && below.is_some_and(|(next, last)| is_twice(&last, next)) {
            cut = Some(last);
        }
        let Some(cut) = cut else { return };
        // The cursor's own line and what is above it are not ours to take away.
        let kept = cut.saturating_sub(context.line_before().len());
        if kept == 0 || draft.text.is_empty() {
            draft.text.clear();
            return;
        }
        let kept = draft.text[..kept.min(draft.text.len())].trim_end().len();
        draft.text.truncate(kept);
    }
}

/// Whether the two lines are the same, and more than a bracket or a separator.
fn is_twice(one: &str, other: &str) -> bool {
    letters(one) >= LETTERS_MIN && same_line(one, other)
}

/// Takes away white space at the end, where the text after the cursor does not need it.
fn trim_end(context: &Context, _: Shape, draft: &mut Draft) {
    let after = &context.line_after()[draft.covered_bytes..];
    let needed = after
        .starts_with(|first: char| !first.is_whitespace() && !is_closer(first) && !";,:".contains(first));
    let kept = draft.text.trim_end().len();
    if kept == 0 || !needed {
        draft.text.truncate(kept);
    }
}
