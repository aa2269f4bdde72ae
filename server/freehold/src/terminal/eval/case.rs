//! The cases: where the cursor stands, what should come of it and how that is checked.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use anyhow::{Context as _, ensure};
use clap::ValueEnum;
use host::Files;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::holes;

/// What is to be filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
#[value(rename_all = "lower")]
pub enum Kind {
    /// One line
    SingleLine,
    /// One line with part of it typed already
    Typed,
    /// Several lines
    MultiLine,
    /// A span that begins and ends anywhere
    RandomSpan,
    /// A use of what another file defines
    CrossFile,
    /// Holes in small Rust programs
    Rust,
}

impl Kind {
    /// Every kind, in the order of the table.
    pub const ALL: [Self; 6] = [
        Self::SingleLine,
        Self::Typed,
        Self::MultiLine,
        Self::RandomSpan,
        Self::CrossFile,
        Self::Rust,
    ];

    /// Its name, as the command line and the scores have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SingleLine => "singleline",
            Self::Typed => "typed",
            Self::MultiLine => "multiline",
            Self::RandomSpan => "randomspan",
            Self::CrossFile => "crossfile",
            Self::Rust => "rust",
        }
    }
}

/// One case: a program with something missing at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its name in the scores, the same for ever.
    pub id: String,
    /// What is to be filled in.
    pub kind: Kind,
    /// Where the file lies that the cursor is in.
    pub path: String,
    /// The language of the file, by the name that LSP gives it.
    pub language: &'static str,
    /// The file as it stands, with nothing at the cursor.
    pub text: String,
    /// The cursor, in bytes of the text.
    pub offset_bytes: usize,
    /// How much of the line before the cursor the user is taken to have typed just now, in bytes.
    pub typed_bytes: usize,
    /// What stood there.
    pub reference: String,
    /// The program's other files: path and content.
    pub files: Vec<(String, String)>,
    /// What must hold: goes after the file.
    pub check: String,
}

impl Case {
    /// The file with `text` in place of the bytes `range`.
    pub fn with(&self, range: std::ops::Range<usize>, text: &str) -> String {
        [&self.text[..range.start], text, &self.text[range.end..]].concat()
    }

    fn new(id: String, kind: Kind, (before, reference, after): (&str, &str, &str), check: String) -> Self {
        Self {
            id,
            kind,
            path: "solution.py".to_owned(),
            language: "python",
            text: [before, after].concat(),
            offset_bytes: before.len(),
            typed_bytes: 0,
            reference: reference.to_owned(),
            files: Vec::new(),
            check,
        }
    }
}

/// A line of `fim_python.jsonl`.
#[derive(Debug, Deserialize)]
struct Infilling {
    id: String,
    kind: String,
    prefix: String,
    suffix: String,
    reference: String,
    test: String,
    entry_point: String,
}

impl Infilling {
    fn check(&self) -> String {
        format!("{}\ncheck({})\n", self.test, self.entry_point)
    }

    /// Whole lines, as they are met in an editor: the cursor's line is there, indented, and its end is too.
    fn lines(&self, kind: Kind) -> anyhow::Result<Case> {
        let reference = self.reference.strip_suffix('\n').context("no whole line")?;
        let indentation = reference.len() - reference.trim_start_matches([' ', '\t']).len();
        let (indentation, reference) = reference.split_at(indentation);
        let before = format!("{}{indentation}", self.prefix);
        let after = format!("\n{}", self.suffix);
        let parts = (before.as_str(), reference, after.as_str());
        Ok(Case::new(self.id.clone(), kind, parts, self.check()))
    }

    fn span(&self) -> Case {
        let parts = (
            self.prefix.as_str(),
            self.reference.as_str(),
            self.suffix.as_str(),
        );
        Case::new(self.id.clone(), Kind::RandomSpan, parts, self.check())
    }
}

/// Reads every case in `folder`.
///
/// # Errors
/// When a file is missing or does not hold what it should.
pub fn load(files: &dyn Files, folder: &Path) -> anyhow::Result<Vec<Case>> {
    let read = |name: &str| -> anyhow::Result<String> {
        let file = folder.join(name);
        files.read_text(&file).with_context(|| {
            format!(
                "the cases lie in `{}` of Freehold's source; say where with `--data`",
                "tests/eval"
            )
        })
    };
    let mut cases = infilling(&read("fim_python.jsonl")?, &read("typed.tsv")?)?;
    for (kind, file) in [(Kind::CrossFile, "crossfile.txt"), (Kind::Rust, "rust.txt")] {
        let text = read(file)?;
        let holes = holes::parse(&text).with_context(|| format!("cannot read `{file}`"))?;
        cases.extend(holes.into_iter().map(|hole| of_hole(kind, hole)));
    }
    let mut ids = HashSet::new();
    for case in &cases {
        ensure!(ids.insert(&case.id), "two cases are called `{}`", case.id);
    }
    Ok(cases)
}

