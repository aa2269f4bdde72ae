//! The cases in `tests/changes/`: a patch put up for review, decided, applied, undone and redone.
//!
//! Each folder holds `input/`, `proposal.diff`, `decisions.txt`, `expected/` and `report.txt`, which shows
//! the review after the decisions and writes itself with `UPDATE_EXPECT=1`. A line of `decisions.txt`:
//!
//! | line | meaning |
//! |---|---|
//! | `keep 2`, `drop 2` | one hunk, by its place in the review, from 1 |
//! | `keep all`, `drop all`, `keep in PATH`, `drop in PATH` | all that are not decided yet |
//! | `keep like 2`, `drop like 2` | the hunk and those that are alike |
//! | `lines 2 -1 +1` | of a hunk, the first removed and the first added line |
//! | `edit 2 "text\n"` | keep a hunk with this text instead |
//! | `type PATH "old" "new"` | the user replaces the first `old` |
//! | `refused: MESSAGE` | the patch cannot be put up, for this reason |

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use changes::{
    About, ChangeInfo, Content, Decision, HunkId, Likeness, LineId, Live, Part, Review, Tie, WorkspacePath,
    Writer, next_redo, next_undo,
};
use expect_test::expect_file;
use host::{Files, Kind, MemoryHost, RealHost, Tree, Trees};

type Contents = BTreeMap<String, (Vec<u8>, u32)>;

/// The files of a tree, with what they hold and whether they can be run.
fn files(tree: &dyn Tree, host: &dyn Files, root: &Path) -> Contents {
    let mut found = BTreeMap::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in host.list(&root.join(&folder)).unwrap_or_default() {
            let path = if folder.is_empty() {
                entry.name
            } else {
                format!("{folder}/{}", entry.name)
            };
            if entry.kind == Kind::Folder {
                folders.push(path);
            } else {
                let mode = tree.look(&path).expect("looked").expect("there").mode;
                // Git keeps only whether a file can be run.
                let mode = if mode & 0o100 == 0 { 0o644 } else { 0o755 };
                found.insert(path.clone(), (tree.read(&path).expect("read"), mode));
            }
        }
    }
    found
}

fn files_of_case(folder: &Path) -> Contents {
    let host = RealHost::new();
    match host.open_tree(folder) {
        Ok(tree) => files(&*tree, &host, folder),
        // Git keeps no empty folder.
        Err(error) if error.is_not_found() => BTreeMap::new(),
        Err(error) => panic!("{error}"),
    }
}

struct Case {
    memory: MemoryHost,
    tree: Box<dyn Tree>,
    review: Review,
}

impl Case {
    fn new(input: &Contents) -> Self {
        let memory = MemoryHost::new();
        memory.create_folder(Path::new("/project")).expect("made");
        let tree = memory.open_tree(Path::new("/project")).expect("opened");
        for (path, (bytes, mode)) in input {
            memory
                .create_folder(Path::new("/project").join(path).parent().expect("a folder"))
                .expect("made");
            tree.write_new(path, bytes, *mode, None).expect("written");
        }
        Self {
            memory,
            tree,
            review: Review::default(),
        }
    }

