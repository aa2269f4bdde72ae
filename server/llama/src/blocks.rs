//! Which parts of a cached prompt stand in for parts of a new one, without being evaluated again.
//!
//! In PREFIX text SUFFIX rest MIDDLE a typed character moves everything behind it. The keys and values of
//! the rest stay almost right all the same, so they are taken over; what the model reads at the seam, the
//! special token there, is evaluated again behind the new text. They need not even be rotated to their new
//! place: a token that is some positions off its place is read nearly as well, and only a distance that the
//! model would notice makes the block useless (figures: decision 0005).

use std::collections::HashMap;
use std::ops::Range;

use crate::ffi::Token;

/// What a block of the cache must be to be taken over at another place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Tokens that a block has at least; fewer are as quickly evaluated.
    pub block_tokens_min: usize,
    /// Blocks in a prompt besides its beginning, at most.
    pub blocks_max: usize,
    /// Positions that a block may lie before its place, at most.
    pub overlap_max: u32,
    /// Positions that a block may lie behind its place, at most.
    pub gap_max: u32,
    /// The same for a block with nothing before it but the prompt's head: when a window that follows the
    /// cursor has moved on, all that is left of it keeps its distances.
    pub slide_max: u32,
    /// Tokens behind new text or a marker that are evaluated again before a moved block begins.
    pub renewed_tokens: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            block_tokens_min: 8,
            blocks_max: 4,
            overlap_max: 64,
            gap_max: 64,
            slide_max: 512,
            renewed_tokens: 0,
        }
    }
}

/// Tokens that stand before the text of every prompt at most: a repository's name, a path, markers.
const HEAD_TOKENS_MAX: usize = 32;

/// Tokens that lie together in the cache, one for each position from `start` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span<'a> {
    /// Position of the first token.
    pub start: u32,
    /// The tokens.
    pub tokens: &'a [Token],
}

/// A part of a new prompt that is taken from the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Where it stands in the prompt.
    pub to: usize,
    /// The span that holds it, by its number.
    pub span: usize,
    /// Which of the span's tokens it is.
    pub tokens: Range<usize>,
}

impl Block {
    /// Where it ends in the prompt.
    #[must_use]
    pub fn end(&self) -> usize {
        self.to + self.tokens.len()
    }
}

/// Finds the blocks of `spans`, a cached prompt in order, that stand in for parts of `prompt`, of which at
/// most the first `keep_max` tokens may come from the cache; in the order of the prompt.
///
/// The common beginning is kept as it is. Behind it, `is_special` tokens are never taken over, and no token
/// is used twice.
#[must_use]
pub fn find(
    spans: &[Span],
    prompt: &[Token],
    keep_max: usize,
    is_special: &dyn Fn(Token) -> bool,
    rules: &Rules,
) -> Vec<Block> {
    let prompt = &prompt[..keep_max.min(prompt.len())];
    let mut search = Search {
        spans,
        prompt,
        rules,
        blocks: Vec::new(),
        at: 0,
        position: 0,
    };
    search.beginning();
    // Without a common beginning the prompt is another's.
    if search.at > 0 && search.at < prompt.len() {
        search.rest(is_special);
    }
    search.blocks
}

/// Spans and offsets, by the tokens that begin there.
type Index<'a> = HashMap<&'a [Token], Vec<(usize, usize)>>;

struct Search<'a> {
    spans: &'a [Span<'a>],
    prompt: &'a [Token],
    rules: &'a Rules,
    blocks: Vec<Block>,
    /// How far the prompt is done.
    at: usize,
    /// The position that the next evaluated token gets.
    position: u32,
}

impl<'a> Search<'a> {
    /// Keeps what is the same from the beginning on, seams of earlier moves included.
    fn beginning(&mut self) {
        for (number, span) in self.spans.iter().enumerate() {
            let length = common(span.tokens, &self.prompt[self.at..]);
            // Nothing may come behind a block that lies wholly before its place.
            let room = self.blocks.len() <= self.rules.blocks_max;
            if !room || length == 0 || span.start + count(length) <= self.position {
                break;
            }
            self.take(number, 0..length);
            if length < span.tokens.len() {
                break;
            }
        }
    }

    /// Finds blocks in what follows the first difference.
    fn rest(&mut self, is_special: &dyn Fn(Token) -> bool) {
        let index = self.index(is_special);
        let mut next = self.at;
        // The beginning is one more.
        while self.blocks.len() <= self.rules.blocks_max && next < self.prompt.len() {
            let renewed = self.renewed(next, is_special);
            match self.longest(&index, next, renewed, is_special) {
                Some((span, tokens)) => {
                    // What lies between is evaluated before the block.
                    self.position += count(next + renewed - self.at);
                    self.at = next + renewed;
                    next += tokens.len();
                    self.take(span, tokens.start + renewed..tokens.end);
                }
                None => next += 1,
            }
        }
    }

