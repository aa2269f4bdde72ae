//! `freehold bench replay`: recorded editing sessions, key by key, through Freehold and through its peer.
//!
//! `server/docs/benchmarks.md` says what each row means and how it is measured.

mod agent;
mod chance;
mod events;
mod figures;
mod freehold_side;
mod judge;
mod peer_cache;
mod peer_extension;
mod peer_ring;
mod peer_server;
mod peer_side;
mod play;
mod process;
mod report;
mod screen;
mod side;
mod tally;
mod trace;
mod typist;
mod user;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use host::{Host, RealHost};
use serde_json::json;

use crate::cli::ReplayArguments;
use crate::engine_process;
use crate::models::Store;
use crate::paths::Paths;
use crate::settings;
use agent::Agent;
use freehold_side::{Freehold, FreeholdOptions};
use peer_server::PeerOptions;
use peer_side::Peer;
use play::{Played, play};
use report::BesideAgent;
use side::Side;
use tally::Tally;
use trace::Trace;

/// Runs the bench; gives the table.
///
/// # Errors
/// When a trace cannot be read or one of the sides does not run.
pub fn replay(arguments: &ReplayArguments) -> anyhow::Result<String> {
    let host: Arc<dyn Host> = Arc::new(RealHost::new());
    let paths = Paths::find(host.as_ref())?;
    let traces = spread(
        load(host.as_ref(), &arguments.folder)?,
        arguments.skip,
        arguments.traces,
    );
    ensure!(
        !traces.is_empty(),
        "there is no trace in `{}`",
        arguments.folder.display()
    );
    let model = model(host.as_ref(), &paths, arguments)?;
    let (name, file) = model.clone().unzip();
    let mut freehold = Freehold::start(
        Arc::clone(&host),
        &FreeholdOptions {
            paths: &paths,
            engine_program: match &arguments.engine {
                Some(program) => program.clone(),
                None => host.own_executable()?,
            },
            model: name.as_deref(),
            threads: arguments.threads,
        },
    )?;
    let mut peer = match &arguments.peer {
        None => None,
        Some(program) => Some(Peer::start(
            Arc::clone(&host),
            PeerOptions {
                program: program.clone(),
                model_file: file.context("the peer needs a model")?,
                threads: match arguments.threads {
                    Some(threads) => threads,
                    None => u32::try_from(host.core_count())?,
                },
                completions: arguments.peer_completions,
                log: freehold.paths().state.join("peer.log"),
            },
        )?),
    };
    let mut bench = Bench {
        host: host.as_ref(),
        traces: &traces,
        events: String::new(),
    };
    let (ours, theirs) = bench.both(&mut freehold, peer.as_mut())?;
    drop(peer);
    let agent = match arguments.agent_traces {
        0 => None,
        count => Some(bench.beside_agent(&mut freehold, count)?),
    };
    let beside = agent.as_ref().map(|busy| beside(&ours, busy));
    let rows = report::rows(&ours, theirs.as_ref(), beside);
    if let Some(file) = &arguments.events {
        host.write_atomic(file, bench.events.as_bytes())?;
    }
    if let Some(file) = &arguments.json {
        let value = json!({
            "model": name,
            "threads": arguments.threads,
            "traces": ours.traces(),
            "rows": report::json(&rows),
            "counts": { "freehold": counts(&ours), "peer": theirs.as_ref().map(counts) },
        });
        host.write_atomic(file, format!("{value:#}\n").as_bytes())?;
    }
    Ok(report::table(&rows))
}

/// The traces in `folder`, by name.
///
/// # Errors
/// When one cannot be read.
pub fn load(host: &dyn Host, folder: &Path) -> anyhow::Result<Vec<Trace>> {
    let entries = host
        .list(folder)
        .context("cannot list the traces; `--folder` says where they are")?;
    let mut names: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
    names.retain(|name| name.ends_with(".trace"));
    names.sort();
    let read = |name: String| {
        let file = folder.join(name);
        let text = host.read_text(&file)?;
        Trace::parse(&text).with_context(|| format!("cannot understand `{}`", file.display()))
    };
    names.into_iter().map(read).collect()
}

