//! How fast an engine is, by one short request.

use std::fmt::Write as _;

use engine::{Engine, Failure, Lane, Request, Sampling, Segment, StopConditions};
use serde::Serialize;

/// Lines of the prompt: about two hundred tokens, enough for a rate and a matter of seconds on any machine.
const PROMPT_LINES: u32 = 16;

/// Tokens to generate.
const GENERATED_TOKENS: u32 = 24;

/// How fast an engine is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Speed {
    /// Tokens of a prompt per second.
    pub prompt_tokens_per_second: f64,
    /// Tokens generated per second.
    pub generated_tokens_per_second: f64,
}

/// Measures `engine`; `salt` makes the prompt one that no cache holds.
pub fn measure(engine: &dyn Engine, salt: u128) -> Result<Speed, Failure> {
    let mut prompt = String::new();
    for line in 0..PROMPT_LINES {
        // Writing to a string cannot fail.
        let _written = writeln!(prompt, "let value_{line} = measure({salt}, {line});");
    }
    let request = Request {
        prompt: vec![Segment::Text(prompt)],
        sampling: Sampling::default(),
        stop: StopConditions::default(),
        lane: Lane::Agent,
        tokens_max: GENERATED_TOKENS,
        log_probabilities: false,
    };
    let usage = engine::generate(engine, request)?.usage;
    Ok(Speed {
        prompt_tokens_per_second: rate(usage.evaluated_tokens, usage.prompt_milliseconds),
        generated_tokens_per_second: rate(usage.generated_tokens, usage.generation_milliseconds),
    })
}

/// Tokens per second; zero where no time was told.
fn rate(tokens: u32, milliseconds: f64) -> f64 {
    if milliseconds > 0.0 {
        f64::from(tokens) * 1000.0 / milliseconds
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use engine::scripted::{Script, ScriptedEngine};

    use super::*;

    #[test]
    fn an_engine_is_asked_once_and_validly() {
        let engine = ScriptedEngine::new(Script::always(&["x", "y"]));
        let speed = measure(&engine, 7).expect("answered");
        assert_eq!(
            speed,
            Speed {
                prompt_tokens_per_second: 0.0,
                generated_tokens_per_second: 0.0
            }
        );
        assert_eq!((engine.requests().len(), engine.complaints()), (1, Vec::new()));
        assert_eq!(rate(50, 250.0), 200.0);
    }
}
