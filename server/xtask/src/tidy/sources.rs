//! What every source file keeps to, whatever it is about.

use std::collections::BTreeMap;

use super::code::{code_only, without_tests};
use super::{Finding, SourceFile, Tree};

/// Look for the second idea in a file of so many lines.
const LINES_NOTED: usize = 500;
/// A longer file needs an entry, with its reason, in the ratchet list.
const LINES_MAX: usize = 800;

/// Files that are longer, one `LINES PATH` a line; they may only shrink.
const RATCHET: &str = include_str!("ratchet.txt");

/// Crates that may be asynchronous.
const ASYNC_CRATES: [&str; 2] = ["freehold", "remote"];

/// Crates that compute and do nothing else.
const PURE_CRATES: [&str; 5] = ["text", "syntax", "engine", "completion", "agent"];

/// Async code is found where it has no business.
pub fn async_only_where_allowed(tree: &Tree) -> Vec<Finding> {
    let words = ["async fn", "async move", "async {", ".await"];
    let elsewhere = |name: &str| !ASYNC_CRATES.contains(&name);
    found_in_code(tree, &words, elsewhere, |word| {
        format!(
            "`{word}`: only {} may be asynchronous",
            ASYNC_CRATES.join(" and ")
        )
    })
}

/// Rule 3, as far as words show it.
pub fn pure_crates(tree: &Tree) -> Vec<Finding> {
    let words = [
        "std::fs",
        "std::process",
        "std::env",
        "std::net",
        "SystemTime",
        "Instant::now",
    ];
    let pure = |name: &str| PURE_CRATES.contains(&name);
    found_in_code(tree, &words, pure, |word| {
        format!("`{word}` in a pure crate: let the caller hand it in")
    })
}

/// Every file in a programming language opens with a comment.
pub fn headers(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree
        .with_extensions(&["rs"])
        .filter(|file| !file.text.starts_with("//! "))
    {
        findings.push(file.finding(
            1,
            "must open with `//! ` and one sentence on what the file is for",
        ));
    }
    let scripts = tree.with_extensions(&["ts", "tsx", "mts", "js", "mjs", "cjs", "kt", "kts", "css"]);
    for file in scripts {
        let text = match file.text.strip_prefix("#!") {
            Some(after) => after.split_once('\n').map_or("", |(_interpreter, rest)| rest),
            None => &file.text,
        };
        let opens = text.starts_with("//") || text.starts_with("/*");
        if !opens {
            findings.push(file.finding(1, "must open with a comment on what the file is for"));
        }
    }
    findings
}

/// Files over the limit that are not in the ratchet list, grew past their entry, or need none any more.
pub fn sizes(tree: &Tree) -> Vec<Finding> {
    sizes_with(tree, RATCHET)
}

fn sizes_with(tree: &Tree, ratchet: &str) -> Vec<Finding> {
    let entries: BTreeMap<&str, usize> = ratchet
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(lines, path)| Some((path.trim(), lines.parse().ok()?)))
        .collect();
    let mut findings = Vec::new();
    for file in code_files(tree) {
        let lines = file.text.lines().count();
        match entries.get(file.path.as_str()) {
            None if lines > LINES_MAX => findings.push(file.finding(
                0,
                format!("{lines} lines, more than {LINES_MAX}: find the second idea and give it a file"),
            )),
            Some(entry) if lines > *entry => {
                findings.push(file.finding(
                    0,
                    format!("{lines} lines, more than its {entry} in the ratchet list"),
                ));
            }
            Some(_) if lines <= LINES_MAX => {
                findings.push(file.finding(0, "needs its entry in the ratchet list no more: remove it"));
            }
            _ => {}
        }
    }
    findings
}

/// A remark for each file that begins to be long; no fault.
pub fn size_notes(tree: &Tree) -> Vec<String> {
    code_files(tree)
        .map(|file| (file.text.lines().count(), file))
        .filter(|(lines, _)| *lines > LINES_NOTED)
        .map(|(lines, file)| format!("{}: {lines} lines, look for the second idea", file.path))
        .collect()
}

fn code_files(tree: &Tree) -> impl Iterator<Item = &SourceFile> {
    tree.with_extensions(&["rs", "ts", "tsx", "mts", "js", "mjs", "kt"])
}

