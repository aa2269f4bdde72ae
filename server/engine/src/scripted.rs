//! An engine that answers from a script, for tests, and checks every request it gets.
//!
//! A script is data: rules tried in order, the first whose `when` occurs in the prompt answers.
//!
//! ```toml
//! [[reply]]
//! when = "def add"
//! tokens = ["return", " a", " + b"]
//!
//! [[reply]]
//! tokens = ["pass"]       # no `when`: answers whatever is left
//! hold_before = 0         # waits for `release` before token 0
//! ```

mod script;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::card::Description;
use crate::request::{Request, Segment};
use crate::response::{Event, Failure, StopReason, Usage};
use crate::{Engine, EventSink, State, Ticket};

pub use script::{Reply, Script};

/// An engine that answers from a [`Script`].
#[derive(Clone)]
pub struct ScriptedEngine {
    shared: Arc<Shared>,
}

struct Shared {
    script: Script,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    next_id: u64,
    /// Requests that wait for `release`, and those on a timer between two tokens.
    open: BTreeMap<u64, Run>,
    /// Requests whose next token is being given out at this moment, and whether they were cancelled since.
    in_hand: BTreeMap<u64, bool>,
    requests: Vec<Request>,
    complaints: Vec<String>,
}

struct Run {
    reply: Reply,
    next: usize,
    tokens_max: usize,
    log_probabilities: bool,
    /// Of all that was given out, together, and the least that is wanted.
    log_probability: f32,
    log_probability_min: Option<f32>,
    prompt_tokens: u32,
    released: bool,
    stop_texts: Vec<String>,
    text: String,
    events: EventSink,
}

impl ScriptedEngine {
    /// Makes an engine that answers from `script`.
    #[must_use]
    pub fn new(script: Script) -> Self {
        Self {
            shared: Arc::new(Shared {
                script,
                inner: Mutex::default(),
            }),
        }
    }

    /// Every request so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// What was wrong with the requests so far; tests assert that it is empty.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.shared.lock().complaints.clone()
    }

    /// How many requests have neither ended nor been cancelled.
    #[must_use]
    pub fn open_requests(&self) -> usize {
        let inner = self.shared.lock();
        inner.open.len() + inner.in_hand.len()
    }

    /// Lets every request that waits at a `hold_before` go on.
    pub fn release(&self) {
        let ids: Vec<u64> = self.shared.lock().open.keys().copied().collect();
        for id in ids {
            if let Some(run) = self.shared.lock().open.get_mut(&id) {
                run.released = true;
            }
            self.shared.play(id);
        }
    }
}

impl Engine for ScriptedEngine {
    fn description(&self) -> Description {
        self.shared.script.description.clone()
    }

    fn state(&self) -> State {
        State::Ready
    }

