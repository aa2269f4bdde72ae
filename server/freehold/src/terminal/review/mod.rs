//! `freehold propose`, `diff`, `keep`, `drop`, `undo`, `redo`, `checkpoints` and `audit`.
//!
//! When an editor has the workspace open its server does it, over a socket; else it is done here.

mod reach;
mod show;

use std::io::{IsTerminal as _, Read as _};
use std::process::ExitCode;

use anyhow::Context as _;
use host::Files as _;
use serde_json::{Value, json};

use crate::cli::{
    AuditArguments, AuditCommand, BackArguments, CheckpointsArguments, DiffArguments, PickArguments,
    ProposeArguments,
};
use crate::paths::Paths;
use crate::request_record;
use reach::Reach;

/// `freehold propose`.
pub fn propose(arguments: &ProposeArguments) -> anyhow::Result<ExitCode> {
    let patch = match &arguments.patch {
        Some(path) => host::RealHost::new().read(path)?,
        None => {
            let mut patch = Vec::new();
            std::io::stdin()
                .read_to_end(&mut patch)
                .context("cannot read the patch from standard input")?;
            patch
        }
    };
    let patch = match String::from_utf8(patch) {
        Ok(text) => json!(text),
        Err(error) => json!(error.into_bytes()),
    };
    let mut reach = Reach::open(&arguments.workspace)?;
    let proposal = json!({ "patch": patch, "title": arguments.title, "origin": arguments.origin });
    let proposed = reach.ask("freehold.propose", &proposal)?;
    let mut passed = true;
    let mut value = proposed.clone();
    if let Some(run) = &arguments.check {
        let checked = reach.ask(
            "freehold.check",
            &json!({ "change": proposed["change"], "run": run }),
        )?;
        passed = checked["passed"] == true;
        value["tests"] = checked;
    }
    if let Some(run) = &arguments.diagnose {
        let diagnosed = reach.ask(
            "freehold.diagnose",
            &json!({ "change": proposed["change"], "run": run }),
        )?;
        passed &= diagnosed["new"] == json!([]) && diagnosed.get("failed").is_none();
        value["diagnostics"] = diagnosed;
    }
    let hunks = proposed["hunks"].as_array().map_or(0, Vec::len);
    print(arguments.workspace.json, &value, |_| {
        let change = proposed["change"].as_str().unwrap_or_default();
        let mut text = format!(
            "{change}: {hunks} {} for your decision; see `freehold diff`\n",
            if hunks == 1 { "hunk waits" } else { "hunks wait" }
        );
        if let Some(tests) = value.get("tests") {
            text += &show::checked(tests);
        }
        if let Some(diagnostics) = value.get("diagnostics") {
            text += &show::diagnosed(diagnostics);
        }
        text
    });
    Ok(code(passed))
}

/// `freehold diff`.
pub fn diff(arguments: &DiffArguments) -> anyhow::Result<ExitCode> {
    let mut reach = Reach::open(&arguments.workspace)?;
    if arguments.step.is_some() || arguments.patch {
        let value = reach.ask("freehold.diff", &json!({ "step": arguments.step }))?;
        print(arguments.workspace.json, &value, |value| {
            let patch = value["patch"].as_str().unwrap_or_default();
            // Into a file or another program it goes to the byte.
            if std::io::stdout().is_terminal() {
                show::harmless(patch)
            } else {
                patch.to_owned()
            }
        });
        return Ok(ExitCode::SUCCESS);
    }
    let state = reach.ask("freehold.review", &json!({}))?;
    print(arguments.workspace.json, &state, |state| {
        show::state(state, std::io::stdout().is_terminal())
    });
    Ok(ExitCode::SUCCESS)
}

