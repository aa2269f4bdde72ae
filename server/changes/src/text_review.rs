//! The undecided hunks of one text, and how they follow the user's edits to it.
//!
//! The live text is what its authority says: the editor if it is open there, the disk if not. Hunks
//! never change it; only edits do, and an apply that was carried out comes back as one.
//! So dropping every hunk leaves what the user has, whatever happened before.

use std::ops::Range;

use crate::hunk::{Decision, Hunk, HunkId, Status};
use crate::lines::{self, Edit};

/// The live text of a file, and the hunks proposed for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextReview {
    pub(crate) live: String,
    /// In the order of their ranges, which do not overlap.
    pub(crate) hunks: Vec<Hunk>,
}

/// An edit does not fit the text that it was sent for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot replace bytes {} to {} of a text of {length_bytes}", range.start, range.end)]
pub struct EditError {
    range: Range<usize>,
    length_bytes: usize,
}

/// How an edit stands to a hunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    /// The hunk lies before the edit and stays where it is.
    Stays,
    /// The edit changes the place that the hunk would change.
    Touched,
    /// The hunk lies behind the edit and moves with the text.
    Moves,
}

impl TextReview {
    /// A text for which nothing is proposed.
    #[must_use]
    pub fn new(live: &str) -> Self {
        Self {
            live: live.to_owned(),
            hunks: Vec::new(),
        }
    }

    /// Whether the hunks lie in the text, in order and apart; those read from a disk may not.
    pub(crate) fn is_sound(&self) -> bool {
        let mut end = 0;
        self.hunks.iter().all(|hunk| {
            let Range { start, end: behind } = hunk.range;
            let (before, after) = hunk.grown;
            let shrinks = |text: &str| {
                let last = text.len().checked_sub(after);
                last.is_some_and(|last| text.get(before..last).is_some())
            };
            let apart = end <= start && start <= behind;
            end = behind;
            apart
                && self.live.get(hunk.range.clone()).is_some()
                && shrinks(&hunk.base)
                && shrinks(&hunk.proposed)
        })
    }

    /// The text as its authority has it.
    #[must_use]
    pub fn live(&self) -> &str {
        &self.live
    }

    /// The hunks in the order of the text.
    #[must_use]
    pub fn hunks(&self) -> &[Hunk] {
        &self.hunks
    }

    /// The hunk of this name.
    #[must_use]
    pub fn hunk(&self, id: HunkId) -> Option<&Hunk> {
        self.hunks.iter().find(|hunk| hunk.id() == id)
    }

    /// Puts a text of the user's own in place of what a hunk proposes; `false` if there is no such hunk.
    ///
    /// Where something comes behind it, its last line gets an end if it has none: the next line stays its own.
    pub(crate) fn edit_proposed(&mut self, id: HunkId, text: &str) -> bool {
        let Some(index) = self.hunks.iter().position(|hunk| hunk.id() == id) else {
            return false;
        };
        let line_end = self.line_end();
        let is_last = index + 1 == self.hunks.len() && self.hunks[index].range.end == self.live.len();
        let hunk = &mut self.hunks[index];
        hunk.edit_proposed(text);
        if !is_last {
            hunk.end_line(line_end);
        }
        true
    }

