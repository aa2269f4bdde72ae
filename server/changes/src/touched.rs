//! What becomes of hunks whose places an edit changes, and of those where the user takes it back.

use std::ops::Range;

use crate::hunk::{Hunk, Status};
use crate::lines::Edit;
use crate::text_review::TextReview;

impl TextReview {
    /// Applies an edit that changes the places of the hunks `touched`.
    ///
    /// Each of them takes the part of the edit up to the next one. A part that begins before the hunk or
    /// ends behind it makes the hunk grow by the lines there, so that it holds all three texts.
    pub(crate) fn touch(&mut self, touched: Range<usize>, edit: &Edit) {
        let mut added_before = 0;
        let mut removed_before = 0;
        let mut inserted = edit.text.len();
        let mut from = edit.range.start;
        let (first_line, last_line) = self.lines_between(&touched, edit);
        for index in touched.clone() {
            let to = match self.hunks.get(index + 1) {
                Some(next) if index + 1 < touched.end => next.range.start.max(from),
                _ => edit.range.end,
            };
            let hunk = &mut self.hunks[index];
            let (mut low, mut high) = (from.min(hunk.range.start), to.max(hunk.range.end));
            if index == touched.start {
                low = low.min(first_line);
            }
            if index + 1 == touched.end {
                high = high.max(last_line);
            }
            let prefix = &self.live[low..hunk.range.start];
            let suffix = &self.live[hunk.range.end..high];
            hunk.base = [prefix, &hunk.base, suffix].concat();
            hunk.proposed = [prefix, &hunk.proposed, suffix].concat();
            hunk.grown = (hunk.grown.0 + prefix.len(), hunk.grown.1 + suffix.len());
            let start = low - removed_before + added_before;
            hunk.range = start..start + (high - low) - (to - from) + inserted;
            added_before += inserted;
            removed_before += to - from;
            inserted = 0;
            from = to;
        }
        self.shift(touched.end, edit.range.len(), edit.text.len());
        self.live.replace_range(edit.range.clone(), &edit.text);
        for behind in touched.skip(1) {
            self.take_start_of_line(behind);
        }
    }

    /// Where the lines begin and end that an edit changes, as far as no other hunk has them than `touched`.
    fn lines_between(&self, touched: &Range<usize>, edit: &Edit) -> (usize, usize) {
        let Range { start, end } = edit.range;
        let before = touched.start.checked_sub(1).map(|index| &self.hunks[index]);
        let low = before.map_or(0, |hunk| hunk.range.end).min(start);
        let behind = self.hunks.get(touched.end);
        let high = behind.map_or(self.live.len(), |hunk| hunk.range.start).max(end);
        let line_start = self.live[low..start].rfind('\n').map_or(0, |found| found + 1);
        let ends_line = |text: &str, at: usize| {
            if text.is_empty() {
                at == 0 || self.live.as_bytes()[at - 1] == b'\n'
            } else {
                text.ends_with('\n')
            }
        };
        // A line is cut off here, or joined to what is put before it.
        if ends_line("", end) && ends_line(&edit.text, start) {
            return (low + line_start, end);
        }
        let rest = self.live[end..high].find('\n').map(|found| found + 1);
        (low + line_start, end + rest.unwrap_or(high - end))
    }

    /// Gives a hunk the beginning of its first line, where an edit has joined that to what the hunk before
    /// it covers: it is that line which the hunk would change.
    fn take_start_of_line(&mut self, behind: usize) {
        let Some([before, hunk]) = self.hunks.get_mut(behind - 1..=behind) else {
            return;
        };
        let start = hunk.range.start;
        let line = self.live[..start].rfind('\n').map_or(0, |end| end + 1);
        if before.range.end == start && line < start {
            before.range.end = line.max(before.range.start);
            hunk.range.start = before.range.end;
        }
    }

