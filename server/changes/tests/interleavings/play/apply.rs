//! What is kept is carried out, or refused.

use changes::{Authority, Plan};

use super::{Checked, Game, require};
use crate::account::{Shown, splice};

impl Game {
    pub(super) fn apply(&mut self) -> Checked {
        let plan = self.review.plan().map_err(|error| error.to_string())?;
        self.check_plan(&plan)?;
        if plan.files.is_empty() {
            return Ok(());
        }
        let refused = self.random.one_in(4);
        if self.random.one_in(4) {
            let index = self.random.below(self.files.len());
            if self.random.one_in(2) {
                self.type_something(index)?;
            } else {
                self.write_from_outside(index);
            }
        }
        let current = |game: &Self| {
            plan.files.iter().all(|planned| {
                let file = game.true_file(&planned.path);
                planned.before == file.standing()
                    && (planned.authority == Authority::Editor) == file.editor.is_some()
            })
        };
        if refused || !current(self) {
            self.counts.count("refused applies");
            return Ok(());
        }
        self.counts.count("applies");
        self.carry_out(&plan)
    }

    /// A plan does what the user said about what they were shown, to the letter and nothing else.
    pub(super) fn check_plan(&self, plan: &Plan) -> Checked {
        for (index, shown) in self.all_shown()?.into_iter().enumerate() {
            let file = &self.files[index];
            let planned = plan.files.iter().find(|planned| planned.path == file.path);
            let mut kept = Vec::new();
            let mut places = Vec::new();
            for shown in shown {
                if let Some(text) = file.account.kept(&shown) {
                    kept.push(shown.id);
                    places.push((shown.range, text));
                }
            }
            let hunks = planned.map_or(&[][..], |planned| &planned.hunks);
            require(hunks == kept, || {
                format!("{hunks:?} are planned, {kept:?} are kept")
            })?;
            let Some(planned) = planned else {
                continue;
            };
            let live = file.live();
            let after = planned.after.as_ref().ok_or("a text is planned to go")?;
            let expected = splice(live, &places);
            require(after.bytes == file.bytes(&expected), || {
                let bytes = String::from_utf8_lossy(&after.bytes);
                format!("{bytes:?} is planned, what is kept makes {expected:?} of {live:?}")
            })?;
            require(planned.before == file.standing(), || {
                "it is planned for another text".to_owned()
            })?;
            require(planned.before_bytes == Some(file.bytes(live)), || {
                "what stood there before would not come back".to_owned()
            })?;
            let edits: Vec<_> = planned
                .edits
                .iter()
                .map(|edit| (edit.range.clone(), edit.text.clone()))
                .collect();
            require(splice(live, &edits) == expected, || {
                "the edits do not make the planned text".to_owned()
            })?;
        }
        Ok(())
    }

    pub(super) fn carry_out(&mut self, plan: &Plan) -> Checked {
        let before = self.all_shown()?;
        for planned in &plan.files {
            let index = self
                .files
                .iter()
                .position(|file| file.path == planned.path)
                .expect("it is in the game");
            let edits: Vec<_> = planned.edits.clone();
            if self.files[index].editor.is_some() {
                // An editor applies edits of one request as made for one text, and tells them in one go.
                for edit in edits.iter().rev() {
                    self.edit(index, edit)?;
                }
            } else {
                let disk = &mut self.files[index].disk;
                edits
                    .iter()
                    .rev()
                    .for_each(|edit| disk.replace_range(edit.range.clone(), &edit.text));
            }
            self.files[index].history.clear();
        }
        self.review.applied(plan);
        for (index, before) in before.iter().enumerate() {
            let planned = |shown: &&Shown| plan.files.iter().any(|file| file.hunks.contains(&shown.id));
            let (done, left): (Vec<&Shown>, Vec<&Shown>) = before.iter().partition(planned);
            let account = &mut self.files[index].account;
            done.iter().for_each(|shown| account.settle(shown));
            let now = self.shown(index)?;
            let same =
                now.len() == left.len() && now.iter().zip(&left).all(|(new, old)| new.offers_same(old));
            require(same, || {
                format!("the apply left {now:?} of {left:?}, which were not kept")
            })?;
        }
        Ok(())
    }
}
