//! A suggestion shown where it would go, with the lines around it.

use completion::Suggestion;
use ropey::Rope;

/// Lines shown before and after the suggestion.
const NEIGHBOUR_LINES: usize = 6;

const GREEN: &str = "\x1b[32m";
const GREY: &str = "\x1b[90m";
const RESET: &str = "\x1b[0m";

/// The lines around `offset_bytes` with the suggestion, if there is one, in place: numbered, and those that it
/// touches marked with `+`. With `coloured` the suggestion is green.
pub fn neighbourhood(
    text: &Rope,
    offset_bytes: usize,
    suggestion: Option<&Suggestion>,
    coloured: bool,
) -> String {
    let (range, inserted) = match suggestion {
        Some(suggestion) => (suggestion.range.clone(), suggestion.text.as_str()),
        None => (offset_bytes..offset_bytes, ""),
    };
    let line = text.byte_to_line(range.start);
    let first = line.saturating_sub(NEIGHBOUR_LINES);
    let end = (line + 1 + NEIGHBOUR_LINES).min(text.len_lines());
    let before = text.byte_slice(text.line_to_byte(first)..range.start).to_string();
    let after = text.byte_slice(range.end..text.line_to_byte(end)).to_string();

    let mut lines: Vec<Line> = vec![Line::default()];
    for (part, suggested) in [
        (before.as_str(), false),
        (inserted, true),
        (after.as_str(), false),
    ] {
        for (index, piece) in part.split('\n').enumerate() {
            if index > 0 {
                lines.push(Line::default());
            }
            if let Some(line) = lines.last_mut() {
                line.add(piece.trim_end_matches('\r'), suggested, coloured);
            }
        }
    }
    if lines
        .last()
        .is_some_and(|line| line.text.is_empty() && !line.touched)
    {
        lines.pop();
    }
    let width = (first + lines.len()).to_string().len();
    let mut shown = String::new();
    for (index, Line { text, touched }) in lines.iter().enumerate() {
        let mark = if *touched { '+' } else { ' ' };
        let gutter = format!("{mark} {:>width$} │", first + index + 1);
        let gutter = if coloured {
            format!("{GREY}{gutter}{RESET}")
        } else {
            gutter
        };
        shown += format!("{gutter} {text}").trim_end();
        shown.push('\n');
    }
    shown
}

#[derive(Default)]
struct Line {
    text: String,
    touched: bool,
}

impl Line {
    fn add(&mut self, piece: &str, suggested: bool, coloured: bool) {
        if piece.is_empty() {
            return;
        }
        // A file must not be able to steer the terminal that it is shown in.
        let piece: String = piece
            .chars()
            .map(|one| {
                if one.is_control() && one != '\t' {
                    '\u{fffd}'
                } else {
                    one
                }
            })
            .collect();
        self.touched |= suggested;
        self.text += &if suggested && coloured {
            format!("{GREEN}{piece}{RESET}")
        } else {
            piece
        };
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, range: std::ops::Range<usize>, inserted: &str, coloured: bool, expected: Expect) {
        let suggestion = Suggestion {
            text: inserted.to_owned(),
            range: range.clone(),
        };
        let suggestion = (!inserted.is_empty()).then_some(&suggestion);
        let shown = neighbourhood(&Rope::from_str(text), range.start, suggestion, coloured);
        expected.assert_eq(&shown.replace('\x1b', "ESC"));
    }

    #[test]
    fn a_suggestion_stands_in_its_place() {
        check(
            "def f(x):\n    \n\nf(1)\n",
            14..14,
            "y = x\n    return y",
            false,
            expect![[r#"
              1 │ def f(x):
            + 2 │     y = x
            + 3 │     return y
              4 │
              5 │ f(1)
        "#]],
        );
        check(
            "a(b)\n",
            2..4,
            "c, d);",
            true,
            expect![[r#"
            ESC[90m+ 1 │ESC[0m a(ESC[32mc, d);ESC[0m
        "#]],
        );
    }

    #[test]
    fn only_the_neighbourhood_is_shown() {
        let text: String = (1..=99).map(|line| format!("line {line}\r\n")).collect();
        let offset = text.find("50").expect("there is a line 50");
        check(
            &text,
            offset..offset,
            "x",
            false,
            expect![[r#"
              44 │ line 44
              45 │ line 45
              46 │ line 46
              47 │ line 47
              48 │ line 48
              49 │ line 49
            + 50 │ line x50
              51 │ line 51
              52 │ line 52
              53 │ line 53
              54 │ line 54
              55 │ line 55
              56 │ line 56
        "#]],
        );
    }

    #[test]
    fn a_file_cannot_steer_the_terminal() {
        check(
            "a\x1b[2Jb\n",
            0..0,
            "",
            true,
            expect![[r#"
            ESC[90m  1 │ESC[0m a�[2Jb
        "#]],
        );
    }
}
