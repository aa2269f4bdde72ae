//! A review in the terminal: what waits, what was done, what is on record.

use serde_json::Value;

use crate::engine_process::date;

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const BOLD: &str = "\x1b[1m";
const RESET: &str = "\x1b[0m";

/// So many hunks that go with one are named with it.
const NAMES_MAX: usize = 5;

/// Text that cannot steer the terminal that it is shown in.
pub fn harmless(text: &str) -> String {
    let mild = |one: char| {
        if one.is_control() && !matches!(one, '\t' | '\n') {
            '\u{fffd}'
        } else {
            one
        }
    };
    text.chars().map(mild).collect()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

/// Everything that waits, hunk by hunk.
pub fn state(state: &Value, coloured: bool) -> String {
    let paint = |colour: &str, text: &str| {
        if coloured {
            format!("{colour}{text}{RESET}")
        } else {
            text.to_owned()
        }
    };
    let files = list(state, "files");
    if files.is_empty() {
        return "nothing waits for your decision\n".to_owned();
    }
    let mut shown = String::new();
    for change in list(state, "changes") {
        let title = harmless(text(change, "title"));
        shown += &format!(
            "{}  {title} ({})\n",
            text(change, "id"),
            harmless(text(change, "origin"))
        );
        for parse in list(&change["evidence"], "parse") {
            let path = harmless(text(parse, "path"));
            shown += &match parse["line"].as_u64() {
                Some(line) => format!("    {path} would not parse any more: line {line}\n"),
                None => format!("    {path} would parse again\n"),
            };
        }
        if let Some(tests) = change["evidence"].get("tests") {
            shown += &checked(tests);
        }
        if let Some(diagnostics) = change["evidence"].get("diagnostics") {
            shown += &diagnosed(diagnostics);
        }
    }
    for file in files {
        for hunk in list(file, "hunks") {
            let line = hunk["range"]["start"]["line"].as_u64().unwrap_or_default() + 1;
            let place = format!("{}:{line}", harmless(text(file, "path")));
            let with = others("with", list(hunk, "together")) + &others("like", list(hunk, "alike"));
            let head = format!(
                "{}  {place}  {}{with}",
                text(hunk, "id"),
                harmless(text(hunk, "title"))
            );
            shown += &format!("\n{}\n", paint(BOLD, &head));
            if text(hunk, "status") == "conflict" {
                for mine in text(hunk, "mine").lines() {
                    shown += &format!("! {}\n", harmless(mine));
                }
            }
            for removed in text(hunk, "removed").lines() {
                shown += &format!("{}\n", paint(RED, &format!("- {}", harmless(removed))));
            }
            for added in text(hunk, "added").lines() {
                shown += &format!("{}\n", paint(GREEN, &format!("+ {}", harmless(added))));
            }
        }
    }
    shown
}

/// Which hunks go with one, in a few words.
fn others(word: &str, hunks: &[Value]) -> String {
    match hunks {
        [] => String::new(),
        few if few.len() <= NAMES_MAX => {
            let names: Vec<&str> = few.iter().filter_map(Value::as_str).collect();
            format!("  {word} {}", names.join(", "))
        }
        many => format!("  {word} {} others", many.len()),
    }
}

/// How a command ended that was run against the files as they would be.
pub fn checked(checked: &Value) -> String {
    let verdict = match (cut(checked), checked["passed"] == true, checked["code"].as_i64()) {
        (Some(cut), _, _) => cut,
        (None, true, _) => "passes".to_owned(),
        (None, false, Some(code)) => format!("fails with code {code}"),
        (None, false, None) => "was ended by a signal".to_owned(),
    };
    let mut shown = format!(
        "`{}` {verdict}{}\n",
        harmless(text(checked, "run")),
        stale(checked)
    );
    if checked["passed"] != true {
        for line in text(checked, "output").lines() {
            shown += &format!("    {}\n", harmless(line));
        }
    }
    shown
}

/// A remark where a command was not run against what waits now.
fn stale(outcome: &Value) -> &'static str {
    match outcome["stale"] == true {
        true => " (before later decisions or edits)",
        false => "",
    }
}

/// Why a command was ended before it was done, if it was.
fn cut(outcome: &Value) -> Option<String> {
    let cut = outcome.get("cut")?;
    Some(match cut["seconds"].as_u64() {
        Some(seconds) => format!("was ended after {seconds} s, the longest that it may run"),
        None => "was stopped".to_owned(),
    })
}

