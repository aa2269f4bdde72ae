//! The table of a run: how often each side passes, kind by kind, and how sure a difference is.

use super::case::Kind;
use super::scores::{Scores, Side};

/// The table of `scores`: pass@1 by kind and side, then each difference with what speaks for chance.
pub fn table(scores: &Scores) -> String {
    let sides: Vec<Side> = Side::ALL
        .into_iter()
        .filter(|side| !scores.outcomes(None, *side).is_empty())
        .collect();
    let mut text = format!("{:<12}{:>6}", "pass@1, %", "cases");
    for side in &sides {
        text += &format!("{:>13}", side.name());
    }
    text.push('\n');
    let kinds = Kind::ALL.into_iter().map(Some).chain([None]);
    for kind in kinds.clone() {
        let cases = sides
            .iter()
            .map(|side| scores.outcomes(kind, *side).len())
            .max()
            .unwrap_or(0);
        if cases == 0 {
            continue;
        }
        text += &format!("{:<12}{cases:>6}", name(kind));
        for side in &sides {
            let outcomes = scores.outcomes(kind, *side);
            // Of other cases than those of the row it would mislead, unless it says so.
            let same = outcomes.len() == cases;
            text += &match percent(&outcomes).filter(|_| same || kind.is_some()) {
                Some(percent) if same => format!("{percent:>13.1}"),
                Some(percent) => format!("{:>13}", format!("{percent:.1} of {}", outcomes.len())),
                None => format!("{:>13}", "-"),
            };
        }
        text.push('\n');
    }
    for (one, other) in [(Side::Freehold, Side::Peer), (Side::Incremental, Side::Freehold)] {
        let rows: Vec<String> = kinds
            .clone()
            .filter_map(|kind| difference(scores, kind, one, other))
            .collect();
        if !rows.is_empty() {
            text += &format!(
                "\n{} minus {}, the same cases\n{}",
                one.name(),
                other.name(),
                rows.concat()
            );
        }
    }
    text
}

fn name(kind: Option<Kind>) -> &'static str {
    kind.map_or("all", Kind::name)
}

/// The difference in points, the pairs that differ, and how likely so uneven a split is by chance.
fn difference(scores: &Scores, kind: Option<Kind>, one: Side, other: Side) -> Option<String> {
    let pairs = scores.pairs(kind, one, other);
    let is_of_one_kind = |kind| scores.pairs(Some(kind), one, other).len() == pairs.len();
    if pairs.is_empty() || (kind.is_none() && Kind::ALL.into_iter().any(is_of_one_kind)) {
        return None;
    }
    let only_one = pairs.iter().filter(|pair| **pair == (true, false)).count();
    let only_other = pairs.iter().filter(|pair| **pair == (false, true)).count();
    let points = 100.0 * (only_one as f64 - only_other as f64) / pairs.len() as f64;
    Some(format!(
        "{:<12}{points:>+7.1}   n = {}, only {} passes {only_one}, only {} {only_other}, p = {:.2}\n",
        name(kind),
        pairs.len(),
        one.name(),
        other.name(),
        chance(only_one, only_other)
    ))
}

fn percent(outcomes: &[bool]) -> Option<f64> {
    let passed = outcomes.iter().filter(|passed| **passed).count();
    (!outcomes.is_empty()).then(|| 100.0 * passed as f64 / outcomes.len() as f64)
}

/// How likely a fair coin splits `one + other` throws at least as unevenly as this (McNemar's exact test).
fn chance(one: usize, other: usize) -> f64 {
    let throws = one + other;
    // Terms of the binomial distribution, each from the one before, in logarithms: 2^-n alone underflows.
    let mut logarithm = -(throws as f64) * std::f64::consts::LN_2;
    let mut tail = 0.0;
    for heads in 0..=one.min(other) {
        tail += logarithm.exp();
        logarithm += ((throws - heads) as f64).ln() - ((heads + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::chance;

    #[test]
    fn an_even_split_is_chance_and_a_lopsided_one_is_not() {
        // By hand: 2 * (1 + 10) / 2^10, and 2 / 2^6.
        assert!((chance(9, 1) - 22.0 / 1024.0).abs() < 1e-12);
        assert!((chance(0, 6) - 2.0 / 64.0).abs() < 1e-12);
        assert!((chance(5, 5) - 1.0).abs() < 1e-12);
        assert!((chance(0, 0) - 1.0).abs() < 1e-12);
        assert!(chance(1500, 2000) < 1e-12);
    }
}
