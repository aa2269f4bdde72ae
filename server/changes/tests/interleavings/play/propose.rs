//! Somebody reads a file and proposes a change to it.

use std::collections::BTreeSet;

use changes::{ChangeInfo, Content, Proposal, ProposeError, ProposedFile};

use super::{Checked, Game, require};
use crate::account::{Shown, Tally, count_in};
use crate::world::{characters, has_empty_line, is_line_end, rewrite};

/// What a proposal was made for.
struct Reading {
    seen: String,
    proposed: String,
    /// What waited when it came.
    shown: Vec<Shown>,
    live: String,
    preview: String,
}

impl Reading {
    /// The characters of which no comparison of texts can tell where in the live text they belong: empty
    /// lines are all alike, and which of them stands where a proposal has one, only whoever made it knows.
    fn unclear(&self) -> BTreeSet<char> {
        let texts = [&self.seen, &self.live, &self.proposed];
        if !texts.into_iter().any(|text| has_empty_line(text)) {
            return BTreeSet::new();
        }
        let live = characters(&self.live);
        characters(&self.proposed).difference(&live).copied().collect()
    }
}

impl Game {
    /// Somebody reads a file, the user goes on meanwhile, and a proposal for what was read comes in.
    pub(super) fn propose(&mut self, index: usize) -> Checked {
        let file = &self.files[index];
        // Whoever goes through the overlay reads what waits, others read the file.
        let seen = match self.review.file(&file.path) {
            Some(review) if !self.random.one_in(3) => review.text().preview(),
            _ => file.live().to_owned(),
        };
        let proposed = rewrite(&seen, file.line_end, &mut self.alphabet, &mut self.random);
        if self.random.one_in(3) {
            self.type_something(index)?;
        }
        let reading = Reading {
            shown: self.shown(index)?,
            live: self.files[index].live().to_owned(),
            preview: self.previewed(index)?,
            seen,
            proposed,
        };
        let file = &self.files[index];
        let content = |text: &str| {
            Some(Content::Text {
                text: text.into(),
                format: file.format,
            })
        };
        let proposal = Proposal {
            info: ChangeInfo {
                title: "a change".to_owned(),
                origin: "the game".to_owned(),
                ..ChangeInfo::default()
            },
            files: vec![ProposedFile {
                path: file.path.clone(),
                seen: content(&reading.seen),
                content: content(&reading.proposed),
                rename: None,
                mode: None,
            }],
        };
        let live = file.as_live();
        match self.review.propose(proposal, |_| live.clone()) {
            Ok(change) => {
                self.counts.count("proposals");
                self.changes.push(change);
                self.take_in(index, &reading)
            }
            Err(ProposeError::Stale { .. }) => {
                self.counts.count("stale proposals refused");
                let stale = !reading.shown.is_empty() && reading.seen != reading.preview;
                require(stale, || {
                    "what was made of all that waits was refused as stale".to_owned()
                })?;
                require(self.shown(index)? == reading.shown, || {
                    "a refused proposal changed the review".to_owned()
                })
            }
            Err(error) => Err(format!("refused: {error}")),
        }
    }

    /// Enters a proposal into the account.
    fn take_in(&mut self, index: usize, reading: &Reading) -> Checked {
        let now = self.shown(index)?;
        let file = &mut self.files[index];
        let account = &mut file.account;
        account.proposed.push(reading.proposed.clone());
        account.loose.extend(reading.unclear());
        account.note_deleted(&reading.live);
        if reading.shown.is_empty() {
            account.wanted = crate::account::change(&reading.seen, &reading.proposed);
            return Ok(());
        }
        // Of what waited all that the overlay showed is in the new preview, but for what this takes away.
        let mut wanted = Tally::new();
        count_in(&mut wanted, &reading.preview, 1);
        for (character, more) in crate::account::change(&reading.seen, &reading.proposed) {
            // The user may have taken it away already.
            let count = wanted.entry(character).or_default();
            *count = (*count + more).max(0);
        }
        count_in(&mut wanted, &reading.live, -1);
        // What the overlay did not show stays, unless the proposal is for that very place: then whoever made
        // it has read what stands there, and asks anew. Two hunks cannot be shown in one place.
        for old in &reading.shown {
            if !account.is_left_out(old) {
                continue;
            }
            if now.iter().any(|new| new.continues(old)) {
                count_in(&mut wanted, &old.proposed, 1);
                count_in(&mut wanted, &old.base, -1);
            } else {
                let met = now.iter().any(|new| new.meets(old) && new.change != old.change);
                require(met, || {
                    format!("{old:?} was lost to a proposal elsewhere: {now:?}")
                })?;
                self.counts.count("hunks replaced by newer ones");
            }
        }
        // What was said holds for the hunks that are still the same; what is proposed again is asked again.
        let gone = |old: &&Shown| !now.iter().any(|new| new.continues(old));
        for old in reading.shown.iter().filter(gone) {
            account.forget_what_was_said(old.id);
        }
        // Line ends are not told apart: of these only the whole proposal says what is wanted.
        let mut counted = Tally::new();
        for shown in &now {
            count_in(&mut counted, &shown.proposed, 1);
            count_in(&mut counted, &shown.base, -1);
        }
        wanted.retain(|&character, count| *count != 0 && !is_line_end(character));
        wanted.extend(
            counted
                .into_iter()
                .filter(|(character, _)| is_line_end(*character)),
        );
        account.wanted = wanted;
        // Whoever has read everything gets what they proposed, to the letter.
        require(
            reading.seen != reading.preview || self.previewed(index)? == reading.proposed,
            || format!("the overlay is not what was proposed: {:?}", reading.proposed),
        )
    }
}