/// `freehold keep` and `freehold drop`.
pub fn decide(verb: &str, arguments: &PickArguments) -> anyhow::Result<ExitCode> {
    let mut reach = Reach::open(&arguments.workspace)?;
    let (what, pick) = match (&arguments.file, &arguments.change, arguments.all) {
        (Some(file), _, _) => ("File", json!({ "path": file })),
        (_, Some(change), _) => ("Change", json!({ "change": change })),
        (_, _, true) => ("All", json!({})),
        _ => ("Hunk", json!({ "hunks": arguments.hunks })),
    };
    let value = reach.ask(&format!("freehold.{verb}{what}"), &pick)?;
    let done = if verb == "keep" { "kept" } else { "dropped" };
    answer(arguments.workspace.json, &value, done)
}

/// `freehold undo` and `freehold redo`.
pub fn go_back(verb: &str, arguments: &BackArguments) -> anyhow::Result<ExitCode> {
    let mut reach = Reach::open(&arguments.workspace)?;
    let scope = match (arguments.run, arguments.session, arguments.hunk) {
        (true, _, _) => "run",
        (_, true, _) => "session",
        (_, _, Some(_)) => "hunk",
        _ => "step",
    };
    let index = match arguments.hunk {
        Some(0) => anyhow::bail!("hunks are counted from 1"),
        Some(number) => Some(number - 1),
        None => None,
    };
    let back = json!({ "scope": scope, "step": arguments.step, "path": arguments.file, "index": index });
    let value = reach.ask(&format!("freehold.{verb}"), &back)?;
    let done = if verb == "undo" {
        "taken back"
    } else {
        "done again"
    };
    answer(arguments.workspace.json, &value, done)
}

/// `freehold checkpoints`.
pub fn checkpoints(arguments: &CheckpointsArguments) -> anyhow::Result<ExitCode> {
    let mut reach = Reach::open(&arguments.workspace)?;
    let value = reach.ask("freehold.checkpoints", &json!({}))?;
    print(arguments.workspace.json, &value, show::checkpoints);
    Ok(ExitCode::SUCCESS)
}

/// `freehold audit`.
pub fn audit(arguments: &AuditArguments) -> anyhow::Result<ExitCode> {
    if matches!(arguments.command, AuditCommand::Requests) {
        print(arguments.workspace.json, &requests()?, show::audit);
        return Ok(ExitCode::SUCCESS);
    }
    let mut reach = Reach::open(&arguments.workspace)?;
    let value = reach.ask("freehold.audit", &json!({}))?;
    let count = |value: &Value| value.as_array().map_or(0, Vec::len);
    match arguments.command {
        AuditCommand::Verify => {
            let (records, requests) = (count(&value), count(&requests()?));
            let found = json!({ "records": records, "requests": requests });
            print(arguments.workspace.json, &found, |_| {
                format!(
                    "the audit log is as it was left: {records} records\n\
                     and so is that of requests to models: {requests} records\n"
                )
            });
        }
        AuditCommand::Show | AuditCommand::Requests => {
            print(arguments.workspace.json, &value, show::audit);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The record of requests to models, once it has been verified.
fn requests() -> anyhow::Result<Value> {
    let host = host::RealHost::new();
    let paths = Paths::find(&host)?;
    let entries = request_record::log(&host, &paths)
        .verify()
        .context("cannot show the record of requests to models")?;
    Ok(crate::review::view::audit(&entries))
}

fn answer(json: bool, value: &Value, done: &str) -> anyhow::Result<ExitCode> {
    let applied = value["applied"] == true;
    let message = value["message"].as_str();
    if !applied && !json {
        anyhow::bail!("{}", show::harmless(message.unwrap_or("nothing was done")));
    }
    print(json, value, |_| match message {
        Some(message) => format!("{done}; {}\n", show::harmless(message)),
        None => format!("{done}\n"),
    });
    Ok(code(applied))
}

fn print(json: bool, value: &Value, text: impl FnOnce(&Value) -> String) {
    if json {
        println!("{value:#}");
    } else {
        print!("{}", text(value));
    }
}

fn code(success: bool) -> ExitCode {
    if success {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
