//! What every world keeps to: each case runs on the real one, in a folder of its own, and in memory.

use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use host::{Clock, Entry, Files, Host, Kind, MemoryHost, RealHost};

/// Runs each case in an empty folder of either world.
macro_rules! conformance {
    ($($case:ident)+) => { $(
        mod $case {
            #[test]
            fn real() {
                let folder = tempfile::tempdir().expect("a folder for the test");
                super::$case(&super::RealHost::new(), folder.path());
            }

            #[test]
            fn in_memory() {
                super::$case(&super::MemoryHost::new(), super::Path::new("/"));
            }
        }
    )+ };
}

conformance! {
    what_is_written_is_read
    a_place_has_one_canonical_path
    a_range_ends_at_the_end_of_the_file
    an_open_file_is_read_from_any_place
    an_atomic_write_replaces_all_of_a_file
    an_atomic_write_needs_a_folder_to_write_in
    appending_goes_on_where_the_file_ends
    a_file_is_cut_but_never_made_longer
    a_rename_replaces_what_lies_there
    removing_takes_away_files_and_folders
    a_folder_lists_what_lies_in_it_by_name
    making_a_folder_makes_those_above_it
    a_private_folder_is_made_once_and_found_again
    a_hard_link_is_a_second_name_of_one_file
    a_copy_is_a_file_of_its_own
    a_lock_has_one_holder_at_a_time
    missing_things_are_told_apart
    the_disk_has_room
    the_clock_does_not_go_back
    the_machine_has_cores_and_memory
}

fn what_is_written_is_read(host: &dyn Host, root: &Path) {
    let file = root.join("a.txt");
    host.write_atomic(&file, "grüße\r\n".as_bytes()).expect("written");
    assert_eq!(host.read_text(&file).expect("read"), "grüße\r\n");
    let metadata = host.metadata(&file).expect("there");
    assert_eq!((metadata.kind, metadata.bytes), (Kind::File, 9));
    assert!(metadata.modified.is_some());
    host.write_atomic(&file, b"\xff").expect("written");
    assert_eq!(host.read(&file).expect("read"), b"\xff");
    assert_eq!(
        host.read_text(&file).expect_err("no text").kind(),
        ErrorKind::InvalidData
    );
}

fn a_place_has_one_canonical_path(host: &dyn Host, root: &Path) {
    host.create_folder(&root.join("one/two")).expect("made");
    host.write_atomic(&root.join("one/file"), b"").expect("written");
    let plain = host.canonical(&root.join("one/file")).expect("found");
    assert!(plain.is_absolute());
    let around = root.join("one/two/./../file");
    assert_eq!(host.canonical(&around).expect("found"), plain);
    assert_eq!(host.canonical(&plain).expect("found"), plain);
    let missing = host.canonical(&root.join("one/nothing")).expect_err("missing");
    assert!(missing.is_not_found());
}

fn a_range_ends_at_the_end_of_the_file(host: &dyn Host, root: &Path) {
    let file = root.join("a");
    host.write_atomic(&file, b"0123456789").expect("written");
    let range = |offset, length| host.read_range(&file, offset, length).expect("read");
    assert_eq!(range(2, 3), b"234");
    assert_eq!(range(8, 5), b"89");
    assert_eq!(range(10, 1), b"");
    assert_eq!(range(99, 1), b"");
}

fn an_open_file_is_read_from_any_place(host: &dyn Host, root: &Path) {
    let file = root.join("a");
    host.write_atomic(&file, b"0123456789").expect("written");
    let mut open = host.open(&file).expect("opened");
    open.seek(SeekFrom::End(-3)).expect("sought");
    let mut text = String::new();
    open.read_to_string(&mut text).expect("read");
    assert_eq!(text, "789");
}

fn an_atomic_write_replaces_all_of_a_file(host: &dyn Host, root: &Path) {
    let file = root.join("a");
    host.write_atomic(&file, b"a long text").expect("written");
    host.write_atomic(&file, b"short").expect("written");
    assert_eq!(host.read(&file).expect("read"), b"short");
    assert_eq!(names(host, root), ["a"], "nothing is left over");
}

