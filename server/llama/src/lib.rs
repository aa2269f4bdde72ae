//! The engine contract fulfilled by llama.cpp: the only unsafe code, the only C++.
//!
//! [`LlamaEngine`] is a handle on one thread that owns the model, its cache and everything else that must
//! not be shared. What it does between two tokens is laid out over modules that can be tested without a
//! model: [`prompt`] makes tokens of segments, [`blocks`] and [`slots`] decide what is reused, [`cache`] carries it out, [`shelf`] keeps it over a restart, [`threads`] learns how
//! many threads to use, [`sampling`] chooses, [`healing`] joins it to a half-typed word, [`output`] makes events of bytes, [`gguf`] checks files.
//! All unsafe code is in [`ffi`].

#![expect(
    clippy::disallowed_methods,
    reason = "llama.cpp opens its model and its libraries itself, and its thread measures its own time: no host can stand between"
)]

pub mod bench;
pub mod blocks;
pub mod cache;
pub mod contention;
pub mod description;
pub mod error;
pub mod ffi;
pub mod gguf;
pub mod healing;
mod inbox;
mod job;
mod llama_engine;
pub mod load;
pub mod metrics;
pub mod options;
pub mod output;
mod pace;
pub mod prompt;
pub mod sampling;
pub mod shelf;
pub mod slots;
pub mod threads;
mod worker;

pub use bench::{BenchError, BenchOptions, BenchResult, bench};
pub use error::LoadError;
pub use llama_engine::LlamaEngine;
pub use metrics::Metrics;
pub use options::LlamaOptions;
pub use threads::ENGINE_ENVIRONMENT;
