//! How a proposal comes beside hunks that wait already.

use std::ops::Range;

use crate::differences::{Difference, differences};
use crate::hunk::{ChangeId, Decision, Hunk, HunkId, Status};
use crate::lines::{self, Edit};
use crate::text_review::TextReview;

/// A proposal was made of a text that other waiting hunks have changed in the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("other changes wait in the same lines; decide them first, or read the file again")]
pub struct Stale;

impl TextReview {
    /// Puts up what would make `proposed` of `seen`, the text that whoever proposes it has read.
    ///
    /// Where somebody has changed the live text since, the hunks are conflicts from the start. When other
    /// hunks wait already, `seen` may be the live text or the preview of all of them.
    ///
    /// # Errors
    /// When other hunks wait where this proposal would change the text, and it was made without them.
    pub(crate) fn propose(
        &mut self,
        seen: &str,
        proposed: &str,
        change: ChangeId,
        mut next_id: impl FnMut() -> HunkId,
    ) -> Result<(), Stale> {
        let mut hunks_between = |old: &str, new: &str| -> Vec<Hunk> {
            let hunk = |found: Difference| {
                Hunk::new(
                    next_id(),
                    change,
                    found.old.clone(),
                    &old[found.old],
                    &new[found.new],
                )
            };
            differences(old, new).into_iter().map(hunk).collect()
        };
        if self.hunks.is_empty() {
            let mut fresh = Self {
                live: seen.to_owned(),
                hunks: hunks_between(seen, proposed),
            };
            fresh.set_text(&self.live);
            *self = fresh;
            return Ok(());
        }
        let preview = self.preview();
        let mut onto = Self {
            live: seen.to_owned(),
            hunks: hunks_between(seen, proposed),
        };
        onto.follow(&preview);
        if onto
            .hunks
            .iter()
            .any(|hunk| hunk.status(&onto.live) == Status::Conflict)
        {
            return Err(Stale);
        }
        let hunks = hunks_between(&self.live, &onto.preview());
        let earlier = std::mem::replace(&mut self.hunks, hunks);
        self.take_over(earlier);
        self.end_lines();
        Ok(())
    }

    /// Follows the change to `text`, in which some of what these hunks propose may stand already.
    fn follow(&mut self, text: &str) {
        // Last to first, so that no edit moves the next.
        for found in differences(&self.live, text).into_iter().rev() {
            for edit in self.parts(found, text).into_iter().rev() {
                // The edits were made for this very text.
                let fits = self.edit(&edit);
                debug_assert_eq!(fits, Ok(()));
            }
        }
        debug_assert_eq!(self.live, text);
    }

    /// The edits that make one difference to `text`: lines that a hunk would insert are one by themselves where
    /// they stand at an end of it. Beside a line that was changed too, a comparison of texts takes both for one.
    fn parts(&self, Difference { old, new }: Difference, text: &str) -> Vec<Edit> {
        let whole = &text[new];
        let edits = |range: Range<usize>, text: &str| -> Vec<Edit> {
            let moved = |edit: Edit| Edit {
                range: range.start + edit.range.start..range.start + edit.range.end,
                ..edit
            };
            let within = lines::edits(&self.live[range.clone()], text);
            within.into_iter().map(moved).collect()
        };
        // Empty lines are all alike.
        let inserts = |hunk: &&Hunk| hunk.base.is_empty() && !hunk.proposed.trim().is_empty();
        for Hunk { range, proposed, .. } in self.hunks.iter().filter(inserts) {
            let before = whole.strip_suffix(proposed.as_str());
            let before = before.filter(|text| text.is_empty() || text.ends_with('\n'));
            if let (true, Some(before)) = (range.end == old.end, before) {
                return [edits(old, before), edits(range.clone(), proposed)].concat();
            }
            let behind = whole.strip_prefix(proposed.as_str());
            let behind = behind.filter(|_| proposed.ends_with('\n'));
            if let (true, Some(behind)) = (range.start == old.start, behind) {
                return [edits(range.clone(), proposed), edits(old, behind)].concat();
            }
        }
        edits(old, whole)
    }

