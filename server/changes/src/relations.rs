//! Which hunks are alike and can be decided in one go, and which stand or fall together.
//!
//! Both are read off the words of the hunks, in any language. They are hints for the user: nothing is
//! decided by them.

use std::collections::{BTreeMap, BTreeSet};

use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::hunk::{Decision, Hunk, HunkId};
use crate::review::{Part, Review};

/// Hunks that do the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What they do.
    pub likeness: Likeness,
    /// The hunks, two or more, in the order of the review.
    pub hunks: Vec<HunkId>,
}

/// What makes hunks alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// Each of them puts one word for another and does nothing else.
    Rename {
        /// The word that goes.
        from: String,
        /// The word that comes.
        to: String,
    },
    /// They replace the same lines by the same lines.
    Same {
        /// The lines that go.
        base: String,
        /// The lines that come.
        proposed: String,
    },
}

/// Hunks that stand or fall together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What ties them.
    pub tie: Tie,
    /// The hunks, two or more, in the order of the review.
    pub hunks: Vec<HunkId>,
}

/// What ties hunks to one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tie {
    /// They all bring a word that stood nowhere before: one defines it, others use it.
    Brings(String),
    /// They all remove a word that then stands nowhere any more.
    Removes(String),
    /// Only together do they leave the brackets of the file as they were.
    Brackets,
}

/// Words shorter than this tie nothing: `i` and `x` are new everywhere.
const TYING_WORD_CHARACTERS_MIN: usize = 3;
/// Hunks longer than this are not compared word by word: nobody renames by rewriting a file.
const COMPARED_BYTES_MAX: usize = 64 * 1024;

impl Review {
    /// The hunks that can be decided in one go.
    #[must_use]
    pub fn groups(&self) -> Vec<Group> {
        let mut groups: BTreeMap<Likeness, Vec<HunkId>> = BTreeMap::new();
        for hunk in self.text_hunks() {
            let same = || Likeness::Same {
                base: hunk.base().to_owned(),
                proposed: hunk.proposed().to_owned(),
            };
            groups
                .entry(renamed(hunk).unwrap_or_else(same))
                .or_default()
                .push(hunk.id());
        }
        let group = |(likeness, hunks)| Group { likeness, hunks };
        groups
            .into_iter()
            .map(group)
            .filter(|group| group.hunks.len() > 1)
            .collect()
    }

    /// The hunks that stand or fall together.
    #[must_use]
    pub fn links(&self) -> Vec<Link> {
        let mut before = BTreeSet::new();
        let mut after = BTreeSet::new();
        for file in self.files() {
            before.extend(words(file.text().live()));
        }
        let previews: Vec<String> = self.files().map(|file| file.text().preview()).collect();
        after.extend(previews.iter().flat_map(|text| words(text)));
        let mut brings: BTreeMap<&str, Vec<HunkId>> = BTreeMap::new();
        let mut removes: BTreeMap<&str, Vec<HunkId>> = BTreeMap::new();
        for hunk in self.text_hunks() {
            let (old, new): (BTreeSet<&str>, BTreeSet<&str>) =
                (words(hunk.base()).collect(), words(hunk.proposed()).collect());
            for word in new
                .difference(&old)
                .filter(|word| ties(word) && !before.contains(*word))
            {
                brings.entry(word).or_default().push(hunk.id());
            }
            for word in old
                .difference(&new)
                .filter(|word| ties(word) && !after.contains(*word))
            {
                removes.entry(word).or_default().push(hunk.id());
            }
        }
        let brings = brings.into_iter().map(|(word, hunks)| Link {
            tie: Tie::Brings(word.to_owned()),
            hunks,
        });
        let removes = removes.into_iter().map(|(word, hunks)| Link {
            tie: Tie::Removes(word.to_owned()),
            hunks,
        });
        brings
            .chain(removes)
            .chain(self.bracket_links())
            .filter(|link| link.hunks.len() > 1)
            .collect()
    }

    /// The links of which some hunks are kept and some dropped.
    #[must_use]
    pub fn torn_links(&self) -> Vec<Link> {
        let decisions: BTreeMap<HunkId, &Decision> =
            self.hunks().map(|view| (view.id, view.decision)).collect();
        let any = |link: &Link, wanted: fn(&Decision) -> bool| {
            link.hunks
                .iter()
                .any(|id| decisions.get(id).is_some_and(|decision| wanted(decision)))
        };
        let keeps = |decision: &Decision| matches!(decision, Decision::Keep | Decision::Lines(_));
        let torn = |link: &Link| any(link, keeps) && any(link, |decision| *decision == Decision::Drop);
        self.links().into_iter().filter(torn).collect()
    }

    fn bracket_links(&self) -> impl Iterator<Item = Link> {
        self.files().filter_map(|file| {
            let mut sum = [0; 3];
            let mut hunks = Vec::new();
            for hunk in file.text().hunks() {
                let (old, new) = (open_brackets(hunk.base()), open_brackets(hunk.proposed()));
                if old != new {
                    hunks.push(hunk.id());
                    (0..3).for_each(|kind| sum[kind] += new[kind] - old[kind]);
                }
            }
            (sum == [0; 3]).then_some(Link {
                tie: Tie::Brackets,
                hunks,
            })
        })
    }

    fn text_hunks(&self) -> impl Iterator<Item = &Hunk> {
        self.hunks().filter_map(|view| match view.part {
            Part::Text(hunk) => Some(hunk),
            Part::Whole(_) => None,
        })
    }
}

fn ties(word: &str) -> bool {
    word.chars().nth(TYING_WORD_CHARACTERS_MIN - 1).is_some()
        && !word.starts_with(|c: char| c.is_ascii_digit())
}

/// The one word that `hunk` puts in place of another, if that is all it does.
fn renamed(hunk: &Hunk) -> Option<Likeness> {
    if hunk.base().len().max(hunk.proposed().len()) > COMPARED_BYTES_MAX {
        return None;
    }
    let (old, new) = (tokens(hunk.base()), tokens(hunk.proposed()));
    let mut found: Option<(&str, &str)> = None;
    for operation in capture_diff_slices(Algorithm::Myers, &old, &new) {
        if matches!(operation, DiffOp::Equal { .. }) {
            continue;
        }
        let pair = match (&old[operation.old_range()], &new[operation.new_range()]) {
            ([from], [to]) if is_word(from) && is_word(to) => (*from, *to),
            _ => return None,
        };
        if found.replace(pair).is_some_and(|earlier| earlier != pair) {
            return None;
        }
    }
    found.map(|(from, to)| Likeness::Rename {
        from: from.to_owned(),
        to: to.to_owned(),
    })
}

fn in_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn is_word(token: &str) -> bool {
    token.starts_with(in_word)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !in_word(character))
        .filter(|word| !word.is_empty())
}

/// The words of a text, and each other character by itself.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = if in_word(first) {
            rest.find(|character| !in_word(character)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        tokens.push(&rest[..end]);
        rest = &rest[end..];
    }
    tokens
}

/// How many brackets of each kind are opened and not closed, below 0 for the reverse.
fn open_brackets(text: &str) -> [isize; 3] {
    let mut open = [0; 3];
    for character in text.chars() {
        match character {
            '(' => open[0] += 1,
            ')' => open[0] -= 1,
            '[' => open[1] += 1,
            ']' => open[1] -= 1,
            '{' => open[2] += 1,
            '}' => open[2] -= 1,
            _ => {}
        }
    }
    open
}
