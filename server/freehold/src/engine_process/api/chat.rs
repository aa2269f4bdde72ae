//! `POST /v1/chat/completions`: a conversation goes on, by the model's own chat template.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use engine::{Description, Failure, Lane, Request, Reuse, StopConditions, StopReason, Usage};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{self, Collected, Dialect, Running, finish_reason, usage_json};
use super::completions::{Head, StreamOptions};
use super::error::ApiError;
use super::parameters::{Parameters, tokens_max};
use super::{Api, parse};
use crate::engine_process::chat_template::{self, Message, Surroundings};

#[derive(Deserialize)]
struct ChatBody {
    model: Option<String>,
    messages: Vec<GivenMessage>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    #[serde(flatten)]
    parameters: Parameters,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    logprobs: Option<bool>,
    n: Option<u32>,
    tools: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct GivenMessage {
    role: Role,
    content: Option<Content>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Role {
    System,
    Developer,
    User,
    Assistant,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "`content` must be a text, or a list of parts of type `text`"
)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part {
    Text { text: String },
}

pub async fn chat_completions(
    State(api): State<Arc<Api>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let body: ChatBody = parse(body)?;
    if body.n.unwrap_or(1) != 1 {
        return Err(Failure::Invalid("`n` must be 1".to_owned()).into());
    }
    if body.tools.as_ref().is_some_and(|tools| !tools.is_empty()) {
        return Err(Failure::Invalid("`tools` are not supported; leave them out".to_owned()).into());
    }
    let (engine, description) = api.engine(body.model.as_deref()).await?;
    let now_seconds = api.now_seconds();
    let mut dialect = ChatDialect {
        head: Head {
            id: format!("chatcmpl-{}", api.next_id()),
            created: now_seconds,
            model: description.model.clone(),
        },
        include_usage: body
            .stream_options
            .as_ref()
            .is_some_and(|options| options.include_usage),
        logprobs: body.logprobs == Some(true),
        begun: false,
    };
    let streams = body.stream == Some(true);
    let request = request(body, &description, now_seconds)?;
    let running = Running::start(&api, engine.as_ref(), request);
    if streams {
        return answer::stream(running, dialect).await;
    }
    let collected = running.collect().await?;
    Ok(Json(dialect.whole(&collected)).into_response())
}

fn request(body: ChatBody, description: &Description, now_seconds: u64) -> Result<Request, Failure> {
    let Some(template) = &description.chat_template else {
        return Err(Failure::Invalid(format!(
            "the model `{}` has no chat template: it was not trained to chat; ask `/v1/completions`",
            description.model
        )));
    };
    let messages: Vec<Message> = body.messages.into_iter().map(message).collect();
    if messages.is_empty() {
        return Err(Failure::Invalid("`messages` is empty".to_owned()));
    }
    let surroundings = Surroundings {
        begin_token: description.begin_token.as_deref(),
        end_token: description.end_token.as_deref(),
        now_seconds,
    };
    let prompt = chat_template::render(template, &messages, surroundings)
        .map_err(|error| Failure::Invalid(error.to_string()))?;
    let sampling = body.parameters.sampling()?;
    Ok(Request {
        prompt,
        sampling,
        stop: StopConditions {
            texts: body.parameters.stop_texts()?,
            ..StopConditions::default()
        },
        lane: Lane::Agent,
        tokens_max: tokens_max(
            body.max_completion_tokens.or(body.max_tokens),
            description.context_tokens,
        ),
        log_probabilities: body.logprobs == Some(true),
        reuse: Reuse::Exact,
    })
}

fn message(given: GivenMessage) -> Message {
    let role = match given.role {
        // The newer name for the same; templates know the older one.
        Role::System | Role::Developer => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let content = match given.content {
        None => String::new(),
        Some(Content::Text(text)) => text,
        Some(Content::Parts(parts)) => parts.into_iter().map(|Part::Text { text }| text).collect(),
    };
    Message { role, content }
}

struct ChatDialect {
    head: Head,
    include_usage: bool,
    logprobs: bool,
    begun: bool,
}

impl ChatDialect {
    fn chunk(&self, object: &str, choices: Value) -> Value {
        json!({
            "id": self.head.id,
            "object": object,
            "created": self.head.created,
            "model": self.head.model,
            "choices": choices,
        })
    }

    fn logprobs(&self, tokens: &[(String, Option<f32>)]) -> Value {
        if !self.logprobs {
            return Value::Null;
        }
        let content: Vec<Value> = tokens
            .iter()
            .map(|(text, log_probability)| {
                json!({"token": text, "logprob": log_probability, "bytes": text.as_bytes(), "top_logprobs": []})
            })
            .collect();
        json!({ "content": content })
    }

    fn whole(&mut self, collected: &Collected) -> Value {
        let choice = json!({
            "index": 0,
            "message": {"role": "assistant", "content": collected.text()},
            "logprobs": self.logprobs(&collected.tokens),
            "finish_reason": finish_reason(&collected.reason),
        });
        let mut answer = self.chunk("chat.completion", json!([choice]));
        answer["usage"] = usage_json(&collected.usage);
        answer
    }

    fn delta(&mut self, mut delta: Value, logprobs: Value, finish_reason: Option<&str>) -> Value {
        if !std::mem::replace(&mut self.begun, true) {
            delta["role"] = json!("assistant");
        }
        let choice =
            json!({"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason});
        self.chunk("chat.completion.chunk", json!([choice]))
    }
}

impl Dialect for ChatDialect {
    fn token(&mut self, text: String, log_probability: Option<f32>) -> Option<Value> {
        if text.is_empty() {
            return None;
        }
        let tokens = [(text, log_probability)];
        let logprobs = self.logprobs(&tokens);
        Some(self.delta(json!({"content": tokens[0].0}), logprobs, None))
    }

    fn done(&mut self, reason: StopReason, usage: Usage) -> Vec<Value> {
        let mut chunks = vec![self.delta(json!({}), Value::Null, Some(finish_reason(&reason)))];
        if self.include_usage {
            let mut chunk = self.chunk("chat.completion.chunk", json!([]));
            chunk["usage"] = usage_json(&usage);
            chunks.push(chunk);
        }
        chunks
    }
}
