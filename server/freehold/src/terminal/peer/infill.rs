//! What llama.vscode sends to `/infill` for a cursor, and what it shows of the answer; pure.
//!
//! Followed rule by rule from llama.vscode 0.0.63 (MIT licence), `src/completion.ts` and `src/llama-server.ts`,
//! with the defaults of its settings. Lengths are counted as JavaScript counts them, in UTF-16 units.

use serde_json::{Value, json};

/// Lines before the cursor's that are sent.
const PREFIX_LINES_MAX: usize = 256;

/// Lines after the cursor's that are sent.
const SUFFIX_LINES_MAX: usize = 64;

/// Unasked, nothing is suggested where more than so many UTF-16 units follow the cursor in its line.
const LINE_SUFFIX_UNITS_MAX: usize = 8;

/// Completions asked for in one request (`max_parallel_completions`); the first one left is shown.
const COMPLETIONS: u32 = 3;

/// A document as the extension sees it: lines without their ends, and a cursor.
#[derive(Debug, Clone)]
pub struct Document<'a> {
    lines: Vec<&'a str>,
    /// The cursor's line, counted from 0.
    line: usize,
    /// The cursor in its line, in bytes.
    column_bytes: usize,
}

impl<'a> Document<'a> {
    /// Takes `text` apart around the place `offset_bytes`, which must lie between two characters of it.
    pub fn new(text: &'a str, offset_bytes: usize) -> Self {
        let lines = lines(text);
        let before = self::lines(&text[..offset_bytes]);
        Self {
            lines,
            line: before.len() - 1,
            column_bytes: before.last().map_or(0, |line| line.len()),
        }
    }

    /// The cursor's line before the cursor.
    pub fn line_prefix(&self) -> &'a str {
        &self.lines[self.line][..self.column_bytes]
    }

    /// The cursor's line from the cursor on.
    pub fn line_suffix(&self) -> &'a str {
        &self.lines[self.line][self.column_bytes..]
    }

    /// Whether an automatic request is given up because too much follows the cursor in its line.
    pub fn is_refused_unasked(&self) -> bool {
        units(self.line_suffix()) > LINE_SUFFIX_UNITS_MAX
    }

    /// What is sent for this cursor.
    pub fn window(&self) -> Window {
        let first = self.line.saturating_sub(PREFIX_LINES_MAX);
        let last = (self.lines.len() - 1).min(self.line + SUFFIX_LINES_MAX);
        let line = self.lines[self.line];
        let is_indentation = |text: &str| text.chars().all(|one| matches!(one, ' ' | '\t'));
        let prompt = if is_indentation(self.line_prefix()) {
            ""
        } else {
            self.line_prefix()
        };
        Window {
            // As there, also without any line before: it then begins with an empty line.
            input_prefix: self.lines[first..self.line].join("\n") + "\n",
            input_suffix: format!(
                "{}\n{}\n",
                self.line_suffix(),
                self.lines[self.line + 1..=last].join("\n")
            ),
            prompt: prompt.to_owned(),
            indentation_units: units(line) - units(line.trim_start()),
        }
    }

    /// What of the server's `contents` would be shown at the cursor, in order; the editor shows the first.
    ///
    /// Each is as the extension caches it; [`Document::inserted`] is what appears.
    pub fn suggestions(&self, contents: &[String]) -> Vec<String> {
        let mut suggestions = Vec::new();
        for content in contents {
            let lines = without_blank_end(lines(content));
            match self.is_discarded(&lines) {
                // It looks for a line past the end of the document there, which throws: nothing is shown at all.
                Err(PastTheEnd) => return Vec::new(),
                Ok(true) => {}
                Ok(false) => suggestions.push(self.fitted(&lines)),
            }
        }
        suggestions
    }

    /// What appears at the cursor for a `suggestion`: without the indentation that stands there already.
    pub fn inserted(&self, suggestion: &str) -> String {
        let before = self.line_prefix();
        let count = if before.chars().all(|one| matches!(one, ' ' | '\t')) {
            units(before)
        } else {
            0
        };
        // The condition there reads `i < length && i < n && c === ' ' || c === '\t'`: tabs go without a limit.
        let removed = suggestion
            .char_indices()
            .take_while(|&(at, one)| (at < count && one == ' ') || one == '\t')
            .count();
        suggestion[removed..].to_owned()
    }

    /// Whether a suggestion says what stands there already (`shouldDiscardSuggestion`).
    fn is_discarded(&self, suggestion: &[&str]) -> Result<bool, PastTheEnd> {
        let Some(first) = suggestion.first() else {
            return Ok(true);
        };
        if suggestion.len() == 1 && first.trim().is_empty() {
            return Ok(true);
        }
        if self.line == self.lines.len() - 1 {
            return Ok(false);
        }
        let suffix = self.line_suffix();
        if suggestion.len() > 1
            && (first.trim().is_empty() || first.trim() == suffix.trim())
            && self.stands_at(self.line + 1, &suggestion[1..])?
        {
            return Ok(true);
        }
        if suggestion.len() == 1 && *first == suffix {
            return Ok(true);
        }
        let next = (self.line + 1..self.lines.len()).find(|&line| !self.lines[line].trim().is_empty());
        let Some(next) = next else {
            return Ok(false);
        };
        if format!("{}{first}", self.line_prefix()) != self.lines[next] {
            return Ok(false);
        }
        match suggestion {
            [_] => Ok(true),
            [_, second] => Ok(self.line_at(next + 1)?.starts_with(second)),
            [_, rest @ ..] => self.stands_at(next + 1, rest),
            [] => Ok(true),
        }
    }

    /// Whether `wanted` stands in the document from `line` on; as there, looked at only up to a difference.
    fn stands_at(&self, line: usize, wanted: &[&str]) -> Result<bool, PastTheEnd> {
        for (index, wanted) in wanted.iter().enumerate() {
            if self.line_at(line + index)? != *wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn line_at(&self, line: usize) -> Result<&'a str, PastTheEnd> {
        self.lines.get(line).copied().ok_or(PastTheEnd)
    }

    /// A suggestion made to fit what follows the cursor in its line (`updateSuggestion`).
    fn fitted(&self, suggestion: &[&str]) -> String {
        let suffix = self.line_suffix();
        if !suffix.trim().is_empty()
            && let Some(first) = suggestion.first()
        {
            if let Some(kept) = first.strip_suffix(suffix) {
                return kept.to_owned();
            }
            return (*first).to_owned();
        }
        suggestion.join("\n")
    }
}

