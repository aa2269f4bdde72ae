//! Which token comes next.

use std::sync::Arc;

use engine::Sampling;

use crate::ffi::Token;
use crate::ffi::grammar::Grammar;
use crate::healing::Lexicon;

/// Chooses tokens for one request.
#[derive(Debug)]
pub struct Sampler {
    settings: Sampling,
    grammar: Option<Grammar>,
    healing: Option<Healing>,
    /// Which of the best tokens comes next, once.
    rank: usize,
    random: Random,
    /// Kept between tokens for its memory.
    candidates: Vec<(Token, f32)>,
}

/// What was given back and is still to be written again.
#[derive(Debug)]
struct Healing {
    lexicon: Arc<Lexicon>,
    rest: Vec<u8>,
}

impl Sampler {
    /// A sampler with `settings`; `grammar` is what [`Sampling::grammar`] says.
    #[must_use]
    pub fn new(settings: Sampling, grammar: Option<Grammar>) -> Self {
        let random = Random(u64::from(settings.seed));
        Self {
            rank: settings.first_token_rank as usize,
            settings,
            grammar,
            healing: None,
            random,
            candidates: Vec::new(),
        }
    }

    /// What is wrong with `settings`, said for a person.
    ///
    /// # Errors
    /// Gives the first value that is out of its range.
    pub fn check(settings: &Sampling) -> Result<(), String> {
        let ranges = [
            ("temperature", settings.temperature, 2.0),
            ("top_p", settings.top_p, 1.0),
            ("min_p", settings.min_p, 1.0),
        ];
        for (name, value, max) in ranges {
            if !(0.0..=max).contains(&value) {
                return Err(format!("{name} is {value} and must lie between 0 and {max}"));
            }
        }
        Ok(())
    }

    /// Holds what comes first to these bytes.
    pub fn heal(&mut self, lexicon: Arc<Lexicon>, rest: Vec<u8>) {
        self.healing = (!rest.is_empty()).then_some(Healing { lexicon, rest });
    }

    /// Chooses the next token; `None` if none may follow. `ends` tells the tokens that end a generation,
    /// which are no alternatives to a text.
    pub fn choose(&mut self, logits: &[f32], ends: &dyn Fn(Token) -> bool) -> Option<Token> {
        if self.healing.is_some() {
            return self.choose_healing(logits);
        }
        if self.rank > 0 {
            self.fill(logits);
            self.candidates.retain(|(token, _)| !ends(*token));
            return self.take_rank();
        }
        // A grammar usually agrees with the model: ask it about the choice before asking about everything.
        if self.settings.temperature == 0.0 {
            let best = most_likely(
                logits
                    .iter()
                    .copied()
                    .zip(0..)
                    .map(|(logit, token)| (token, logit)),
            )?;
            if self.grammar.as_mut().is_none_or(|grammar| grammar.allows(best)) {
                return Some(best);
            }
            self.fill(logits);
            return most_likely(self.candidates.iter().copied());
        }
        self.candidates.clear();
        self.candidates.extend(
            (0..)
                .zip(logits.iter().copied())
                .filter(|(_, logit)| logit.is_finite()),
        );
        let choice = self.draw()?;
        if self.grammar.as_mut().is_none_or(|grammar| grammar.allows(choice)) {
            return Some(choice);
        }
        self.fill(logits);
        self.draw()
    }

