//! `POST /v1/completions`: text goes on, or the middle is filled in; our own dialect rides on it.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use engine::{
    Description, Failure, Lane, Request, Reuse, Sampling, Segment, StopConditions, StopReason, Usage,
};
use remote::wire::{ChunkFields, RequestFields};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{self, Collected, Dialect, Running, finish_reason, usage_json};
use super::error::ApiError;
use super::parameters::{Parameters, tokens_max};
use super::{Api, infill, parse};

/// What the OpenAI API generates when a request does not say how much.
const TOKENS_MAX: u32 = 16;

#[derive(Deserialize)]
struct CompletionBody {
    model: Option<String>,
    #[serde(default)]
    prompt: Prompt,
    suffix: Option<String>,
    max_tokens: Option<u32>,
    #[serde(flatten)]
    parameters: Parameters,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    logprobs: Option<u32>,
    n: Option<u32>,
    best_of: Option<u32>,
    echo: Option<bool>,
    freehold: Option<RequestFields>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`prompt` must be a text, or a list of one text")]
enum Prompt {
    One(String),
    Many(Vec<String>),
}

impl Default for Prompt {
    fn default() -> Self {
        Self::One(String::new())
    }
}

/// `stream_options` of the OpenAI API.
#[derive(Deserialize, Default)]
pub struct StreamOptions {
    /// Whether a last chunk says what the answer cost.
    #[serde(default)]
    pub include_usage: bool,
}

pub async fn completions(
    State(api): State<Arc<Api>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let body: CompletionBody = parse(body)?;
    if body.n.unwrap_or(1) != 1 || body.best_of.unwrap_or(1) != 1 || body.echo == Some(true) {
        return Err(Failure::Invalid("`n` and `best_of` must be 1 and `echo` false".to_owned()).into());
    }
    let (engine, description) = api.engine(body.model.as_deref()).await?;
    let mut dialect = CompletionDialect {
        head: Head {
            id: format!("cmpl-{}", api.next_id()),
            created: api.now_seconds(),
            model: description.model.clone(),
        },
        include_usage: body
            .stream_options
            .as_ref()
            .is_some_and(|options| options.include_usage),
        logprobs: body.logprobs.is_some(),
        ours: body.freehold.is_some(),
        text_bytes: 0,
    };
    let streams = body.stream == Some(true);
    let request = request(body, &description)?;
    let running = Running::start(&api, engine.as_ref(), request);
    if streams {
        return answer::stream(running, dialect).await;
    }
    let collected = running.collect().await?;
    Ok(Json(dialect.whole(&collected)).into_response())
}

fn request(body: CompletionBody, description: &Description) -> Result<Request, Failure> {
    let log_probabilities = body.logprobs.is_some();
    let tokens_max = tokens_max(
        Some(body.max_tokens.unwrap_or(TOKENS_MAX)),
        description.context_tokens,
    );
    let sampling = body.parameters.sampling()?;
    let texts = body.parameters.stop_texts()?;
    if let Some(fields) = body.freehold {
        return Ok(Request {
            prompt: fields.prompt,
            sampling: Sampling {
                grammar: fields.grammar,
                first_token_rank: fields.first_token_rank,
                top_k: fields.top_k,
                min_p: fields.min_p,
                ..sampling
            },
            stop: StopConditions {
                texts,
                tokens: fields.stop_tokens,
                log_probability_min: fields.log_probability_min,
            },
            lane: fields.lane,
            tokens_max,
            log_probabilities: fields.log_probabilities || log_probabilities,
            reuse: fields.reuse,
        });
    }
    let prompt = match body.prompt {
        Prompt::One(text) => text,
        Prompt::Many(mut texts) if texts.len() == 1 => texts.remove(0),
        Prompt::Many(_) => return Err(Failure::Invalid("`prompt` must be one text".to_owned())),
    };
    let (prompt, stop) = match body.suffix {
        Some(suffix) => {
            let (prompt, mut stop) = infill::render(description, &prompt, &suffix, &[])?;
            stop.texts.extend(texts);
            (prompt, stop)
        }
        None => (
            plain(description, prompt)?,
            StopConditions {
                texts,
                ..StopConditions::default()
            },
        ),
    };
    Ok(Request {
        prompt,
        sampling,
        stop,
        lane: Lane::Typing,
        tokens_max,
        log_probabilities,
        reuse: Reuse::Exact,
    })
}

/// The prompt for text that goes on. It is text throughout: what looks like a special token in it is not
/// one; `suffix`, `/infill` and chat exist for those.
fn plain(description: &Description, text: String) -> Result<Vec<Segment>, Failure> {
    let mut prompt: Vec<Segment> = description
        .begin_token
        .clone()
        .map(Segment::Token)
        .into_iter()
        .collect();
    if !text.is_empty() {
        prompt.push(Segment::Text(text));
    }
    if prompt.is_empty() {
        return Err(Failure::Invalid("`prompt` is empty".to_owned()));
    }
    Ok(prompt)
}

/// What every chunk of an answer repeats.
pub struct Head {
    /// Number of the answer.
    pub id: String,
    /// When it was begun, in seconds since 1970.
    pub created: u64,
    /// Name of the model.
    pub model: String,
}

struct CompletionDialect {
    head: Head,
    include_usage: bool,
    logprobs: bool,
    ours: bool,
    text_bytes: usize,
}

impl CompletionDialect {
    fn chunk(&self, choices: Value) -> Value {
        json!({
            "id": self.head.id,
            "object": "text_completion",
            "created": self.head.created,
            "model": self.head.model,
            "choices": choices,
        })
    }

