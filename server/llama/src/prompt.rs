//! From the segments of a request to tokens, so that text never becomes a control token.
//!
//! llama.cpp's tokeniser leaves control tokens alone when the parsing of special tokens is off, but not
//! all of them are marked as such: many models carry their tool-call mark-up (`<tool_call>` and the like)
//! as *user-defined* tokens, which are always recognised. A document that holds such a string would then
//! speak with the model's own voice. Here these strings are split before they are tokenised.

use std::sync::Arc;

use engine::{Failure, Segment};

use crate::ffi::Token;
use crate::ffi::vocabulary::{TextTooLong, TokenKind, Vocabulary};
use crate::healing::Lexicon;

/// Tokens that are given back at the end of an open text, at most: a longer word is cut at a place that
/// most of its kind share.
const GIVEN_BACK_TOKENS_MAX: usize = 3;

/// Turns segments into tokens.
#[derive(Debug)]
pub struct Tokeniser {
    vocabulary: Vocabulary,
    /// Texts of tokens that plain text must never become although the tokeniser recognises them, the
    /// longest first.
    markup: Vec<String>,
    /// For each token, whether plain text must never become it.
    reserved: Vec<bool>,
    lexicon: Arc<Lexicon>,
}

/// A prompt in tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prompt {
    /// The tokens.
    pub tokens: Vec<Token>,
    /// The end of the open text that has no tokens: what is generated must begin with it.
    pub given_back: Vec<u8>,
}

impl Tokeniser {
    /// A tokeniser for `vocabulary`.
    #[must_use]
    pub fn new(vocabulary: Vocabulary) -> Self {
        let mut markup: Vec<String> = vocabulary
            .specials()
            .filter(|(text, token)| is_reserved(&vocabulary, *token, text))
            .map(|(text, _)| text.to_owned())
            .collect();
        markup.sort_by_key(|text| std::cmp::Reverse(text.len()));
        let count = Token::try_from(vocabulary.len()).unwrap_or(Token::MAX);
        let reserved = (0..count).map(|token| match vocabulary.kind(token) {
            Some(TokenKind::Plain) => vocabulary.ends_generation(token),
            Some(TokenKind::UserDefined) => is_reserved(&vocabulary, token, &vocabulary.text(token)),
            Some(TokenKind::Control) | None => true,
        });
        let mut tokeniser = Self {
            reserved: reserved.collect(),
            vocabulary,
            markup,
            lexicon: Arc::default(),
        };
        let is_text = |token| !tokeniser.is_reserved(token);
        tokeniser.lexicon = Arc::new(Lexicon::of(&tokeniser.vocabulary, is_text));
        tokeniser
    }

    /// Every token that stands for text.
    #[must_use]
    pub fn lexicon(&self) -> &Arc<Lexicon> {
        &self.lexicon
    }

    /// The vocabulary.
    #[must_use]
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The tokens of a prompt, which the model's token that begins a text is put before if it wants that.
    /// With `heal`, the end of an open text is given back.
    ///
    /// # Errors
    /// Gives [`Failure::Invalid`], [`Failure::UnknownToken`] or [`Failure::PromptTooLong`].
    pub fn prompt(&self, segments: &[Segment], context_tokens: u32, heal: bool) -> Result<Prompt, Failure> {
        self.check_length(segments, context_tokens)?;
        let opens = segments
            .iter()
            .filter(|segment| matches!(segment, Segment::Open(_)));
        if opens.count() > 1 {
            return Err(Failure::Invalid("more than one text is open".to_owned()));
        }
        let mut prompt = Prompt::default();
        let mut text = Run::default();
        for segment in segments {
            // Neighbouring texts are one text, wherever the caller cut them.
            if !matches!(segment, Segment::Text(_) | Segment::Open(_)) {
                self.add(&mut prompt, std::mem::take(&mut text))?;
            }
            match segment {
                Segment::Text(part) => text.push(part, false),
                Segment::Open(part) => text.push(part, heal),
                Segment::Token(name) => prompt.tokens.push(
                    self.vocabulary
                        .special(name)
                        .ok_or_else(|| Failure::UnknownToken(name.clone()))?,
                ),
                Segment::Template(part) => {
                    let tokens = self.vocabulary.tokenise(part, true);
                    prompt.tokens.extend(tokens.map_err(invalid)?);
                }
            }
        }
        self.add(&mut prompt, text)?;
        if prompt.tokens.is_empty() && prompt.given_back.is_empty() {
            return Err(Failure::Invalid("the prompt is empty".to_owned()));
        }
        if let Some(begin) = self.vocabulary.begin()
            && self.vocabulary.wants_begin()
            && prompt.tokens.first() != Some(&begin)
        {
            prompt.tokens.insert(0, begin);
        }
        if prompt.tokens.is_empty() {
            // Something must be evaluated.
            return self.prompt(segments, context_tokens, false);
        }
        Ok(prompt)
    }

