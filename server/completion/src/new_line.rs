//! Suggestions that begin with a line break.

use crate::lines::{indentation, is_blank, next_with_text};

/// Whether `text`, which nobody asked for, is shown only when the user has begun a new line.
///
/// Who stops at the end of a line has mostly not finished it, or goes elsewhere: of the eight places in 16 recorded
/// sessions (`freehold bench replay --skip 16 --traces 16`), at seven all of it was wrong: three of them ends of
/// statements, four in front of a block that was there already. The beginning of a block that is not there yet is
/// what somebody may wait for.
///
/// `line_before` is the cursor's line up to the cursor, `after` what follows the cursor, with a line of text or two.
#[must_use]
pub fn waits_for_new_line(line_before: &str, text: &str, after: &str) -> bool {
    if !text.starts_with(['\n', '\r']) {
        return false;
    }
    let is_deeper = |line: &str| indentation(line) > indentation(line_before);
    let begins_block = text.lines().find(|line| !is_blank(line)).is_some_and(is_deeper);
    let is_there = next_with_text(after).is_some_and(is_deeper);
    !begins_block || is_there
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_block_that_is_not_there_yet_is_begun_unasked() {
        let cases = [
            ("    total = |", "a + b", "\n", false),
            ("fn f() {|", "\n    1\n}", "\n", false),
            ("def f():|", "\r\n\treturn 1", "", false),
            ("def f():|", "\n    return 1", "\n\ndef g():\n", false),
            ("    if a {|}", "\n        return;\n    ", "\n}\n", false),
            (
                "    if a {|",
                "\n        return;\n    }",
                "\n        other();\n    }\n",
                true,
            ),
            ("    total = a + b;|", "\n    total", "\n}\n", true),
            ("    f(a)|", "\n  return", "\n}\n", true),
            ("|", "\nfn g() {}", "", true),
        ];
        for (line, text, after, expected) in cases {
            let (before, rest) = line.split_once('|').expect("a cursor");
            let found = waits_for_new_line(before, text, &(rest.to_owned() + after));
            assert_eq!(found, expected, "{text:?} at {line:?}");
        }
    }
}
