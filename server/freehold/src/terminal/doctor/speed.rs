//! How fast an engine is, by one short request.

use std::fmt::Write as _;

use engine::{Engine, Failure, Lane, Request, Reuse, Sampling, Segment, StopConditions};
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

/// Measures `engine`; `salt` makes the prompt one that no cache holds. None if the engine does not say how
/// long it took, as servers elsewhere do not.
pub fn measure(engine: &dyn Engine, salt: u128) -> Result<Option<Speed>, Failure> {
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
        reuse: Reuse::Exact,
    };
    let usage = engine::generate(engine, request)?.usage;
    let prompt = rate(usage.evaluated_tokens, usage.prompt_milliseconds);
    let generated = rate(usage.generated_tokens, usage.generation_milliseconds);
    Ok(prompt.zip(generated).map(|(prompt, generated)| Speed {
        prompt_tokens_per_second: prompt,
        generated_tokens_per_second: generated,
    }))
}

/// Tokens per second, if a time was told.
fn rate(tokens: u32, milliseconds: f64) -> Option<f64> {
    (milliseconds > 0.0).then(|| f64::from(tokens) * 1000.0 / milliseconds)
}

#[cfg(test)]
mod tests {
    use engine::scripted::{Script, ScriptedEngine};

    use super::*;

    #[test]
    fn an_engine_is_asked_once_and_validly() {
        let engine = ScriptedEngine::new(Script::always(&["x", "y"]));
        let speed = measure(&engine, 7).expect("answered");
        assert_eq!(speed, None);
        assert_eq!((engine.requests().len(), engine.complaints()), (1, Vec::new()));
        assert_eq!((rate(50, 250.0), rate(50, 0.0)), (Some(200.0), None));
    }
}
