//! Applying to a disk that fails: at every write there is, once and for good.

use std::path::{Path, PathBuf};

use changes::{About, ApplyError, WorkspacePath, Write, Writer};
use host::{Files, MemoryHost, Tree, Trees};

const ROOT: &str = "/project";

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::parse(text).expect("a plain path")
}

fn write(at: &str, before: Option<&str>, after: Option<&str>) -> Write {
    let file = |text: &str| (text.as_bytes().to_vec(), 0o644);
    Write {
        path: path(at),
        before: before.map(file),
        after: after.map(file),
        in_editor: false,
    }
}

/// A world with a few files.
fn world() -> MemoryHost {
    let host = MemoryHost::new();
    for folder in ["/project/src", "/state"] {
        host.create_folder(Path::new(folder)).expect("made");
    }
    for (name, text) in [
        ("changed", "old"),
        ("src/deleted", "gone soon"),
        ("src/moved", "moves"),
        ("other", "stays"),
    ] {
        host.write_atomic(&Path::new(ROOT).join(name), text.as_bytes())
            .expect("written");
    }
    host
}

fn writes() -> Vec<Write> {
    vec![
        write("changed", Some("old"), Some("new")),
        write("src/deleted", Some("gone soon"), None),
        write("src/moved", Some("moves"), None),
        write("lib/deep/moved", None, Some("moves on")),
        write("made", None, Some("")),
    ]
}

/// Every file and folder of the workspace, with what it holds.
fn snapshot(host: &MemoryHost) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(ROOT)];
    while let Some(folder) = folders.pop() {
        for entry in host.list(&folder).expect("listed") {
            let path = folder.join(entry.name);
            if entry.kind == host::Kind::Folder {
                folders.push(path.clone());
                found.push((path, None));
            } else {
                found.push((path.clone(), host.read(&path).ok()));
            }
        }
    }
    found.sort();
    found
}

fn tree(host: &MemoryHost) -> Box<dyn Tree> {
    host.open_tree(Path::new(ROOT)).expect("opened")
}

fn apply(host: &MemoryHost) -> Result<(), ApplyError> {
    let tree = tree(host);
    Writer::new(host, &*tree, PathBuf::from("/state"))
        .apply(writes(), About::default())
        .map(drop)
}

fn recover(host: &MemoryHost) {
    let tree = tree(host);
    let recovered = Writer::new(host, &*tree, PathBuf::from("/state"))
        .recover()
        .expect("recovered");
    assert!(recovered.iter().all(|recovered| recovered.left.is_empty()));
}

fn after() -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let host = world();
    apply(&host).expect("applied");
    snapshot(&host)
}