    /// Adds the tokens of a text.
    fn add(&self, prompt: &mut Prompt, run: Run) -> Result<(), Failure> {
        if run.text.is_empty() {
            return Ok(());
        }
        if run.open {
            let (tokens, given_back) = self.open(&run.text).map_err(invalid)?;
            prompt.tokens.extend(tokens);
            prompt.given_back = given_back;
        } else {
            prompt.tokens.extend(self.plain(&run.text).map_err(invalid)?);
        }
        Ok(())
    }

    /// The tokens of an open text, and its end that was given back.
    ///
    /// # Errors
    /// Gives [`TextTooLong`] past 2 GiB.
    pub fn open(&self, text: &str) -> Result<(Vec<Token>, Vec<u8>), TextTooLong> {
        let last = text.chars().next_back();
        match last {
            // After a line there is nothing to join with.
            None | Some('\n' | '\r') => Ok((self.plain(text)?, Vec::new())),
            // Tokenisers put one blank to the word that follows and the others into a token of their own.
            Some(blank) if blank.is_whitespace() => {
                let (before, given_back) = text.split_at(text.len() - blank.len_utf8());
                Ok((self.plain(before)?, given_back.as_bytes().to_vec()))
            }
            Some(_) => {
                let mut tokens = self.plain(text)?;
                let (count, given_back) = self.last_word(&tokens);
                if !text.as_bytes().ends_with(&given_back) {
                    // A tokeniser that does not write what it read.
                    return Ok((tokens, Vec::new()));
                }
                tokens.truncate(tokens.len() - count);
                Ok((tokens, given_back))
            }
        }
    }

