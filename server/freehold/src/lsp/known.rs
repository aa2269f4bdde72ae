//! Suggestions that are known already: no key that goes along with one needs the model.

use std::collections::VecDeque;
use std::time::Duration;

use completion::Features;

use super::around::{Around, Fit, Offer};
use super::generation::GenerationId;

/// Suggestions kept for a document.
const KEPT_MAX: usize = 64;

/// By then so much else has changed that the model may have better ideas.
const AGE_MAX: Duration = Duration::from_secs(600);

/// For so long the model is not asked again where it had nothing to say.
const NOTHING_AGE_MAX: Duration = Duration::from_secs(20);

/// What is known for one document, the last used first.
#[derive(Debug, Default)]
pub struct Known {
    entries: VecDeque<Entry>,
}

/// One suggestion, or that there is none.
#[derive(Debug)]
struct Entry {
    /// What made it.
    id: GenerationId,
    offer: Offer,
    /// 0 for the model's first choice, 1 for its second.
    rank: u32,
    features: Option<Features>,
    since: Duration,
}

/// A known suggestion that fits.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// What made it.
    pub id: GenerationId,
    /// Which of the model's choices it is.
    pub rank: u32,
    /// What is left of it.
    pub fit: Fit,
    /// The suggestion as it was made.
    pub offer: Offer,
    /// What is known of it besides.
    pub features: Option<Features>,
}

/// What is known for a place.
#[derive(Debug, Default, PartialEq)]
pub struct Found {
    /// What can be offered there, the best first, each different from the others.
    pub hits: Vec<Hit>,
    /// Ranks that need not be asked for: a suggestion was made, or none came.
    pub ranks: Vec<u32>,
}

impl Known {
    /// Learns that `offer` was made by `id`; what the same one made before is replaced.
    pub fn put(
        &mut self,
        id: GenerationId,
        rank: u32,
        offer: Offer,
        features: Option<Features>,
        now: Duration,
    ) {
        self.entries.retain(|entry| entry.id != id);
        self.entries.truncate(KEPT_MAX - 1);
        self.entries.push_front(Entry {
            id,
            offer,
            rank,
            features,
            since: now,
        });
    }

    /// What is known for the place `around`.
    pub fn find(&mut self, around: &Around, now: Duration) -> Found {
        let mut found = Found::default();
        let mut fits: Vec<(u32, usize, Fit)> = Vec::new();
        for (index, entry) in self.entries.iter().enumerate() {
            let age = now.saturating_sub(entry.since);
            let nothing = entry.offer.text().is_empty();
            if age > if nothing { NOTHING_AGE_MAX } else { AGE_MAX } {
                continue;
            }
            let Some(fit) = entry.offer.fit(around) else {
                continue;
            };
            // One that was typed to its end says nothing of what comes then.
            if !fit.text.is_empty() || (nothing && fit.typed_bytes == 0) {
                found.ranks.push(entry.rank);
            }
            let new = fits.iter().all(|(_, _, other)| other.text != fit.text);
            if !fit.text.is_empty() && new {
                fits.push((entry.rank, index, fit));
            }
        }
        fits.sort_by_key(|(rank, index, _)| (*rank, *index));
        let best = fits.first().map(|(_, index, _)| *index);
        found.hits = fits
            .into_iter()
            .map(|(_, index, fit)| {
                let entry = &self.entries[index];
                Hit {
                    id: entry.id,
                    rank: entry.rank,
                    fit,
                    offer: entry.offer.clone(),
                    features: entry.features,
                }
            })
            .collect();
        if let Some(used) = best.and_then(|index| self.entries.remove(index)) {
            self.entries.push_front(used);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use ropey::Rope;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn around(text: &str) -> Around {
        Around::of(&Rope::from_str(text), text.len(), None)
    }

    fn put(known: &mut Known, id: u64, rank: u32, place: &str, text: &str) {
        known.put(id, rank, Offer::new(&around(place), text, 0), None, SECOND);
    }

    fn texts(known: &mut Known, place: &str, now: Duration) -> Vec<String> {
        let found = known.find(&around(place), now);
        found.hits.into_iter().map(|hit| hit.fit.text).collect()
    }

    #[test]
    fn the_first_choice_comes_first_and_the_last_used_before_older_ones() {
        let mut known = Known::default();
        put(&mut known, 1, 0, "x", "one");
        put(&mut known, 2, 1, "x", "two");
        put(&mut known, 3, 0, "x", "other");
        put(&mut known, 4, 2, "x", "two");
        assert_eq!(texts(&mut known, "x", SECOND), ["other", "one", "two"]);
        assert_eq!(texts(&mut known, "xon", SECOND), ["e"]);
        assert_eq!(texts(&mut known, "x", SECOND), ["one", "other", "two"]);
        assert_eq!(texts(&mut known, "xt", SECOND), ["wo"]);
        assert_eq!(texts(&mut known, "xone", SECOND), Vec::<String>::new());
        assert_eq!(texts(&mut known, "y", SECOND), Vec::<String>::new());
    }

    #[test]
    fn that_there_is_nothing_is_known_for_a_while_and_only_there() {
        let mut known = Known::default();
        put(&mut known, 1, 0, "x", "");
        assert_eq!(known.find(&around("x"), 2 * SECOND).ranks, [0]);
        assert_eq!(known.find(&around("xy"), 2 * SECOND), Found::default());
        assert_eq!(known.find(&around("x"), 60 * SECOND), Found::default());
    }

    #[test]
    fn the_same_maker_replaces_what_it_made_and_the_oldest_are_forgotten() {
        let mut known = Known::default();
        put(&mut known, 1, 0, "x", "one");
        put(&mut known, 1, 0, "x", "one\ntwo");
        assert_eq!(texts(&mut known, "x", SECOND), ["one\ntwo"]);
        for id in 2..100 {
            put(&mut known, id, 0, "y", "three");
        }
        assert_eq!(texts(&mut known, "x", SECOND), Vec::<String>::new());
        assert_eq!(texts(&mut known, "y", SECOND), ["three"]);
        assert_eq!(texts(&mut known, "y", 700 * SECOND), Vec::<String>::new());
    }
}