    /// How many tokens of a block at `next` must be evaluated again, beyond those before it that are.
    fn renewed(&self, next: usize, is_special: &dyn Fn(Token) -> bool) -> usize {
        let new = &self.prompt[self.at..next];
        let behind_marker = new.iter().rev().take_while(|token| !is_special(**token)).count();
        // Where nothing new stands before it, the seam is an old one.
        if new.is_empty() {
            0
        } else {
            self.rules.renewed_tokens.saturating_sub(behind_marker)
        }
    }

    fn take(&mut self, span: usize, tokens: Range<usize>) {
        self.position = self.spans[span].start + count(tokens.end);
        self.at += tokens.len();
        self.blocks.push(Block {
            to: self.at - tokens.len(),
            span,
            tokens,
        });
    }

    /// Every place of the cache where a block may begin, by its first tokens.
    fn index(&self, is_special: &dyn Fn(Token) -> bool) -> Index<'a> {
        let length = self.rules.block_tokens_min.max(1);
        let mut index = Index::new();
        for (number, span) in self.spans.iter().enumerate() {
            for (offset, window) in span.tokens.windows(length).enumerate() {
                if !window.iter().any(|token| is_special(*token)) {
                    index.entry(window).or_default().push((number, offset));
                }
            }
        }
        index
    }

    /// The longest block for the prompt from `next` on that may be taken; of equals the one that lies best.
    fn longest(
        &self,
        index: &Index,
        next: usize,
        renewed: usize,
        is_special: &dyn Fn(Token) -> bool,
    ) -> Option<(usize, Range<usize>)> {
        let minimum = self.rules.block_tokens_min.max(1);
        let window = self.prompt.get(next..next + minimum)?;
        let place = self.position + count(next - self.at);
        let behind_max = if next <= HEAD_TOKENS_MAX {
            self.rules.gap_max.max(self.rules.slide_max)
        } else {
            self.rules.gap_max
        };
        let candidates = index.get(window)?.iter().filter_map(|&(number, offset)| {
            let span = &self.spans[number];
            let length = span.tokens[offset..]
                .iter()
                .zip(&self.prompt[next..])
                .take_while(|(cached, wanted)| cached == wanted && !is_special(**wanted))
                .count();
            let start = span.start + count(offset);
            let (before, behind) = (place.saturating_sub(start), start.saturating_sub(place));
            let fits = length >= minimum + renewed
                && before <= self.rules.overlap_max
                && behind <= behind_max
                // Behind its end the next position is free, and it begins behind all that was taken before.
                && start + count(length) > place + count(renewed)
                && self.is_unused(number, offset);
            fits.then_some((length, std::cmp::Reverse(before.max(behind)), number, offset))
        });
        let (length, _, number, offset) = candidates.max()?;
        Some((number, offset..offset + length))
    }

    /// Whether the tokens of a span from `offset` on are still to be had: blocks are taken in order.
    fn is_unused(&self, span: usize, offset: usize) -> bool {
        self.blocks
            .last()
            .is_none_or(|last| (last.span, last.tokens.end) <= (span, offset))
    }
}

/// Length of the common beginning.
pub(crate) fn common(left: &[Token], right: &[Token]) -> usize {
    left.iter()
        .zip(right)
        .take_while(|(left, right)| left == right)
        .count()
}

