//! A script: what the engine answers to what.

use serde::{Deserialize, Serialize};

use crate::card::Description;

/// What a [`ScriptedEngine`](super::ScriptedEngine) answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// What the engine says of itself.
    pub description: Description,
    /// Rules, tried in order.
    pub reply: Vec<Reply>,
}

/// One rule of a [`Script`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reply {
    /// The rule answers if this text occurs in the prompt; empty: always.
    pub when: String,
    /// The answer, token by token.
    pub tokens: Vec<String>,
    /// Log-probability given to every token, if the request asks for it.
    pub log_probability: f32,
    /// Log-probabilities of the first tokens, one by one, instead of that.
    pub log_probabilities: Vec<f32>,
    /// Waits for [`ScriptedEngine::release`](super::ScriptedEngine::release) before this token, counted from 0.
    pub hold_before: Option<usize>,
    /// Time between two tokens, for tests of whole programs.
    pub delay_milliseconds: u64,
}

impl Script {
    /// Reads a script from its TOML text.
    ///
    /// # Errors
    /// Gives the parser's message when `text` is not a script.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// A script that answers everything with `tokens`.
    #[must_use]
    pub fn always(tokens: &[&str]) -> Self {
        let tokens = tokens.iter().map(ToString::to_string).collect();
        Self {
            description: Description::default(),
            reply: vec![Reply {
                tokens,
                ..Reply::default()
            }],
        }
    }
}