    /// What ends a line of this text, and of what is proposed for it: the text itself may have no line end.
    pub(crate) fn line_end(&self) -> &'static str {
        let hunks = self.hunks.iter().flat_map(|hunk| [&hunk.base, &hunk.proposed]);
        if std::iter::once(&self.live)
            .chain(hunks)
            .any(|text| text.contains("\r\n"))
        {
            "\r\n"
        } else {
            "\n"
        }
    }

    pub(crate) fn decide(&mut self, id: HunkId, decision: Decision) {
        if let Some(hunk) = self.hunks.iter_mut().find(|hunk| hunk.id() == id) {
            hunk.decide(decision, &self.live);
        }
    }

    /// Follows an edit to the live text.
    ///
    /// # Errors
    /// When the range does not lie in the text or cuts a character; nothing is changed then.
    pub fn edit(&mut self, edit: &Edit) -> Result<(), EditError> {
        let Edit { range, text } = edit;
        if range.start > range.end || self.live.get(range.clone()).is_none() {
            return Err(EditError {
                range: range.clone(),
                length_bytes: self.live.len(),
            });
        }
        if let Some(index) = self.carried_out_by(edit) {
            self.touch(index..index + 1, edit);
            return Ok(());
        }
        let relations: Vec<Relation> = self.hunks.iter().map(|hunk| self.relation(hunk, edit)).collect();
        let first = relations
            .iter()
            .position(|&relation| relation == Relation::Touched);
        // Where hunks adjoin, one behind a touched one would stay in the middle of what that one becomes.
        let last = relations
            .iter()
            .rposition(|&relation| relation != Relation::Moves);
        match (first, last) {
            (Some(first), Some(last)) => {
                self.touch(first..last + 1, edit);
                self.heal(first..last + 1);
            }
            _ => {
                let place = relations.partition_point(|&relation| relation == Relation::Stays);
                self.shift(place, range.len(), text.len());
                self.live.replace_range(range.clone(), text);
            }
        }
        self.heal_behind(edit);
        Ok(())
    }

    /// The kept hunk that an edit carries out to the letter, as an editor does that was asked to.
    ///
    /// Where hunks adjoin, the place alone does not tell which of them an edit is for.
    fn carried_out_by(&self, edit: &Edit) -> Option<usize> {
        let first = self
            .hunks
            .partition_point(|hunk| hunk.range.start < edit.range.start);
        let near = self.hunks[first..]
            .iter()
            .take_while(|hunk| hunk.range.start == edit.range.start);
        let carried_out =
            |hunk: &Hunk| hunk.range == edit.range && self.kept_of(hunk).as_ref() == Some(&edit.text);
        near.into_iter().position(carried_out).map(|index| first + index)
    }

    /// Follows a change to the whole live text: another program wrote the file, or a client sent it all.
    pub fn set_text(&mut self, text: &str) {
        // Last to first, so that no edit moves the next.
        for edit in lines::edits(&self.live, text).into_iter().rev() {
            // The edits were made for this very text.
            let fits = self.edit(&edit);
            debug_assert_eq!(fits, Ok(()));
        }
        debug_assert_eq!(self.live, text);
    }

    /// The text that keeping every hunk but the dropped ones would give, conflicts left as they are.
    #[must_use]
    pub fn preview(&self) -> String {
        self.with_replacements(|hunk| match (hunk.status(&self.live), hunk.decision()) {
            (Status::Landed, _) | (_, Decision::Drop) => None,
            (Status::Conflict, _) => self.kept_of(hunk),
            (Status::Ready, _) => Some(self.kept_of(hunk).unwrap_or_else(|| hunk.proposed.clone())),
        })
    }

    /// The edits that carry out what is decided, first to last.
    #[must_use]
    pub fn kept_edits(&self) -> Vec<(HunkId, Edit)> {
        let edit = |hunk: &Hunk| {
            let text = self.kept_of(hunk).filter(|text| text != hunk.mine(&self.live))?;
            Some((
                hunk.id(),
                Edit {
                    range: hunk.range(),
                    text,
                },
            ))
        };
        self.hunks.iter().filter_map(edit).collect()
    }

    /// The text after [`TextReview::kept_edits`].
    #[must_use]
    pub fn kept_text(&self) -> String {
        self.with_replacements(|hunk| self.kept_of(hunk))
    }

    /// What the decision on `hunk` puts in place of the live text, if it holds and puts anything.
    pub(crate) fn kept_of(&self, hunk: &Hunk) -> Option<String> {
        match hunk.effective(&self.live) {
            Decision::Undecided | Decision::Drop => None,
            Decision::Keep | Decision::Lines(_) => hunk.kept_text(),
        }
    }

    fn with_replacements(&self, replacement: impl Fn(&Hunk) -> Option<String>) -> String {
        let mut text = String::with_capacity(self.live.len());
        let mut done = 0;
        for hunk in &self.hunks {
            if let Some(new) = replacement(hunk) {
                text.push_str(&self.live[done..hunk.range.start]);
                text.push_str(&new);
                done = hunk.range.end;
            }
        }
        text.push_str(&self.live[done..]);
        text
    }

    /// Carries the kept hunks of `ids` out on the live text and forgets them.
    pub(crate) fn carry_out(&mut self, ids: &[HunkId]) {
        for index in (0..self.hunks.len()).rev() {
            let hunk = &self.hunks[index];
            if !ids.contains(&hunk.id()) {
                continue;
            }
            if let Some(text) = self.kept_of(hunk) {
                let range = self.hunks.remove(index).range;
                self.shift(index, range.len(), text.len());
                self.live.replace_range(range, &text);
            }
        }
    }

    /// Forgets the hunks that `forget` picks.
    pub(crate) fn forget(&mut self, mut forget: impl FnMut(&Hunk, &str) -> bool) {
        let Self { live, hunks } = self;
        hunks.retain(|hunk| !forget(hunk, live));
    }

    /// Moves the hunks from `first` on by the difference of two lengths.
    pub(crate) fn shift(&mut self, first: usize, removed_bytes: usize, added_bytes: usize) {
        for hunk in &mut self.hunks[first..] {
            hunk.range.start = hunk.range.start - removed_bytes + added_bytes;
            hunk.range.end = hunk.range.end - removed_bytes + added_bytes;
        }
    }

    fn relation(&self, hunk: &Hunk, edit: &Edit) -> Relation {
        let Range { start, end } = hunk.range;
        let (from, to) = (edit.range.start, edit.range.end);
        if to < start {
            return Relation::Moves;
        }
        if from > end {
            return Relation::Stays;
        }
        if from == to && self.puts_back(hunk, edit) {
            return Relation::Touched;
        }
        if from == to && start == end {
            return self.relation_of_insertions(hunk, edit);
        }
        if to == start {
            // Joining the hunk's first line to the one before changes that line.
            let starts_line = if edit.text.is_empty() {
                from == 0 || self.live.as_bytes()[from - 1] == b'\n'
            } else {
                edit.text.ends_with('\n')
            };
            return if starts_line {
                Relation::Moves
            } else {
                Relation::Touched
            };
        }
        if from == end {
            // What is put behind a last line is in the place of one that has no end.
            let line_ended = start == end || self.live.as_bytes()[end - 1] == b'\n';
            return if line_ended && !hunk.ends_file() {
                Relation::Stays
            } else {
                Relation::Touched
            };
        }
        Relation::Touched
    }

    /// Whether something is typed beside a hunk that makes its place what it was: it was deleted before.
    fn puts_back(&self, hunk: &Hunk, edit: &Edit) -> bool {
        let mine = hunk.mine(&self.live);
        let missing = if edit.range.start == hunk.range.start {
            hunk.base.strip_suffix(mine)
        } else if edit.range.start == hunk.range.end {
            hunk.base.strip_prefix(mine)
        } else {
            None
        };
        !edit.text.is_empty() && missing == Some(edit.text.as_str())
    }

    /// Something is typed in the very place where a hunk stands that covers no text.
    fn relation_of_insertions(&self, hunk: &Hunk, edit: &Edit) -> Relation {
        let emptied = !hunk.base.is_empty();
        let new_lines = edit.text.contains('\n') || edit.range.start == self.live.len();
        // Without a new line it is the line behind the hunk that is changed.
        if emptied || new_lines {
            Relation::Touched
        } else {
            Relation::Stays
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hunk::ChangeId;

    #[test]
    fn what_is_typed_behind_a_last_line_that_is_to_lose_its_end_is_in_its_place() {
        let mut last = 0;
        let mut next_id = || {
            last += 1;
            HunkId(last)
        };
        let mut review = TextReview::new("a\nb\n");
        let proposed = review.propose("a\nb\n", "a\nB", ChangeId(1), &mut next_id);
        assert_eq!(proposed, Ok(()));
        let waiting = review.clone();
        review.set_text("a\nb\nc\n");
        assert_eq!(review.hunks()[0].status(review.live()), Status::Conflict);
        assert_eq!(review.hunks()[0].mine(review.live()), "b\nc\n");
        review.set_text("a\nb\n");
        assert_eq!(review, waiting);
    }
}
