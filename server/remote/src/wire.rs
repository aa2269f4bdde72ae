//! What Freehold's own dialect adds to the OpenAI API: the types that both ends read and write.
//!
//! A request to `/v1/completions` may carry an object `freehold` ([`RequestFields`]). Its answer then
//! carries `freehold` ([`ChunkFields`]) with every token and, at its end, `freehold_usage`
//! ([`engine::Usage`]). An error carries `freehold_failure` ([`engine::Failure`]).

use engine::{Lane, Reuse, Segment, StopReason, Usage};
use serde::{Deserialize, Serialize};

/// Where our own dialect is posted to.
pub const COMPLETIONS_PATH: &str = "/v1/completions";
/// What the engine has loaded ([`engine::Description`]).
pub const DESCRIPTION_PATH: &str = "/freehold/description";
/// Whether the engine can answer ([`Health`]).
pub const HEALTH_PATH: &str = "/health";
/// What the last requests cost (a list of [`EndedRequest`], oldest first).
pub const REQUESTS_PATH: &str = "/freehold/requests";
/// Ends the engine process.
pub const SHUTDOWN_PATH: &str = "/freehold/shutdown";

/// What a request carries besides the OpenAI fields.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestFields {
    /// The prompt, instead of the OpenAI field of that name.
    pub prompt: Vec<Segment>,
    /// Which requests go first.
    pub lane: Lane,
    /// Whether each token comes with its log-probability.
    pub log_probabilities: bool,
    /// How much of what is evaluated already may stand in for the prompt.
    pub reuse: Reuse,
    /// Which first token is taken.
    pub first_token_rank: u32,
    /// A grammar that the text must follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grammar: Option<String>,
    /// See [`engine::Sampling::top_k`].
    pub top_k: u32,
    /// See [`engine::Sampling::min_p`].
    pub min_p: f32,
    /// Special tokens that end the generation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop_tokens: Vec<String>,
    /// See [`engine::StopConditions::log_probability_min`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_probability_min: Option<f32>,
}

/// What each chunk of an answer carries besides the OpenAI fields.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChunkFields {
    /// Log-probability of the chunk's token, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_probability: Option<f32>,
    /// In the last chunk: why the generation ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<StopReason>,
}

/// What a request cost that has ended, whoever asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndedRequest {
    /// The so many-th that ended, counted from 1.
    pub number: u64,
    /// Its lane.
    pub lane: Lane,
    /// How it ended: `end_of_text`, `stop_text`, `length`, `cancelled` or `failed`.
    pub end: String,
    /// When it came, in microseconds since 1970.
    pub begun_microseconds: u64,
    /// When the last work for it ended.
    pub ended_microseconds: u64,
    /// Length of the generated text.
    pub text_bytes: u64,
    /// The generated text, from a process that was told to keep it, as a measurement does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What it cost.
    pub usage: Usage,
}

/// What `/health` says: `status` as llama-server has it, the rest is ours.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    /// `ok`, `loading model` or `error`.
    pub status: String,
    /// `ready`, `loading` or `failed`.
    pub state: String,
    /// While loading: the share of the weights that has been read, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fraction: Option<f32>,
    /// If the state is `failed`: why, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Name of the model.
    pub model: String,
    /// What does the computing.
    pub device: String,
    /// The engine's process.
    pub process_id: u32,
}
