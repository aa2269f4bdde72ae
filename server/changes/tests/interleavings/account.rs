//! The account that the review is checked against: who wants what of a file.
//!
//! It is kept from texts that people have written, read and been shown, by counting characters and comparing
//! their order. It asks the review for what it shows, never for what it concludes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use changes::{ChangeId, Decision, Hunk, HunkId, LineId, Status};

use crate::world::{characters, is_line_end};

/// How often each character stands in a text, or how much more often than in another; none of them 0.
pub type Tally = BTreeMap<char, i64>;

/// Counts the characters of `text` in, so many times each.
pub fn count_in(tally: &mut Tally, text: &str, times: i64) {
    for character in text.chars() {
        let count = tally.entry(character).or_default();
        *count += times;
        if *count == 0 {
            tally.remove(&character);
        }
    }
}

/// How much more often each character stands in `new` than in `old`.
pub fn change(old: &str, new: &str) -> Tally {
    let mut tally = Tally::new();
    count_in(&mut tally, new, 1);
    count_in(&mut tally, old, -1);
    tally
}

/// A hunk as the user is shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub id: HunkId,
    pub change: ChangeId,
    pub range: Range<usize>,
    pub base: String,
    pub mine: String,
    pub proposed: String,
}

impl Shown {
    /// `live` is the true text, not what the review takes for it.
    pub fn of(hunk: &Hunk, live: &str) -> Option<Self> {
        Some(Self {
            id: hunk.id(),
            change: hunk.change(),
            range: hunk.range(),
            base: hunk.base().to_owned(),
            mine: live.get(hunk.range())?.to_owned(),
            proposed: hunk.proposed().to_owned(),
        })
    }

    pub fn is_ready(&self) -> bool {
        self.base == self.mine && self.base != self.proposed
    }

    /// Whether two views offer the same choice, wherever in the file.
    pub fn offers_same(&self, other: &Self) -> bool {
        self.id == other.id
            && self.base == other.base
            && self.mine == other.mine
            && self.proposed == other.proposed
    }

    /// Whether this is `old` still. One that was to end the file has got a line end where another is to come
    /// behind it.
    pub fn continues(&self, old: &Self) -> bool {
        let is_ended = |new: &str, old: &str| {
            let is_open = !old.is_empty() && !old.ends_with('\n');
            let end = new.strip_prefix(old);
            end == Some("") || (is_open && matches!(end, Some("\n" | "\r\n")))
        };
        (self.id, self.change, &self.range) == (old.id, old.change, &old.range)
            && self.mine == old.mine
            && is_ended(&self.base, &old.base)
            && is_ended(&self.proposed, &old.proposed)
    }

    /// Whether nothing stands between two hunks, or they share a place.
    pub fn meets(&self, other: &Self) -> bool {
        self.range.start <= other.range.end && other.range.start <= self.range.end
    }
}

/// What the user said about a hunk, and what they were shown then.
#[derive(Debug, Clone)]
struct Said {
    shown: Shown,
    decision: Decision,
    /// What is to stand there, if anything else than before.
    puts: Option<String>,
}

/// What waits for one file.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// What all that was proposed and not yet decided wants to do to the count of each character.
    pub wanted: Tally,
    /// The texts that were proposed for the file.
    pub proposed: Vec<String>,
    /// Characters whose order says nothing any more: they have stood in the file more than once, or lines
    /// were picked among them. An old line that stays and a new one that came without the line it was to
    /// stand beside have no order that anybody proposed; that each side keeps its own, `is_picked` checks.
    pub loose: BTreeSet<char>,
    said: BTreeMap<HunkId, Said>,
    /// What stood in the file last time.
    stood: BTreeSet<char>,
}

impl Account {
    pub fn says(&mut self, shown: &Shown, decision: Decision, puts: Option<String>) {
        let said = Said {
            shown: shown.clone(),
            decision,
            puts,
        };
        match said.decision {
            Decision::Undecided => drop(self.said.remove(&shown.id)),
            _ => drop(self.said.insert(shown.id, said)),
        }
    }

    pub fn forget_what_was_said(&mut self, id: HunkId) {
        self.said.remove(&id);
    }

    /// What holds of what the user said: a yes only about the very texts that they were shown, a no for
    /// good, since who does not want a text does not want it beside another either.
    pub fn decision(&self, shown: &Shown) -> Decision {
        let Some(said) = self.said.get(&shown.id) else {
            return Decision::Undecided;
        };
        if said.decision == Decision::Drop || said.shown.offers_same(shown) {
            said.decision.clone()
        } else {
            Decision::Undecided
        }
    }

    pub fn status(&self, shown: &Shown) -> Status {
        let said = self.said.get(&shown.id);
        let wanted_there =
            |said: &Said| said.shown.base == shown.base && said.puts.as_ref() == Some(&shown.mine);
        let there = said.is_some_and(wanted_there);
        if shown.is_ready() {
            Status::Ready
        } else if shown.mine == shown.proposed || there {
            Status::Landed
        } else {
            Status::Conflict
        }
    }