    /// Chooses among the tokens that agree with what was given back.
    fn choose_healing(&mut self, logits: &[f32]) -> Option<Token> {
        let healing = self.healing.as_ref()?;
        let logit = |token: Token| logits.get(usize::try_from(token).ok()?).copied();
        let agreeing = healing.lexicon.agreeing(&healing.rest);
        let agreeing = agreeing
            .filter_map(|(token, length)| Some((token, logit(token)?, length)))
            .filter(|(_, logit, _)| logit.is_finite());
        if self.rank == 0 && self.settings.temperature == 0.0 {
            return most_likely(agreeing.map(|(token, logit, _)| (token, logit)));
        }
        self.candidates.clear();
        let mut best: Option<(f32, usize)> = None;
        let mut new = Vec::new();
        for (token, logit, length) in agreeing {
            self.candidates.push((token, logit));
            if self.rank > 0 && length > healing.rest.len() {
                new.push((token, logit));
            }
            if best.is_none_or(|(highest, _)| logit > highest) {
                best = Some((logit, length));
            }
        }
        // An alternative differs from the first token on that says something new.
        if self.rank > 0 && best.is_some_and(|(_, length)| length > healing.rest.len()) {
            self.candidates = new;
            return self.take_rank();
        }
        if self.settings.temperature == 0.0 {
            return most_likely(self.candidates.iter().copied());
        }
        self.draw()
    }

    /// The natural logarithm of the probability of `token`, which is not accepted yet, under the untouched distribution.
    /// While something is written again: among the tokens that agree with it, for what stands there is no guess.
    #[must_use]
    pub fn log_probability(&self, logits: &[f32], token: Token) -> f32 {
        let Some(healing) = &self.healing else {
            return log_probability(logits, token);
        };
        let logit = |token: Token| logits.get(usize::try_from(token).ok()?).copied();
        let agreeing = healing.lexicon.agreeing(&healing.rest);
        let agreeing: Vec<f32> = agreeing.filter_map(|(token, _)| logit(token)).collect();
        log_share(logit(token), agreeing.iter().copied())
    }

    /// The candidate of the rank that is asked for, or the last if there are fewer.
    fn take_rank(&mut self) -> Option<Token> {
        let rank = std::mem::take(&mut self.rank).min(self.candidates.len().checked_sub(1)?);
        let order =
            |left: &(Token, f32), right: &(Token, f32)| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0));
        let (_, chosen, _) = self.candidates.select_nth_unstable_by(rank, order);
        Some(chosen.0)
    }

    /// Goes on after `token`, which stands for `piece` and does not end the generation. Gives how many of
    /// its bytes were there already; `None` if the grammar refuses it.
    pub fn accept(&mut self, token: Token, piece: &[u8]) -> Option<usize> {
        if let Some(grammar) = &mut self.grammar
            && grammar.accept(token).is_err()
        {
            return None;
        }
        let Some(healing) = &mut self.healing else {
            return Some(0);
        };
        let known = healing.rest.len().min(piece.len());
        healing.rest.drain(..known);
        if healing.rest.is_empty() {
            self.healing = None;
        }
        Some(known)
    }

    /// Takes every token that the grammar allows as a candidate.
    fn fill(&mut self, logits: &[f32]) {
        self.candidates.clear();
        self.candidates.extend((0..).zip(logits.iter().copied()));
        if let Some(grammar) = &mut self.grammar {
            grammar.filter(&mut self.candidates);
        }
        self.candidates.retain(|(_, logit)| logit.is_finite());
    }

    /// Draws one of the candidates by the settings, in the order that llama.cpp uses: top-k, top-p,
    /// min-p, temperature.
    fn draw(&mut self) -> Option<Token> {
        let candidates = &mut self.candidates;
        let top_k = self.settings.top_k as usize;
        if top_k > 0 && top_k < candidates.len() {
            candidates.select_nth_unstable_by(top_k - 1, |left, right| right.1.total_cmp(&left.1));
            candidates.truncate(top_k);
        }
        if self.settings.top_p < 1.0 {
            keep_top_p(candidates, self.settings.top_p);
        }
        let highest = candidates
            .iter()
            .map(|(_, logit)| *logit)
            .max_by(f32::total_cmp)?;
        if self.settings.min_p > 0.0 {
            let lowest = highest + self.settings.min_p.ln();
            candidates.retain(|(_, logit)| *logit >= lowest);
        }
        let temperature = f64::from(self.settings.temperature);
        let weight = |logit: f32| (f64::from(logit - highest) / temperature).exp();
        let total: f64 = candidates.iter().map(|(_, logit)| weight(*logit)).sum();
        let mut point = self.random.next() * total;
        for (token, logit) in candidates.iter() {
            point -= weight(*logit);
            if point < 0.0 {
                return Some(*token);
            }
        }
        // Rounding left a little over.
        candidates.last().map(|(token, _)| *token)
    }
}

