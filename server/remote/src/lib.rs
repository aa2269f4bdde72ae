//! The engine contract fulfilled over HTTP, in two dialects.
//!
//! [`RemoteEngine`] speaks to Freehold's own engine process over a unix socket, where prompts keep their
//! segments and answers keep their log-probabilities, stop reason and usage; and to any OpenAI-compatible
//! server (llama-server, vLLM, SGLang, Ollama, LM Studio), where a prompt becomes one text and
//! [`special`] keeps document text from becoming a control token.

mod address;
mod answer;
mod failure;
mod freehold;
mod open_ai;
mod remote_engine;
pub mod special;
pub mod sse;
pub mod wire;

pub use remote_engine::{Attach, AttachFuture, Endpoint, OpenAiEndpoint, RemoteEngine, RemoteOptions};