fn an_atomic_write_needs_a_folder_to_write_in(host: &dyn Host, root: &Path) {
    let error = host
        .write_atomic(&root.join("none/a"), b"x")
        .expect_err("no folder");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.path(), root.join("none/a"));
    host.create_folder(&root.join("folder")).expect("made");
    let error = host
        .write_atomic(&root.join("folder"), b"x")
        .expect_err("a folder lies there");
    assert_eq!(error.kind(), ErrorKind::IsADirectory);
}

fn appending_goes_on_where_the_file_ends(host: &dyn Host, root: &Path) {
    let file = root.join("a");
    for piece in [b"one".as_slice(), b"two"] {
        let mut open = host.open_append(&file).expect("opened");
        open.write_all(piece).expect("written");
        open.sync().expect("synced");
    }
    assert_eq!(host.read(&file).expect("read"), b"onetwo");
}

fn a_file_is_cut_but_never_made_longer(host: &dyn Host, root: &Path) {
    let file = root.join("a");
    host.write_atomic(&file, b"onetwo").expect("written");
    host.truncate(&file, 3).expect("cut");
    assert_eq!(host.read(&file).expect("read"), b"one");
    assert_eq!(
        host.truncate(&file, 4).expect_err("too short").kind(),
        ErrorKind::InvalidInput
    );
    assert!(
        host.truncate(&root.join("none"), 0)
            .expect_err("not there")
            .is_not_found()
    );
}

fn a_rename_replaces_what_lies_there(host: &dyn Host, root: &Path) {
    let (from, to) = (root.join("from"), root.join("to"));
    host.write_atomic(&from, b"new").expect("written");
    host.write_atomic(&to, b"old").expect("written");
    host.rename(&from, &to).expect("renamed");
    assert_eq!(host.read(&to).expect("read"), b"new");
    assert_eq!(names(host, root), ["to"]);
    assert!(host.rename(&from, &to).expect_err("gone").is_not_found());
}

fn removing_takes_away_files_and_folders(host: &dyn Host, root: &Path) {
    host.create_folder(&root.join("b/c")).expect("made");
    host.write_atomic(&root.join("b/c/d"), b"x").expect("written");
    host.remove_file(&root.join("b/c/d")).expect("removed");
    assert!(
        host.remove_file(&root.join("b/c/d"))
            .expect_err("gone")
            .is_not_found()
    );
    host.write_atomic(&root.join("b/c/e"), b"x").expect("written");
    host.remove_folder(&root.join("b")).expect("removed");
    assert_eq!(names(host, root), Vec::<String>::new());
}

fn a_folder_lists_what_lies_in_it_by_name(host: &dyn Host, root: &Path) {
    host.create_folder(&root.join("b/inner")).expect("made");
    host.write_atomic(&root.join("c"), b"x").expect("written");
    host.write_atomic(&root.join("a"), b"x").expect("written");
    let entry = |name: &str, kind| Entry {
        name: name.to_owned(),
        kind,
    };
    let expected = [
        entry("a", Kind::File),
        entry("b", Kind::Folder),
        entry("c", Kind::File),
    ];
    assert_eq!(host.list(root).expect("listed"), expected);
    assert!(
        host.list(&root.join("none"))
            .expect_err("not there")
            .is_not_found()
    );
    assert_eq!(
        host.list(&root.join("a")).expect_err("a file").kind(),
        ErrorKind::NotADirectory
    );
}

fn making_a_folder_makes_those_above_it(host: &dyn Host, root: &Path) {
    let folder = root.join("a/b/c");
    host.create_folder(&folder).expect("made");
    host.create_folder(&folder).expect("there already");
    assert_eq!(host.metadata(&folder).expect("there").kind, Kind::Folder);
    host.write_atomic(&root.join("file"), b"x").expect("written");
    host.create_folder(&root.join("file/b"))
        .expect_err("a file lies in the way");
}

fn a_private_folder_is_made_once_and_found_again(host: &dyn Host, root: &Path) {
    let folder = root.join("a/private");
    host.create_private_folder(&folder).expect("made");
    host.create_private_folder(&folder).expect("there already");
    host.write_atomic(&folder.join("f"), b"x").expect("written");
    host.make_private(&folder.join("f")).expect("made private");
    host.create_private_folder(&folder.join("f"))
        .expect_err("a file lies there");
    assert!(
        host.make_private(&root.join("none"))
            .expect_err("not there")
            .is_not_found()
    );
}

