//! One interleaving: random steps, and what must hold after each of them and at the end.

mod counts;
mod end;
mod user;

use std::collections::BTreeSet;

use changes::{
    Authority, ChangeId, ChangeInfo, Content, Decision, Digest, Format, HunkId, HunkView, LineId, Part, Plan,
    Proposal, ProposeError, ProposedFile, Review, Standing, Status, WorkspacePath, edits,
};

pub use counts::Counts;

use crate::world::{Alphabet, Random, TrueFile, characters, rewrite};

type Checked = Result<(), String>;

fn require(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(what()) }
}

pub(crate) struct Game {
    random: Random,
    alphabet: Alphabet,
    review: Review,
    files: Vec<TrueFile>,
    changes: Vec<ChangeId>,
    /// Characters that hunks hold for as long as they wait.
    held: BTreeSet<char>,
    counts: Counts,
}

/// Plays one interleaving of so many steps and checks it.
pub fn play(seed: u64, steps: usize) -> Result<Counts, String> {
    let mut game = Game::new(seed);
    for step in 0..steps {
        game.step().map_err(|error| format!("step {step}: {error}"))?;
        game.check()
            .map_err(|error| format!("after step {step}: {error}"))?;
    }
    game.end()?;
    Ok(game.counts)
}

impl Game {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut alphabet = Alphabet::new();
        let files = (0..2)
            .map(|index| {
                let mut disk: String = (0..random.below(9))
                    .map(|_| alphabet.word(&mut random) + if random.one_in(6) { "\n\n" } else { "\n" })
                    .collect();
                if random.one_in(4) {
                    disk += &alphabet.word(&mut random);
                }
                TrueFile {
                    path: WorkspacePath::parse(&format!("file{index}")).expect("a plain path"),
                    editor: random.one_in(2).then(|| disk.clone()),
                    disk,
                    history: Vec::new(),
                    proposed_or_seen: BTreeSet::new(),
                }
            })
            .collect();
        Self {
            random,
            alphabet,
            review: Review::default(),
            files,
            changes: Vec::new(),
            held: BTreeSet::new(),
            counts: Counts::default(),
        }
    }

    fn step(&mut self) -> Checked {
        let index = self.random.below(self.files.len());
        match self.random.below(24) {
            0..8 => self.type_something(index),
            8 | 9 => self.take_back(index),
            10 => self.format(index),
            11 => self.save(index),
            12 => self.open_or_close(index),
            13 => self.write_from_outside(index),
            14 | 15 => return self.propose(index),
            16..20 => return self.decide(),
            20 => return self.decide_many(),
            21 | 22 => return self.apply(),
            _ => self.withdraw(),
        }
        Ok(())
    }

    /// Somebody reads a file, the user goes on meanwhile, and a proposal for what was read comes in.
    fn propose(&mut self, index: usize) -> Checked {
        let path = self.files[index].path.clone();
        let before = self.review.file(&path).map(|file| file.text().preview());
        let seen = match &before {
            Some(preview) if !self.random.one_in(3) => preview.clone(),
            _ => self.files[index].live().to_owned(),
        };
        let proposed = rewrite(&seen, &mut self.alphabet, &mut self.random);
        let late = self.random.one_in(3);
        if late {
            self.type_something(index);
        }
        let content = |text: &str| {
            Some(Content::Text {
                text: text.into(),
                format: Format::NEW,
            })
        };
        let proposal = Proposal {
            info: ChangeInfo {
                title: "a change".to_owned(),
                origin: "the game".to_owned(),
                ..ChangeInfo::default()
            },
            files: vec![ProposedFile {
                path: path.clone(),
                seen: content(&seen),
                content: content(&proposed),
                rename: None,
                mode: None,
            }],
        };
        let live = self.files[index].as_live();
        let untouched = self.review.clone();
        match self.review.propose(proposal, |_| live.clone()) {
            Ok(change) => {
                self.counts.count("proposals");
                self.changes.push(change);
                let file = &mut self.files[index];
                file.proposed_or_seen.extend(characters(&seen));
                file.proposed_or_seen.extend(characters(&proposed));
                self.hold_what_waits();
                self.check_proposed(index, before.as_deref() == Some(&seen) && !late, &seen, &proposed)
            }
            Err(ProposeError::Stale { .. }) => {
                self.counts.count("stale proposals refused");
                let same = self
                    .review
                    .hunks()
                    .map(|view| view.digest)
                    .eq(untouched.hunks().map(|view| view.digest));
                require(same, || "a refused proposal changed the review".to_owned())
            }
            Err(error) => Err(format!("refused: {error}")),
        }
    }

    fn check_proposed(&self, index: usize, exact: bool, seen: &str, proposed: &str) -> Checked {
        let Some(file) = self.review.file(&self.files[index].path) else {
            return Ok(());
        };
        let preview = file.text().preview();
        if exact {
            return require(preview == proposed, || {
                format!("preview {preview:?} is not what was proposed: {proposed:?}")
            });
        }
        let brought: BTreeSet<char> = characters(proposed)
            .difference(&characters(seen))
            .copied()
            .collect();
        let waiting = waiting_characters(file.text().hunks());
        require(brought.is_subset(&waiting), || {
            "a proposed character is in no hunk".to_owned()
        })
    }

    /// Notes which characters wait in hunks: they must stay there until somebody decides.
    fn hold_what_waits(&mut self) {
        self.held = self
            .review
            .files()
            .flat_map(|file| waiting_characters(file.text().hunks()))
            .collect();
    }

    fn pick(&mut self) -> Option<(HunkId, Digest, bool, usize, usize)> {
        let count = self.review.hunks().count();
        let chosen = (count > 0).then(|| self.random.below(count))?;
        let view = self.review.hunks().nth(chosen)?;
        let Part::Text(hunk) = view.part else {
            return None;
        };
        let lines = |text: &str| text.split_inclusive('\n').count();
        let conflict = view.status != Status::Ready;
        Some((
            view.id,
            view.digest,
            conflict,
            lines(hunk.base()),
            lines(hunk.proposed()),
        ))
    }

    fn decide(&mut self) -> Checked {
        let Some((id, digest, conflict, removed, added)) = self.pick() else {
            return Ok(());
        };
        if self.random.one_in(8) {
            self.counts.count("decisions on what was not seen refused");
            let refused = self
                .review
                .decide(id, Decision::Keep, Digest::of(b"something else"))
                .is_err();
            return require(refused, || "a decision on something else was taken".to_owned());
        }
        self.counts.count("decisions");
        if conflict {
            self.see_all_of(id);
        }
        let decision = match self.random.below(6) {
            0 | 1 => Decision::Keep,
            2 => Decision::Drop,
            3 => Decision::Undecided,
            4 if !conflict => {
                // Who takes lines away without what came for them does so on purpose.
                self.see_all_of(id);
                let all = (0..removed)
                    .map(LineId::Removed)
                    .chain((0..added).map(LineId::Added));
                Decision::Lines(all.filter(|_| self.random.one_in(2)).collect())
            }
            _ => {
                let text = self.alphabet.word(&mut self.random) + "\n";
                self.counts.count("hunks edited");
                self.see_all_of(id);
                let edited = self
                    .review
                    .edit_hunk(id, &text, digest)
                    .map_err(|error| error.to_string());
                self.hold_what_waits();
                return edited;
            }
        };
        self.review
            .decide(id, decision, digest)
            .map_err(|error| error.to_string())
    }

    /// Who decides a conflict, or puts a text of their own in place of a hunk, has seen what it covers.
    fn see_all_of(&mut self, id: HunkId) {
        let covered = self.review.hunk(id).map(|view| match view.part {
            Part::Text(hunk) => {
                let covered = hunk.base().to_owned() + hunk.mine(view.file.text().live());
                (view.file.path().clone(), characters(&covered))
            }
            Part::Whole(_) => (view.file.path().clone(), BTreeSet::new()),
        });
        for file in &mut self.files {
            if let Some((_, seen)) = covered.as_ref().filter(|(path, _)| *path == file.path) {
                file.proposed_or_seen.extend(seen);
            }
        }
    }

    fn decide_many(&mut self) -> Checked {
        let keep = self.random.one_in(2);
        self.review.decide_all(keep, |_| true);
        self.counts.count("decisions");
        if self.random.one_in(2) {
            self.review.settle();
            self.hold_what_waits();
        }
        Ok(())
    }

    fn withdraw(&mut self) {
        if !self.changes.is_empty() {
            let change = self.changes.swap_remove(self.random.below(self.changes.len()));
            self.review.withdraw(change);
            self.counts.count("withdrawals");
            self.hold_what_waits();
        }
    }

    fn apply(&mut self) -> Checked {
        let plan = self.review.plan().map_err(|error| error.to_string())?;
        if plan.files.is_empty() {
            return Ok(());
        }
        let refused = self.random.one_in(4);
        if self.random.one_in(4) {
            let index = self.random.below(self.files.len());
            if self.random.one_in(2) {
                self.type_something(index)
            } else {
                self.write_from_outside(index)
            }
        }
        let current = |game: &Self| {
            plan.files.iter().all(|planned| {
                let file = game.true_file(&planned.path);
                planned.before == standing(file.live())
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

    fn true_file(&self, path: &WorkspacePath) -> &TrueFile {
        self.files
            .iter()
            .find(|file| file.path == *path)
            .expect("the file is in the game")
    }

    fn carry_out(&mut self, plan: &Plan) -> Checked {
        let ready_before = self.ready_hunks(plan);
        for planned in &plan.files {
            let index = self
                .files
                .iter()
                .position(|file| file.path == planned.path)
                .expect("it is in the game");
            let before = self.files[index].live().to_owned();
            let conflicts: BTreeSet<char> = self.kept_conflicts(planned.hunks.as_slice());
            let after = planned
                .after
                .as_ref()
                .map(|after| String::from_utf8_lossy(&after.bytes).into_owned());
            let after = after.ok_or("a text is planned to go")?;
            if self.files[index].editor.is_some() {
                // An editor applies edits of one request as made for one text, and tells them in one go.
                for edit in planned.edits.iter().rev() {
                    self.edit(index, edit);
                }
                require(self.files[index].live() == after, || {
                    "the edits do not make the planned text".to_owned()
                })?;
            } else {
                self.files[index].disk.clone_from(&after);
            }
            self.files[index].history.clear();
            let removed: BTreeSet<char> = characters(&before)
                .difference(&characters(&after))
                .copied()
                .collect();
            let allowed = &self.files[index].proposed_or_seen;
            let lost: Vec<&char> = removed
                .iter()
                .filter(|c| !allowed.contains(c) && !conflicts.contains(c))
                .collect();
            require(lost.is_empty(), || {
                format!("the apply removed {lost:?}, which nobody proposed to remove")
            })?;
        }
        self.review.applied(plan);
        let ready_after = self.ready_hunks(plan);
        require(ready_before == ready_after, || {
            "the apply disturbed other hunks".to_owned()
        })?;
        for planned in &plan.files {
            let left = self.review.hunks().any(|view| planned.hunks.contains(&view.id));
            require(!left, || "an applied hunk still waits".to_owned())?;
        }
        self.hold_what_waits();
        Ok(())
    }

    /// The user's text under conflicts that they have decided to overwrite.
    fn kept_conflicts(&self, hunks: &[HunkId]) -> BTreeSet<char> {
        let mine = |view: HunkView| match view.part {
            Part::Text(hunk) if hunks.contains(&view.id) && view.status == Status::Conflict => {
                characters(hunk.mine(view.file.text().live()))
            }
            Part::Text(_) | Part::Whole(_) => BTreeSet::new(),
        };
        self.review.hunks().flat_map(mine).collect()
    }

    /// The hunks that are ready and not carried out by `plan`.
    fn ready_hunks(&self, plan: &Plan) -> Vec<(HunkId, String)> {
        let planned: BTreeSet<HunkId> = plan
            .files
            .iter()
            .flat_map(|file| file.hunks.iter().copied())
            .collect();
        let ready = |view: HunkView| match view.part {
            Part::Text(hunk) if view.status == Status::Ready && !planned.contains(&view.id) => {
                Some((view.id, hunk.mine(view.file.text().live()).to_owned()))
            }
            Part::Text(_) | Part::Whole(_) => None,
        };
        self.review.hunks().filter_map(ready).collect()
    }

    /// What must hold at any time.
    fn check(&self) -> Checked {
        let mut waiting = BTreeSet::new();
        for file in self.review.files() {
            let live = file.text().live();
            let truth = self.true_file(file.path()).live();
            require(live == truth, || {
                format!("the review has {live:?} where the truth is {truth:?}")
            })?;
            let mut end = 0;
            for hunk in file.text().hunks() {
                let range = hunk.range();
                require(end <= range.start && live.get(range.clone()).is_some(), || {
                    format!("hunk {} at {range:?}", hunk.id())
                })?;
                end = range.end;
            }
            waiting.extend(
                file.text()
                    .hunks()
                    .iter()
                    .flat_map(|hunk| characters(&texts_of(hunk))),
            );
        }
        let lost: Vec<&char> = self.held.difference(&waiting).collect();
        require(lost.is_empty(), || format!("hunks have lost {lost:?}"))
    }
}

/// All that a hunk would bring, as it was proposed and as the user edited it.
fn texts_of(hunk: &changes::Hunk) -> String {
    hunk.proposed().to_owned() + hunk.first_proposed().unwrap_or_default()
}

/// The characters that only hunks hold.
fn waiting_characters(hunks: &[changes::Hunk]) -> BTreeSet<char> {
    let brought = |hunk: &changes::Hunk| {
        let all = characters(&texts_of(hunk));
        all.difference(&characters(hunk.base()))
            .copied()
            .collect::<Vec<_>>()
    };
    hunks.iter().flat_map(brought).collect()
}

fn standing(text: &str) -> Standing {
    Standing::File {
        digest: Digest::of(text.as_bytes()),
        mode: 0o644,
    }
}

/// The edits between two texts make the one of the other, whatever the texts.
#[test]
fn the_edits_between_two_texts_are_sound() {
    let mut random = Random::new(7);
    let mut alphabet = Alphabet::new();
    let old: String = (0..20).map(|_| alphabet.word(&mut random) + "\n").collect();
    for _ in 0..100 {
        let new = rewrite(&old, &mut alphabet, &mut random);
        let mut made = old.clone();
        edits(&old, &new)
            .into_iter()
            .rev()
            .for_each(|edit| made.replace_range(edit.range, &edit.text));
        assert_eq!(made, new);
    }
}
