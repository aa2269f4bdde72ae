//! Freehold's own dialect: requests and answers as our engine process has them.

use engine::{Failure, Request, StopReason, Usage};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::Outlet;
use crate::wire::{ChunkFields, RequestFields};

/// The body that asks for `request`.
pub(crate) fn body(request: Request) -> Value {
    let Request {
        prompt,
        sampling,
        stop,
        lane,
        tokens_max,
        log_probabilities,
        reuse,
    } = request;
    let fields = RequestFields {
        prompt,
        lane,
        log_probabilities,
        reuse,
        first_token_rank: sampling.first_token_rank,
        grammar: sampling.grammar,
        top_k: sampling.top_k,
        min_p: sampling.min_p,
        stop_tokens: stop.tokens,
        log_probability_min: stop.log_probability_min,
    };
    json!({
        "stream": true,
        "max_tokens": tokens_max,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "stop": stop.texts,
        "freehold": fields,
    })
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    freehold: ChunkFields,
    freehold_usage: Option<Usage>,
    freehold_failure: Option<Failure>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    text: String,
}

/// Reads one chunk of an answer; gives the end if it is the last one.
pub(crate) fn read(data: &str, outlet: &mut Outlet) -> Result<Option<(StopReason, Usage)>, Failure> {
    if data == "[DONE]" {
        return Ok(None);
    }
    let chunk: Chunk = serde_json::from_str(data)
        .map_err(|error| Failure::Engine(format!("its answer cannot be read ({error})")))?;
    if let Some(failure) = chunk.freehold_failure {
        return Err(failure);
    }
    if let Some(reason) = chunk.freehold.reason {
        return Ok(Some((reason, chunk.freehold_usage.unwrap_or_default())));
    }
    if let Some(choice) = chunk.choices.into_iter().next() {
        outlet.token(choice.text, chunk.freehold.log_probability);
    }
    Ok(None)
}

/// The failure that an error response of our engine stands for.
pub(crate) fn failure(status: reqwest::StatusCode, body: &str) -> Failure {
    #[derive(Deserialize)]
    struct Refusal {
        freehold_failure: Failure,
    }
    match serde_json::from_str::<Refusal>(body) {
        Ok(refusal) => refusal.freehold_failure,
        Err(_) => Failure::Engine(format!("{status}: {}", crate::failure::message_of(body))),
    }
}
