//! `POST /infill`: the middle is filled in, with the fields that llama-server has for it.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use engine::{
    Description, Event, Failure, FimPart, Lane, Request, Reuse, Segment, StopConditions, StopReason, Usage,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::answer::{self, Collected, Dialect, Running};
use super::error::ApiError;
use super::parameters::{Parameters, tokens_max};
use super::{Api, parse};

/// What llama-server calls the file with the cursor and the workspace, whose names it is not told.
const FILE_NAME: &str = "filename";
const WORKSPACE_NAME: &str = "myproject";

#[derive(Deserialize)]
struct InfillBody {
    model: Option<String>,
    #[serde(default)]
    input_prefix: String,
    #[serde(default)]
    input_suffix: String,
    #[serde(default)]
    input_extra: Vec<OtherFile>,
    #[serde(default)]
    prompt: String,
    n_predict: Option<i64>,
    max_tokens: Option<i64>,
    #[serde(flatten)]
    parameters: Parameters,
    stream: Option<bool>,
    t_max_predict_ms: Option<i64>,
}

/// Another file that the model is shown.
#[derive(Debug, Deserialize)]
pub struct OtherFile {
    /// Its content.
    #[serde(default)]
    pub text: String,
    /// Its path.
    #[serde(default = "unnamed")]
    pub filename: String,
}

fn unnamed() -> String {
    "tmp".to_owned()
}

pub async fn infill(
    State(api): State<Arc<Api>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let body: InfillBody = parse(body)?;
    let (engine, description) = api.engine(body.model.as_deref()).await?;
    let mut dialect = InfillDialect {
        model: description.model.clone(),
        deadline: Deadline::new(body.t_max_predict_ms),
        tokens: 0,
    };
    let streams = body.stream == Some(true);
    let request = request(body, &description)?;
    let mut running = Running::start(&api, engine.as_ref(), request);
    if streams {
        return answer::stream(running, dialect).await;
    }
    let mut tokens = Vec::new();
    let collected = loop {
        match running.next().await {
            Event::Token {
                text,
                log_probability,
            } => {
                let late = dialect.deadline.passed_with(&text);
                tokens.push((text, log_probability));
                if late {
                    let generated_tokens = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
                    let usage = Usage {
                        generated_tokens,
                        ..Usage::default()
                    };
                    break Collected {
                        tokens,
                        reason: StopReason::Length,
                        usage,
                    };
                }
            }
            Event::Done { reason, usage } => {
                break Collected {
                    tokens,
                    reason,
                    usage,
                };
            }
            Event::Failed(failure) => return Err(failure.into()),
        }
    };
    Ok(Json(dialect.last(&collected.text(), &collected.reason, &collected.usage)).into_response())
}

fn request(body: InfillBody, description: &Description) -> Result<Request, Failure> {
    let prefix = body.input_prefix + &body.prompt;
    let (prompt, mut stop) = render(description, &prefix, &body.input_suffix, &body.input_extra)?;
    // Below zero there means as many as there is room for.
    let asked = body
        .n_predict
        .or(body.max_tokens)
        .and_then(|asked| u32::try_from(asked).ok());
    let sampling = body.parameters.sampling()?;
    stop.texts.extend(body.parameters.stop_texts()?);
    let tokens_max = tokens_max(asked, description.context_tokens);
    Ok(Request {
        prompt,
        sampling,
        stop,
        lane: Lane::Typing,
        tokens_max,
        log_probabilities: false,
        reuse: Reuse::Exact,
    })
}

