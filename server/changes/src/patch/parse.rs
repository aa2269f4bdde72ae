//! From the bytes of a patch to what it does.

use super::{FilePatch, Line, LineKind, Section, names};
use crate::{PathError, WorkspacePath};

/// Numbers above this are not line numbers of any file that can be opened.
const LINES_MAX: usize = 1 << 31;

/// A patch that does not say exactly what it does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the patch: {problem}")]
pub struct ParseError {
    /// The line of the patch, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a line of a patch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The patch holds no file.
    #[error("there is no change in it; a patch begins with `--- FILE` and `+++ FILE`")]
    Empty,
    /// A name is missing, badly quoted or not Unicode.
    #[error("the name of the file cannot be read")]
    Name,
    /// A name is not one that a change may touch.
    #[error(transparent)]
    Path(#[from] PathError),
    /// `---` and `+++` name two files.
    #[error("it names two files, `{0}` and `{1}`, without `rename from` and `rename to`")]
    TwoNames(WorkspacePath, WorkspacePath),
    /// Headers contradict each other.
    #[error("`{0}` does not agree with the lines before it")]
    Contradiction(&'static str),
    /// `---` without `+++`, or one rename line without the other.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// The patch does something that changes cannot.
    #[error("{0} cannot be put up for review")]
    Unsupported(&'static str),
    /// A mode is not octal or is not that of a plain file.
    #[error("`{0}` is not the mode of a plain file")]
    Mode(String),
    /// An `@@` line cannot be read.
    #[error("`@@` must be followed by `-LINE,COUNT +LINE,COUNT @@`")]
    Header,
    /// The line numbers of an `@@` line do not follow from those before it.
    #[error("its line numbers do not fit those before it")]
    Offsets,
    /// A section has fewer lines than its header says.
    #[error("the section ends before it has the lines that its `@@` line promises")]
    TooFewLines,
    /// A section has more lines than its header says.
    #[error("the section has more lines than its `@@` line promises")]
    TooManyLines,
    /// A line in a section has no ` `, `-` or `+`.
    #[error("a line in a section begins with ` `, `-`, `+` or `\\`")]
    Marker,
    /// A marker for a missing line end stands where the text goes on.
    #[error("a line without a line end is not the last of its file")]
    NoNewline,
    /// Another part of the patch is about the same file.
    #[error("the patch has another part for `{0}`")]
    Twice(WorkspacePath),
}

/// Reads a patch.
///
/// Text before, between and behind the parts for each file is passed over, as git writes a message and a
/// signature there.
///
/// # Errors
/// When a line of it is wrong; see [`Problem`].
pub fn parse(patch: &[u8]) -> Result<Vec<FilePatch>, ParseError> {
    let mut reader = Reader {
        lines: patch.split_inclusive(|&byte| byte == b'\n').collect(),
        next: 0,
    };
    let mut files: Vec<FilePatch> = Vec::new();
    while reader.skip_to_file() {
        let start = reader.next;
        let file = reader.file()?;
        let paths = [&file.old, &file.new];
        for earlier in &files {
            if let Some(path) = [&earlier.old, &earlier.new]
                .into_iter()
                .flatten()
                .find(|path| paths.iter().any(|other| other.as_ref() == Some(path)))
            {
                return Err(ParseError {
                    line: start + 1,
                    problem: Problem::Twice(path.clone()),
                });
            }
        }
        files.push(file);
    }
    if files.is_empty() {
        return Err(ParseError {
            line: 1,
            problem: Problem::Empty,
        });
    }
    Ok(files)
}

/// What the header lines of one file say.
#[derive(Default)]
struct Headers {
    git_name: Option<Vec<u8>>,
    /// `Some(None)` is `/dev/null`.
    old: Option<Option<Vec<u8>>>,
    new: Option<Option<Vec<u8>>>,
    rename_from: Option<Vec<u8>>,
    rename_to: Option<Vec<u8>>,
    old_mode: Option<u32>,
    new_mode: Option<u32>,
    created: bool,
    deleted: bool,
}

struct Reader<'a> {
    lines: Vec<&'a [u8]>,
    next: usize,
}

impl<'a> Reader<'a> {
    fn error(&self, problem: impl Into<Problem>) -> ParseError {
        ParseError {
            line: self.next + 1,
            problem: problem.into(),
        }
    }

    /// The next line without its line end.
    fn header(&self) -> Option<&'a [u8]> {
        let line = *self.lines.get(self.next)?;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    fn skip_to_file(&mut self) -> bool {
        while let Some(line) = self.header() {
            let plain = line.starts_with(b"--- ")
                && self
                    .lines
                    .get(self.next + 1)
                    .is_some_and(|next| next.starts_with(b"+++ "));
            if plain || line.starts_with(b"diff --git ") {
                return true;
            }
            self.next += 1;
        }
        false
    }

    fn file(&mut self) -> Result<FilePatch, ParseError> {
        let headers = self.headers()?;
        let first_line = self.next;
        let mut sections = Vec::new();
        let (mut old_done, mut new_done) = (0, 0);
        while self.header().is_some_and(|line| line.starts_with(b"@@")) {
            sections.push(self.section(&mut old_done, &mut new_done)?);
        }
        if let Some(line) = self.header() {
            let goes_on = matches!(line, [b' ' | b'-' | b'+' | b'\\', ..]);
            let ends = line == b"-- " || line == b"--" || line.starts_with(b"--- ");
            if goes_on && !ends {
                let problem = if sections.is_empty() {
                    Problem::Missing("@@")
                } else {
                    Problem::TooManyLines
                };
                return Err(self.error(problem));
            }
        }
        let at = |problem| ParseError {
            line: first_line.max(1),
            problem,
        };
        let file = headers.resolve(sections).map_err(at)?;
        check_line_ends(&file.sections)?;
        Ok(file)
    }

    fn headers(&mut self) -> Result<Headers, ParseError> {
        let mut headers = Headers::default();
        while let Some(line) = self.header() {
            if let Some(rest) = line.strip_prefix(b"diff --git ") {
                if headers.git_name.is_some() {
                    break;
                }
                headers.git_name = Some(names::read_git_pair(rest).unwrap_or_default());
            } else if let Some(rest) = line.strip_prefix(b"--- ") {
                if headers.old.is_some() {
                    break;
                }
                headers.old = Some(self.name_or_null(rest)?);
                self.next += 1;
                let Some(rest) = self.header().and_then(|line| line.strip_prefix(b"+++ ")) else {
                    return Err(self.error(Problem::Missing("+++")));
                };
                headers.new = Some(self.name_or_null(rest)?);
                self.next += 1;
                break;
            } else if !self.extended_header(line, &mut headers)? {
                break;
            }
            self.next += 1;
        }
        Ok(headers)
    }

    /// Reads one of git's additional lines; false if it is none.
    fn extended_header(&self, line: &[u8], headers: &mut Headers) -> Result<bool, ParseError> {
        let unsupported = |what| Err(self.error(Problem::Unsupported(what)));
        let after = |prefix: &[u8]| line.strip_prefix(prefix);
        if let Some(mode) = after(b"old mode ") {
            headers.old_mode = Some(self.mode(mode)?);
        } else if let Some(mode) = after(b"new mode ") {
            headers.new_mode = Some(self.mode(mode)?);
        } else if let Some(mode) = after(b"new file mode ") {
            headers.new_mode = Some(self.mode(mode)?);
            headers.created = true;
        } else if let Some(mode) = after(b"deleted file mode ") {
            headers.old_mode = Some(self.mode(mode)?);
            headers.deleted = true;
        } else if let Some(name) = after(b"rename from ") {
            headers.rename_from = Some(self.name(name)?);
        } else if let Some(name) = after(b"rename to ") {
            headers.rename_to = Some(self.name(name)?);
        } else if line.starts_with(b"copy from ") || line.starts_with(b"copy to ") {
            return unsupported("a copy");
        } else if line.starts_with(b"Binary files ") || line.starts_with(b"GIT binary patch") {
            return unsupported("a patch of a file that is not text");
        } else {
            let known: [&[u8]; 3] = [b"index ", b"similarity index ", b"dissimilarity index "];
            return Ok(known.iter().any(|prefix| line.starts_with(prefix)));
        }
        Ok(true)
    }

    fn mode(&self, text: &[u8]) -> Result<u32, ParseError> {
        let shown = String::from_utf8_lossy(text);
        match shown.trim_end() {
            "120000" => Err(self.error(Problem::Unsupported("a symbolic link"))),
            "160000" => Err(self.error(Problem::Unsupported("a submodule"))),
            plain => match u32::from_str_radix(plain, 8) {
                Ok(mode) if mode & !0o777 == 0o100_000 => Ok(mode & 0o777),
                _ => Err(self.error(Problem::Mode(shown.escape_debug().to_string()))),
            },
        }
    }

    fn name(&self, text: &[u8]) -> Result<Vec<u8>, ParseError> {
        match names::read(text) {
            Some((name, _)) if !name.is_empty() => Ok(name),
            _ => Err(self.error(Problem::Name)),
        }
    }

    fn name_or_null(&self, text: &[u8]) -> Result<Option<Vec<u8>>, ParseError> {
        Ok(Some(self.name(text)?).filter(|name| name != b"/dev/null"))
    }

    /// Reads an `@@` section; the counters say how many lines of the old and new file lie behind.
    fn section(&mut self, old_done: &mut usize, new_done: &mut usize) -> Result<Section, ParseError> {
        let header = self
            .header()
            .and_then(section_header)
            .ok_or_else(|| self.error(Problem::Header))?;
        let ((old_index, old_count), (new_index, new_count)) = header;
        if old_index < *old_done || new_index < *new_done || old_index - *old_done != new_index - *new_done {
            return Err(self.error(Problem::Offsets));
        }
        *old_done = old_index + old_count;
        *new_done = new_index + new_count;
        self.next += 1;
        let lines = self.section_lines(old_count, new_count)?;
        Ok(Section { old_index, lines })
    }

    /// Reads the lines of a section, which has so many of the old and of the new file.
    fn section_lines(&mut self, mut old_left: usize, mut new_left: usize) -> Result<Vec<Line>, ParseError> {
        let mut lines: Vec<Line> = Vec::new();
        while let Some(&line) = self.lines.get(self.next) {
            if line.starts_with(b"\\") {
                let last = lines.last_mut().ok_or_else(|| self.error(Problem::Marker))?;
                if last.bytes.pop() != Some(b'\n') {
                    return Err(self.error(Problem::NoNewline));
                }
            } else if old_left == 0 && new_left == 0 {
                break;
            } else {
                let (kind, bytes) = marked(line).ok_or_else(|| self.error(Problem::Marker))?;
                let takes_old = usize::from(kind != LineKind::Added);
                let takes_new = usize::from(kind != LineKind::Removed);
                if takes_old > old_left || takes_new > new_left {
                    return Err(self.error(Problem::TooManyLines));
                }
                old_left -= takes_old;
                new_left -= takes_new;
                lines.push(Line {
                    kind,
                    bytes,
                    number: self.next + 1,
                });
            }
            self.next += 1;
        }
        if old_left > 0 || new_left > 0 {
            return Err(self.error(Problem::TooFewLines));
        }
        Ok(lines)
    }
}

/// What the first byte of a line in a section says of the rest.
fn marked(line: &[u8]) -> Option<(LineKind, Vec<u8>)> {
    let (kind, rest) = match line {
        [b' ', rest @ ..] => (LineKind::Context, rest),
        // Mail programs strip the space of an empty line.
        [b'\n'] | [b'\r', b'\n'] => (LineKind::Context, line),
        [b'-', rest @ ..] => (LineKind::Removed, rest),
        [b'+', rest @ ..] => (LineKind::Added, rest),
        _ => return None,
    };
    let mut bytes = rest.to_vec();
    if bytes.last() != Some(&b'\n') {
        // The patch itself ends behind this line.
        bytes.push(b'\n');
    }
    Some((kind, bytes))
}

/// Reads `@@ -LINE,COUNT +LINE,COUNT @@` as index and count of either side.
fn section_header(line: &[u8]) -> Option<((usize, usize), (usize, usize))> {
    let text = std::str::from_utf8(line.get(..line.len().min(100))?)
        .or_else(|error| std::str::from_utf8(&line[..error.valid_up_to()]))
        .ok()?;
    let (old, rest) = text.strip_prefix("@@ -")?.split_once(" +")?;
    let (new, _) = rest.split_once(" @@")?;
    Some((side(old)?, side(new)?))
}

fn side(text: &str) -> Option<(usize, usize)> {
    let number = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain
            .then(|| digits.parse().ok())
            .flatten()
            .filter(|&number: &usize| number <= LINES_MAX)
    };
    let (start, count) = match text.split_once(',') {
        Some((start, count)) => (number(start)?, number(count)?),
        None => (number(text)?, 1),
    };
    // A side without lines names the line before it.
    let index = if count == 0 { start } else { start.checked_sub(1)? };
    Some((index, count))
}

/// Only the last line of either side of the last section may lack its line end.
fn check_line_ends(sections: &[Section]) -> Result<(), ParseError> {
    for (index, section) in sections.iter().enumerate() {
        for skipped in [LineKind::Added, LineKind::Removed] {
            let mut side = section.lines.iter().filter(|line| line.kind != skipped).rev();
            let last = side.next();
            let is_last_section = index + 1 == sections.len();
            let mut not_last = side.chain(last.filter(|_| !is_last_section));
            if let Some(line) = not_last.find(|line| !line.bytes.ends_with(b"\n")) {
                return Err(ParseError {
                    line: line.number,
                    problem: Problem::NoNewline,
                });
            }
        }
    }
    Ok(())
}

impl Headers {
    fn resolve(self, sections: Vec<Section>) -> Result<FilePatch, Problem> {
        let (old, new) = self.paths()?;
        if self.created && old.is_some() || self.deleted && new.is_some() {
            return Err(Problem::Contradiction("/dev/null"));
        }
        let whole = |skipped| {
            sections.len() <= 1
                && sections
                    .iter()
                    .flat_map(|s| &s.lines)
                    .all(|line| line.kind == skipped)
        };
        if old.is_none() && sections.iter().any(|section| section.old_index > 0) {
            return Err(Problem::Offsets);
        }
        if old.is_none() && !whole(LineKind::Added) || new.is_none() && !whole(LineKind::Removed) {
            return Err(Problem::Contradiction("/dev/null"));
        }
        Ok(FilePatch {
            old,
            new,
            old_mode: self.old_mode,
            new_mode: self.new_mode,
            sections,
        })
    }

