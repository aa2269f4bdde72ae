//! A model's working memory: decoding, logits, number of threads, stopping in the middle.

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use llama_cpp_sys_2 as sys;

use super::Token;
use super::batch::Batch;
use super::model::Model;
use crate::LoadError;

/// Sizes of a [`Context`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextSizes {
    /// Tokens that the cache holds, shared by all sequences.
    pub context_tokens: u32,
    /// Tokens that are decoded at once, at most.
    pub batch_tokens: u32,
    /// Sequences, numbered from 0.
    pub sequences: u32,
}

/// A model's working memory. It may move between threads, but only one may use it at a time.
#[derive(Debug)]
pub struct Context {
    raw: NonNull<sys::llama_context>,
    model: Arc<Model>,
    // llama.cpp holds a pointer into this; freed after the context, see `drop`.
    abort: Arc<AtomicBool>,
    sizes: ContextSizes,
    vocabulary_tokens: usize,
    /// For each token of the last batch, whether it has logits.
    outputs: Vec<i8>,
}

// SAFETY: llama.cpp ties a context to no thread, and `Context` gives out nothing that shares it.
unsafe impl Send for Context {}

/// How a decode ended, when it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded {
    /// The whole batch is in the cache, and its logits can be read.
    Done,
    /// The abort flag was raised. Micro-batches that were finished before may be in the cache.
    Aborted,
    /// The cache has no room for the batch; nothing has changed.
    NoRoom,
}

/// Why a batch was not decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The batch is empty.
    #[error("the batch is empty")]
    Empty,
    /// The batch is longer than the context decodes at once.
    #[error("the batch has {tokens} tokens, the context decodes {tokens_max} at once")]
    TooLong {
        /// Tokens of the batch.
        tokens: usize,
        /// Tokens that are decoded at once, at most.
        tokens_max: u32,
    },
    /// An entry names a token, sequence or position that does not exist.
    #[error("token {token} at position {position} of sequence {sequence} does not exist")]
    OutOfRange {
        /// The token.
        token: Token,
        /// The position.
        position: i32,
        /// The sequence.
        sequence: i32,
    },
    /// llama.cpp refused the batch: its positions do not continue what is cached.
    #[error("llama.cpp refused the batch; its positions do not continue the cached ones")]
    Refused,
    /// llama.cpp failed with this code.
    #[error("llama.cpp failed to decode, code {0}")]
    Failed(i32),
}

impl Context {
    /// Makes a context over `model`. Raising `abort` stops a decode within one operation of its graph.
    ///
    /// # Errors
    /// Gives [`LoadError::Context`] when the sizes are not possible or memory is short.
    pub fn new(model: Arc<Model>, sizes: ContextSizes, abort: Arc<AtomicBool>) -> Result<Self, LoadError> {
        // Two contexts of one model must not be made at the same time: both write to the model.
        static CREATION: Mutex<()> = Mutex::new(());
        let fail = || LoadError::Context {
            context_tokens: sizes.context_tokens,
        };
        // SAFETY: reads a constant.
        let sequences_max = unsafe { sys::llama_max_parallel_sequences() };
        let possible = (1..=sequences_max).contains(&(sizes.sequences as usize))
            && sizes.context_tokens > 0
            && (1..=65_536).contains(&sizes.batch_tokens);
        if !possible {
            return Err(fail());
        }
        // SAFETY: gives a plain struct by value.
        let mut params = unsafe { sys::llama_context_default_params() };
        params.n_ctx = sizes.context_tokens;
        params.n_batch = sizes.batch_tokens;
        params.n_ubatch = sizes.batch_tokens.min(512);
        params.n_seq_max = sizes.sequences;
        params.n_threads = 1;
        params.n_threads_batch = 1;
        params.kv_unified = true;
        // Sliding windows would forget what a later request may want to share.
        params.swa_full = true;
        params.abort_callback = Some(is_raised);
        params.abort_callback_data = Arc::as_ptr(&abort).cast_mut().cast::<c_void>();
        let raw = {
            let _one_at_a_time = CREATION.lock().unwrap_or_else(PoisonError::into_inner);
            // SAFETY: the model is alive, and the abort flag lives as long as the context, which keeps it.
            unsafe { sys::llama_init_from_model(model.as_ptr(), params) }
        };
        let raw = NonNull::new(raw).ok_or_else(fail)?;
        // SAFETY: both read what was just made; the vocabulary lives as long as the model.
        let (vocabulary_tokens, sizes) = unsafe {
            let vocabulary = sys::llama_model_get_vocab(model.as_ptr());
            let made = ContextSizes {
                context_tokens: sys::llama_n_ctx(raw.as_ptr()),
                batch_tokens: sys::llama_n_batch(raw.as_ptr()),
                sequences: sizes.sequences,
            };
            (sys::llama_vocab_n_tokens(vocabulary), made)
        };
        let vocabulary_tokens = usize::try_from(vocabulary_tokens).unwrap_or_default();
        Ok(Self {
            raw,
            model,
            abort,
            sizes,
            vocabulary_tokens,
            outputs: Vec::new(),
        })
    }

