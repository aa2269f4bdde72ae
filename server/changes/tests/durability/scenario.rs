//! What is done to a workspace before something ends it, and what must hold afterwards.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use changes::{
    About, AuditEntry, AuditKind, Budget, ChangeInfo, Content, Decision, Home, Part, Proposal, ProposedFile,
    Review, StepId, WorkspacePath, Writer, next_redo, next_undo,
};
use host::{Files, Kind, Tree, Trees};

pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// A workspace and where its memory is kept.
pub struct Place<'a> {
    pub files: &'a dyn Files,
    pub trees: &'a dyn Trees,
    pub root: PathBuf,
    pub state: PathBuf,
}

/// What is done, from what on.
pub struct Scenario {
    before: Vec<(String, Vec<u8>, u32)>,
    proposals: Vec<Vec<ProposedFile>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Propose(usize),
    Decide,
    Apply,
    Undo,
    Redo,
    Prune,
}

pub const STAGES: [Stage; 10] = [
    Stage::Propose(0),
    Stage::Decide,
    Stage::Apply,
    Stage::Undo,
    Stage::Redo,
    Stage::Propose(1),
    Stage::Decide,
    Stage::Apply,
    Stage::Prune,
    Stage::Undo,
];

/// All that can be seen from outside, after recovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub steps: usize,
    /// What lies at each path; nothing for a folder.
    pub workspace: BTreeMap<String, Option<(Vec<u8>, u32)>>,
    pub pending: Vec<String>,
    pub audit: usize,
}

impl Seen {
    /// What lies at each path that is a file: folders that were made may stay when they are empty again.
    fn files(&self) -> Vec<(&String, &(Vec<u8>, u32))> {
        let paths = self.workspace.iter();
        paths
            .filter_map(|(path, file)| Some((path, file.as_ref()?)))
            .collect()
    }
}

/// Numbers that look random and are the same for the same seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below.max(1)
    }

    fn text(&mut self) -> Vec<u8> {
        let lines = 1 + self.roll(40) * self.roll(20);
        let line_end = if self.roll(4) == 0 { "\r\n" } else { "\n" };
        let line = |dice: &mut Self| format!("line {}{line_end}", dice.roll(1000));
        (0..lines).map(|_| line(self)).collect::<String>().into_bytes()
    }

    fn edited(&mut self, text: &[u8]) -> Vec<u8> {
        let mut lines: Vec<Vec<u8>> = text
            .split_inclusive(|&byte| byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        for _ in 0..=self.roll(6) {
            let at = usize::try_from(self.roll(lines.len() as u64)).unwrap_or_default();
            match self.roll(3) {
                0 => lines[at] = format!("changed {}\n", self.roll(1000)).into_bytes(),
                1 => lines.insert(at, format!("added {}\n", self.roll(1000)).into_bytes()),
                _ if lines.len() > 1 => drop(lines.remove(at)),
                _ => {}
            }
        }
        lines.concat()
    }
}

fn proposed(path: &str, seen: Option<&[u8]>, content: Option<&[u8]>) -> ProposedFile {
    ProposedFile {
        path: WorkspacePath::parse(path).expect("a plain path"),
        seen: seen.map(Content::decode),
        content: content.map(Content::decode),
        rename: None,
        mode: None,
    }
}

impl Scenario {
    /// Number 0 is small and has one of everything; the others are made of dice.
    pub fn of(seed: u64) -> Self {
        if seed == 0 {
            Self::small()
        } else {
            Self::random(seed)
        }
    }

    fn small() -> Self {
        let file = |path: &str, bytes: &[u8]| (path.to_owned(), bytes.to_vec(), 0o644);
        let mut moved = proposed("moved", Some(b"moves\n"), Some(b"has moved\n"));
        moved.rename = WorkspacePath::parse("lib/deep/moved").ok();
        moved.mode = Some(0o755);
        Self {
            before: vec![
                file("src/text", b"one\ntwo\nthree\n"),
                file("moved", b"moves\n"),
                file("src/deleted", b"goes\n"),
                file("image", b"\0\x01\x02"),
            ],
            proposals: vec![
                vec![
                    proposed("src/text", Some(b"one\ntwo\nthree\n"), Some(b"ONE\ntwo\nTHREE\n")),
                    moved,
                    proposed("src/deleted", Some(b"goes\n"), None),
                    proposed("image", Some(b"\0\x01\x02"), Some(b"\0\x03")),
                    proposed("new", None, Some(b"new\n")),
                ],
                vec![proposed("docs/later", None, Some(b"later\n"))],
            ],
        }
    }