/// Asked for a line that the document does not have, the editor throws.
struct PastTheEnd;

/// The text that goes into a request; two requests with equal windows have equal answers in the extension's cache.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Window {
    /// The lines before the cursor's, ended by a line break.
    pub input_prefix: String,
    /// From the cursor on, ended by a line break.
    pub input_suffix: String,
    /// The cursor's line before the cursor; empty if that is white space only.
    pub prompt: String,
    /// White space that the cursor's line begins with, in UTF-16 units; the server ends an answer at a line
    /// with less.
    pub indentation_units: usize,
}

impl Window {
    /// The body of `POST /infill`, with `chunks` of other places (`input_extra`).
    ///
    /// The extension draws at random and sends no seed; with `seed` the draw is the same each time, from the same
    /// distribution.
    pub fn body(&self, chunks: &[Value], seed: Option<u32>) -> Value {
        let mut body = json!({
            "id_slot": 0,
            "input_prefix": self.input_prefix,
            "input_suffix": self.input_suffix,
            "input_extra": chunks,
            "prompt": self.prompt,
            "n_predict": 128,
            "n_cmpl": COMPLETIONS,
            "top_k": 40,
            "top_p": 0.99,
            "stream": false,
            "samplers": ["top_k", "top_p", "infill"],
            "cache_prompt": true,
            "t_max_prompt_ms": 500,
            "t_max_predict_ms": 2500,
        });
        if self.indentation_units > 0 {
            body["n_indent"] = json!(self.indentation_units);
        }
        if let Some(seed) = seed {
            body["seed"] = json!(seed);
        }
        body
    }
}

/// The texts in an answer to [`Window::body`], each once.
pub fn contents(answer: &Value) -> Vec<String> {
    let content = |answer: &Value| answer["content"].as_str().unwrap_or_default().to_owned();
    let Some(answers) = answer.as_array() else {
        return vec![content(answer)];
    };
    let mut contents: Vec<String> = Vec::new();
    for answer in answers {
        let content = content(answer);
        if !contents.contains(&content) {
            contents.push(content);
        }
    }
    contents
}

/// The arguments of llama-server: the extension's recipe for a machine without a GPU, on loopback.
pub fn server_arguments(model_file: &str, port: u16, threads: u32) -> Vec<String> {
    format!("--host 127.0.0.1 --port {port} -t {threads} -ub 512 -b 512 --ctx-size 0 --cache-reuse 256 -m")
        .split(' ')
        .map(str::to_owned)
        .chain([model_file.to_owned()])
        .collect()
}

/// The lines of `text` without their ends; text that ends with a line break has an empty last line.
pub fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\n', '\r']) {
        lines.push(&rest[..at]);
        let end = if rest[at..].starts_with("\r\n") { 2 } else { 1 };
        rest = &rest[at + end..];
    }
    lines.push(rest);
    lines
}

/// `lines` without the blank ones at their end.
pub fn without_blank_end(mut lines: Vec<&str>) -> Vec<&str> {
    while lines.last().is_some_and(|line| line.trim().is_empty()) {
        lines.pop();
    }
    lines
}

/// How long JavaScript takes `text` to be.
fn units(text: &str) -> usize {
    text.encode_utf16().count()
}
