//! Texts as lines: what makes one text of another, and which line became which.

use std::ops::Range;

use crate::differences::{Difference, differences};

/// One replacement within a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced, in bytes of the text before.
    pub range: Range<usize>,
    /// What takes its place.
    pub text: String,
}

/// A line that was removed, a line that was added, or one that became the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The removed line, counted from 0 within the hunk.
    pub removed: Option<usize>,
    /// The added line, counted from 0 within the hunk.
    pub added: Option<usize>,
}

/// The lines of `text`, each with its line end; only LF ends a line here, as in patches.
pub(crate) fn split(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Edits that make `new` of `old`, first to last, none touching the next, each without the characters
/// that it would only replace by themselves at its ends.
#[must_use]
pub fn edits(old: &str, new: &str) -> Vec<Edit> {
    let narrowed = |difference: Difference| {
        let (old_part, new_part) = (&old[difference.old.clone()], &new[difference.new.clone()]);
        let (prefix, suffix) = common_ends(old_part, new_part);
        Edit {
            range: difference.old.start + prefix..difference.old.end - suffix,
            text: new_part[prefix..new_part.len() - suffix].to_owned(),
        }
    };
    differences(old, new).into_iter().map(narrowed).collect()
}

/// The byte lengths of the common beginning and, beyond it, the common end of two texts.
fn common_ends(left: &str, right: &str) -> (usize, usize) {
    let prefix = left
        .chars()
        .zip(right.chars())
        .take_while(|(left, right)| left == right)
        .map(|(character, _)| character.len_utf8())
        .sum::<usize>();
    let suffix = left[prefix..]
        .chars()
        .rev()
        .zip(right[prefix..].chars().rev())
        .take_while(|(left, right)| left == right)
        .map(|(character, _)| character.len_utf8())
        .sum();
    (prefix, suffix)
}

/// Above this many pairs of lines, lines are matched by their order alone: 64 by 64 lines take well
/// under a millisecond, and nobody picks single lines out of larger blocks.
const PAIRS_MAX: usize = 64 * 64;
/// Lines that share less than this many hundredths of their characters are not one line changed.
const LIKENESS_MIN: usize = 40;

/// Matches removed lines with the added lines that they became, in an order that keeps both orders.
#[must_use]
pub fn rows(removed: &str, added: &str) -> Vec<Row> {
    let (removed, added) = (split(removed), split(added));
    if removed.len() * added.len() > PAIRS_MAX {
        let longest = removed.len().max(added.len());
        let within = |index: usize, lines: &[&str]| (index < lines.len()).then_some(index);
        return (0..longest)
            .map(|index| Row {
                removed: within(index, &removed),
                added: within(index, &added),
            })
            .collect();
    }
    pair_in_order(align(&removed, &added))
}

/// Pairs the lines that no line is like, first with first, between those that were matched: most often the
/// one came in place of the other.
fn pair_in_order(rows: Vec<Row>) -> Vec<Row> {
    let is_matched = |row: &Row| row.removed.is_some() && row.added.is_some();
    let mut paired = Vec::with_capacity(rows.len());
    for run in rows.chunk_by(|left, right| is_matched(left) == is_matched(right)) {
        if is_matched(&run[0]) {
            paired.extend_from_slice(run);
            continue;
        }
        let mut removed = run.iter().filter_map(|row| row.removed);
        let mut added = run.iter().filter_map(|row| row.added);
        loop {
            let row = Row {
                removed: removed.next(),
                added: added.next(),
            };
            if row.removed.is_none() && row.added.is_none() {
                break;
            }
            paired.push(row);
        }
    }
    paired
}

/// The alignment with the greatest sum of likenesses, by dynamic programming.
fn align(removed: &[&str], added: &[&str]) -> Vec<Row> {
    let width = added.len() + 1;
    let likeness: Vec<usize> = removed
        .iter()
        .flat_map(|old| added.iter().map(move |new| likeness(old, new)))
        .collect();
    let mut best = vec![0; (removed.len() + 1) * width];
    for i in (0..removed.len()).rev() {
        for j in (0..added.len()).rev() {
            let apart = best[(i + 1) * width + j].max(best[i * width + j + 1]);
            let alike = likeness[i * added.len() + j];
            best[i * width + j] = if alike > 0 {
                apart.max(alike + best[(i + 1) * width + j + 1])
            } else {
                apart
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut rows = Vec::new();
    while i < removed.len() || j < added.len() {
        let here = best[i * width + j];
        if i < removed.len() && here == best[(i + 1) * width + j] {
            rows.push(Row {
                removed: Some(i),
                added: None,
            });
            i += 1;
        } else if j < added.len() && here == best[i * width + j + 1] {
            rows.push(Row {
                removed: None,
                added: Some(j),
            });
            j += 1;
        } else {
            rows.push(Row {
                removed: Some(i),
                added: Some(j),
            });
            i += 1;
            j += 1;
        }
    }
    rows
}

/// Hundredths of the characters of two lines that stand in a common beginning or end; 0 if too few.
fn likeness(old: &str, new: &str) -> usize {
    let (old, new) = (old.trim(), new.trim());
    if old.is_empty() || new.is_empty() {
        return 0;
    }
    let (prefix, suffix) = common_ends(old, new);
    let hundredths = (prefix + suffix) * 200 / (old.len() + new.len());
    if hundredths < LIKENESS_MIN { 0 } else { hundredths }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(removed: &str, added: &str) -> Vec<(Option<usize>, Option<usize>)> {
        rows(removed, added)
            .into_iter()
            .map(|row| (row.removed, row.added))
            .collect()
    }

    #[test]
    fn edits_leave_out_what_stays() {
        assert_eq!(
            edits("one\ntwo\nthree\n", "one\ntwice\nthree\n"),
            [Edit {
                range: 6..7,
                text: "ice".to_owned()
            }]
        );
        assert_eq!(
            edits("é\n", "è\n"),
            [Edit {
                range: 0..2,
                text: "è".to_owned()
            }]
        );
    }

    #[test]
    fn a_removed_line_is_matched_with_the_line_it_became() {
        assert_eq!(
            shown("let a = 1;\n", "// why\nlet a = 2;\n"),
            [(None, Some(0)), (Some(0), Some(1))]
        );
        assert_eq!(
            shown("a\nb\n", "x\ny\n"),
            [(Some(0), Some(0)), (Some(1), Some(1))]
        );
        assert_eq!(shown("", "x\n"), [(None, Some(0))]);
        assert_eq!(
            shown("two\nthree\n", "TWO\nTHREE\nmore\n"),
            [(Some(0), Some(0)), (Some(1), Some(1)), (None, Some(2))]
        );
        assert_eq!(
            shown("let a = 1;\nlet b = 1;\n", "// why\nlet a = 2;\n"),
            [(None, Some(0)), (Some(0), Some(1)), (Some(1), None)]
        );
        assert_eq!(
            shown("fn a() {}\nfn b() {}\nfn c() {}\n", "fn c(x) {}\n"),
            [(Some(0), None), (Some(1), None), (Some(2), Some(0))]
        );
    }

    fn text() -> impl Strategy<Value = String> {
        prop::collection::vec(
            prop::sample::select(vec!["a", "b", "é", "\n", "\r\n", "𝕏"]),
            0..24,
        )
        .prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn edits_make_the_new_text(old in text(), new in text()) {
            let mut made = old.clone();
            for edit in edits(&old, &new).into_iter().rev() {
                made.replace_range(edit.range, &edit.text);
            }
            prop_assert_eq!(made, new);
        }

        #[test]
        fn rows_hold_every_line_once_and_in_order(removed in text(), added in text()) {
            let rows = rows(&removed, &added);
            let removed_lines: Vec<usize> = rows.iter().filter_map(|row| row.removed).collect();
            let added_lines: Vec<usize> = rows.iter().filter_map(|row| row.added).collect();
            prop_assert_eq!(removed_lines, (0..split(&removed).len()).collect::<Vec<_>>());
            prop_assert_eq!(added_lines, (0..split(&added).len()).collect::<Vec<_>>());
        }
    }
}
