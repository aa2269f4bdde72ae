//! `freehold eval` as a program, with a scripted engine and cases of its own.

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "the program is run and looked at from outside"
)]

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Output};

use expect_test::expect;
use tempfile::TempDir;

const CROSS_FILE: &str = "
=== double
--- numbers.py
def twice(x):
    return 2 * x
--- use.py
from numbers import twice
four = ⟦twice(2)⟧
six = ⟦twice(3)⟧
--- check
assert (four, six) == (4, 6)
";

/// Right for the first hole and a single line; for the second hole and the typed line it leaves early or is wrong.
const SCRIPT: &str = r#"
    [description]
    model = "scripted"
    context_tokens = 4096
    [description.fim]
    source = "these tests"
    infill = [{ token = "<P>" }, "prefix", { token = "<S>" }, "suffix", { token = "<M>" }]
    [[reply]]
    when = "four = <S>"
    tokens = ["twice", "(2)"]
    [[reply]]
    when = "six = <S>"
    tokens = ["exit", "(0)"]
    [[reply]]
    when = "    return a <S>"
    tokens = ["- b"]
    [[reply]]
    when = "    <S>"
    tokens = ["return a + b"]
    [[reply]]
    tokens = ["never shown"]
"#;

struct Home {
    folder: TempDir,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let case = serde_json::json!({
            "id": "add/L0", "kind": "singleline", "prefix": "def add(a, b):\n", "suffix": "",
            "reference": "    return a + b\n", "entry_point": "add",
            "test": "def check(add):\n    assert add(1, 2) == 3\n",
        });
        let home = Self { folder };
        std::fs::create_dir(home.path("data")).expect("made");
        for (file, text) in [
            ("script.toml", SCRIPT),
            ("data/fim_python.jsonl", &format!("{case}\n")),
            ("data/typed.tsv", "# case, bytes\nadd/L0\t9\n"),
            ("data/crossfile.txt", CROSS_FILE),
            ("data/rust.txt", ""),
        ] {
            std::fs::write(home.path(file), text).expect("written");
        }
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn eval(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_freehold"))
            .arg("eval")
            .args(arguments)
            .arg("--data")
            .arg(self.path("data"))
            .env("FREEHOLD_HOME", self.folder.path())
            .env("FREEHOLD_SCRIPT", self.path("script.toml"))
            .env("FREEHOLD_IDLE_SECONDS", "30")
            .output()
            .expect("runs")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let request = b"POST /freehold/shutdown HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
        if let Ok(mut engine) = UnixStream::connect(self.path("run/engine.sock")) {
            // An engine that has ended already is what is wanted.
            let _ended = engine.write_all(request).and_then(|()| engine.read(&mut [0; 64]));
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("Unicode")
}

#[test]
fn scores_come_from_running_the_programs() {
    let home = Home::new();
    let scores = home.path("scores.tsv");
    // Here the answers are our own.
    let arguments = ["fim", "--unconfined", "--incremental", "--scores"];
    let arguments = [&arguments[..], &[scores.to_str().expect("Unicode")]].concat();
    let output = home.eval(&arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    let (table, _times) = table.split_once("\n\nfreehold:").expect("notes after the table");
    expect![[r#"
        pass@1, %    cases     freehold  incremental
        singleline       1        100.0            -
        typed            1          0.0          0.0
        crossfile        2         50.0            -
        all              4         50.0            -

        incremental minus freehold, the same cases
        typed          +0.0   n = 1, only incremental passes 0, only freehold 0, p = 1.00"#]]
    .assert_eq(table);
    expect![[r#"
        case	kind	freehold	peer	incremental
        add/L0	singleline	pass	-	-
        add/L0+9	typed	fail	-	fail
        crossfile/double/1	crossfile	pass	-	-
        crossfile/double/2	crossfile	fail	-	-
    "#]]
    .assert_eq(&std::fs::read_to_string(&scores).expect("written"));

    // What was worse before is now better.
    let kept = std::fs::read_to_string(&scores).expect("written");
    let kept = kept.replace(
        "crossfile/double/1\tcrossfile\tpass",
        "crossfile/double/1\tcrossfile\tfail",
    );
    std::fs::write(&scores, kept).expect("written");
    let output = home.eval(&arguments);
    let table = text(&output.stdout);
    assert!(
        table.ends_with("freehold, better: crossfile/double/1\n"),
        "{table}"
    );
}

#[test]
fn what_stood_there_passes_confined_or_nothing_is_run() {
    let home = Home::new();
    let output = home.eval(&["check"]);
    if output.status.success() {
        assert_eq!(
            text(&output.stdout),
            "4 cases: 0 fail with what stood there, 0 pass with nothing there\n"
        );
    } else {
        let said = text(&output.stderr);
        assert!(said.contains("--unconfined"), "{said}");
        assert_eq!(text(&output.stdout), "");
    }
}