    fn writer(&self) -> Writer<'_> {
        Writer::new(&self.memory, &*self.tree, PathBuf::from("/state"))
    }

    fn now(&self) -> Contents {
        files(&*self.tree, &self.memory, Path::new("/project"))
    }

    fn live(&self, path: &WorkspacePath) -> Live {
        self.writer().live_on_disk(path).expect("read")
    }

    fn propose(&mut self, patch: &[u8]) -> Result<(), String> {
        let patches = changes::patch::parse(patch).map_err(|error| error.to_string())?;
        let info = ChangeInfo {
            title: "A patch".to_owned(),
            origin: "propose".to_owned(),
            ..ChangeInfo::default()
        };
        let mut review = std::mem::take(&mut self.review);
        let proposed = review.propose_patch(info, &patches, |path| self.live(path));
        self.review = review;
        proposed.map(drop).map_err(|error| error.to_string())
    }

    fn hunk(&self, number: &str) -> HunkId {
        let index: usize = number.parse().expect("the number of a hunk");
        self.review
            .hunks()
            .nth(index - 1)
            .expect("there is such a hunk")
            .id
    }

    fn decide(&mut self, id: HunkId, decision: Decision) {
        let seen = self.review.hunk(id).expect("it waits").digest;
        self.review.decide(id, decision, seen).expect("it can be decided");
    }

    fn run(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').expect("a word and more");
        match (word, rest.split_once(' ')) {
            ("keep" | "drop", Some(("in", path))) => {
                self.review
                    .decide_all(word == "keep", |view| view.file.path().as_str() == path);
            }
            ("keep" | "drop", Some(("like", number))) => {
                let id = self.hunk(number);
                let group = self
                    .review
                    .groups()
                    .into_iter()
                    .find(|group| group.hunks.contains(&id));
                let alike = group.expect("there are others like it").hunks;
                self.review
                    .decide_all(word == "keep", |view| alike.contains(&view.id));
            }
            ("keep" | "drop", None) if rest == "all" => {
                self.review.decide_all(word == "keep", |_| true);
            }
            ("keep", None) => self.decide(self.hunk(rest), Decision::Keep),
            ("drop", None) => self.decide(self.hunk(rest), Decision::Drop),
            ("lines", Some((number, lines))) => {
                let line = |text: &str| {
                    let index = text[1..].parse::<usize>().expect("the number of a line") - 1;
                    if text.starts_with('-') {
                        LineId::Removed(index)
                    } else {
                        LineId::Added(index)
                    }
                };
                self.decide(
                    self.hunk(number),
                    Decision::Lines(lines.split(' ').map(line).collect()),
                );
            }
            ("edit", Some((number, text))) => {
                let id = self.hunk(number);
                let seen = self.review.hunk(id).expect("it waits").digest;
                self.review
                    .edit_hunk(id, &quoted(text), seen)
                    .expect("it can be edited");
            }
            ("type", Some((path, texts))) => {
                let (old, new) = texts.split_once("\" \"").expect("two quoted texts");
                self.type_in(path, &quoted(&format!("{old}\"")), &quoted(&format!("\"{new}")));
            }
            _ => panic!("`{line}` cannot be read"),
        }
    }

    /// The user replaces the first `old` of a file and saves.
    fn type_in(&mut self, path: &str, old: &str, new: &str) {
        let path = WorkspacePath::parse(path).expect("a plain path");
        let Live { authority, file } = self.live(&path);
        let Some((Content::Text { text, format }, mode)) = file else {
            panic!("`{path}` is not text");
        };
        let content = Content::Text {
            text: text.replacen(old, new, 1).into(),
            format,
        };
        let bytes = content.encode().expect("it can be written");
        self.memory
            .write_atomic(&Path::new("/project").join(path.as_str()), &bytes)
            .expect("written");
        self.review.set_live(
            &path,
            Live {
                authority,
                file: Some((content, mode)),
            },
        );
    }

    fn report(&self) -> String {
        let number = |id: &HunkId| {
            let place = self
                .review
                .hunks()
                .position(|view| view.id == *id)
                .expect("it waits");
            (place + 1).to_string()
        };
        let numbers = |ids: &[HunkId]| ids.iter().map(number).collect::<Vec<_>>().join(", ");
        let mut report = String::new();
        for (index, view) in self.review.hunks().enumerate() {
            report += &format!(
                "{} {}: {:?}, {:?}\n",
                index + 1,
                view.file.path(),
                view.status,
                view.decision
            );
            match view.part {
                Part::Whole(operation) => report += &format!("  {:?}\n", operation.kind()),
                Part::Text(hunk) => {
                    let mine = hunk.mine(view.file.text().live());
                    let shown = |mark: &str, text: &str| {
                        text.split_inclusive('\n')
                            .map(|line| format!("  {mark}{}\n", line.escape_debug()))
                            .collect::<String>()
                    };
                    report += &shown("-", hunk.base());
                    if mine != hunk.base() {
                        report += &shown("!", mine);
                    }
                    report += &shown("+", hunk.proposed());
                }
            }
        }
        for group in self.review.groups() {
            let what = match group.likeness {
                Likeness::Rename { from, to } => format!("`{from}` becomes `{to}`"),
                Likeness::Same { .. } => "the same".to_owned(),
            };
            report += &format!("alike, {what}: {}\n", numbers(&group.hunks));
        }
        for (links, how) in [
            (self.review.links(), "together"),
            (self.review.torn_links(), "torn"),
        ] {
            for link in links {
                let why = match link.tie {
                    Tie::Brings(word) => format!("`{word}` is new"),
                    Tie::Removes(word) => format!("`{word}` goes"),
                    Tie::Brackets => "brackets".to_owned(),
                };
                report += &format!("{how}, {why}: {}\n", numbers(&link.hunks));
            }
        }
        report
    }

    fn apply(&mut self) {
        let plan = self.review.plan().expect("it can be carried out");
        self.writer()
            .apply(plan.writes(), About::default())
            .expect("applied");
        self.review.applied(&plan);
    }

    fn take_back(&self, undo: bool) {
        let steps = self.writer().steps().expect("read");
        let step = if undo {
            next_undo(&steps)
        } else {
            next_redo(&steps)
        }
        .expect("there is one");
        let writer = self.writer();
        let back = writer
            .take_back(&[step], None, |path| writer.live_on_disk(path))
            .expect("found");
        assert_eq!(back.conflicts, []);
        writer
            .apply(
                back.writes,
                About {
                    takes_back: vec![step],
                    ..About::default()
                },
            )
            .expect("applied");
    }
}

