//! The KV cache, sequence by sequence.

use std::ops::Range;

use llama_cpp_sys_2 as sys;

use super::context::Context;

/// The cache was asked for something that it cannot do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// There is no such sequence.
    #[error("there is no sequence {0}")]
    Sequence(u32),
    /// The positions are not a range, or lie past what any cache holds.
    #[error("positions {0} to {1} are not a range of the cache")]
    Range(u32, u32),
    /// This kind of cache cannot do it, as with models that keep one state for a whole sequence.
    #[error("the model's cache cannot do that")]
    Unsupported,
}

/// No position reaches this; so sums of two stay numbers of 32 bits.
const POSITION_END: u32 = (i32::MAX / 2) as u32;

impl Context {
    /// Removes positions from `start` on from `sequence`.
    ///
    /// # Errors
    /// Gives a [`MemoryError`]; after [`MemoryError::Unsupported`] nothing has changed.
    pub fn truncate(&mut self, sequence: u32, start: u32) -> Result<(), MemoryError> {
        self.remove(sequence, start..POSITION_END)
    }

    /// Removes `positions` from `sequence`.
    ///
    /// # Errors
    /// Gives a [`MemoryError`]; after [`MemoryError::Unsupported`] nothing has changed.
    pub fn remove(&mut self, sequence: u32, positions: Range<u32>) -> Result<(), MemoryError> {
        let id = self.sequence(sequence)?;
        let (start, end) = bounds(&positions)?;
        if start == end {
            return Ok(());
        }
        // SAFETY: the sequence exists and the range is one.
        let removed = unsafe { sys::llama_memory_seq_rm(self.memory(), id, start, end) };
        if removed {
            Ok(())
        } else {
            Err(MemoryError::Unsupported)
        }
    }

    /// Makes `positions` of `from` part of `to` as well; both share the cells. What `to` holds at these
    /// positions must have been removed before.
    ///
    /// # Errors
    /// Gives a [`MemoryError`].
    pub fn copy(&mut self, from: u32, to: u32, positions: Range<u32>) -> Result<(), MemoryError> {
        let (from, to) = (self.sequence(from)?, self.sequence(to)?);
        let (start, end) = bounds(&positions)?;
        if start == end || from == to {
            return Ok(());
        }
        if !self.model().keeps_every_position() {
            return Err(MemoryError::Unsupported);
        }
        // SAFETY: both sequences exist, the range is one, and the cache is unified, in which any range
        // can be copied.
        unsafe { sys::llama_memory_seq_cp(self.memory(), from, to, start, end) };
        Ok(())
    }

    /// Removes every sequence but `sequence`.
    ///
    /// # Errors
    /// Gives a [`MemoryError`].
    pub fn keep(&mut self, sequence: u32) -> Result<(), MemoryError> {
        let id = self.sequence(sequence)?;
        // SAFETY: the sequence exists.
        unsafe { sys::llama_memory_seq_keep(self.memory(), id) };
        Ok(())
    }

    /// Moves `positions` of `sequence` by `by`, in all sequences that share the cells. Positions that
    /// would go below zero or past the end are refused.
    ///
    /// # Errors
    /// Gives a [`MemoryError`].
    pub fn shift(&mut self, sequence: u32, positions: Range<u32>, by: i32) -> Result<(), MemoryError> {
        let id = self.sequence(sequence)?;
        let (start, end) = bounds(&positions)?;
        if !self.can_shift() {
            return Err(MemoryError::Unsupported);
        }
        let last = self
            .position_last(sequence)?
            .map_or(0, |last| last.min(positions.end));
        let fits = start.checked_add(by).is_some_and(|start| start >= 0)
            && last
                .checked_add_signed(by)
                .is_some_and(|last| last < POSITION_END);
        if !fits {
            return Err(MemoryError::Range(positions.start, positions.end));
        }
        // SAFETY: the sequence exists, the range is one, the cache can shift, and no position leaves the
        // range of positions.
        unsafe { sys::llama_memory_seq_add(self.memory(), id, start, end, by) };
        Ok(())
    }