    fn submit(&self, request: Request, mut events: EventSink) -> Ticket {
        let prompt = flatten(&request);
        let complaints = check(&request, &self.shared.script.description);
        let reply = self
            .shared
            .script
            .reply
            .iter()
            .find(|reply| prompt.contains(&reply.when))
            .cloned();
        let mut inner = self.shared.lock();
        let id = inner.next_id;
        inner.next_id += 1;
        inner.requests.push(request.clone());
        inner.complaints.extend(complaints.iter().cloned());
        let problem = match (complaints.first(), &reply) {
            (Some(complaint), _) => Some(complaint.clone()),
            (None, None) => Some(format!("the script has no reply to {prompt:?}")),
            (None, Some(_)) => None,
        };
        let (None, Some(reply)) = (problem.clone(), reply) else {
            drop(inner);
            events(Event::Failed(Failure::Invalid(problem.unwrap_or_default())));
            return Ticket::new(|| {});
        };
        let delay = Duration::from_millis(reply.delay_milliseconds);
        inner.open.insert(
            id,
            Run {
                reply,
                next: 0,
                tokens_max: request.tokens_max as usize,
                log_probabilities: request.log_probabilities,
                log_probability: 0.0,
                log_probability_min: request.stop.log_probability_min,
                // The script knows no tokenizer; four bytes a token is a usual ratio for code.
                prompt_tokens: u32::try_from(prompt.len().div_ceil(4)).unwrap_or(u32::MAX),
                released: false,
                stop_texts: request.stop.texts,
                text: String::new(),
                events,
            },
        );
        drop(inner);
        self.shared.clone().start(id, delay);
        let shared = Arc::clone(&self.shared);
        Ticket::new(move || shared.cancel(id))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panicking sink poisons the lock; the state behind it stays whole.
        self.inner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn start(self: Arc<Self>, id: u64, delay: Duration) {
        if delay.is_zero() {
            self.play(id);
            return;
        }
        std::thread::spawn(move || {
            loop {
                std::thread::park_timeout(delay);
                if !self.step(id) {
                    break;
                }
            }
        });
    }

    /// Gives out tokens until the request ends or is held.
    fn play(&self, id: u64) {
        while self.step(id) {}
    }

    /// Gives out one token; false when the request has ended or is held.
    fn step(&self, id: u64) -> bool {
        let mut inner = self.lock();
        let Some(mut run) = inner.open.remove(&id) else {
            return false;
        };
        // Where no token is wanted there is none to wait for.
        let holds = run.reply.hold_before == Some(run.next) && run.next < run.tokens_max;
        if holds && !run.released {
            inner.open.insert(id, run);
            return false;
        }
        inner.in_hand.insert(id, false);
        // The sink is called without the lock, for it may drop the ticket.
        drop(inner);
        let ended = if run.next >= run.tokens_max {
            Some(StopReason::Length)
        } else if run.next == run.reply.tokens.len() {
            Some(StopReason::EndOfText)
        } else {
            run.give()
        };
        let mut inner = self.lock();
        let cancelled = inner.in_hand.remove(&id) == Some(true);
        let ended = if cancelled {
            Some(StopReason::Cancelled)
        } else {
            ended
        };
        let Some(reason) = ended else {
            inner.open.insert(id, run);
            return true;
        };
        drop(inner);
        run.end(reason);
        false
    }

    fn cancel(&self, id: u64) {
        let mut inner = self.lock();
        if let Some(cancelled) = inner.in_hand.get_mut(&id) {
            *cancelled = true;
        }
        let run = inner.open.remove(&id);
        drop(inner);
        if let Some(mut run) = run {
            run.end(StopReason::Cancelled);
        }
    }
}

impl Run {
    /// Gives out the next token, up to a stop text if one comes up.
    fn give(&mut self) -> Option<StopReason> {
        let token = self.reply.tokens[self.next].clone();
        let start = self.text.len();
        self.text.push_str(&token);
        let stop = self
            .stop_texts
            .iter()
            .filter_map(|stop| self.text.find(stop.as_str()).map(|at| (at, stop.clone())))
            .min();
        let text = match &stop {
            Some((at, _)) => token
                .get(..at.saturating_sub(start))
                .unwrap_or_default()
                .to_owned(),
            None => token,
        };
        let own = self.reply.log_probabilities.get(self.next).copied();
        let own = own.unwrap_or(self.reply.log_probability);
        self.log_probability += own;
        let log_probability = self.log_probabilities.then_some(own);
        self.next += 1;
        (self.events)(Event::Token {
            text,
            log_probability,
        });
        let too_unlikely = self
            .log_probability_min
            .is_some_and(|min| self.log_probability < min);
        stop.map(|(_, stop)| StopReason::StopText(stop))
            .or(too_unlikely.then_some(StopReason::Length))
    }