    /// How many tokens make the last word of a text, or the part of it that has a token's look, and their
    /// bytes.
    fn last_word(&self, tokens: &[Token]) -> (usize, Vec<u8>) {
        let mut word = Vec::new();
        let mut count = 0;
        for token in tokens.iter().rev().take(GIVEN_BACK_TOKENS_MAX) {
            let mut piece = Vec::new();
            self.vocabulary.append_piece(*token, false, &mut piece);
            // A word goes on from before where a token begins in small letters or in the midst of a character.
            let goes_on = piece
                .first()
                .is_some_and(|byte| byte.is_ascii_lowercase() || !byte.is_ascii());
            let before = count;
            count += 1;
            let joins = before == 0
                || piece
                    .last()
                    .is_some_and(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
            if !joins {
                return (before, word);
            }
            piece.append(&mut word);
            word = piece;
            if !goes_on {
                break;
            }
        }
        (count, word)
    }

    /// Refuses a prompt that cannot fit whatever it holds, before any time is spent on it.
    fn check_length(&self, segments: &[Segment], context_tokens: u32) -> Result<(), Failure> {
        let bytes: usize = segments
            .iter()
            .map(|segment| match segment {
                Segment::Text(text) | Segment::Open(text) | Segment::Template(text) => text.len(),
                Segment::Token(_) => 0,
            })
            .sum();
        let tokens_min = bytes / self.vocabulary.piece_bytes_max();
        if tokens_min > context_tokens as usize {
            let prompt_tokens = u32::try_from(tokens_min).unwrap_or(u32::MAX);
            return Err(Failure::PromptTooLong {
                prompt_tokens,
                context_tokens,
            });
        }
        Ok(())
    }

    /// The tokens of plain text: none of them gives structure, whatever the text says.
    ///
    /// # Errors
    /// Gives [`TextTooLong`] past 2 GiB.
    pub fn plain(&self, text: &str) -> Result<Vec<Token>, TextTooLong> {
        let mut tokens = Vec::new();
        for piece in split_inside(text, &self.markup) {
            let piece_tokens = self.vocabulary.tokenise(piece, false)?;
            if !piece_tokens.iter().any(|token| self.is_reserved(*token)) {
                tokens.extend(piece_tokens);
                continue;
            }
            // Some tokenisers put control tokens together from their parts. Character by character they
            // cannot; such text is rare enough that its worse tokens do not matter.
            let mut buffer = [0; 4];
            for character in piece.chars() {
                let single = self
                    .vocabulary
                    .tokenise(character.encode_utf8(&mut buffer), false)?;
                tokens.extend(single.into_iter().filter(|token| !self.is_reserved(*token)));
            }
        }
        Ok(tokens)
    }

    /// Whether `token` gives structure: plain text never becomes it. So is a number that is no token.
    #[must_use]
    pub fn is_reserved(&self, token: Token) -> bool {
        let index = usize::try_from(token).ok();
        index
            .and_then(|index| self.reserved.get(index))
            .copied()
            .unwrap_or(true)
    }
}

/// Neighbouring texts.
#[derive(Default)]
struct Run {
    text: String,
    /// Whether its end may be given back.
    open: bool,
}

impl Run {
    fn push(&mut self, part: &str, open: bool) {
        if !part.is_empty() {
            self.text.push_str(part);
            self.open = open;
        }
    }
}

fn invalid(error: TextTooLong) -> Failure {
    Failure::Invalid(error.to_string())
}

/// Whether plain text must never become `token`. User-defined tokens without the look of mark-up stand
/// for text: runs of spaces, digits.
fn is_reserved(vocabulary: &Vocabulary, token: Token, text: &str) -> bool {
    match vocabulary.kind(token) {
        Some(TokenKind::Plain) => false,
        Some(TokenKind::UserDefined) => vocabulary.ends_generation(token) || looks_like_markup(text),
        Some(TokenKind::Control) | None => true,
    }
}

fn looks_like_markup(text: &str) -> bool {
    let pairs = [('<', '>'), ('[', ']'), ('{', '}'), ('|', '|'), ('＜', '＞')];
    let mut characters = text.chars();
    let (Some(first), Some(last)) = (characters.next(), characters.next_back()) else {
        return false;
    };
    pairs.contains(&(first, last))
}

/// Cuts `text` inside every occurrence of a `pattern`, after its first character, so that none is left
/// whole. Overlapping occurrences are all cut.
fn split_inside<'a>(text: &'a str, patterns: &[String]) -> Vec<&'a str> {
    let mut starts: Vec<usize> = patterns
        .iter()
        // One character cannot be cut.
        .filter(|pattern| pattern.chars().nth(1).is_some())
        .flat_map(|pattern| overlapping(text, pattern))
        .collect();
    starts.sort_unstable();
    starts.dedup();
    let mut pieces = Vec::with_capacity(starts.len() + 1);
    let mut from = 0;
    for start in starts {
        let cut = start + text[start..].chars().next().map_or(1, char::len_utf8);
        pieces.push(&text[from..cut]);
        from = cut;
    }
    if from < text.len() {
        pieces.push(&text[from..]);
    }
    pieces
}

fn overlapping<'a>(text: &'a str, pattern: &'a str) -> impl Iterator<Item = usize> + 'a {
    let step = pattern.chars().next().map_or(1, char::len_utf8);
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + text.get(from..)?.find(pattern)?;
        from = start + step;
        Some(start)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn mark_up_is_told_from_text() {
        for markup in ["<tool_call>", "</think>", "<|fim_middle|>", "[TOOL_CALLS]", "<>"] {
            assert!(looks_like_markup(markup), "{markup}");
        }
        for text in ["", "<", "    ", "\n\n", "7", "def", "<=", "a>"] {
            assert!(!looks_like_markup(text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_pattern_is_left_whole_and_no_byte_is_lost(text in "[<|>abé]{0,40}") {
            let patterns = ["<|a|>", "<a>", "<<a>", "é|é", "||"].map(str::to_owned);
            let pieces = split_inside(&text, &patterns);
            prop_assert_eq!(pieces.concat(), text.as_str());
            for piece in pieces {
                for pattern in &patterns {
                    prop_assert!(!piece.contains(pattern.as_str()), "{piece} holds {pattern}");
                }
            }
        }
    }
}
