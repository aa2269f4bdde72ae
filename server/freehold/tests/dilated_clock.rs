//! `tests/replay/dilated_clock.c`: for programs that it is preloaded into, time goes slower.
#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "the test compiles a library, starts programs with it and asks the real clock"
)]

use std::path::Path;
use std::process::{Command, Output};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;

const DILATION: u32 = 3;
const WAIT: Duration = Duration::from_millis(50);

struct Library {
    folder: TempDir,
}

impl Library {
    fn compile() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/replay/dilated_clock.c");
        let compiled = Command::new("cc")
            .args(["-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
            .args([&folder.path().join("dilated_clock.so"), &source])
            .status();
        assert!(compiled.expect("there is a C compiler").success());
        Self { folder }
    }

    /// Runs `command` to its end on the slower clock; gives how long that took on the real one.
    fn run(&self, command: &mut Command) -> (Output, Duration) {
        let start = Instant::now();
        let output = command
            .env("DILATION", DILATION.to_string())
            .env("LD_PRELOAD", self.folder.path().join("dilated_clock.so"))
            .output()
            .expect("the program starts");
        assert!(output.status.success(), "{output:?}");
        (output, start.elapsed())
    }
}

fn seconds_since_1970() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.expect("it is later than 1970").as_secs()
}

#[test]
fn a_date_is_a_third_of_it() {
    let before = seconds_since_1970();
    let (output, _) = Library::compile().run(Command::new("date").arg("+%s"));
    let said: u64 = String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .expect("a number");
    let third = |seconds: u64| seconds / u64::from(DILATION);
    assert!(
        (third(before)..=third(seconds_since_1970())).contains(&said),
        "{said}"
    );
}

#[test]
fn sleeping_takes_three_times_as_long() {
    let (_, took) = Library::compile().run(Command::new("sleep").arg(WAIT.as_secs_f64().to_string()));
    assert!(took >= WAIT * DILATION, "{took:?}");
}

#[test]
fn waiting_as_rust_does_takes_three_times_as_long() {
    let itself = std::env::current_exe().expect("it has a path");
    let (_, took) =
        Library::compile().run(Command::new(itself).args(["--exact", "waiting_takes_as_long_as_it_should"]));
    assert!(took >= WAIT * DILATION, "{took:?}");
}

/// By its own clock, whichever that is: the test above starts it on the slower one.
#[test]
fn waiting_takes_as_long_as_it_should() {
    let (_sender, receiver) = channel::<()>();
    let start = Instant::now();
    assert_eq!(receiver.recv_timeout(WAIT), Err(RecvTimeoutError::Timeout));
    let took = start.elapsed();
    assert!(took >= WAIT, "{took:?}");
}
