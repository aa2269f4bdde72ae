//! Going back and forward: by step, by run, by hunk, over what the user did since, and after a restart.

use std::path::{Path, PathBuf};

use changes::{
    About, Content, StepHunk, StepId, TakeBack, WorkspacePath, Write, Writer, next_redo, next_undo, undoable,
};
use host::{Files, MemoryHost, Tree, Trees};

struct Workspace {
    host: MemoryHost,
    tree: Box<dyn Tree>,
}

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::parse(text).expect("a plain path")
}

impl Workspace {
    fn new(files: &[(&str, &str)]) -> Self {
        let host = MemoryHost::new();
        host.create_folder(Path::new("/project")).expect("made");
        let tree = host.open_tree(Path::new("/project")).expect("opened");
        let workspace = Self { host, tree };
        files.iter().for_each(|(name, text)| workspace.put(name, text));
        workspace
    }

    fn put(&self, name: &str, text: &str) {
        self.host
            .write_atomic(&Path::new("/project").join(name), text.as_bytes())
            .expect("written");
    }

    fn text(&self, name: &str) -> Option<String> {
        self.host.read_text(&Path::new("/project").join(name)).ok()
    }

    /// Each use is a new start of the program: only what lies in the state folder is known.
    fn writer(&self) -> Writer<'_> {
        Writer::new(&self.host, &*self.tree, PathBuf::from("/state"))
    }

    fn apply(&self, run: &str, changes: &[(&str, Option<&str>)]) -> StepId {
        let file = |text: &str| (text.as_bytes().to_vec(), 0o644);
        let writes = changes.iter().map(|(name, after)| Write {
            path: path(name),
            before: self.text(name).as_deref().map(file),
            after: after.map(file),
            in_editor: false,
        });
        let about = About {
            run: run.to_owned(),
            ..About::default()
        };
        self.writer().apply(writes.collect(), about).expect("applied").id
    }

    fn find_back(&self, steps: &[StepId], only: Option<&StepHunk>) -> TakeBack {
        let writer = self.writer();
        writer
            .take_back(steps, only, |path| writer.live_on_disk(path))
            .expect("found")
    }

    fn take_back(&self, steps: &[StepId]) -> StepId {
        let back = self.find_back(steps, None);
        assert_eq!(back.conflicts, []);
        let about = About {
            takes_back: steps.to_vec(),
            ..About::default()
        };
        self.writer().apply(back.writes, about).expect("applied").id
    }

    fn take_hunk_back(&self, step: StepId, name: &str, index: usize) -> StepId {
        let back = self.find_back(&[step], Some(&hunk(name, index)));
        assert_eq!(back.conflicts, []);
        let about = About {
            takes_back: vec![step],
            part: back.part,
            ..About::default()
        };
        self.writer().apply(back.writes, about).expect("applied").id
    }

    fn undo(&self) {
        self.take_back(&[next_undo(&self.writer().steps().expect("read")).expect("something to undo")]);
    }

    fn redo(&self) {
        self.take_back(&[next_redo(&self.writer().steps().expect("read")).expect("something to redo")]);
    }
}

fn hunk(name: &str, index: usize) -> StepHunk {
    StepHunk {
        path: path(name),
        index,
    }
}

#[test]
fn undo_and_redo_walk_through_the_steps() {
    let workspace = Workspace::new(&[("a", "0\n"), ("big", &"x".repeat(3_000_000))]);
    workspace.apply("one", &[("a", Some("1\n")), ("big", Some("y"))]);
    workspace.apply("one", &[("a", Some("2\n")), ("new", Some("n"))]);
    workspace.apply("two", &[("a", None)]);
    let texts = || {
        ["a", "new", "big"].map(|name| {
            workspace
                .text(name)
                .map(|text| text.chars().take(3).collect::<String>())
        })
    };
    let some = |text: &str| Some(text.to_owned());
    workspace.undo();
    assert_eq!(texts(), [some("2\n"), some("n"), some("y")]);
    workspace.undo();
    assert_eq!(texts(), [some("1\n"), None, some("y")]);
    workspace.redo();
    workspace.redo();
    assert_eq!(texts(), [None, some("n"), some("y")]);
    assert_eq!(next_redo(&workspace.writer().steps().expect("read")), None);
    workspace.undo();
    workspace.undo();
    workspace.undo();
    assert_eq!(texts(), [some("0\n"), None, some("xxx")]);
    assert_eq!(next_undo(&workspace.writer().steps().expect("read")), None);
    workspace.apply("three", &[("b", Some("b"))]);
    assert_eq!(
        next_redo(&workspace.writer().steps().expect("read")),
        None,
        "something else was done since"
    );
}

