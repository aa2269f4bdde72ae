//! A small lexical scanner: which brackets are open, and whether a place lies in a string or a comment.

use syntax::Language;

/// Where a scan stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Scanner {
    language: &'static Language,
    /// Brackets that are open, the innermost last.
    open: Vec<char>,
    /// Closing brackets that nothing opened.
    unmatched: Vec<char>,
    mode: Mode,
}

/// What kind of text a scan stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Code, where brackets count.
    Code,
    /// A comment up to the end of its line.
    LineComment,
    /// A comment of the kind with this index.
    BlockComment(usize),
    /// A string of the kind with this index.
    String(usize),
}

/// What one step of a scan went over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Code other than brackets.
    Code,
    /// White space, or a part of a string or a comment.
    Quiet,
    /// An opening bracket.
    Open,
    /// A closing bracket that closes one opened before.
    Close,
    /// A closing bracket that nothing opened.
    Unmatched,
}

impl Scanner {
    /// A scan that begins in code, with no bracket open.
    pub fn new(language: &'static Language) -> Self {
        Self {
            language,
            open: Vec::new(),
            unmatched: Vec::new(),
            mode: Mode::Code,
        }
    }

    /// The language by whose rules it scans.
    pub fn language(&self) -> &'static Language {
        self.language
    }

    /// What kind of text it stands in.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether it stands in text that may go over the end of a line: not code, nor a comment up to there.
    pub fn in_long_text(&self) -> bool {
        match self.mode {
            Mode::Code | Mode::LineComment => false,
            Mode::BlockComment(_) => true,
            Mode::String(index) => self.language.strings[index].multi_line,
        }
    }

    /// Whether it stands in a string.
    pub fn in_string(&self) -> bool {
        matches!(self.mode, Mode::String(_))
    }

    /// Whether it stands in the same kind of text as `other`, with as many brackets open and unmatched.
    pub fn stands_like(&self, other: &Self) -> bool {
        self.mode == other.mode && self.open == other.open && self.unmatched.len() == other.unmatched.len()
    }

    /// How many brackets are open.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// The brackets that are open, the innermost last.
    pub fn open(&self) -> &[char] {
        &self.open
    }

    /// The same place, with the brackets before it forgotten.
    pub fn without_open(&self) -> Self {
        Self {
            language: self.language,
            open: Vec::new(),
            unmatched: Vec::new(),
            mode: self.mode,
        }
    }

    /// Closing brackets that nothing opened, in order.
    pub fn unmatched(&self) -> &[char] {
        &self.unmatched
    }

    /// Goes over all of `text`.
    pub fn scan(&mut self, text: &str) {
        let mut rest = text;
        loop {
            rest = &rest[self.uneventful(rest)..];
            if rest.is_empty() {
                return;
            }
            let (bytes, _) = self.step(rest);
            rest = &rest[bytes..];
        }
    }

    /// Bytes at the start of `rest` that change nothing: gone over at once, they make the scan of a long
    /// document some ten times as fast.
    fn uneventful(&self, rest: &str) -> usize {
        let length = match self.mode {
            Mode::Code => rest.bytes().position(|byte| self.language.is_mark(byte)),
            Mode::LineComment => rest.bytes().position(|byte| byte == b'\n'),
            Mode::BlockComment(index) => rest.find(self.language.block_comments[index].1.as_str()),
            Mode::String(index) => {
                let first = self.language.strings[index].close().bytes().next();
                rest.bytes()
                    .position(|byte| byte == b'\\' || byte == b'\n' || Some(byte) == first)
            }
        };
        length.unwrap_or(rest.len())
    }

    /// Goes over the first character or mark of `rest`, which is not empty; says how many bytes those were.
    pub fn step(&mut self, rest: &str) -> (usize, Step) {
        let Some(character) = rest.chars().next() else {
            return (0, Step::Quiet);
        };
        match self.mode {
            Mode::Code => self.step_in_code(rest, character),
            Mode::LineComment => {
                if character == '\n' {
                    self.mode = Mode::Code;
                }
                (character.len_utf8(), Step::Quiet)
            }
            Mode::BlockComment(index) => {
                let close = &self.language.block_comments[index].1;
                if rest.starts_with(close.as_str()) {
                    self.mode = Mode::Code;
                    return (close.len(), Step::Quiet);
                }
                (character.len_utf8(), Step::Quiet)
            }
            Mode::String(index) => self.step_in_string(rest, character, index),
        }
    }

    fn step_in_code(&mut self, rest: &str, character: char) -> (usize, Step) {
        let language = self.language;
        for (index, (open, _)) in language.block_comments.iter().enumerate() {
            if rest.starts_with(open.as_str()) {
                self.mode = Mode::BlockComment(index);
                return (open.len(), Step::Quiet);
            }
        }
        for open in &language.line_comments {
            if rest.starts_with(open.as_str()) {
                self.mode = Mode::LineComment;
                return (open.len(), Step::Quiet);
            }
        }
        for (index, quotes) in language.strings.iter().enumerate() {
            if let Some(inside) = rest.strip_prefix(quotes.open.as_str()) {
                if quotes.one_character {
                    let bytes = quotes.open.len() + character_literal(inside, quotes.close()).unwrap_or(0);
                    return (bytes, Step::Code);
                }
                self.mode = Mode::String(index);
                return (quotes.open.len(), Step::Code);
            }
        }
        let step = match character {
            '(' | '[' | '{' => {
                self.open.push(character);
                Step::Open
            }
            ')' | ']' | '}' => self.close(character),
            _ if character.is_whitespace() => Step::Quiet,
            _ => Step::Code,
        };
        (character.len_utf8(), step)
    }

    fn step_in_string(&mut self, rest: &str, character: char, index: usize) -> (usize, Step) {
        let quotes = &self.language.strings[index];
        if rest.starts_with(quotes.close()) {
            self.mode = Mode::Code;
            return (quotes.close().len(), Step::Code);
        }
        if character == '\n' && !quotes.multi_line {
            self.mode = Mode::Code;
            return (1, Step::Quiet);
        }
        if character == '\\' && quotes.escapes {
            let escaped = rest[1..].chars().next().map_or(0, char::len_utf8);
            return (1 + escaped, Step::Code);
        }
        (character.len_utf8(), Step::Code)
    }

    /// A closing bracket closes the nearest one of its kind; those inside it were never closed and are
    /// forgotten, so that one slip does not spoil the count of all that follows.
    fn close(&mut self, character: char) -> Step {
        let opener = opener(character);
        if let Some(at) = self.open.iter().rposition(|&open| open == opener) {
            self.open.truncate(at);
            Step::Close
        } else {
            self.unmatched.push(character);
            Step::Unmatched
        }
    }
}