    /// Lets the hunks `touched` be what they were where the user has taken their edits back.
    pub(crate) fn heal(&mut self, touched: Range<usize>) {
        let run = self.adjoining_conflicts(touched.clone());
        if let Some(places) = self.places_of_bases(&run) {
            for (hunk, range) in self.hunks[run].iter_mut().zip(places) {
                hunk.range = range;
                shrink(hunk);
            }
            return;
        }
        for hunk in &mut self.hunks[touched] {
            trim(hunk, &self.live);
        }
    }

    /// Lets hunks be what they were where `edit` has put before them what they lack at their beginning: it was
    /// deleted together with what stood before them.
    pub(crate) fn heal_behind(&mut self, edit: &Edit) {
        let end = edit.range.start + edit.text.len();
        let mut first = self
            .hunks
            .partition_point(|hunk| hunk.range.start <= edit.range.start);
        while let Some(hunk) = self.hunks.get(first).filter(|hunk| hunk.range.start <= end) {
            let place = hunk.range.start;
            let is_changed = |hunk: &&Hunk| hunk.range.start == place && hunk.mine(&self.live) != hunk.base;
            let changed = self.hunks[first..].iter().take_while(is_changed);
            let emptied = changed.clone().take_while(|hunk| hunk.range.is_empty());
            // One that has something left of its own may be the last of them.
            let runs = [first + changed.count(), first + emptied.count()];
            let filled = runs
                .into_iter()
                .find(|&end| self.fill(first..end, edit.range.start));
            first = filled.unwrap_or(first + 1);
        }
    }

    /// Lets the hunks `run`, which stand in one place, reach back to where what they lack has been put, not
    /// before `from`; false if it is not there.
    fn fill(&mut self, run: Range<usize>, from: usize) -> bool {
        let hunks = &self.hunks[run.clone()];
        let (Some(first), Some(last)) = (hunks.first(), hunks.last()) else {
            return false;
        };
        let place = first.range.start;
        let bases: String = hunks.iter().map(|hunk| hunk.base.as_str()).collect();
        let Some(missing) = bases.strip_suffix(&self.live[place..last.range.end]) else {
            return false;
        };
        let before = run
            .start
            .checked_sub(1)
            .map_or(0, |index| self.hunks[index].range.end);
        let start = place - missing.len().min(place);
        let is_line = start == 0 || self.live.as_bytes()[start - 1] == b'\n';
        if missing.is_empty()
            || start < before.max(from)
            || !is_line
            || !self.live[..place].ends_with(missing)
        {
            return false;
        }
        self.hunks[run.start].range.start = start;
        let Some(places) = self.places_of_bases(&run) else {
            self.hunks[run.start].range.start = place;
            return false;
        };
        for (hunk, range) in self.hunks[run].iter_mut().zip(places) {
            hunk.range = range;
            shrink(hunk);
        }
        true
    }

    /// Where the bases of the hunks `run` stand one behind the other, each from the start of a line on.
    fn places_of_bases(&self, run: &Range<usize>) -> Option<Vec<Range<usize>>> {
        let hunks = &self.hunks[run.clone()];
        let (first, last) = (hunks.first()?, hunks.last()?);
        let mut rest = &self.live[first.range.start..last.range.end];
        let mut places = Vec::with_capacity(hunks.len());
        for hunk in hunks {
            let start = last.range.end - rest.len();
            let joined = start > 0 && !places.is_empty() && !self.live[..start].ends_with('\n');
            rest = rest
                .strip_prefix(hunk.base.as_str())
                .filter(|_| !joined && grew_by_lines(hunk))?;
            places.push(start..start + hunk.base.len());
        }
        rest.is_empty().then_some(places)
    }

    /// The hunks `touched` and those beside them whose places were changed and have nothing between.
    fn adjoining_conflicts(&self, touched: Range<usize>) -> Range<usize> {
        let changed = |hunk: &Hunk| hunk.mine(&self.live) != hunk.base;
        let joined = |left: usize| self.hunks[left].range.end == self.hunks[left + 1].range.start;
        let Range { mut start, mut end } = touched;
        while start > 0 && joined(start - 1) && changed(&self.hunks[start - 1]) {
            start -= 1;
        }
        while end < self.hunks.len() && joined(end - 1) && changed(&self.hunks[end]) {
            end += 1;
        }
        start..end
    }
}

