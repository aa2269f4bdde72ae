//! A hunk: the smallest part of a change that is decided by itself.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::lines::{self, Row};

/// Names a hunk within a review; it stays the same while the hunk moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HunkId(pub u64);

/// Names a change within a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChangeId(pub u64);

impl fmt::Display for HunkId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "h{}", self.0)
    }
}

impl fmt::Display for ChangeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "c{}", self.0)
    }
}

/// A line of a hunk, counted from 0 among the removed or the added ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineId {
    /// A line that the hunk takes away.
    Removed(usize),
    /// A line that the hunk brings.
    Added(usize),
}

/// What the user said about a hunk.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Nothing yet.
    #[default]
    Undecided,
    /// It is wanted.
    Keep,
    /// It is not wanted.
    Drop,
    /// Of its lines these are wanted: to be taken away, or to be brought.
    Lines(BTreeSet<LineId>),
}

/// How a hunk stands to the text that it is to change; derived, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The text is the one that the hunk was made against.
    Ready,
    /// The text is already what the hunk would make of it.
    Landed,
    /// The text was changed since, by somebody else, where the hunk would change it.
    Conflict,
}

/// A hunk of a text.
///
/// It replaces `base` at `range` of the live text by `proposed`. While nobody touches that place, the
/// live text there equals `base`. When somebody does, all three texts are at hand: `base`, the live one,
/// and `proposed`; `base` and `proposed` then have grown by the lines around that were changed with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    pub(crate) id: HunkId,
    pub(crate) change: ChangeId,
    pub(crate) range: Range<usize>,
    pub(crate) base: String,
    pub(crate) proposed: String,
    /// How many bytes `base` and `proposed` have grown by, before and behind.
    pub(crate) grown: (usize, usize),
    /// What was first proposed, if the user has edited it.
    pub(crate) first_proposed: Option<String>,
    pub(crate) decision: Decision,
    /// The live text that the decision was made on, and what the hunk had grown by.
    pub(crate) decided_on: (String, (usize, usize)),
    /// The digest of its own texts then; nothing if none was noted.
    pub(crate) decided_about: Option<Digest>,
}

impl Hunk {
    pub(crate) fn new(id: HunkId, change: ChangeId, range: Range<usize>, base: &str, proposed: &str) -> Self {
        Self {
            id,
            change,
            range,
            base: base.to_owned(),
            proposed: proposed.to_owned(),
            grown: (0, 0),
            first_proposed: None,
            decision: Decision::Undecided,
            decided_on: (String::new(), (0, 0)),
            decided_about: None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> HunkId {
        self.id
    }

    /// The change that it is part of.
    #[must_use]
    pub fn change(&self) -> ChangeId {
        self.change
    }

    /// Where it is in the live text, in bytes.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// The text that it was made against.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The text that it brings, as the user edited it if they did.
    #[must_use]
    pub fn proposed(&self) -> &str {
        &self.proposed
    }

    /// What was first proposed, if the user has edited it since.
    #[must_use]
    pub fn first_proposed(&self) -> Option<&str> {
        self.first_proposed.as_deref()
    }

    /// What the user said about it, whether or not that still holds; see [`Hunk::effective`].
    #[must_use]
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// Its lines, removed and added, matched with one another.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        lines::rows(&self.base, &self.proposed)
    }

    /// What stands now where it would act.
    #[must_use]
    pub fn mine<'a>(&self, live: &'a str) -> &'a str {
        &live[self.range.clone()]
    }

    /// How it stands to the live text.
    #[must_use]
    pub fn status(&self, live: &str) -> Status {
        let mine = self.mine(live);
        if self.base != self.proposed && mine == self.base {
            Status::Ready
        } else if mine == self.proposed || self.kept_text().is_some_and(|kept| mine == kept) {
            Status::Landed
        } else {
            Status::Conflict
        }
    }

    /// What the user said, if it was said of the text that stands there now.
    ///
    /// A decision to keep binds the text that the user saw; once that changes, it binds nothing.
    #[must_use]
    pub fn effective(&self, live: &str) -> &Decision {
        match self.decision {
            Decision::Undecided | Decision::Drop => &self.decision,
            Decision::Keep | Decision::Lines(_) if self.holds_on(live) => &self.decision,
            Decision::Keep | Decision::Lines(_) => &Decision::Undecided,
        }
    }

    fn holds_on(&self, live: &str) -> bool {
        self.decided_on.0 == self.mine(live) && self.has_decided_texts()
    }

    /// Whether the hunk has the texts that were decided about: it may have grown since, or have taken back
    /// what it had grown by and grown by as much of something else.
    fn has_decided_texts(&self) -> bool {
        self.decided_on.1 == self.grown
            && self
                .decided_about
                .is_none_or(|texts| texts == self.texts_digest())
    }

    fn texts_digest(&self) -> Digest {
        Digest::of_fields(&[self.base.as_bytes(), self.proposed.as_bytes()])
    }

    /// Whether it brings a last line that has no end: nothing can stand behind it.
    pub(crate) fn ends_file(&self) -> bool {
        !self.proposed.is_empty() && !self.proposed.ends_with('\n')
    }

    /// Stands for all that a decision on this hunk depends on: what stands there and what would come.
    #[must_use]
    pub fn digest(&self, live: &str) -> Digest {
        Digest::of_fields(&[
            self.base.as_bytes(),
            self.mine(live).as_bytes(),
            self.proposed.as_bytes(),
        ])
    }

    /// What the decision would put in place of the live text; nothing if it would put nothing.
    pub(crate) fn kept_text(&self) -> Option<String> {
        match &self.decision {
            Decision::Undecided | Decision::Drop => None,
            Decision::Keep => Some(self.proposed.clone()),
            // Lines are counted in the texts that the user saw; those may have grown since.
            Decision::Lines(kept) if self.has_decided_texts() => {
                Some(compose(&self.base, &self.proposed, kept))
            }
            Decision::Lines(_) => None,
        }
    }

    pub(crate) fn decide(&mut self, decision: Decision, live: &str) {
        self.decided_on = (self.mine(live).to_owned(), self.grown);
        self.decided_about = Some(self.texts_digest());
        self.decision = decision;
    }

    pub(crate) fn edit_proposed(&mut self, text: &str) {
        let before = std::mem::replace(&mut self.proposed, text.to_owned());
        self.first_proposed.get_or_insert(before);
        // The new text is for all that the hunk covers by now.
        self.grown = (0, 0);
    }

    /// Gives the last line that it brings an end, if it has none.
    pub(crate) fn end_line(&mut self, line_end: &str) {
        if !self.ends_file() {
            return;
        }
        // What it has grown by stands in both texts.
        if self.grown.1 > 0 {
            self.base.push_str(line_end);
            self.grown.1 += line_end.len();
        }
        self.proposed.push_str(line_end);
    }

    /// Takes the name of a hunk that proposed something else in the same place.
    pub(crate) fn rename(&mut self, id: HunkId) {
        self.id = id;
    }
}

