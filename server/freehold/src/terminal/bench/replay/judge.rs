//! What is wrong with a suggestion that was shown, given what was typed instead. Pure.

use ropey::Rope;
use syntax::{Limits, Tree};

use super::screen::common;

/// The place at which something was shown.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The language, as LSP names it.
    pub language: &'a str,
    /// The text before the cursor.
    pub before: &'a str,
    /// The text after it.
    pub after: &'a str,
    /// What the user means to type there.
    pub wanted: &'a str,
}

/// What is wrong with a suggestion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Characters from where it leaves what the user means to type.
    pub wrong_characters: usize,
    /// It says once more what follows the cursor.
    pub repeats: bool,
    /// With it a text that parsed no longer does; nothing if the text did not parse without it.
    pub breaks: Option<bool>,
}

/// Judges `shown` at `place`.
pub fn judge(shown: &str, place: &Place<'_>) -> Verdict {
    let right = common(shown, place.wanted);
    let parsed = parses(place.language, &[place.before, place.after].concat());
    let breaks = (parsed == Some(true)).then(|| {
        let with = [place.before, shown, place.after].concat();
        parses(place.language, &with) == Some(false)
    });
    Verdict {
        wrong_characters: shown[right..].chars().count(),
        repeats: right < shown.len() && repeats(shown, place.after),
        breaks,
    }
}

/// Whether `shown` says once more what follows the cursor: the rest of the line at its end, or the next line.
fn repeats(shown: &str, after: &str) -> bool {
    let mut lines = after.lines();
    let rest = lines.next().unwrap_or_default().trim();
    // A bracket at its end may well close one of its own.
    let closes = |text: &str| text.contains([')', ']', '}']);
    if !rest.is_empty() && shown.trim_end().ends_with(rest) && (!closes(rest) || !balanced(shown)) {
        return true;
    }
    let Some(next) = lines.map(str::trim).find(|line| !line.is_empty()) else {
        return false;
    };
    let says = shown.lines().any(|line| line.trim() == next);
    says && (next
        .chars()
        .filter(|character| character.is_alphanumeric())
        .count()
        >= 4
        || !balanced(shown))
}

/// Whether `text` in `language` (as LSP names it) parses; nothing if nobody can tell.
fn parses(language: &str, text: &str) -> Option<bool> {
    let tree = Tree::parse(
        syntax::language(language),
        &Rope::from_str(text),
        &Limits::default(),
    )?;
    Some(tree.is_whole())
}

/// Whether the brackets in `text` pair, strings of one line and comments to the end of a line left out.
fn balanced(text: &str) -> bool {
    let mut open = Vec::new();
    for line in text.lines() {
        let mut rest = line;
        while let Some(character) = rest.chars().next() {
            let mut step = character.len_utf8();
            match character {
                '(' => open.push(')'),
                '[' => open.push(']'),
                '{' => open.push('}'),
                ')' | ']' | '}' if open.pop() != Some(character) => return false,
                '"' | '\'' | '`' => step += string(&rest[step..], character),
                '/' if rest.starts_with("//") => break,
                '#' if line.trim_start().starts_with('#') => break,
                '*' if line.trim_start().starts_with('*') => break,
                _ => {}
            }
            rest = &rest[step..];
        }
    }
    open.is_empty()
}

/// Length of the string that has just begun, with its end; nothing if it does not end in this line.
fn string(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices() {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == quote {
            return at + 1;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(shown: &str, before: &str, after: &str, wanted: &str) -> (usize, bool, Option<bool>) {
        let place = Place {
            language: "rust",
            before,
            after,
            wanted,
        };
        let verdict = judge(shown, &place);
        (verdict.wrong_characters, verdict.repeats, verdict.breaks)
    }

    #[test]
    fn suggestions_are_judged() {
        let cases = [
            (
                "foo(bar)",
                "fn a() { f(",
                "); }\n",
                "foo(bar)",
                (0, false, Some(false)),
            ),
            (
                "foo(bar)",
                "fn a() { f(",
                "); }\n",
                "foo(baz)",
                (2, false, Some(false)),
            ),
            ("foo)", "fn a() { f(", "); }\n", "foo", (1, false, Some(true))),
            (
                "return 1;",
                "fn a() {\n",
                "\n    return 1;\n}\n",
                "let a = 2;",
                (9, true, Some(false)),
            ),
            ("x = {", "", "\n", "x = 1", (1, false, Some(true))),
            ("a\n}", "fn a() {\n", "\n}\n", "a", (2, true, Some(true))),
            ("if b {\n}", "fn a() {\n", "\n}\n", "a", (8, false, Some(false))),
            ("\"a(\"", "fn a() { f(", ") }", "\"a(\"", (0, false, Some(false))),
            ("b", "fn a( {", "}", "b", (0, false, None)),
        ];
        for (shown, before, after, wanted, expected) in cases {
            assert_eq!(verdict(shown, before, after, wanted), expected, "{shown:?}");
        }
    }

    #[test]
    fn brackets_are_read_past_strings_and_comments() {
        for text in ["f(')')", "// (\n", "# (\na", "x[1]{}", "it's (fine)", "\"\\\"(\""] {
            assert!(balanced(text), "{text}");
        }
        for text in ["(", ")", "(]", "{\n"] {
            assert!(!balanced(text), "{text}");
        }
    }
}
