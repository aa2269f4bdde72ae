//! What the model was shown of a document last, followed through the user's edits.

use std::ops::Range;

use completion::{Budget, wide_window_start, window_start};
use ropey::Rope;

/// What the model was shown of a document last, in bytes of the document as it stands now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen(Option<Range<usize>>);

impl Seen {
    /// Where the next prompt for `cursor` begins.
    #[must_use]
    pub fn start_for(&self, text: &Rope, cursor: usize, budget: &Budget) -> usize {
        window_start(text, cursor, self.0.as_ref(), budget)
    }

    /// How many bytes of the next prompt for `cursor` the model was not shown.
    #[must_use]
    pub fn unread_bytes(&self, text: &Rope, cursor: usize, budget: &Budget) -> usize {
        let start = self.start_for(text, cursor, budget);
        let end = (cursor + budget.suffix_bytes_max()).min(text.len_bytes());
        match &self.0 {
            Some(seen) if seen.start <= start && start < seen.end => end.saturating_sub(seen.end),
            _ => end - start,
        }
    }

    /// Whether a prompt that shows the bytes in `window` serves a cursor at `cursor` too.
    #[must_use]
    pub fn serves(text: &Rope, window: &Range<usize>, cursor: usize, budget: &Budget) -> bool {
        window_start(text, cursor, Some(window), budget) == window.start
    }

    /// Where a prompt for `cursor` begins that shows as much as possible, and all that the last one did.
    #[must_use]
    pub fn widest_start_for(&self, text: &Rope, cursor: usize, budget: &Budget) -> usize {
        let kept = self.start_for(text, cursor, budget);
        kept.min(wide_window_start(text, cursor, budget))
    }

    /// The model is shown the bytes in `window`.
    pub fn show(&mut self, window: Range<usize>) {
        self.0 = Some(match &self.0 {
            Some(seen) if seen.start == window.start => window.start..window.end.max(seen.end),
            _ => window,
        });
    }

    /// `inserted` bytes took the place of the bytes in `replaced`.
    pub fn edited(&mut self, replaced: Range<usize>, inserted: usize) {
        let Some(seen) = &mut self.0 else { return };
        let moved = |at: usize| at - replaced.len() + inserted;
        if replaced.end <= seen.start {
            *seen = moved(seen.start)..moved(seen.end);
        } else if replaced.start < seen.start {
            self.0 = None;
        } else if replaced.end <= seen.end {
            seen.end = moved(seen.end);
        } else if replaced.start < seen.end {
            seen.end = replaced.start;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_the_text_that_was_shown() {
        let cases = [
            // Before, at the start, within, at the end, beyond.
            (10..20, 5, Some(95..195)),
            (90..100, 0, Some(90..190)),
            (100..100, 3, Some(103..203)),
            (150..160, 20, Some(100..210)),
            (190..260, 3, Some(100..190)),
            (200..200, 3, Some(100..203)),
            (300..310, 3, Some(100..200)),
            // What it began with is not there any more.
            (90..110, 20, None),
        ];
        for (replaced, inserted, expected) in cases {
            let mut seen = Seen(Some(100..200));
            seen.edited(replaced.clone(), inserted);
            assert_eq!(seen, Seen(expected), "{replaced:?}");
        }
    }
}