/// `count` of `traces`, or all, behind the first `skip`, such that each language has its part: by turns through the
/// languages.
fn spread(traces: Vec<Trace>, skip: usize, count: Option<usize>) -> Vec<Trace> {
    let mut places: Vec<(usize, Trace)> = Vec::new();
    for trace in traces {
        let before = places
            .iter()
            .filter(|(_, other)| other.language == trace.language)
            .count();
        places.push((before, trace));
    }
    // A stable order: the traces of a language keep theirs.
    places.sort_by_key(|(place, _)| *place);
    let traces = places.into_iter().map(|(_, trace)| trace);
    traces.skip(skip).take(count.unwrap_or(usize::MAX)).collect()
}

/// The name and the file of the model that both sides use; nothing if a script answers and nobody else.
fn model(
    host: &dyn Host,
    paths: &Paths,
    arguments: &ReplayArguments,
) -> anyhow::Result<Option<(String, PathBuf)>> {
    if engine_process::is_scripted(host) && arguments.peer.is_none() {
        return Ok(None);
    }
    let store = Store::new(host, paths);
    let installed = match &arguments.model {
        Some(name) => store.require(name)?,
        None => store.chosen(&settings::load(host, &paths.settings_file)?.settings)?,
    };
    store.verify(&installed)?;
    if let Some(program) = &arguments.peer
        && !host.exists(program)
    {
        bail!(
            "there is no `{}`; `--peer` names the program llama-server",
            program.display()
        );
    }
    Ok(Some((installed.name, installed.file)))
}

/// Who could not play a trace, and why.
enum Failed {
    Freehold(anyhow::Error),
    Peer(anyhow::Error),
}

struct Bench<'a> {
    host: &'a dyn Host,
    traces: &'a [Trace],
    /// What happened, a line for each event.
    events: String,
}

impl Bench<'_> {
    /// Plays every trace through both sides, by turns who is first.
    ///
    /// A trace on which the peer fails is left out on both sides.
    fn both(
        &mut self,
        freehold: &mut Freehold,
        mut peer: Option<&mut Peer>,
    ) -> anyhow::Result<(Tally, Option<Tally>)> {
        let mut played: [Vec<Played>; 2] = [Vec::new(), Vec::new()];
        let mut seconds = [0.0; 2];
        for index in 0..self.traces.len() {
            let events = self.events.len();
            // By trace: a server that is started again counts from nothing.
            let before = computed(freehold, peer.as_deref())?;
            let pair = match self.pair(index, freehold, peer.as_deref_mut()) {
                Ok(pair) => pair,
                Err(Failed::Peer(error)) => {
                    eprintln!("{error:#}; this trace is left out");
                    self.events.truncate(events);
                    match peer.as_deref_mut().map(Peer::restart) {
                        Some(Err(error)) => {
                            eprintln!("{error:#}; what follows is of the traces before");
                            break;
                        }
                        _ => continue,
                    }
                }
                // An hour's work is not thrown away.
                Err(Failed::Freehold(error)) if index > 0 => {
                    eprintln!("{error:#}; what follows is of the traces before");
                    break;
                }
                Err(Failed::Freehold(error)) => return Err(error),
            };
            let after = computed(freehold, peer.as_deref())?;
            for (side, one) in pair.into_iter().enumerate() {
                played[side].extend(one);
                seconds[side] += after[side] - before[side];
            }
        }
        ensure!(!played[0].is_empty(), "no trace was played to its end");
        let theirs = peer.map(|_| Tally::of(&played[1], seconds[1]));
        Ok((Tally::of(&played[0], seconds[0]), theirs))
    }

    /// Plays the trace `index` through both sides; gives what happened on each.
    fn pair(
        &mut self,
        index: usize,
        freehold: &mut Freehold,
        mut peer: Option<&mut Peer>,
    ) -> Result<[Option<Played>; 2], Failed> {
        let trace = &self.traces[index];
        let mut pair = [None, None];
        for turn in [index % 2, 1 - index % 2] {
            match (turn, peer.as_deref_mut()) {
                (0, _) => {
                    let played = self.one(index, trace, freehold, "freehold");
                    pair[0] = Some(played.map_err(Failed::Freehold)?);
                }
                (_, Some(peer)) => {
                    let played = self.one(index, trace, peer, "peer");
                    pair[1] = Some(played.map_err(Failed::Peer)?);
                }
                (_, None) => {}
            }
        }
        Ok(pair)
    }

    /// Plays the first `count` traces through Freehold while an agent generates.
    fn beside_agent(&mut self, freehold: &mut Freehold, count: usize) -> anyhow::Result<Tally> {
        let _agent = Agent::start(freehold.paths().engine_socket())?;
        let traces = self.traces;
        let traces = traces.iter().take(count).enumerate();
        let played: Result<Vec<Played>, _> = traces
            .map(|(index, trace)| self.one(index, trace, freehold, "beside the agent"))
            .collect();
        Ok(Tally::of(&played?, 0.0))
    }

    fn one(&mut self, index: usize, trace: &Trace, side: &mut dyn Side, who: &str) -> anyhow::Result<Played> {
        let played = play(trace, side, self.host).with_context(|| format!("cannot play `{}`", trace.name))?;
        self.events += &events::lines(who, &played);
        eprintln!(
            "{}/{} {} {who}: {:.1} s, {} keys, {} suggestions, {} of {} characters taken",
            index + 1,
            self.traces.len(),
            trace.name,
            played.took.as_secs_f64(),
            played.keys.len(),
            played.shown.len(),
            played.taken_characters,
            played.characters,
        );
        Ok(played)
    }
}