    fn paths(&self) -> Result<(Option<WorkspacePath>, Option<WorkspacePath>), Problem> {
        let from_lines = match (&self.old, &self.new) {
            (Some(old), Some(new)) => {
                let (old, new) = strip_prefixes(old.as_deref(), new.as_deref());
                Some((old.map(path).transpose()?, new.map(path).transpose()?))
            }
            _ => None,
        };
        match (&self.rename_from, &self.rename_to) {
            (Some(from), Some(to)) => {
                let renamed = (Some(path(from)?), Some(path(to)?));
                if from_lines.is_some_and(|lines| lines != renamed) {
                    return Err(Problem::Contradiction("rename from"));
                }
                return Ok(renamed);
            }
            (None, None) => {}
            (Some(_), None) => return Err(Problem::Missing("rename to")),
            (None, Some(_)) => return Err(Problem::Missing("rename from")),
        }
        match from_lines {
            Some((None, None)) => Err(Problem::Name),
            Some((Some(old), Some(new))) if old != new => Err(Problem::TwoNames(old, new)),
            Some(paths) => Ok(paths),
            None => {
                let name = self
                    .git_name
                    .as_deref()
                    .filter(|name| !name.is_empty())
                    .ok_or(Problem::Name)?;
                let path = path(name)?;
                Ok((
                    (!self.created).then(|| path.clone()),
                    (!self.deleted).then_some(path),
                ))
            }
        }
    }
}

/// Takes `a/` and `b/` away where both names have them.
fn strip_prefixes<'a>(old: Option<&'a [u8]>, new: Option<&'a [u8]>) -> (Option<&'a [u8]>, Option<&'a [u8]>) {
    let stripped_old = old.map(|name| name.strip_prefix(b"a/"));
    let stripped_new = new.map(|name| name.strip_prefix(b"b/"));
    if stripped_old == Some(None) || stripped_new == Some(None) {
        return (old, new);
    }
    (stripped_old.flatten(), stripped_new.flatten())
}

fn path(name: &[u8]) -> Result<WorkspacePath, Problem> {
    let text = std::str::from_utf8(name).map_err(|_| Problem::Name)?;
    Ok(WorkspacePath::parse(text)?)
}
