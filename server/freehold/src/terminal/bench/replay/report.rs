//! The table of both sides and their ratios, and the same as JSON. Pure.

use serde_json::{Value, json};

use super::figures::{Figures, ratio};
use super::tally::Tally;

/// What is wanted of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Goal {
    /// Freehold's value over the peer's is at most this: must, aim.
    Ratio(f64, f64),
    /// It is at least this.
    RatioAtLeast(f64, f64),
    /// Freehold's value is at most this.
    Most(f64, f64),
    /// It is at least this.
    Least(f64, f64),
    /// The row only explains others.
    None,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    name: &'static str,
    unit: &'static str,
    freehold: Option<f64>,
    peer: Option<f64>,
    goal: Goal,
}

/// Key to visible text in the same traces with an agent at work and without, p90 in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BesideAgent {
    /// Without.
    pub idle: Option<f64>,
    /// With.
    pub busy: Option<f64>,
}

/// All rows.
pub fn rows(freehold: &Tally, peer: Option<&Tally>, agent: Option<BesideAgent>) -> Vec<Row> {
    let row = |name, unit, goal, value: &dyn Fn(&Tally) -> Option<f64>| Row {
        name,
        unit,
        freehold: value(freehold),
        peer: peer.and_then(value),
        goal,
    };
    let percentile = |figures: &Figures, percent| figures.percentile(percent);
    let share = |part: usize, whole: usize| ratio(100.0 * part as f64, whole as f64);
    let mut rows = vec![
        row(
            "prompt tokens evaluated per key, mean",
            "",
            Goal::Ratio(0.10, 0.04),
            &|t| t.per_key(&t.evaluated),
        ),
        row("… without each file's first request", "", Goal::None, &|t| {
            t.per_key(&t.evaluated_later)
        }),
        row(
            "… of keys that asked the model, median",
            "",
            Goal::Most(4.0, 3.0),
            &|t| percentile(&t.evaluated_uncached, 50.0),
        ),
        row("prompt tokens moved per key, mean", "", Goal::None, &|t| {
            t.per_key(&t.moved)
        }),
        row(
            "keys that asked nothing of the model",
            "%",
            Goal::Least(60.0, 75.0),
            &|t| share(t.without_model, t.keys),
        ),
        row(
            "… of all keys, with a suggestion on the screen",
            "%",
            Goal::None,
            &|t| share(t.shown_without_model, t.keys),
        ),
        row("keys along a suggestion that stayed", "%", Goal::None, &|t| {
            share(t.still, t.keys)
        }),
        row(
            "keys that brought new text onto the screen",
            "%",
            Goal::None,
            &|t| share(t.visible.count(), t.keys),
        ),
        row("key to visible text, p50", "ms", Goal::Ratio(0.30, 0.15), &|t| {
            percentile(&t.visible, 50.0)
        }),
        row("key to visible text, p90", "ms", Goal::None, &|t| {
            percentile(&t.visible, 90.0)
        }),
        row("key to visible text, p99", "ms", Goal::None, &|t| {
            percentile(&t.visible, 99.0)
        }),
        row(
            "served from what is known, p99",
            "ms",
            Goal::Most(3.0, 1.0),
            &|t| percentile(&t.known, 99.0),
        ),
        row(
            "compute for a dead request after a key, p95",
            "ms",
            Goal::Most(20.0, 8.0),
            &|t| Some(t.dead.percentile(95.0).unwrap_or_default()),
        ),
        row("dead requests per 100 keys", "", Goal::None, &|t| {
            share(t.dead.count(), t.keys)
        }),
        row(
            "CPU seconds per accepted character",
            "s",
            Goal::Ratio(0.35, 0.20),
            &|t| ratio(t.compute_seconds, t.taken_characters as f64),
        ),
        row("CPU seconds per 1000 typed", "s", Goal::None, &|t| {
            t.per_thousand(t.compute_seconds)
        }),
        row("tokens generated per 1000 typed", "", Goal::None, &|t| {
            t.per_thousand(t.generated_tokens)
        }),
        row("… and never shown", "", Goal::Ratio(0.25, 0.10), &|t| {
            t.per_thousand(t.unseen_tokens)
        }),
        row(
            "characters saved per 1000 typed",
            "",
            Goal::RatioAtLeast(1.3, 1.6),
            &|t| t.per_thousand(t.saved_characters()),
        ),
        row("suggestions shown per 1000 typed", "", Goal::None, &|t| {
            t.per_thousand(t.shown as f64)
        }),
        row("… of these wrong somewhere", "%", Goal::None, &|t| {
            share(t.wrong, t.shown)
        }),
        row(
            "wrong characters shown per 1000 typed",
            "",
            Goal::Ratio(0.6, 0.4),
            &|t| t.per_thousand(t.wrong_characters as f64),
        ),
        row(
            "shown text that repeats what follows",
            "%",
            Goal::Most(0.5, 0.1),
            &|t| share(t.repeats, t.shown),
        ),
        row(
            "shown text that breaks what parsed",
            "%",
            Goal::Most(1.0, 0.3),
            &|t| share(t.breaks, t.parsed),
        ),
    ];
    if let Some(BesideAgent { idle, busy }) = agent {
        rows.push(Row {
            name: "p90 beside the agent, over idle",
            unit: "",
            freehold: busy.zip(idle).and_then(|(busy, idle)| ratio(busy, idle)),
            peer: None,
            goal: Goal::Most(1.3, 1.1),
        });
    }
    rows
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        ratio(self.freehold?, self.peer?)
    }

    /// What is wanted, and how far it is reached: `aim`, `must` or `short`; empty if that cannot be told.
    fn judged(&self) -> (String, &'static str) {
        let (goal, value, better): (_, _, fn(f64, f64) -> bool) = match self.goal {
            Goal::None => return (String::new(), ""),
            Goal::Ratio(must, aim) => ((must, aim), self.ratio(), |value, goal| value <= goal),
            Goal::RatioAtLeast(must, aim) => ((must, aim), self.ratio(), |value, goal| value >= goal),
            Goal::Most(must, aim) => ((must, aim), self.freehold, |value, goal| value <= goal),
            Goal::Least(must, aim) => ((must, aim), self.freehold, |value, goal| value >= goal),
        };
        let (must, aim) = goal;
        let reached = match value {
            None => "",
            Some(value) if better(value, aim) => "aim",
            Some(value) if better(value, must) => "must",
            Some(_) => "short",
        };
        let of = match self.goal {
            Goal::Ratio(..) | Goal::RatioAtLeast(..) => "F/P ",
            _ => "",
        };
        (format!("{of}{must} / {aim}"), reached)
    }
}

