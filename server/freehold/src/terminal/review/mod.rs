//! `freehold propose`, `diff`, `keep`, `drop`, `undo`, `redo`, `checkpoints` and `audit`.
//!
//! When an editor has the workspace open its server does it, over a socket; else it is done here.

mod reach;
mod show;
mod trial;

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use host::Files as _;
use serde_json::{Value, json};

use crate::cli::{
    AuditArguments, AuditCommand, BackArguments, CheckpointsArguments, DiffArguments, KeepArguments,
    PickArguments, ProposeArguments,
};
use crate::paths::Paths;
use crate::request_record;
use crate::terminal::interrupt::Interrupt;
use reach::Reach;

/// Exit code of a command that was interrupted, as shells have it.
const INTERRUPTED: u8 = 130;

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
    let proposal = json!({
        "patch": patch,
        "title": arguments.title,
        "origin": arguments.origin,
        "from": from(arguments)?,
    });
    let proposed = reach.ask("freehold.propose", &proposal)?;
    let mut value = proposed.clone();
    let tried = try_all(&mut reach, arguments, &mut value)?;
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
    Ok(tried)
}

/// What stands behind a proposal, as far as that is said.
fn from(arguments: &ProposeArguments) -> anyhow::Result<Value> {
    let host = host::RealHost::new();
    let prompt = match &arguments.prompt_file {
        Some(path) => Some(changes::Digest::of(&host.read(path)?).to_string()),
        None => None,
    };
    let said = [
        ("session", arguments.session.clone()),
        ("run", arguments.run.clone()),
        ("model", arguments.model.clone()),
        ("prompt", prompt),
        ("person", Some(crate::review::workspace::person(&host))),
    ];
    let said = said
        .into_iter()
        .filter_map(|(name, said)| Some((name.to_owned(), said?.into())));
    Ok(Value::Object(said.collect()))
}

/// Runs the commands that were wanted with a proposal, and adds what came of them; gives the exit code.
fn try_all(reach: &mut Reach, arguments: &ProposeArguments, value: &mut Value) -> anyhow::Result<ExitCode> {
    let wanted = [
        ("freehold.check", "tests", &arguments.check),
        ("freehold.diagnose", "diagnostics", &arguments.diagnose),
    ];
    if wanted.iter().all(|(_, _, run)| run.is_none()) {
        return Ok(ExitCode::SUCCESS);
    }
    // From here on Ctrl-C ends what is run, and the rest is still said.
    let interrupt = Interrupt::listen()?;
    let mut passed = true;
    for (name, kind, run) in wanted {
        let Some(run) = run.as_ref().filter(|_| !interrupt.heard()) else {
            continue;
        };
        let arguments = json!({ "change": value["change"], "run": run, "seconds": arguments.time_limit });
        let outcome = trial::try_out(reach, &interrupt, name, &arguments)?;
        passed &= match kind {
            "tests" => outcome["passed"] == true,
            _ => outcome["new"] == json!([]) && outcome.get("failed").or(outcome.get("cut")).is_none(),
        };
        value[kind] = outcome;
    }
    Ok(if interrupt.heard() {
        ExitCode::from(INTERRUPTED)
    } else {
        code(passed)
    })
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

/// `freehold keep`.
pub fn keep(arguments: &KeepArguments) -> anyhow::Result<ExitCode> {
    let Some(file) = &arguments.text else {
        return decide("keep", &arguments.pick);
    };
    let text = if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("cannot read the text from standard input")?;
        text
    } else {
        host::RealHost::new().read_text(file)?
    };
    let hunk = only(&arguments.pick)?;
    let mut reach = Reach::open(&arguments.pick.workspace)?;
    let value = reach.ask("freehold.editHunk", &json!({ "hunk": hunk, "text": text }))?;
    answer(arguments.pick.workspace.json, &value, "kept")
}

/// The hunk that is named, if it is one.
fn only(pick: &PickArguments) -> anyhow::Result<&str> {
    match pick.hunks.as_slice() {
        [hunk] => Ok(hunk),
        _ => anyhow::bail!("name one hunk for this"),
    }
}

/// `freehold keep` and `freehold drop`.
pub fn decide(verb: &str, arguments: &PickArguments) -> anyhow::Result<ExitCode> {
    for name in &arguments.hunks {
        anyhow::ensure!(
            is_hunk(name),
            "`{}` is no name of a hunk; `freehold diff` shows the names, such as `h2`",
            show::harmless(name)
        );
    }
    let (what, pick) = match (&arguments.file, &arguments.change, arguments.all) {
        (Some(file), _, _) => ("File", json!({ "path": file })),
        (_, Some(change), _) => ("Change", json!({ "change": change })),
        (_, _, true) => ("All", json!({})),
        _ if arguments.alike => ("Alike", json!({ "hunk": only(arguments)? })),
        _ if arguments.together => ("Together", json!({ "hunk": only(arguments)? })),
        _ => ("Hunk", json!({ "hunks": arguments.hunks })),
    };
    let mut reach = Reach::open(&arguments.workspace)?;
    let value = reach.ask(&format!("freehold.{verb}{what}"), &pick)?;
    let done = if verb == "keep" { "kept" } else { "dropped" };
    answer(arguments.workspace.json, &value, done)
}

/// Whether this names a hunk, of whichever folder of the editor.
fn is_hunk(name: &str) -> bool {
    let bare = name.split_once('~').map_or(name, |(bare, _)| bare);
    crate::review::command::parse_hunk(bare).is_some()
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
    if let AuditCommand::Show { place: Some(place) } = &arguments.command {
        let value = lines(&mut reach, place)?;
        print(arguments.workspace.json, &value, show::behind);
        return Ok(ExitCode::SUCCESS);
    }
    let value = reach.ask("freehold.audit", &json!({}))?;
    if let AuditCommand::Verify = arguments.command {
        let count = |value: &Value| value.as_array().map_or(0, Vec::len);
        let (records, requests) = (count(&value), count(&requests()?));
        let found = json!({ "records": records, "requests": requests });
        print(arguments.workspace.json, &found, |_| {
            format!(
                "the audit log is as it was left: {records} records\n\
                 and so is that of requests to models: {requests} records\n"
            )
        });
    } else {
        print(arguments.workspace.json, &value, show::audit);
    }
    Ok(ExitCode::SUCCESS)
}

/// What stands behind the lines of a file, or behind one of them.
fn lines(reach: &mut Reach, place: &str) -> anyhow::Result<Value> {
    let named = place
        .rsplit_once(':')
        .and_then(|(path, line)| Some((path, line.parse::<u64>().ok()?)));
    let (path, line) = named.map_or((place, None), |(path, line)| (path, Some(line)));
    let mut value = reach.ask("freehold.audit", &json!({ "path": path }))?;
    let Some(line) = line else { return Ok(value) };
    let holds = |lines: &Value| {
        let within = lines["first"].as_u64() <= Some(line) && Some(line) <= lines["last"].as_u64();
        within.then(|| lines.clone())
    };
    let found = value["lines"]
        .as_array()
        .and_then(|lines| lines.iter().find_map(holds));
    let mut found = found.with_context(|| format!("`{path}` has no line {line}"))?;
    (found["first"], found["last"]) = (json!(line), json!(line));
    value["lines"] = json!([found]);
    Ok(value)
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
        say(&format!("{value:#}\n"));
    } else {
        say(&text(value));
    }
}

/// Prints; whoever reads may have had enough, as `head` has.
fn say(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let said = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    if let Err(error) = said
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        eprintln!("cannot write to standard output: {error}");
    }
}

fn code(success: bool) -> ExitCode {
    if success {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
