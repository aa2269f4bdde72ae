//! How long it takes and how much it costs, on a real disk; the promises hold for release builds.
//!
//! `FREEHOLD_PROMISES=1 cargo test --release -p changes --test numbers -- --nocapture --test-threads=1` shows all of it;
//! `FREEHOLD_REPOSITORY_FILES=1000000` makes the repository as large as the promise has it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use changes::{
    About, ChangeInfo, Content, Decision, Home, Proposal, ProposedFile, Review, WorkspacePath, Write,
};
use host::{Clock, Environment, Files, RealHost, Tree, Trees};

/// Files of the repository unless something else is asked for.
const REPOSITORY_FILES: usize = 2_000;
const FILES_PER_FOLDER: usize = 1_000;

/// What is measured is measured alone: who waits for the disk waits for others' writes as well.
static TURN: Mutex<()> = Mutex::new(());

struct Place {
    host: RealHost,
    folder: tempfile::TempDir,
    tree: Box<dyn Tree>,
    _turn: MutexGuard<'static, ()>,
}

impl Place {
    fn new() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let (host, folder) = (RealHost::new(), tempfile::tempdir().expect("a folder"));
        let root = folder.path().join("project");
        host.create_folder(&root).expect("made");
        let tree = host.open_tree(&root).expect("opened");
        Self {
            host,
            folder,
            tree,
            _turn: turn,
        }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    fn home(&self) -> Home<'_> {
        let state = self.folder.path().join("state");
        Home::open(&self.host, &state, &self.root()).expect("opened")
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let at = self.root().join(path);
        let folder = at.parent().unwrap_or(Path::new("/"));
        self.host.create_folder(folder).expect("made");
        self.tree.write_new(path, bytes, 0o644, None).expect("written");
    }

    fn time<T>(&self, work: impl FnOnce() -> T) -> (Duration, T) {
        let start = self.host.monotonic();
        let done = work();
        (self.host.monotonic() - start, done)
    }
}

fn percentile_95(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() * 95 / 100]
}

/// Holds a promise if `FREEHOLD_PROMISES` is set: it is made of release builds on a machine that does nothing else.
fn promised(what: &str, time: Duration, at_most_ms: u64) {
    println!(
        "{what}: {:.1} ms (promised {at_most_ms} ms)",
        time.as_secs_f64() * 1e3
    );
    let is_held = RealHost::new().variable("FREEHOLD_PROMISES").is_some();
    assert!(
        !is_held || time <= Duration::from_millis(at_most_ms),
        "{what} takes {time:?}"
    );
}

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::parse(text).expect("a plain path")
}

fn line(number: usize) -> String {
    format!(
        "    let value_{number} = compute({number}, \"{}\");\n",
        number * 7919 % 1000
    )
}

/// A file of 200 lines, and with five places changed.
fn texts(file: usize) -> (String, String) {
    let lines: Vec<String> = (0..200).map(|number| line(file * 200 + number)).collect();
    let mut changed = lines.clone();
    for place in [10, 50, 90, 130, 170] {
        changed[place] = format!("    // {}", lines[place].trim_start());
    }
    (lines.concat(), changed.concat())
}

fn propose(place: &Place, files: &[(String, String, String)]) -> Review {
    let mut review = Review::default();
    let proposed = |(at, before, after): &(String, String, String)| ProposedFile {
        path: path(at),
        seen: Some(Content::new_text(before)),
        content: Some(Content::new_text(after)),
        rename: None,
        mode: None,
    };
    let files = files.iter().map(proposed).collect();
    let info = ChangeInfo::default();
    let home = place.home();
    let writer = home.writer(&*place.tree);
    review
        .propose(Proposal { info, files }, |path| {
            writer.live_on_disk(path).expect("read")
        })
        .expect("proposed");
    review
}

#[test]
fn deciding_one_of_many_hunks_is_quick() {
    let place = Place::new();
    let file = |number: usize| {
        let (before, after) = texts(number);
        (format!("src/file{number}.rs"), before, after)
    };
    let files: Vec<_> = (0..100).map(file).collect();
    for (at, before, _) in &files {
        place.write(at, before.as_bytes());
    }
    let mut review = propose(&place, &files);
    let (home, hunks) = (
        place.home(),
        review.hunks().map(|view| view.id).collect::<Vec<_>>(),
    );
    assert_eq!(hunks.len(), 500);
    home.pending().save(&review).expect("saved");
    let (mut decided, mut kept) = (Vec::new(), Vec::new());
    for id in hunks {
        let (taken, ()) = place.time(|| {
            let seen = review.hunk(id).expect("it waits").digest;
            review.decide(id, Decision::Keep, seen).expect("decided");
        });
        let (saved, ()) = place.time(|| home.pending().save(&review).expect("saved"));
        decided.push(taken);
        kept.push(taken + saved);
    }
    promised("deciding one of 500 hunks, p95", percentile_95(decided), 50);
    promised("the same, kept on the disk, p95", percentile_95(kept), 50);
}

