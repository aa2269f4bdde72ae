//! The names of files in the headers of a patch.

/// Reads a name that may be quoted as git quotes: in `"`, with octal and letter escapes.
///
/// Gives the name and what follows it. An unquoted name ends at a tab or at the end of the line.
pub(super) fn read(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(mut rest) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|&byte| byte == b'\t').unwrap_or(text.len());
        return Some((text[..end].to_vec(), &text[end..]));
    };
    let mut name = Vec::new();
    loop {
        match rest {
            [b'"', behind @ ..] => return Some((name, behind)),
            [
                b'\\',
                high @ b'0'..=b'3',
                middle @ b'0'..=b'7',
                low @ b'0'..=b'7',
                behind @ ..,
            ] => {
                name.push((high - b'0') << 6 | (middle - b'0') << 3 | (low - b'0'));
                rest = behind;
            }
            [b'\\', letter, behind @ ..] => {
                name.push(match letter {
                    b'a' => 7,
                    b'b' => 8,
                    b't' => b'\t',
                    b'n' => b'\n',
                    b'v' => 11,
                    b'f' => 12,
                    b'r' => b'\r',
                    b'"' | b'\\' => *letter,
                    _ => return None,
                });
                rest = behind;
            }
            [byte, behind @ ..] => {
                name.push(*byte);
                rest = behind;
            }
            [] => return None,
        }
    }
}

/// The one name that `diff --git a/NAME b/NAME` gives twice; nothing if it gives two.
pub(super) fn read_git_pair(text: &[u8]) -> Option<Vec<u8>> {
    if text.starts_with(b"\"") {
        let (old, rest) = read(text)?;
        let (new, behind) = read(rest.strip_prefix(b" ")?)?;
        return behind.is_empty().then(|| same_name(&old, &new)).flatten();
    }
    // An unquoted name may hold spaces: the two halves are of one length, with a space between.
    let middle = text.len() / 2;
    let (old, new) = (text.get(..middle)?, text.get(middle..)?.strip_prefix(b" ")?);
    same_name(old, new)
}

fn same_name(old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    match (old.strip_prefix(b"a/"), new.strip_prefix(b"b/")) {
        (Some(old), Some(new)) => (old == new).then(|| old.to_vec()),
        _ => (old == new).then(|| old.to_vec()),
    }
}

/// Writes a name, quoted if it would not be read back otherwise.
pub(super) fn write(name: &str) -> String {
    if name
        .bytes()
        .all(|byte| byte >= b' ' && byte != b'"' && byte != 0x7f)
    {
        return name.to_owned();
    }
    let escaped = name.bytes().map(|byte| match byte {
        b'"' => "\\\"".to_owned(),
        0..b' ' | 0x7f.. => format!("\\{byte:03o}"),
        _ => char::from(byte).to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_quoted_and_plain() {
        assert_eq!(read(b"a/x y\t2026"), Some((b"a/x y".to_vec(), &b"\t2026"[..])));
        assert_eq!(
            read(b"\"a/\\303\\251\\n\""),
            Some(("a/é\n".as_bytes().to_vec(), &b""[..]))
        );
        assert_eq!(read(b"\"a/x"), None);
        assert_eq!(read(b"\"a/\\x\""), None);
        assert_eq!(read_git_pair(b"a/x y b/x y"), Some(b"x y".to_vec()));
        assert_eq!(read_git_pair(b"a/x b/y"), None);
        assert_eq!(read_git_pair(b"\"a/\\t\" \"b/\\t\""), Some(b"\t".to_vec()));
    }

    #[test]
    fn names_are_written_so_that_they_can_be_read() {
        for name in ["plain", "with space", "tab\t", "quote\"", "é\n"] {
            assert_eq!(
                read(write(name).as_bytes()),
                Some((name.as_bytes().to_vec(), &b""[..])),
                "{name:?}"
            );
        }
    }
}
