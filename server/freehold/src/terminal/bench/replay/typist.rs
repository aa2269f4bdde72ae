//! The simulated user's hands: a trace as keys, the text they make, and what they are about to type.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use super::chance::Chance;
use super::trace::{Event, Rhythm, Trace};

/// Somebody who types a trace.
#[derive(Debug, Clone)]
pub struct Typist {
    text: String,
    /// In bytes.
    cursor: usize,
    strokes: VecDeque<Stroke>,
    /// Characters typed by mistake and not taken back yet.
    slipped: usize,
    rhythm: Rhythm,
    chance: Chance,
}

#[derive(Debug, Clone)]
struct Stroke {
    /// Besides the usual time from key to key.
    pause: Duration,
    act: Act,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Act {
    At { line: usize, column: usize },
    Type(String),
    Slip(String),
    TakeBack,
    Erase,
    Rest,
}

/// What a key did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// The cursor moved.
    Moved,
    /// The text changed.
    Changed(Edit),
    /// Nothing: the trace ends with a pause.
    Rested,
}

/// A change of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What was replaced, in bytes of the text before.
    pub range: Range<usize>,
    /// By what.
    pub text: String,
}

impl Typist {
    /// Somebody who is about to type `trace`.
    pub fn new(trace: &Trace) -> Self {
        let mut strokes = VecDeque::new();
        let mut pause = Duration::ZERO;
        for event in &trace.events {
            if let Event::Pause(time) = event {
                pause += *time;
                continue;
            }
            for act in acts(event) {
                strokes.push_back(Stroke {
                    pause: std::mem::take(&mut pause),
                    act,
                });
            }
        }
        if !pause.is_zero() {
            strokes.push_back(Stroke {
                pause,
                act: Act::Rest,
            });
        }
        Self {
            text: trace.text.clone(),
            cursor: 0,
            strokes,
            slipped: 0,
            rhythm: trace.rhythm,
            chance: Chance::new(trace.seed),
        }
    }

    /// The text as it stands.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The cursor, in bytes.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// How long the user waits before the next key; nothing if the trace is over.
    pub fn gap(&mut self) -> Option<Duration> {
        let pause = self.strokes.front()?.pause;
        Some(pause + self.chance.gap(self.rhythm.median()))
    }

    /// The next key.
    pub fn press(&mut self) -> Option<Done> {
        let stroke = self.strokes.pop_front()?;
        Some(match stroke.act {
            Act::At { line, column } => {
                self.cursor = offset(&self.text, line, column);
                Done::Moved
            }
            Act::Type(text) => Done::Changed(self.insert(&text)),
            Act::Slip(text) => {
                self.slipped += 1;
                Done::Changed(self.insert(&text))
            }
            Act::TakeBack => {
                self.slipped -= 1;
                Done::Changed(self.erase())
            }
            Act::Erase => Done::Changed(self.erase()),
            Act::Rest => Done::Rested,
        })
    }

    /// What the user means to type at the cursor before doing anything else: slips to come are not meant.
    /// Nothing while one is being taken back.
    pub fn wanted(&self) -> String {
        if self.slipped > 0 {
            return String::new();
        }
        let mut wanted = String::new();
        for stroke in &self.strokes {
            match &stroke.act {
                Act::Type(text) => wanted += text,
                Act::Slip(_) | Act::TakeBack => {}
                Act::At { .. } | Act::Erase | Act::Rest => break,
            }
        }
        wanted
    }

    /// Takes `accepted`, which [`Typist::wanted`] begins with, into the text without typing it.
    pub fn accept(&mut self, accepted: &str) -> Edit {
        let mut left = accepted.len();
        while left > 0 {
            let Some(stroke) = self.strokes.front_mut() else {
                break;
            };
            match &mut stroke.act {
                Act::Type(text) if text.len() > left => {
                    text.drain(..left);
                    left = 0;
                }
                Act::Type(text) => {
                    left -= text.len();
                    self.strokes.pop_front();
                }
                Act::Slip(_) | Act::TakeBack => {
                    self.strokes.pop_front();
                }
                Act::At { .. } | Act::Erase | Act::Rest => break,
            }
        }
        self.insert(accepted)
    }