/// Tokens of a context are few enough for 32 bits.
fn count(tokens: usize) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX / 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: Rules = Rules {
        block_tokens_min: 3,
        blocks_max: 4,
        overlap_max: 6,
        gap_max: 6,
        slide_max: 0,
        renewed_tokens: 0,
    };

    fn tokens(text: &str) -> Vec<Token> {
        text.bytes().map(Token::from).collect()
    }

    /// Capital letters are special.
    fn is_special(token: Token) -> bool {
        (65..91).contains(&token)
    }

    /// The prompt, with what is taken over in brackets, by where it lies against its place.
    fn show(old: &str, new: &str, rules: &Rules) -> String {
        let (old, wanted) = (tokens(old), tokens(new));
        let span = Span {
            start: 0,
            tokens: &old,
        };
        let blocks = find(&[span], &wanted, wanted.len() - 1, &is_special, rules);
        let mut text = String::new();
        let mut at = 0;
        for block in &blocks {
            let offset = block.tokens.start as i64 - block.to as i64;
            text += &format!(
                "{}[{}{offset:+}]",
                &new[at..block.to],
                &new[block.to..block.end()]
            );
            at = block.end();
        }
        text + &new[at..]
    }

    #[test]
    fn edits_take_over_what_they_leave() {
        let cases = [
            // Typed, deleted.
            ("PabcSdefghM", "PabcxSdefghM", "[Pabc+0]xS[defgh-1]M"),
            ("PabcxySdefghM", "PabcSdefghM", "[Pabc+0]S[defgh+2]M"),
            // The cursor jumps forth and back.
            ("PabcSdefghijM", "PabcdefSghijM", "[Pabc+0][def+1]S[ghij+0]M"),
            ("PabcdefSghijM", "PabcSdefghijM", "[Pabc+0]S[def-1][ghij+0]M"),
            // An edit within the rest.
            ("PabSdefghijkM", "PabSdefxghijkM", "[PabSdef+0]x[ghijk-1]M"),
            // The very same, and something else altogether.
            ("PabSdefghM", "PabSdefghM", "[PabSdefgh+0]M"),
            ("QabcSdefghM", "PabcSdefghM", "PabcSdefghM"),
            // Too few, and too far off.
            ("PabcSdeM", "PabcxSdeM", "[Pabc+0]xSdeM"),
            ("PabcSdefghM", "PabcxxxxxxxSdefghM", "[Pabc+0]xxxxxxxSdefghM"),
            // Of two places the longer one, then the nearer one, and none twice.
            ("PabcSdddxdddyM", "PabcwSdddyM", "[Pabc+0]wS[dddy+3]M"),
            ("PabcSdddxdddyM", "PabcwSdddzM", "[Pabc+0]wS[ddd-1]zM"),
            ("PabcSdefyM", "PabcwSdefdefM", "[Pabc+0]wS[def-1]defM"),
        ];
        for (old, new, expected) in cases {
            assert_eq!(show(old, new, &RULES), expected, "{old} to {new}");
        }
    }

    #[test]
    fn a_window_that_moved_on_leaves_a_wide_hole_behind_the_head() {
        let (old, new) = ("PabcdefghijSklmM", "PhijSklmM");
        let sliding = Rules {
            slide_max: 12,
            ..RULES
        };
        assert_eq!(show(old, new, &sliding), "[P+0][hij+7]S[klm+7]M");
        assert_eq!(show(old, new, &RULES), "[P+0]hijSklmM");
    }

    /// What a cache does with a plan: what every position of a slot's own sequence then holds, in the order
    /// in which it came, and the tokens that were evaluated.
    fn execute(spans: &[Span], prompt: &[Token], blocks: &[Block]) -> (Vec<(u32, Token)>, Vec<usize>) {
        let (mut cells, mut evaluated) = (Vec::new(), Vec::new());
        let mut next = 0;
        let mut place = 0;
        let mut blocks = blocks.iter().peekable();
        while place < prompt.len() {
            if let Some(block) = blocks.next_if(|block| block.to == place) {
                let span = &spans[block.span];
                let positions = span.start + block.tokens.start as u32..;
                cells.extend(positions.zip(span.tokens[block.tokens.clone()].iter().copied()));
                next = span.start + block.tokens.end as u32;
                place = block.end();
            } else {
                cells.push((next, prompt[place]));
                evaluated.push(place);
                next += 1;
                place += 1;
            }
        }
        (cells, evaluated)
    }

    /// A prompt of small words, with markers.
    fn prompt() -> impl Strategy<Value = String> {
        ("[a-c]{0,30}", "[a-c]{0,30}").prop_map(|(before, after)| format!("P{before}S{after}M"))
    }

    proptest! {
        #[test]
        fn a_plan_gives_exactly_the_prompt(
            old in prompt(), new in prompt(), cuts in proptest::collection::vec((1_usize..20, 0_u32..8), 0..3),
            renewed_tokens in 0_usize..3,
        ) {
            let (old, new) = (tokens(&old), tokens(&new));
            // The old prompt in pieces, each a little off its place, as earlier moves leave it.
            let mut spans = Vec::new();
            let (mut from, mut start) = (0, 0_u32);
            for (length, off) in cuts {
                let to = (from + length).min(old.len());
                spans.push(Span { start, tokens: &old[from..to] });
                start = (start + (to - from) as u32 + 3).saturating_sub(off);
                from = to;
            }
            spans.push(Span { start, tokens: &old[from..] });
            let rules = Rules { renewed_tokens, ..RULES };
            let blocks = find(&spans, &new, new.len() - 1, &is_special, &rules);
            let (cells, evaluated) = execute(&spans, &new, &blocks);
            let got: Vec<Token> = cells.iter().map(|(_, token)| *token).collect();
            prop_assert_eq!(&got, &new);
            // The last token is evaluated, and each special one behind the first difference.
            prop_assert_eq!(evaluated.last(), Some(&(new.len() - 1)));
            let same = spans.iter().flat_map(|span| span.tokens).zip(&new).take_while(|(a, b)| a == b).count();
            for (place, token) in new.iter().enumerate().skip(same) {
                prop_assert!(!is_special(*token) || evaluated.contains(&place), "{place} was moved");
            }
            // An evaluated token lies behind everything that it is to see.
            let mut highest = None;
            let mut at = 0;
            for (place, (position, _)) in cells.iter().enumerate() {
                if evaluated.get(at) == Some(&place) {
                    at += 1;
                    prop_assert!(highest < Some(*position) , "{cells:?}");
                }
                highest = highest.max(Some(*position));
            }
            // No cell is used twice.
            let mut used: Vec<(usize, usize)> = blocks
                .iter().flat_map(|block| block.tokens.clone().map(|token| (block.span, token))).collect();
            let count = used.len();
            used.sort_unstable();
            used.dedup();
            prop_assert_eq!(used.len(), count);
        }
    }
}
