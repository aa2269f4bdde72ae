//! `freehold bench replay` as it is typed: two short traces through the real language server and an engine
//! with a script.
#![expect(
    clippy::disallowed_methods,
    reason = "the test starts the program and looks past the host"
)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// It answers what the first trace types next, and something wrong in the second.
const SCRIPT: &str = r#"
[description]
model = "scripted"
context_tokens = 4096
[description.fim]
infill = [{ token = "<P>" }, "prefix", { token = "<S>" }, "suffix", { token = "<M>" }]
source = "a test"
[[reply]]
when = "fn add"
tokens = ["a", " + b"]
[[reply]]
tokens = ["wrong()"]
"#;

const RIGHT: &str = "freehold trace 1\nname right\nlanguage rust\npath add.rs\nrhythm fast\nseed 1\ntext 3\n\
    fn add(a: i32, b: i32) -> i32 {\n    let sum = 0;\n}\n\
    at 2:17\ntype \\n    \npause 1500\ntype a + b\npause 100\n";
const WRONG: &str = "freehold trace 1\nname wrong\nlanguage python\npath sub.py\nrhythm fast\nseed 2\ntext 2\n\
    def sub(a, b):\n    pass\n\
    at 2:9\ntype \\n    re\npause 900\nslip x\ntype turn\npause 100\n";

fn bench(home: &Path, traces: &Path, more: &[&str]) -> (bool, String) {
    let script = home.join("script.toml");
    std::fs::write(&script, SCRIPT).expect("the folder can be written");
    let output = Command::new(env!("CARGO_BIN_EXE_freehold"))
        .args(["bench", "replay", "--folder"])
        .arg(traces)
        .args(more)
        .env("FREEHOLD_SCRIPT", script)
        .env("FREEHOLD_HOME", home)
        .output()
        .expect("the program starts");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn two_traces_are_played_and_counted() {
    // Short, because the path of a socket may have 107 bytes at most.
    let home = tempfile::tempdir().expect("there is room for a folder");
    let traces = home.path().join("traces");
    std::fs::create_dir(&traces).expect("the folder can be written");
    std::fs::write(traces.join("right.trace"), RIGHT).expect("the folder can be written");
    std::fs::write(traces.join("wrong.trace"), WRONG).expect("the folder can be written");
    let file = home.path().join("figures.json");
    let path = file.to_string_lossy();
    let (success, text) = bench(home.path(), &traces, &["--json", &path, "--agent-traces", "1"]);
    assert!(success, "{text}");
    assert!(text.contains("characters saved per 1000 typed"), "{text}");
    let figures: Value =
        serde_json::from_str(&std::fs::read_to_string(&file).expect("it was written")).expect("it is JSON");
    let counts = &figures["counts"]["freehold"];
    // `a + b` is taken at once: five characters and one key. Nothing is taken of what is wrong.
    assert_eq!(counts["taken_characters"], 5, "{text}\n{figures:#}");
    assert_eq!(counts["taken"]["all"], 1, "{figures:#}");
    // The line break with its indentation and what was taken; the line break, `re`, the slip, `turn`.
    assert_eq!(counts["characters"], 5 + 5 + 5 + 2 + 1 + 4, "{figures:#}");
    assert_eq!(counts["keys"], 2 + 1 + 2 + 2 + 4, "{figures:#}");
    assert!(counts["wrong"].as_u64() > Some(0), "{figures:#}");
    assert!(counts["generated_tokens"].as_f64() > Some(2.0), "{figures:#}");
    assert!(counts["times_to_visible"].as_u64() > Some(1), "{figures:#}");
    assert!(figures["counts"]["peer"].is_null(), "{figures:#}");
}

#[test]
fn what_is_missing_is_said() {
    let home = tempfile::tempdir().expect("there is room for a folder");
    let (success, text) = bench(home.path(), &home.path().join("nowhere"), &[]);
    assert!(!success && text.contains("--folder"), "{text}");
}
