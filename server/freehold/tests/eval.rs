//! `freehold eval` as a program, with a scripted engine and cases of its own.

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "the program is run and looked at from outside"
)]

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

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

const FIM: &[&str] = &["fim", "--data", "data", "--unconfined", "--scores", "scores.tsv"];

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

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_freehold"));
        command
            .arg("eval")
            .args(arguments)
            .current_dir(self.folder.path())
            .env("FREEHOLD_HOME", self.folder.path())
            .env("FREEHOLD_SCRIPT", self.path("script.toml"));
        command
    }

    fn eval(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("runs")
    }

    /// `freehold eval fim` on the cases of this home, whose answers are our own, with scores kept.
    fn fim(&self, arguments: &[&str]) -> Output {
        self.eval(&[FIM, arguments].concat())
    }

    fn scores(&self) -> String {
        let scores = std::fs::read_to_string(self.path("scores.tsv")).expect("written");
        // The second line names the machine's threads.
        let mut lines: Vec<&str> = scores.lines().collect();
        lines.remove(1);
        lines.join("\n") + "\n"
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("Unicode")
}

#[test]
fn scores_come_from_running_the_programs() {
    let home = Home::new();
    let output = home.fim(&["--incremental"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    let (table, _times) = table.split_once("\n\nfreehold:").expect("notes after the table");
    let whole = expect![[r#"
        pass@1, %    cases     freehold  incremental
        singleline       1        100.0            -
        typed            1          0.0          0.0
        crossfile        2         50.0            -
        all              4         50.0            -

        incremental minus freehold, the same cases
        typed          +0.0   n = 1, only incremental passes 0, only freehold 0, p = 1.00"#]];
    whole.assert_eq(table);
    let kept = home.scores();
    expect![[r#"
        # model script
        kind	case	freehold	incremental	peer
        crossfile	crossfile/double/1	pass	-	-
        crossfile	crossfile/double/2	fail	-	-
        singleline	add/L0	pass	-	-
        typed	add/L0+9	fail	fail	-
    "#]]
    .assert_eq(&kept);

    // What was worse before is now better, and is asked anew only when that is wanted.
    let scores = std::fs::read_to_string(home.path("scores.tsv")).expect("written");
    let worse = scores.replace("double/1\tpass", "double/1\tfail");
    std::fs::write(home.path("scores.tsv"), &worse).expect("written");
    std::fs::write(home.path("old.tsv"), &worse).expect("written");
    let output = home.fim(&["--incremental"]);
    assert!(text(&output.stderr).contains("5 of 5 answers are known already"));
    assert!(home.scores().contains("double/1\tfail"));
    let output = home.fim(&["--incremental", "--again"]);
    let better = "freehold: of 4 cases 1 got better and 0 worse\n  better crossfile/double/1\n";
    assert!(text(&output.stdout).contains(better));
    assert_eq!(home.scores(), kept);

    let output = home.eval(&["report", "scores.tsv", "--compare", "old.tsv"]);
    let report = text(&output.stdout);
    whole.assert_eq(
        report
            .split("\n\n")
            .skip(1)
            .take(2)
            .collect::<Vec<_>>()
            .join("\n\n")
            .as_str(),
    );
    assert!(report.contains(better), "{report}");
}

#[test]
fn what_a_program_imports_is_shown_to_the_model() {
    let home = Home::new();
    let script = SCRIPT.replace(
        "four = <S>",
        "def twice(x):<P>from numbers import twice\\nfour = <S>",
    );
    let script = script.replace("infill =", "other_file = [\"content\"]\n    infill =");
    assert_ne!(script, SCRIPT);
    std::fs::write(home.path("script.toml"), script).expect("written");
    let output = home.fim(&["--named", "double/1", "--answers", "answers.jsonl"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let answers = std::fs::read_to_string(home.path("answers.jsonl")).expect("written");
    assert!(answers.contains(r#""shown":"twice(2)""#), "{answers}");
}

#[test]
fn scores_of_another_model_are_not_gone_on_with() {
    let home = Home::new();
    let others =
        "# model other\n# settings -\nkind\tcase\tfreehold\tincremental\tpeer\nrust\told\tpass\t-\t-\n";
    std::fs::write(home.path("scores.tsv"), others).expect("written");
    let output = home.fim(&[]);
    assert!(!output.status.success());
    let said = text(&output.stderr);
    assert!(said.contains("holds scores of other with -"), "{said}");
    let output = home.fim(&["--again"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!home.scores().contains("rust\told"));
}

/// Asks a process to end, as Ctrl-C does.
fn interrupt(id: u32) {
    let status = Command::new("kill").args(["-INT", &id.to_string()]).status();
    assert!(status.expect("runs").success());
}

#[test]
fn an_interrupted_run_is_gone_on_with() {
    let home = Home::new();
    // The first of the two is answered at once, the other one never is.
    let endless = SCRIPT.replace(
        "tokens = [\"exit\", \"(0)\"]",
        "tokens = [\"(\", \"0\", \")\"]\n    delay_milliseconds = 100000",
    );
    std::fs::write(home.path("script.toml"), endless).expect("written");
    let mut run = home
        .command(&[FIM, &["--kind", "crossfile", "--seed", "1"]].concat())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    let mut said = BufReader::new(run.stderr.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("crossfile/double/1") {
        line.clear();
        assert_ne!(said.read_line(&mut line).expect("Unicode"), 0, "it ended");
    }
    interrupt(run.id());
    assert_eq!(run.wait().expect("ends").code(), Some(130));
    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("Unicode");
    assert!(rest.contains("the same command"), "{rest}");
    assert!(
        home.scores()
            .ends_with("crossfile\tcrossfile/double/1\tpass\t-\t-\n")
    );
    // Its engine's folder goes with the engine.
    let run_folder = std::fs::read_dir(home.path("run")).expect("there");
    assert_eq!(run_folder.count(), 0);

    std::fs::write(home.path("script.toml"), SCRIPT).expect("written");
    let output = home.fim(&["--kind", "crossfile", "--seed", "1"]);
    let said = text(&output.stderr);
    assert!(said.contains("1 of 2 answers are known already"), "{said}");
    assert!(home.scores().contains("double/1\tpass") && home.scores().contains("double/2\tfail"));
}

#[test]
fn an_interrupted_run_leaves_no_peer_behind() {
    let home = Home::new();
    std::fs::create_dir(home.path("models")).expect("made");
    let record = "sha256 = \"0a\"\nbytes = 1\nmodified = \"0\"\n";
    std::fs::write(home.path("models/tiny.gguf"), "x").expect("written");
    std::fs::write(home.path("models/tiny.toml"), record).expect("written");
    // A peer that never answers: it says that it has started, and if it is still there once it may, that too.
    let peer = "#!/bin/sh\nexec 3>said\necho started >&3\nread word <go\necho survived >&3\n";
    std::fs::write(home.path("peer"), peer).expect("written");
    let made = Command::new("sh")
        .args(["-c", "chmod +x peer && mkfifo said go"])
        .current_dir(home.folder.path())
        .status();
    assert!(made.expect("runs").success());
    // Open for both, so that neither end waits for the other.
    let open = |name: &str| OpenOptions::new().read(true).write(true).open(home.path(name));
    let mut go = open("go").expect("opens");
    let mut run = home
        .command(&[FIM, &["--model", "tiny", "--peer", "peer"]].concat())
        .spawn()
        .expect("runs");
    let mut said = BufReader::new(std::fs::File::open(home.path("said")).expect("opens"));
    let mut line = String::new();
    said.read_line(&mut line).expect("Unicode");
    assert_eq!(line, "started\n");
    interrupt(run.id());
    assert_eq!(run.wait().expect("ends").code(), Some(130));
    go.write_all(b"go\n").expect("written");
    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("Unicode");
    assert_eq!(rest, "");
}

#[test]
fn what_stood_there_passes_confined_or_nothing_is_run() {
    let home = Home::new();
    let output = home.eval(&["check", "--data", "data"]);
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
