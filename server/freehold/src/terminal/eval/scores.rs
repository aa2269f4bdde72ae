//! The outcome of every case, kept in a file under version control, so that a change shows whom it helps and
//! whom it hurts.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use anyhow::{Context as _, bail, ensure};

use super::case::{Case, Kind};

/// What the line begins with that names the model.
const MODEL_MARK: &str = "# model ";

/// What the line begins with that names the settings.
const SETTINGS_MARK: &str = "# settings ";

/// Who answers a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Freehold, everything evaluated in order.
    Freehold,
    /// Freehold after typing, with what is evaluated already moved.
    Incremental,
    /// The peer.
    Peer,
}

impl Side {
    /// Every side, in the order of the columns.
    pub const ALL: [Self; 3] = [Self::Freehold, Self::Incremental, Self::Peer];

    /// Its name in the head of a column.
    pub fn name(self) -> &'static str {
        match self {
            Self::Freehold => "freehold",
            Self::Incremental => "incremental",
            Self::Peer => "peer",
        }
    }
}

/// Of what model, asked how, outcomes are: only outcomes of the same stand in one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// Name and checksum.
    pub model: String,
    /// What else decides the outcomes, besides the program itself.
    pub settings: String,
}

impl std::fmt::Display for Subject {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} with {}", self.model, self.settings)
    }
}

/// How one case ended, for each side that answered it.
pub type Outcomes = BTreeMap<Side, bool>;

/// The outcomes of cases, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scores {
    subject: Subject,
    rows: BTreeMap<String, (Kind, Outcomes)>,
}

impl Scores {
    /// No outcomes yet.
    pub fn new(subject: Subject) -> Self {
        Self {
            subject,
            rows: BTreeMap::new(),
        }
    }

    /// Reads what [`Scores::write`] has written.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut scores = Self::default();
        let mut has_head = false;
        for line in text.lines() {
            if let Some(model) = line.strip_prefix(MODEL_MARK) {
                model.clone_into(&mut scores.subject.model);
            } else if let Some(settings) = line.strip_prefix(SETTINGS_MARK) {
                settings.clone_into(&mut scores.subject.settings);
            } else if !has_head {
                ensure!(line == head(), "this is no file of scores: `{line}`");
                has_head = true;
            } else {
                let row = row(line).with_context(|| format!("cannot read the scores' line `{line}`"))?;
                scores.rows.insert(row.0, (row.1, row.2));
            }
        }
        ensure!(has_head, "this is no file of scores: it has no head");
        Ok(scores)
    }

    /// What it is of; then one line for each case, by kind and name, parted by tabs; `-` is not answered.
    pub fn write(&self) -> String {
        let Subject { model, settings } = &self.subject;
        let mut text = format!("{MODEL_MARK}{model}\n{SETTINGS_MARK}{settings}\n{}\n", head());
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_by_key(|(id, (kind, _))| (kind.name(), *id));
        for (id, (kind, outcomes)) in rows {
            text += &format!("{}\t{id}", kind.name());
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

    /// What the outcomes are of.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Records how `side` fared in the case `id`.
    pub fn record(&mut self, id: &str, kind: Kind, side: Side, passed: bool) {
        let row = self.rows.entry(id.to_owned());
        let (_, outcomes) = row.or_insert_with(|| (kind, Outcomes::new()));
        outcomes.insert(side, passed);
    }

    /// Forgets how `side` fared in the case `id`.
    pub fn forget(&mut self, id: &str, side: Side) {
        if let Some((_, outcomes)) = self.rows.get_mut(id) {
            outcomes.remove(&side);
            if outcomes.is_empty() {
                self.rows.remove(id);
            }
        }
    }

    /// How `side` fared in the case `id`, if it answered it.
    pub fn outcome(&self, id: &str, side: Side) -> Option<bool> {
        self.rows.get(id)?.1.get(&side).copied()
    }

    /// The outcomes of `cases` alone.
    pub fn of_cases(&self, cases: &[Case]) -> Self {
        let ids: HashSet<&str> = cases.iter().map(|case| case.id.as_str()).collect();
        let mut kept = self.clone();
        kept.rows.retain(|id, _| ids.contains(id.as_str()));
        kept
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

    /// Which cases `newer` answers better and which worse than these scores say, side by side, of those that
    /// stand in both.
    pub fn changes(&self, newer: &Self) -> String {
        let mut text = String::new();
        for side in Side::ALL {
            let both: Vec<(&str, bool, bool)> = newer
                .rows
                .keys()
                .filter_map(|id| Some((id.as_str(), self.outcome(id, side)?, newer.outcome(id, side)?)))
                .collect();
            let changed = |to: bool| both.iter().filter(move |(_, was, is)| *is == to && *was != to);
            if both.is_empty() {
                continue;
            }
            // Writing to a string does not fail.
            let _written = writeln!(
                text,
                "{}: of {} cases {} got better and {} worse",
                side.name(),
                both.len(),
                changed(true).count(),
                changed(false).count()
            );
            for (word, to) in [("better", true), ("worse", false)] {
                for (id, ..) in changed(to) {
                    let _written = writeln!(text, "  {word:<7}{id}");
                }
            }
        }
        text
    }
}

fn head() -> String {
    let sides = Side::ALL.map(Side::name);
    format!("kind\tcase\t{}", sides.join("\t"))
}

fn row(line: &str) -> anyhow::Result<(String, Kind, Outcomes)> {
    let mut columns = line.split('\t');
    let (Some(kind), Some(id)) = (columns.next(), columns.next()) else {
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

    const KEPT: &str = "# model small 0a\n# settings threads 2\nkind\tcase\tfreehold\tincremental\tpeer\nrust\tb\tfail\t-\t-\ntyped\ta\tpass\tpass\tfail\n";

    #[test]
    fn what_is_written_is_read_again() {
        let scores = Scores::parse(KEPT).expect("well formed");
        assert_eq!(scores.write(), KEPT);
        assert_eq!(scores.subject().to_string(), "small 0a with threads 2");
        for line in ["rust", "none\ta", "rust\ta\tmaybe"] {
            assert!(Scores::parse(&format!("{KEPT}{line}\n")).is_err(), "{line}");
        }
        assert!(Scores::parse("case\tkind\n").is_err());
        assert!(Scores::parse("").is_err());
    }

    #[test]
    fn a_comparison_names_whom_a_change_hurt() {
        let kept = Scores::parse(KEPT).expect("well formed");
        let mut newer = kept.clone();
        newer.record("a", Kind::Typed, Side::Freehold, false);
        newer.record("a", Kind::Typed, Side::Peer, true);
        newer.record("c", Kind::Rust, Side::Freehold, true);
        expect![[r#"
            freehold: of 2 cases 0 got better and 1 worse
              worse  a
            incremental: of 1 cases 0 got better and 0 worse
            peer: of 1 cases 1 got better and 0 worse
              better a
        "#]]
        .assert_eq(&kept.changes(&newer));
        for side in Side::ALL {
            newer.forget("a", side);
            assert_eq!(newer.outcome("a", side), None);
        }
        assert!(!newer.write().contains("\ta\t"));
    }
}