/// The cases of HumanEval-Infilling, and those made of its single lines by typing a part of them.
fn infilling(text: &str, typed: &str) -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    let mut lines: BTreeMap<String, Case> = BTreeMap::new();
    for line in text.lines() {
        let one: Infilling = serde_json::from_str(line).context("cannot read `fim_python.jsonl`")?;
        let case = match one.kind.as_str() {
            "singleline" => one.lines(Kind::SingleLine),
            "multiline" => one.lines(Kind::MultiLine),
            "randomspan" => Ok(one.span()),
            other => Err(anyhow::anyhow!("there is no kind `{other}`")),
        };
        let case = case.with_context(|| format!("case `{}`", one.id))?;
        if case.kind == Kind::SingleLine {
            lines.insert(case.id.clone(), case.clone());
        }
        cases.push(case);
    }
    for line in typed.lines().filter(|line| !line.starts_with('#')) {
        let parts = line.split_once('\t');
        let parts = parts.and_then(|(id, bytes)| Some((id, bytes.parse::<usize>().ok()?)));
        let (id, bytes) = parts.with_context(|| format!("cannot read `{line}` in `typed.tsv`"))?;
        let case = lines
            .get(id)
            .filter(|case| bytes <= case.reference.len() && case.reference.is_char_boundary(bytes))
            .with_context(|| format!("`typed.tsv` does not fit case `{id}`"))?;
        cases.push(typed_case(case, bytes));
    }
    Ok(cases)
}

/// `line` with the first `bytes` of what is missing typed.
fn typed_case(line: &Case, bytes: usize) -> Case {
    let (typed, reference) = line.reference.split_at(bytes);
    Case {
        id: format!("{}+{bytes}", line.id),
        kind: Kind::Typed,
        text: line.with(line.offset_bytes..line.offset_bytes, typed),
        offset_bytes: line.offset_bytes + bytes,
        typed_bytes: bytes,
        reference: reference.to_owned(),
        ..line.clone()
    }
}

fn of_hole(kind: Kind, hole: holes::Hole) -> Case {
    let parts = (
        hole.prefix.as_str(),
        hole.reference.as_str(),
        hole.suffix.as_str(),
    );
    let id = format!("{}/{}", kind.name(), hole.name);
    Case {
        language: if kind == Kind::Rust { "rust" } else { "python" },
        path: hole.path,
        files: hole.files,
        ..Case::new(id, kind, parts, hole.check)
    }
}

/// At most `count` of each of `kinds` (of each at all, if there are none), in an order that is the same on every
/// machine and goes by `seed`; more cases begin with the same ones.
pub fn choose(cases: Vec<Case>, kinds: &[Kind], count: usize, seed: u64) -> Vec<Case> {
    let key = |case: &Case| Sha256::digest(format!("{seed} {}", case.id)).to_vec();
    let mut by_kind: BTreeMap<Kind, Vec<Case>> = BTreeMap::new();
    for case in cases {
        if kinds.is_empty() || kinds.contains(&case.kind) {
            by_kind.entry(case.kind).or_default().push(case);
        }
    }
    by_kind
        .into_values()
        .flat_map(|mut cases| {
            cases.sort_by_cached_key(key);
            cases.truncate(count);
            cases
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use host::RealHost;

    use super::*;

    /// The cases of this repository.
    fn all() -> Vec<Case> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/eval");
        load(&RealHost::new(), &folder).expect("the cases are well formed")
    }

    #[test]
    fn every_kind_has_cases_enough() {
        for kind in Kind::ALL {
            let count = all().iter().filter(|case| case.kind == kind).count();
            assert!(count >= 40, "{} has {count}", kind.name());
        }
    }

    #[test]
    fn typing_leads_to_the_case_it_was_cut_from() {
        let cases = all();
        for case in cases.iter().filter(|case| case.kind == Kind::Typed) {
            let from = case.id.rsplit_once('+').map(|(id, _)| id);
            let line = cases.iter().find(|case| Some(case.id.as_str()) == from);
            let line = line.expect("the line it was cut from");
            let here = |case: &Case| case.with(case.offset_bytes..case.offset_bytes, &case.reference);
            assert_eq!(here(case), here(line));
            assert_eq!(case.offset_bytes - case.typed_bytes, line.offset_bytes);
        }
    }

    #[test]
    fn lines_end_where_the_editor_ends_them() {
        for case in all().iter().filter(|case| case.kind == Kind::MultiLine) {
            assert!(case.text[case.offset_bytes..].starts_with('\n'), "{}", case.id);
            assert!(!case.reference.starts_with(' '), "{}", case.id);
        }
    }

    #[test]
    fn a_larger_choice_begins_with_the_same_cases() {
        let ids = |count, seed| -> Vec<String> {
            let cases = choose(all(), &[Kind::Typed], count, seed);
            cases.into_iter().map(|case| case.id).collect()
        };
        assert_eq!(ids(3, 0), ids(9, 0)[..3]);
        assert_ne!(ids(3, 0), ids(3, 1));
        assert_eq!(choose(all(), &[], 2, 0).len(), 2 * Kind::ALL.len());
    }
}