#[test]
fn proposing_five_thousand_lines_is_quick() {
    for (files, lines) in [(1, 5_000), (50, 100)] {
        let place = Place::new();
        let file = |number: usize| {
            let before: String = (0..lines).map(line).collect();
            let after: String = (0..lines).map(|at| line(at + number + 1_000_000)).collect();
            (format!("file{number}.rs"), before, after)
        };
        let files: Vec<_> = (0..files).map(file).collect();
        for (at, before, _) in &files {
            place.write(at, before.as_bytes());
        }
        let (taken, review) = place.time(|| propose(&place, &files));
        let (saved, ()) = place.time(|| place.home().pending().save(&review).expect("saved"));
        let what = format!("proposing 5000 lines in {} files", files.len());
        promised(&what, taken, 200);
        promised(&format!("{what}, kept on the disk"), taken + saved, 200);
    }
}

#[test]
fn a_pre_image_costs_the_same_in_a_large_repository() {
    let place = Place::new();
    let asked = place.host.variable("FREEHOLD_REPOSITORY_FILES");
    let count = asked
        .and_then(|text| text.parse().ok())
        .unwrap_or(REPOSITORY_FILES);
    let at = |number: usize| format!("folder{}/file{number}.rs", number / FILES_PER_FOLDER);
    for number in 0..count {
        let name = place.root().join(at(number));
        if number.is_multiple_of(FILES_PER_FOLDER) {
            let folder = name.parent().expect("a folder");
            place.host.create_folder(folder).expect("made");
        }
        // Made without being synced, or a million would take hours.
        let mut file = place.host.open_append(&name).expect("made");
        file.write_all(texts(number).0.as_bytes()).expect("written");
    }
    let home = place.home();
    let writer = home.writer(&*place.tree);
    let mut times = Vec::new();
    for turn in 0..200 {
        let number = turn * 7919 % count;
        let (before, after) = texts(number);
        let file = |text: String| Some((text.into_bytes(), 0o644));
        let mode = place.tree.look(&at(number)).expect("looked").expect("there").mode;
        let write = Write {
            path: path(&at(number)),
            before: file(before).map(|(bytes, _)| (bytes, mode)),
            after: file(after),
            in_editor: false,
        };
        let (taken, transaction) = place.time(|| writer.begin(vec![write], About::default()).expect("begun"));
        transaction.abort().expect("aborted");
        times.push(taken);
    }
    let what = format!("putting a pre-image and an intent on record among {count} files, p95");
    promised(&what, percentile_95(times), 20);
}

type BeforeAndAfter = (Vec<u8>, Vec<u8>);

/// Bytes that do not compress.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..length).map(|_| byte()).collect()
}

#[test]
fn the_store_holds_little_more_than_what_was_changed() {
    let code = |number| texts(number).0.repeat(8).into_bytes();
    let mut small = (0..200)
        .map(|number| format!("{number}\n").into_bytes())
        .map(|bytes| (bytes.clone(), [bytes, b"more\n".to_vec()].concat()));
    let kinds: [(&str, Vec<BeforeAndAfter>); 4] = [
        ("small texts", small.by_ref().collect()),
        (
            "code",
            (0..50)
                .map(|number| (code(number), texts(number).1.repeat(8).into_bytes()))
                .collect(),
        ),
        (
            "a large text",
            vec![(code(1).repeat(100), [code(1).repeat(100), code(2)].concat())],
        ),
        ("large noise", vec![(noise(8 << 20, 1), noise(8 << 20, 2))]),
    ];
    for (what, files) in kinds {
        let place = Place::new();
        let (mut writes, mut changed) = (Vec::new(), 0);
        for (number, (before, after)) in files.into_iter().enumerate() {
            let at = format!("file{number}");
            place.write(&at, &before);
            changed += before.len() + after.len();
            writes.push(Write {
                path: path(&at),
                before: Some((before, 0o644)),
                after: Some((after, 0o644)),
                in_editor: false,
            });
        }
        let home = place.home();
        let writer = home.writer(&*place.tree);
        writer.apply(writes, About::default()).expect("applied");
        let bytes = home.store().bytes().expect("measured");
        let ratio = bytes as f64 / changed as f64;
        println!("{what}: {bytes} bytes kept for {changed} bytes before and after, {ratio:.3} times");
        assert!(ratio <= 1.2, "{what} takes {ratio} times its bytes");
    }
}