    fn random(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let (mut before, mut first, mut second) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..=dice.roll(9) {
            let folder = ["", "src/", "src/deep/", "docs/"][usize::try_from(dice.roll(4)).unwrap_or(0)];
            let path = format!("{folder}file{number}");
            let text = dice.text();
            let changed = dice.edited(&text);
            let mode = [0o644, 0o600, 0o755][usize::try_from(dice.roll(3)).unwrap_or(0)];
            match dice.roll(7) {
                0 => {
                    first.push(proposed(&path, None, Some(&text)));
                    continue;
                }
                1 => first.push(proposed(&path, Some(&text), None)),
                2 => {
                    let mut moved = proposed(&path, Some(&text), Some(&changed));
                    moved.rename = WorkspacePath::parse(&format!("moved/{number}/{path}")).ok();
                    first.push(moved);
                }
                3 => {
                    let mut bytes = text.clone();
                    bytes.push(0);
                    first.push(proposed(&path, Some(&text), Some(&bytes)));
                }
                4 => second.push(proposed(&path, Some(&text), Some(&changed))),
                _ => first.push(proposed(&path, Some(&text), Some(&changed))),
            }
            before.push((path, text, mode));
        }
        first.push(proposed("more/first", None, Some(b"first\n")));
        second.push(proposed("more/later", None, Some(b"later\n")));
        Self {
            before,
            proposals: vec![first, second],
        }
    }

    /// Makes the workspace as it is before.
    pub fn lay(&self, place: &Place) -> Outcome<()> {
        place.files.create_folder(&place.root)?;
        place.files.create_folder(&place.state)?;
        let tree = place.trees.open_tree(&place.root)?;
        for (path, bytes, mode) in &self.before {
            if let Some((folder, _)) = path.rsplit_once('/') {
                place.files.create_folder(&place.root.join(folder))?;
            }
            tree.write_new(path, bytes, *mode, None)?;
        }
        Ok(())
    }

    /// Does it all, and says after which stage it is.
    pub fn perform(&self, place: &Place, done: &mut dyn FnMut(usize)) -> Outcome<()> {
        for (number, stage) in STAGES.into_iter().enumerate() {
            self.perform_one(place, stage)?;
            done(number + 1);
        }
        Ok(())
    }

    /// Does all before the stage of this number.
    pub fn perform_to(&self, place: &Place, number: usize) -> Outcome<()> {
        (0..number).try_for_each(|stage| self.perform_stage(place, stage))
    }

    /// Does the stage of this number only.
    pub fn perform_stage(&self, place: &Place, number: usize) -> Outcome<()> {
        self.perform_one(place, STAGES[number])
    }

    /// What is to be seen before and after each stage, when nothing goes wrong.
    pub fn reference(&self, place: &Place) -> Outcome<Vec<Seen>> {
        let mut seen = vec![place.look()?];
        for stage in STAGES {
            self.perform_one(place, stage)?;
            seen.push(place.look()?);
        }
        assert!(seen[3].files() != seen[2].files(), "nothing was applied");
        assert!(seen[4].files() == seen[2].files(), "undo left something");
        assert!(seen[5].files() == seen[3].files(), "redo is not what was undone");
        Ok(seen)
    }

