//! What `freehold complete --json` prints.

use std::time::Duration;

use ropey::Rope;
use serde::Serialize;
use serde_json::json;

use super::Outcome;
use super::source::Source;
use crate::terminal::place::Place;

/// How long each step took.
#[derive(Debug, Default)]
pub(super) struct Times {
    pub(super) attach: Duration,
    pub(super) load: Duration,
    pub(super) total: Duration,
}

/// What `--json` prints.
pub(super) fn report(source: &Source, place: &Place, outcome: &Outcome, times: &Times) -> serde_json::Value {
    let range = outcome.suggestion.as_ref().map(|suggestion| {
        json!({
            "start": position(&source.text, suggestion.range.start),
            "end": position(&source.text, suggestion.range.end),
        })
    });
    json!({
        "file": place.file,
        "suggestion": outcome.suggestion.as_ref().map(|suggestion| &suggestion.text),
        "range": range,
        "silent": outcome.silent,
        "model": outcome.model,
        "usage": outcome.usage,
        "milliseconds": {
            "attach": milliseconds(times.attach),
            "load": milliseconds(times.load),
            "first_token": outcome.first_token.map(milliseconds),
            "total": milliseconds(times.total),
        },
    })
}

#[derive(Debug, Serialize)]
struct Position {
    line: usize,
    column: usize,
    offset_bytes: usize,
}

/// A place as people count: from 1, columns in characters.
fn position(text: &Rope, offset_bytes: usize) -> Position {
    let line = text.byte_to_line(offset_bytes);
    let column = text.byte_to_char(offset_bytes) - text.line_to_char(line) + 1;
    Position {
        line: line + 1,
        column,
        offset_bytes,
    }
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e5).round() / 100.0
}
