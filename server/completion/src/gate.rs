//! Whether a suggestion is worth showing, judged by how sure the model was and by what was accepted before.

use serde::{Deserialize, Serialize};

use crate::{Shape, Trigger};

/// How sure the model was of each piece it generated.
#[derive(Debug, Clone, Default)]
pub struct Scores {
    /// Where each piece ends, in bytes of what was generated, and the logarithm of its probability.
    pieces: Vec<(usize, f32)>,
}

impl Scores {
    /// Adds the next piece, which ends at `end_bytes`.
    pub fn add(&mut self, end_bytes: usize, log_probability: f32) {
        if log_probability.is_finite() {
            self.pieces.push((end_bytes, log_probability));
        }
    }

    /// The longest beginning, in bytes of what was generated, that is more likely right than not: as far as the model
    /// gives all its pieces together a probability of [`SURE_MIN`]. Nothing if that is all, so far.
    #[must_use]
    pub fn sure_bytes(&self) -> Option<usize> {
        let mut sum = 0.0;
        let mut start = 0;
        for &(end, log_probability) in &self.pieces {
            sum += log_probability;
            if sum < SURE_MIN.ln() {
                return Some(start);
            }
            start = end;
        }
        None
    }

    /// The natural logarithm of the probability that the model gives all pieces together.
    #[must_use]
    pub fn log_probability(&self) -> f32 {
        self.pieces
            .iter()
            .map(|(_, log_probability)| log_probability)
            .sum()
    }

    /// What a gate judges by, of the first `shown_bytes` of what was generated: the text `shown`.
    #[must_use]
    pub fn features(&self, shown_bytes: usize, shown: &str, trigger: Trigger, shape: Shape) -> Features {
        let mut start = 0;
        let mut of_shown = Vec::new();
        for &(end, log_probability) in &self.pieces {
            if start < shown_bytes {
                of_shown.push(log_probability);
            }
            start = end;
        }
        let tokens = of_shown.len();
        let sum: f32 = of_shown.iter().sum();
        Features {
            tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
            log_probability_mean: if tokens == 0 { 0.0 } else { sum / tokens as f32 },
            log_probability_min: of_shown.into_iter().fold(0.0, f32::min),
            characters: u32::try_from(shown.chars().count()).unwrap_or(u32::MAX),
            lines: u32::try_from(shown.matches('\n').count() + 1).unwrap_or(u32::MAX),
            invoked: trigger == Trigger::Invoked,
            in_line: shape != Shape::Block,
            cut: false,
        }
    }
}

/// Where the pieces of a text together are less likely than this, the rest of it is not shown unasked. In 8 replayed
/// sessions each step, from 0.3 to 0.5 with a 0.5B model and from there to 0.6 with a 1.5B one, saved as many characters
/// as the one before and showed at least a fifth fewer wrong ones (decision 0007).
const SURE_MIN: f32 = 0.6;

/// What a suggestion is judged by; holds nothing of its text.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Features {
    /// Tokens of the shown text whose probability is known; zero if the engine does not say.
    pub tokens: u32,
    /// Mean of the natural logarithms of their probabilities; at most zero.
    pub log_probability_mean: f32,
    /// The least of them.
    pub log_probability_min: f32,
    /// Characters of the shown text.
    pub characters: u32,
    /// Its lines, 1 or more.
    pub lines: u32,
    /// Whether the user asked for it.
    pub invoked: bool,
    /// Whether text follows the cursor in its line.
    pub in_line: bool,
    /// Whether it ends where the model became unsure, and not where the code ends.
    #[serde(default)]
    pub cut: bool,
}

/// A suggestion that was shown, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What it was judged by.
    pub features: Features,
    /// Whether the user took it, or a part of it.
    pub accepted: bool,
}

/// Inputs of the judgement: a constant and what [`Features`] hold, scaled to about one.
const INPUTS: usize = 6;

/// What a small model's log-probabilities say of its suggestions where nothing is known of the user. Fitted by
/// hand to 94 suggestions of a 0.5B model for holes in Python functions, accepted meaning that the tests pass:
/// they tell little more than chance does (area under the curve 0.65), so the user's own record may move them far.
const WEIGHTS: [f32; INPUTS] = [-0.2, 0.8, 0.3, 0.6, -0.45, 0.3];

