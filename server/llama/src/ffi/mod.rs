//! The unsafe layer: llama.cpp's C interface, made safe to call.
//!
//! Everything `unsafe` of Freehold lies in this folder. It stands on `llama-cpp-sys-2` directly where
//! `llama-cpp-2` lacks something (abort callback, number of threads, decode results) or lets safe code
//! reach undefined behaviour (batches past the sequence limit, the getter of named chat templates).
//!
//! What llama.cpp answers with `abort()` is refused here before it is called: batches past `n_batch`,
//! sequences past `n_seq_max`, tokens past the vocabulary, ranges that end before they start.
//!
//! | type | owns | threads |
//! |---|---|---|
//! | [`Backend`](backend::Backend) | nothing; proof that ggml is set up, once for a process | any |
//! | [`Model`](model::Model) | weights and vocabulary, immutable once loaded | any |
//! | [`Context`](context::Context) | KV cache and buffers | one at a time |
//! | [`Batch`](batch::Batch) | plain vectors | any |
//! | [`Grammar`](grammar::Grammar) | state of one grammar | one at a time |

pub mod backend;
pub mod batch;
pub mod context;
pub mod grammar;
pub mod log;
pub mod memory;
pub mod model;
pub mod vocabulary;

/// A token of a model's vocabulary, by its number.
pub type Token = i32;