    fn logprobs(&mut self, tokens: &[(String, Option<f32>)]) -> Value {
        if !self.logprobs {
            return Value::Null;
        }
        let mut offsets = Vec::new();
        for (text, _) in tokens {
            offsets.push(self.text_bytes);
            self.text_bytes += text.len();
        }
        json!({
            "tokens": tokens.iter().map(|(text, _)| text).collect::<Vec<_>>(),
            "token_logprobs": tokens.iter().map(|(_, log_probability)| log_probability).collect::<Vec<_>>(),
            "text_offset": offsets,
            "top_logprobs": null,
        })
    }

    fn whole(&mut self, collected: &Collected) -> Value {
        let logprobs = self.logprobs(&collected.tokens);
        let choice = json!({
            "index": 0,
            "text": collected.text(),
            "logprobs": logprobs,
            "finish_reason": finish_reason(&collected.reason),
        });
        let mut answer = self.chunk(json!([choice]));
        answer["usage"] = usage_json(&collected.usage);
        if self.ours {
            let reason = Some(collected.reason.clone());
            answer["freehold"] = json!(ChunkFields {
                reason,
                log_probability: None
            });
            answer["freehold_usage"] = json!(collected.usage);
        }
        answer
    }
}

impl Dialect for CompletionDialect {
    fn token(&mut self, text: String, log_probability: Option<f32>) -> Option<Value> {
        if text.is_empty() && !self.ours {
            return None;
        }
        let tokens = [(text, log_probability)];
        let logprobs = self.logprobs(&tokens);
        let choice = json!({"index": 0, "text": tokens[0].0, "logprobs": logprobs, "finish_reason": null});
        let mut chunk = self.chunk(json!([choice]));
        if self.ours {
            chunk["freehold"] = json!(ChunkFields {
                log_probability,
                reason: None
            });
        }
        Some(chunk)
    }

    fn done(&mut self, reason: StopReason, usage: Usage) -> Vec<Value> {
        let choice =
            json!({"index": 0, "text": "", "logprobs": null, "finish_reason": finish_reason(&reason)});
        let mut last = self.chunk(json!([choice]));
        if self.ours {
            last["freehold"] = json!(ChunkFields {
                reason: Some(reason),
                log_probability: None
            });
            last["freehold_usage"] = json!(usage);
        }
        let mut chunks = vec![last];
        if self.include_usage {
            let mut chunk = self.chunk(json!([]));
            chunk["usage"] = usage_json(&usage);
            chunks.push(chunk);
        }
        chunks
    }

    fn answers_at_once(&self) -> bool {
        self.ours
    }
}
