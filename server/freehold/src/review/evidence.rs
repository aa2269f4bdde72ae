//! What speaks for a change and against it: whether its files still parse, how commands ended.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use changes::{ChangeId, Digest, FileReview, HunkView, Part, Review, Status, WorkspacePath};
use ropey::Rope;
use serde_json::{Value, json};
use syntax::{Limits, Tree};

use super::diagnosing::{Diagnostic, Severity};
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

    /// What was found of the file of a hunk when it was last looked at: a remark, if there is one.
    fn remark(&self, view: &HunkView) -> Option<String> {
        let syntax = locked(&self.files).get(view.file.path()).copied()?;
        matches!(view.part, Part::Text(_)).then(|| match syntax {
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

/// The evidence for one change; `parsed` is what its files were found to be.
#[must_use]
pub fn of(shown: &Shown, parsed: &BTreeMap<WorkspacePath, Syntax>, change: ChangeId) -> Value {
    let review = &shown.review;
    let concerned = |path: &WorkspacePath| {
        let mut hunks = review.hunks().filter(|view| view.file.path() == path);
        hunks.any(|view| view.change == change && matches!(view.part, Part::Text(_)))
    };
    let parse = parsed.iter().filter(|(path, _)| concerned(path));
    let parse = parse.map(|(path, syntax)| match syntax {
        Syntax::Broken { line } => json!({ "path": path.as_str(), "syntax": "broken", "line": line }),
        Syntax::Mended => json!({ "path": path.as_str(), "syntax": "mended" }),
    });
    let mut evidence = json!({ "parse": parse.collect::<Vec<Value>>() });
    if let Some(run) = shown.outcomes(change, |outcomes| outcomes.checked.as_ref()) {
        evidence["tests"] = checked_value(run);
    }
    if let Some(run) = shown.outcomes(change, |outcomes| outcomes.diagnosed.as_ref()) {
        evidence["diagnostics"] = diagnosed_value(run);
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

/// What there is to remark about a hunk besides what it does: that its file would not parse, what a command
/// says of its lines that it did not say before.
#[must_use]
pub fn remarks(shown: &Shown, view: &HunkView) -> Vec<String> {
    if !matches!(view.part, Part::Text(_)) {
        return Vec::new();
    }
    let mut remarks: Vec<String> = shown.parsed.remark(view).into_iter().collect();
    if let Some(run) = shown.outcomes(view.change, |outcomes| outcomes.diagnosed.as_ref()) {
        let new = new_at(shown, view, run);
        let word = |said: &&Diagnostic| match said.severity {
            Severity::Error => format!("new error: {}", said.message),
            Severity::Warning => format!("new warning: {}", said.message),
            Severity::Unsaid => format!("new: {}", said.message),
        };
        remarks.extend(new.iter().take(REMARKS_MAX).map(word));
        if new.len() > REMARKS_MAX {
            remarks.push(format!("{} more that are new", new.len() - REMARKS_MAX));
        }
    }
    remarks
}

/// What is new on the lines that a hunk brings; what is new on lines of no hunk is told at the file's first.
fn new_at<'a>(shown: &Shown, view: &HunkView, run: &'a Diagnosed) -> Vec<&'a Diagnostic> {
    let path = view.file.preview().path;
    let new = run.new.iter().filter(|said| said.path == path.as_str());
    let new: Vec<&Diagnostic> = new.collect();
    if new.is_empty() {
        return new;
    }
    let live = view.file.text().live();
    let count = |text: &str| text.split_inclusive('\n').count();
    let ends = |text: &str| text.matches('\n').count();
    // The lines of each hunk in the proposed text, from 1.
    let (mut added, mut removed) = (0, 0);
    let mut places = Vec::new();
    let hunks = shown.review.hunks();
    for other in hunks.filter(|other| other.file.path() == view.file.path()) {
        let Part::Text(hunk) = other.part else { continue };
        let start = (ends(&live[..hunk.range().start]) + added + 1).saturating_sub(removed);
        let lines = count(hunk.proposed());
        places.push((other.id, start..start + lines.max(1)));
        if other.status == Status::Ready {
            added += lines;
            removed += count(hunk.base());
        }
    }
    let first = places.first().map(|(id, _)| *id);
    let is_here = |said: &&Diagnostic| {
        let line = usize::try_from(said.line).unwrap_or(usize::MAX);
        let at = places.iter().find(|(_, lines)| lines.contains(&line));
        at.map(|(id, _)| *id).or(first) == Some(view.id)
    };
    new.into_iter().filter(is_here).collect()
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
