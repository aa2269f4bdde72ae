//! The fields about sampling and stopping that all requests for text share.

use std::hash::{BuildHasher as _, RandomState};

use engine::{Failure, Sampling};
use serde::Deserialize;

/// What a request may say about sampling and stopping. What it leaves out is as in llama-server.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Parameters {
    temperature: Option<f32>,
    top_k: Option<i64>,
    top_p: Option<f32>,
    min_p: Option<f32>,
    seed: Option<i64>,
    stop: Option<OneOrMany>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`stop` must be a text or a list of texts")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Parameters {
    /// How the next token is chosen.
    pub fn sampling(&self) -> Result<Sampling, Failure> {
        let sampling = Sampling {
            temperature: within("temperature", self.temperature, 0.8, 0.0..=2.0)?,
            // Zero and less mean all tokens there.
            top_k: u32::try_from(self.top_k.unwrap_or(40).max(0)).unwrap_or(u32::MAX),
            top_p: within("top_p", self.top_p, 0.95, 0.0..=1.0)?,
            min_p: within("min_p", self.min_p, 0.05, 0.0..=1.0)?,
            seed: self.seed(),
            first_token_rank: 0,
            grammar: None,
        };
        Ok(sampling)
    }

    /// The number below zero that many clients send, and none at all, ask for a new one.
    fn seed(&self) -> u32 {
        match self.seed {
            Some(seed) if seed >= 0 => (seed & i64::from(u32::MAX)) as u32,
            _ => (RandomState::new().hash_one(0) & u64::from(u32::MAX)) as u32,
        }
    }

    /// The texts that end the answer.
    pub fn stop_texts(self) -> Result<Vec<String>, Failure> {
        let texts = match self.stop {
            None => Vec::new(),
            Some(OneOrMany::One(text)) => vec![text],
            Some(OneOrMany::Many(texts)) => texts,
        };
        if texts.iter().any(String::is_empty) {
            return Err(Failure::Invalid(
                "a text in `stop` is empty and would end every answer at once".to_owned(),
            ));
        }
        Ok(texts)
    }
}

fn within(
    name: &str,
    given: Option<f32>,
    otherwise: f32,
    range: std::ops::RangeInclusive<f32>,
) -> Result<f32, Failure> {
    let value = given.unwrap_or(otherwise);
    if range.contains(&value) {
        return Ok(value);
    }
    Err(Failure::Invalid(format!(
        "`{name}` is {value}; it must be {} to {}",
        range.start(),
        range.end()
    )))
}

/// Tokens that may be generated: what was asked for, as far as the context holds it.
pub fn tokens_max(asked: Option<u32>, context_tokens: u32) -> u32 {
    match (asked, context_tokens) {
        (Some(asked), 0) => asked,
        // An engine that does not say what its context holds ends by itself.
        (None, 0) => 4096,
        (asked, context_tokens) => asked.unwrap_or(context_tokens).min(context_tokens),
    }
}