/// The prompt that asks for what stands between `prefix` and `suffix`, and what ends the answer.
///
/// # Errors
/// When the model was not trained to fill in the middle.
pub fn render(
    description: &Description,
    prefix: &str,
    suffix: &str,
    others: &[OtherFile],
) -> Result<(Vec<Segment>, StopConditions), Failure> {
    let Some(format) = &description.fim else {
        return Err(Failure::Invalid(format!(
            "the model `{}` was not trained to fill in the middle; leave out the suffix",
            description.model
        )));
    };
    let part = |part: &FimPart, path: &str, content: &str| match part {
        FimPart::Token(token) => Segment::Token(token.clone()),
        FimPart::Literal(text) => Segment::Text(text.clone()),
        FimPart::Prefix => Segment::Text(prefix.to_owned()),
        FimPart::Suffix => Segment::Text(suffix.to_owned()),
        FimPart::Path => Segment::Text(path.to_owned()),
        FimPart::Content => Segment::Text(content.to_owned()),
        FimPart::Repository => Segment::Text(WORKSPACE_NAME.to_owned()),
    };
    let mut prompt: Vec<Segment> = description
        .begin_token
        .clone()
        .map(Segment::Token)
        .into_iter()
        .collect();
    if !others.is_empty() && !format.other_file.is_empty() {
        prompt.extend(format.repository.iter().map(|one| part(one, "", "")));
        for other in others {
            prompt.extend(
                format
                    .other_file
                    .iter()
                    .map(|one| part(one, &other.filename, &other.text)),
            );
        }
        prompt.extend(format.current_file.iter().map(|one| part(one, FILE_NAME, "")));
    }
    prompt.extend(format.infill.iter().map(|one| part(one, FILE_NAME, "")));
    prompt.retain(|segment| !matches!(segment, Segment::Text(text) if text.is_empty()));
    let stop = StopConditions {
        texts: format.stop_texts.clone(),
        tokens: format.stop_tokens.clone(),
        log_probability_min: None,
    };
    Ok((prompt, stop))
}

/// `t_max_predict_ms`: the time that generating may take, counted from the first token; it ends the
/// answer only once a line is complete.
struct Deadline {
    time_max: Option<Duration>,
    first: Option<Instant>,
    line_complete: bool,
}

impl Deadline {
    fn new(milliseconds: Option<i64>) -> Self {
        let milliseconds = milliseconds
            .and_then(|time| u64::try_from(time).ok())
            .filter(|time| *time > 0);
        Self {
            time_max: milliseconds.map(Duration::from_millis),
            first: None,
            line_complete: false,
        }
    }

    /// Whether the time is over with this token.
    fn passed_with(&mut self, text: &str) -> bool {
        let first = *self.first.get_or_insert_with(Instant::now);
        self.line_complete |= text.contains('\n');
        self.line_complete && self.time_max.is_some_and(|time_max| first.elapsed() >= time_max)
    }
}

struct InfillDialect {
    model: String,
    deadline: Deadline,
    tokens: u32,
}

impl InfillDialect {
    fn last(&self, content: &str, reason: &StopReason, usage: &Usage) -> Value {
        let (stop_type, stopping_word) = match reason {
            StopReason::EndOfText => ("eos", ""),
            StopReason::StopText(text) => ("word", text.as_str()),
            StopReason::Length => ("limit", ""),
            StopReason::Cancelled => ("none", ""),
        };
        json!({
            "index": 0,
            "content": content,
            "stop": true,
            "model": self.model,
            "tokens_predicted": usage.generated_tokens,
            "tokens_evaluated": usage.prompt_tokens,
            "tokens_cached": usage.reused_tokens,
            "truncated": false,
            "stop_type": stop_type,
            "stopping_word": stopping_word,
            "timings": timings(usage),
        })
    }
}

impl Dialect for InfillDialect {
    fn token(&mut self, text: String, _log_probability: Option<f32>) -> Option<Value> {
        self.tokens += 1;
        (!text.is_empty())
            .then(|| json!({"index": 0, "content": text, "stop": false, "tokens_predicted": self.tokens}))
    }

    fn is_over(&mut self, text: &str) -> bool {
        self.deadline.passed_with(text)
    }

    fn done(&mut self, reason: StopReason, usage: Usage) -> Vec<Value> {
        vec![self.last("", &reason, &usage)]
    }

    fn says_done(&self) -> bool {
        false
    }
}

fn timings(usage: &Usage) -> Value {
    let phase = |tokens: u32, milliseconds: f64| {
        let per_token = if tokens > 0 {
            milliseconds / f64::from(tokens)
        } else {
            0.0
        };
        let per_second = if milliseconds > 0.0 {
            f64::from(tokens) * 1000.0 / milliseconds
        } else {
            0.0
        };
        (per_token, per_second)
    };
    let prompt = phase(usage.evaluated_tokens, usage.prompt_milliseconds);
    let predicted = phase(usage.generated_tokens, usage.generation_milliseconds);
    json!({
        "cache_n": usage.reused_tokens,
        "prompt_n": usage.evaluated_tokens,
        "prompt_ms": usage.prompt_milliseconds,
        "prompt_per_token_ms": prompt.0,
        "prompt_per_second": prompt.1,
        "predicted_n": usage.generated_tokens,
        "predicted_ms": usage.generation_milliseconds,
        "predicted_per_token_ms": predicted.0,
        "predicted_per_second": predicted.1,
    })
}
