//! The cache as slots: plans are carried out, and what is believed of the cache is held true to it.

use engine::{Lane, Reuse};

use crate::blocks::{Block, Rules};
use crate::ffi::Token;
use crate::ffi::batch::Batch;
use crate::ffi::context::{Context, DecodeError, Decoded};
use crate::ffi::memory::MemoryError;
use crate::shelf::Kept;
use crate::slots::{self, Piece, Plan, Slots, Wanted};

/// Sequences for the pieces of moved prompts, for each slot. While a prompt is made anew from the pieces of
/// the old one, both are there.
const PIECES_PER_SLOT: u32 = 6;

/// The cache of a context, its sequences dealt out to requests.
#[derive(Debug)]
pub struct Cache {
    context: Context,
    slots: Slots,
    /// Sequences that hold nothing.
    free: Vec<u32>,
    /// Longest prompt of which parts may be moved; none where the cache cannot do it.
    moved_tokens_max: usize,
}

/// What a request got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assigned {
    /// The slot.
    pub slot: usize,
    /// Tokens of its prompt that need not be evaluated.
    pub reused: usize,
    /// Of these, moved.
    pub moved: usize,
}

/// Sequences that a context needs for so many slots.
#[must_use]
pub fn sequences(slots: u32, keeps_every_position: bool) -> u32 {
    // Models with one state for a sequence pay memory for each.
    if keeps_every_position {
        slots * (1 + PIECES_PER_SLOT)
    } else {
        slots
    }
}

impl Cache {
    /// The cache of `context` with `slots` slots; the context must have as many sequences as
    /// [`sequences`] says.
    #[must_use]
    pub fn new(context: Context, slots: u32, rules: Rules) -> Self {
        let parts = context.model().keeps_every_position();
        let all = context.sizes().sequences;
        // What lies behind its place takes positions that no token has, and no position may lie beyond those
        // that the model was trained for. Where positions are more than one number, nothing can be moved.
        let gaps = rules.gap_max as usize * rules.blocks_max + rules.slide_max as usize;
        let positions = context
            .sizes()
            .context_tokens
            .max(context.model().context_tokens_trained()) as usize;
        let moved_tokens_max = if parts && context.can_shift() {
            positions.saturating_sub(gaps)
        } else {
            0
        };
        Self {
            slots: Slots::new(slots as usize, parts, rules),
            free: (slots..all).rev().collect(),
            moved_tokens_max,
            context,
        }
    }

    /// The context.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The slots.
    #[must_use]
    pub fn slots(&self) -> &Slots {
        &self.slots
    }

    /// Uses `threads` threads from the next decode on.
    pub fn set_threads(&mut self, threads: u32) {
        self.context.set_threads(threads);
    }

    /// Evaluates a batch; what it brought must be told to [`Cache::record`] or [`Cache::resynchronise`].
    ///
    /// # Errors
    /// As [`Context::decode`].
    pub fn decode(&mut self, batch: &mut Batch) -> Result<Decoded, DecodeError> {
        self.context.decode(batch)
    }

    /// The logits that follow entry `index` of the last batch.
    #[must_use]
    pub fn logits(&mut self, index: usize) -> Option<&[f32]> {
        self.context.logits(index)
    }

    /// Gives request `owner` the best slot for what it wants; `None` while all serve requests.
    pub fn assign(&mut self, owner: u64, mut wanted: Wanted) -> Option<Assigned> {
        if wanted.prompt.len() > self.moved_tokens_max {
            wanted.reuse = Reuse::Exact;
        }
        let plan = self.slots.plan(&wanted)?;
        let (reused, moved) = plan.kept.counts();
        let done = match &plan.kept {
            slots::Kept::Beginning(keep) => self.keep_beginning(&plan, *keep),
            slots::Kept::Blocks(blocks) => self.take_blocks(&plan, blocks),
        };
        self.slots.take(plan.slot, owner, wanted.lane);
        if done.is_err() || !self.is_true(plan.slot) {
            self.forget(plan.slot);
            return Some(Assigned {
                slot: plan.slot,
                reused: 0,
                moved: 0,
            });
        }
        Some(Assigned {
            slot: plan.slot,
            reused,
            moved,
        })
    }

