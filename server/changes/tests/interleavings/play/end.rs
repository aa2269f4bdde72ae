//! What must hold when an interleaving ends.

use std::collections::BTreeSet;

use changes::{Decision, FileReview, Plan, Status, WorkspacePath};

use super::{Checked, Game, require};
use crate::world::{characters, same_order, single};

/// What keeping everything must make of a file.
struct Expected {
    path: WorkspacePath,
    live: String,
    preview: String,
    brought: BTreeSet<char>,
    removed: BTreeSet<char>,
}

impl Expected {
    fn of(file: &FileReview) -> Self {
        let live = file.text().live();
        let ready = || {
            let hunks = file.text().hunks().iter();
            hunks.filter(|hunk| hunk.status(live) == Status::Ready)
        };
        Self {
            path: file.path().clone(),
            live: live.to_owned(),
            preview: file.text().preview(),
            brought: ready().flat_map(|hunk| characters(hunk.proposed())).collect(),
            removed: ready().flat_map(|hunk| characters(hunk.base())).collect(),
        }
    }

    /// Compares what came of the file with the proposal and what the user did.
    fn check(&self, result: &str) -> Checked {
        let Self {
            live,
            preview,
            brought,
            removed,
            ..
        } = self;
        require(result == preview, || {
            format!("keeping gave {result:?}, the overlay showed {preview:?}")
        })?;
        let after = characters(result);
        require(brought.is_subset(&after), || {
            "keeping lost a proposed character".to_owned()
        })?;
        let users: BTreeSet<char> = characters(live).difference(removed).copied().collect();
        require(users.is_subset(&after), || {
            "keeping lost a character of the user".to_owned()
        })?;
        let origin: BTreeSet<char> = live.chars().chain(brought.iter().copied()).collect();
        require(after.is_subset(&origin), || {
            "keeping made a character of nothing".to_owned()
        })?;
        let single = single(live);
        let mut gone = removed
            .difference(brought)
            .filter(|character| single.contains(character));
        require(!gone.any(|character| after.contains(character)), || {
            "keeping left what was to go".to_owned()
        })?;
        let in_order = same_order(&without(result, brought), &without(live, brought));
        require(in_order, || "keeping mixed up the user's text".to_owned())
    }
}

impl Game {
    pub(super) fn end(&mut self) -> Checked {
        self.review.settle();
        let hunks = self.review.hunks().count();
        let conflicts = self
            .review
            .hunks()
            .filter(|view| view.status == Status::Conflict)
            .count();
        (0..hunks).for_each(|_| self.counts.count("hunks at the end"));
        (0..conflicts).for_each(|_| self.counts.count("conflicts at the end"));
        let mut dropped = self.review.clone();
        for id in self.review.hunks().map(|view| view.id).collect::<Vec<_>>() {
            let seen = dropped.hunk(id).ok_or("a hunk vanished")?.digest;
            dropped
                .decide(id, Decision::Drop, seen)
                .map_err(|error| error.to_string())?;
        }
        let plan = dropped.plan().map_err(|error| error.to_string())?;
        require(plan == Plan::default(), || {
            "dropping everything would write something".to_owned()
        })?;
        for file in dropped.files() {
            let truth = self.true_file(file.path()).live();
            require(file.text().preview() == truth, || {
                "dropping everything does not leave the user's text".to_owned()
            })?;
        }
        if conflicts == 0 {
            self.counts.count("ends without conflict");
        }
        self.keep_everything()
    }

    /// Keeps all that is not in conflict and carries it out.
    fn keep_everything(&mut self) -> Checked {
        for view in self.review.clone().hunks() {
            let decision = if view.status == Status::Ready {
                Decision::Keep
            } else {
                Decision::Undecided
            };
            self.review
                .decide(view.id, decision, view.digest)
                .map_err(|error| error.to_string())?;
        }
        let plan = self.review.plan().map_err(|error| error.to_string())?;
        let expected: Vec<Expected> = self.review.files().map(Expected::of).collect();
        self.carry_out(&plan)?;
        expected
            .iter()
            .try_for_each(|expected| expected.check(self.true_file(&expected.path).live()))
    }
}

/// A text without the characters that hunks bring: those may have moved with what was proposed.
fn without(text: &str, brought: &BTreeSet<char>) -> String {
    text.chars()
        .filter(|character| !brought.contains(character))
        .collect()
}
