//! The outcome of every case, kept in a file under version control, so that a change shows whom it helps and
//! whom it hurts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, bail};

use super::case::{Case, Kind};

/// Who answers a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Freehold, everything evaluated in order.
    Freehold,
    /// The peer.
    Peer,
    /// Freehold after typing, with what is evaluated already moved.
    Incremental,
}

impl Side {
    /// Every side, in the order of the columns.
    pub const ALL: [Self; 3] = [Self::Freehold, Self::Peer, Self::Incremental];

    /// Its name in the head of a column.
    pub fn name(self) -> &'static str {
        match self {
            Self::Freehold => "freehold",
            Self::Peer => "peer",
            Self::Incremental => "incremental",
        }
    }
}

/// How one case ended, for each side that answered it.
pub type Outcomes = BTreeMap<Side, bool>;

/// The outcomes of cases, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scores {
    rows: BTreeMap<String, (Kind, Outcomes)>,
}

impl Scores {
    /// Reads what [`Scores::write`] has written.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut scores = Self::default();
        for line in text.lines().skip(1) {
            let row = row(line).with_context(|| format!("cannot read the scores' line `{line}`"))?;
            scores.rows.insert(row.0, (row.1, row.2));
        }
        Ok(scores)
    }

    /// One line for each case, parted by tabs, under a line that names the columns; `-` is not answered.
    pub fn write(&self) -> String {
        let mut text = String::from("case\tkind");
        for side in Side::ALL {
            text += "\t";
            text += side.name();
        }
        text.push('\n');
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_by_key(|(id, (kind, _))| (*kind, *id));
        for (id, (kind, outcomes)) in rows {
            text += &format!("{id}\t{}", kind.name());
            for side in Side::ALL {
                text += match outcomes.get(&side) {
                    Some(true) => "\tpass",
                    Some(false) => "\tfail",
                    None => "\t-",
                };
            }
            text.push('\n');
        }
        text
    }

    /// Records how `side` fared in `case`.
    pub fn record(&mut self, case: &Case, side: Side, passed: bool) {
        let row = self.rows.entry(case.id.clone());
        let (_, outcomes) = row.or_insert_with(|| (case.kind, Outcomes::new()));
        outcomes.insert(side, passed);
    }

    /// Takes over what `newer` has, and leaves the rest as it is.
    pub fn update(&mut self, newer: &Self) {
        for (id, (kind, outcomes)) in &newer.rows {
            let row = self.rows.entry(id.clone());
            let (_, kept) = row.or_insert_with(|| (*kind, Outcomes::new()));
            kept.extend(outcomes.iter().map(|(side, passed)| (*side, *passed)));
        }
    }

    /// Pairs of outcomes of the cases of one kind, or of all, that both sides answered.
    pub fn pairs(&self, kind: Option<Kind>, one: Side, other: Side) -> Vec<(bool, bool)> {
        self.of(kind)
            .filter_map(|outcomes| Some((*outcomes.get(&one)?, *outcomes.get(&other)?)))
            .collect()
    }

    /// Outcomes of one side in the cases of one kind, or of all.
    pub fn outcomes(&self, kind: Option<Kind>, side: Side) -> Vec<bool> {
        self.of(kind)
            .filter_map(|outcomes| outcomes.get(&side).copied())
            .collect()
    }

    fn of(&self, kind: Option<Kind>) -> impl Iterator<Item = &Outcomes> {
        self.rows
            .values()
            .filter(move |(of, _)| kind.is_none_or(|kind| kind == *of))
            .map(|(_, outcomes)| outcomes)
    }

    /// Which cases `newer` answers better and which worse than these scores say, side by side.
    pub fn changes(&self, newer: &Self) -> String {
        let mut text = String::new();
        for side in Side::ALL {
            let changed = |to: bool| -> Vec<&str> {
                let was = |id: &String| self.rows.get(id).and_then(|(_, outcomes)| outcomes.get(&side));
                newer
                    .rows
                    .iter()
                    .filter(|(id, (_, outcomes))| outcomes.get(&side) == Some(&to) && was(id) == Some(&!to))
                    .map(|(id, _)| id.as_str())
                    .collect()
            };
            for (word, ids) in [("better", changed(true)), ("worse", changed(false))] {
                if !ids.is_empty() {
                    // Writing to a string does not fail.
                    let _written = writeln!(text, "{}, {word}: {}", side.name(), ids.join(" "));
                }
            }
        }
        text
    }
}

fn row(line: &str) -> anyhow::Result<(String, Kind, Outcomes)> {
    let mut columns = line.split('\t');
    let (Some(id), Some(kind)) = (columns.next(), columns.next()) else {
        bail!("a column is missing");
    };
    let kind = Kind::ALL
        .into_iter()
        .find(|known| known.name() == kind)
        .with_context(|| format!("there is no kind `{kind}`"))?;
    let mut outcomes = Outcomes::new();
    for (side, outcome) in Side::ALL.into_iter().zip(columns) {
        match outcome {
            "pass" => drop(outcomes.insert(side, true)),
            "fail" => drop(outcomes.insert(side, false)),
            "-" => {}
            other => bail!("there is no outcome `{other}`"),
        }
    }
    Ok((id.to_owned(), kind, outcomes))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    const KEPT: &str =
        "case\tkind\tfreehold\tpeer\tincremental\na\ttyped\tpass\tfail\tpass\nb\trust\tfail\t-\t-\n";

    #[test]
    fn what_is_written_is_read_again() {
        let scores = Scores::parse(KEPT).expect("well formed");
        assert_eq!(scores.write(), KEPT);
        for line in ["a", "a\tnone", "a\trust\tmaybe"] {
            assert!(Scores::parse(&format!("head\n{line}\n")).is_err(), "{line}");
        }
    }

    #[test]
    fn an_update_keeps_what_was_not_run_and_says_what_moved() {
        let mut kept = Scores::parse(KEPT).expect("well formed");
        let newer = "head\na\ttyped\tfail\tpass\t-\nc\trust\tpass\t-\t-\n";
        let newer = Scores::parse(newer).expect("well formed");
        expect![[r#"
            freehold, worse: a
            peer, better: a
        "#]]
        .assert_eq(&kept.changes(&newer));
        kept.update(&newer);
        expect![[r#"
            case	kind	freehold	peer	incremental
            a	typed	fail	pass	pass
            b	rust	fail	-	-
            c	rust	pass	-	-
        "#]]
        .assert_eq(&kept.write());
    }
}
