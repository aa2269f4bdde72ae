//! Numbers that look random and are the same each time (SplitMix64, Steele et al. 2014).

use std::time::Duration;

/// How far the times from key to key spread: the standard deviation of their logarithm.
const SPREAD: f64 = 0.35;

/// A row of numbers that a seed decides.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The row of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// From 0 to below 1.
    pub fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 to below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        ((self.fraction() * end as f64) as usize).min(end - 1)
    }

    /// From `from` to `to`.
    pub fn between(&mut self, from: Duration, to: Duration) -> Duration {
        from + to.saturating_sub(from).mul_f64(self.fraction())
    }

    /// A time from key to key: spread around `median` as people's are, evenly in its logarithm's sense.
    pub fn gap(&mut self, median: Duration) -> Duration {
        // Box and Muller's way to a normal distribution.
        let radius = (-2.0 * (1.0 - self.fraction()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.fraction()).cos();
        median.mul_f64((SPREAD * normal).exp().clamp(0.35, 4.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_have_their_median_and_repeat() {
        let gaps = |seed| {
            let mut chance = Chance::new(seed);
            let mut gaps: Vec<_> = (0..1001)
                .map(|_| chance.gap(Duration::from_millis(220)))
                .collect();
            gaps.sort();
            gaps
        };
        assert_eq!(gaps(3), gaps(3));
        assert_ne!(gaps(3), gaps(4));
        let median = gaps(3)[500].as_millis();
        assert!((205..235).contains(&median), "{median}");
    }
}
