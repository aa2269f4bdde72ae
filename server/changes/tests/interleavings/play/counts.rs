//! How often what happened in the interleavings.

use std::fmt;

/// How often what happened.
#[derive(Default)]
pub struct Counts([u64; COUNTED.len()]);

const COUNTED: [&str; 18] = [
    "edits",
    "edits taken back",
    "formattings",
    "saves",
    "opened or closed",
    "external writes",
    "proposals",
    "stale proposals refused",
    "hunks replaced by newer ones",
    "decisions",
    "decisions on what was not seen refused",
    "hunks edited",
    "applies",
    "refused applies",
    "withdrawals",
    "hunks at the end",
    "conflicts at the end",
    "ends without conflict",
];

impl Counts {
    pub fn add(&mut self, other: &Self) {
        self.0
            .iter_mut()
            .zip(other.0)
            .for_each(|(sum, count)| *sum += count);
    }

    pub(super) fn count(&mut self, what: &str) {
        let index = COUNTED
            .iter()
            .position(|counted| *counted == what)
            .expect("it is counted");
        self.0[index] += 1;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<String> = COUNTED
            .iter()
            .zip(self.0)
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        formatter.write_str(&shown.join(", "))
    }
}