/// Whether a hunk has grown by whole lines: one that ended the file without a line end may have got text behind it in
/// its very line.
fn grew_by_lines(hunk: &Hunk) -> bool {
    let (before, behind) = hunk.grown;
    let ends_line = |text: &str| text.is_empty() || text.ends_with('\n');
    behind == 0 || ends_line(&hunk.base[before..hunk.base.len() - behind])
}

/// Takes back what a hunk has grown by; its place holds its base again.
fn shrink(hunk: &mut Hunk) {
    let (before, behind) = hunk.grown;
    let own = hunk.range.start + before..hunk.range.end - behind;
    shrink_to(hunk, own);
}

/// Takes back what the texts of a hunk have grown by; its own base stands at `own`.
fn shrink_to(hunk: &mut Hunk, own: Range<usize>) {
    let (before, behind) = std::mem::take(&mut hunk.grown);
    hunk.base = hunk.base[before..hunk.base.len() - behind].to_owned();
    hunk.proposed = hunk.proposed[before..hunk.proposed.len() - behind].to_owned();
    hunk.range = own;
}

/// Leaves to the user the whole lines that they put before or behind a text that is as it was, or took away
/// there.
fn trim(hunk: &mut Hunk, live: &str) {
    let mine = hunk.mine(live);
    if hunk.base.is_empty() || hunk.status(live) == Status::Landed || !grew_by_lines(hunk) {
        return;
    }
    let starts_line = hunk.range.start == 0 || live.as_bytes()[hunk.range.start - 1] == b'\n';
    if let Some(before) = mine.strip_suffix(hunk.base.as_str())
        && (before.ends_with('\n') || (before.is_empty() && starts_line))
    {
        hunk.range.start += before.len();
        return shrink(hunk);
    }
    if let Some(behind) = mine.strip_prefix(hunk.base.as_str())
        && starts_line
        && hunk.base.ends_with('\n')
        && !hunk.ends_file()
    {
        hunk.range.end -= behind.len();
        return shrink(hunk);
    }
    // What it has grown by was never its own.
    let (before, behind) = hunk.grown;
    let own = &hunk.base[before..hunk.base.len() - behind];
    let ends_file = behind == 0 && hunk.ends_file();
    let whole_lines = |&(at, _): &(usize, &str)| {
        let starts = if at == 0 {
            starts_line
        } else {
            mine[..at].ends_with('\n')
        };
        let end = hunk.range.start + at + own.len();
        starts && (end == live.len() || own.ends_with('\n') && !ends_file)
    };
    let mut found = mine.match_indices(own).filter(whole_lines).map(|(at, _)| at);
    if let (false, Some(at), None) = (own.is_empty(), found.next(), found.next()) {
        let start = hunk.range.start + at;
        let own = start..start + own.len();
        shrink_to(hunk, own);
    }
}

#[cfg(test)]
mod tests {
    use crate::hunk::{ChangeId, HunkId, Status};
    use crate::lines::Edit;
    use crate::text_review::TextReview;

    fn review(seen: &str, proposed: &str) -> TextReview {
        let mut review = TextReview::new(seen);
        let mut last = 0;
        let next_id = || {
            last += 1;
            HunkId(last)
        };
        let proposed = review.propose(seen, proposed, ChangeId(0), next_id);
        assert_eq!(proposed, Ok(()));
        review
    }

    /// Replaces the first `old` and shows what stands where each hunk would act.
    fn replace(review: &mut TextReview, old: &str, text: &str) -> Vec<(Status, String)> {
        let start = review.live().find(old).expect("it stands there");
        let edit = Edit {
            range: start..start + old.len(),
            text: text.to_owned(),
        };
        assert_eq!(review.edit(&edit), Ok(()));
        let live = review.live();
        let shown = review.hunks().iter();
        shown
            .map(|hunk| (hunk.status(live), hunk.mine(live).to_owned()))
            .collect()
    }