/// Keeps the most likely candidates that together reach the share `top_p`, at least one.
fn keep_top_p(candidates: &mut Vec<(Token, f32)>, top_p: f32) {
    let Some(highest) = candidates.iter().map(|(_, logit)| *logit).max_by(f32::total_cmp) else {
        return;
    };
    let weight = |logit: f32| f64::from(logit - highest).exp();
    let total: f64 = candidates.iter().map(|(_, logit)| weight(*logit)).sum();
    let wanted = total * f64::from(top_p);
    // Nearly always a few tokens suffice; sorting all of a large vocabulary takes milliseconds.
    let sort = |slice: &mut [(Token, f32)]| slice.sort_unstable_by(|left, right| right.1.total_cmp(&left.1));
    let mut sorted = 256.min(candidates.len());
    loop {
        if sorted < candidates.len() {
            candidates.select_nth_unstable_by(sorted - 1, |left, right| right.1.total_cmp(&left.1));
        }
        sort(&mut candidates[..sorted]);
        let mut sum = 0.0;
        let reached = candidates[..sorted].iter().position(|(_, logit)| {
            sum += weight(*logit);
            sum >= wanted
        });
        if let Some(last) = reached {
            candidates.truncate(last + 1);
            return;
        }
        if sorted == candidates.len() {
            return;
        }
        sorted = (sorted * 16).min(candidates.len());
    }
}

/// The candidate with the highest logit, the first of equals; NaN is never chosen.
fn most_likely(candidates: impl Iterator<Item = (Token, f32)>) -> Option<Token> {
    candidates
        .fold(None, |best: Option<(Token, f32)>, next| match best {
            _ if next.1.is_nan() || next.1 == f32::NEG_INFINITY => best,
            Some(best) if best.1 >= next.1 => Some(best),
            _ => Some(next),
        })
        .map(|(token, _)| token)
}

/// The natural logarithm of the probability of `token` under the untouched distribution.
fn log_probability(logits: &[f32], token: Token) -> f32 {
    let logit = usize::try_from(token).ok().and_then(|token| logits.get(token));
    log_share(logit.copied(), logits.iter().copied())
}

/// The natural logarithm of the share that `logit` has in `all`.
fn log_share(logit: Option<f32>, all: impl Iterator<Item = f32> + Clone) -> f32 {
    let all = all.filter(|logit| !logit.is_nan());
    let highest = all.clone().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = all.map(|logit| f64::from(logit - highest).exp()).sum();
    let logit = logit.unwrap_or(f32::NEG_INFINITY);
    // In single precision the sum would round a probability of 1 to a little more.
    (f64::from(logit - highest) - sum.ln()).min(0.0) as f32
}

/// SplitMix64: small, and the same everywhere.
#[derive(Debug)]
struct Random(u64);

