//! `freehold eval`: how good suggestions are, by running the programs that come of them.

mod answer;
mod case;
mod check;
mod holes;
mod run;
mod sandbox;
mod scores;
mod table;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use host::{Host, RealHost};

pub use case::Kind;
use case::{Case, choose, load};
use check::Checker;
use run::{Run, Subjects};
use sandbox::Ended;
use scores::Scores;

use super::attach::{ProgressLine, attach};
use super::complete::require_model;
use super::peer::server::PeerServer;
use crate::cli::{CaseArguments, EvalArguments, EvalCommand, FimArguments};
use crate::models::Store;
use crate::paths::Paths;
use crate::settings;

/// `freehold eval …`.
///
/// # Errors
/// When the cases, Python or an engine are missing, or programs cannot be confined.
pub fn eval(arguments: &EvalArguments) -> anyhow::Result<ExitCode> {
    let host: Arc<dyn Host> = Arc::new(RealHost::new());
    match &arguments.command {
        EvalCommand::Fim(arguments) => fim(&host, arguments),
        EvalCommand::Check(arguments) => check(host.as_ref(), arguments),
    }
}

/// The cases that are asked for, less those that cannot be checked here; and what checks them.
fn cases<'a>(host: &'a dyn Host, arguments: &CaseArguments) -> anyhow::Result<(Vec<Case>, Checker<'a>)> {
    let mut all = load(host, &arguments.data)?;
    if let Some(text) = &arguments.named {
        all.retain(|case| case.id.contains(text.as_str()));
    }
    let mut cases = choose(all, &arguments.kind, arguments.cases, arguments.seed);
    let checker = Checker::new(host, arguments.unconfined)?;
    for kind in Kind::ALL {
        let lacks = |case: &Case| checker.lacks(case.language).filter(|_| case.kind == kind);
        if let Some(reason) = cases.iter().find_map(lacks) {
            eprintln!("{} is left out: {reason}", kind.name());
            cases.retain(|case| case.kind != kind);
        }
    }
    Ok((cases, checker))
}

/// `freehold eval check`: what stood at the cursor must pass.
fn check(host: &dyn Host, arguments: &CaseArguments) -> anyhow::Result<ExitCode> {
    let (cases, checker) = cases(host, arguments)?;
    let (mut failed, mut needless) = (0, 0);
    for case in &cases {
        let here = case.offset_bytes..case.offset_bytes;
        if checker.check(case, &case.with(here, &case.reference))? != Ended::Passed {
            failed += 1;
            print(&format!("{}: fails with what stood there\n", case.id))?;
        }
        if checker.check(case, &case.text)? == Ended::Passed {
            needless += 1;
            print(&format!("{}: passes with nothing there\n", case.id))?;
        }
    }
    print(&format!(
        "{} cases: {failed} fail with what stood there, {needless} pass with nothing there\n",
        cases.len()
    ))?;
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// `freehold eval fim`.
fn fim(host: &Arc<dyn Host>, arguments: &FimArguments) -> anyhow::Result<ExitCode> {
    let (cases, checker) = cases(host.as_ref(), &arguments.cases)?;
    let before = match &arguments.scores {
        Some(file) if host.exists(file) => Scores::parse(&host.read_text(file)?)?,
        _ => Scores::default(),
    };
    let paths = Paths::find(host.as_ref())?;
    let model = arguments.model.as_deref();
    require_model(host.as_ref(), &paths, model)?;
    let peer = start_peer(host, &paths, arguments)?;
    let mut line = ProgressLine::default();
    let attached = attach(host, &paths, model, &mut |state| line.show(state));
    line.clear();
    let attached = attached?;
    let mut run = Run::new(Subjects {
        engine: &attached.engine,
        peer: peer.as_ref(),
        incremental: arguments.incremental,
        seed: u32::try_from(arguments.cases.seed).unwrap_or(u32::MAX),
    });
    let done = run.answer_all(host.as_ref(), &checker, &cases);
    // What was found out before something failed is not thrown away.
    let scores = run.scores();
    print(&table::table(scores))?;
    print(&run.notes())?;
    print(&before.changes(scores))?;
    if let Some(file) = &arguments.answers {
        host.write_atomic(file, run.answers().as_bytes())?;
    }
    if let Some(file) = &arguments.scores {
        let mut kept = before;
        kept.update(scores);
        if let Some(folder) = file.parent() {
            host.create_folder(folder)?;
        }
        host.write_atomic(file, kept.write().as_bytes())?;
    }
    done.map(|()| ExitCode::SUCCESS)
}

/// Starts the peer with the same model, if one is named.
fn start_peer(
    host: &Arc<dyn Host>,
    paths: &Paths,
    arguments: &FimArguments,
) -> anyhow::Result<Option<PeerServer>> {
    let Some(program) = &arguments.peer else {
        return Ok(None);
    };
    let settings = settings::load(host.as_ref(), &paths.settings_file)?.settings;
    let store = Store::new(host.as_ref(), paths);
    let installed = match &arguments.model {
        Some(name) => store.require(name)?,
        None => store.chosen(&settings)?,
    };
    let cores = u32::try_from(host.core_count()).unwrap_or(u32::MAX);
    let threads = settings.engine.threads.unwrap_or(cores);
    host.create_private_folder(&paths.state)?;
    let log = paths.state.join("peer.log");
    let program = absolute(host.as_ref(), program)?;
    PeerServer::start(host.clone(), &program, &installed.file, threads, &log).map(Some)
}

/// `path` from the root on: the libraries beside a program are found by it.
fn absolute(host: &dyn Host, path: &Path) -> anyhow::Result<std::path::PathBuf> {
    Ok(host.current_folder()?.join(path))
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .context("cannot print")
}