/// Words for things put off, and calls that belong to a debugging session.
pub fn leftovers(tree: &Tree) -> Vec<Finding> {
    // Put together here, so that this file does not find itself.
    let notes = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let mut findings = Vec::new();
    for file in tree.with_extensions(&["rs", "toml", "ts", "mts", "js", "mjs", "kt", "sh", "md", "yml"]) {
        for (index, line) in file.text.lines().enumerate() {
            for note in notes.iter().filter(|note| contains_word(line, note)) {
                findings.push(file.finding(index + 1, format!("{note}: do it, or write down why not")));
            }
        }
    }
    let calls = [
        "dbg!",
        "todo!",
        "unimplemented!",
        "#[ignore",
        "thread::sleep",
        "tokio::time::sleep",
    ];
    let everywhere = |_: &str| true;
    let message = |word: &str| format!("`{word}` must not stay");
    for finding in found_in_all_code(tree, &calls, everywhere, message) {
        // Waiting is right in a program that has to wait; in a test it makes the result a matter of luck.
        let waits = finding.message.contains("sleep");
        if !waits || (is_in_test(tree, &finding) && !runs_on_paused_time(tree, &finding)) {
            findings.push(finding);
        }
    }
    findings
}

/// Whether the finding is about a clock that stands still until everybody waits: there nothing is luck.
fn runs_on_paused_time(tree: &Tree, finding: &Finding) -> bool {
    finding.message.contains("tokio")
        && tree
            .file(&finding.path)
            .is_some_and(|file| file.text.contains("start_paused = true"))
}

/// Whether the finding lies in test code.
fn is_in_test(tree: &Tree, finding: &Finding) -> bool {
    tree.file(&finding.path)
        .is_some_and(|file| file.is_test() || finding.line > without_tests(&file.text).lines().count())
}

/// A model is known by its card, never by a part of its name.
pub fn model_names(tree: &Tree) -> Vec<Finding> {
    let Some(catalogue) = tree.file("server/engine/catalogue.toml") else {
        return Vec::new();
    };
    let families = families(&catalogue.text);
    let comparisons = [
        ".contains(\"",
        ".starts_with(\"",
        ".ends_with(\"",
        ".find(\"",
        "== \"",
        "!= \"",
    ];
    let mut findings = Vec::new();
    for (_, file) in tree
        .rust()
        .filter(|(name, file)| !name.is_empty() && *name != "xtask" && !file.is_test())
    {
        for (index, line) in without_tests(&file.text).lines().enumerate() {
            let literals = comparisons.iter().flat_map(|start| line.split(start).skip(1));
            let names: Vec<_> = literals.filter_map(|rest| rest.split('"').next()).collect();
            let asks = |family: &&String| {
                names
                    .iter()
                    .any(|name| name.to_lowercase().contains(family.as_str()))
            };
            if let Some(family) = families.iter().find(asks) {
                let message =
                    format!("asks whether a model is a `{family}`: put the difference into its card");
                findings.push(file.finding(index + 1, message));
            }
        }
    }
    findings
}

/// The names of the catalogue up to their first digit: `qwen`, `starcoder`.
fn families(catalogue: &str) -> Vec<String> {
    let mut families: Vec<String> = catalogue
        .lines()
        .filter_map(|line| line.strip_prefix("name = \"")?.split('"').next())
        .map(|name| {
            name.split(|character: char| character.is_ascii_digit())
                .next()
                .unwrap_or(name)
        })
        .map(|family| family.trim_end_matches('-').to_lowercase())
        .filter(|family| family.len() > 2)
        .collect();
    families.sort();
    families.dedup();
    families
}

/// Finds `words` in the code, tests left out, of the crates that `concerns` picks.
fn found_in_code(
    tree: &Tree,
    words: &[&str],
    concerns: impl Fn(&str) -> bool,
    message: impl Fn(&str) -> String,
) -> Vec<Finding> {
    let mut findings = found_in_all_code(tree, words, concerns, message);
    findings.retain(|finding| !is_in_test(tree, finding));
    findings
}

fn found_in_all_code(
    tree: &Tree,
    words: &[&str],
    concerns: impl Fn(&str) -> bool,
    message: impl Fn(&str) -> String,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (_, file) in tree.rust().filter(|(name, _)| concerns(name)) {
        for (index, line) in code_only(&file.text).lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(**word)) {
                findings.push(file.finding(index + 1, message(word)));
            }
        }
    }
    findings
}

