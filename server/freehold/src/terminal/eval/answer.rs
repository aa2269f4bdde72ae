//! What Freehold would show in a case: its whole path, from the cursor to the finished suggestion.

use std::ops::Range;
use std::path::Path;

use completion::{Budget, Decision, Document, Features, Neighbour, Progress, Surroundings, Trigger, decide};
use engine::{Engine, Reuse, Usage};
use host::Clock;
use ropey::Rope;

use super::case::Case;
use crate::language_ids::language_id;
use crate::terminal::asking::{prepare, run};
use crate::terminal::interrupt::Interrupt;

/// Characters that are typed at a time where a line is typed.
const STROKE_CHARACTERS: usize = 3;

/// The name of the workspace that the cases lie in.
const WORKSPACE: &str = "solutions";

/// What would be shown in a case.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// The text, and what it replaces; nothing if nothing would be shown.
    pub shown: Option<(Range<usize>, String)>,
    /// What the model wrote, as far as it was read.
    pub raw: String,
    /// What it cost, if an engine was asked.
    pub usage: Usage,
    /// What the language server would judge it by, had the user not asked for it.
    pub features: Option<Features>,
}

/// Whom Freehold asks.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The engine.
    pub engine: &'a dyn Engine,
    /// What times are taken by.
    pub clock: &'a dyn Clock,
    /// Ends a generation early.
    pub interrupt: &'a Interrupt,
}

impl Answer {
    /// The file of `case` as it stands when the answer is taken.
    pub fn taken(&self, case: &Case) -> String {
        match &self.shown {
            Some((range, text)) => case.with(range.clone(), text),
            None => case.text.clone(),
        }
    }
}

/// Asks Freehold in `case`, with everything evaluated in order.
///
/// # Errors
/// When the engine fails or its model cannot fill in the middle.
pub fn fresh(asked: Asked, case: &Case) -> anyhow::Result<Answer> {
    ask(asked, case, &surroundings(case), Reuse::Exact, None)
}

/// Asks Freehold in `case` by way of typing: first where the typed part of the line begins, then after every
/// few characters, each time with what is evaluated already moved to its new place.
///
/// # Errors
/// As [`fresh`].
pub fn typed(asked: Asked, case: &Case) -> anyhow::Result<Answer> {
    let surroundings = surroundings(case);
    let start = case.offset_bytes - case.typed_bytes;
    let typed = &case.text[start..case.offset_bytes];
    let after = &case.text[case.offset_bytes..];
    let before = &case.text[..start];
    let strokes = typed.char_indices().map(|(at, _)| at).step_by(STROKE_CHARACTERS);
    for at in strokes {
        let text = [before, &typed[..at], after].concat();
        let reached = Case {
            offset_bytes: start + at,
            text,
            ..case.clone()
        };
        let reuse = if at == 0 { Reuse::Exact } else { Reuse::Moved };
        // The next key comes before the answer.
        ask(asked, &reached, &surroundings, reuse, Some(1))?;
    }
    ask(asked, case, &surroundings, Reuse::Moved, None)
}

/// The program's other files, as if they were open in the editor beside the one with the cursor.
fn surroundings(case: &Case) -> Surroundings {
    let neighbour = |(path, text): &(String, String)| {
        Neighbour::new(path, language_id(Path::new(path)), Rope::from_str(text))
    };
    Surroundings {
        documents: case.files.iter().map(neighbour).collect(),
        ..Surroundings::default()
    }
}

fn ask(
    asked: Asked,
    case: &Case,
    surroundings: &Surroundings,
    reuse: Reuse,
    tokens_max: Option<u32>,
) -> anyhow::Result<Answer> {
    let Asked {
        engine,
        clock,
        interrupt,
    } = asked;
    interrupt.check()?;
    let text = Rope::from_str(&case.text);
    let document = Document {
        text: &text,
        path: &case.path,
        language: case.language,
        workspace: WORKSPACE,
    };
    let Decision::Offer(shape) = decide(&document, case.offset_bytes, Trigger::Invoked, None) else {
        return Ok(Answer::default());
    };
    let mut prepared = prepare(
        engine,
        &document,
        case.offset_bytes,
        shape,
        surroundings,
        Budget::default(),
    )?;
    prepared.request.reuse = reuse;
    if let Some(tokens_max) = tokens_max {
        prepared.request.tokens_max = tokens_max;
    }
    let mut raw = String::new();
    let (usage, _) = run(
        engine,
        clock,
        prepared.request,
        &mut prepared.finisher,
        &mut |text| {
            raw.push_str(text);
            if interrupt.heard() {
                Progress::Stop
            } else {
                Progress::Continue
            }
        },
    )?;
    interrupt.check()?;
    let (suggestion, features) = prepared.finisher.finish_scored(Trigger::Automatic).unzip();
    let shown = suggestion.map(|suggestion| (suggestion.range, suggestion.text));
    Ok(Answer {
        shown,
        raw,
        usage,
        features,
    })
}