    /// Which tokens of `prompt` can be evaluated next, as far as `slot` knows: after the first of them, all
    /// that stands before is cached.
    #[must_use]
    pub fn open(&self, slot: usize, prompt: &[Token]) -> std::ops::Range<usize> {
        let slot = self.slots.get(slot);
        let end = slot.next_piece().unwrap_or(prompt.len()).min(prompt.len());
        slot.tokens.len()..end.max(slot.tokens.len())
    }

    /// Learns that `tokens` were evaluated behind what `slot` held; `prompt_tokens` is how long its prompt is.
    pub fn record(&mut self, slot: usize, tokens: &[Token], prompt_tokens: usize) {
        let found = self.slots.get_mut(slot);
        let (start, before) = (found.next, found.tokens.len());
        found.tokens.extend_from_slice(tokens);
        found.next += tokens.len() as u32;
        if found.pieces.is_empty() {
            return;
        }
        // What is generated is never moved.
        let kept = tokens.len().min(prompt_tokens.saturating_sub(before));
        let end = start + kept as u32;
        if let Some(piece) = found
            .joined
            .checked_sub(1)
            .and_then(|last| found.pieces.get_mut(last))
        {
            piece.tokens.extend_from_slice(&tokens[..kept]);
            let sequence = piece.sequence;
            // Nothing else of the slot lies at these positions yet: they are behind all others.
            let copied = self.context.copy(slot as u32, sequence, start..end);
            if copied.is_err() || self.join(slot).is_err() {
                self.forget(slot);
            }
        }
    }

    /// Brings in the pieces whose turn it is.
    fn join(&mut self, slot: usize) -> Result<(), MemoryError> {
        let found = self.slots.get_mut(slot);
        while found.next_piece() == Some(found.tokens.len()) {
            let piece = &found.pieces[found.joined];
            let end = piece.start + piece.tokens.len() as u32;
            self.context.copy(piece.sequence, slot as u32, piece.start..end)?;
            found.tokens.extend_from_slice(&piece.tokens);
            found.next = end;
            found.joined += 1;
        }
        Ok(())
    }

    /// Keeps or copies what begins the source and was evaluated in order.
    fn keep_beginning(&mut self, plan: &Plan, keep: usize) -> Result<(), MemoryError> {
        let source = self.slots.get(plan.source);
        let tokens = source.fresh()[..keep].to_vec();
        let sequence = source
            .pieces
            .first()
            .map_or(plan.source as u32, |piece| piece.sequence);
        let slot = plan.slot as u32;
        if sequence == slot {
            self.context.truncate(slot, keep as u32)?;
        } else {
            self.context.truncate(slot, 0)?;
            self.context.copy(sequence, slot, 0..keep as u32)?;
        }
        self.drop_pieces(plan.slot);
        let slot = self.slots.get_mut(plan.slot);
        slot.next = keep as u32;
        slot.tokens = tokens;
        Ok(())
    }

    /// Makes pieces of the blocks and brings in those that begin the prompt.
    fn take_blocks(&mut self, plan: &Plan, blocks: &[Block]) -> Result<(), MemoryError> {
        let mut pieces = Vec::with_capacity(blocks.len());
        for block in blocks {
            let taken = self.take_block(plan.source, block);
            match taken {
                Ok(piece) => pieces.push(piece),
                Err(error) => {
                    pieces.into_iter().for_each(|piece| self.release(piece));
                    return Err(error);
                }
            }
        }
        self.context.truncate(plan.slot as u32, 0)?;
        self.drop_pieces(plan.slot);
        let slot = self.slots.get_mut(plan.slot);
        slot.tokens.clear();
        slot.next = 0;
        slot.pieces = pieces;
        self.join(plan.slot)
    }

    fn take_block(&mut self, source: usize, block: &Block) -> Result<Piece, MemoryError> {
        let found = self.slots.get(source);
        let (from, start, tokens, age) = match found.pieces.get(block.span) {
            Some(piece) => (piece.sequence, piece.start, &piece.tokens, piece.age),
            None => (source as u32, 0, &found.tokens, 0),
        };
        let tokens = tokens[block.tokens.clone()].to_vec();
        let start = start + block.tokens.start as u32;
        let end = start + tokens.len() as u32;
        let sequence = self.free.pop().ok_or(MemoryError::Unsupported)?;
        self.context.copy(from, sequence, start..end)?;
        Ok(Piece {
            sequence,
            start,
            to: block.to,
            tokens,
            // The beginning is not moved.
            age: if block.to == 0 { 0 } else { age + 1 },
        })
    }