    fn perform_one(&self, place: &Place, stage: Stage) -> Outcome<()> {
        let tree = place.trees.open_tree(&place.root)?;
        let home = place.home()?;
        let owner = home.own()?.ok_or("somebody else is there")?;
        let writer = home.writer(&*tree);
        writer.recover()?;
        let mut review = review(&home, &writer)?;
        match stage {
            Stage::Propose(number) => {
                note(&home, AuditKind::Request)?;
                let info = ChangeInfo {
                    title: format!("Change {number}"),
                    ..ChangeInfo::default()
                };
                let files = self.proposals[number].clone();
                review.propose(Proposal { info, files }, |path| {
                    writer.live_on_disk(path).expect("read")
                })?;
                home.pending().save(&review)?;
            }
            Stage::Decide => {
                note(&home, AuditKind::Decision)?;
                let waits = review.hunks().filter(|view| *view.decision != Decision::Drop);
                let shown: Vec<_> = waits.map(|view| (view.id, view.digest)).collect();
                for (index, (id, digest)) in shown.into_iter().enumerate() {
                    // Of many one is dropped and one waits on.
                    let decision = match index % 9 {
                        7 => Decision::Drop,
                        8 => Decision::Undecided,
                        _ => Decision::Keep,
                    };
                    review.decide(id, decision, digest)?;
                }
                home.pending().save(&review)?;
            }
            Stage::Apply => {
                let plan = review.plan()?;
                note(&home, AuditKind::Decision)?;
                let about = About {
                    title: "apply".to_owned(),
                    hunks: plan.hunks(),
                    ..About::default()
                };
                writer.apply(plan.writes(), about)?;
                review.applied(&plan);
                home.pending().save(&review)?;
                note(&home, AuditKind::Write)?;
            }
            Stage::Undo => back(&home, &writer, next_undo(&writer.steps()?))?,
            Stage::Redo => back(&home, &writer, next_redo(&writer.steps()?))?,
            Stage::Prune => {
                let budget = Budget {
                    store_bytes_max: u64::MAX,
                    age_max: Duration::MAX,
                };
                // So late that it is always done: whatever an earlier one was kept from removing goes with the next.
                let late = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 32);
                home.prune_daily(&budget, late, &owner)?;
            }
        }
        Ok(())
    }

    /// Looks at what was left when everything up to the stage `done` was reported as done, and makes sure
    /// that all is well: it is as if the next stage had been done, or not begun.
    pub fn check(&self, place: &Place, done: usize, reference: &[Seen]) -> Outcome<()> {
        let seen = self.glance(place, done, reference)?;
        self.go_back_and_forth(place, &seen)
    }

    /// As [`Scenario::check`], without undoing and redoing anything.
    pub fn glance(&self, place: &Place, done: usize, reference: &[Seen]) -> Outcome<Seen> {
        let seen = place.look()?;
        let same = |expected: &&Seen| {
            (seen.steps, &seen.workspace, &seen.pending)
                == (expected.steps, &expected.workspace, &expected.pending)
        };
        let possible = &reference[done..reference.len().min(done + 2)];
        if possible.iter().find(same).is_none() {
            let wanted = &possible[0];
            return Err(format!(
                "after stage {done} neither before nor after the next one:\n{seen:#?}\nbefore it: {wanted:#?}"
            )
            .into());
        }
        let audit = possible.iter().map(|expected| expected.audit);
        let (least, most) = (audit.clone().min(), audit.max());
        if Some(seen.audit) < least || Some(seen.audit) > most {
            return Err(format!("{} records after stage {done}", seen.audit).into());
        }
        Ok(seen)
    }

    /// Undo and redo, or redo and undo, lead back to where one was; and nothing half-written stays.
    fn go_back_and_forth(&self, place: &Place, seen: &Seen) -> Outcome<()> {
        let steps = {
            let tree = place.trees.open_tree(&place.root)?;
            place.home()?.writer(&*tree).steps()?
        };
        let way = match (next_redo(&steps), next_undo(&steps)) {
            (Some(_), _) => [Stage::Redo, Stage::Undo],
            (None, Some(_)) => [Stage::Undo, Stage::Redo],
            (None, None) => [Stage::Prune, Stage::Prune],
        };
        for stage in way {
            self.perform_one(place, stage)?;
        }
        self.perform_one(place, Stage::Prune)?;
        if place.look()?.files() != seen.files() {
            return Err("going back and forth leads elsewhere".into());
        }
        let mut state = Vec::new();
        place.walk(&place.state, &mut |path, _| state.push(path.to_owned()))?;
        let is_half = |path: &&PathBuf| path.to_string_lossy().contains(".freehold-");
        let half = state.iter().find(is_half);
        half.map_or(
            Ok(()),
            |half| Err(format!("`{}` was left", half.display()).into()),
        )
    }
}

