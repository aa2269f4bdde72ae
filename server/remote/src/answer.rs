//! The way from a response to the events of a request: each request ends exactly once.

use engine::{Event, EventSink, Failure, StopReason, Usage};
use futures_util::StreamExt as _;

use crate::sse::SseParser;

/// Where the events of one request go. A request that nobody ended, because its task was dropped, ends
/// as [`Failure::Gone`].
pub(crate) struct Outlet {
    events: Option<EventSink>,
    /// Taken out of every text: see [`crate::special`].
    joiner: Option<char>,
    generated_tokens: u32,
}

impl Outlet {
    pub(crate) fn new(events: EventSink) -> Self {
        Self {
            events: Some(events),
            joiner: None,
            generated_tokens: 0,
        }
    }

    /// From now on `joiner` is taken out of every text.
    pub(crate) fn without(&mut self, joiner: Option<char>) {
        self.joiner = joiner;
    }

    /// Tokens, or chunks where a server sends several at once, given out so far.
    pub(crate) fn generated_tokens(&self) -> u32 {
        self.generated_tokens
    }

    pub(crate) fn token(&mut self, mut text: String, log_probability: Option<f32>) {
        self.generated_tokens += 1;
        if let Some(joiner) = self.joiner {
            text.retain(|character| character != joiner);
        }
        if let Some(events) = &mut self.events {
            events(Event::Token {
                text,
                log_probability,
            });
        }
    }

    pub(crate) fn cancelled(mut self) {
        let usage = Usage {
            generated_tokens: self.generated_tokens,
            ..Usage::default()
        };
        self.last(Event::Done {
            reason: StopReason::Cancelled,
            usage,
        });
    }

    pub(crate) fn end(mut self, end: Result<(StopReason, Usage), Failure>) {
        self.last(match end {
            Ok((reason, usage)) => Event::Done { reason, usage },
            Err(failure) => Event::Failed(failure),
        });
    }

    fn last(&mut self, event: Event) {
        if let Some(mut events) = self.events.take() {
            events(event);
        }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.last(Event::Failed(Failure::Gone));
    }
}

/// How a stream of chunks ended before its own end.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The connection ended, or sent what is no stream of events.
    Connection(String),
    /// The server reported this failure, or the reader of the chunks found it.
    Failed(Failure),
}

/// Reads the data of `response` event by event until `read` gives an end.
pub(crate) async fn follow<End>(
    response: reqwest::Response,
    mut read: impl FnMut(&str) -> Result<Option<End>, Failure>,
) -> Result<End, Broken> {
    let mut parser = SseParser::default();
    let mut bytes = response.bytes_stream();
    while let Some(chunk) = bytes.next().await {
        let chunk = chunk.map_err(|error| Broken::Connection(error.without_url().to_string()))?;
        let events = parser
            .push(&chunk)
            .map_err(|error| Broken::Connection(error.to_string()))?;
        for event in events {
            if let Some(end) = read(&event.data).map_err(Broken::Failed)? {
                return Ok(end);
            }
        }
    }
    if let Some(event) = parser.finish()
        && let Some(end) = read(&event.data).map_err(Broken::Failed)?
    {
        return Ok(end);
    }
    Err(Broken::Connection(
        "the stream ended before the answer did".to_owned(),
    ))
}
