//! Sums and percentiles. Pure.

/// Values of one kind, such as times in milliseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures(Vec<f64>);

impl Figures {
    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Adds all of `others`.
    pub fn append(&mut self, others: &Self) {
        self.0.extend_from_slice(&others.0);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Their sum.
    pub fn sum(&self) -> f64 {
        // The sum of no numbers is -0.0.
        self.0.iter().sum::<f64>() + 0.0
    }

    /// The smallest value that at least `percent` of a hundred values do not exceed (the nearest rank);
    /// nothing if there are none.
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        let mut values = self.0.clone();
        values.sort_by(f64::total_cmp);
        let rank = (percent / 100.0 * values.len() as f64).ceil() as usize;
        values.get(rank.max(1) - 1).copied()
    }
}

impl Extend<f64> for Figures {
    fn extend<I: IntoIterator<Item = f64>>(&mut self, values: I) {
        self.0.extend(values);
    }
}

/// `part` of `whole`, or nothing of nothing.
pub fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let mut figures = Figures::default();
        assert_eq!(figures.percentile(50.0), None);
        assert!(figures.sum().is_sign_positive());
        figures.extend((1..=10).rev().map(f64::from));
        let cases = [
            (0.0, 1.0),
            (10.0, 1.0),
            (50.0, 5.0),
            (90.0, 9.0),
            (95.0, 10.0),
            (99.0, 10.0),
            (100.0, 10.0),
        ];
        for (percent, expected) in cases {
            assert_eq!(figures.percentile(percent), Some(expected), "{percent}");
        }
        assert_eq!((figures.sum(), figures.count()), (55.0, 10));
        assert_eq!((ratio(1.0, 4.0), ratio(1.0, 0.0)), (Some(0.25), None));
    }
}
