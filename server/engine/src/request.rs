//! What is asked of an engine.

use serde::{Deserialize, Serialize};

/// One request for text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The prompt, part by part, in order.
    pub prompt: Vec<Segment>,
    /// How the next token is chosen.
    #[serde(default)]
    pub sampling: Sampling,
    /// What ends the generation, besides the model's own end-of-generation tokens.
    #[serde(default)]
    pub stop: StopConditions,
    /// Which requests go first.
    #[serde(default)]
    pub lane: Lane,
    /// At most so many tokens are generated. Zero evaluates the prompt into the cache and generates nothing.
    pub tokens_max: u32,
    /// Whether each token comes with its log-probability (natural logarithm, under the untouched
    /// distribution of the model).
    #[serde(default)]
    pub log_probabilities: bool,
    /// How much of what is evaluated already may stand in for the prompt.
    #[serde(default)]
    pub reuse: Reuse,
}

/// How much of what is evaluated already may stand in for a prompt.
///
/// An engine that cannot do what is asked does the next safer thing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reuse {
    /// Only a beginning in common, evaluated in this very order: the answer is as if nothing was reused.
    #[default]
    Exact,
    /// Also what stands further on in the prompt, moved to its new place: after text is typed, all that
    /// follows it. What the model reads at the seams, the special tokens there, is evaluated again, so that
    /// the answer is close to the exact one (PIE, arXiv 2407.03157, moves keys after an edit).
    Moved,
}

/// A part of a prompt: what may name special tokens and what never does.
///
/// Text from documents, tools and users is always [`Segment::Text`]; so whatever stands in it, a
/// reserved string among it, stays plain text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Segment {
    /// Plain text: tokenised with the parsing of special tokens off.
    Text(String),
    /// Plain text that the generation goes on from in the middle of a word, maybe: the engine may give its
    /// last tokens back and let the model write them again, held to the same characters (token healing).
    /// What was there already is not given out again. At most one segment of a prompt is open.
    Open(String),
    /// Exactly one special token, named by its text, as the model card gives it.
    /// A request that names one the model does not have fails with [`crate::Failure::UnknownToken`].
    Token(String),
    /// Text written by a model's own chat template, never by a document or a user: the special tokens
    /// in it are recognised.
    Template(String),
}

/// How the next token is chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sampling {
    /// Zero always takes the most likely token; else logits are divided by it. 0 to 2.
    pub temperature: f32,
    /// Only the so many most likely tokens are considered; zero considers all.
    pub top_k: u32,
    /// Only the most likely tokens that together reach this probability are considered; 1 considers all.
    pub top_p: f32,
    /// Only tokens with at least this share of the most likely one's probability; 0 considers all.
    pub min_p: f32,
    /// Seed of the random choice; the same request with the same seed gives the same text, but for roundings
    /// that depend on what an engine did before.
    pub seed: u32,
    /// Begins with the so many-th best first token instead of the best: 0 the usual one, 1 the first
    /// alternative, and so on. For alternatives to cycle through, each different from its first token on.
    pub first_token_rank: u32,
    /// A GBNF grammar (llama.cpp, `grammars/README.md`) that the text must follow.
    pub grammar: Option<String>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            seed: 0,
            first_token_rank: 0,
            grammar: None,
        }
    }
}

/// What ends a generation, besides the model's own end-of-generation tokens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StopConditions {
    /// The generation ends before any of these texts; the text itself is not given out.
    pub texts: Vec<String>,
    /// Special tokens, by their text, that end the generation. Those unknown to the model are ignored.
    pub tokens: Vec<String>,
    /// The generation ends with the token with which all of them together become less likely than this, a natural
    /// logarithm; [`crate::StopReason::Length`] then. An engine may not know this and go on.
    pub log_probability_min: Option<f32>,
}

/// Which requests go first: between two tokens and between two chunks of a prompt, the engine always
/// serves the first lane that has work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Somebody is typing and waits.
    #[default]
    Typing,
    /// Somebody reads along: the chat panel, the agent.
    Agent,
    /// Nobody waits: warming a cache, prefetching.
    Idle,
}
