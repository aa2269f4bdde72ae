//! Lines of text: indentation, blanks, the lines next to a cursor.

/// How far a tab indents: to the next multiple of so many columns. Only differences matter here.
const TAB_COLUMNS: usize = 4;

/// Columns of white space at the start of `line`.
pub fn indentation(line: &str) -> usize {
    let mut columns = 0;
    for character in line.chars() {
        match character {
            '\t' => columns += TAB_COLUMNS - columns % TAB_COLUMNS,
            ' ' => columns += 1,
            _ => break,
        }
    }
    columns
}

/// Whether `line` has nothing but white space.
pub fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}

/// The last line of `text`, which ends at the cursor.
pub fn last(text: &str) -> &str {
    text.rsplit('\n').next().unwrap_or(text)
}

/// The first line of `text`, which begins at the cursor.
pub fn first(text: &str) -> &str {
    text.split('\n').next().unwrap_or(text)
}

/// The nearest line with text after the line that `suffix` begins in.
pub fn next_with_text(suffix: &str) -> Option<&str> {
    suffix.split('\n').skip(1).find(|line| !is_blank(line))
}

/// The nearest line with text before the line that `prefix` ends in.
pub fn previous_with_text(prefix: &str) -> Option<&str> {
    prefix.rsplit('\n').skip(1).find(|line| !is_blank(line))
}

/// Whether `character` can be part of a name.
pub fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Letters and digits in `line`.
pub fn letters(line: &str) -> usize {
    line.chars()
        .filter(|character| character.is_alphanumeric())
        .count()
}

/// A line this long is the same line also where it is indented otherwise.
const UNMISTAKABLE_BYTES: usize = 20;

/// Whether a reader would take the two lines for the same: same text and indentation, or much same text.
pub fn same_line(one: &str, other: &str) -> bool {
    let text = one.trim();
    text == other.trim() && (indentation(one) == indentation(other) || text.len() >= UNMISTAKABLE_BYTES)
}