#[test]
fn a_run_is_taken_back_as_a_whole_and_that_can_be_taken_back() {
    let workspace = Workspace::new(&[("a", "0\n")]);
    workspace.apply("one", &[("b", Some("from one\n"))]);
    workspace.apply("two", &[("a", Some("1\n"))]);
    workspace.apply("two", &[("a", Some("2\n")), ("c", Some("c"))]);
    let run = undoable(&workspace.writer().steps().expect("read"), |step| {
        step.about.run == "two"
    });
    let undo = workspace.take_back(&run);
    assert_eq!(
        [workspace.text("a"), workspace.text("b"), workspace.text("c")],
        [Some("0\n".into()), Some("from one\n".into()), None]
    );
    workspace.take_back(&[undo]);
    assert_eq!(
        [workspace.text("a"), workspace.text("c")],
        [Some("2\n".into()), Some("c".into())]
    );
}

#[test]
fn what_the_user_did_since_is_merged() {
    let workspace = Workspace::new(&[("a", "one\ntwo\nthree\nfour\n")]);
    workspace.apply("", &[("a", Some("ONE\ntwo\nthree\nFOUR\n"))]);
    workspace.put("a", "ONE\ntwo\nand a half\nthree\nFOUR\n");
    workspace.undo();
    assert_eq!(
        workspace.text("a").as_deref(),
        Some("one\ntwo\nand a half\nthree\nfour\n")
    );
    workspace.redo();
    assert_eq!(
        workspace.text("a").as_deref(),
        Some("ONE\ntwo\nand a half\nthree\nFOUR\n")
    );
}

#[test]
fn what_the_user_did_in_the_same_place_is_a_conflict_and_stays() {
    let workspace = Workspace::new(&[("a", "one\ntwo\n")]);
    let changed = workspace.apply("", &[("a", Some("ONE\ntwo\n")), ("made", Some("made\n"))]);
    workspace.put("a", "ONE and only\ntwo\n");
    workspace.put("made", "made and used\n");
    let back = workspace.find_back(&[changed], None);
    assert_eq!(back.writes, []);
    let mut conflicts = back.conflicts;
    conflicts.sort_by(|left, right| left.path.cmp(&right.path));
    assert_eq!(conflicts.len(), 2);
    assert_eq!(
        (conflicts[0].seen.clone(), conflicts[0].content.clone()),
        (
            Some(Content::new_text("ONE\ntwo\n")),
            Some(Content::new_text("one\ntwo\n"))
        )
    );
    assert_eq!(
        (conflicts[1].path.as_str(), &conflicts[1].content),
        ("made", &None)
    );
    // The conflicts can be put up for review, where they show both texts.
    let mut review = changes::Review::default();
    let info = changes::ChangeInfo {
        title: "Undo".to_owned(),
        origin: "the user".to_owned(),
        ..changes::ChangeInfo::default()
    };
    let writer = workspace.writer();
    review
        .propose(
            changes::Proposal {
                info,
                files: conflicts,
            },
            |path| writer.live_on_disk(path).expect("read"),
        )
        .expect("proposed");
    assert!(
        review
            .hunks()
            .all(|view| view.status == changes::Status::Conflict)
    );
    assert_eq!(review.hunks().count(), 2);
}