    fn end(&mut self, reason: StopReason) {
        let usage = Usage {
            prompt_tokens: self.prompt_tokens,
            evaluated_tokens: self.prompt_tokens,
            generated_tokens: u32::try_from(self.next).unwrap_or(u32::MAX),
            ..Usage::default()
        };
        (self.events)(Event::Done { reason, usage });
    }
}

/// The prompt as one text, special tokens by their text.
#[must_use]
pub fn flatten(request: &Request) -> String {
    request
        .prompt
        .iter()
        .map(|segment| match segment {
            Segment::Text(text) | Segment::Open(text) | Segment::Token(text) | Segment::Template(text) => {
                text.as_str()
            }
        })
        .collect()
}

/// What no request to any engine may be.
fn check(request: &Request, description: &Description) -> Vec<String> {
    let mut complaints = Vec::new();
    if request.prompt.is_empty() {
        complaints.push("the prompt is empty".to_owned());
    }
    for segment in &request.prompt {
        if let Segment::Token(token) = segment
            && token.is_empty()
        {
            complaints.push("a special token has no name".to_owned());
        }
    }
    if request.stop.texts.iter().any(String::is_empty) {
        complaints.push("a stop text is empty and would end every answer at once".to_owned());
    }
    let sampling = &request.sampling;
    if !(0.0..=2.0).contains(&sampling.temperature) || !(0.0..=1.0).contains(&sampling.top_p) {
        complaints.push(format!("the sampling is out of range: {sampling:?}"));
    }
    let context_tokens = description.context_tokens;
    if context_tokens > 0 && request.tokens_max > context_tokens {
        complaints.push(format!(
            "{} tokens were asked of a context of {context_tokens}",
            request.tokens_max
        ));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Reuse;
    use crate::{Lane, Sampling, StopConditions, generate};

    fn request(text: &str) -> Request {
        Request {
            prompt: vec![Segment::Text(text.to_owned())],
            sampling: Sampling::default(),
            stop: StopConditions::default(),
            lane: Lane::Typing,
            tokens_max: 8,
            log_probabilities: false,
            reuse: Reuse::Exact,
        }
    }

    #[test]
    fn the_first_rule_that_matches_answers() {
        let script = Script::parse(
            r#"
            [[reply]]
            when = "add"
            tokens = ["a", " + b"]
            [[reply]]
            tokens = ["pass"]
            "#,
        )
        .expect("the script is well formed");
        let engine = ScriptedEngine::new(script);
        assert_eq!(
            generate(&engine, request("def add")).expect("answered").text,
            "a + b"
        );
        assert_eq!(
            generate(&engine, request("def sub")).expect("answered").text,
            "pass"
        );
        assert_eq!(engine.complaints(), Vec::<String>::new());
    }

    #[test]
    fn a_stop_text_ends_the_answer_before_itself() {
        let engine = ScriptedEngine::new(Script::always(&["one\ntw", "o\n\nthree"]));
        let mut request = request("x");
        request.stop.texts = vec!["\n\n".to_owned()];
        let generation = generate(&engine, request).expect("answered");
        assert_eq!(generation.text, "one\ntwo");
        assert_eq!(generation.reason, StopReason::StopText("\n\n".to_owned()));
    }

    #[test]
    fn dropping_the_ticket_ends_a_held_request_as_cancelled() {
        let mut script = Script::always(&["never"]);
        script.reply[0].hold_before = Some(0);
        let engine = ScriptedEngine::new(script);
        let (sender, receiver) = std::sync::mpsc::channel();
        let ticket = engine.submit(
            request("x"),
            Box::new(move |event| sender.send(event).expect("open")),
        );
        assert_eq!(engine.open_requests(), 1);
        drop(ticket);
        let events: Vec<Event> = receiver.into_iter().collect();
        assert!(matches!(
            events.as_slice(),
            [Event::Done {
                reason: StopReason::Cancelled,
                ..
            }]
        ));
        assert_eq!(engine.open_requests(), 0);
    }

    #[test]
    fn cancelling_while_a_token_is_given_out_ends_the_request() {
        let engine = ScriptedEngine::new(Script::always(&["one", "two", "three"]));
        let inside = engine.clone();
        let (sender, receiver) = std::sync::mpsc::channel();
        engine
            .submit(
                request("x"),
                Box::new(move |event| {
                    if matches!(event, Event::Token { .. }) {
                        // What dropping the ticket does, in the middle of a token.
                        inside.shared.cancel(0);
                    }
                    sender.send(event).expect("open");
                }),
            )
            .detach();
        let events: Vec<Event> = receiver.into_iter().collect();
        let one = Event::Token {
            text: "one".to_owned(),
            log_probability: None,
        };
        let cancelled = |event: &Event| {
            matches!(
                event,
                Event::Done {
                    reason: StopReason::Cancelled,
                    ..
                }
            )
        };
        assert!(
            matches!(events.as_slice(), [first, last] if *first == one && cancelled(last)),
            "{events:?}"
        );
        assert_eq!(engine.open_requests(), 0);
    }

    #[test]
    fn a_request_that_no_engine_may_get_is_refused_and_recorded() {
        let engine = ScriptedEngine::new(Script::always(&["x"]));
        let mut wrong = request("x");
        wrong.prompt.clear();
        let failure = generate(&engine, wrong).expect_err("refused");
        assert_eq!(failure, Failure::Invalid("the prompt is empty".to_owned()));
        assert_eq!(engine.complaints(), ["the prompt is empty"]);
    }
}