    /// Whether the cache holds as many positions as is believed.
    fn is_true(&self, slot: usize) -> bool {
        let last = self.context.position_last(slot as u32).ok().flatten();
        last.map_or(0, |last| last + 1) == self.slots.get(slot).next
    }

    /// Holds what is believed of a slot against the cache, after a decode that was stopped.
    pub fn resynchronise(&mut self, slot: usize) {
        // What was evaluated in part lies behind all else.
        let trimmed = self.context.truncate(slot as u32, self.slots.get(slot).next);
        if trimmed.is_err() || !self.is_true(slot) {
            // A model with one state for a whole sequence cannot go back; begin again.
            self.forget(slot);
        }
    }

    /// Takes a slot back from its request; its tokens stay.
    pub fn release_slot(&mut self, slot: usize) {
        self.slots.release(slot);
    }

    /// Gives up the second half of a sequence, so that its request need not begin again from nothing.
    pub fn shorten(&mut self, slot: usize) {
        let keep = self.slots.get(slot).tokens.len() / 2;
        let moved = !self.slots.get(slot).pieces.is_empty();
        if keep == 0 || moved || self.context.truncate(slot as u32, keep as u32).is_err() {
            self.forget(slot);
            return;
        }
        let slot = self.slots.get_mut(slot);
        slot.tokens.truncate(keep);
        slot.next = keep as u32;
    }

    /// The fresh part of what an idle slot holds, to be kept elsewhere.
    ///
    /// # Errors
    /// Gives a [`MemoryError`].
    pub fn save(&mut self, slot: usize) -> Result<Kept, MemoryError> {
        let found = self.slots.get(slot);
        let sequence = found.pieces.first().map_or(slot as u32, |piece| piece.sequence);
        let tokens = found.fresh().to_vec();
        let state = self.context.save(sequence)?;
        Ok(Kept { tokens, state })
    }

    /// Puts back what was kept, into an empty slot; false if that cannot be.
    pub fn restore(&mut self, slot: usize, kept: Kept) -> bool {
        let fits = slot < self.slots.len()
            && self.slots.get(slot).tokens.is_empty()
            && kept.tokens.len() <= self.context.sizes().context_tokens as usize / 2;
        if !fits {
            return false;
        }
        let restored = self.context.restore(slot as u32, &kept.state);
        let found = self.slots.get_mut(slot);
        found.next = kept.tokens.len() as u32;
        found.tokens = kept.tokens;
        if restored.is_err() || !self.is_true(slot) {
            self.forget(slot);
            return false;
        }
        self.slots.take(slot, 0, Lane::Typing);
        self.slots.release(slot);
        true
    }

    /// Empties the idle slot that was used longest ago; false if there is none.
    pub fn evict(&mut self) -> bool {
        let oldest = self.slots.oldest_idle();
        if let Some(slot) = oldest {
            self.forget(slot);
        }
        oldest.is_some()
    }

    /// Empties a slot.
    pub fn forget(&mut self, slot: usize) {
        self.empty(slot as u32);
        self.drop_pieces(slot);
        let slot = self.slots.get_mut(slot);
        slot.tokens.clear();
        slot.next = 0;
    }

    fn drop_pieces(&mut self, slot: usize) {
        let slot = self.slots.get_mut(slot);
        slot.joined = 0;
        let pieces = std::mem::take(&mut slot.pieces);
        pieces.into_iter().for_each(|piece| self.release(piece));
    }

    fn release(&mut self, piece: Piece) {
        self.empty(piece.sequence);
        self.free.push(piece.sequence);
    }

    fn empty(&mut self, sequence: u32) {
        // Removing all of a sequence is possible with every kind of cache.
        if let Err(error) = self.context.truncate(sequence, 0) {
            tracing::error!("the cache refused to empty sequence {sequence}: {error}");
        }
    }
}
