//! How much of a prompt is evaluated at once.
//!
//! A key stops what is being decoded, and what was decoded of a chunk is lost then. So a chunk must be done
//! well within the time between two keys, or a long prompt would never be read while somebody types on; and
//! the longer a chunk, the less each of its tokens costs.

use engine::Lane;

/// What a chunk may take while somebody types: fast typists strike a key every 90 milliseconds.
const CHUNK_MILLISECONDS: f64 = 60.0;
/// Tokens of a chunk while nothing was measured yet, and at least: fewer cost hardly less.
const CHUNK_TOKENS_MIN: usize = 16;
/// Tokens of a chunk at most while somebody types.
const CHUNK_TOKENS_MAX: usize = 128;
/// The same for who does not type: no key takes the work back, it only waits for the chunk's next operation.
const CHUNK_TOKENS_AGENT: usize = 128;
/// The same for what is read whatever is typed: no key stops it, a cursor that goes elsewhere does.
const CHUNK_TOKENS_READ: usize = 64;
/// The weight of the newest measurement.
const NEWEST: f64 = 0.25;

/// How long a token of a prompt takes, learnt as it goes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    token_milliseconds: Option<f64>,
}

impl Pace {
    /// Tokens to evaluate at once for `lane`, for a request that `only_evaluates` or one that generates.
    #[must_use]
    pub fn chunk_tokens(&self, lane: Lane, only_evaluates: bool) -> usize {
        if lane == Lane::Agent {
            return CHUNK_TOKENS_AGENT;
        }
        if lane == Lane::Typing && only_evaluates {
            return CHUNK_TOKENS_READ;
        }
        let fitting = self
            .token_milliseconds
            .map_or(CHUNK_TOKENS_MIN, |token| (CHUNK_MILLISECONDS / token) as usize);
        fitting.clamp(CHUNK_TOKENS_MIN, CHUNK_TOKENS_MAX)
    }

    /// Learns that `tokens` tokens took `milliseconds`; short batches say nothing about long ones.
    pub fn record(&mut self, tokens: usize, milliseconds: f64) {
        if tokens < CHUNK_TOKENS_MIN / 2 || !milliseconds.is_finite() || milliseconds <= 0.0 {
            return;
        }
        let newest = milliseconds / tokens as f64;
        self.token_milliseconds = Some(match self.token_milliseconds {
            Some(before) => before + (newest - before) * NEWEST,
            None => newest,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chunk after many batches of `tokens` tokens that took `milliseconds` each.
    fn chunk(tokens: usize, milliseconds: f64) -> usize {
        let mut pace = Pace::default();
        (0..100).for_each(|_| pace.record(tokens, milliseconds));
        pace.chunk_tokens(Lane::Typing, false)
    }

    #[test]
    fn a_chunk_is_done_between_two_keys() {
        assert_eq!(chunk(32, 64.0), 30);
        assert_eq!(chunk(64, 1000.0), CHUNK_TOKENS_MIN);
        assert_eq!(chunk(64, 1.0), CHUNK_TOKENS_MAX);
    }

    #[test]
    fn short_batches_and_nonsense_teach_nothing() {
        assert_eq!(chunk(1, 30.0), Pace::default().chunk_tokens(Lane::Typing, false));
        assert_eq!(chunk(64, f64::NAN), CHUNK_TOKENS_MIN);
        assert_eq!(chunk(64, 0.0), CHUNK_TOKENS_MIN);
    }
}