#[test]
fn everything_is_written() {
    let shown: Vec<String> = after()
        .iter()
        .map(|(path, bytes)| match bytes {
            Some(bytes) => format!("{} {:?}", path.display(), String::from_utf8_lossy(bytes)),
            None => path.display().to_string(),
        })
        .collect();
    expect_test::expect![[r#"
        /project/changed "new"
        /project/lib
        /project/lib/deep
        /project/lib/deep/moved "moves on"
        /project/made ""
        /project/other "stays"
        /project/src"#]]
    .assert_eq(&shown.join("\n"));
}

#[test]
fn a_disk_that_goes_away_at_any_write_leaves_all_or_nothing_after_recovery() {
    let (before, after) = (snapshot(&world()), after());
    let (mut rolled_back, mut done) = (0, 0);
    for n in 1.. {
        let host = world();
        host.fail_from_write(Some(n));
        let result = apply(&host);
        if result.is_ok() && host.writes() < n + world().writes() {
            break;
        }
        host.fail_from_write(None);
        recover(&host);
        let now = snapshot(&host);
        if now == before {
            rolled_back += 1;
        } else {
            assert_eq!(now, after, "write {n}: {result:?}");
            done += 1;
        }
        recover(&host);
        assert_eq!(snapshot(&host), now, "recovering again changes nothing");
    }
    println!(
        "died at each of {} writes: {rolled_back} taken back, {done} done",
        rolled_back + done
    );
    assert!(rolled_back > 20 && done > 0);
}

#[test]
fn recovery_may_be_cut_short_at_any_write_too() {
    let (before, after) = (snapshot(&world()), after());
    let mut deaths = 0;
    for n in 1.. {
        let host = world();
        host.fail_from_write(Some(n));
        if apply(&host).is_ok() && host.writes() < n + world().writes() {
            break;
        }
        for k in 1.. {
            host.fail_from_write(Some(k));
            let tree = tree(&host);
            let result = Writer::new(&host, &*tree, PathBuf::from("/state")).recover();
            host.fail_from_write(None);
            if result.is_ok() {
                break;
            }
            deaths += 1;
        }
        recover(&host);
        let now = snapshot(&host);
        assert!(now == before || now == after, "write {n}");
    }
    println!("died {deaths} times while recovering");
}

#[test]
fn a_single_failed_write_changes_nothing_or_does_it_all() {
    let (before, after) = (snapshot(&world()), after());
    let mut refused = 0;
    for n in 1.. {
        let host = world();
        host.fail_at_write(n);
        let result = apply(&host);
        if result.is_ok() && host.writes() < n + world().writes() {
            break;
        }
        recover(&host);
        let expected = if result.is_ok() { &after } else { &before };
        assert_eq!(&snapshot(&host), expected, "write {n}: {result:?}");
        refused += usize::from(result.is_err());
    }
    println!("{refused} writes failed by themselves, each left everything as it was");
}

#[test]
fn a_stale_file_stops_everything() {
    for (name, text) in [
        ("changed", "somebody was here"),
        ("made", "already there"),
        ("lib", "a file"),
    ] {
        let host = world();
        host.write_atomic(&Path::new(ROOT).join(name), text.as_bytes())
            .expect("written");
        let before = snapshot(&host);
        let error = apply(&host).expect_err("refused");
        assert!(
            matches!(error, ApplyError::Stale(_) | ApplyError::NotAFile(_)),
            "{error:?}"
        );
        assert_eq!(snapshot(&host), before, "{name}");
    }
}

#[test]
fn a_write_between_the_check_and_the_act_is_not_lost() {
    for name in ["changed", "src/deleted"] {
        let host = world();
        let tree = tree(&host);
        let writer = Writer::new(&host, &*tree, PathBuf::from("/state"));
        let transaction = writer.begin(writes(), About::default()).expect("begun");
        host.write_atomic(&Path::new(ROOT).join(name), b"typed just now")
            .expect("written");
        let before = snapshot(&host);
        assert!(matches!(transaction.write(), Err(ApplyError::Stale(stale)) if stale == path(name)));
        transaction.abort().expect("aborted");
        assert_eq!(snapshot(&host), before);
    }
}

#[test]
fn what_was_written_after_a_crash_is_left_alone() {
    let host = world();
    let tree = tree(&host);
    let writer = Writer::new(&host, &*tree, PathBuf::from("/state"));
    let transaction = writer.begin(writes(), About::default()).expect("begun");
    transaction.write().expect("written");
    // The program dies here, and the user goes on with one of the files.
    drop(transaction);
    host.write_atomic(&Path::new(ROOT).join("changed"), b"new and more")
        .expect("written");
    let recovered = writer.recover().expect("recovered");
    assert_eq!(recovered.len(), 1);
    assert_eq!(recovered[0].left, [path("changed")]);
    assert_eq!(
        host.read_text(&Path::new(ROOT).join("changed")).expect("read"),
        "new and more"
    );
    assert_eq!(
        host.read_text(&Path::new(ROOT).join("src/moved")).expect("read"),
        "moves"
    );
}

#[test]
fn two_windows_do_not_write_at_once() {
    let host = world();
    let tree = tree(&host);
    let writer = Writer::new(&host, &*tree, PathBuf::from("/state"));
    let transaction = writer.begin(writes(), About::default()).expect("begun");
    assert!(matches!(apply(&host), Err(ApplyError::Busy)));
    transaction.abort().expect("aborted");
    apply(&host).expect("applied");
}
