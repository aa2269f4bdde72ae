//! What must hold when an interleaving ends.

use changes::{Decision, Plan, Status};

use super::{Checked, Game, require};
use crate::account::{Tally, count_in};

impl Game {
    pub(super) fn end(&mut self) -> Checked {
        self.settle()?;
        let hunks = self.review.hunks().count();
        let conflicts = self
            .review
            .hunks()
            .filter(|view| view.status == Status::Conflict)
            .count();
        (0..hunks).for_each(|_| self.counts.count("hunks at the end"));
        (0..conflicts).for_each(|_| self.counts.count("conflicts at the end"));
        self.drop_everything()?;
        if conflicts == 0 {
            self.counts.count("ends without conflict");
        }
        let conflicts_too = self.random.one_in(2);
        self.keep_everything(conflicts_too)
    }

    /// Dropping everything leaves what the user has: it writes nothing, and shows nothing else.
    fn drop_everything(&mut self) -> Checked {
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
        dropped.forget_dropped();
        require(dropped.files().next().is_none(), || {
            "what was dropped waits still".to_owned()
        })
    }

    /// Keeps all that waits, conflicts only if the user wants the proposals there too, and carries it out.
    ///
    /// What stands in a file then is what the user had there and what all proposals that waited wanted of
    /// it, character by character.
    fn keep_everything(&mut self, conflicts_too: bool) -> Checked {
        let mut expected = Vec::new();
        for (index, shown) in self.all_shown()?.into_iter().enumerate() {
            let mut tally = Tally::new();
            count_in(&mut tally, self.files[index].live(), 1);
            for (character, more) in &self.files[index].account.wanted {
                count_in(&mut tally, &character.to_string(), *more);
            }
            for shown in shown {
                let ready = shown.is_ready();
                let decision = if ready || conflicts_too {
                    Decision::Keep
                } else {
                    Decision::Undecided
                };
                self.say(index, &shown, decision)?;
                if !ready {
                    // What the user chose is the one text or the other: both were shown.
                    count_in(&mut tally, &shown.proposed, -1);
                    count_in(&mut tally, &shown.base, 1);
                }
                if !ready && conflicts_too {
                    count_in(&mut tally, &shown.proposed, 1);
                    count_in(&mut tally, &shown.mine, -1);
                }
            }
            expected.push(tally);
        }
        let plan = self.review.plan().map_err(|error| error.to_string())?;
        self.check_plan(&plan)?;
        self.carry_out(&plan)?;
        self.check()?;
        for (file, expected) in self.files.iter().zip(&expected) {
            let mut tally = Tally::new();
            count_in(&mut tally, file.live(), 1);
            require(tally == *expected, || {
                format!(
                    "keeping everything left {:?} where {expected:?} was wanted",
                    file.live()
                )
            })?;
        }
        let left = self.review.hunks().count();
        require(left == 0 || !conflicts_too, || format!("{left} hunks wait still"))
    }
}
