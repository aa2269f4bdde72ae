//! One run over the cases: every side answers each, and every answer is checked.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::bail;
use completion::Gate;
use engine::Engine;
use host::Host;
use serde_json::json;

use super::answer::{self, Answer, Asked};
use super::case::{Case, Kind};
use super::check::Checker;
use super::ledger::Ledger;
use super::sandbox::Ended;
use super::scores::Side;
use crate::terminal::interrupt::Interrupt;
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
    /// Ends the run.
    pub interrupt: &'a Interrupt,
}

/// Which sides are asked in a case: with a `peer` if there is one, and `incremental` where a line is typed.
pub fn sides(case: &Case, peer: bool, incremental: bool) -> Vec<Side> {
    let is_asked = |side: &Side| match side {
        Side::Freehold => true,
        Side::Incremental => incremental && case.kind == Kind::Typed,
        Side::Peer => peer,
    };
    Side::ALL.into_iter().filter(is_asked).collect()
}

/// A run: what it has counted so far.
pub struct Run<'a> {
    subjects: Subjects<'a>,
    tallies: BTreeMap<Side, Tally>,
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
            tallies: BTreeMap::new(),
        }
    }

    /// Asks every side in every case for what `ledger` lacks, keeps it there, and says on standard error how it
    /// goes.
    ///
    /// # Errors
    /// When an engine or the sandbox fails, or the run is interrupted; what was found out before is kept.
    pub fn answer_all(
        &mut self,
        host: &dyn Host,
        checker: &Checker,
        cases: &[Case],
        ledger: &mut Ledger,
    ) -> anyhow::Result<()> {
        for (index, case) in cases.iter().enumerate() {
            let mut line = format!("{}/{} {}", index + 1, cases.len(), case.id);
            let Subjects {
                peer, incremental, ..
            } = self.subjects;
            let mut wanted = sides(case, peer.is_some(), incremental);
            wanted.retain(|side| ledger.lacks(case, *side));
            for &side in &wanted {
                let started = host.monotonic();
                let answer = self.ask(host, side, case)?;
                let time = host.monotonic() - started;
                let ended = checker.check(case, &answer.taken(case))?;
                // The signal may have ended the program too: that says nothing of it.
                self.subjects.interrupt.check()?;
                self.count(side, &answer, ended, time);
                let passed = ended == Ended::Passed;
                let model = &ledger.scores().subject().model;
                let record = record(case, side, &answer, passed, model);
                ledger.keep(case, side, passed, &record)?;
                let word = if passed { "pass" } else { "fail" };
                line += &format!("  {} {word}", side.name());
            }
            if !wanted.is_empty() {
                eprintln!("{line}");
            }
        }
        Ok(())
    }

    /// What else was counted, side by side.
    pub fn notes(&self) -> String {
        let mut text = String::new();
        for (side, tally) in &self.tallies {
            let cases = f64::from(tally.cases.max(1));
            text += &format!(
                "{}: {} cases in this run, {:.2} s a case, nothing shown in {}, program too slow in {}",
                side.name(),
                tally.cases,
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

    /// What `side` would show.
    fn ask(&self, host: &dyn Host, side: Side, case: &Case) -> anyhow::Result<Answer> {
        let Subjects {
            engine,
            peer,
            seed,
            interrupt,
            ..
        } = self.subjects;
        let asked = Asked {
            engine,
            clock: host,
            interrupt,
        };
        match (side, peer) {
            (Side::Incremental, _) => answer::typed(asked, case),
            (Side::Peer, Some(peer)) => ask_peer(peer, case, seed, interrupt),
            (Side::Peer, None) => bail!("there is no peer to ask"),
            (Side::Freehold, _) => answer::fresh(asked, case),
        }
    }

    fn count(&mut self, side: Side, answer: &Answer, ended: Ended, time: Duration) {
        let tally = self.tallies.entry(side).or_default();
        tally.cases += 1;
        tally.nothing_shown += u32::from(answer.shown.is_none());
        tally.out_of_time += u32::from(ended == Ended::OutOfTime);
        tally.evaluated_tokens += u64::from(answer.usage.evaluated_tokens);
        tally.time += time;
    }
}

/// An answer as a line of JSON.
fn record(case: &Case, side: Side, answer: &Answer, passed: bool, model: &str) -> String {
    let shown = answer.shown.as_ref();
    let gate = Gate::default();
    json!({
        "id": case.id,
        "kind": case.kind.name(),
        "side": side.name(),
        "model": model,
        "passed": passed,
        "before": case.text[..case.offset_bytes],
        "shown": shown.map(|(_, text)| text),
        "replaced": shown.map_or("", |(range, _)| &case.text[range.clone()]),
        "raw": answer.raw,
        "after": case.text[case.offset_bytes..],
        "reference": case.reference,
        "usage": answer.usage,
        "features": answer.features,
        "shown_unasked": answer.features.map(|features| gate.shows(&features)),
    })
    .to_string()
}

/// What the peer would show: asked by hand, with the case's other files open in the editor.
fn ask_peer(peer: &PeerServer, case: &Case, seed: u32, interrupt: &Interrupt) -> anyhow::Result<Answer> {
    let document = Document::new(&case.text, case.offset_bytes);
    let chunks: Vec<_> = case
        .files
        .iter()
        .map(|(path, text)| json!({ "text": text, "time": 0, "filename": path }))
        .collect();
    let answer = peer.infill(&document.window().body(&chunks, Some(seed)), interrupt)?;
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
