//! A review in the terminal: what waits, what was done, what is on record.

use serde_json::Value;

use crate::engine_process::date;

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const BOLD: &str = "\x1b[1m";
const RESET: &str = "\x1b[0m";

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
            let together = list(hunk, "together").iter().filter_map(Value::as_str);
            let together: Vec<&str> = together.collect();
            let with = if together.is_empty() {
                String::new()
            } else {
                format!("  with {}", together.join(", "))
            };
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

/// How a command ended that was run against the files as they would be.
pub fn checked(checked: &Value) -> String {
    let verdict = match (checked["passed"] == true, checked["code"].as_i64()) {
        (true, _) => "passes".to_owned(),
        (false, Some(code)) => format!("fails with code {code}"),
        (false, None) => "was ended by a signal".to_owned(),
    };
    let mut shown = format!("`{}` {verdict}\n", harmless(text(checked, "run")));
    if checked["passed"] != true {
        for line in text(checked, "output").lines() {
            shown += &format!("    {}\n", harmless(line));
        }
    }
    shown
}

/// Which diagnostics of a command would be new and which gone.
pub fn diagnosed(diagnosed: &Value) -> String {
    let run = harmless(text(diagnosed, "run"));
    let more = |name: &str| diagnosed[name].as_u64().unwrap_or_default();
    let number = |name: &str, further: u64| list(diagnosed, name).len() as u64 + further;
    let (new, gone) = (number("new", more("moreNew")), number("gone", more("moreGone")));
    if let Some(failed) = diagnosed.get("failed") {
        let code = failed["code"]
            .as_i64()
            .map_or("a signal".to_owned(), |code| format!("code {code}"));
        let mut shown = format!("`{run}` ended with {code} and has nothing to say of a file\n");
        for line in text(failed, "output").lines() {
            shown += &format!("    {}\n", harmless(line));
        }
        return shown;
    }
    let mut shown = format!("`{run}`: {new} new, {gone} gone, {} in all\n", more("count"));
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
