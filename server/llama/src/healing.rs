//! Token healing: what was given back at the end of an open text is written again, in tokens of the
//! model's own choice that agree with it byte by byte.
//!
//! Cut in the middle of a word, a text has tokens that the model never saw there. So the last word's tokens
//! are given back (see [`crate::prompt`]), and the generation is held to their bytes: the next token either
//! begins what is left of them, or goes on behind it.

use crate::ffi::Token;
use crate::ffi::vocabulary::Vocabulary;

/// Every token that stands for text, in the order of its bytes.
#[derive(Debug, Default)]
pub struct Lexicon {
    /// The bytes of all tokens, one after the other.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    token: Token,
    start: u32,
    length: u32,
}

impl Lexicon {
    /// Sorts those tokens of `vocabulary` that are text.
    #[must_use]
    pub fn of(vocabulary: &Vocabulary, is_text: impl Fn(Token) -> bool) -> Self {
        let mut piece = Vec::new();
        let mut lexicon = Self::default();
        let count = Token::try_from(vocabulary.len()).unwrap_or(Token::MAX);
        for token in 0..count {
            if is_text(token) {
                piece.clear();
                vocabulary.append_piece(token, false, &mut piece);
                lexicon.add(token, &piece);
            }
        }
        lexicon.sort();
        lexicon
    }

    /// Sorts these tokens.
    #[must_use]
    pub fn new<'a>(pieces: impl IntoIterator<Item = (Token, &'a [u8])>) -> Self {
        let mut lexicon = Self::default();
        pieces
            .into_iter()
            .for_each(|(token, piece)| lexicon.add(token, piece));
        lexicon.sort();
        lexicon
    }

    fn add(&mut self, token: Token, piece: &[u8]) {
        // Vocabularies hold megabytes at most.
        let start = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        let length = u32::try_from(piece.len()).unwrap_or(0);
        if length > 0 {
            self.bytes.extend_from_slice(piece);
            self.entries.push(Entry { token, start, length });
        }
    }

    fn sort(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_unstable_by(|left, right| {
            (self.piece(*left), left.token).cmp(&(self.piece(*right), right.token))
        });
        self.entries = entries;
    }

    fn piece(&self, entry: Entry) -> &[u8] {
        &self.bytes[entry.start as usize..][..entry.length as usize]
    }

    /// Every token that agrees with `rest`: that begins it, is it, or goes on behind it. With each comes
    /// the length of its bytes.
    pub fn agreeing<'a>(&'a self, rest: &'a [u8]) -> impl Iterator<Item = (Token, usize)> + 'a {
        let before = |is_before: &dyn Fn(&[u8]) -> bool| {
            self.entries
                .partition_point(|entry| is_before(self.piece(*entry)))
        };
        let shorter = (1..rest.len()).flat_map(move |length| {
            let bytes = &rest[..length];
            &self.entries[before(&|piece| piece < bytes)..before(&|piece| piece <= bytes)]
        });
        // All that begin with it stand together; a third of a vocabulary begins with a blank.
        let longer = &self.entries
            [before(&|piece| piece < rest)..before(&|piece| piece < rest || piece.starts_with(rest))];
        shorter
            .chain(longer)
            .map(|entry| (entry.token, entry.length as usize))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens_agree_that_begin_it_or_go_on_behind_it() {
        let words = [
            "r", "re", "ret", "return", "retro", "rx", " return", "s", "\u{e9}",
        ];
        let lexicon = Lexicon::new((0..).zip(words.map(str::as_bytes)));
        let agreeing = |rest: &[u8]| -> Vec<&str> {
            lexicon
                .agreeing(rest)
                .map(|(token, _)| words[token as usize])
                .collect()
        };
        assert_eq!(agreeing(b"ret"), ["r", "re", "ret", "retro", "return"]);
        assert_eq!(agreeing(b" "), [" return"]);
        assert_eq!(agreeing(b"\xc3"), ["\u{e9}"]);
        assert_eq!(agreeing(b"zzz"), [""; 0]);
    }

    proptest! {
        #[test]
        fn none_is_left_out_and_none_is_wrong(
            words in proptest::collection::vec("[ab]{0,4}", 0..40), rest in "[ab]{1,5}",
        ) {
            let lexicon = Lexicon::new((0..).zip(words.iter().map(String::as_bytes)));
            let mut got: Vec<Token> = lexicon.agreeing(rest.as_bytes()).map(|(token, _)| token).collect();
            got.sort_unstable();
            let wanted: Vec<Token> = (0..).zip(&words)
                .filter(|(_, word)| !word.is_empty() && (word.starts_with(&rest) || rest.starts_with(word.as_str())))
                .map(|(token, _)| token)
                .collect();
            prop_assert_eq!(got, wanted);
        }
    }
}
