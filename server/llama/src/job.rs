//! One request while it is served.

use std::sync::Arc;
use std::time::Instant;

use engine::{Event, EventSink, Failure, Lane, Reuse, StopReason, Usage};

use crate::cache::Assigned;
use crate::ffi::Token;
use crate::ffi::grammar::Grammar;
use crate::ffi::vocabulary::Vocabulary;
use crate::inbox::Submission;
use crate::output::{Output, Piece};
use crate::prompt::{Prompt, Tokeniser};
use crate::sampling::Sampler;

/// One request while it is served. However it goes away, its events end with exactly one ending.
pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) lane: Lane,
    pub(crate) reuse: Reuse,
    /// The prompt, then what was generated.
    pub(crate) tokens: Vec<Token>,
    pub(crate) prompt_tokens: usize,
    /// The sequence of the cache that it has now.
    pub(crate) slot: Option<usize>,
    /// Waits until another request has ended, because both do not fit into the cache.
    pub(crate) parked: bool,
    tokens_max: usize,
    stop_tokens: Vec<Token>,
    log_probabilities: bool,
    /// Of all that was generated, together, and the least that is wanted.
    log_probability: f32,
    log_probability_min: Option<f32>,
    sampler: Sampler,
    output: Output,
    usage: Usage,
    submitted: Instant,
    /// How much of the prompt has been in the cache; what is evaluated again does not count.
    reached: usize,
    /// Whether the first sequence was given; later ones, after an eviction, do not count as reuse.
    started: bool,
    /// `None` once it has ended.
    events: Option<EventSink>,
}

/// Whether a request goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Continue,
    Ended,
}

impl Job {
    /// Makes a job of a submission; `None` if it had to fail, which it then has.
    pub(crate) fn new(submission: Submission, tokeniser: &Tokeniser, context_tokens: u32) -> Option<Self> {
        let Submission {
            id,
            request,
            mut events,
            submitted,
        } = submission;
        let prepared = prepare(&request, tokeniser, context_tokens);
        let (prompt, grammar) = match prepared {
            Ok(prepared) => prepared,
            Err(failure) => {
                events(Event::Failed(failure));
                return None;
            }
        };
        let vocabulary = tokeniser.vocabulary();
        let stop_tokens = request
            .stop
            .tokens
            .iter()
            .filter_map(|name| vocabulary.special(name))
            .collect();
        let Prompt { tokens, given_back } = prompt;
        let prompt_tokens = tokens.len();
        let mut sampler = Sampler::new(request.sampling, grammar);
        sampler.heal(Arc::clone(tokeniser.lexicon()), given_back);
        Some(Self {
            id,
            lane: request.lane,
            reuse: request.reuse,
            prompt_tokens,
            tokens,
            slot: None,
            parked: false,
            tokens_max: request.tokens_max as usize,
            stop_tokens,
            log_probabilities: request.log_probabilities,
            log_probability: 0.0,
            log_probability_min: request.stop.log_probability_min,
            sampler,
            output: Output::new(request.stop.texts),
            usage: Usage {
                prompt_tokens: count(prompt_tokens),
                ..Usage::default()
            },
            submitted,
            reached: 0,
            started: false,
            events: Some(events),
        })
    }

    /// How many of its first tokens may come from the cache: all but the last, whose logits are wanted.
    pub(crate) fn keep_max(&self) -> usize {
        if self.tokens_max == 0 {
            self.tokens.len()
        } else {
            self.tokens.len() - 1
        }
    }

    /// Whether it only waits for tokens of its prompt to be evaluated.
    pub(crate) fn only_evaluates(&self) -> bool {
        self.tokens_max == 0
    }

    /// Begins with what the cache has for it.
    pub(crate) fn start(&mut self, assigned: Assigned) {
        self.slot = Some(assigned.slot);
        if !self.started {
            self.started = true;
            self.usage.reused_tokens = count(assigned.reused);
            self.usage.moved_tokens = count(assigned.moved);
            self.usage.queue_milliseconds = milliseconds(self.submitted);
        }
    }

