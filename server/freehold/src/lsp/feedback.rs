//! What became of the suggestions that were shown: taken, typed all the same, or written otherwise.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use completion::Features;
use serde::{Deserialize, Serialize};

use super::around::{Around, Offer};
use super::generation::GenerationId;

/// Shown for less, a suggestion was hardly read; that something else was typed says nothing of it.
const SEEN_MIN: Duration = Duration::from_millis(400);

/// So many characters typed otherwise are no slip that is about to be taken back.
const OTHERWISE_CHARACTERS: usize = 3;

/// For so long what was rejected is not offered at the same place unasked.
const REJECTED_FOR: Duration = Duration::from_secs(120);

/// Rejections kept.
const REJECTIONS_MAX: usize = 32;

/// What became of a suggestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The user took it, or a part of it.
    Accepted,
    /// The user typed just that.
    Typed,
    /// The user saw it and wrote something else.
    Rejected,
}

/// A suggestion and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The language of the document, by LSP's name.
    pub language: String,
    /// What became of it.
    pub verdict: Verdict,
    /// How long it was shown.
    pub shown_for: Duration,
    /// The text, as it was first shown.
    pub text: String,
    /// Bytes of it that came in more than one character at a time: by Tab, not by typing.
    pub accepted_bytes: usize,
    /// What is known of it besides.
    pub features: Option<Features>,
}

/// The suggestion that is shown.
#[derive(Debug)]
pub struct Shown {
    /// The document.
    pub uri: String,
    /// What made it.
    pub id: GenerationId,
    offer: Offer,
    language: String,
    features: Option<Features>,
    since: Duration,
    /// Bytes of the offer before the cursor when it was first shown, and now.
    typed_at_first: usize,
    typed_bytes: usize,
    accepted_bytes: usize,
    /// Characters typed that are not in it, and when the first was.
    otherwise: Option<(usize, Duration)>,
    /// The line that it would have made, for [`Rejections`].
    line: u64,
}

/// How a change of the text left the suggestion that is shown.
#[derive(Debug, PartialEq)]
pub enum After {
    /// It still fits.
    Fits,
    /// It does not fit; a slip may be taken back.
    Against,
    /// It is over.
    Over(Option<Judged>),
}

impl Shown {
    /// What `id` made, `offer`, is shown at `now` where `around` is around the cursor.
    #[must_use]
    pub fn new(
        uri: &str,
        language: &str,
        id: GenerationId,
        offer: Offer,
        features: Option<Features>,
        around: &Around,
        now: Duration,
    ) -> Self {
        let fit = offer.fit(around);
        let typed = fit.as_ref().map_or(0, |fit| fit.typed_bytes);
        Self {
            uri: uri.to_owned(),
            id,
            line: line(around, fit.map_or(String::new(), |fit| fit.text).as_str()),
            offer,
            language: language.to_owned(),
            features,
            since: now,
            typed_at_first: typed,
            typed_bytes: typed,
            accepted_bytes: 0,
            otherwise: None,
        }
    }

    /// The text was changed at `now`; `cursors` are the places where the cursor may be now, and
    /// `typed` the characters that came there; nothing if all that changed is elsewhere.
    pub fn follow<'a>(
        &mut self,
        mut cursors: impl Iterator<Item = &'a Around>,
        typed: Option<usize>,
        now: Duration,
    ) -> After {
        if let Some(fit) = cursors.find_map(|around| self.offer.fit(around)) {
            self.otherwise = None;
            let came = fit.typed_bytes.saturating_sub(self.typed_bytes);
            if typed.is_some_and(|characters| characters > 1) {
                self.accepted_bytes += came;
            }
            self.typed_bytes = fit.typed_bytes;
            return if fit.text.is_empty() {
                After::Over(self.judge(now))
            } else {
                After::Fits
            };
        }
        let Some(typed) = typed else {
            // What stands around it is another text by now, and the user has written nothing instead of it.
            return match self.otherwise {
                None => After::Over(self.judge(now)),
                Some(_) => After::Against,
            };
        };
        let (characters, since) = self.otherwise.unwrap_or((0, now));
        let characters = characters + typed;
        self.otherwise = Some((characters, since));
        if characters >= OTHERWISE_CHARACTERS {
            After::Over(self.judge(now))
        } else {
            After::Against
        }
    }

    /// What became of it, if anything can be said: it is not shown any more at `now`.
    #[must_use]
    pub fn judge(&self, now: Duration) -> Option<Judged> {
        let whole = self.offer.text().get(self.typed_at_first..).unwrap_or_default();
        let until = self.otherwise.map_or(now, |(_, since)| since);
        let shown_for = until.saturating_sub(self.since);
        let verdict = if self.accepted_bytes > 0 {
            Verdict::Accepted
        } else if self.typed_bytes == self.offer.text().len() {
            Verdict::Typed
        } else if self.otherwise.is_some() && shown_for >= SEEN_MIN {
            Verdict::Rejected
        } else {
            return None;
        };
        Some(Judged {
            language: self.language.clone(),
            verdict,
            shown_for,
            text: whole.to_owned(),
            accepted_bytes: self.accepted_bytes,
            features: self.features,
        })
    }

    /// Whether it is one for the place `around`.
    #[must_use]
    pub fn is_for(&self, around: &Around) -> bool {
        self.offer.fit(around).is_some()
    }

    /// Whether it still fits the text, as far as is known.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.otherwise.is_none()
    }

    /// The line that it would have made.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }
}