    /// Lets the texts of hunks that wait beside the proposal end with a line end, where they were for the end of
    /// the file and others are to come behind them now.
    fn end_lines(&mut self) {
        let line_end = self.line_end();
        for index in 1..self.hunks.len() {
            if self.is_left_out(&self.hunks[index - 1]) {
                self.hunks[index - 1].end_line(line_end);
            }
        }
    }

    /// Keeps the names and decisions of `earlier` hunks for those that stand in their places now.
    ///
    /// An earlier hunk that still waits in a place of its own stays if it was dropped or is in conflict:
    /// the new proposal was made without it.
    fn take_over(&mut self, earlier: Vec<Hunk>) {
        let order: Vec<HunkId> = earlier.iter().map(Hunk::id).collect();
        // Those that wait still, in the order that they had; the others are new.
        let mut stays = Vec::new();
        let mut changed = Vec::new();
        for old in earlier {
            // What was dropped, or kept in part, and is proposed again, is asked again.
            let whole = matches!(old.decision(), Decision::Undecided | Decision::Keep);
            let same = |hunk: &&mut Hunk| {
                whole && hunk.range == old.range && hunk.proposed == old.proposed && hunk.base == old.base
            };
            match self.hunks.iter_mut().find(same) {
                Some(hunk) => {
                    stays.push(old.id());
                    *hunk = old;
                }
                None => changed.push(old),
            }
        }
        let mut named = Vec::new();
        for old in changed {
            let met = |hunk: &Hunk| !stays.contains(&hunk.id()) && overlap(&hunk.range, &old.range);
            if let Some(index) = self.hunks.iter().position(met) {
                if !named.contains(&self.hunks[index].id()) {
                    named.push(old.id());
                    self.hunks[index].rename(old.id());
                }
            } else if self.is_left_out(&old) {
                stays.push(old.id());
                let place = |hunk: &Hunk| {
                    let before = order.iter().position(|id| *id == hunk.id());
                    (hunk.range.start, hunk.range.end, before)
                };
                let index = self.hunks.partition_point(|hunk| place(hunk) < place(&old));
                self.hunks.insert(index, old);
            }
        }
    }

    /// Whether a hunk waits without showing in the preview.
    fn is_left_out(&self, hunk: &Hunk) -> bool {
        let dropped = *hunk.decision() == Decision::Drop;
        dropped || hunk.status(&self.live) == Status::Conflict && self.kept_of(hunk).is_none()
    }
}

