//! What a command says of files: diagnostics read from what it prints, and which of them are new or gone.

use std::collections::BTreeMap;
use std::ops::Range;

use changes::{WorkspacePath, differences};
use serde::{Deserialize, Serialize};

/// Of what a command prints only so much is read, in bytes.
const OUTPUT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A longer line is no diagnostic.
const LINE_BYTES_MAX: usize = 4096;
/// More diagnostics than these are not counted.
const COUNT_MAX: usize = 20_000;

/// How bad it is, as the command says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It must not be.
    Error,
    /// It should not be.
    Warning,
    /// The command does not say.
    Unsaid,
}

/// Something that a command has to say of a line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Diagnostic {
    /// The file, relative to the folder that the command ran in.
    pub path: String,
    /// The line, from 1.
    pub line: u32,
    /// How bad it is.
    pub severity: Severity,
    /// What is said, its code first if it has one and the severity came with it.
    pub message: String,
}

/// Reads the diagnostics in what a command printed that ran in `folder` (an absolute path): lines such as
/// `path:line:column: severity: message` and `path(line,column): severity code: message`, the column, severity
/// and code being left out at will. Notes belong to what they follow, and are left out.
#[must_use]
pub fn read(output: &[u8], folder: &str) -> Vec<Diagnostic> {
    let output = &output[..output.len().min(OUTPUT_BYTES_MAX)];
    output
        .split(|&byte| byte == b'\n')
        .filter(|line| line.len() <= LINE_BYTES_MAX)
        .filter_map(|line| diagnostic(&plain(&String::from_utf8_lossy(line)), folder))
        .take(COUNT_MAX)
        .collect()
}

/// A line without what colours it, and without other control characters.
fn plain(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            let _parameters = characters.find(char::is_ascii_alphabetic);
        } else if !character.is_control() {
            plain.push(character);
        }
    }
    plain
}

/// A place in a file and what is said of it, as a line has it.
struct Said<'a> {
    path: &'a str,
    line: u32,
    message: &'a str,
}

fn diagnostic(line: &str, folder: &str) -> Option<Diagnostic> {
    let line = line.strip_prefix("vet: ").unwrap_or(line);
    // The shape that begins first is the line's; the other is part of its message.
    let shapes = [with_colons(line), with_parentheses(line)].into_iter().flatten();
    let said = shapes.min_by_key(|said| said.path.len())?;
    let (severity, message) = severity(said.message)?;
    Some(Diagnostic {
        path: within(said.path, folder)?,
        line: said.line,
        severity,
        message,
    })
}

/// `path:line: message` and `path:line:column: message`.
fn with_colons(line: &str) -> Option<Said<'_>> {
    line.match_indices(':').find_map(|(at, _)| {
        let (number, rest) = number(&line[at + 1..])?;
        let rest = rest.strip_prefix(':')?;
        let rest = match self::number(rest) {
            Some((_, behind)) => behind
                .strip_prefix(':')
                .or_else(|| behind.strip_prefix(" -"))
                .unwrap_or(rest),
            None => rest,
        };
        said(&line[..at], number, rest)
    })
}

/// `path(line): message` and `path(line,column): message`.
fn with_parentheses(line: &str) -> Option<Said<'_>> {
    line.match_indices('(').find_map(|(at, _)| {
        let (number, mut rest) = number(&line[at + 1..])?;
        while let Some(behind) = rest.strip_prefix(',') {
            rest = self::number(behind.trim_start())?.1;
        }
        let rest = rest.strip_prefix(')')?.trim_start().strip_prefix(':')?;
        said(&line[..at], number, rest)
    })
}

fn said<'a>(path: &'a str, line: u32, message: &'a str) -> Option<Said<'a>> {
    let (path, message) = (path.trim(), message.trim());
    (!path.is_empty() && !message.is_empty()).then_some(Said { path, line, message })
}

/// A number above 0 at the beginning of a text, and what follows.
fn number(text: &str) -> Option<(u32, &str)> {
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    let number = text[..end].parse().ok().filter(|&number| number > 0)?;
    Some((number, &text[end..]))
}

/// A path as the workspace has it; nothing if it lies elsewhere.
fn within(path: &str, folder: &str) -> Option<String> {
    let path = if cfg!(windows) {
        path.replace('\\', "/")
    } else {
        path.to_owned()
    };
    let inside = path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
    let mut path = inside.unwrap_or(&path);
    while let Some(rest) = path.strip_prefix("./") {
        path = rest;
    }
    let path = WorkspacePath::parse(path).ok()?;
    Some(path.as_str().to_owned())
}

/// What a message says without its severity; nothing for a note.
fn severity(message: &str) -> Option<(Severity, String)> {
    const WORDS: [(&str, Option<Severity>); 6] = [
        ("fatal error", Some(Severity::Error)),
        ("error", Some(Severity::Error)),
        ("warning", Some(Severity::Warning)),
        ("note", None),
        ("help", None),
        ("info", None),
    ];
    for (word, severity) in WORDS {
        let begins = message
            .get(..word.len())
            .filter(|begin| begin.eq_ignore_ascii_case(word));
        let Some(rest) = begins.and_then(|_| behind_severity(&message[word.len()..])) else {
            continue;
        };
        return severity.map(|severity| (severity, rest));
    }
    // ESLint's format `unix` has it at the end.
    for (mark, severity) in [(" [Error", Severity::Error), (" [Warning", Severity::Warning)] {
        if let Some((said, code)) = message.rsplit_once(mark)
            && let Some(code) = code.strip_suffix(']')
        {
            let code = code.trim_start_matches('/');
            let code = if code.is_empty() {
                String::new()
            } else {
                format!(" [{code}]")
            };
            return Some((severity, format!("{said}{code}")));
        }
    }
    Some((Severity::Unsaid, message.to_owned()))
}