/// The rows for a person.
pub fn table(rows: &[Row]) -> String {
    let number = |value: Option<f64>, unit: &str| match value {
        None => "-".to_owned(),
        Some(value) => {
            let digits = match value.abs() {
                100.0.. => 0,
                10.0.. => 1,
                _ => 2,
            };
            format!("{value:.digits$}{unit}")
        }
    };
    let mut text = format!(
        "{:<50} {:>10} {:>10} {:>7}  {:<16} {}\n",
        "", "Freehold", "peer", "F/P", "must / aim", "reached"
    );
    for row in rows {
        let (goal, reached) = row.judged();
        let line = format!(
            "{:<50} {:>10} {:>10} {:>7}  {goal:<16} {reached}",
            row.name,
            number(row.freehold, row.unit),
            number(row.peer, row.unit),
            number(row.ratio(), ""),
        );
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// The rows for a program.
pub fn json(rows: &[Row]) -> Value {
    let rows = rows.iter().map(|row| {
        let (goal, reached) = row.judged();
        json!({
            "name": row.name,
            "unit": row.unit,
            "freehold": row.freehold,
            "peer": row.peer,
            "ratio": row.ratio(),
            "must_and_aim": goal,
            "reached": reached,
        })
    });
    Value::Array(rows.collect())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn rows_are_judged_by_their_goals() {
        let row = |name, freehold, peer, goal| Row {
            name,
            unit: "ms",
            freehold,
            peer,
            goal,
        };
        let rows = [
            row("aim", Some(1.0), Some(100.0), Goal::Ratio(0.1, 0.04)),
            row("must", Some(9.0), Some(100.0), Goal::Ratio(0.1, 0.04)),
            row("short", Some(110.0), Some(100.0), Goal::RatioAtLeast(1.3, 1.6)),
            row("alone", Some(2.0), None, Goal::Most(3.0, 1.0)),
            row("no peer", Some(2.0), None, Goal::Ratio(3.0, 1.0)),
            row("nothing", None, None, Goal::Least(60.0, 75.0)),
        ];
        expect![[r#"
                                                                 Freehold       peer     F/P  must / aim       reached
            aim                                                    1.00ms      100ms    0.01  F/P 0.1 / 0.04   aim
            must                                                   9.00ms      100ms    0.09  F/P 0.1 / 0.04   must
            short                                                   110ms      100ms    1.10  F/P 1.3 / 1.6    short
            alone                                                  2.00ms          -       -  3 / 1            must
            no peer                                                2.00ms          -       -  F/P 3 / 1
            nothing                                                     -          -       -  60 / 75
        "#]]
        .assert_eq(&table(&rows));
        assert_eq!(json(&rows)[2]["reached"], "short");
    }
}
