//! Which tokens must stand in each file, by what was shown and answered: the account that desks are checked against.

use std::collections::BTreeSet;

use changes::HunkId;

/// What a hunk, or going back, does to a file.
#[derive(Debug, Clone)]
pub struct Part {
    /// The hunk that was shown.
    pub id: Option<HunkId>,
    /// The file.
    pub file: usize,
    /// What goes.
    pub removed: BTreeSet<String>,
    /// What comes.
    pub added: BTreeSet<String>,
}

/// How a part stands to a file.
#[derive(Debug, PartialEq, Eq)]
enum Extent {
    Whole,
    Nothing,
    Half,
}

impl Part {
    fn extent(&self, now: &BTreeSet<String>) -> Extent {
        let is =
            |there: &BTreeSet<String>, gone: &BTreeSet<String>| there.is_subset(now) && gone.is_disjoint(now);
        if is(&self.added, &self.removed) {
            Extent::Whole
        } else if is(&self.removed, &self.added) {
            Extent::Nothing
        } else {
            Extent::Half
        }
    }

    fn back(&self) -> Self {
        Self {
            id: None,
            file: self.file,
            removed: self.added.clone(),
            added: self.removed.clone(),
        }
    }
}

/// What must stand in each file, and what can be taken back and done again.
#[derive(Debug, Default)]
pub struct Tokens {
    pub stand: Vec<BTreeSet<String>>,
    steps: Vec<Vec<Part>>,
    undone: Vec<Vec<Part>>,
}

impl Tokens {
    fn enter(&mut self, part: &Part) {
        let stand = &mut self.stand[part.file];
        stand.retain(|token| !part.removed.contains(token));
        stand.extend(part.added.iter().cloned());
    }

    /// What was kept stands there if the answer said so, and else does not.
    ///
    /// Where somebody typed or wrote meanwhile, hunks may have become conflicts that the answer leaves out;
    /// `told` says whether it was applied and whether nobody did.
    pub fn kept(
        &mut self,
        parts: &[Part],
        told: (bool, bool),
        now: &[BTreeSet<String>; 3],
    ) -> Result<(), String> {
        let mut step = Vec::new();
        for part in parts {
            let extent = part.extent(&now[part.file]);
            let right = match (told, &extent) {
                (_, Extent::Half) => false,
                ((true, true), extent) => *extent == Extent::Whole,
                ((true, false), _) => true,
                ((false, _), extent) => *extent == Extent::Nothing,
            };
            if !right {
                return Err(format!("{extent:?} of {part:?} was done"));
            }
            if extent == Extent::Whole {
                self.enter(part);
                step.push(part.clone());
            }
        }
        if !step.is_empty() {
            self.steps.push(step);
            self.undone.clear();
        }
        Ok(())
    }

    /// Each file of the last step is wholly as it was before it, or it waits for a decision as it is.
    pub fn went_back(
        &mut self,
        undo: bool,
        (applied, exact): (bool, bool),
        now: &[BTreeSet<String>; 3],
        waits: &[bool],
    ) -> Result<(), String> {
        let from = if undo { &mut self.steps } else { &mut self.undone };
        let Some(step) = from.last().cloned() else {
            return if applied && exact {
                Err("there was nothing to go back to".to_owned())
            } else {
                Ok(())
            };
        };
        let mut went = Vec::new();
        for file in 0..now.len() {
            let parts: Vec<Part> = step
                .iter()
                .filter(|part| part.file == file)
                .map(Part::back)
                .collect();
            let all = |extent: &Extent| parts.iter().all(|part| part.extent(&now[file]) == *extent);
            // What it would take away can be gone already, with a later step whose own way back waits.
            let stood = |part: &Part| part.extent(&self.stand[file]) == Extent::Whole;
            if !applied && parts.iter().all(stood) {
                continue;
            }
            if all(&Extent::Whole) {
                parts.iter().for_each(|part| self.enter(part));
                went.extend(parts);
            } else if !all(&Extent::Nothing) {
                return Err(format!("{parts:?} was done in part"));
            } else if applied && exact && !waits[file] {
                return Err(format!("{parts:?} was not done, and does not wait"));
            }
        }
        if !applied && !went.is_empty() {
            return Err(format!("{went:?} was done, and the answer says no"));
        }
        if applied {
            let (from, to) = if undo {
                (&mut self.steps, &mut self.undone)
            } else {
                (&mut self.undone, &mut self.steps)
            };
            from.pop();
            to.push(went);
        }
        Ok(())
    }
}

/// The tokens of a line: marks, and then a line that was there or was proposed.
pub fn split(line: &str) -> Vec<String> {
    let mut rest = line;
    let mut found = Vec::new();
    while let Some((mark, behind)) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        found.push(format!("<{mark}>"));
        rest = behind;
    }
    if !rest.is_empty() {
        found.push(rest.to_owned());
    }
    found
}

/// The tokens of a text.
pub fn tokens(text: &str) -> BTreeSet<String> {
    text.lines().flat_map(split).collect()
}