    pub(super) fn as_ptr(&self) -> *mut sys::llama_context {
        self.raw.as_ptr()
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The sizes as llama.cpp made them; the context may be longer than asked for.
    #[must_use]
    pub fn sizes(&self) -> ContextSizes {
        self.sizes
    }

    /// The flag that stops a decode.
    #[must_use]
    pub fn abort_flag(&self) -> &Arc<AtomicBool> {
        &self.abort
    }

    /// Uses `threads` threads from the next decode on; at least one.
    pub fn set_threads(&mut self, threads: u32) {
        let threads = i32::try_from(threads.clamp(1, 512)).unwrap_or(1);
        // SAFETY: sets two fields.
        unsafe { sys::llama_set_n_threads(self.as_ptr(), threads, threads) };
    }

    /// Evaluates `batch` on top of what is cached.
    ///
    /// # Errors
    /// Gives a [`DecodeError`]; after [`DecodeError::Failed`] the sequences of the batch should be cleared.
    pub fn decode(&mut self, batch: &mut Batch) -> Result<Decoded, DecodeError> {
        self.check(batch)?;
        self.outputs.clear();
        let count = i32::try_from(batch.len()).map_err(|_| DecodeError::Refused)?;
        let mut sequence_counts = vec![1_i32; batch.len()];
        let mut sequences: Vec<*mut i32> = batch.sequences.iter_mut().map(std::ptr::from_mut).collect();
        let raw = sys::llama_batch {
            n_tokens: count,
            token: batch.tokens.as_mut_ptr(),
            embd: std::ptr::null_mut(),
            pos: batch.positions.as_mut_ptr(),
            n_seq_id: sequence_counts.as_mut_ptr(),
            seq_id: sequences.as_mut_ptr(),
            logits: batch.outputs.as_mut_ptr(),
        };
        // SAFETY: all six arrays have `n_tokens` entries and outlive the call; each `seq_id[i]` points to
        // `n_seq_id[i]` = 1 number; `check` has held tokens, sequences and length to their ranges.
        match unsafe { sys::llama_decode(self.as_ptr(), raw) } {
            0 => {
                self.outputs.clone_from(&batch.outputs);
                Ok(Decoded::Done)
            }
            1 => Ok(Decoded::NoRoom),
            2 => Ok(Decoded::Aborted),
            -1 => Err(DecodeError::Refused),
            code => Err(DecodeError::Failed(code)),
        }
    }

    /// Refuses what llama.cpp would answer by ending the process.
    fn check(&self, batch: &Batch) -> Result<(), DecodeError> {
        if batch.is_empty() {
            return Err(DecodeError::Empty);
        }
        if batch.len() > self.sizes.batch_tokens as usize {
            return Err(DecodeError::TooLong {
                tokens: batch.len(),
                tokens_max: self.sizes.batch_tokens,
            });
        }
        let entries = batch.tokens.iter().zip(&batch.positions).zip(&batch.sequences);
        for ((&token, &position), &sequence) in entries {
            let exists = usize::try_from(token).is_ok_and(|token| token < self.vocabulary_tokens)
                && u32::try_from(sequence).is_ok_and(|sequence| sequence < self.sizes.sequences)
                && (0..i32::MAX / 2).contains(&position);
            if !exists {
                return Err(DecodeError::OutOfRange {
                    token,
                    position,
                    sequence,
                });
            }
        }
        Ok(())
    }

    /// The logits that follow entry `index` of the last batch; `None` if they were not asked for.
    #[must_use]
    pub fn logits(&mut self, index: usize) -> Option<&[f32]> {
        if self.outputs.get(index).copied() != Some(1) {
            return None;
        }
        let index = i32::try_from(index).ok()?;
        // SAFETY: the last batch was decoded whole and had an output at `index`.
        let logits = unsafe { sys::llama_get_logits_ith(self.as_ptr(), index) };
        if logits.is_null() {
            return None;
        }
        // SAFETY: llama.cpp gives one logit for each token of the vocabulary; they stay until the next
        // decode, which needs `&mut self` and so ends this borrow.
        Some(unsafe { std::slice::from_raw_parts(logits, self.vocabulary_tokens) })
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: made by `new`, freed once; the model and the flag are fields, dropped after this.
        unsafe { sys::llama_free(self.raw.as_ptr()) };
    }
}

extern "C" fn is_raised(flag: *mut c_void) -> bool {
    // SAFETY: the pointer is to the `AtomicBool` that the context keeps alive.
    unsafe { &*flag.cast::<AtomicBool>() }.load(Ordering::Relaxed)
}