/// What holds each weight but the constant near zero when they are fitted anew, against one record.
const RIDGE: f32 = 0.5;

/// Passes when they are fitted anew: the slope is level then, for as few inputs.
const FIT_PASSES: usize = 4000;

/// A suggestion that is less likely to be accepted is not shown unasked.
const SHOWN_MIN: f32 = 0.3;

/// How far the user's own record may move a weight away from where it began.
const WEIGHT_SHIFT_MAX: f32 = 1.5;

/// The weight of where it began against that of one record.
const PRIOR_STRENGTH: f32 = 12.0;

/// Passes over the records; more do not change the weights by much.
const PASSES: usize = 40;

/// How far one pass moves the weights.
const STEP: f32 = 0.5;

/// Only the last so many records count.
const RECORDS_MAX: usize = 1000;

/// Judges suggestions: a logistic regression with few, bounded weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    weights: [f32; INPUTS],
}

impl Default for Gate {
    fn default() -> Self {
        Self { weights: WEIGHTS }
    }
}

impl Gate {
    /// A gate that has learnt from `records`, the oldest first; the same records always give the same gate.
    #[must_use]
    pub fn learn(records: &[Record]) -> Self {
        let records = &records[records.len().saturating_sub(RECORDS_MAX)..];
        let judged: Vec<&Record> = records
            .iter()
            .filter(|record| record.features.tokens > 0)
            .collect();
        let mut gate = Self::default();
        if judged.is_empty() {
            return gate;
        }
        let scale = STEP / (judged.len() as f32 + PRIOR_STRENGTH);
        for _ in 0..PASSES {
            let mut slope = [0.0; INPUTS];
            for record in &judged {
                let wanted = if record.accepted { 1.0 } else { 0.0 };
                let wrong = wanted - gate.probability(&record.features);
                for (slope, input) in slope.iter_mut().zip(inputs(&record.features)) {
                    *slope += wrong * input;
                }
            }
            for ((weight, slope), prior) in gate.weights.iter_mut().zip(slope).zip(WEIGHTS) {
                let moved = *weight + scale * (slope - PRIOR_STRENGTH * (*weight - prior));
                *weight = moved.clamp(prior - WEIGHT_SHIFT_MAX, prior + WEIGHT_SHIFT_MAX);
            }
        }
        gate
    }

    /// A gate fitted to `records` alone, without regard to how it began: what the weights for everybody are found
    /// with. Takes hundreds of records.
    #[must_use]
    pub fn fit(records: &[Record]) -> Self {
        let judged: Vec<([f32; INPUTS], f32)> = records
            .iter()
            .filter(|record| record.features.tokens > 0)
            .map(|record| (inputs(&record.features), if record.accepted { 1.0 } else { 0.0 }))
            .collect();
        let mut gate = Self {
            weights: [0.0; INPUTS],
        };
        let scale = STEP / (judged.len() as f32 + RIDGE);
        for _ in 0..FIT_PASSES {
            let mut slope = [0.0; INPUTS];
            for (inputs, wanted) in &judged {
                let wrong = wanted - gate.likelihood(inputs);
                for (slope, input) in slope.iter_mut().zip(inputs) {
                    *slope += wrong * input;
                }
            }
            for (index, (weight, slope)) in gate.weights.iter_mut().zip(slope).enumerate() {
                let pull = if index == 0 { 0.0 } else { RIDGE * *weight };
                *weight += scale * (slope - pull);
            }
        }
        gate
    }

    /// The weights: of a constant, the mean and the least log-probability, the length, the lines, and whether text
    /// follows in the line.
    #[must_use]
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// How likely it is that the user takes it, 0 to 1.
    #[must_use]
    pub fn probability(&self, features: &Features) -> f32 {
        self.likelihood(&inputs(features))
    }

    fn likelihood(&self, inputs: &[f32; INPUTS]) -> f32 {
        let weighted = self.weights.iter().zip(inputs);
        let sum: f32 = weighted.map(|(weight, input)| weight * input).sum();
        1.0 / (1.0 + (-sum).exp())
    }

