//! `freehold eval`: how good suggestions are, by running the programs that come of them.

mod answer;
mod case;
mod check;
mod fim;
mod gate;
mod holes;
mod ledger;
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
use sandbox::Ended;
use scores::Scores;

use crate::cli::{CaseArguments, EvalArguments, EvalCommand, ReportArguments};

/// `freehold eval …`.
///
/// # Errors
/// When the cases, Python or an engine are missing, or programs cannot be confined.
pub fn eval(arguments: &EvalArguments) -> anyhow::Result<ExitCode> {
    let host: Arc<dyn Host> = Arc::new(RealHost::new());
    match &arguments.command {
        EvalCommand::Fim(arguments) => fim::fim(&host, arguments),
        EvalCommand::Check(arguments) => check(host.as_ref(), arguments),
        EvalCommand::Report(arguments) => report(host.as_ref(), arguments),
        EvalCommand::Gate(arguments) => {
            print(&gate::gate(host.as_ref(), &arguments.answers)?)?;
            Ok(ExitCode::SUCCESS)
        }
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

/// `freehold eval report`: the table of a file of scores; no model is asked.
fn report(host: &dyn Host, arguments: &ReportArguments) -> anyhow::Result<ExitCode> {
    let read = |file: &Path| -> anyhow::Result<Scores> {
        Scores::parse(&host.read_text(file)?).with_context(|| format!("cannot read `{}`", file.display()))
    };
    let scores = read(&arguments.file)?;
    print(&format!("{}\n\n{}", scores.subject(), table::table(&scores)))?;
    if let Some(file) = &arguments.compare {
        let before = read(file)?;
        if before.subject() != scores.subject() {
            print(&format!("\n`{}` is of {}\n", file.display(), before.subject()))?;
        }
        print(&format!(
            "\nsince `{}`\n{}",
            file.display(),
            before.changes(&scores)
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .context("cannot print")
}
