//! What speaks for a change and against it: whether its files still parse, how commands ended.
//!
//! Grammars are not at hand yet, so that a file parses is judged by its brackets alone: [`Parse`] says so.

use changes::{ChangeId, FileReview, Overlaid, Part, Review};
use serde_json::{Value, json};

use super::view::{Shown, checked};

/// What is known of how a file parses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parse {
    /// As well as before.
    Same,
    /// Brackets that were closed before are not any more.
    Broken,
    /// Brackets are closed that were not before.
    Mended,
}

/// The evidence for one change.
#[must_use]
pub fn of(shown: &Shown, change: ChangeId) -> Value {
    let review = &shown.review;
    let concerned = |file: &&FileReview| {
        let mut hunks = review.hunks().filter(|view| view.file.path() == file.path());
        hunks.any(|view| view.change == change && matches!(view.part, Part::Text(_)))
    };
    let parse = review.files().filter(concerned).filter_map(|file| {
        let parse = parse(review, file)?;
        let verdict = match parse {
            Parse::Same => return None,
            Parse::Broken => "broken",
            Parse::Mended => "mended",
        };
        Some(json!({ "path": file.path().as_str(), "brackets": verdict }))
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

/// How a file would parse, against how it does.
fn parse(review: &Review, file: &FileReview) -> Option<Parse> {
    let Overlaid::File { content, .. } = review.overlay(file.path()) else {
        return None;
    };
    let (before, after) = (balanced(file.text().live()), balanced(content.text()?));
    Some(match (before, after) {
        (true, false) => Parse::Broken,
        (false, true) => Parse::Mended,
        (true, true) | (false, false) => Parse::Same,
    })
}

/// Whether as many brackets of each kind are closed as are opened.
fn balanced(text: &str) -> bool {
    let mut open = [0_i64; 3];
    for byte in text.bytes() {
        match byte {
            b'(' => open[0] += 1,
            b')' => open[0] -= 1,
            b'[' => open[1] += 1,
            b']' => open[1] -= 1,
            b'{' => open[2] += 1,
            b'}' => open[2] -= 1,
            _ => {}
        }
    }
    open == [0; 3]
}