    /// Whether to show it. What was asked for is shown, and so is what the engine gives no probabilities of.
    #[must_use]
    pub fn shows(&self, features: &Features) -> bool {
        features.invoked || features.tokens == 0 || self.probability(features) >= SHOWN_MIN
    }
}

/// The features as numbers of about one; records come from a file, so nothing in them may be too strange.
fn inputs(features: &Features) -> [f32; INPUTS] {
    let bounded = |value: f32, min: f32| {
        if value.is_finite() {
            value.clamp(min, 0.0)
        } else {
            min
        }
    };
    let flag = |on: bool| if on { 1.0 } else { 0.0 };
    [
        1.0,
        bounded(features.log_probability_mean, -4.0),
        bounded(features.log_probability_min, -8.0),
        (features.characters.min(200) as f32 + 1.0).ln() / 4.0,
        (features.lines.clamp(1, 20) as f32).ln(),
        flag(features.in_line),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(mean: f32) -> Features {
        Features {
            tokens: 8,
            log_probability_mean: mean,
            log_probability_min: mean * 3.0,
            characters: 30,
            lines: 1,
            invoked: false,
            in_line: false,
            cut: false,
        }
    }

    #[test]
    fn a_sure_model_is_shown_and_one_that_guesses_is_not() {
        let gate = Gate::default();
        assert!(gate.shows(&features(-0.1)));
        assert!(!gate.shows(&features(-1.5)));
        let invoked = Features {
            invoked: true,
            ..features(-3.0)
        };
        assert!(gate.shows(&invoked));
        let unknown = Features {
            tokens: 0,
            ..features(-3.0)
        };
        assert!(gate.shows(&unknown));
    }

    #[test]
    fn a_user_who_takes_little_is_shown_less_and_one_who_takes_all_more() {
        let records = |accepted| {
            vec![
                Record {
                    features: features(-0.7),
                    accepted
                };
                200
            ]
        };
        let here = features(-0.7);
        let begins = Gate::default().probability(&here);
        assert!(Gate::learn(&records(true)).probability(&here) > begins);
        assert!(Gate::learn(&records(false)).probability(&here) < begins);
        assert_eq!(Gate::learn(&[]), Gate::default());
        assert_eq!(Gate::learn(&records(true)), Gate::learn(&records(true)));
    }

    #[test]
    fn a_fit_tells_apart_what_differs() {
        let record = |index: usize| Record {
            features: features(if index.is_multiple_of(2) { -0.2 } else { -1.2 }),
            // Four in five go by how sure the model was.
            accepted: index.is_multiple_of(2) != index.is_multiple_of(5),
        };
        let gate = Gate::fit(&(0..200).map(record).collect::<Vec<_>>());
        let sure = gate.probability(&features(-0.2));
        let unsure = gate.probability(&features(-1.2));
        assert!((sure - 0.8).abs() < 0.05, "{sure}");
        assert!((unsure - 0.2).abs() < 0.05, "{unsure}");
        assert!(gate.weights()[1] > 0.0);
    }

    #[test]
    fn no_record_makes_the_weights_leave_their_bounds() {
        let strange = Features {
            log_probability_mean: f32::NAN,
            log_probability_min: f32::NEG_INFINITY,
            characters: u32::MAX,
            lines: 0,
            ..features(0.0)
        };
        let records = vec![
            Record {
                features: strange,
                accepted: true
            };
            5000
        ];
        let gate = Gate::learn(&records);
        for (weight, prior) in gate.weights.iter().zip(WEIGHTS) {
            assert!((weight - prior).abs() <= WEIGHT_SHIFT_MAX);
        }
        assert!((0.0..=1.0).contains(&gate.probability(&strange)));
    }

    #[test]
    fn only_the_pieces_that_are_shown_count() {
        let mut scores = Scores::default();
        for (end, score) in [(3, -0.5), (6, -1.5), (9, -9.0), (10, f32::NAN)] {
            scores.add(end, score);
        }
        let features = scores.features(6, "abcdef", Trigger::Automatic, Shape::Line);
        assert_eq!((features.tokens, features.log_probability_mean), (2, -1.0));
        assert_eq!(features.log_probability_min, -1.5);
        assert!(features.in_line);
    }
}
