//! The simulated user's mind: which suggestion is noticed, and how much of it is taken. Pure.

use std::time::Duration;

/// A suggestion is read once it has been visible for so long.
pub const READING: Duration = Duration::from_millis(300);

/// After a part of a suggestion was taken, the next part is looked at for so long.
pub const READING_ON: Duration = Duration::from_millis(150);

/// Taking is a key too: it must save more characters than that.
const CHARACTERS_MIN: usize = 2;

/// How much of a suggestion is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    All,
    /// Its first line.
    Line,
    /// Its first word.
    Word,
}

/// How much of `shown` the user takes who means to type `wanted`, and how many bytes that is.
///
/// All of it if it is what comes next, else its first line, else its first word; nothing that is wrong.
pub fn take(shown: &str, wanted: &str) -> Option<(Part, usize)> {
    let line = shown.find('\n').filter(|&end| end > 0).unwrap_or(shown.len());
    [
        (Part::All, shown.len()),
        (Part::Line, line),
        (Part::Word, word(shown)),
    ]
    .into_iter()
    .find(|&(_, end)| wanted.starts_with(&shown[..end]) && shown[..end].chars().count() >= CHARACTERS_MIN)
}

/// Where the first word of `text` ends, as editors have it: spaces, then letters and digits, or signs.
fn word(text: &str) -> usize {
    let kind = |character: char| match character {
        _ if character.is_whitespace() => 0,
        _ if character.is_alphanumeric() || character == '_' => 1,
        _ => 2,
    };
    let start = text.len() - text.trim_start().len();
    let first = text[start..].chars().next().map_or(0, kind);
    let end = text[start..].find(|character| kind(character) != first);
    end.map_or(text.len(), |end| start + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_as_is_right_is_taken() {
        let cases = [
            ("foo(bar)", "foo(bar)\nnext", Some((Part::All, 8))),
            ("foo(bar)\nwrong", "foo(bar)\nnext", Some((Part::Line, 8))),
            ("foo(baz)", "foo(bar)", Some((Part::Word, 3))),
            (" foo + 1", " foo - 1", Some((Part::Word, 4))),
            ("fob", "foo", None),
            ("x", "x + 1", None),
            (");", ");", Some((Part::All, 2))),
            ("\nfoo", "\nfoo", Some((Part::All, 4))),
            ("\n    foo bar", "\n    foo baz", Some((Part::Word, 8))),
            ("anything", "", None),
            ("", "", None),
        ];
        for (shown, wanted, expected) in cases {
            assert_eq!(take(shown, wanted), expected, "{shown:?} {wanted:?}");
        }
    }
}
