//! Applying on a real disk, where links lie in the way and others move folders about meanwhile.
//!
//! `FREEHOLD_SWAPS` says how many applies race against a folder that turns into a link.

#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use changes::{About, ApplyError, WorkspacePath, Write, Writer};
use host::{Environment, Files, RealHost, Trees};
use rustix::fs::{CWD, RenameFlags, renameat_with, symlink};

const SWAPS: usize = 30;

fn write(path: &str, before: Option<&str>, after: Option<&str>) -> Write {
    let file = |text: &str| (text.as_bytes().to_vec(), 0o644);
    let path = WorkspacePath::parse(path).expect("a plain path");
    Write {
        path,
        before: before.map(file),
        after: after.map(file),
        in_editor: false,
    }
}

struct Place {
    host: RealHost,
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let (host, folder) = (
            RealHost::new(),
            tempfile::tempdir().expect("a folder for the test"),
        );
        for name in ["work/docs", "outside", "state"] {
            host.create_folder(&folder.path().join(name)).expect("made");
        }
        Self { host, folder }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn apply(&self, writes: Vec<Write>) -> Result<(), ApplyError> {
        let tree = self.host.open_tree(&self.at("work"))?;
        Writer::new(&self.host, &*tree, self.at("state"))
            .apply(writes, About::default())
            .map(drop)
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = self.host.list(&self.at(folder)).expect("listed");
        entries.into_iter().map(|entry| entry.name).collect()
    }
}

#[test]
fn files_are_made_changed_moved_and_deleted() {
    let place = Place::new();
    place
        .apply(vec![
            write("a", None, Some("one")),
            write("docs/deep/b", None, Some("two")),
        ])
        .expect("applied");
    place
        .apply(vec![
            write("a", Some("one"), Some("1")),
            write("docs/deep/b", Some("two"), None),
            write("c", None, Some("two")),
        ])
        .expect("applied");
    assert_eq!(place.names("work"), ["a", "c", "docs"]);
    assert_eq!(place.host.read_text(&place.at("work/a")).expect("read"), "1");
    assert_eq!(place.names("work/docs/deep"), [] as [&str; 0]);
}

#[test]
fn links_are_not_written_through() {
    let place = Place::new();
    place
        .host
        .write_atomic(&place.at("outside/secret"), b"secret")
        .expect("written");
    symlink(place.at("outside/secret"), place.at("work/file")).expect("linked");
    symlink(place.at("outside"), place.at("work/way")).expect("linked");
    symlink("docs", place.at("work/alias")).expect("linked");
    symlink(place.at("outside/new"), place.at("work/dangling")).expect("linked");
    let refused = [
        write("file", Some("secret"), Some("mine")),
        write("file", Some("secret"), None),
        write("way/secret", Some("secret"), Some("mine")),
        write("way/new", None, Some("mine")),
        write("alias/new", None, Some("mine")),
        write("dangling", None, Some("mine")),
        write("docs", None, Some("mine")),
    ];
    for write in refused {
        let path = write.path.clone();
        assert!(place.apply(vec![write]).is_err(), "{path} was written");
    }
    assert_eq!(place.names("outside"), ["secret"]);
    assert_eq!(
        place.host.read_text(&place.at("outside/secret")).expect("read"),
        "secret"
    );
    assert_eq!(place.names("work"), ["alias", "dangling", "docs", "file", "way"]);
}

#[test]
fn a_folder_that_turns_into_a_link_leads_nothing_out() {
    let place = Place::new();
    symlink(place.at("outside"), place.at("work/link")).expect("linked");
    let swaps = place
        .host
        .variable("FREEHOLD_SWAPS")
        .and_then(|text| text.parse().ok())
        .unwrap_or(SWAPS);
    let (docs, link, done) = (
        place.at("work/docs"),
        place.at("work/link"),
        AtomicBool::new(false),
    );
    let exchange = |one: &Path, other: &Path| renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE);
    let (mut applied, mut refused) = (Vec::new(), 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 0_u64.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                exchange(&docs, &link).expect("exchanged");
                // Sometimes an apply has the time that it takes, mostly it has not.
                (0..(turn * 7919) % 4_000_000).for_each(|_| std::hint::spin_loop());
            }
        });
        for number in 0..swaps {
            let name = format!("docs/file{number}");
            match place.apply(vec![write(&name, None, Some("mine"))]) {
                Ok(()) => applied.push(name),
                Err(_) => refused += 1,
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    println!(
        "{swaps} applies against a folder that turns into a link: {} applied, {refused} refused",
        applied.len()
    );
    assert_eq!(
        place.names("outside"),
        [] as [&str; 0],
        "something was written outside"
    );
    // With the folder back in its place, what was left half done is taken back.
    if rustix::fs::readlink(&docs, Vec::new()).is_ok() {
        exchange(&docs, &link).expect("exchanged");
    }
    let tree = place.host.open_tree(&place.at("work")).expect("opened");
    let writer = Writer::new(&place.host, &*tree, place.at("state"));
    writer.recover().expect("recovered");
    let there = |name: &String| place.host.exists(&place.at("work").join(name));
    assert!(applied.iter().all(there), "something that was applied is gone");
    assert_eq!(writer.steps().expect("read").len(), applied.len());
}