fn back(home: &Home, writer: &Writer, step: Option<StepId>) -> Outcome<()> {
    let step = step.ok_or("nothing to take back")?;
    let back = writer.take_back(&[step], None, |path| writer.live_on_disk(path))?;
    if !back.conflicts.is_empty() {
        return Err("taking back is in conflict".into());
    }
    note(home, AuditKind::Decision)?;
    let about = About {
        takes_back: vec![step],
        ..About::default()
    };
    writer.apply(back.writes, about)?;
    Ok(())
}

fn note(home: &Home, kind: AuditKind) -> Outcome<()> {
    let fields = vec![("person".to_owned(), "somebody".to_owned())];
    let time = SystemTime::UNIX_EPOCH;
    Ok(home.audit().append(&[AuditEntry { kind, time, fields }])?)
}

fn review(home: &Home, writer: &Writer) -> Outcome<Review> {
    let live = |path: &WorkspacePath| writer.live_on_disk(path).expect("read");
    let loaded = home.pending().load(live)?;
    if let Some(aside) = loaded.set_aside {
        return Err(aside.into());
    }
    let mut review = loaded.review;
    review.settle();
    Ok(review)
}

impl<'a> Place<'a> {
    pub fn home(&self) -> Outcome<Home<'a>> {
        Ok(Home::open(self.files, &self.state, &self.root)?)
    }

    /// Starts as the program does, and looks around.
    pub fn look(&self) -> Outcome<Seen> {
        let tree = self.trees.open_tree(&self.root)?;
        let home = self.home()?;
        let _owner = home.own()?.ok_or("somebody else is there")?;
        let writer = home.writer(&*tree);
        for recovered in writer.recover()? {
            if !recovered.left.is_empty() {
                return Err(format!("left alone: {:?}", recovered.left).into());
            }
        }
        let review = review(&home, &writer)?;
        let mut workspace = BTreeMap::new();
        let mut failed = None;
        self.walk(&self.root, &mut |path, kind| {
            let name = path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy();
            match found(&*tree, &name, kind) {
                Ok(file) => drop(workspace.insert(name.into_owned(), file)),
                Err(error) => failed = Some(error),
            }
        })?;
        match failed {
            Some(error) => Err(error),
            None => Ok(Seen {
                steps: writer.steps()?.len(),
                workspace,
                pending: shown(&review),
                audit: home.audit().verify()?.len(),
            }),
        }
    }

    fn walk(&self, folder: &Path, found: &mut dyn FnMut(&Path, Kind)) -> Outcome<()> {
        for entry in self.files.list(folder)? {
            let path = folder.join(entry.name);
            found(&path, entry.kind);
            if entry.kind == Kind::Folder {
                self.walk(&path, found)?;
            }
        }
        Ok(())
    }
}

fn found(tree: &dyn Tree, name: &str, kind: Kind) -> Outcome<Option<(Vec<u8>, u32)>> {
    if kind == Kind::Folder {
        return Ok(None);
    }
    let mode = tree.look(name)?.map_or(0, |found| found.mode);
    Ok(Some((tree.read(name)?, mode)))
}

fn shown(review: &Review) -> Vec<String> {
    let hunks = review.hunks().map(|view| {
        let texts = match view.part {
            Part::Text(hunk) => format!("{:?} {:?} {:?}", hunk.range(), hunk.base(), hunk.proposed()),
            Part::Whole(operation) => format!("{:?}", operation.kind()),
        };
        let (id, at) = (view.id, view.file.path());
        format!("{id} {at} {:?} {:?} {texts}", view.status, view.decision)
    });
    hunks.collect()
}