/// Which diagnostics of a command would be new and which gone.
pub fn diagnosed(diagnosed: &Value) -> String {
    let run = harmless(text(diagnosed, "run"));
    let more = |name: &str| diagnosed[name].as_u64().unwrap_or_default();
    let number = |name: &str, further: u64| list(diagnosed, name).len() as u64 + further;
    let (new, gone) = (number("new", more("moreNew")), number("gone", more("moreGone")));
    if let Some(cut) = cut(diagnosed) {
        return format!("`{run}` {cut}; nothing was compared{}\n", stale(diagnosed));
    }
    if let Some(failed) = diagnosed.get("failed") {
        let code = failed["code"]
            .as_i64()
            .map_or("a signal".to_owned(), |code| format!("code {code}"));
        let stale = stale(diagnosed);
        let mut shown = format!("`{run}` ended with {code} and has nothing to say of a file{stale}\n");
        for line in text(failed, "output").lines() {
            shown += &format!("    {}\n", harmless(line));
        }
        return shown;
    }
    let mut shown = format!(
        "`{run}`: {new} new, {gone} gone, {} in all{}\n",
        more("count"),
        stale(diagnosed)
    );
    for (mark, name) in [("+", "new"), ("-", "gone")] {
        for said in list(diagnosed, name) {
            let severity = said["severity"].as_str().map(|severity| format!("{severity}: "));
            shown += &format!(
                "  {mark} {}:{}: {}{}\n",
                harmless(text(said, "path")),
                said["line"].as_u64().unwrap_or_default(),
                severity.unwrap_or_default(),
                harmless(text(said, "message"))
            );
        }
    }
    for (name, word) in [("moreNew", "new"), ("moreGone", "gone")] {
        if more(name) > 0 {
            shown += &format!("    and {} more that are {word}\n", more(name));
        }
    }
    shown
}

/// What was kept and taken back, newest first.
pub fn checkpoints(steps: &Value) -> String {
    let steps = steps.as_array().map_or(&[][..], Vec::as_slice);
    if steps.is_empty() {
        return "nothing was kept yet\n".to_owned();
    }
    let line = |step: &Value| {
        let files: Vec<&str> = list(step, "files").iter().filter_map(Value::as_str).collect();
        let mark = if step["undoable"] == true { ' ' } else { '-' };
        format!(
            "{mark} {:>4}  {}  {}\n",
            step["step"].as_u64().unwrap_or_default(),
            harmless(text(step, "title")),
            harmless(&files.join(", "))
        )
    };
    steps.iter().map(line).collect()
}

/// Every record of the audit log.
pub fn audit(records: &Value) -> String {
    let records = records.as_array().map_or(&[][..], Vec::as_slice);
    let line = |(index, record): (usize, &Value)| {
        let fields = list(record, "fields").iter().map(|field| {
            let part = |index: usize| field[index].as_str().unwrap_or_default();
            format!("{}={}", part(0), harmless(part(1)))
        });
        let fields: Vec<String> = fields.collect();
        let seconds = record["time"].as_u64().unwrap_or_default();
        format!(
            "{:>4}  {}  {:<9} {}\n",
            index + 1,
            date::format(seconds, "%Y-%m-%d %H:%M:%S"),
            text(record, "kind"),
            fields.join(" ")
        )
    };
    records.iter().enumerate().map(line).collect()
}

/// What stands behind the lines of a file.
pub fn behind(file: &Value) -> String {
    let line = |lines: &Value| {
        let number = |name: &str| lines[name].as_u64().unwrap_or_default();
        let (first, last) = (number("first"), number("last"));
        let place = if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        };
        let what = match text(lines, "behind") {
            "step" => step_behind(lines),
            "elsewhere" => "written without Freehold".to_owned(),
            _ => "there before the first step that is on record".to_owned(),
        };
        format!("{place:>9}  {what}\n")
    };
    list(file, "lines").iter().map(line).collect()
}

fn step_behind(lines: &Value) -> String {
    let change = &lines["change"];
    let mut what = format!(
        "step {} `{}`, {}decided by {}",
        lines["step"].as_u64().unwrap_or_default(),
        harmless(text(lines, "title")),
        if lines["edited"] == true {
            "edited and "
        } else {
            ""
        },
        harmless(text(lines, "person"))
    );
    let names = [
        ("title", "change"),
        ("origin", "proposed by"),
        ("session", "session"),
        ("run", "run"),
        ("prompt", "prompt"),
        ("model", "model"),
        ("person", "asked by"),
    ];
    for (name, word) in names {
        // A step of one change has its title.
        if let Some(said) = change[name].as_str()
            && !(name == "title" && said == text(lines, "title"))
        {
            what += &format!(", {word} {}", harmless(said));
        }
    }
    what
}
