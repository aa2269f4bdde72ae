//! Rust source with its comments and strings blanked, so that a search finds code only.

/// Replaces the insides of comments, strings and character literals by spaces; keeps every line in its place.
pub fn code_only(source: &str) -> String {
    let mut blanked = String::with_capacity(source.len());
    let mut rest = source;
    let mut previous = ' ';
    while let Some(first) = rest.chars().next() {
        let (length, keep) = match token_length(rest, previous) {
            Some(length) => (length, false),
            None => (first.len_utf8(), true),
        };
        let token = &rest[..length];
        if keep {
            blanked.push_str(token);
        } else {
            blanked.extend(
                token
                    .chars()
                    .map(|character| if character == '\n' { '\n' } else { ' ' }),
            );
        }
        previous = token.chars().next_back().unwrap_or(' ');
        rest = &rest[length..];
    }
    blanked
}

/// The source up to the tests at its end, which begin with `#[cfg(test)]` or `#[cfg(all(test, …))]`.
pub fn without_tests(source: &str) -> &str {
    let start = source.find("\nmod tests").and_then(|module| {
        let attribute = source[..module].rfind("#[cfg(")?;
        source[attribute..module].contains("test").then_some(attribute)
    });
    start.map_or(source, |start| &source[..start])
}

/// The length in bytes of the comment or literal that `rest` begins with, if it begins with one.
fn token_length(rest: &str, previous: char) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment_length(rest));
    }
    if rest.starts_with('"') {
        return Some(string_length(rest));
    }
    let in_a_word = previous.is_alphanumeric() || previous == '_';
    if !in_a_word && let Some(length) = raw_string_length(rest) {
        return Some(length);
    }
    if rest.starts_with('\'') && !in_a_word {
        return character_length(rest);
    }
    None
}

fn block_comment_length(rest: &str) -> usize {
    let mut depth = 0;
    let mut offset = 0;
    while offset < rest.len() {
        let here = &rest[offset..];
        if here.starts_with("/*") {
            depth += 1;
            offset += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            offset += 2;
            if depth == 0 {
                return offset;
            }
        } else {
            offset += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (offset, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return offset + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `r"…"`, `r#"…"#` and so on, also with `b` or `c` before.
fn raw_string_length(rest: &str) -> Option<usize> {
    let after_prefix = rest.strip_prefix(['b', 'c']).unwrap_or(rest).strip_prefix('r')?;
    let hashes = after_prefix.len() - after_prefix.trim_start_matches('#').len();
    let inside = after_prefix[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let before = rest.len() - inside.len();
    Some(
        inside
            .find(&end)
            .map_or(rest.len(), |length| before + length + end.len()),
    )
}

/// A character literal, and not a lifetime.
fn character_length(rest: &str) -> Option<usize> {
    let mut characters = rest.char_indices().skip(1);
    let (_, first) = characters.next()?;
    if first == '\\' {
        characters.next();
        return characters
            .find(|(_, character)| *character == '\'')
            .map(|(offset, _)| offset + 1);
    }
    match characters.next() {
        Some((offset, '\'')) => Some(offset + 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blank_and_code_is_not() {
        let cases = [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("a \" b", c)"#, r"f(        , c)"),
            ("f(r#\"a \" b\"#, c)", "f(          , c)"),
            ("number'x'", "number'x'"),
            ("['x', '\\'', 'ö']", "[   ,     ,    ]"),
            ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
            ("\"open", "     "),
            ("for_r \"x\"", "for_r    "),
        ];
        for (source, expected) in cases {
            assert_eq!(code_only(source), expected, "from {source:?}");
        }
    }

    #[test]
    fn tests_at_the_end_are_left_out() {
        assert_eq!(
            without_tests("fn a() {}\n#[cfg(test)]\nmod tests {}\n"),
            "fn a() {}\n"
        );
        let on_unix = "fn a() {}\n#[cfg(all(test, unix))]\n#[expect(x)]\nmod tests {}\n";
        assert_eq!(without_tests(on_unix), "fn a() {}\n");
        assert_eq!(without_tests("fn a() {}\n"), "fn a() {}\n");
    }
}
