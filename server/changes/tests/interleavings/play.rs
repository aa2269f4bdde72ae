//! One interleaving: random steps, and what must hold after each of them and at the end.

mod apply;
mod counts;
mod decide;
mod end;
mod propose;
mod user;

use changes::{ChangeId, Digest, HunkId, Review, Status, WorkspacePath, edits};

pub use counts::Counts;

use crate::account::{Account, Shown, Tally, count_in, splice};
use crate::world::{Alphabet, FORMATS, Random, TrueFile, rewrite};

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
                let line_end = if random.one_in(4) { "\r\n" } else { "\n" };
                let mut disk: String = (0..random.below(9))
                    .map(|_| alphabet.word(&mut random) + &line_end.repeat(1 + usize::from(random.one_in(6))))
                    .collect();
                if random.one_in(4) {
                    disk += &alphabet.word(&mut random);
                }
                TrueFile {
                    path: WorkspacePath::parse(&format!("file{index}")).expect("a plain path"),
                    editor: random.one_in(2).then(|| disk.clone()),
                    disk,
                    history: Vec::new(),
                    format: FORMATS[random.below(FORMATS.len())],
                    line_end,
                    account: Account::default(),
                }
            })
            .collect();
        Self {
            random,
            alphabet,
            review: Review::default(),
            files,
            changes: Vec::new(),
            counts: Counts::default(),
        }
    }

    fn step(&mut self) -> Checked {
        let index = self.random.below(self.files.len());
        match self.random.below(26) {
            0..6 => return self.type_something(index),
            6 | 7 => return self.type_and_take_back(index),
            8 | 9 => return self.take_back(index),
            10 => self.format(index),
            11 => self.save(index),
            12 => self.open_or_close(index),
            13 => self.write_from_outside(index),
            14 | 15 => return self.propose(index),
            16..20 => return self.decide(),
            20 => return self.decide_many(),
            21..24 => return self.apply(),
            24 => return self.forget_dropped(),
            _ => return self.withdraw(),
        }
        Ok(())
    }

    fn true_file(&self, path: &WorkspacePath) -> &TrueFile {
        self.files
            .iter()
            .find(|file| file.path == *path)
            .expect("the file is in the game")
    }

    /// The hunks of a file as they are shown over its true text.
    fn shown(&self, index: usize) -> Result<Vec<Shown>, String> {
        let file = &self.files[index];
        let hunks = self
            .review
            .file(&file.path)
            .map_or(&[][..], |review| review.text().hunks());
        let shown: Option<Vec<Shown>> = hunks.iter().map(|hunk| Shown::of(hunk, file.live())).collect();
        shown.ok_or_else(|| format!("a hunk does not lie in {:?}", file.live()))
    }

    fn all_shown(&self) -> Result<Vec<Vec<Shown>>, String> {
        (0..self.files.len()).map(|index| self.shown(index)).collect()
    }

    fn digest_of(&self, id: HunkId) -> Digest {
        self.review.hunk(id).map_or(Digest::of(b""), |view| view.digest)
    }

    /// The true text with what waits, as the overlay must show it.
    fn previewed(&self, index: usize) -> Result<String, String> {
        let file = &self.files[index];
        let mut places = Vec::new();
        for shown in self.shown(index)? {
            let new = file.account.previewed(&shown);
            places.extend(new.map(|new| (shown.range, new)));
        }
        Ok(splice(file.live(), &places))
    }

    /// What must hold at any time.
    fn check(&mut self) -> Checked {
        for index in 0..self.files.len() {
            let preview = self.previewed(index)?;
            let shown = self.shown(index)?;
            let live = self.files[index].live().to_owned();
            let account = &mut self.files[index].account;
            account.note_displaced(&shown);
            account.note_deleted(&live);
            account.note_doubled(&live);
            account.note_doubled(&preview);
            self.check_file(index, &preview)
                .map_err(|error| format!("{}: {error}", self.files[index].path))?;
        }
        Ok(())
    }

    fn check_file(&self, index: usize, preview: &str) -> Checked {
        let file = &self.files[index];
        let shown = self.shown(index)?;
        let mut waiting = Tally::new();
        for hunk in &shown {
            count_in(&mut waiting, &hunk.proposed, 1);
            count_in(&mut waiting, &hunk.base, -1);
        }
        let wanted = &file.account.wanted;
        require(waiting == *wanted, || {
            format!("the hunks want {waiting:?}, what waits by what was proposed and decided is {wanted:?}")
        })?;
        let Some(review) = self.review.file(&file.path) else {
            return Ok(());
        };
        let live = file.live();
        require(review.text().live() == live, || {
            format!(
                "the review has {:?} where the truth is {live:?}",
                review.text().live()
            )
        })?;
        let apart = shown
            .windows(2)
            .all(|pair| pair[0].range.end <= pair[1].range.start);
        require(apart, || format!("hunks overlap: {shown:?}"))?;
        for (position, hunk) in shown.iter().enumerate() {
            self.check_hunk(file, hunk)?;
            let is_last = position + 1 == shown.len() && hunk.range.end == live.len();
            let is_ended = hunk.proposed.is_empty() || hunk.proposed.ends_with('\n');
            require(is_last || is_ended, || {
                format!("{hunk:?} would be joined to what stands behind it in {live:?}")
            })?;
        }
        let overlay = review.text().preview();
        require(overlay == preview, || {
            format!("the overlay has {overlay:?}, what waits makes {preview:?} of {live:?}")
        })?;
        require(file.account.keeps_order(preview), || {
            format!("{preview:?} has not the order of {:?}", file.account.proposed)
        })
    }

    /// A hunk is shown as what it is, and one that waits undisturbed is made of whole lines.
    fn check_hunk(&self, file: &TrueFile, shown: &Shown) -> Checked {
        let view = self.review.hunk(shown.id).ok_or("a hunk is not in the list")?;
        let status = file.account.status(shown);
        require(view.status == status, || {
            format!("{shown:?} is {status:?} and shown as {:?}", view.status)
        })?;
        let decision = file.account.decision(shown);
        require(*view.decision == decision, || {
            format!("{shown:?} is decided {decision:?}, shown as {:?}", view.decision)
        })?;
        let (live, range) = (file.live(), &shown.range);
        let whole = |text: &str| text.is_empty() || text.ends_with('\n') || range.end == live.len();
        let lines = whole(&live[..range.start]) && whole(&shown.base) && whole(&shown.proposed);
        let starts = range.start == 0 || live[..range.start].ends_with('\n');
        require(status != Status::Ready || lines && starts, || {
            format!("{shown:?} is not of whole lines in {live:?}")
        })
    }

    /// Of what waited, exactly this is gone, and the rest is as it was.
    fn check_forgotten(&mut self, before: &[Vec<Shown>], gone: impl Fn(&Account, &Shown) -> bool) -> Checked {
        for (index, before) in before.iter().enumerate() {
            let account = &mut self.files[index].account;
            let (gone, left): (Vec<&Shown>, Vec<&Shown>) =
                before.iter().partition(|shown| gone(account, shown));
            gone.iter().for_each(|shown| account.settle(shown));
            let now = self.shown(index)?;
            require(now.iter().eq(left.iter().copied()), || {
                format!("{left:?} were to stay, there are {now:?}")
            })?;
        }
        Ok(())
    }
}

/// The edits between two texts make the one of the other, whatever the texts.
#[test]
fn the_edits_between_two_texts_are_sound() {
    let mut random = Random::new(7);
    let mut alphabet = Alphabet::new();
    let old: String = (0..20).map(|_| alphabet.word(&mut random) + "\n").collect();
    for _ in 0..100 {
        let new = rewrite(&old, "\n", &mut alphabet, &mut random);
        let mut made = old.clone();
        edits(&old, &new)
            .into_iter()
            .rev()
            .for_each(|edit| made.replace_range(edit.range, &edit.text));
        assert_eq!(made, new);
    }
}
