//! `freehold doctor`: what is installed, what is wrong, and how to mend it.

mod facts;
mod findings;
mod speed;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use engine::Engine;
use host::{Host, RealHost};

use super::attach::{ProgressLine, Wanted, attach};
use crate::cli::DoctorArguments;
use facts::{EngineFacts, Facts};
use findings::{Finding, Verdict, findings};

/// `freehold doctor`: fails if there is a problem, not if there is only a warning.
///
/// # Errors
/// When not even the folders can be found, or nothing can be printed.
pub fn doctor(arguments: &DoctorArguments) -> anyhow::Result<ExitCode> {
    let host: Arc<dyn Host> = Arc::new(RealHost::new());
    let mut facts = Facts::gather(host.as_ref())?;
    if facts.can_answer() {
        facts.engine = Some(try_engine(&host, &facts));
    }
    let findings = findings(&facts);
    let text = if arguments.json {
        serde_json::to_string_pretty(&serde_json::json!({ "facts": facts, "findings": findings }))? + "\n"
    } else {
        let coloured = std::io::stdout().is_terminal() && host.variable_os("NO_COLOR").is_none();
        shown(&findings, coloured)
    };
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .context("cannot print")?;
    let problem = findings.iter().any(|finding| finding.verdict == Verdict::Problem);
    Ok(if problem {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Starts the engine, asks it who it is and lets it work for a moment.
fn try_engine(host: &Arc<dyn Host>, facts: &Facts) -> Result<EngineFacts, String> {
    let mut line = ProgressLine::default();
    let attached = attach(host, &facts.paths, Wanted::default(), &mut |state| {
        line.show(state)
    });
    line.clear();
    let attached = attached.map_err(|error| format!("{error:#}"))?;
    let engine: &dyn Engine = &attached.engine;
    let description = engine.description();
    let speed = speed::measure(engine, host.monotonic().as_nanos()).map_err(|failure| failure.to_string());
    Ok(EngineFacts {
        model: description.model,
        device: description.device,
        engine_version: description.engine_version,
        context_tokens: description.context_tokens,
        load_milliseconds: attached.load_time.as_secs_f64() * 1000.0,
        speed,
    })
}

/// The findings for a person: one line each, and what to do below it.
fn shown(findings: &[Finding], coloured: bool) -> String {
    let width = findings
        .iter()
        .map(|finding| finding.check.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for finding in findings {
        let (mark, colour) = match finding.verdict {
            Verdict::Ok => ("ok     ", "32"),
            Verdict::Warning => ("warning", "33"),
            Verdict::Problem => ("PROBLEM", "31"),
        };
        let mark = if coloured {
            format!("\x1b[{colour}m{mark}\x1b[0m")
        } else {
            mark.to_owned()
        };
        text += &format!("{mark}  {:<width$}  {}\n", finding.check, finding.says);
        if let Some(remedy) = &finding.remedy {
            text += &format!("{:9}{:width$}  → {remedy}\n", "", "");
        }
    }
    text
}
