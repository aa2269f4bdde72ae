//! The user decides about what they are shown.

use std::collections::BTreeSet;

use changes::{Decision, Digest, LineId, Status};

use super::{Checked, Game, require};
use crate::account::{Shown, change, count_in, is_picked};
use crate::world::characters;

impl Game {
    fn pick(&mut self) -> Result<Option<(usize, Shown)>, String> {
        let all: Vec<(usize, Shown)> = self
            .all_shown()?
            .into_iter()
            .enumerate()
            .flat_map(|(index, shown)| shown.into_iter().map(move |shown| (index, shown)))
            .collect();
        Ok((!all.is_empty()).then(|| all[self.random.below(all.len())].clone()))
    }

    pub(super) fn decide(&mut self) -> Checked {
        let Some((index, shown)) = self.pick()? else {
            return Ok(());
        };
        if self.random.one_in(8) {
            self.counts.count("decisions on what was not seen refused");
            let refused = self
                .review
                .decide(shown.id, Decision::Keep, Digest::of(b"something else"))
                .is_err();
            return require(refused, || "a decision on something else was taken".to_owned());
        }
        self.counts.count("decisions");
        let decision = match self.random.below(6) {
            0 | 1 => Decision::Keep,
            2 => Decision::Drop,
            3 => Decision::Undecided,
            4 if shown.is_ready() => {
                let lines = |text: &str| text.split_inclusive('\n').count();
                let all = (0..lines(&shown.base))
                    .map(LineId::Removed)
                    .chain((0..lines(&shown.proposed)).map(LineId::Added));
                Decision::Lines(all.filter(|_| self.random.one_in(2)).collect())
            }
            _ => return self.edit_hunk(index, &shown),
        };
        self.say(index, &shown, decision)
    }

    /// Takes a decision, and enters it into the account.
    pub(super) fn say(&mut self, index: usize, shown: &Shown, decision: Decision) -> Checked {
        let digest = self.digest_of(shown.id);
        self.review
            .decide(shown.id, decision.clone(), digest)
            .map_err(|error| error.to_string())?;
        if let Decision::Lines(_) = &decision {
            let mixed = characters(&shown.base)
                .into_iter()
                .chain(characters(&shown.proposed));
            self.files[index].account.loose.extend(mixed);
        }
        let puts = match &decision {
            Decision::Undecided | Decision::Drop => None,
            Decision::Keep => Some(shown.proposed.clone()),
            Decision::Lines(picked) => Some(self.picked(index, shown, picked)?),
        };
        self.files[index].account.says(shown, decision, puts);
        Ok(())
    }

    /// What comes of picking lines.
    fn picked(&self, index: usize, shown: &Shown, picked: &BTreeSet<LineId>) -> Result<String, String> {
        let review = self.review.file(&self.files[index].path).ok_or("no file")?;
        let edits = review.text().kept_edits();
        let edit = edits.into_iter().find(|(id, _)| *id == shown.id);
        let kept = edit.map_or_else(|| shown.mine.clone(), |(_, edit)| edit.text);
        require(is_picked(&shown.base, &shown.proposed, picked, &kept), || {
            format!("picking {picked:?} of {shown:?} gave {kept:?}")
        })?;
        Ok(kept)
    }

    /// The user puts a text of their own in place of what is proposed: it is what they want there now.
    fn edit_hunk(&mut self, index: usize, shown: &Shown) -> Checked {
        self.counts.count("hunks edited");
        let word = self.alphabet.word(&mut self.random);
        let is_ended = self.random.one_in(2);
        let text = if is_ended {
            word + self.files[index].line_end
        } else {
            word
        };
        let digest = self.digest_of(shown.id);
        self.review
            .edit_hunk(shown.id, &text, digest)
            .map_err(|error| error.to_string())?;
        let text = self.edited(index, shown, &text)?;
        let account = &mut self.files[index].account;
        for (character, more) in change(&shown.proposed, &text) {
            count_in(&mut account.wanted, &character.to_string(), more);
        }
        let edited = Shown {
            proposed: text.clone(),
            ..shown.clone()
        };
        account.says(&edited, Decision::Keep, Some(text));
        Ok(())
    }

    /// What an edited hunk proposes: the text, whose last line has an end wherever something may come behind it.
    fn edited(&self, index: usize, shown: &Shown, text: &str) -> Result<String, String> {
        let file = &self.files[index];
        let review = self.review.file(&file.path).ok_or("no file")?.text();
        let hunk = review.hunk(shown.id).ok_or("no hunk")?;
        require(hunk.first_proposed().is_some(), || {
            "what was proposed is forgotten".to_owned()
        })?;
        let is_last = review.hunks().last() == Some(hunk) && hunk.range().end == review.live().len();
        let needs_end = !is_last && !text.ends_with('\n');
        let texts = review
            .hunks()
            .iter()
            .flat_map(|hunk| [hunk.base(), hunk.proposed()]);
        let mut texts = texts.chain([review.live(), &shown.proposed]);
        let line_end = if texts.any(|text| text.contains("\r\n")) {
            "\r\n"
        } else {
            "\n"
        };
        let expected = text.to_owned() + if needs_end { line_end } else { "" };
        require(hunk.proposed() == expected, || {
            format!("{text:?} became {:?}", hunk.proposed())
        })?;
        Ok(hunk.proposed().to_owned())
    }

    pub(super) fn decide_many(&mut self) -> Checked {
        let keep = self.random.one_in(2);
        let decided = self.review.decide_all(keep, |_| true);
        self.counts.count("decisions");
        let (mut hunks, mut conflicts) = (Vec::new(), Vec::new());
        for (index, shown) in self.all_shown()?.into_iter().enumerate() {
            let account = &mut self.files[index].account;
            for shown in shown {
                let status = account.status(&shown);
                if status == Status::Landed || account.decision(&shown) != Decision::Undecided {
                    continue;
                }
                if keep && status == Status::Conflict {
                    conflicts.push(shown.id);
                    continue;
                }
                hunks.push(shown.id);
                let puts = keep.then(|| shown.proposed.clone());
                let decision = if keep { Decision::Keep } else { Decision::Drop };
                account.says(&shown, decision, puts);
            }
        }
        require(
            (&decided.hunks, &decided.conflicts) == (&hunks, &conflicts),
            || format!("{decided:?} were decided, not {hunks:?} with {conflicts:?} left out"),
        )?;
        if self.random.one_in(2) {
            self.settle()?;
        }
        Ok(())
    }

    /// What has come about by itself waits no more.
    pub(super) fn settle(&mut self) -> Checked {
        let before = self.all_shown()?;
        self.review.settle();
        self.check_forgotten(&before, |account, shown| account.status(shown) == Status::Landed)
    }

    pub(super) fn forget_dropped(&mut self) -> Checked {
        let before = self.all_shown()?;
        self.review.forget_dropped();
        self.check_forgotten(&before, |account, shown| {
            account.decision(shown) == Decision::Drop
        })
    }

    pub(super) fn withdraw(&mut self) -> Checked {
        if self.changes.is_empty() {
            return Ok(());
        }
        let change = self.changes.swap_remove(self.random.below(self.changes.len()));
        let before = self.all_shown()?;
        self.review.withdraw(change);
        self.counts.count("withdrawals");
        self.check_forgotten(&before, |_, shown| shown.change == change)
    }
}
