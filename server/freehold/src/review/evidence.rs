//! What speaks for a change and against it: whether its files still parse, how commands ended.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use changes::{ChangeId, Digest, FileReview, HunkId, OperationKind, Part, Review, Status, WorkspacePath};
use ropey::Rope;
use serde_json::{Value, json};
use syntax::{Limits, Tree};

use super::diagnosing::{Diagnostic, Severity};
use super::materialise::{self, Side};
use super::trial::{Diagnosed, Outcomes, checked_value, diagnosed_value};
use super::view::Shown;
use crate::language_ids::language_id;

/// A longer text is not parsed, in bytes.
const TEXT_BYTES_MAX: usize = 1024 * 1024;
/// So many texts are remembered: those of a change over many files, in several states.
const TEXTS_MAX: usize = 4096;
/// So many new diagnostics are told with a hunk.
const REMARKS_MAX: usize = 3;

/// What becomes of a file's syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// It parses, and would not any more.
    Broken {
        /// Where the first error would be: a line of the proposed text, from 1.
        line: usize,
    },
    /// It does not parse, and would.
    Mended,
}

/// How a text parses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parse {
    /// Nobody can tell: there is no grammar for it, or it is too long.
    Unknown,
    Whole,
    /// The first and the last line of the first error, from 1.
    Error(usize, usize),
}

/// What was found by parsing. Most pictures of a review show the same texts again.
#[derive(Debug, Default)]
pub struct Parsed {
    texts: Mutex<HashMap<(&'static str, Digest), Parse>>,
    /// What was found of each file last.
    files: Mutex<BTreeMap<WorkspacePath, Syntax>>,
}

impl Parsed {
    /// Parses the files of a review, as they are and as they would be. It takes its time when they are many.
    pub fn look(&self, review: &Review) -> BTreeMap<WorkspacePath, Syntax> {
        let of_file = |file: &FileReview| Some((file.path().clone(), self.syntax(file)?));
        let found: BTreeMap<WorkspacePath, Syntax> = review.files().filter_map(of_file).collect();
        locked(&self.files).clone_from(&found);
        found
    }

    /// What was found of a file when it was last looked at: a remark, if there is one.
    fn remark(&self, path: &WorkspacePath) -> Option<String> {
        let syntax = locked(&self.files).get(path).copied()?;
        Some(match syntax {
            Syntax::Broken { line } => format!("the file would not parse any more (line {line})"),
            Syntax::Mended => "the file would parse again".to_owned(),
        })
    }

    fn syntax(&self, file: &FileReview) -> Option<Syntax> {
        let after = file.preview();
        let content = after.content?;
        let language = |path: &WorkspacePath| language_id(Path::new(path.as_str()));
        let before = (language(file.path()), file.text().live());
        self.compare(before, (language(&after.path), content.text()?))
    }

    /// Compares two texts, each in a language.
    fn compare(&self, before: (&'static str, &str), after: (&'static str, &str)) -> Option<Syntax> {
        match (self.parse(before.0, before.1), self.parse(after.0, after.1)) {
            (Parse::Whole, Parse::Error(first, last)) => {
                // What a parser can make nothing of may begin long before what was changed in it.
                let same = before.1.bytes().zip(after.1.bytes());
                let same = same.take_while(|(before, after)| before == after).count();
                let changed = line_at(after.1, same);
                let line = if (first..=last).contains(&changed) {
                    changed
                } else {
                    first
                };
                Some(Syntax::Broken { line })
            }
            (Parse::Error(..), Parse::Whole) => Some(Syntax::Mended),
            _ => None,
        }
    }

