//! Which hunks go with which, found once for each state of a review.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use changes::{HunkId, Review};

/// Which hunks go with which.
#[derive(Debug, Default)]
pub struct Relations {
    alike: BTreeMap<HunkId, Vec<HunkId>>,
    together: BTreeMap<HunkId, Vec<HunkId>>,
}

impl Relations {
    fn of(review: &Review) -> Self {
        Self {
            alike: others(review.groups().into_iter().map(|group| group.hunks)),
            together: others(review.links().into_iter().map(|link| link.hunks)),
        }
    }

    /// Those that do the same as this one.
    #[must_use]
    pub fn alike(&self, hunk: HunkId) -> &[HunkId] {
        self.alike.get(&hunk).map_or(&[], Vec::as_slice)
    }

    /// Those that stand or fall with this one.
    #[must_use]
    pub fn together(&self, hunk: HunkId) -> &[HunkId] {
        self.together.get(&hunk).map_or(&[], Vec::as_slice)
    }
}

/// For each hunk the others of its sets.
fn others(sets: impl Iterator<Item = Vec<HunkId>>) -> BTreeMap<HunkId, Vec<HunkId>> {
    let mut found: BTreeMap<HunkId, Vec<HunkId>> = BTreeMap::new();
    for set in sets {
        for &hunk in &set {
            let others = set.iter().copied().filter(|&other| other != hunk);
            let known = found.entry(hunk).or_default();
            known.extend(others);
            known.sort_unstable();
            known.dedup();
        }
    }
    found
}

/// The relations of the state that was looked at last.
#[derive(Debug, Default)]
pub struct Related {
    last: Mutex<(Weak<Review>, Arc<Relations>)>,
}

impl Related {
    /// Finds them. Every text of the review is read for it: not on a thread that others wait for.
    #[must_use]
    pub fn look(&self, review: &Arc<Review>) -> Arc<Relations> {
        if let Some(known) = self.known(review) {
            return known;
        }
        let found = Arc::new(Relations::of(review));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (Arc::downgrade(review), Arc::clone(&found));
        found
    }

    /// Them, if they were found for this very state.
    #[must_use]
    pub fn known(&self, review: &Arc<Review>) -> Option<Arc<Relations>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        (Weak::as_ptr(&last.0) == Arc::as_ptr(review)).then(|| Arc::clone(&last.1))
    }
}
