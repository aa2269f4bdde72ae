//! Where what is generated begins to say what stands after the cursor already.

/// So much of a text is looked through for a place to join.
const LOOK_BYTES_MAX: usize = 600;

/// The end of the part of `line`, from `generated`, that comes before the first line of what follows the
/// cursor, `rest`, if the line ends with it. White space does not count, but at the seam it is kept as the
/// two together have it.
pub fn seam(line: &str, rest: &str) -> Option<usize> {
    let mut wanted = rest.trim().chars().rev().filter(|one| !one.is_whitespace());
    let mut next = wanted.next()?;
    for (at, character) in line.trim_end().char_indices().rev() {
        if character.is_whitespace() {
            continue;
        }
        if character != next {
            return None;
        }
        match wanted.next() {
            Some(character) => next = character,
            None => return Some(without_shared_space(line, at, rest)),
        }
    }
    None
}

/// `at` moved back over as many characters of white space as `rest` begins with: the two may be of different widths.
fn without_shared_space(line: &str, at: usize, rest: &str) -> usize {
    let shared = rest.chars().take_while(|one| one.is_whitespace()).count();
    let space = line[..at].char_indices().rev();
    space
        .take(shared)
        .take_while(|(_, one)| one.is_whitespace())
        .last()
        .map_or(at, |(start, _)| start)
}

/// Places in `text` where it could join `rest`, those first from which it says most of the same.
pub fn joints(text: &str, rest: &str) -> Vec<usize> {
    let mut joints: Vec<(usize, usize)> = text
        .char_indices()
        .take_while(|&(at, _)| at < LOOK_BYTES_MAX)
        .filter(|&(at, character)| at > 0 && !character.is_whitespace())
        .map(|(at, _)| (shared(&text[at..], rest), at))
        .filter(|&(shared, _)| shared > 1)
        .collect();
    joints.sort_by_key(|&(shared, at)| (usize::MAX - shared, at));
    joints
        .into_iter()
        .map(|(_, at)| {
            let line = text[..at].rfind('\n').map_or(0, |line| line + 1);
            line + without_shared_space(&text[line..], at - line, rest)
        })
        .collect()
}

/// How many characters other than white space the two begin with alike.
fn shared(one: &str, other: &str) -> usize {
    let one = one.chars().filter(|character| !character.is_whitespace());
    let other = other.chars().filter(|character| !character.is_whitespace());
    one.zip(other).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seam_is_where_the_rest_of_the_line_begins() {
        let cases = [
            ("return len(lower()))", "wer()))", Some("return len(lo")),
            (" sum(range(n + 1))", "range(n+1))", Some(" sum(")),
            ("lambda x: x < 0)", " x < 0)", Some("lambda x:")),
            ("        result.append(1)", "   result.append(1)", Some("     ")),
            ("a = b", "c", None),
            ("b", "a b", None),
            ("ü)", ")", Some("ü")),
            ("x", "", None),
            // White space of three bytes against one of one, and the other way round.
            ("x\u{3000}世界", " 世界", Some("x")),
            ("x \u{3000})", " )", Some("x ")),
            ("x )", "\u{3000})", Some("x")),
        ];
        for (line, rest, before) in cases {
            assert_eq!(
                seam(line, rest).map(|at| &line[..at]),
                before,
                "{line:?} {rest:?}"
            );
        }
    }

    #[test]
    fn joints_come_in_the_order_of_what_they_share() {
        assert_eq!(joints("f(ab) + f(abc)", "abd"), [2, 10]);
        assert_eq!(joints("x = 1", "abd"), [0; 0]);
        assert_eq!(joints("x\u{3000}世界", " 世界"), [1]);
    }
}
