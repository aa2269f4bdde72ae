//! What is known of a language: comments, quotes, what closes a block, its grammar. Data, in `languages.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

/// What is known of a language.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Language {
    /// Names that LSP gives the languages that this entry describes; none: all others.
    pub ids: Vec<String>,
    /// The grammar that parses it, if there is one: a name in `queries/`.
    pub grammar: Option<String>,
    /// What begins a comment that ends with its line.
    pub line_comments: Vec<String>,
    /// What begins and ends a longer comment.
    pub block_comments: Vec<(String, String)>,
    /// Quotes; of those that begin alike the longer one stands first.
    pub strings: Vec<Quotes>,
    /// Whether indentation alone says what belongs to a block.
    pub indented: bool,
    /// Whether tags nest, so that `</` closes like a bracket.
    pub tags: bool,
    /// Whether it is written for people: so a line needs no other to be whole.
    pub prose: bool,
    /// Words that begin the last line of a block, such as `end`.
    pub closing_words: Vec<String>,
    /// Words that begin a line which goes on with the statement before it, such as `else`.
    pub continuing_words: Vec<String>,
    /// First bytes of all that changes how code is scanned.
    #[serde(skip)]
    marks: Marks,
}

/// A set of bytes.
#[derive(Debug, Clone, PartialEq)]
struct Marks([bool; 256]);

impl Default for Marks {
    fn default() -> Self {
        Self([false; 256])
    }
}

impl Language {
    /// Whether a bracket, string or comment may begin with `byte`.
    #[must_use]
    pub fn is_mark(&self, byte: u8) -> bool {
        self.marks.0[usize::from(byte)]
    }

    fn gather_marks(&mut self) {
        let strings = self.strings.iter().map(|quotes| &quotes.open);
        let opens = self
            .line_comments
            .iter()
            .chain(self.block_comments.iter().map(|(open, _)| open))
            .chain(strings);
        let firsts = opens.filter_map(|open| open.bytes().next());
        for byte in firsts.chain(*b"()[]{}") {
            self.marks.0[usize::from(byte)] = true;
        }
    }
}

/// How one kind of string is written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quotes {
    /// What begins it.
    pub open: String,
    /// What ends it; else what began it.
    #[serde(default)]
    pub close: Option<String>,
    /// Whether it may go over several lines; else the end of a line ends it too.
    #[serde(default)]
    pub multi_line: bool,
    /// Whether a backslash takes the next character's meaning away.
    #[serde(default = "yes")]
    pub escapes: bool,
    /// Whether it holds exactly one character: so a lone quote, as in a lifetime, begins nothing.
    #[serde(default)]
    pub one_character: bool,
}

impl Quotes {
    /// What ends the string.
    #[must_use]
    pub fn close(&self) -> &str {
        self.close.as_deref().unwrap_or(&self.open)
    }
}

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    language: Vec<Language>,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(
        || match toml::from_str::<Table>(include_str!("../../../grammars/languages.toml")) {
            Ok(mut table) => {
                table.language.iter_mut().for_each(Language::gather_marks);
                table
            }
            // The text is part of the program and a test reads it.
            Err(error) => unreachable!("the table of languages does not parse: {error}"),
        },
    );

/// What is known of the language called `id`; for an unknown one, what most languages share.
#[must_use]
pub fn language(id: &str) -> &'static Language {
    static DEFAULT: LazyLock<Language> = LazyLock::new(Language::default);
    let named = TABLE
        .language
        .iter()
        .find(|language| language.ids.iter().any(|name| name == id));
    named
        .or_else(|| TABLE.language.iter().find(|language| language.ids.is_empty()))
        .unwrap_or(&DEFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammars::grammar;

    #[test]
    fn every_grammar_that_a_language_names_is_built_in() {
        for language in &TABLE.language {
            if let Some(name) = &language.grammar {
                assert!(grammar(name).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn every_name_stands_once_and_one_entry_is_for_all_others() {
        let mut names: Vec<&String> = TABLE.language.iter().flat_map(|language| &language.ids).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        assert_eq!(
            TABLE
                .language
                .iter()
                .filter(|language| language.ids.is_empty())
                .count(),
            1
        );
    }

    #[test]
    fn of_quotes_that_begin_alike_the_longer_stands_first() {
        for language in &TABLE.language {
            for (index, quotes) in language.strings.iter().enumerate() {
                let hidden = language.strings[..index]
                    .iter()
                    .any(|before| quotes.open.starts_with(&before.open));
                assert!(!hidden, "{:?}: {:?} is never reached", language.ids, quotes.open);
            }
        }
    }
}