    /// What is to be put in the hunk's place because the user wants it.
    pub fn kept(&self, shown: &Shown) -> Option<String> {
        let puts = match self.decision(shown) {
            Decision::Undecided | Decision::Drop => None,
            Decision::Keep => Some(shown.proposed.clone()),
            Decision::Lines(_) => self.said[&shown.id].puts.clone(),
        };
        puts.filter(|text| *text != shown.mine)
    }

    /// What the overlay shows in the hunk's place: what waits, as far as it was not refused.
    pub fn previewed(&self, shown: &Shown) -> Option<String> {
        match (self.status(shown), self.decision(shown)) {
            (Status::Landed, _) | (_, Decision::Drop) => None,
            (Status::Ready, Decision::Undecided) => Some(shown.proposed.clone()),
            (Status::Ready, Decision::Lines(_)) => {
                let said = &self.said[&shown.id];
                said.puts.clone().or_else(|| Some(shown.base.clone()))
            }
            (Status::Ready | Status::Conflict, _) => self.kept(shown),
        }
    }

    /// Whether a hunk waits and the overlay does not show it.
    pub fn is_left_out(&self, shown: &Shown) -> bool {
        self.decision(shown) == Decision::Drop
            || (self.status(shown) == Status::Conflict && self.kept(shown).is_none())
    }

    /// Takes out what a hunk wanted: it waits no more.
    pub fn settle(&mut self, shown: &Shown) {
        count_in(&mut self.wanted, &shown.proposed, -1);
        count_in(&mut self.wanted, &shown.base, 1);
        self.said.remove(&shown.id);
    }

    /// Whether the characters that `text` shares with a proposed text stand in the order proposed.
    pub fn keeps_order(&self, text: &str) -> bool {
        let settled = text
            .char_indices()
            .filter(|(_, character)| !is_line_end(*character) && !self.loose.contains(character));
        let places: BTreeMap<char, usize> = settled.map(|(place, character)| (character, place)).collect();
        self.proposed.iter().all(|proposed| {
            let shared = proposed.chars().filter_map(|character| places.get(&character));
            shared.is_sorted()
        })
    }

    /// Lines that were to stand between two others, of which somebody has changed one, or joined them: on
    /// which side of what stands there now they belong, nobody has said. Neither where a text belongs that
    /// the user wants in a conflict, beside what they have made of it themselves by then.
    pub fn note_displaced(&mut self, all: &[Shown]) {
        for shown in all {
            let changed = |other: &Shown| !other.is_ready() && shown.meets(other);
            let between = shown.base.is_empty() && all.iter().any(changed);
            let wanted = self.status(shown) == Status::Conflict && self.kept(shown).is_some();
            if between || wanted {
                self.loose.extend(characters(&shown.proposed));
            }
        }
    }

    /// Who deletes something and writes it again puts it where they put it.
    pub fn note_deleted(&mut self, live: &str) {
        let now = characters(live);
        self.loose.extend(self.stood.difference(&now));
        self.stood = now;
    }

    pub fn note_doubled(&mut self, text: &str) {
        let mut tally = Tally::new();
        count_in(&mut tally, text, 1);
        let doubled = tally.into_iter().filter(|(_, count)| *count > 1);
        self.loose.extend(
            doubled
                .map(|(character, _)| character)
                .filter(|&character| !is_line_end(character)),
        );
    }
}

/// A text with other texts in these places, which are in order and apart.
pub fn splice(text: &str, places: &[(Range<usize>, String)]) -> String {
    let mut made = text.to_owned();
    for (range, new) in places.iter().rev() {
        made.replace_range(range.clone(), new);
    }
    made
}

/// Whether `kept` is what comes of keeping only `picked` lines of what makes `proposed` of `base`: the
/// lines of both in their orders, none missing and none besides.
pub fn is_picked(base: &str, proposed: &str, picked: &BTreeSet<LineId>, kept: &str) -> bool {
    // The last line of a file may lack its end; where another comes behind it, it gets that of its neighbours.
    let line_end = if base.contains("\r\n") || proposed.contains("\r\n") {
        "\r\n"
    } else {
        "\n"
    };
    let ended = |text: &str| -> Vec<String> {
        let lines = text.split_inclusive('\n');
        let ended = |line: &str| match line.ends_with('\n') {
            true => line.to_owned(),
            false => line.to_owned() + line_end,
        };
        lines.map(ended).collect()
    };
    let chosen = |lines: Vec<String>, wanted: &dyn Fn(usize) -> bool| -> Vec<String> {
        let lines = lines.into_iter().enumerate();
        lines
            .filter(|(index, _)| wanted(*index))
            .map(|(_, line)| line)
            .collect()
    };
    let stay = chosen(ended(base), &|index| !picked.contains(&LineId::Removed(index)));
    let come = chosen(ended(proposed), &|index| picked.contains(&LineId::Added(index)));
    let all = ended(kept);
    let mut sorted = all.clone();
    let mut expected: Vec<String> = stay.iter().chain(&come).cloned().collect();
    sorted.sort();
    expected.sort();
    sorted == expected && is_within(&stay, &all) && is_within(&come, &all)
}

/// Whether `part` stands in `all` in its order, other lines between.
fn is_within(part: &[String], all: &[String]) -> bool {
    let mut rest = all.iter();
    part.iter().all(|line| rest.any(|other| other == line))
}