/// What was rejected lately.
#[derive(Debug, Default)]
pub struct Rejections {
    /// Hashes of lines, and when each was rejected; the last one first.
    lines: VecDeque<(u64, Duration)>,
    /// How many in a row.
    in_a_row: u32,
}

impl Rejections {
    /// Learns what became of the suggestion that would have made `line`.
    pub fn learn(&mut self, line: u64, verdict: Verdict, now: Duration) {
        match verdict {
            Verdict::Rejected => {
                self.in_a_row += 1;
                self.lines.truncate(REJECTIONS_MAX - 1);
                self.lines.push_front((line, now));
            }
            Verdict::Accepted | Verdict::Typed => {
                self.in_a_row = 0;
                self.lines.retain(|(rejected, _)| *rejected != line);
            }
        }
    }

    /// Whether `text` was rejected at the place `around` a moment ago.
    #[must_use]
    pub fn contain(&self, around: &Around, text: &str, now: Duration) -> bool {
        let wanted = line(around, text);
        self.lines
            .iter()
            .any(|(line, since)| *line == wanted && now.saturating_sub(*since) < REJECTED_FOR)
    }

    /// How many suggestions were rejected since one was welcome.
    #[must_use]
    pub fn in_a_row(&self) -> u32 {
        self.in_a_row
    }
}

/// The line that `text` makes at the place `around`. However much of it was typed before, it is the same.
fn line(around: &Around, text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    let first = text.lines().find(|line| !line.trim().is_empty());
    let whole = around.line_before().to_owned() + first.unwrap_or_default();
    whole.trim().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use ropey::Rope;

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn around(text: &str) -> Around {
        Around::of(&Rope::from_str(text), text.len(), None)
    }

    /// Shows `foo(bar)` after `x = `, then changes the text before the cursor to one after the other at
    /// the times given. Gives what became of the suggestion and after how many changes.
    fn follow(changes: &[(u64, &str)]) -> (usize, Option<(Verdict, usize)>) {
        let offer = Offer::new(&around("x = "), "foo(bar)", 0);
        let mut shown = Shown::new("a", "rust", 1, offer, None, &around("x = "), MS(0));
        let mut length = 4;
        for (index, (time, text)) in changes.iter().enumerate() {
            let inserted = text.len().saturating_sub(length);
            length = text.len();
            let place = around(text);
            if let After::Over(judged) = shown.follow([&place].into_iter(), Some(inserted), MS(*time)) {
                let verdict = judged.map(|judged| (judged.verdict, judged.accepted_bytes));
                return (index + 1, verdict);
            }
        }
        (changes.len(), None)
    }

    #[test]
    fn what_is_taken_by_the_word_or_as_a_whole_is_accepted() {
        assert_eq!(
            follow(&[(300, "x = foo(bar)")]),
            (1, Some((Verdict::Accepted, 8)))
        );
        assert_eq!(
            follow(&[(300, "x = foo"), (400, "x = foo("), (500, "x = foo(bar)")]),
            (3, Some((Verdict::Accepted, 7)))
        );
    }

    #[test]
    fn what_is_taken_in_part_and_left_is_accepted_in_part() {
        let changes = [
            (500, "x = foo"),
            (600, "x = foo["),
            (700, "x = foo[1"),
            (800, "x = foo[1]"),
        ];
        assert_eq!(follow(&changes), (4, Some((Verdict::Accepted, 3))));
    }

    #[test]
    fn what_is_typed_letter_by_letter_is_typed() {
        let text = "x = foo(bar)";
        let changes: Vec<(u64, &str)> = (5..=12).map(|end| (100 * end as u64, &text[..end])).collect();
        assert_eq!(follow(&changes), (8, Some((Verdict::Typed, 0))));
    }

    #[test]
    fn what_was_seen_and_typed_otherwise_is_rejected() {
        let changes = [(600, "x = b"), (700, "x = ba"), (800, "x = baz")];
        assert_eq!(follow(&changes), (3, Some((Verdict::Rejected, 0))));
    }

    #[test]
    fn what_was_hardly_seen_is_not_rejected() {
        let changes = [(200, "x = b"), (700, "x = ba"), (800, "x = baz")];
        assert_eq!(follow(&changes), (3, None));
    }

    #[test]
    fn a_slip_that_is_taken_back_rejects_nothing() {
        let changes = [
            (600, "x = b"),
            (700, "x = "),
            (900, "x = f"),
            (1000, "x = foo(bar)"),
        ];
        assert_eq!(follow(&changes), (4, Some((Verdict::Accepted, 7))));
    }

    #[test]
    fn what_was_rejected_is_known_for_a_while_however_much_of_it_is_typed() {
        let mut rejections = Rejections::default();
        let offer = Offer::new(&around("x = "), "foo(bar)\nbaz", 0);
        let shown = Shown::new("a", "rust", 1, offer, None, &around("x = "), MS(0));
        rejections.learn(shown.line(), Verdict::Rejected, MS(10));
        assert!(rejections.contain(&around("x = fo"), "o(bar)", MS(20)));
        assert!(!rejections.contain(&around("y = fo"), "o(bar)", MS(20)));
        assert!(!rejections.contain(&around("x = fo"), "o(bar)", MS(200_000)));
        assert_eq!(rejections.in_a_row(), 1);
        rejections.learn(shown.line(), Verdict::Accepted, MS(30));
        assert!(!rejections.contain(&around("x = fo"), "o(bar)", MS(40)));
        assert_eq!(rejections.in_a_row(), 0);
    }
}
