//! A request that is being answered, and the ways to give its answer.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use engine::{Engine, Event, Failure, Lane, Request, State, StopReason, Ticket, Usage};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::Api;
use super::error::ApiError;
use crate::engine_process::activity::Busy;
use crate::engine_process::metrics::OpenRequest;

/// A request that is being answered. Dropping it cancels the request: that is what happens when the
/// client goes away.
pub struct Running {
    api: Arc<Api>,
    events: mpsc::UnboundedReceiver<Event>,
    _ticket: Ticket,
}

impl Running {
    /// Hands `request` to `engine`.
    pub fn start(api: &Arc<Api>, engine: &dyn Engine, request: Request) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let counted = Counted::new(api, request.lane);
        let ticket = engine.submit(
            request,
            Box::new(move |event| {
                counted.record(&event);
                // Nobody listens any more when the client has gone.
                let _gone = sender.send(event);
            }),
        );
        Self {
            api: Arc::clone(api),
            events,
            _ticket: ticket,
        }
    }

    /// The next event; [`Failure::Gone`] if the engine ended without one.
    pub async fn next(&mut self) -> Event {
        let event = self.events.recv().await.unwrap_or(Event::Failed(Failure::Gone));
        if matches!(event, Event::Failed(_)) && matches!(self.api.slot.state(), State::Failed(_)) {
            // An engine that broke does not mend; the next process has a new one.
            self.api.shutdown.notify_one();
        }
        event
    }

    /// Waits for the whole answer.
    pub async fn collect(mut self) -> Result<Collected, Failure> {
        let mut tokens = Vec::new();
        loop {
            match self.next().await {
                Event::Token {
                    text,
                    log_probability,
                } => tokens.push((text, log_probability)),
                Event::Done { reason, usage } => {
                    return Ok(Collected {
                        tokens,
                        reason,
                        usage,
                    });
                }
                Event::Failed(failure) => return Err(failure),
            }
        }
    }
}

/// Keeps the process awake as long as the engine holds the request.
struct Counted {
    api: Arc<Api>,
    request: OpenRequest,
    _busy: Busy,
}

impl Counted {
    fn new(api: &Arc<Api>, lane: Lane) -> Self {
        Self {
            request: api.metrics.begin(lane, (api.now)()),
            api: Arc::clone(api),
            _busy: api.activity.begin(),
        }
    }

    fn record(&self, event: &Event) {
        self.api.metrics.record(&self.request, event, (self.api.now)());
    }
}

/// A whole answer.
pub struct Collected {
    /// Its tokens and, if they were asked for, their log-probabilities.
    pub tokens: Vec<(String, Option<f32>)>,
    /// Why it ended.
    pub reason: StopReason,
    /// What it cost.
    pub usage: Usage,
}

impl Collected {
    /// The answer as text.
    pub fn text(&self) -> String {
        self.tokens.iter().map(|(text, _)| text.as_str()).collect()
    }
}

/// Writes the chunks of an answer in one of the dialects.
pub trait Dialect: Send + 'static {
    /// The chunk for one token, if it needs one.
    fn token(&mut self, text: String, log_probability: Option<f32>) -> Option<Value>;
    /// Whether the answer ends with the token of this text, whatever the engine still has to say.
    fn is_over(&mut self, _text: &str) -> bool {
        false
    }
    /// The chunks at the end.
    fn done(&mut self, reason: StopReason, usage: Usage) -> Vec<Value>;
    /// Whether `[DONE]` follows the last chunk.
    fn says_done(&self) -> bool {
        true
    }
    /// Whether the client wants to be answered before there is anything to say: then a failure comes in
    /// the stream, else as status of the response.
    fn answers_at_once(&self) -> bool {
        false
    }
}

/// Streams the answer of `running` as server-sent events.
pub async fn stream(mut running: Running, dialect: impl Dialect) -> Result<Response, ApiError> {
    let first = match dialect.answers_at_once() {
        true => None,
        false => match running.next().await {
            Event::Failed(failure) => return Err(failure.into()),
            event => Some(event),
        },
    };
    let start = Streaming {
        running,
        dialect,
        first,
        generated_tokens: 0,
        ended: false,
    };
    let chunks = futures_util::stream::unfold(start, |mut streaming| async move {
        let bytes = streaming.next().await?;
        Some((Ok::<Bytes, Infallible>(bytes), streaming))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}

struct Streaming<D> {
    running: Running,
    dialect: D,
    first: Option<Event>,
    generated_tokens: u32,
    ended: bool,
}

impl<D: Dialect> Streaming<D> {
    async fn next(&mut self) -> Option<Bytes> {
        while !self.ended {
            let event = match self.first.take() {
                Some(event) => event,
                None => self.running.next().await,
            };
            match event {
                Event::Token {
                    text,
                    log_probability,
                } => {
                    self.generated_tokens += 1;
                    let over = self.dialect.is_over(&text);
                    let mut bytes: String = self
                        .dialect
                        .token(text, log_probability)
                        .iter()
                        .map(data)
                        .collect();
                    if over {
                        let usage = Usage {
                            generated_tokens: self.generated_tokens,
                            ..Usage::default()
                        };
                        bytes.push_str(&self.end(StopReason::Length, usage));
                    }
                    if !bytes.is_empty() {
                        return Some(bytes.into());
                    }
                }
                Event::Done { reason, usage } => return Some(self.end(reason, usage).into()),
                Event::Failed(failure) => {
                    self.ended = true;
                    return Some(data(&ApiError::from(failure).json()).into());
                }
            }
        }
        None
    }

    fn end(&mut self, reason: StopReason, usage: Usage) -> String {
        self.ended = true;
        let mut bytes: String = self.dialect.done(reason, usage).iter().map(data).collect();
        if self.dialect.says_done() {
            bytes.push_str("data: [DONE]\n\n");
        }
        bytes
    }
}

fn data(chunk: &Value) -> String {
    // JSON has no line breaks of its own: one chunk is one data line.
    format!("data: {chunk}\n\n")
}

/// `finish_reason` as the OpenAI API names it.
pub fn finish_reason(reason: &StopReason) -> &'static str {
    match reason {
        StopReason::EndOfText | StopReason::StopText(_) | StopReason::Cancelled => "stop",
        StopReason::Length => "length",
    }
}

/// `usage` as the OpenAI API has it.
pub fn usage_json(usage: &Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.generated_tokens,
        "total_tokens": usage.prompt_tokens + usage.generated_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.reused_tokens},
    })
}
