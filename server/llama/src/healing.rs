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
    /// Where each token begins in `bytes`, and where the last one ends.
    starts: Vec<u32>,
    tokens: Vec<Token>,
}

impl Lexicon {
    /// Sorts those tokens of `vocabulary` that are text.
    #[must_use]
    pub fn of(vocabulary: &Vocabulary, is_text: impl Fn(Token) -> bool) -> Self {
        let mut bytes = Vec::new();
        let mut ends = Vec::new();
        let count = Token::try_from(vocabulary.len()).unwrap_or(Token::MAX);
        for token in (0..count).filter(|token| is_text(*token)) {
            vocabulary.append_piece(token, false, &mut bytes);
            ends.push((token, bytes.len()));
        }
        let mut start = 0;
        Self::new(ends.into_iter().map(|(token, end)| {
            let piece = &bytes[start..end];
            start = end;
            (token, piece)
        }))
    }

    /// Sorts these tokens.
    #[must_use]
    pub fn new<'a>(pieces: impl IntoIterator<Item = (Token, &'a [u8])>) -> Self {
        let mut sorted: Vec<(&[u8], Token)> = pieces
            .into_iter()
            .filter(|(_, piece)| !piece.is_empty())
            .map(|(token, piece)| (piece, token))
            .collect();
        sorted.sort_unstable();
        let mut bytes = Vec::new();
        let mut starts = vec![0];
        for (piece, _) in &sorted {
            bytes.extend_from_slice(piece);
            // Vocabularies hold megabytes at most.
            starts.push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        }
        Self {
            bytes,
            starts,
            tokens: sorted.into_iter().map(|(_, token)| token).collect(),
        }
    }

    fn piece(&self, index: usize) -> &[u8] {
        &self.bytes[self.starts[index] as usize..self.starts[index + 1] as usize]
    }

    /// The first index whose piece does not come before: `is_before` holds for all in front of it and for none behind.
    fn partition_point(&self, is_before: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.tokens.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if is_before(self.piece(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Every token that agrees with `rest`: that begins it, is it, or goes on behind it. With each comes
    /// the length of its bytes.
    pub fn agreeing<'a>(&'a self, rest: &'a [u8]) -> impl Iterator<Item = (Token, usize)> + 'a {
        let shorter = (1..rest.len()).flat_map(move |length| {
            let bytes = &rest[..length];
            self.partition_point(|piece| piece < bytes)..self.partition_point(|piece| piece <= bytes)
        });
        // All that begin with it stand together; a third of a vocabulary begins with a blank.
        let longer = self.partition_point(|piece| piece < rest)
            ..self.partition_point(|piece| piece < rest || piece.starts_with(rest));
        shorter.chain(longer).map(|index| {
            let length = self.starts[index + 1] - self.starts[index];
            (self.tokens[index], length as usize)
        })
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