/// Seconds of computing so far: Freehold's and the peer's.
fn computed(freehold: &Freehold, peer: Option<&Peer>) -> anyhow::Result<[f64; 2]> {
    let theirs = peer.map_or(Ok(0.0), Side::compute_seconds)?;
    Ok([freehold.compute_seconds()?, theirs])
}

/// Key to visible text beside the agent, against the same traces without.
fn beside(idle: &Tally, busy: &Tally) -> BesideAgent {
    let percentile = |tally: &Tally| {
        let mut all = figures::Figures::default();
        let wanted = |name: &String| busy.visible_by_trace.iter().any(|(other, _)| other == name);
        for (name, visible) in &tally.visible_by_trace {
            if wanted(name) {
                all.append(visible);
            }
        }
        all.percentile(90.0)
    };
    BesideAgent {
        idle: percentile(idle),
        busy: percentile(busy),
    }
}

/// What stands behind the rows.
fn counts(tally: &Tally) -> serde_json::Value {
    json!({
        "keys": tally.keys,
        "characters": tally.characters,
        "taken_characters": tally.taken_characters,
        "taken": { "all": tally.taken[0], "line": tally.taken[1], "word": tally.taken[2] },
        "shown": tally.shown,
        "wrong": tally.wrong,
        "repeats": tally.repeats,
        "parsed": tally.parsed,
        "breaks": tally.breaks,
        "keys_that_asked_the_model": tally.evaluated_uncached.count(),
        "evaluated_tokens": tally.evaluated.sum(),
        "moved_tokens": tally.moved.sum(),
        "generated_tokens": tally.generated_tokens,
        "answers_without_model": tally.known.count(),
        "times_to_visible": tally.visible.count(),
        "dead_requests": tally.dead.count(),
        "compute_seconds": tally.compute_seconds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_traces_are_of_many_languages() {
        let trace = |name: &str, language: &str| {
            let source = format!(
                "freehold trace 1\nname {name}\nlanguage {language}\npath a\nrhythm fast\nseed 7\ntext 0\n"
            );
            Trace::parse(&source).expect("a trace")
        };
        let traces = vec![
            trace("c1", "c"),
            trace("c2", "c"),
            trace("go1", "go"),
            trace("py1", "python"),
        ];
        let names = |skip, count| -> Vec<String> {
            let few = spread(traces.clone(), skip, count);
            few.into_iter().map(|trace| trace.name).collect()
        };
        assert_eq!(names(0, Some(3)), ["c1", "go1", "py1"]);
        assert_eq!(names(1, Some(2)), ["go1", "py1"]);
        assert_eq!(names(0, None), ["c1", "go1", "py1", "c2"]);
    }
}
