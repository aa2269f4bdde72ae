//! What an engine answers: events, their end, and what it cost.

use serde::{Deserialize, Serialize};

/// Something that happened to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// One more token.
    Token {
        /// Its text. Always whole characters: a token that ends inside a character has empty text, and the
        /// character comes with the token that completes it.
        text: String,
        /// Its log-probability (natural logarithm) if the request asked for it.
        log_probability: Option<f32>,
    },
    /// The request is answered, or was cancelled. Nothing follows.
    Done {
        /// Why it ended.
        reason: StopReason,
        /// What it cost.
        usage: Usage,
    },
    /// The request could not be answered. Nothing follows.
    Failed(Failure),
}

/// Why a generation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The model gave an end-of-generation token, or a stop token of the request.
    EndOfText,
    /// This stop text of the request came up.
    StopText(String),
    /// `tokens_max` was reached, the text became too unlikely, or the context is full.
    Length,
    /// The ticket was dropped.
    Cancelled,
}

/// What a request cost. Counts are tokens, times are milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Of these, taken from the cache.
    pub reused_tokens: u32,
    /// Of the reused ones, those that were moved to another place of the prompt ([`crate::Reuse::Moved`]).
    pub moved_tokens: u32,
    /// Of these, evaluated for this request.
    pub evaluated_tokens: u32,
    /// Tokens generated.
    pub generated_tokens: u32,
    /// From the request to its first work.
    pub queue_milliseconds: f64,
    /// Evaluating the prompt.
    pub prompt_milliseconds: f64,
    /// Generating.
    pub generation_milliseconds: f64,
}

/// Why a request could not be answered, for the code that must branch; its text is for the person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The prompt does not fit the context.
    #[error(
        "the prompt has {prompt_tokens} tokens and the context holds {context_tokens}; ask about less text or raise `engine.context_tokens`"
    )]
    PromptTooLong {
        /// Tokens of the prompt.
        prompt_tokens: u32,
        /// Tokens that the context holds.
        context_tokens: u32,
    },
    /// The request names a special token that the model does not have.
    #[error("the model has no token `{0}`; its card names a format that it was not trained on")]
    UnknownToken(String),
    /// The request itself is not valid.
    #[error("the request is not valid: {0}")]
    Invalid(String),
    /// No model could be loaded.
    #[error("{0}")]
    NoModel(String),
    /// The engine failed while working.
    #[error("the engine failed: {0}")]
    Engine(String),
    /// The engine went away before it answered; the next request starts it again.
    #[error("the engine went away before it answered; the next request starts it again")]
    Gone,
    /// An endpoint elsewhere refused or could not be reached.
    #[error("{0}")]
    Endpoint(String),
}
