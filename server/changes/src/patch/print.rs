//! From two contents of a file to the patch between them.

use super::names;
use crate::WorkspacePath;
use crate::content::{Content, Encoding};
use crate::differences::{Difference, differences};
use crate::lines;

/// How many unchanged lines are shown around a change.
const CONTEXT_LINES: usize = 3;

/// A file before or after a change.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// Where it is.
    pub path: &'a WorkspacePath,
    /// What it holds.
    pub content: &'a Content,
    /// Its permission bits (0 to 0o777).
    pub mode: u32,
}

/// The patch from `old` to `new` in git's form; empty if they are equal.
///
/// Text is written in its own encoding, but UTF-16 as UTF-8, since a patch is made of lines of bytes.
#[must_use]
pub fn print(old: Option<Side>, new: Option<Side>) -> Vec<u8> {
    let (Some(first), Some(second)) = (old.or(new), new.or(old)) else {
        return Vec::new();
    };
    let mut headers = vec![format!(
        "diff --git {} {}",
        names::write(&format!("a/{}", first.path)),
        names::write(&format!("b/{}", second.path))
    )];
    match (old, new) {
        (None, Some(new)) => headers.push(format!("new file mode 100{:03o}", new.mode & 0o777)),
        (Some(old), None) => headers.push(format!("deleted file mode 100{:03o}", old.mode & 0o777)),
        _ if first.mode != second.mode => {
            headers.push(format!("old mode 100{:03o}", first.mode & 0o777));
            headers.push(format!("new mode 100{:03o}", second.mode & 0o777));
        }
        _ => {}
    }
    if first.path != second.path {
        headers.push(format!("rename from {}", names::write(first.path.as_str())));
        headers.push(format!("rename to {}", names::write(second.path.as_str())));
    }
    let body = body(old, new);
    if body.is_empty() && headers.len() == 1 {
        return body;
    }
    let mut patch = headers.join("\n").into_bytes();
    patch.push(b'\n');
    patch.extend(body);
    patch
}

fn body(old: Option<Side>, new: Option<Side>) -> Vec<u8> {
    let old_name = old.map_or("/dev/null".to_owned(), |side| name_line("a/", side.path));
    let new_name = new.map_or("/dev/null".to_owned(), |side| name_line("b/", side.path));
    let (old_bytes, new_bytes) = (
        old.map(|side| lines_of(side.content)),
        new.map(|side| lines_of(side.content)),
    );
    let (Some(old_text), Some(new_text)) = (
        old_bytes.unwrap_or(Some(String::new())),
        new_bytes.unwrap_or(Some(String::new())),
    ) else {
        let same = old.map(|side| side.content) == new.map(|side| side.content);
        return if same {
            Vec::new()
        } else {
            format!("Binary files {old_name} and {new_name} differ\n").into_bytes()
        };
    };
    let differences = differences(&old_text, &new_text);
    if differences.is_empty() {
        return Vec::new();
    }
    let mut body = format!("--- {old_name}\n+++ {new_name}\n").into_bytes();
    let eight_bit = [old, new]
        .into_iter()
        .flatten()
        .any(|side| is_eight_bit(side.content));
    let mut push = |text: &str| {
        if eight_bit {
            // Each such character stands for one byte; see `Encoding::EightBit`.
            body.extend(
                text.chars()
                    .map(|character| u8::try_from(character).unwrap_or(b'?')),
            );
        } else {
            body.extend_from_slice(text.as_bytes());
        }
    };
    for section in sections(&old_text, &new_text, differences) {
        push(&section);
    }
    body
}

fn name_line(prefix: &str, path: &WorkspacePath) -> String {
    let name = names::write(&format!("{prefix}{path}"));
    // A tab ends a name that holds spaces, which some programs would take for the date.
    if name.contains(' ') { name + "\t" } else { name }
}

/// The text with its byte-order mark as a patch shows it.
fn lines_of(content: &Content) -> Option<String> {
    match content {
        Content::Text { text, format } => {
            let mark = if format.byte_order_mark { "\u{feff}" } else { "" };
            Some(format!("{mark}{text}"))
        }
        Content::Binary(_) => None,
    }
}

fn is_eight_bit(content: &Content) -> bool {
    matches!(content, Content::Text { format, .. } if format.encoding == Encoding::EightBit)
}

/// The `@@` sections, one for each run of differences whose context lines meet.
fn sections(old: &str, new: &str, differences: Vec<Difference>) -> Vec<String> {
    let old_lines = lines::split(old);
    let line_of = |text: &str, offset: usize| {
        text.as_bytes()[..offset]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count()
    };
    let mut groups: Vec<Vec<Changed>> = Vec::new();
    for Difference {
        old: old_range,
        new: new_range,
    } in differences
    {
        let changed = Changed {
            old_index: line_of(old, old_range.start),
            new_index: line_of(new, new_range.start),
            removed: lines::split(&old[old_range]),
            added: lines::split(&new[new_range]),
        };
        match groups.last_mut() {
            Some(group)
                if group
                    .last()
                    .is_some_and(|last| changed.old_index - last.old_end() <= 2 * CONTEXT_LINES) =>
            {
                group.push(changed);
            }
            _ => groups.push(vec![changed]),
        }
    }
    groups.iter().map(|group| section(&old_lines, group)).collect()
}

/// One difference in lines.
struct Changed<'a> {
    old_index: usize,
    new_index: usize,
    removed: Vec<&'a str>,
    added: Vec<&'a str>,
}

impl Changed<'_> {
    fn old_end(&self) -> usize {
        self.old_index + self.removed.len()
    }
}

fn section(old_lines: &[&str], group: &[Changed]) -> String {
    let (Some(first), Some(last)) = (group.first(), group.last()) else {
        return String::new();
    };
    let lead = first.old_index.min(CONTEXT_LINES);
    let end = (last.old_end() + CONTEXT_LINES).min(old_lines.len());
    let mut body = String::new();
    let mut next = first.old_index - lead;
    for changed in group {
        push_lines(&mut body, ' ', &old_lines[next..changed.old_index]);
        push_lines(&mut body, '-', &changed.removed);
        push_lines(&mut body, '+', &changed.added);
        next = changed.old_end();
    }
    push_lines(&mut body, ' ', &old_lines[next..end]);
    let old_count = end - (first.old_index - lead);
    let added: usize = group.iter().map(|changed| changed.added.len()).sum();
    let removed: usize = group.iter().map(|changed| changed.removed.len()).sum();
    let old = range(first.old_index - lead, old_count);
    let new = range(first.new_index - lead, old_count + added - removed);
    format!("@@ -{old} +{new} @@\n{body}")
}

fn push_lines(body: &mut String, marker: char, lines: &[&str]) {
    for line in lines {
        body.push(marker);
        body.push_str(line);
        if !line.ends_with('\n') {
            body.push_str("\n\\ No newline at end of file\n");
        }
    }
}

fn range(index: usize, count: usize) -> String {
    // A side without lines names the line before it.
    let start = if count == 0 { index } else { index + 1 };
    if count == 1 {
        start.to_string()
    } else {
        format!("{start},{count}")
    }
}
