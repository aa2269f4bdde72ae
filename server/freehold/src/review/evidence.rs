//! What speaks for a change and against it: whether its files still parse, how commands ended.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use changes::{ChangeId, Digest, FileReview, HunkView, Part, Review, WorkspacePath};
use ropey::Rope;
use serde_json::{Value, json};
use syntax::{Limits, Tree};

use super::view::{Shown, checked};
use crate::language_ids::language_id;

/// A longer text is not parsed, in bytes.
const TEXT_BYTES_MAX: usize = 1024 * 1024;
/// So many texts are remembered: those of a change over many files, in several states.
const TEXTS_MAX: usize = 4096;

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
    /// The line of the first error, from 1.
    Error(usize),
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
    #[must_use]
    pub fn remark(&self, view: &HunkView) -> Option<String> {
        let syntax = locked(&self.files).get(view.file.path()).copied()?;
        matches!(view.part, Part::Text(_)).then(|| match syntax {
            Syntax::Broken { line } => format!("the file would not parse any more (line {line})"),
            Syntax::Mended => "the file would parse again".to_owned(),
        })
    }

    fn syntax(&self, file: &FileReview) -> Option<Syntax> {
        let after = file.preview();
        let content = after.content?;
        let (before, text) = (file.text().live(), content.text()?);
        let parse =
            |path: &WorkspacePath, text: &str| self.parse(language_id(Path::new(path.as_str())), text);
        match (parse(file.path(), before), parse(&after.path, text)) {
            (Parse::Whole, Parse::Error(line)) => Some(Syntax::Broken { line }),
            (Parse::Error(_), Parse::Whole) => Some(Syntax::Mended),
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
            let first = tree.errors(1).first().map_or(0, |error| error.start);
            Parse::Error(text[..first.min(text.len())].matches('\n').count() + 1)
        }
    }
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
    let run = shown
        .checked
        .get(&Some(change))
        .or_else(|| shown.checked.get(&None));
    if let Some(run) = run {
        evidence["tests"] = checked(run);
    }
    evidence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_parses_or_the_first_error_has_a_line() {
        let cases = [
            ("rust", "fn f() {}\n", Parse::Whole),
            ("rust", "fn f() {}\nfn g( {}\n", Parse::Error(2)),
            ("python", "a = 1\nb = (\n", Parse::Error(2)),
            ("json", "{\n  \"a\": 1,\n}\n]\n", Parse::Error(2)),
            ("plaintext", "((((", Parse::Unknown),
            ("haskell", "((((", Parse::Unknown),
        ];
        let parsed = Parsed::default();
        for (language, text, expected) in cases {
            // The second time it is remembered.
            for _ in 0..2 {
                assert_eq!(parsed.parse(language, text), expected, "{language} {text:?}");
            }
        }
        assert_eq!(
            parsed.parse("rust", &"(".repeat(TEXT_BYTES_MAX + 1)),
            Parse::Unknown
        );
    }
}