    /// The first cached position of `sequence`, if it holds any.
    ///
    /// # Errors
    /// Gives [`MemoryError::Sequence`].
    pub fn position_first(&self, sequence: u32) -> Result<Option<u32>, MemoryError> {
        let id = self.sequence(sequence)?;
        // SAFETY: the sequence exists.
        Ok(u32::try_from(unsafe { sys::llama_memory_seq_pos_min(self.memory(), id) }).ok())
    }

    /// The last cached position of `sequence`, if it holds any.
    ///
    /// # Errors
    /// Gives [`MemoryError::Sequence`].
    pub fn position_last(&self, sequence: u32) -> Result<Option<u32>, MemoryError> {
        let id = self.sequence(sequence)?;
        // SAFETY: the sequence exists.
        Ok(u32::try_from(unsafe { sys::llama_memory_seq_pos_max(self.memory(), id) }).ok())
    }

    /// Whether positions can be moved.
    #[must_use]
    pub fn can_shift(&self) -> bool {
        // SAFETY: reads a property of the cache.
        unsafe { sys::llama_memory_can_shift(self.memory()) }
    }

    /// All that `sequence` holds, for [`Context::restore`] in the same version of llama.cpp.
    ///
    /// # Errors
    /// Gives a [`MemoryError`].
    pub fn save(&mut self, sequence: u32) -> Result<Vec<u8>, MemoryError> {
        let id = self.sequence(sequence)?;
        // SAFETY: the sequence exists; nothing is written.
        let length = unsafe { sys::llama_state_seq_get_size(self.as_ptr(), id) };
        let mut state = vec![0_u8; length];
        // SAFETY: `state` has room for `length` bytes, and llama.cpp writes no more than it is told.
        let written = unsafe { sys::llama_state_seq_get_data(self.as_ptr(), state.as_mut_ptr(), length, id) };
        if written == 0 || written > length {
            return Err(MemoryError::Unsupported);
        }
        state.truncate(written);
        Ok(state)
    }

    /// Puts back what [`Context::save`] gave, in place of what `sequence` holds. llama.cpp trusts the
    /// numbers in `state`, so it must be known to be whole and for this very model.
    ///
    /// # Errors
    /// Gives a [`MemoryError`], after which the sequence must be emptied.
    pub fn restore(&mut self, sequence: u32, state: &[u8]) -> Result<(), MemoryError> {
        let id = self.sequence(sequence)?;
        // SAFETY: the sequence exists, and `state` is as long as said; llama.cpp reads no further and
        // catches its own exceptions.
        let read = unsafe { sys::llama_state_seq_set_data(self.as_ptr(), state.as_ptr(), state.len(), id) };
        if read == 0 {
            Err(MemoryError::Unsupported)
        } else {
            Ok(())
        }
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        // SAFETY: takes any cache. The data need not be wiped: cells without positions are never read.
        unsafe { sys::llama_memory_clear(self.memory(), false) };
    }

    fn memory(&self) -> sys::llama_memory_t {
        // SAFETY: gives the context's cache, which lives as long as the context; null (encoders) is
        // accepted by every function above.
        unsafe { sys::llama_get_memory(self.as_ptr()) }
    }

    fn sequence(&self, sequence: u32) -> Result<i32, MemoryError> {
        let exists = sequence < self.sizes().sequences;
        exists
            .then_some(sequence)
            .and_then(|id| i32::try_from(id).ok())
            .ok_or(MemoryError::Sequence(sequence))
    }
}

fn bounds(positions: &Range<u32>) -> Result<(i32, i32), MemoryError> {
    let fail = || MemoryError::Range(positions.start, positions.end);
    if positions.start > positions.end || positions.end > POSITION_END {
        return Err(fail());
    }
    let start = i32::try_from(positions.start).map_err(|_| fail())?;
    Ok((start, i32::try_from(positions.end).map_err(|_| fail())?))
}
