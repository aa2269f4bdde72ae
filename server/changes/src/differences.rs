//! Where two texts differ, line by line.

use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::lines::split;

/// One place where two texts differ, as whole lines of each; either may be empty, not both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where it is in the old text, in bytes.
    pub old: Range<usize>,
    /// Where it is in the new text, in bytes.
    pub new: Range<usize>,
}

/// Where `old` and `new` differ, first to last, with at least one common line between two.
#[must_use]
pub fn differences(old: &str, new: &str) -> Vec<Difference> {
    let (old_lines, new_lines) = (split(old), split(new));
    let (old_starts, new_starts) = (starts(&old_lines), starts(&new_lines));
    let difference = |lines: Difference| Difference {
        old: old_starts[lines.old.start]..old_starts[lines.old.end],
        new: new_starts[lines.new.start]..new_starts[lines.new.end],
    };
    let mut joined: Vec<Difference> = Vec::new();
    for next in unmatched(&old_lines, &new_lines) {
        let last = joined.last();
        match last.and_then(|last| join(last, &next, &old_lines, &new_lines)) {
            Some(both) => *joined.last_mut().expect("it was joined to one") = both,
            None => joined.push(next),
        }
    }
    joined.into_iter().map(difference).collect()
}

/// Which lines of two texts have no equals in the other, counted in lines.
///
/// Lines that say something are matched first: empty ones are all alike, and that one more of them finds its
/// equal must not make a line that stayed look like one that went and another that came.
fn unmatched(old: &[&str], new: &[&str]) -> Vec<Difference> {
    let says_something = |line: &str| !line.trim().is_empty();
    let (old_places, old_texts) = picked(old, says_something);
    let (new_places, new_texts) = picked(new, says_something);
    let mut found = Vec::new();
    let (mut old_from, mut new_from) = (0, 0);
    for operation in capture_diff_slices(Algorithm::Myers, &old_texts, &new_texts) {
        let DiffOp::Equal {
            old_index,
            new_index,
            len,
        } = operation
        else {
            continue;
        };
        for step in 0..len {
            let (old_at, new_at) = (old_places[old_index + step], new_places[new_index + step]);
            unmatched_between(old, old_from..old_at, new, new_from..new_at, &mut found);
            (old_from, new_from) = (old_at + 1, new_at + 1);
        }
    }
    unmatched_between(old, old_from..old.len(), new, new_from..new.len(), &mut found);
    found
}

/// The lines that `pick` picks, and where they stand.
fn picked<'a>(lines: &[&'a str], pick: impl Fn(&str) -> bool) -> (Vec<usize>, Vec<&'a str>) {
    let lines = lines.iter().enumerate();
    lines
        .filter(|(_, line)| pick(line))
        .map(|(place, line)| (place, *line))
        .unzip()
}

/// Which lines of two parts have no equals in the other part.
fn unmatched_between(
    old: &[&str],
    old_part: Range<usize>,
    new: &[&str],
    new_part: Range<usize>,
    found: &mut Vec<Difference>,
) {
    let (old_start, new_start) = (old_part.start, new_part.start);
    for operation in capture_diff_slices(Algorithm::Myers, &old[old_part], &new[new_part]) {
        if matches!(operation, DiffOp::Equal { .. }) {
            continue;
        }
        let (old, new) = (operation.old_range(), operation.new_range());
        let old = old_start + old.start..old_start + old.end;
        let new = new_start + new.start..new_start + new.end;
        match found.last_mut() {
            Some(last) if last.old.end == old.start && last.new.end == new.start => {
                (last.old.end, last.new.end) = (old.end, new.end);
            }
            _ => found.push(Difference { old, new }),
        }
    }
}

/// One difference of two, where one of them can as well stand beside the other: a line before an empty one
/// that goes, and one behind it that comes with an empty one, are a line that became two.
fn join(left: &Difference, right: &Difference, old: &[&str], new: &[&str]) -> Option<Difference> {
    let between = &new[left.new.end..right.new.start];
    let joined = |(old_from, new_from): (usize, usize), (old_to, new_to): (usize, usize)| Difference {
        old: old_from..old_to,
        new: new_from..new_to,
    };
    let start = (left.old.start, left.new.start);
    let end = (right.old.end, right.new.end);
    let count = between.len();
    let comes = |difference: &Difference| difference.old.is_empty();
    let goes = |difference: &Difference| difference.new.is_empty();
    let right_moves = (comes(right) && new[left.new.end..right.new.end].ends_with(between))
        || (goes(right) && old[left.old.end..right.old.end].ends_with(between));
    if right_moves {
        return Some(joined(start, (end.0 - count, end.1 - count)));
    }
    let left_moves = (comes(left) && new[left.new.start..right.new.start].starts_with(between))
        || (goes(left) && old[left.old.start..right.old.start].starts_with(between));
    left_moves.then(|| joined((start.0 + count, start.1 + count), end))
}

/// Where each line starts, and where the last one ends.
fn starts(lines: &[&str]) -> Vec<usize> {
    let mut starts = Vec::with_capacity(lines.len() + 1);
    let mut offset = 0;
    starts.push(0);
    for line in lines {
        offset += line.len();
        starts.push(offset);
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_operations_are_one_difference() {
        assert_eq!(
            differences("a\nb\nc\n", "a\nB\nc\n"),
            [Difference { old: 2..4, new: 2..4 }]
        );
        assert_eq!(differences("a\n", "a\n"), []);
        assert_eq!(differences("", "a"), [Difference { old: 0..0, new: 0..1 }]);
        assert_eq!(differences("a", "a\n"), [Difference { old: 0..1, new: 0..2 }]);
    }

    /// The differences as the lines that go and those that come.
    fn shown<'a>(old: &'a str, new: &'a str) -> Vec<(&'a str, &'a str)> {
        let found = differences(old, new).into_iter();
        found.map(|found| (&old[found.old], &new[found.new])).collect()
    }

    #[test]
    fn a_line_that_says_something_is_matched_before_an_empty_one() {
        // The other way round it is `c` that goes and comes.
        assert_eq!(shown("a\n\nc\nd\n", "a\nc\n\nd\n"), [("\n", ""), ("", "\n")]);
    }

    #[test]
    fn what_can_stand_beside_another_difference_stands_there() {
        let cases = [
            ("ab\n\nc\n", "\nb\n\nc\n", [("ab\n", "\nb\n")]),
            ("\nb\n\nc\n", "ab\n\nc\n", [("\nb\n", "ab\n")]),
            ("\nab\n", "\na\n\n", [("ab\n", "a\n\n")]),
        ];
        for (old, new, expected) in cases {
            assert_eq!(shown(old, new), expected, "{old:?} to {new:?}");
        }
        assert_eq!(shown("a\n\nb\n", "\nb\nc\n"), [("a\n", ""), ("", "c\n")]);
    }
}