#[test]
fn one_hunk_is_taken_back_by_itself() {
    let workspace = Workspace::new(&[("a", "one\ntwo\nthree\nfour\n")]);
    let changed = workspace.apply("", &[("a", Some("ONE\ntwo\nthree\nFOUR\n")), ("b", Some("b"))]);
    workspace.take_hunk_back(changed, "a", 1);
    assert_eq!(workspace.text("a").as_deref(), Some("ONE\ntwo\nthree\nfour\n"));
    assert_eq!(workspace.text("b").as_deref(), Some("b"));
    // The rest of the step still stands, and goes by itself; a file that was made is a hunk of its own.
    workspace.take_hunk_back(changed, "b", 0);
    assert_eq!(workspace.text("b"), None);
    workspace.undo();
    assert_eq!(workspace.text("a").as_deref(), Some("one\ntwo\nthree\nfour\n"));
    assert_eq!(next_undo(&workspace.writer().steps().expect("read")), None);
    for index in [2, 9] {
        let only = hunk("a", index);
        let writer = workspace.writer();
        let refused = writer.take_back(&[changed], Some(&only), |path| writer.live_on_disk(path));
        let message = refused.expect_err("there is none").to_string();
        assert_eq!(message, "step 1 has 2 hunks in `a`, and no other");
    }
}

/// What a user does one after the other to a step of three hunks.
#[derive(Debug, Clone, Copy)]
enum Act {
    UndoHunk(usize),
    Undo,
    Redo,
}

#[test]
fn hunks_and_steps_are_taken_back_and_done_again_in_any_order() {
    let acts = [
        Act::UndoHunk(0),
        Act::UndoHunk(1),
        Act::UndoHunk(2),
        Act::Undo,
        Act::Redo,
    ];
    let shown = |hunks: [bool; 3]| {
        let line = |at: usize| {
            if hunks[at] {
                ["A", "C", "E"][at]
            } else {
                ["a", "c", "e"][at]
            }
        };
        format!("{}\nb\n{}\nd\n{}\n", line(0), line(1), line(2))
    };
    for sequence in 0..5_usize.pow(5) {
        let workspace = Workspace::new(&[("f", &shown([false; 3]))]);
        let step = workspace.apply("", &[("f", Some(&shown([true; 3])))]);
        let (mut stands, mut undone) = ([true; 3], Vec::new());
        let mut rest = sequence;
        let mut played = Vec::new();
        for _ in 0..5 {
            let act = acts[rest % 5];
            rest /= 5;
            played.push(act);
            match act {
                Act::UndoHunk(at) if stands[at] => {
                    undone.push(stands);
                    stands[at] = false;
                    workspace.take_hunk_back(step, "f", at);
                }
                Act::UndoHunk(at) => {
                    let back = workspace.find_back(&[step], Some(&hunk("f", at)));
                    assert_eq!((back.writes, back.conflicts), (vec![], vec![]), "{played:?}");
                }
                Act::Undo if stands == [false; 3] => {
                    let steps = workspace.writer().steps().expect("read");
                    assert_eq!(next_undo(&steps), None, "{played:?}");
                }
                Act::Undo => {
                    undone.push(stands);
                    stands = [false; 3];
                    workspace.undo();
                }
                Act::Redo => match undone.pop() {
                    Some(before) => {
                        stands = before;
                        workspace.redo();
                    }
                    None => {
                        let steps = workspace.writer().steps().expect("read");
                        assert_eq!(next_redo(&steps), None, "{played:?}");
                    }
                },
            }
            assert_eq!(workspace.text("f"), Some(shown(stands)), "{played:?}");
        }
    }
}

#[test]
fn bytes_that_are_no_text_come_back() {
    let workspace = Workspace::new(&[]);
    let host = &workspace.host;
    let file = Path::new("/project/image");
    host.write_atomic(file, b"\x89PNG\0\xff").expect("written");
    let write = Write {
        path: path("image"),
        before: Some((b"\x89PNG\0\xff".to_vec(), 0o644)),
        after: Some((b"\x89PNG\0\x00".to_vec(), 0o600)),
        in_editor: false,
    };
    workspace
        .writer()
        .apply(vec![write], About::default())
        .expect("applied");
    assert_eq!(host.read(file).expect("read"), b"\x89PNG\0\x00");
    workspace.undo();
    assert_eq!(host.read(file).expect("read"), b"\x89PNG\0\xff");
    assert_eq!(
        workspace.tree.look("image").expect("looked").expect("there").mode,
        0o644
    );
}