    /// Learns that its tokens from `before` to `end` were evaluated by a decode of `took` milliseconds,
    /// and that its cache now holds `cached` of them.
    pub(crate) fn decoded(&mut self, before: usize, end: usize, cached: usize, took: f64) {
        if before < self.prompt_tokens {
            self.usage.prompt_milliseconds += took;
        } else {
            self.usage.generation_milliseconds += took;
        }
        let new = end
            .min(self.prompt_tokens)
            .saturating_sub(before.max(self.reached));
        let open = self.usage.prompt_tokens - self.usage.reused_tokens;
        self.usage.evaluated_tokens = (self.usage.evaluated_tokens + count(new)).min(open);
        self.reached = self.reached.max(cached);
    }

    /// Takes the next token from `logits`.
    pub(crate) fn generate(&mut self, logits: &[f32], vocabulary: &Vocabulary) -> Step {
        let ends = |token| vocabulary.ends_generation(token) || self.stop_tokens.contains(&token);
        let Some(token) = self.sampler.choose(logits, &ends) else {
            return self.end(StopReason::EndOfText);
        };
        if ends(token) {
            return self.end(StopReason::EndOfText);
        }
        let is_known = self.log_probabilities || self.log_probability_min.is_some();
        let log_probability = is_known.then(|| self.sampler.log_probability(logits, token));
        let mut bytes = Vec::new();
        vocabulary.append_piece(token, false, &mut bytes);
        let Some(known) = self.sampler.accept(token, &bytes) else {
            return self.end(StopReason::EndOfText);
        };
        self.log_probability += log_probability.unwrap_or_default();
        self.tokens.push(token);
        self.usage.generated_tokens += 1;
        let (pieces, stop) = self.output.push(&bytes[known..], log_probability);
        self.give(pieces);
        if let Some(stop) = stop {
            return self.end(StopReason::StopText(stop));
        }
        let is_unlikely = self
            .log_probability_min
            .is_some_and(|min| self.log_probability < min);
        if is_unlikely || self.tokens.len() - self.prompt_tokens >= self.tokens_max {
            return self.end(StopReason::Length);
        }
        Step::Continue
    }

    /// Ends it, for this reason; what was held back is given out first.
    pub(crate) fn end(&mut self, reason: StopReason) -> Step {
        // A cancelled request has nobody to read the rest.
        if reason != StopReason::Cancelled {
            let pieces = self.output.finish();
            self.give(pieces);
        }
        if !self.started {
            self.usage.queue_milliseconds = milliseconds(self.submitted);
        }
        let usage = self.usage;
        self.last(Event::Done { reason, usage });
        Step::Ended
    }

    /// Ends it with a failure.
    pub(crate) fn fail(&mut self, failure: Failure) {
        self.last(Event::Failed(failure));
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    fn give(&mut self, pieces: Vec<Piece>) {
        let Some(events) = &mut self.events else { return };
        for Piece {
            text,
            log_probability,
        } in pieces
        {
            events(Event::Token {
                text,
                log_probability,
            });
        }
    }

    fn last(&mut self, event: Event) {
        if let Some(mut events) = self.events.take() {
            events(event);
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.last(Event::Failed(Failure::Gone));
    }
}

/// Checks a request and turns it into tokens.
fn prepare(
    request: &engine::Request,
    tokeniser: &Tokeniser,
    context_tokens: u32,
) -> Result<(Prompt, Option<Grammar>), Failure> {
    Sampler::check(&request.sampling).map_err(Failure::Invalid)?;
    if request.stop.texts.iter().any(String::is_empty) {
        return Err(Failure::Invalid(
            "a stop text is empty and would end every answer at once".to_owned(),
        ));
    }
    // A grammar says what comes behind the prompt, and nothing of what was given back; a prompt that is only
    // evaluated has the tokens that the next one will have.
    let heal = request.sampling.grammar.is_none();
    let prompt = tokeniser.prompt(&request.prompt, context_tokens, heal)?;
    // A prompt that fills the context leaves no place for the first token.
    let room = context_tokens as usize - usize::from(request.tokens_max > 0).min(context_tokens as usize);
    if prompt.tokens.len() > room {
        return Err(Failure::PromptTooLong {
            prompt_tokens: count(prompt.tokens.len()),
            context_tokens,
        });
    }
    let grammar = match &request.sampling.grammar {
        Some(text) => {
            let grammar = Grammar::new(tokeniser.vocabulary(), text);
            Some(grammar.map_err(|error| Failure::Invalid(error.to_string()))?)
        }
        None => None,
    };
    Ok((prompt, grammar))
}

fn count(tokens: usize) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