impl Random {
    /// The next number, at least 0 and less than 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drawn(settings: Sampling, logits: &[f32], count: usize) -> Vec<Token> {
        let mut sampler = Sampler::new(settings, None);
        let mut tokens: Vec<Token> = (0..count)
            .filter_map(|_| sampler.choose(logits, &|_| false))
            .collect();
        tokens.sort_unstable();
        tokens
    }

    #[test]
    fn without_temperature_the_most_likely_token_comes() {
        let logits = [0.5, f32::NAN, 3.0, 3.0, f32::NEG_INFINITY];
        assert_eq!(drawn(Sampling::default(), &logits, 2), [2, 2]);
        assert_eq!(
            Sampler::new(Sampling::default(), None).choose(&[f32::NAN], &|_| false),
            None
        );
    }

    #[test]
    fn the_same_seed_draws_the_same_tokens() {
        let settings = Sampling {
            temperature: 1.0,
            seed: 7,
            ..Sampling::default()
        };
        let logits: Vec<f32> = (0..50).map(|token| (token as f32).sin()).collect();
        let mut first = Sampler::new(settings.clone(), None);
        let mut second = Sampler::new(settings, None);
        let never = |_| false;
        for _ in 0..100 {
            assert_eq!(first.choose(&logits, &never), second.choose(&logits, &never));
        }
    }

    #[test]
    fn tokens_come_as_often_as_they_are_likely() {
        let settings = Sampling {
            temperature: 1.0,
            seed: 1,
            ..Sampling::default()
        };
        let logits = [0.0_f32, 3.0_f32.ln()];
        let ones = drawn(settings, &logits, 4_000)
            .into_iter()
            .filter(|token| *token == 1)
            .count();
        assert!((2_850..3_150).contains(&ones), "{ones} of 4000, expected 3000");
    }

    #[test]
    fn each_limit_leaves_the_tokens_that_it_should() {
        // Probabilities 0.5, 0.25, 0.125, 0.125.
        let logits = [4.0_f32.ln(), 2.0_f32.ln(), 0.0, 0.0];
        let base = Sampling {
            temperature: 1.0,
            ..Sampling::default()
        };
        let cases = [
            (
                Sampling {
                    top_k: 2,
                    ..base.clone()
                },
                1,
            ),
            (
                Sampling {
                    top_p: 0.7,
                    ..base.clone()
                },
                1,
            ),
            (
                Sampling {
                    top_p: 0.0,
                    ..base.clone()
                },
                0,
            ),
            (
                Sampling {
                    min_p: 0.4,
                    ..base.clone()
                },
                1,
            ),
            (
                Sampling {
                    temperature: 0.01,
                    ..base
                },
                0,
            ),
        ];
        for (settings, last) in cases {
            assert_eq!(
                drawn(settings.clone(), &logits, 200).last(),
                Some(&last),
                "{settings:?}"
            );
        }
    }

    #[test]
    fn what_is_written_again_does_not_count_against_a_token() {
        let words = ["return", "retry", "raise", "x"];
        let lexicon = Arc::new(Lexicon::new((0..).zip(words.map(str::as_bytes))));
        // 0.1, 0.1, 0.2 and 0.6.
        let logits = [1.0_f32.ln(), 1.0_f32.ln(), 2.0_f32.ln(), 6.0_f32.ln()];
        let mut sampler = Sampler::new(Sampling::default(), None);
        let share = |sampler: &Sampler, token| sampler.log_probability(&logits, token).exp();
        assert!((share(&sampler, 0) - 0.1).abs() < 1e-6);
        for (rest, expected) in [("r", 0.25), ("re", 0.5), ("retu", 1.0)] {
            sampler.heal(Arc::clone(&lexicon), rest.as_bytes().to_vec());
            assert!((share(&sampler, 0) - expected).abs() < 1e-6, "{rest}");
        }
        // Once it is written all are possible again.
        sampler.accept(0, b"return");
        assert!((share(&sampler, 3) - 0.6).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn log_probabilities_are_those_of_a_distribution(logits in proptest::collection::vec(-30.0_f32..30.0, 1..200)) {
            let tokens = Token::try_from(logits.len()).expect("short");
            let sum: f64 = (0..tokens).map(|token| f64::from(log_probability(&logits, token)).exp()).sum();
            prop_assert!((sum - 1.0).abs() < 1e-4, "{sum}");
            prop_assert!((0..tokens).all(|token| log_probability(&logits, token) <= 0.0));
        }

        #[test]
        fn any_logits_and_settings_are_answered(
            logits in proptest::collection::vec(any::<f32>(), 0..600),
            temperature in 0.0_f32..2.0, top_k in 0_u32..700, top_p in 0.0_f32..=1.0, min_p in 0.0_f32..=1.0,
        ) {
            let settings = Sampling { temperature, top_k, top_p, min_p, ..Sampling::default() };
            if let Some(token) = Sampler::new(settings, None).choose(&logits, &|_| false) {
                prop_assert!((token as usize) < logits.len());
            }
        }
    }
}
