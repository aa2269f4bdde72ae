//! Where the cursor may be. Editors tell what changes, not who changes it: besides keys there are imports that an
//! editor adds, formatting, other extensions, and hunks of a review that are kept.

use std::ops::Range;

/// Places that are kept: beyond, it can only be found by the next question.
const CURSORS_MAX: usize = 24;

/// Where the cursor may be, in bytes, followed through the changes of its document.
#[derive(Debug, Clone, Default)]
pub(super) struct Cursors {
    /// Where it may be by the last question and the changes there since, the likeliest first; empty if that is not
    /// known.
    own: Vec<usize>,
    /// Where it may be if changes that came together were made there, the last one first.
    others: Vec<usize>,
    /// How many characters they have brought where it is; nothing if none of them was there.
    typed: Option<usize>,
}

impl Cursors {
    /// A question was about `offset`.
    pub fn asked(&mut self, offset: usize) {
        self.own = vec![offset];
    }

    /// Changes come that are told together.
    pub fn begin(&mut self) {
        self.others.clear();
        self.typed = None;
    }

    /// `inserted` took the place of the bytes in `replaced`. What is not known to be elsewhere is the user's.
    pub fn edited(&mut self, replaced: Range<usize>, inserted: &str) {
        let touches = |at: &usize| replaced.start <= *at && *at <= replaced.end;
        let after = cursors_after(replaced.start, inserted);
        let is_own = self.own.is_empty() || self.own.iter().any(touches);
        if is_own {
            self.typed = Some(self.typed.unwrap_or(0) + inserted.chars().count());
        }
        self.others.retain(|at| !touches(at));
        for at in self.own.iter_mut().chain(&mut self.others) {
            if *at > replaced.end {
                *at = *at - replaced.len() + inserted.len();
            }
        }
        if is_own && !self.own.is_empty() {
            self.own = after;
        } else {
            self.others.splice(..0, after);
            self.others.truncate(CURSORS_MAX);
        }
    }

    /// The whole text is another one.
    pub fn replaced(&mut self) {
        *self = Self::default();
    }

    /// Every place, the likeliest first.
    pub fn places(&self) -> impl Iterator<Item = usize> {
        self.own.iter().chain(&self.others).copied()
    }

    /// How many characters came where it is; nothing if all that came was elsewhere.
    pub fn typed(&self) -> Option<usize> {
        self.typed
    }

    /// The likeliest place by the last question.
    pub fn last(&self) -> Option<usize> {
        self.own.first().copied()
    }
}

/// Where the cursor may be after `text` was inserted at `start`, the likeliest place first: at its end, or
/// before what the editor has closed by itself. A single character is a key, and so is a line break with the
/// indentation behind it: what an editor closes comes with what opens it.
fn cursors_after(start: usize, text: &str) -> Vec<usize> {
    let indentation = text.trim_start_matches('\r').strip_prefix('\n');
    let breaks =
        indentation.is_some_and(|rest| rest.chars().all(|character| matches!(character, ' ' | '\t')));
    if breaks || text.chars().count() == 1 {
        return vec![start + text.len()];
    }
    std::iter::once(text.len())
        .chain(text.char_indices().rev().map(|(at, _)| at))
        .take(CURSORS_MAX)
        .map(|at| start + at)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the cursor may be after these changes, and how many characters of them were typed.
    fn follow(asked: Option<usize>, changes: &[(Range<usize>, &str)]) -> (Vec<usize>, Option<usize>) {
        let mut cursors = Cursors::default();
        asked.into_iter().for_each(|at| cursors.asked(at));
        cursors.begin();
        for (replaced, inserted) in changes {
            cursors.edited(replaced.clone(), inserted);
        }
        (cursors.places().collect(), cursors.typed())
    }

    #[test]
    fn changes_at_the_cursor_are_the_users_and_those_elsewhere_only_move_it() {
        let cases = [
            (Some(10), vec![(10..10, "a")], vec![11], Some(1)),
            (Some(10), vec![(8..10, "")], vec![8], Some(0)),
            (Some(10), vec![(10..13, "a")], vec![11], Some(1)),
            (Some(10), vec![(10..10, "()")], vec![12, 11, 10], Some(2)),
            (Some(10), vec![(2..3, "abc")], vec![12, 5, 4, 3, 2], None),
            (Some(10), vec![(20..20, "a")], vec![10, 21], None),
            // Several at once: before it, at it, behind it.
            (Some(10), vec![(2..2, "a"), (11..11, "b")], vec![12, 3], Some(1)),
            (Some(10), vec![(10..10, "b"), (2..2, "a")], vec![12, 3], Some(1)),
            (Some(10), vec![(20..20, "a"), (2..2, "b")], vec![11, 3, 22], None),
            // Where it was is not known.
            (None, vec![(2..2, "a"), (9..9, "b")], vec![10, 3], Some(2)),
        ];
        for (asked, changes, places, typed) in cases {
            assert_eq!(follow(asked, &changes), (places, typed), "{asked:?} {changes:?}");
        }
    }

    #[test]
    fn after_a_new_text_the_cursor_is_anywhere() {
        let mut cursors = Cursors::default();
        cursors.asked(10);
        cursors.replaced();
        assert_eq!(cursors.places().next(), None);
        assert_eq!((cursors.last(), cursors.typed()), (None, None));
    }
}