/// The bracket that `closer` closes.
pub fn opener(closer: char) -> char {
    match closer {
        ')' => '(',
        ']' => '[',
        _ => '{',
    }
}

/// Whether `character` is a closing bracket.
pub fn is_closer(character: char) -> bool {
    matches!(character, ')' | ']' | '}')
}

/// Bytes of the character and the closing quote at the start of `inside`, if that is what stands there.
fn character_literal(inside: &str, close: &str) -> Option<usize> {
    let mut characters = inside.chars();
    let first = characters.next()?;
    if first == '\\' {
        // Room for the longest escape, `\u{10ffff}`.
        let end = inside
            .get(1..)?
            .char_indices()
            .skip(1)
            .take(10)
            .find(|&(at, _)| inside[1 + at..].starts_with(close));
        return end.map(|(at, _)| 1 + at + close.len());
    }
    let bytes = first.len_utf8();
    inside[bytes..].starts_with(close).then_some(bytes + close.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use syntax::language;

    /// What is open at the end of `text`, and how it stands there.
    fn end(id: &str, text: &str) -> (String, String, Mode) {
        let mut scanner = Scanner::new(language(id));
        scanner.scan(text);
        let mut stepwise = Scanner::new(language(id));
        let mut rest = text;
        while !rest.is_empty() {
            let (bytes, _) = stepwise.step(rest);
            rest = &rest[bytes..];
        }
        assert_eq!(scanner, stepwise, "{text:?}");
        (
            scanner.open.iter().collect(),
            scanner.unmatched.iter().collect(),
            scanner.mode,
        )
    }

    #[test]
    fn brackets_count_in_code_only() {
        let cases = [
            ("python", "f(a, [1, 2", "([", "", Mode::Code),
            ("python", "f(')', \"]\") # (", "", "", Mode::LineComment),
            ("python", "\"\"\"a (\n", "", "", Mode::String(0)),
            ("python", "'it\\'s (' + (", "(", "", Mode::Code),
            ("python", "'open\n(", "(", "", Mode::Code),
            ("rust", "fn f<'a>(x: &'a str) {", "{", "", Mode::Code),
            ("rust", "let c = '\\u{7d}'; let d = '}'; (", "(", "", Mode::Code),
            ("rust", "r#\"a \" ( \"# + [", "[", "", Mode::Code),
            ("rust", "/* ( */ } // {", "", "}", Mode::LineComment),
            ("typescript", "`a ${b} (\n", "", "", Mode::String(2)),
            ("html", "<!-- { --> don't (", "(", "", Mode::Code),
            ("lua", "--[[ ( ]] {", "{", "", Mode::Code),
            ("c", "if (c == '\"') {", "{", "", Mode::Code),
            ("unknown", "a) \"(\" {", "{", ")", Mode::Code),
            ("rust", "{ ( }", "", "", Mode::Code),
        ];
        for (id, text, open, unmatched, mode) in cases {
            assert_eq!(
                end(id, text),
                (open.to_owned(), unmatched.to_owned(), mode),
                "{text:?}"
            );
        }
    }
}
