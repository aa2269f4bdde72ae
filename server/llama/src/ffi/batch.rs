//! Tokens to be decoded together, with bounds that are checked.

use super::Token;

/// Tokens to be decoded together: each with its sequence, its position, and whether its logits are
/// wanted. Plain vectors, so no order of calls can write past an end.
#[derive(Debug, Clone)]
pub struct Batch {
    pub(super) tokens: Vec<Token>,
    pub(super) positions: Vec<i32>,
    pub(super) sequences: Vec<i32>,
    pub(super) outputs: Vec<i8>,
    tokens_max: usize,
}

/// The batch holds as many tokens as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the batch holds {tokens_max} tokens, as many as it may")]
pub struct BatchFull {
    /// Tokens that it may hold.
    pub tokens_max: usize,
}

impl Batch {
    /// An empty batch for at most `tokens_max` tokens.
    #[must_use]
    pub fn new(tokens_max: usize) -> Self {
        Self {
            tokens: Vec::with_capacity(tokens_max),
            positions: Vec::with_capacity(tokens_max),
            sequences: Vec::with_capacity(tokens_max),
            outputs: Vec::with_capacity(tokens_max),
            tokens_max,
        }
    }

    /// Adds a token at the end of the batch and gives its index in it.
    ///
    /// # Errors
    /// Gives [`BatchFull`] and leaves the batch as it was when there is no room.
    pub fn push(
        &mut self,
        token: Token,
        position: i32,
        sequence: i32,
        output: bool,
    ) -> Result<usize, BatchFull> {
        if self.room() == 0 {
            return Err(BatchFull {
                tokens_max: self.tokens_max,
            });
        }
        self.tokens.push(token);
        self.positions.push(position);
        self.sequences.push(sequence);
        self.outputs.push(i8::from(output));
        Ok(self.tokens.len() - 1)
    }

    /// How many tokens can still be added.
    #[must_use]
    pub fn room(&self) -> usize {
        self.tokens_max - self.tokens.len()
    }

    /// How many tokens it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether it holds no token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Takes all tokens out.
    pub fn clear(&mut self) {
        self.tokens.clear();
        self.positions.clear();
        self.sequences.clear();
        self.outputs.clear();
    }
}