fn contains_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let beside = |character: Option<char>| character.is_some_and(|character| character.is_alphanumeric());
        !beside(line[..start].chars().next_back()) && !beside(line[start + word.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::super::listed;
    use super::*;

    #[test]
    fn async_code_outside_its_crates_is_found() {
        let tree = Tree::of(&[
            ("server/remote/src/lib.rs", "async fn a() {}"),
            (
                "server/text/src/lib.rs",
                "// async fn in words\nfn a() { b().await }",
            ),
            (
                "server/host/src/lib.rs",
                "#[cfg(test)]\nmod tests { async fn a() {} }",
            ),
        ]);
        assert_eq!(
            listed(&async_only_where_allowed(&tree)),
            "server/text/src/lib.rs:2: `.await`: only freehold and remote may be asynchronous"
        );
    }

    #[test]
    fn a_clock_in_a_pure_crate_is_found() {
        let tree = Tree::of(&[
            (
                "server/completion/src/lib.rs",
                "fn a() -> Instant { Instant::now() }",
            ),
            ("server/host/src/lib.rs", "fn a() -> Instant { Instant::now() }"),
        ]);
        assert_eq!(
            listed(&pure_crates(&tree)),
            "server/completion/src/lib.rs:1: `Instant::now` in a pure crate: let the caller hand it in"
        );
    }

    #[test]
    fn a_file_without_a_header_is_found() {
        let tree = Tree::of(&[
            ("server/text/src/a.rs", "//! Positions.\n"),
            ("server/text/src/b.rs", "use std::fmt;\n"),
            ("editors/vscode/src/a.ts", "// Shows.\n"),
            ("editors/vscode/src/b.ts", "import x;\n// Late.\n"),
            ("tests/run.mjs", "#!/usr/bin/env node\n// Runs.\n"),
        ]);
        assert_eq!(
            listed(&headers(&tree)),
            "server/text/src/b.rs:1: must open with `//! ` and one sentence on what the file is for\n\
             editors/vscode/src/b.ts:1: must open with a comment on what the file is for"
        );
    }

    #[test]
    fn a_long_file_is_found_and_the_list_only_shrinks() {
        let lines = |count: usize| "//\n".repeat(count);
        let (long, short) = (lines(801), lines(800));
        let tree = Tree::of(&[
            ("a.rs", &long),
            ("b.rs", &long),
            ("c.rs", &long),
            ("d.rs", &short),
            ("e.md", &long),
        ]);
        assert_eq!(
            listed(&sizes_with(&tree, "# why\n801 b.rs\n800 c.rs\n810 d.rs\n")),
            "a.rs: 801 lines, more than 800: find the second idea and give it a file\n\
             c.rs: 801 lines, more than its 800 in the ratchet list\n\
             d.rs: needs its entry in the ratchet list no more: remove it"
        );
        assert_eq!(size_notes(&tree).len(), 4);
    }

    #[test]
    fn leftovers_are_found() {
        let text = concat!(
            "//! Header.\n// TO",
            "DO later\nfn a() { dbg!(1); thread::sleep(b); }\n// thread::sleep in words\n",
            "#[cfg(test)]\nmod tests { fn a() { thread::sleep(b) } }\n"
        );
        assert_eq!(
            listed(&leftovers(&Tree::of(&[("server/text/src/a.rs", text)]))),
            concat!(
                "server/text/src/a.rs:2: TO",
                "DO: do it, or write down why not\n",
                "server/text/src/a.rs:3: `dbg!` must not stay\n",
                "server/text/src/a.rs:6: `thread::sleep` must not stay"
            )
        );
    }

    #[test]
    fn a_test_may_wait_on_a_clock_that_stands_still() {
        let waiting = "//! Header.\nfn a() { tokio::time::sleep(b).await }\n";
        let paused = format!("{waiting}#[tokio::test(start_paused = true)]\nfn c() {{ thread::sleep(d) }}\n");
        let tree = Tree::of(&[("server/a/tests/a.rs", waiting), ("server/a/tests/b.rs", &paused)]);
        assert_eq!(
            listed(&leftovers(&tree)),
            "server/a/tests/a.rs:2: `tokio::time::sleep` must not stay\n\
             server/a/tests/b.rs:4: `thread::sleep` must not stay"
        );
    }

    #[test]
    fn a_word_is_not_a_part_of_a_word() {
        assert!(
            contains_word("a BIT.", "BIT")
                && !contains_word("TWOBITS", "BIT")
                && !contains_word("BITS", "BIT")
        );
    }

    #[test]
    fn asking_for_a_model_by_name_is_found() {
        let catalogue = "[[model]]\nname = \"qwen2.5-coder-0.5b\"\n[[model]]\nname = \"gpt-oss-20b\"\n";
        let code = "fn a(name: &str) -> bool { name.contains(\"Qwen\") }\nfn b(gpt: u8) {}\n\
                    #[cfg(test)]\nmod tests { fn c(n: &str) { n == \"gpt-oss-20b\" } }\n";
        let tree = Tree::of(&[
            ("server/engine/catalogue.toml", catalogue),
            ("server/completion/src/a.rs", code),
        ]);
        assert_eq!(
            listed(&model_names(&tree)),
            "server/completion/src/a.rs:1: asks whether a model is a `qwen`: put the difference into its card"
        );
    }
}
