//! The notation in which tests write files, a cursor and what the engine will say.
//!
//! ```text
//! //- /src/lib.rs
//! fn add(a: i32, b: i32) -> i32 {
//!     $0«a + b»
//! }
//! //- /README.md
//! One plus one.
//! ```
//!
//! - `//- /path` on a line of its own begins a file. Its text starts on the next line and ends before the
//!   next such line. Without any, the whole text is one file called `/main.rs`.
//! - `$0` is the cursor and not part of the text. Two of them hold a selection between them; the cursor
//!   is the second.
//! - `«…»` is what the engine will say there, and not part of the text. Without a `$0` the first one is
//!   the cursor too.
//! - One line break right at the start of the whole notation is dropped, so that a raw string may begin
//!   on its own line.
//!
//! A fixture that breaks these rules is a mistake in a test: parsing it panics and says where.

/// Files, a cursor, and what the engine will say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixture {
    /// The files, in the order in which they are written.
    pub files: Vec<File>,
}

/// One file of a [`Fixture`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct File {
    /// Path as written, such as `/src/lib.rs`.
    pub path: String,
    /// Text without any marks.
    pub text: String,
    /// Byte offset of the cursor, if it is in this file.
    pub cursor: Option<usize>,
    /// Bytes of the selection, if there is one in this file.
    pub selection: Option<std::ops::Range<usize>>,
    /// What the engine will say, and the byte offset at which it stands.
    pub said: Vec<(usize, String)>,
}

impl Fixture {
    /// Reads the notation.
    ///
    /// # Panics
    /// When `notation` breaks the rules in the module's manual.
    #[must_use]
    pub fn parse(notation: &str) -> Self {
        let notation = notation.strip_prefix('\n').unwrap_or(notation);
        let mut files: Vec<(String, String)> = Vec::new();
        for line in notation.split_inclusive('\n') {
            if let Some(path) = line.strip_prefix("//- ") {
                files.push((path.trim_end().to_owned(), String::new()));
                continue;
            }
            if files.is_empty() {
                files.push(("/main.rs".to_owned(), String::new()));
            }
            if let Some((_, text)) = files.last_mut() {
                text.push_str(line);
            }
        }
        if files.is_empty() {
            files.push(("/main.rs".to_owned(), String::new()));
        }
        Self {
            files: files
                .into_iter()
                .map(|(path, marked)| File::parse(path, &marked))
                .collect(),
        }
    }

    /// The file with the cursor, and the cursor's byte offset in it.
    ///
    /// # Panics
    /// When there is no cursor, or more than one file has one.
    #[must_use]
    pub fn cursor(&self) -> (&File, usize) {
        let mut found = self.files.iter().filter_map(|file| Some((file, file.cursor?)));
        let cursor = found.next().expect("the fixture has no `$0` and no `«…»`");
        assert!(found.next().is_none(), "two files of the fixture have a cursor");
        cursor
    }

    /// What the engine will say at the cursor; empty if the fixture does not tell.
    #[must_use]
    pub fn said(&self) -> &str {
        let (file, cursor) = self.cursor();
        file.said
            .iter()
            .find(|(at, _)| *at == cursor)
            .map_or("", |(_, said)| said.as_str())
    }
}

impl File {
    fn parse(path: String, marked: &str) -> Self {
        let mut file = Self {
            path,
            ..Self::default()
        };
        let mut cursors = Vec::new();
        let mut rest = marked;
        while let Some(at) = rest.find(['$', '«', '»']) {
            file.text.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("$0") {
                cursors.push(file.text.len());
                rest = after;
            } else if let Some(after) = rest.strip_prefix('«') {
                let (said, after) = after.split_once('»').expect("a `«` of the fixture is not closed");
                file.said.push((file.text.len(), said.to_owned()));
                rest = after;
            } else if let Some(after) = rest.strip_prefix('$') {
                file.text.push('$');
                rest = after;
            } else {
                panic!("a `»` of the fixture has no `«`: {rest:?}");
            }
        }
        file.text.push_str(rest);
        assert!(
            cursors.len() <= 2,
            "`{}` has {} cursors; one or two make sense",
            file.path,
            cursors.len()
        );
        if let [start, end] = cursors.as_slice() {
            file.selection = Some(*start..*end);
        }
        file.cursor = cursors.last().copied().or(file.said.first().map(|(at, _)| *at));
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_taken_out_and_remembered() {
        let fixture = Fixture::parse("//- /a.rs\nfn a() { $0«b()» }\n//- /b.rs\n$5 «x»\n");
        assert_eq!(
            fixture.files,
            [
                File {
                    path: "/a.rs".to_owned(),
                    text: "fn a() {  }\n".to_owned(),
                    cursor: Some(9),
                    selection: None,
                    said: vec![(9, "b()".to_owned())],
                },
                File {
                    path: "/b.rs".to_owned(),
                    text: "$5 \n".to_owned(),
                    cursor: Some(3),
                    selection: None,
                    said: vec![(3, "x".to_owned())],
                },
            ]
        );
    }

    #[test]
    fn two_cursors_hold_a_selection() {
        let fixture = Fixture::parse("\none $0two$0 three");
        let (file, cursor) = fixture.cursor();
        assert_eq!(
            (file.path.as_str(), file.text.as_str(), cursor),
            ("/main.rs", "one two three", 7)
        );
        assert_eq!(file.selection, Some(4..7));
        assert_eq!(fixture.said(), "");
    }
}