    #[test]
    fn a_line_that_an_edit_joins_to_the_hunk_before_is_changed() {
        let cases = [
            // Lines are selected down to the start of the hunk behind, and something is typed over them.
            ("b\nc\n", "x", "a\n", "xd\n"),
            ("a\nb\nc\n", "x", "", "xd\n"),
            ("\nb\nc\n", "", "", "ad\n"),
            ("a\nb\nc\n", "x\ny", "x\n", "yd\n"),
        ];
        for (old, typed, before, behind) in cases {
            let mut review = review("a\nb\nc\nd\ne\n", "b\nc\ne\n");
            let shown = replace(&mut review, old, typed);
            let mine: Vec<&str> = shown.iter().map(|(_, mine)| mine.as_str()).collect();
            assert_eq!(mine, [before, behind], "{old:?} to {typed:?}");
            assert_eq!(shown[1].0, Status::Conflict);
            // Taken back, both wait as they did.
            let back = if typed.is_empty() { "d" } else { typed };
            let old = if typed.is_empty() { "\nb\nc\nd" } else { old };
            let shown = replace(&mut review, back, old);
            let ready = |text: &str| (Status::Ready, text.to_owned());
            assert_eq!(shown, [ready("a\n"), ready("d\n")], "{old:?} to {typed:?}");
        }
    }

    #[test]
    fn lines_that_were_deleted_with_what_stood_before_them_are_put_back() {
        let mut review = review("a\nb\nc\nd\n", "A\nb\nC\nd\nD\n");
        let waiting = review.clone();
        let gone = replace(&mut review, "\nb\nc\nd\n", "\n");
        assert_eq!(gone[1], (Status::Conflict, String::new()));
        replace(&mut review, "\n", "\nb\nc\nd\n");
        assert_eq!(review, waiting);
    }

    #[test]
    fn lines_that_were_deleted_over_several_hunks_are_put_back() {
        let cases = [
            // From the end of a hunk over the next one into a third.
            ("a\nb\nc\nd\nef\ng\n", "b\nC\nd\nEF\ng\n", "\nb\nc\nd\ne", "\n"),
            // To the line behind the next one.
            ("a\nb\nc\nd\nef\n", "b\nC\nd\nef\ng\n", "\nb\nc\nd\ne", "\n"),
        ];
        for (seen, proposed, old, typed) in cases {
            let mut review = review(seen, proposed);
            let waiting = review.clone();
            replace(&mut review, old, typed);
            replace(&mut review, typed, old);
            assert_eq!(review, waiting, "{old:?}");
        }
    }

    #[test]
    fn the_last_line_joined_to_one_typed_behind_it_is_covered_whole() {
        let mut review = review("a\nb", "a\nb\nc\n");
        // The hunk is for the line without an end.
        replace(&mut review, "b", "b\n");
        let end = review.live().len();
        let typed = Edit {
            range: end..end,
            text: "d".to_owned(),
        };
        assert_eq!(review.edit(&typed), Ok(()));
        let shown = replace(&mut review, "b\n", "b");
        assert_eq!(shown, [(Status::Ready, "bd".to_owned())]);
        assert_eq!(review.preview(), "a\nb\nc\nd");
    }

    #[test]
    fn a_line_end_that_is_typed_at_the_end_of_a_hunk_and_taken_back_changes_nothing() {
        let mut review = review("a\nb\nc\n", "a\nB\nc\n");
        let waiting = review.clone();
        replace(&mut review, "b", "b\n");
        let at = Edit {
            range: 3..4,
            text: String::new(),
        };
        assert_eq!(review.edit(&at), Ok(()));
        assert_eq!(review, waiting);
    }
}
