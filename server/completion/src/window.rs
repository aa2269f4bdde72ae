//! Which part of a document the model is shown, from one prompt to the next.
//!
//! Whatever of a prompt the engine has not read yet costs time, and a start that moves makes all of it new. So
//! the window stays where it is as long as the cursor is in it, slides seldom and far, and is small where the
//! cursor has jumped to: the first suggestion there should not wait for hundreds of lines.

use std::ops::Range;

use crate::gather::Budget;

/// A window is not kept if of what is read first at a new place no more than this part is before the cursor.
const KEPT_PART_MIN: usize = 4;

/// Where the text before the cursor shall begin in the next prompt, in bytes of `text`; it is the start of a line
/// unless lines are very long.
///
/// `seen` is what the model was shown of the document last, before and after the cursor.
#[must_use]
pub fn window_start(
    text: &ropey::Rope,
    cursor: usize,
    seen: Option<&Range<usize>>,
    budget: &Budget,
) -> usize {
    let bytes_max = budget.prefix_bytes_max();
    let first = budget.first_bytes();
    let end = (cursor + budget.suffix_bytes_max()).min(text.len_bytes());
    if let Some(seen) = seen
        && let Some(before) = cursor.checked_sub(seen.start)
        // Else all that lies between is new, and more than where the window begins anew.
        && end.saturating_sub(seen.end) <= first
    {
        if before > bytes_max {
            return line_within(text, cursor, bytes_max / 4 * 3);
        }
        if seen.start == 0 || before >= first / KEPT_PART_MIN {
            return seen.start;
        }
    }
    line_within(text, cursor, first)
}

/// Where the text before the cursor begins if as much as possible is shown, with room for what is typed.
#[must_use]
pub fn wide_window_start(text: &ropey::Rope, cursor: usize, budget: &Budget) -> usize {
    line_within(text, cursor, budget.prefix_bytes_max() / 4 * 3)
}

/// The start of the first line that is at most `bytes_max` before `cursor`; within a longer line a place in it.
pub(crate) fn line_within(text: &ropey::Rope, cursor: usize, bytes_max: usize) -> usize {
    let Some(earliest) = cursor.checked_sub(bytes_max) else {
        return 0;
    };
    let character = text.byte_to_char(earliest);
    let at = match text.char_to_byte(character) {
        at if at == earliest => at,
        _ => text.char_to_byte(character + 1),
    };
    let line = text.byte_to_line(at);
    if text.line_to_byte(line) == at {
        return at;
    }
    let next_line = text.line_to_byte(line + 1);
    // A line longer than a quarter is cut: too little would be left.
    if next_line <= at + bytes_max / 4 && next_line <= cursor {
        next_line
    } else {
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of ten bytes each.
    fn lines(count: usize) -> ropey::Rope {
        ropey::Rope::from_str(
            &(0..count)
                .map(|line| format!("line {line:04}\n"))
                .collect::<String>(),
        )
    }

    #[test]
    fn a_window_stays_slides_and_begins_anew() {
        let text = lines(2000);
        let budget = Budget::default();
        let cases = [
            // Nothing was seen: the first window, or the document from its start.
            (5000, None, 4540),
            (400, None, 0),
            // The cursor is within, or a little beyond.
            (5000, Some(3000..5500), 3000),
            (4000, Some(3000..5500), 3000),
            (5550, Some(4000..5500), 4000),
            (100, Some(0..5500), 0),
            // Too near to the window's start, before it, or far beyond it.
            (3100, Some(3000..5500), 2640),
            (2000, Some(3000..5500), 1540),
            (9000, Some(3000..5500), 8540),
            // Typed to its end: it slides by a quarter.
            (5400, Some(3000..5800), 3680),
        ];
        for (cursor, seen, expected) in cases {
            let start = window_start(&text, cursor, seen.as_ref(), &budget);
            assert_eq!(start, expected, "{cursor} {seen:?}");
        }
    }

    #[test]
    fn typing_on_moves_the_window_seldom() {
        let text = lines(2000);
        let budget = Budget::default();
        let mut seen: Option<Range<usize>> = None;
        let mut moves = 0;
        for cursor in 5000..15_000 {
            let start = window_start(&text, cursor, seen.as_ref(), &budget);
            assert!(start <= cursor && cursor - start <= budget.prefix_bytes_max());
            moves += usize::from(seen.as_ref().is_some_and(|seen| seen.start != start));
            seen = Some(start..cursor + budget.suffix_bytes_max());
        }
        assert!(moves <= 10_000 / (budget.prefix_bytes_max() / 4 - 10), "{moves}");
    }
}
