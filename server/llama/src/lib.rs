//! The engine contract fulfilled by llama.cpp: the only unsafe code, the only C++.

pub mod bench;
pub mod description;
pub mod error;
pub mod ffi;
pub mod gguf;
pub mod load;
pub mod output;
pub mod prompt;
pub mod sampling;
pub mod slots;

pub use error::LoadError;