    fn insert(&mut self, text: &str) -> Edit {
        let range = self.cursor..self.cursor;
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
        let text = text.to_owned();
        Edit { range, text }
    }

    fn erase(&mut self) -> Edit {
        let last = self.text[..self.cursor].chars().next_back();
        let start = self.cursor - last.map_or(0, char::len_utf8);
        let range = start..self.cursor;
        self.text.replace_range(range.clone(), "");
        self.cursor = start;
        Edit {
            range,
            text: String::new(),
        }
    }
}

fn acts(event: &Event) -> Vec<Act> {
    let keys = |text: &str, act: fn(String) -> Act| keys(text).into_iter().map(act).collect::<Vec<_>>();
    match event {
        Event::Pause(_) => Vec::new(),
        Event::At { line, column } => vec![Act::At {
            line: *line,
            column: *column,
        }],
        Event::Type(text) => keys(text, Act::Type),
        Event::Slip(text) => {
            let mut acts = keys(text, Act::Slip);
            acts.extend(vec![Act::TakeBack; acts.len()]);
            acts
        }
        Event::Erase(count) => vec![Act::Erase; *count],
    }
}

/// What each key types: one character, a line break with the indentation that editors add.
fn keys(text: &str) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for character in text.chars() {
        match keys.last_mut() {
            Some(last) if last.starts_with('\n') && matches!(character, ' ' | '\t') => last.push(character),
            _ => keys.push(character.to_string()),
        }
    }
    keys
}

/// The place of a line and column, both counted from 1, in bytes; past the end it is the end.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let rest = text[start..].split('\n').next().unwrap_or_default();
    let before = rest.chars().take(column - 1).map(char::len_utf8).sum::<usize>();
    start + before
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typist(events: &str) -> Typist {
        let head =
            "freehold trace 1\nname a\nlanguage rust\npath a.rs\nrhythm fast\nseed 7\ntext 2\nab\ncd\n";
        Typist::new(&Trace::parse(&format!("{head}{events}")).expect("a trace"))
    }

    fn to_the_end(mut typist: Typist) -> String {
        while typist.press().is_some() {}
        typist.text
    }

    #[test]
    fn keys_make_the_text() {
        let typist = typist("at 2:2\ntype x\\n    yz\nslip qq\ntype é\nat 1:3\nerase 2\ntype k\npause 9\n");
        assert_eq!(to_the_end(typist), "k\ncx\n    yzéd\n");
    }

    #[test]
    fn a_slip_is_not_wanted_and_while_it_stands_nothing_is() {
        let mut typist = typist("at 2:2\ntype let\nslip qq\ntype  it\nat 1:1\ntype no\n");
        typist.press();
        assert_eq!(typist.wanted(), "let it");
        for _ in 0..4 {
            typist.press();
        }
        assert_eq!(typist.wanted(), "");
        for _ in 0..3 {
            typist.press();
        }
        assert_eq!(typist.wanted(), " it");
    }

    #[test]
    fn what_is_accepted_need_not_be_typed() {
        for accepted in ["", "le", "let it", "let\n", "let"] {
            let mut typist = typist("at 2:2\ntype let\nslip q\ntype \\n   it\nat 1:1\ntype no\n");
            typist.press();
            let accepted = if typist.wanted().starts_with(accepted) {
                accepted
            } else {
                ""
            };
            typist.accept(accepted);
            assert_eq!(to_the_end(typist), "noab\nclet\n   itd\n", "{accepted}");
        }
    }

    #[test]
    fn every_trace_of_the_project_can_be_typed() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/replay/traces");
        let host = host::RealHost::new();
        let traces = super::super::load(&host, &folder).expect("they can be read");
        let mut languages: Vec<_> = traces.iter().map(|trace| trace.language.as_str()).collect();
        languages.sort_unstable();
        languages.dedup();
        assert!(traces.len() >= 60 && languages.len() >= 6, "{languages:?}");
        for trace in &traces {
            let keys = Typist::new(trace).strokes.len();
            assert!((40..=140).contains(&keys), "{} has {keys} keys", trace.name);
            assert!(
                to_the_end(Typist::new(trace)).len() > trace.text.len(),
                "{}",
                trace.name
            );
        }
    }
}