    fn parse(&self, language: &'static str, text: &str) -> Parse {
        if text.len() > TEXT_BYTES_MAX || syntax::language(language).grammar.is_none() {
            return Parse::Unknown;
        }
        let key = (language, Digest::of(text.as_bytes()));
        if let Some(&known) = locked(&self.texts).get(&key) {
            return known;
        }
        let parse = parse(language, text);
        let mut texts = locked(&self.texts);
        if texts.len() >= TEXTS_MAX {
            texts.clear();
        }
        texts.insert(key, parse);
        parse
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn parse(language: &str, text: &str) -> Parse {
    let rope = Rope::from_str(text);
    match Tree::parse(syntax::language(language), &rope, &Limits::default()) {
        None => Parse::Unknown,
        Some(tree) if tree.is_whole() => Parse::Whole,
        Some(tree) => {
            let first = tree.errors(1).first().cloned().unwrap_or_default();
            Parse::Error(line_at(text, first.start), line_at(text, first.end))
        }
    }
}

/// The line, from 1, that a byte of a text stands in.
fn line_at(text: &str, byte: usize) -> usize {
    let before = &text.as_bytes()[..byte.min(text.len())];
    before.iter().filter(|&&byte| byte == b'\n').count() + 1
}

/// What is known of the files of a review besides its hunks.
#[derive(Debug)]
pub struct Found {
    syntax: BTreeMap<WorkspacePath, Syntax>,
    /// Stands for the files as they would be, where commands were run against them.
    proposed: Option<String>,
}

impl Found {
    /// Looks at the files of a review. It takes its time when they are many.
    #[must_use]
    pub fn of(shown: &Shown) -> Self {
        let digest = || materialise::digest(&shown.review, Side::Proposed).ok();
        Self {
            syntax: shown.parsed.look(&shown.review),
            proposed: (!shown.trials.is_empty())
                .then(digest)
                .flatten()
                .map(|digest| digest.to_string()),
        }
    }

    /// `outcome` of a command, with a word if what it was run against is not what waits now.
    fn dated(&self, mut outcome: Value, proposed: &str) -> Value {
        if self.proposed.as_deref() != Some(proposed) {
            outcome["stale"] = json!(true);
        }
        outcome
    }
}

/// The evidence for one change.
#[must_use]
pub fn of(shown: &Shown, found: &Found, change: ChangeId) -> Value {
    let review = &shown.review;
    let concerned = |path: &WorkspacePath| {
        let mut hunks = review.hunks().filter(|view| view.file.path() == path);
        hunks.any(|view| view.change == change && matches!(view.part, Part::Text(_)))
    };
    let parse = found.syntax.iter().filter(|(path, _)| concerned(path));
    let parse = parse.map(|(path, syntax)| match syntax {
        Syntax::Broken { line } => json!({ "path": path.as_str(), "syntax": "broken", "line": line }),
        Syntax::Mended => json!({ "path": path.as_str(), "syntax": "mended" }),
    });
    let mut evidence = json!({ "parse": parse.collect::<Vec<Value>>() });
    if let Some(run) = shown.outcomes(change, |outcomes| outcomes.checked.as_ref()) {
        evidence["tests"] = found.dated(checked_value(run), &run.proposed);
    }
    if let Some(run) = shown.outcomes(change, |outcomes| outcomes.diagnosed.as_ref()) {
        evidence["diagnostics"] = found.dated(diagnosed_value(run), &run.proposed);
    }
    evidence
}

impl Shown {
    /// The last outcome for a change, or else for all that waits.
    fn outcomes<T>(&self, change: ChangeId, kind: impl Fn(&Outcomes) -> Option<&T>) -> Option<&T> {
        let found = |of: Option<ChangeId>| self.trials.get(&of).and_then(&kind);
        found(Some(change)).or_else(|| found(None))
    }
}

/// What there is to remark about the hunks of a file besides what they do: that it would not parse, what a
/// command says of their lines that it did not say before.
#[must_use]
pub fn remarks(shown: &Shown, path: &WorkspacePath) -> BTreeMap<HunkId, Vec<String>> {
    let mut remarks: BTreeMap<HunkId, Vec<String>> = BTreeMap::new();
    let syntax = shown.parsed.remark(path);
    for (change, places) in places(&shown.review, path) {
        for (hunk, _) in &places {
            remarks.entry(*hunk).or_default().extend(syntax.clone());
        }
        if let Some(run) = shown.outcomes(change, |outcomes| outcomes.diagnosed.as_ref()) {
            for (hunk, new) in new_at(&shown.review, path, &places, run) {
                let known = remarks.entry(hunk).or_default();
                known.extend(new.iter().take(REMARKS_MAX).map(|said| word(said)));
                if new.len() > REMARKS_MAX {
                    known.push(format!("{} more that are new", new.len() - REMARKS_MAX));
                }
            }
        }
    }
    remarks
}

fn word(said: &Diagnostic) -> String {
    match said.severity {
        Severity::Error => format!("new error: {}", said.message),
        Severity::Warning => format!("new warning: {}", said.message),
        Severity::Unsaid => format!("new: {}", said.message),
    }
}

/// The hunks of text of a change in a file, and their lines in the proposed text, from 1.
type Places = Vec<(HunkId, Range<usize>)>;

fn places(review: &Review, path: &WorkspacePath) -> BTreeMap<ChangeId, Places> {
    let mut places: BTreeMap<ChangeId, Places> = BTreeMap::new();
    let lines = |text: &str| text.split_inclusive('\n').count();
    // Lines of the live text up to `at`, those that hunks bring and those that they take away.
    let (mut at, mut live_lines, mut added, mut removed) = (0, 0, 0, 0);
    for view in review.hunks().filter(|view| view.file.path() == path) {
        let Part::Text(hunk) = view.part else { continue };
        let live = view.file.text().live();
        let start = hunk.range().start;
        live_lines += live[at..start.max(at)].matches('\n').count();
        at = at.max(start);
        let first = (live_lines + added + 1).saturating_sub(removed);
        let count = lines(hunk.proposed());
        let known = places.entry(view.change).or_default();
        known.push((view.id, first..first + count.max(1)));
        if view.status == Status::Ready {
            added += count;
            removed += lines(hunk.base());
        }
    }
    places
}

/// What is new on the lines that hunks bring; what is new on other lines of the file is told at its first hunk.
fn new_at<'a>(
    review: &Review,
    path: &WorkspacePath,
    places: &Places,
    run: &'a Diagnosed,
) -> BTreeMap<HunkId, Vec<&'a Diagnostic>> {
    let operations = review.file(path).map_or(&[][..], FileReview::operations);
    let moved = operations.iter().find_map(|operation| match operation.kind() {
        OperationKind::Rename(to) => Some(to),
        _ => None,
    });
    let path = moved.unwrap_or(path).as_str();
    let mut found: BTreeMap<HunkId, Vec<&Diagnostic>> = BTreeMap::new();
    for said in run.new.iter().filter(|said| said.path == path) {
        let line = usize::try_from(said.line).unwrap_or(usize::MAX);
        let here = places.iter().find(|(_, lines)| lines.contains(&line));
        if let Some((hunk, _)) = here.or(places.first()) {
            found.entry(*hunk).or_default().push(said);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_broken_where_it_was_changed_or_mended() {
        let broken = |line| Some(Syntax::Broken { line });
        let cases = [
            ("rust", "fn f() {}\n", "fn f() {}\nfn g() {}\n", None),
            ("rust", "fn f() {}\n", "fn f() {}\nfn g( {}\n", broken(2)),
            ("rust", "", "fn f() {\n    g(\n}\n", broken(2)),
            ("rust", "fn f( {}\n", "fn f() {}\n", Some(Syntax::Mended)),
            ("rust", "fn f( {}\n", "fn g( {}\n", None),
            ("python", "a = 1\n", "a = 1\nb = (\n", broken(2)),
            // The parser gives up all of it, from its first line on.
            (
                "json",
                "{\n  \"a\": 1,\n  \"b\": 2\n}\n",
                "{\n  \"a\": 1,\n  \"b\" 2\n}\n",
                broken(3),
            ),
            ("json", "{\n  \"a\": 1\n}\n", "{\n  \"a\": 1,\n}\n]\n", broken(2)),
            ("plaintext", "()", "(", None),
            ("haskell", "()", "(", None),
        ];
        let parsed = Parsed::default();
        for (language, before, after, expected) in cases {
            // The second time it is remembered.
            for _ in 0..2 {
                let found = parsed.compare((language, before), (language, after));
                assert_eq!(found, expected, "{language} {before:?} {after:?}");
            }
        }
        let long = "(".repeat(TEXT_BYTES_MAX + 1);
        assert_eq!(parsed.compare(("rust", ""), ("rust", &long)), None);
    }
}
