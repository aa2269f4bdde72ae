//! What the engine has done so far, in the text format of Prometheus.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engine::{Event, Lane, StopReason, Usage};
use remote::wire::EndedRequest;

/// So many ended requests are remembered one by one.
const ENDED_KEPT: usize = 1024;

/// What the engine has done so far.
#[derive(Default)]
pub struct Metrics {
    keeps_texts: bool,
    counts: Mutex<Counts>,
}

/// A request that has not ended.
pub struct OpenRequest {
    lane: Lane,
    begun: Duration,
    said: Mutex<Said>,
}

/// What came of a request so far.
#[derive(Default)]
struct Said {
    bytes: u64,
    /// If it is kept.
    text: Option<String>,
}

#[derive(Default)]
struct Counts {
    open: BTreeMap<Lane, i64>,
    ended: VecDeque<EndedRequest>,
    ended_count: u64,
    ends: BTreeMap<(Lane, &'static str), u64>,
    evaluated_tokens: u64,
    reused_tokens: u64,
    generated_tokens: u64,
    queue_milliseconds: f64,
    prompt_milliseconds: f64,
    generation_milliseconds: f64,
}

impl Metrics {
    /// Nothing so far; `keeps_texts` says whether of ended requests the text is remembered, too.
    pub fn new(keeps_texts: bool) -> Self {
        Self {
            keeps_texts,
            counts: Mutex::default(),
        }
    }

    /// A request in `lane` was taken on, at the time `now` since 1970.
    pub fn begin(&self, lane: Lane, now: Duration) -> OpenRequest {
        self.change(|counts| *counts.open.entry(lane).or_default() += 1);
        OpenRequest {
            lane,
            begun: now,
            said: Mutex::new(Said {
                bytes: 0,
                text: self.keeps_texts.then(String::new),
            }),
        }
    }

    /// Something happened to `request` at the time `now` since 1970; its last event counts it.
    pub fn record(&self, request: &OpenRequest, event: &Event, now: Duration) {
        let lane = request.lane;
        let (end, usage) = match event {
            Event::Token { text, .. } => {
                let mut said = request.said.lock().unwrap_or_else(PoisonError::into_inner);
                said.bytes += text.len() as u64;
                if let Some(kept) = &mut said.text {
                    kept.push_str(text);
                }
                return;
            }
            Event::Done { reason, usage } => (end_name(reason), *usage),
            Event::Failed(_) => ("failed", Usage::default()),
        };
        let said = request.said.lock().unwrap_or_else(PoisonError::into_inner);
        self.change(|counts| {
            *counts.open.entry(lane).or_default() -= 1;
            *counts.ends.entry((lane, end)).or_default() += 1;
            counts.evaluated_tokens += u64::from(usage.evaluated_tokens);
            counts.reused_tokens += u64::from(usage.reused_tokens);
            counts.generated_tokens += u64::from(usage.generated_tokens);
            counts.queue_milliseconds += usage.queue_milliseconds;
            counts.prompt_milliseconds += usage.prompt_milliseconds;
            counts.generation_milliseconds += usage.generation_milliseconds;
            if counts.ended.len() == ENDED_KEPT {
                counts.ended.pop_front();
            }
            counts.ended_count += 1;
            counts.ended.push_back(EndedRequest {
                number: counts.ended_count,
                lane,
                end: end.to_owned(),
                begun_microseconds: microseconds(request.begun),
                ended_microseconds: microseconds(now),
                text_bytes: said.bytes,
                text: said.text.clone(),
                usage,
            });
        });
    }

    /// The requests that ended last, oldest first.
    pub fn ended(&self) -> Vec<EndedRequest> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.ended.iter().cloned().collect()
    }

    /// All of it as text.
    pub fn text(&self) -> String {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, f64)]| {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "# HELP freehold_{name} {help}\n# TYPE freehold_{name} {kind}"
            );
            for (labels, value) in samples {
                let _ = writeln!(text, "freehold_{name}{labels} {value}");
            }
        };
        let ends: Vec<_> = counts
            .ends
            .iter()
            .map(|((lane, end), count)| {
                (
                    format!("{{lane=\"{}\",end=\"{end}\"}}", lane_name(*lane)),
                    precise(*count),
                )
            })
            .collect();
        family("requests_total", "counter", "Requests that have ended.", &ends);
        let open: Vec<_> = [Lane::Typing, Lane::Agent, Lane::Idle]
            .into_iter()
            .map(|lane| {
                let open = counts.open.get(&lane).copied().unwrap_or_default().max(0);
                (
                    format!("{{lane=\"{}\"}}", lane_name(lane)),
                    precise(open.unsigned_abs()),
                )
            })
            .collect();
        family(
            "requests_open",
            "gauge",
            "Requests that wait or are being answered.",
            &open,
        );
        let prompt = [
            (
                "{source=\"evaluated\"}".to_owned(),
                precise(counts.evaluated_tokens),
            ),
            ("{source=\"reused\"}".to_owned(), precise(counts.reused_tokens)),
        ];
        family("prompt_tokens_total", "counter", "Tokens of prompts.", &prompt);
        let generated = [(String::new(), precise(counts.generated_tokens))];
        family(
            "generated_tokens_total",
            "counter",
            "Tokens generated.",
            &generated,
        );
        let phases = [
            ("{phase=\"queue\"}".to_owned(), counts.queue_milliseconds / 1000.0),
            (
                "{phase=\"prompt\"}".to_owned(),
                counts.prompt_milliseconds / 1000.0,
            ),
            (
                "{phase=\"generation\"}".to_owned(),
                counts.generation_milliseconds / 1000.0,
            ),
        ];
        family(
            "seconds_total",
            "counter",
            "Time that requests spent in each phase.",
            &phases,
        );
        text
    }

    fn change(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Counts stay far below 2^53, where `f64` is exact.
fn precise(count: u64) -> f64 {
    count as f64
}

fn lane_name(lane: Lane) -> &'static str {
    match lane {
        Lane::Typing => "typing",
        Lane::Agent => "agent",
        Lane::Idle => "idle",
    }
}

fn end_name(reason: &StopReason) -> &'static str {
    match reason {
        StopReason::EndOfText => "end_of_text",
        StopReason::StopText(_) => "stop_text",
        StopReason::Length => "length",
        StopReason::Cancelled => "cancelled",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_remembered_only_where_that_is_wanted() {
        for (keeps_texts, expected) in [(false, None), (true, Some("a + b"))] {
            let metrics = Metrics::new(keeps_texts);
            let request = metrics.begin(Lane::Typing, Duration::ZERO);
            for text in ["a", " + b"] {
                let token = Event::Token {
                    text: text.to_owned(),
                    log_probability: None,
                };
                metrics.record(&request, &token, Duration::ZERO);
            }
            let done = Event::Done {
                reason: StopReason::EndOfText,
                usage: Usage::default(),
            };
            metrics.record(&request, &done, Duration::ZERO);
            let ended = metrics.ended();
            assert_eq!((ended[0].text_bytes, ended[0].text.as_deref()), (5, expected));
        }
    }
}
