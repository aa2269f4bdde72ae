//! What only the real world has: modes, links, other programs.
#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests look at the world past the host"
)]

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use host::{Bounded, Command, Ending, Environment, Files, Processes, RealHost, Stop};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("there").mode() & 0o777
}

#[test]
fn an_atomic_write_keeps_the_mode_and_the_link() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = RealHost::new();
    let (target, link) = (folder.path().join("target"), folder.path().join("link"));
    host.write_atomic(&target, b"old").expect("written");
    std::fs::set_permissions(&target, PermissionsExt::from_mode(0o640)).expect("set");
    symlink(&target, &link).expect("linked");
    host.write_atomic(&link, b"new").expect("written");
    assert_eq!(host.read(&target).expect("read"), b"new");
    assert_eq!(mode(&target), 0o640);
    assert!(std::fs::symlink_metadata(&link).expect("there").is_symlink());
}

#[test]
fn a_private_folder_is_for_its_user_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = RealHost::new();
    let private = folder.path().join("private");
    host.create_private_folder(&private).expect("made");
    assert_eq!(mode(&private), 0o700);
    std::fs::set_permissions(&private, PermissionsExt::from_mode(0o755)).expect("set");
    host.create_private_folder(&private).expect("mended");
    assert_eq!(mode(&private), 0o700);
    let link = folder.path().join("link");
    symlink(&private, &link).expect("linked");
    host.create_private_folder(&link)
        .expect_err("somebody may have put the link there");
}

#[test]
fn a_program_runs_to_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let command = Command::new("sh")
        .arguments(["-c", "cat; echo \"$WORD in $(pwd)\"; echo no >&2; exit 3"])
        .variable("WORD", "yes")
        .folder(folder.path().canonicalize().expect("there"));
    let output = RealHost::new().run(&command).expect("started");
    let place = folder.path().canonicalize().expect("there");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("yes in {}\n", place.display())
    );
    assert_eq!(output.stderr, b"no\n");
    assert_eq!((output.status_code, output.success()), (Some(3), false));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let error = RealHost::new()
        .run(&Command::new("/none/such"))
        .expect_err("not there");
    assert!(error.is_not_found());
    assert_eq!(error.to_string(), "cannot run `/none/such`");
}

#[test]
fn a_detached_program_says_that_it_is_ready_and_leaves_a_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let host = RealHost::new();
    let command = Command::new("sh").arguments(["-c", "echo started >&2; echo ready 7; echo ignored"]);
    let detached = host.spawn_detached(&command, &log).expect("started");
    assert_eq!(detached.wait_ready(), Some("ready 7".to_owned()));
    assert_eq!(host.read_text(&log).expect("read"), "started\n");
}

#[cfg(target_os = "linux")]
#[test]
fn a_detached_program_is_in_a_group_of_its_own_and_can_be_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = RealHost::new();
    let command = Command::new("sh").arguments(["-c", "cut -d' ' -f5 /proc/$$/stat; exec tail -f /dev/null"]);
    let detached = host
        .spawn_detached(&command, &folder.path().join("log"))
        .expect("started");
    let id = detached.id;
    assert_eq!(
        detached.wait_ready(),
        Some(id.to_string()),
        "it leads its own group"
    );
    host.kill(id).expect("ended");
    host.kill(u32::MAX).expect("that nobody is there is no error");
}

#[test]
fn a_program_that_ends_without_a_word_is_not_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = RealHost::new();
    let command = Command::new("sh").arguments(["-c", "exit 1"]);
    let detached = host
        .spawn_detached(&command, &folder.path().join("log"))
        .expect("started");
    assert_eq!(detached.wait_ready(), None);
}

#[test]
fn the_environment_is_that_of_the_process() {
    let host = RealHost::new();
    assert_eq!(host.variable_os("PATH"), std::env::var_os("PATH"));
    assert_eq!(host.variable("FREEHOLD_NO_SUCH_VARIABLE"), None);
}

/// Begins a program that says a word and then waits for very long, in the shell and in a program that it starts.
fn long(stop: &Stop, time_max: Duration) -> (Bounded, bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let script =
        "echo word; sh -c 'echo $$ > inner; trap \"\" TERM; exec 2>/dev/null; sleep 600 & wait' & sleep 600";
    let command = Command::new("sh").arguments(["-c", script]).folder(folder.path());
    let ended = RealHost::new()
        .run_bounded(&command, time_max, stop)
        .expect("started");
    let inner = std::fs::read_to_string(folder.path().join("inner")).expect("it was begun");
    (ended, goes_on(&inner))
}

#[test]
fn what_runs_too_long_is_ended_with_all_that_it_began() {
    let (ended, goes_on) = long(&Stop::default(), Duration::from_secs(2));
    assert_eq!((ended.ending, ended.output.status_code), (Ending::TimeOver, None));
    assert_eq!(ended.output.stdout, b"word\n");
    assert!(!goes_on);
}

#[test]
fn what_is_stopped_is_ended_with_all_that_it_began() {
    let stop = Stop::default();
    let folder = tempfile::tempdir().expect("a folder");
    let word = folder.path().join("word");
    fifo(&word);
    let stopping = std::thread::spawn({
        let (stop, word) = (stop.clone(), word.clone());
        move || {
            // The program is there once somebody writes.
            std::fs::read(word).expect("read");
            stop.now();
        }
    });
    let script = format!("sleep 600 & echo here > '{}'; wait", word.display());
    let command = Command::new("sh").arguments(["-c", &script]);
    let ended = RealHost::new()
        .run_bounded(&command, Duration::from_secs(600), &stop)
        .expect("started");
    stopping.join().expect("it has stopped");
    assert_eq!(ended.ending, Ending::Stopped);
    // What is begun after that is ended at once.
    let again = RealHost::new()
        .run_bounded(&command, Duration::from_secs(600), &stop)
        .expect("started");
    assert_eq!(again.ending, Ending::Stopped);
}

#[test]
fn what_a_program_leaves_behind_ends_with_it() {
    let command = Command::new("sh").arguments(["-c", "sleep 600 & echo $!; exit 3"]);
    let stop = Stop::default();
    let ended = RealHost::new()
        .run_bounded(&command, Duration::from_secs(600), &stop)
        .expect("started");
    assert_eq!(
        (ended.ending, ended.output.status_code),
        (Ending::Itself, Some(3))
    );
    let left = String::from_utf8(ended.output.stdout).expect("a number");
    let goes_on = Path::new("/proc")
        .join(left.trim())
        .join("exe")
        .read_link()
        .is_ok();
    assert!(!goes_on, "{left}");
}

/// Whether the process of this number runs; it may still be in the table when it does not.
fn goes_on(number: &str) -> bool {
    let process = Path::new("/proc").join(number.trim());
    process.join("exe").read_link().is_ok()
}

fn fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo")
        .arg(path)
        .status()
        .expect("started");
    assert!(made.success());
}
