//! One run over the cases: every side answers each, and every answer is checked.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::Engine;
use host::{Clock, Host};
use serde_json::json;

use super::answer::{self, Answer};
use super::case::{Case, Kind};
use super::check::Checker;
use super::sandbox::Ended;
use super::scores::{Scores, Side};
use crate::terminal::peer::infill::{self, Document};
use crate::terminal::peer::server::PeerServer;

/// Who is asked.
#[derive(Clone, Copy)]
pub struct Subjects<'a> {
    /// Freehold's engine.
    pub engine: &'a dyn Engine,
    /// The peer, if it is asked too.
    pub peer: Option<&'a PeerServer>,
    /// Whether typed lines are also reached by typing.
    pub incremental: bool,
    /// Seed of the peer's draw.
    pub seed: u32,
}

/// A run: what has come of it so far.
pub struct Run<'a> {
    subjects: Subjects<'a>,
    scores: Scores,
    tallies: BTreeMap<Side, Tally>,
    answers: String,
}

/// What is counted besides passes.
#[derive(Debug, Default)]
struct Tally {
    cases: u32,
    nothing_shown: u32,
    out_of_time: u32,
    evaluated_tokens: u64,
    time: Duration,
}

impl<'a> Run<'a> {
    /// A run in which nobody has been asked yet.
    pub fn new(subjects: Subjects<'a>) -> Self {
        Self {
            subjects,
            scores: Scores::default(),
            tallies: BTreeMap::new(),
            answers: String::new(),
        }
    }

    /// Asks every side in every case, and says on standard error how it goes.
    ///
    /// # Errors
    /// When an engine or the sandbox fails; what was found out before is kept.
    pub fn answer_all(&mut self, host: &dyn Host, checker: &Checker, cases: &[Case]) -> anyhow::Result<()> {
        for (index, case) in cases.iter().enumerate() {
            let mut line = format!("{}/{} {}", index + 1, cases.len(), case.id);
            for side in Side::ALL {
                let started = host.monotonic();
                let Some(answer) = self.ask(host, side, case)? else {
                    continue;
                };
                let time = host.monotonic() - started;
                let ended = checker.check(case, &answer.taken(case))?;
                self.record(case, side, &answer, ended, time);
                let word = if ended == Ended::Passed { "pass" } else { "fail" };
                line += &format!("  {} {word}", side.name());
            }
            eprintln!("{line}");
        }
        Ok(())
    }

    /// The outcomes so far.
    pub fn scores(&self) -> &Scores {
        &self.scores
    }

    /// Every answer so far, as lines of JSON.
    pub fn answers(&self) -> &str {
        &self.answers
    }

    /// What else was counted, side by side.
    pub fn notes(&self) -> String {
        let mut text = String::from("\n");
        for (side, tally) in &self.tallies {
            let cases = f64::from(tally.cases.max(1));
            text += &format!(
                "{}: {:.2} s a case, nothing shown in {}, program too slow in {}",
                side.name(),
                tally.time.as_secs_f64() / cases,
                tally.nothing_shown,
                tally.out_of_time
            );
            if tally.evaluated_tokens > 0 {
                let tokens = tally.evaluated_tokens as f64 / cases;
                text += &format!(", {tokens:.0} tokens of the last prompt evaluated");
            }
            text.push('\n');
        }
        text
    }

    /// What `side` would show; nothing if it is not asked in such a case.
    fn ask(&self, clock: &dyn Clock, side: Side, case: &Case) -> anyhow::Result<Option<Answer>> {
        let Subjects {
            engine,
            peer,
            incremental,
            seed,
        } = self.subjects;
        match (side, peer) {
            (Side::Freehold, _) => answer::fresh(engine, clock, case).map(Some),
            (Side::Peer, Some(peer)) => ask_peer(peer, case, seed).map(Some),
            (Side::Incremental, _) if incremental && case.kind == Kind::Typed => {
                answer::typed(engine, clock, case).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn record(&mut self, case: &Case, side: Side, answer: &Answer, ended: Ended, time: Duration) {
        let passed = ended == Ended::Passed;
        self.scores.record(case, side, passed);
        let tally = self.tallies.entry(side).or_default();
        tally.cases += 1;
        tally.nothing_shown += u32::from(answer.shown.is_none());
        tally.out_of_time += u32::from(ended == Ended::OutOfTime);
        tally.evaluated_tokens += u64::from(answer.usage.evaluated_tokens);
        tally.time += time;
        let shown = answer.shown.as_ref();
        let line = json!({
            "id": case.id,
            "kind": case.kind.name(),
            "side": side.name(),
            "passed": passed,
            "before": case.text[..case.offset_bytes],
            "shown": shown.map(|(_, text)| text),
            "replaced": shown.map_or("", |(range, _)| &case.text[range.clone()]),
            "raw": answer.raw,
            "after": case.text[case.offset_bytes..],
            "reference": case.reference,
            "usage": answer.usage,
        });
        self.answers += &format!("{line}\n");
    }
}

/// What the peer would show: asked by hand, with the case's other files open in the editor.
fn ask_peer(peer: &PeerServer, case: &Case, seed: u32) -> anyhow::Result<Answer> {
    let document = Document::new(&case.text, case.offset_bytes);
    let chunks: Vec<_> = case
        .files
        .iter()
        .map(|(path, text)| json!({ "text": text, "time": 0, "filename": path }))
        .collect();
    let answer = peer.infill(&document.window().body(&chunks, Some(seed)))?;
    let contents = infill::contents(&answer);
    let suggestions = document.suggestions(&contents);
    let here = case.offset_bytes..case.offset_bytes;
    Ok(Answer {
        shown: suggestions
            .first()
            .map(|suggestion| (here, document.inserted(suggestion))),
        raw: contents.into_iter().next().unwrap_or_default(),
        ..Answer::default()
    })
}
