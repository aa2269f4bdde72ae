//! What the model is shown at a place, written down for a person: each part, where it comes from, how long it
//! is, and what was left out.

use std::fmt::Write as _;

use engine::{Request, Segment};

use super::event::{Job, Outcome};
use super::suggest::prepare;

/// Bytes of source code to a token, for an estimate.
const BYTES_PER_TOKEN: f64 = 3.3;

/// Tells what the model would be shown for `job`.
///
/// # Errors
/// Says why it would not be asked.
pub fn show(job: &Job) -> Result<String, String> {
    let prepared = prepare(job).map_err(|outcome| match outcome {
        Outcome::Silent => "this is no place for a suggestion".to_owned(),
        Outcome::CannotInfill => "the model was not taught to fill in code; choose another model".to_owned(),
        Outcome::Failed(failure) => failure.to_string(),
        Outcome::Suggestion(..) | Outcome::Nothing | Outcome::Warmed(_) => {
            "there is nothing to show".to_owned()
        }
    })?;
    let mut text = format!(
        "# Prompt for {} at {}\n\n",
        shown_model(&prepared.description.model),
        job.path
    );
    text.push_str(&write(&prepared.context, &prepared.request));
    Ok(text)
}

fn shown_model(model: &str) -> &str {
    if model.is_empty() { "the model" } else { model }
}

/// The parts of `context`, and the prompt that `request` makes of them.
#[must_use]
pub fn write(context: &completion::Context, request: &Request) -> String {
    let mut text = String::new();
    for part in context.parts() {
        heading(&mut text, part.origin.reason(), &part.path, &part.text);
    }
    for left_out in context.left_out() {
        let _ = writeln!(text, "- left out, `{}`: {}", left_out.path, left_out.why.reason());
    }
    let whole: String = request.prompt.iter().map(shown_segment).collect();
    let _ = write!(text, "\n## The prompt as it is sent\n\n{}\n", fenced(&whole));
    text
}

fn heading(text: &mut String, origin: &str, path: &str, part: &str) {
    let _ = writeln!(
        text,
        "- {origin}, `{path}`: {} characters, about {} tokens",
        part.chars().count(),
        tokens(part)
    );
}

/// What a person reads of a segment; special tokens stand as they are named.
fn shown_segment(segment: &Segment) -> &str {
    match segment {
        Segment::Text(text) | Segment::Open(text) | Segment::Token(text) | Segment::Template(text) => text,
    }
}

fn tokens(text: &str) -> usize {
    (text.len() as f64 / BYTES_PER_TOKEN).ceil() as usize
}

/// `text` between fences that do not occur in it.
fn fenced(text: &str) -> String {
    let longest = text
        .split(|character| character != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}\n{text}\n{fence}")
}
