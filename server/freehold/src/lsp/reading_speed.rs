//! How fast the model reads here, and so how much of a new place it is shown before it may say something.
//!
//! A machine with a graphics card reads hundreds of lines at a blink; two cores with a model of 1.5 billion parameters
//! take ten seconds for a thousand tokens, in which nobody gets a suggestion.

use engine::Usage;

/// For so long somebody may wait for the model to read a place.
const READING_SECONDS_MAX: f64 = 0.8;

/// Fewer tokens say too little of a place to be worth a suggestion.
const FIRST_TOKENS_MIN: u32 = 120;

/// What is measured changes a little every time; the window must not.
const STEP_TOKENS: u32 = 48;

/// Fewer tokens were no measurement: markers and a few words cost what the way through the model costs.
const MEASURED_TOKENS_MIN: u32 = 32;

/// The weight of the newest measurement.
const NEWEST: f64 = 0.25;

/// How fast the model reads, as far as is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadingSpeed {
    tokens_per_second: Option<f64>,
}

impl ReadingSpeed {
    /// Learns what reading a prompt took, if the engine says so.
    pub fn record(&mut self, usage: &Usage) {
        let seconds = usage.prompt_milliseconds / 1000.0;
        if usage.evaluated_tokens < MEASURED_TOKENS_MIN || !seconds.is_finite() || seconds <= 0.0 {
            return;
        }
        let newest = f64::from(usage.evaluated_tokens) / seconds;
        self.tokens_per_second = Some(match self.tokens_per_second {
            Some(before) => before + (newest - before) * NEWEST,
            None => newest,
        });
    }

    /// Tokens around the cursor that can be read at a new place while somebody waits; nothing while that is not known.
    #[must_use]
    pub fn first_tokens_max(&self) -> Option<u32> {
        // What does not fit is a number beyond every window.
        let tokens = (self.tokens_per_second? * READING_SECONDS_MAX) as u32;
        Some((tokens / STEP_TOKENS * STEP_TOKENS).max(FIRST_TOKENS_MIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_within_the_time_that_somebody_waits() {
        let cases = [
            // Tokens, milliseconds, what is read first.
            (&[(256, 1000.0)][..], Some(192)),
            (&[(100, 1000.0)], Some(120)),
            (&[(1000, 100.0)], Some(7968)),
            // Slowly, a machine that became slower is believed.
            (&[(384, 1000.0), (192, 1000.0)], Some(240)),
            // No measurement.
            (&[], None),
            (&[(3, 90.0)], None),
            (&[(300, 0.0)], None),
            (&[(300, f64::NAN)], None),
        ];
        for (measured, expected) in cases {
            let mut speed = ReadingSpeed::default();
            for &(evaluated_tokens, prompt_milliseconds) in measured {
                speed.record(&Usage {
                    evaluated_tokens,
                    prompt_milliseconds,
                    ..Usage::default()
                });
            }
            assert_eq!(speed.first_tokens_max(), expected, "{measured:?}");
        }
    }
}