fn overlap(left: &Range<usize>, right: &Range<usize>) -> bool {
    left == right || (left.start < right.end && right.start < left.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicts_in_one_place_survive_a_proposal_elsewhere() {
        let mut last = 0;
        let mut next_id = || {
            last += 1;
            HunkId(last)
        };
        let seen = "a\nb\nc\nd\ne\n";
        let mut review = TextReview::new(seen);
        let proposed = review.propose(seen, "a\nB\nc\nD\ne\n", ChangeId(1), &mut next_id);
        assert_eq!(proposed, Ok(()));
        // The user deletes all three lines; then somebody proposes something for the first, and adds a line.
        let gone = Edit {
            range: 2..8,
            text: String::new(),
        };
        assert_eq!(review.edit(&gone), Ok(()));
        let waiting = |review: &TextReview| -> Vec<(u64, String)> {
            let hunks = review.hunks().iter();
            hunks
                .map(|hunk| (hunk.id().0, hunk.proposed().to_owned()))
                .collect()
        };
        let before = waiting(&review);
        assert_eq!(before.len(), 2);
        let proposed = review.propose("a\ne\n", "A\ne\nf\n", ChangeId(2), &mut next_id);
        assert_eq!(proposed, Ok(()));
        assert_eq!(waiting(&review)[1..3], before);
    }

    #[test]
    fn what_waits_beside_another_hunk_already_is_not_put_up_twice() {
        let seen = "a\nb\nc\n";
        // What waits already, what is proposed twice, what becomes of the text, and what is said the second time.
        let cases = [
            ("a\nB\nc\n", "a\nb\nx\nc\n", "a\nB\nx\nc\n", Ok(())),
            ("a\nB\nc\n", "a\nx\nb\nc\n", "a\nx\nB\nc\n", Ok(())),
            ("a\nB\nc\n", "a\nb\nc\nx", "a\nB\nc\nx", Ok(())),
            // What takes lines away may have been made of others than what stands there now.
            ("a\nb\nx\nc\n", "a\nB\nc\n", "a\nB\nx\nc\n", Err(Stale)),
            ("a\nB\nc\n", "a\nb\nC\n", "a\nB\nC\n", Err(Stale)),
        ];
        for (waiting, proposed, expected, again) in cases {
            let mut last = 0;
            let mut next_id = || {
                last += 1;
                HunkId(last)
            };
            let mut review = TextReview::new(seen);
            for (proposed, expected) in [(waiting, Ok(())), (proposed, Ok(())), (proposed, again)] {
                let put_up = review.propose(seen, proposed, ChangeId(1), &mut next_id);
                assert_eq!(put_up, expected, "{proposed:?} beside {waiting:?}");
            }
            assert_eq!(review.preview(), expected);
        }
    }

    #[test]
    fn a_conflict_survives_beside_a_hunk_that_stays() {
        let mut last = 0;
        let mut next_id = || {
            last += 1;
            HunkId(last)
        };
        let seen = "a\nb\nc\n";
        let mut review = TextReview::new(seen);
        let proposed = review.propose(seen, "a\nb\nB\nc\nD\n", ChangeId(1), &mut next_id);
        assert_eq!(proposed, Ok(()));
        review
            .hunks
            .insert(1, Hunk::new(HunkId(9), ChangeId(1), 4..4, "x\n", "y\n"));
        let preview = review.preview();
        let again = preview.replace('a', "A");
        assert_eq!(
            review.propose(&preview, &again, ChangeId(2), &mut next_id),
            Ok(())
        );
        let shown: Vec<(u64, &str)> = review
            .hunks()
            .iter()
            .map(|hunk| (hunk.id().0, hunk.proposed()))
            .collect();
        assert_eq!(shown[1..], [(1, "B\n"), (9, "y\n"), (2, "D\n")]);
    }

    #[test]
    fn a_line_that_was_changed_beside_an_empty_one_is_not_taken_for_gone() {
        let mut last = 0;
        let mut next_id = || {
            last += 1;
            HunkId(last)
        };
        let mut review = TextReview::new("ab\n\n");
        let proposed = review.propose("ab\n\n", "ab\n\nc\n", ChangeId(1), &mut next_id);
        assert_eq!(proposed, Ok(()));
        let waiting = review.preview();
        let typed = Edit {
            range: 0..1,
            text: "\n".to_owned(),
        };
        assert_eq!(review.edit(&typed), Ok(()));
        // Who has read the line as it was wants it gone.
        let proposed = review.propose(&waiting, "\nc\n", ChangeId(2), &mut next_id);
        assert_eq!(proposed, Err(Stale));
    }

    #[test]
    fn a_conflict_about_the_last_line_is_not_joined_to_lines_proposed_behind_it() {
        let mut last = 0;
        let mut next_id = || {
            last += 1;
            HunkId(last)
        };
        let mut review = TextReview::new("a\nb");
        let proposed = review.propose("a\nb", "a\nB", ChangeId(1), &mut next_id);
        assert_eq!(proposed, Ok(()));
        review.set_text("a\nx\n");
        let proposed = review.propose("a\nx\n", "a\nx\nc\n", ChangeId(2), &mut next_id);
        assert_eq!(proposed, Ok(()));
        review.decide(HunkId(1), Decision::Keep);
        assert_eq!(review.preview(), "a\nB\nc\n");
        review.carry_out(&[HunkId(1)]);
        assert_eq!(review.preview(), "a\nB\nc\n");
    }
}