/// The lines of `base`, without those removed by `kept`, with those added by it, each where it belongs.
fn compose(base: &str, proposed: &str, kept: &BTreeSet<LineId>) -> String {
    let (removed, added) = (lines::split(base), lines::split(proposed));
    let line_end = if base.contains("\r\n") || proposed.contains("\r\n") {
        "\r\n"
    } else {
        "\n"
    };
    let mut text = String::with_capacity(base.len() + proposed.len());
    let mut push = |line: &str| {
        // Only the last line of a file may lack its end; another line behind it needs it.
        if !text.is_empty() && !text.ends_with('\n') {
            text.push_str(line_end);
        }
        text.push_str(line);
    };
    for row in lines::rows(base, proposed) {
        if let Some(index) = row.removed
            && !kept.contains(&LineId::Removed(index))
        {
            push(removed[index]);
        }
        if let Some(index) = row.added
            && kept.contains(&LineId::Added(index))
        {
            push(added[index]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn composed(base: &str, proposed: &str, kept: &[LineId]) -> String {
        compose(base, proposed, &kept.iter().copied().collect())
    }

    #[test]
    fn lines_are_kept_where_they_belong() {
        use LineId::{Added, Removed};
        let (base, proposed) = ("one\ntwo\nthree\n", "ONE\nTWO\nTHREE\n");
        assert_eq!(composed(base, proposed, &[]), base);
        assert_eq!(
            composed(base, proposed, &[Removed(1), Added(1)]),
            "one\nTWO\nthree\n"
        );
        assert_eq!(composed(base, proposed, &[Added(0)]), "one\nONE\ntwo\nthree\n");
        assert_eq!(
            composed(base, proposed, &[Removed(0), Removed(1), Removed(2)]),
            ""
        );
        let all: Vec<LineId> = (0..3).flat_map(|index| [Removed(index), Added(index)]).collect();
        assert_eq!(composed(base, proposed, &all), proposed);
    }

    #[test]
    fn a_line_without_its_end_gets_one_when_another_follows() {
        assert_eq!(composed("a", "a\nb", &[LineId::Added(1)]), "a\nb");
        assert_eq!(
            composed("a\r\nb", "a\r\nb\r\nc", &[LineId::Added(2)]),
            "a\r\nb\r\nc"
        );
    }

    #[test]
    fn picked_lines_say_nothing_once_the_hunk_has_grown() {
        let mut hunk = Hunk::new(HunkId(1), ChangeId(1), 0..4, "b\nc\n", "B\nc\n");
        hunk.decide(Decision::Lines([LineId::Removed(0)].into()), "b\nc\n");
        assert_eq!(hunk.status("c\n\n\n"), Status::Conflict);
        hunk.range = 0..2;
        assert_eq!(hunk.status("c\n"), Status::Landed);
        hunk.grown = (2, 0);
        hunk.base.insert_str(0, "a\n");
        hunk.proposed.insert_str(0, "a\n");
        hunk.range = 0..4;
        assert_eq!(hunk.status("b\nc\n"), Status::Conflict);
    }

    #[test]
    fn a_decision_binds_the_text_it_was_made_on() {
        let mut hunk = Hunk::new(HunkId(1), ChangeId(1), 0..2, "a\n", "b\n");
        hunk.decide(Decision::Keep, "a\n");
        assert_eq!(hunk.effective("a\n"), &Decision::Keep);
        assert_eq!(hunk.effective("x\n"), &Decision::Undecided);
        assert_eq!(
            [hunk.status("a\n"), hunk.status("b\n"), hunk.status("x\n")],
            [Status::Ready, Status::Landed, Status::Conflict]
        );
    }

    #[test]
    fn a_decision_binds_what_the_hunk_has_grown_by() {
        let mut hunk = Hunk::new(HunkId(1), ChangeId(1), 0..3, "a\n", "b\n");
        hunk.grown = (0, 2);
        hunk.base.push_str("c\n");
        hunk.proposed.push_str("c\n");
        hunk.decide(Decision::Keep, "ad\n");
        assert_eq!(hunk.effective("ad\n"), &Decision::Keep);
        // The same length of another line.
        hunk.base = "a\nd\n".to_owned();
        hunk.proposed = "b\nd\n".to_owned();
        assert_eq!(hunk.effective("ad\n"), &Decision::Undecided);
    }
}
