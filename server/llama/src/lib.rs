//! The engine contract fulfilled by llama.cpp: the only unsafe code, the only C++.

pub mod error;
pub mod ffi;
pub mod gguf;

pub use error::LoadError;