/// What follows a severity, its code first: `: said`, `[code]: said` and ` code: said`.
fn behind_severity(rest: &str) -> Option<String> {
    if let Some(said) = rest.strip_prefix(':') {
        return Some(said.trim().to_owned());
    }
    let (code, said) = match rest.strip_prefix('[') {
        Some(inside) => inside.split_once("]:")?,
        None => rest.strip_prefix(' ')?.split_once(':')?,
    };
    let is_code = !code.is_empty()
        && code
            .chars()
            .all(|one| one.is_alphanumeric() || "-_:".contains(one));
    is_code.then(|| format!("{code}: {}", said.trim()))
}

/// Where the lines of a file went: what a change does to its path and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    path: String,
    /// Lines that were replaced (from 0), and by how many lines those behind them moved in all.
    replaced: Vec<(Range<usize>, isize)>,
}

impl Moved {
    /// Compares a file with what becomes of it, at the path `path`.
    #[must_use]
    pub fn of(before: &str, after: &str, path: &str) -> Self {
        let (mut line, mut seen) = (0, 0);
        let mut shift = 0;
        let mut replaced = Vec::new();
        for difference in differences(before, after) {
            line += ends(&before[seen..difference.old.start]);
            let (removed, added) = (
                lines(&before[difference.old.clone()]),
                lines(&after[difference.new]),
            );
            shift += added.cast_signed() - removed.cast_signed();
            replaced.push((line..line + removed, shift));
            line += ends(&before[difference.old.clone()]);
            seen = difference.old.end;
        }
        Self {
            path: path.to_owned(),
            replaced,
        }
    }

    /// Where a line (from 1) is afterwards; nothing if it was replaced.
    fn line(&self, line: u32) -> Option<u32> {
        let index = usize::try_from(line).ok()?.checked_sub(1)?;
        let mut shift = 0;
        for (replaced, moved) in &self.replaced {
            if replaced.contains(&index) {
                return None;
            }
            if index < replaced.start {
                break;
            }
            shift = *moved;
        }
        u32::try_from(index.checked_add_signed(shift)? + 1).ok()
    }
}

fn ends(text: &str) -> usize {
    text.bytes().filter(|&byte| byte == b'\n').count()
}

fn lines(text: &str) -> usize {
    text.split_inclusive('\n').count()
}

/// What is new and what is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// What is said afterwards only, by file and line.
    pub new: Vec<Diagnostic>,
    /// What was said before only, by file and line.
    pub gone: Vec<Diagnostic>,
}

/// The lines on which the same is said of a file.
#[derive(Default)]
struct Places {
    /// Where each of before is now, if that can be told, and where it was.
    before: Vec<(Option<u32>, u32)>,
    after: Vec<u32>,
}

/// Compares what a command said before a change with what it says after it; `moved` has the files that the
/// change concerns, by the path that they had.
///
/// Of what is said as often as before nothing is new and nothing gone, wherever it moved. Where it is said
/// more or less often, that on lines which only moved is the same.
#[must_use]
pub fn compare(before: Vec<Diagnostic>, after: Vec<Diagnostic>, moved: &BTreeMap<String, Moved>) -> Compared {
    // By the path of afterwards, the severity and the message.
    let mut groups: BTreeMap<(String, Severity, String), (String, Places)> = BTreeMap::new();
    for said in before {
        let (path, line) = match moved.get(&said.path) {
            Some(moved) => (moved.path.clone(), moved.line(said.line)),
            None => (said.path.clone(), Some(said.line)),
        };
        let group = groups.entry((path, said.severity, said.message)).or_default();
        group.0 = said.path;
        group.1.before.push((line, said.line));
    }
    for said in after {
        let group = groups
            .entry((said.path, said.severity, said.message))
            .or_default();
        group.1.after.push(said.line);
    }
    let mut compared = Compared::default();
    for ((path, severity, message), (path_before, places)) in groups {
        let (gone, new) = places.unmatched();
        let said = |path: &str, line: u32| Diagnostic {
            path: path.to_owned(),
            line,
            severity,
            message: message.clone(),
        };
        compared.new.extend(new.iter().map(|&line| said(&path, line)));
        compared
            .gone
            .extend(gone.iter().map(|&line| said(&path_before, line)));
    }
    let place = |said: &Diagnostic| (said.path.clone(), said.line);
    compared.new.sort_by_key(place);
    compared.gone.sort_by_key(place);
    compared
}

impl Places {
    /// The lines of before and of after that have no partner on the other side: those of one side at most.
    fn unmatched(mut self) -> (Vec<u32>, Vec<u32>) {
        self.before.sort_unstable();
        self.after.sort_unstable();
        let (mut gone, mut new) = (Vec::new(), Vec::new());
        let mut after = self.after.into_iter().peekable();
        for (now, was) in self.before {
            let Some(now) = now else {
                gone.push(was);
                continue;
            };
            while let Some(line) = after.next_if(|&line| line < now) {
                new.push(line);
            }
            if after.next_if_eq(&now).is_none() {
                gone.push(was);
            }
        }
        new.extend(after);
        let same = gone.len().min(new.len());
        (gone.split_off(same), new.split_off(same))
    }
}
