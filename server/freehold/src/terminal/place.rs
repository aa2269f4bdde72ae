//! A place in a file as a person writes it: `FILE:LINE:COL`, both counted from 1, the column in characters.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use ropey::Rope;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1; one past the last character is the end of the line.
    pub column: usize,
}

impl Place {
    /// Reads `FILE:LINE:COL`.
    ///
    /// # Errors
    /// When `text` is something else.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut parts = text.rsplitn(3, ':');
        let (column, line, file) = (parts.next(), parts.next(), parts.next());
        let number = |part: Option<&str>| part?.parse::<usize>().ok().filter(|&number| number > 0);
        match (file.filter(|file| !file.is_empty()), number(line), number(column)) {
            (Some(file), Some(line), Some(column)) => Ok(Self {
                file: PathBuf::from(file),
                line,
                column,
            }),
            _ => {
                bail!("cannot understand the place `{text}`; write FILE:LINE:COL, such as `src/main.rs:12:5`")
            }
        }
    }

    /// Where it is in `text`, in bytes.
    ///
    /// # Errors
    /// When it lies past the end of the text or of its line.
    pub fn offset_bytes(&self, text: &Rope) -> anyhow::Result<usize> {
        let file = self.file.display();
        let lines = text.len_lines();
        let line = self.line - 1;
        let slice = text.get_line(line).with_context(|| {
            format!(
                "`{file}` has {lines} lines, so line {} is past its end",
                self.line
            )
        })?;
        let breaks = slice
            .chars_at(slice.len_chars())
            .reversed()
            .take_while(|one| matches!(one, '\n' | '\r'));
        let characters = slice.len_chars() - breaks.count();
        if self.column > characters + 1 {
            bail!(
                "line {} of `{file}` has {characters} characters, so column {} is past its end",
                self.line,
                self.column
            );
        }
        Ok(text.char_to_byte(text.line_to_char(line) + self.column - 1))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(place: &str, expected: Expect) {
        let text = Rope::from_str("one\r\nzwölf\n");
        let offset = Place::parse(place).and_then(|place| place.offset_bytes(&text));
        expected.assert_eq(&offset.map_or_else(|error| error.to_string(), |offset| offset.to_string()));
    }

    #[test]
    fn a_place_counts_characters_from_one() {
        check("a.py:1:1", expect!["0"]);
        check("a.py:1:4", expect!["3"]);
        check("a.py:2:4", expect!["9"]);
        check("C:\\a.py:2:6", expect!["11"]);
        check("a.py:3:1", expect!["12"]);
    }

    #[test]
    fn a_place_that_is_not_there_is_refused() {
        check(
            "a.py:1:5",
            expect!["line 1 of `a.py` has 3 characters, so column 5 is past its end"],
        );
        check(
            "a.py:4:1",
            expect!["`a.py` has 3 lines, so line 4 is past its end"],
        );
        for place in [
            "a.py",
            "a.py:1",
            "a.py:0:1",
            "a.py:1:0",
            ":1:1",
            "a.py:x:1",
            "a.py:1:-1",
            "",
        ] {
            let error = Place::parse(place).expect_err("not a place").to_string();
            assert!(error.contains("write FILE:LINE:COL"), "{error}");
        }
    }
}