fn a_hard_link_is_a_second_name_of_one_file(host: &dyn Host, root: &Path) {
    let (one, two) = (root.join("one"), root.join("two"));
    host.write_atomic(&one, b"abcdef").expect("written");
    host.hard_link(&one, &two).expect("linked");
    host.truncate(&two, 3).expect("cut");
    assert_eq!(host.read(&one).expect("read"), b"abc");
    host.remove_file(&one).expect("removed");
    assert_eq!(host.read(&two).expect("read"), b"abc");
    host.write_atomic(&one, b"x").expect("written");
    assert_eq!(
        host.hard_link(&one, &two).expect_err("taken").kind(),
        ErrorKind::AlreadyExists
    );
}

fn a_copy_is_a_file_of_its_own(host: &dyn Host, root: &Path) {
    let (one, two) = (root.join("one"), root.join("two"));
    host.write_atomic(&one, b"abc").expect("written");
    host.copy(&one, &two).expect("copied");
    host.truncate(&one, 0).expect("cut");
    assert_eq!(host.read(&two).expect("read"), b"abc");
    assert!(
        host.copy(&root.join("none"), &two)
            .expect_err("not there")
            .is_not_found()
    );
}

fn a_lock_has_one_holder_at_a_time(host: &dyn Host, root: &Path) {
    let path = root.join("lock");
    let held = host.try_lock(&path).expect("locks work");
    assert!(held.is_some());
    assert!(host.try_lock(&path).expect("locks work").is_none());
    drop(held);
    assert!(host.try_lock(&path).expect("locks work").is_some());
}

fn missing_things_are_told_apart(host: &dyn Host, root: &Path) {
    let none = root.join("none");
    assert!(!host.exists(&none));
    for error in [
        host.read(&none).expect_err("not there"),
        host.read_range(&none, 0, 1).expect_err("not there"),
        host.metadata(&none).expect_err("not there"),
        host.open(&none).err().expect("not there"),
        host.hard_link(&none, &root.join("two")).expect_err("not there"),
    ] {
        assert!(error.is_not_found(), "{error}");
        assert!(
            error.to_string().ends_with(&format!("`{}`", none.display())),
            "{error}"
        );
    }
}

fn the_disk_has_room(host: &dyn Host, root: &Path) {
    assert!(host.free_bytes(root).expect("the system says") > 0);
    assert!(
        host.free_bytes(&root.join("none"))
            .expect_err("not there")
            .is_not_found()
    );
}

fn the_clock_does_not_go_back(host: &dyn Host, _root: &Path) {
    let first = host.monotonic();
    assert!(host.monotonic() >= first);
    assert!(host.now() >= std::time::UNIX_EPOCH);
}

fn the_machine_has_cores_and_memory(host: &dyn Host, _root: &Path) {
    assert!(host.core_count() >= 1);
    if let Some(memory) = host.memory() {
        assert!(
            memory.total_bytes >= memory.free_bytes && memory.free_bytes > 0,
            "{memory:?}"
        );
    }
    assert!(host.current_folder().expect("there").is_absolute());
    assert!(host.own_executable().expect("there").is_absolute());
}

fn names(host: &dyn Host, folder: &Path) -> Vec<String> {
    host.list(folder)
        .expect("listed")
        .into_iter()
        .map(|entry| entry.name)
        .collect()
}

#[test]
fn in_memory_the_nth_change_and_all_after_it_fail() {
    let host = MemoryHost::new();
    host.write_atomic(Path::new("/a"), b"old").expect("written");
    host.fail_from_write(Some(2));
    host.write_atomic(Path::new("/b"), b"new")
        .expect("the first change works");
    host.write_atomic(Path::new("/a"), b"new")
        .expect_err("the second does not");
    host.rename(Path::new("/b"), Path::new("/a"))
        .expect_err("nor does any later one");
    assert_eq!(host.writes(), 4);
    host.fail_from_write(None);
    assert_eq!(host.read(Path::new("/a")).expect("read"), b"old");
    host.write_atomic(Path::new("/a"), b"new").expect("mended");
}

#[test]
fn in_memory_the_clock_moves_when_told() {
    let host = MemoryHost::new();
    host.advance(Duration::from_secs(5));
    assert_eq!(host.monotonic(), Duration::from_secs(5));
    host.write_atomic(Path::new("/a"), b"").expect("written");
    assert_eq!(
        host.metadata(Path::new("/a")).expect("there").modified,
        Some(host.now())
    );
}