/// A text in quotes with `\n`, `\r`, `\t` and `\"` escaped.
fn quoted(text: &str) -> String {
    let inner = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .expect("a quoted text");
    inner
        .replace("\\n", "\n")
        .replace("\\r", "\r")
        .replace("\\t", "\t")
        .replace("\\\"", "\"")
}

fn check(folder: &Path) {
    let host = RealHost::new();
    let text = |name: &str| host.read_text(&folder.join(name)).expect("the case has it");
    let input = files_of_case(&folder.join("input"));
    let expected = files_of_case(&folder.join("expected"));
    let mut case = Case::new(&input);
    let decisions = text("decisions.txt");
    let proposed = case.propose(&host.read(&folder.join("proposal.diff")).expect("the case has it"));
    if let Some(message) = decisions.strip_prefix("refused: ") {
        assert_eq!(proposed, Err(message.trim_end().to_owned()));
        assert_eq!(case.now(), expected);
        return;
    }
    assert_eq!(proposed, Ok(()));
    assert_eq!(case.now(), input, "a proposal must change nothing");
    decisions.lines().for_each(|line| case.run(line));
    expect_file![folder.join("report.txt")].assert_eq(&case.report());
    let typed = case.now();
    case.apply();
    assert_eq!(case.now(), expected);
    if typed != expected {
        case.take_back(true);
        assert_eq!(case.now(), typed, "undo");
        case.take_back(false);
        assert_eq!(case.now(), expected, "redo");
    }
}

#[test]
fn every_case_comes_out_as_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/changes");
    let host = RealHost::new();
    let folders = host.list(&root).expect("the cases are there");
    let cases: Vec<_> = folders
        .iter()
        .filter(|entry| entry.kind == Kind::Folder)
        .collect();
    assert!(!cases.is_empty());
    for entry in &cases {
        println!("{}", entry.name);
        check(&root.join(&entry.name));
    }
    println!("{} cases", cases.len());
}
