//! Writing what was decided: the editor's documents first, then the disk, all or nothing.
//!
//! The disk is looked at and the intent is put on record; then, while that waits at its gate, the editor is
//! asked to change its documents. Once they say that they have changed, the disk follows. When the editor
//! refuses, nothing is on the disk; when the disk refuses after that, the editor is asked to go back.

use std::time::Duration;

use changes::{About, Edit, HunkId, Plan, WorkspacePath, Write};
use ropey::Rope;

use super::command::Command;
use super::desk::{Answer, Desk, Documents, Effect, Work};
use super::editing::Editing;
use super::job::{Applied, Apply, Done, Record, Refused};
use super::keeping::refuse;

/// How long the editor may take to change its documents. Some ask the user first.
const EDITOR_TIME_MAX: Duration = Duration::from_secs(30);
/// How long after its answer a change may take to show in a document.
pub(super) const SHOWS_AFTER_MAX: Duration = Duration::from_secs(3);
/// How often a write is planned again because the user typed meanwhile.
pub(super) const TRIES_MAX: u32 = 5;

/// A write under way.
pub(super) struct Applying {
    pub(super) writes: Vec<Write>,
    pub(super) about: About,
    pub(super) records: Vec<Record>,
    /// What the editor is asked for.
    pub(super) editing: Editing,
    pub(super) tries: u32,
    pub(super) stage: Stage,
    pub(super) then: Then,
}

/// How far a write is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The disk is being looked at, or written if there is nothing to ask the editor.
    Begins,
    /// The editor was asked.
    Asked { number: u64 },
    /// The disk is being written.
    Writes,
    /// It is being given up.
    Withdraws { reason: String },
    /// It is being given up to be planned again.
    StartsOver,
    /// The editor was asked to go back.
    Reverts { number: u64, reason: String },
}

/// What a write is for.
pub(super) enum Then {
    /// Hunks were kept.
    Kept {
        hunks: Vec<HunkId>,
        plan: Plan,
        note: Option<String>,
        answer: Answer,
    },
    /// Steps are taken back.
    TookBack {
        command: Command,
        note: Option<String>,
        answer: Answer,
    },
    /// The editor has carried hunks out by itself.
    Landed { hunks: Vec<HunkId> },
}

impl Applying {
    /// The job that writes.
    pub(super) fn job(&self) -> Apply {
        Apply {
            writes: self.writes.clone(),
            about: self.about.clone(),
            records: self.records.clone(),
            gated: !self.editing.is_empty(),
        }
    }

    pub(super) fn expects(&self, path: &WorkspacePath) -> bool {
        self.editing.contains(path)
    }

    /// The edits that were asked for, if `text` shows that the editor has just made them and nothing else.
    pub(super) fn carried_out(&self, path: &WorkspacePath, text: &Rope) -> Option<Vec<Edit>> {
        let asked = matches!(self.stage, Stage::Asked { .. } | Stage::Withdraws { .. });
        asked.then(|| self.editing.carried_out(path, text)).flatten()
    }

    pub(super) fn followed(&mut self, path: &WorkspacePath, edit: Option<&Edit>, text: &Rope) {
        // Before it is asked the editor changes nothing for us, and what the user types is planned anew.
        if matches!(
            self.stage,
            Stage::Asked { .. } | Stage::Withdraws { .. } | Stage::Writes | Stage::Reverts { .. }
        ) {
            self.editing.followed(path, edit, text);
        }
    }
}

impl Desk {
    /// A write has come to its gate, or has ended.
    pub(super) fn apply_done(
        &mut self,
        mut applying: Applying,
        done: Done,
        documents: &dyn Documents,
        effects: &mut Vec<Effect>,
    ) {
        match done {
            Done::Begun => {
                match applying.editing.asked(documents) {
                    Some(edits) => {
                        let number = self.next_number();
                        let label = format!("Freehold: {}", applying.about.title);
                        effects.push(Effect::EditDocuments { number, label, edits });
                        effects.push(Effect::Wait {
                            number,
                            duration: EDITOR_TIME_MAX,
                        });
                        applying.stage = Stage::Asked { number };
                    }
                    None => {
                        effects.push(Effect::Proceed(false));
                        applying.stage = Stage::StartsOver;
                    }
                }
                self.work = Some(Work::Applying(Box::new(applying)));
            }
            Done::Applied(Ok(Applied { marks, .. })) => {
                self.marks = marks;
                self.note_written(&applying.writes);
                self.carried_out(applying.then, effects);
            }
            Done::Applied(Err(refused)) => self.apply_refused(applying, refused, documents, effects),
            _ => self.work = Some(Work::Applying(Box::new(applying))),
        }
    }

    /// Learns what was written to the disk.
    fn note_written(&mut self, writes: &[Write]) {
        for write in writes.iter().filter(|write| !write.in_editor) {
            if !self.open.contains_key(&write.path) && self.review.file(&write.path).is_some() {
                self.looks_at(write.path.clone());
            }
        }
    }

    fn apply_refused(
        &mut self,
        mut applying: Applying,
        refused: Refused,
        documents: &dyn Documents,
        effects: &mut Vec<Effect>,
    ) {
        if applying.stage == Stage::StartsOver && refused.given_up && applying.tries < TRIES_MAX {
            return self.start_over(applying, documents, effects);
        }
        let mut reason = match std::mem::replace(&mut applying.stage, Stage::Begins) {
            Stage::Withdraws { reason } => reason,
            Stage::StartsOver => "the text is being changed all the time; decide again".to_owned(),
            _ => refused.message,
        };
        if let Some(stale) = refused.stale {
            if self.open.contains_key(&stale) {
                reason = format!("`{stale}` has edits that are not saved; save it, then decide again");
            }
            self.looks_at(stale);
        }
        let edits = applying.editing.inverse(documents);
        if edits.is_empty() {
            return self.give_up(applying, reason, effects);
        }
        let number = self.next_number();
        let label = format!("Freehold: take back {}", applying.about.title);
        effects.push(Effect::EditDocuments { number, label, edits });
        effects.push(Effect::Wait {
            number,
            duration: EDITOR_TIME_MAX,
        });
        applying.stage = Stage::Reverts { number, reason };
        self.work = Some(Work::Applying(Box::new(applying)));
    }

    fn start_over(&mut self, applying: Applying, documents: &dyn Documents, effects: &mut Vec<Effect>) {
        let tries = applying.tries + 1;
        match applying.then {
            then @ Then::Kept { .. } => self.write_then(then, tries, documents, effects),
            Then::TookBack { command, answer, .. } => {
                self.find_back(command, answer, tries, documents, effects)
            }
            Then::Landed { .. } => {}
        }
    }

    /// Nothing was written.
    fn give_up(&mut self, applying: Applying, reason: String, effects: &mut Vec<Effect>) {
        match applying.then {
            Then::Kept { hunks, answer, .. } => {
                // What was asked of the editor may be done yet; what lies on the disk nobody else was asked for.
                let review = &self.review;
                let is_open = |id: &HunkId| {
                    let view = review.hunk(*id);
                    view.is_some_and(|view| self.open.contains_key(view.file.path()))
                };
                let asked: Vec<HunkId> = hunks.iter().copied().filter(is_open).collect();
                self.late.extend(asked);
                self.undecide(&hunks);
                refuse(answer, reason, effects);
            }
            Then::TookBack { answer, .. } => refuse(answer, reason, effects),
            Then::Landed { hunks } => {
                self.late.retain(|late| !hunks.contains(late));
                effects.push(Effect::Say(format!(
                    "cannot put on record what the editor did: {reason}"
                )));
            }
        }
    }

    /// Looks whether the documents are what was asked for by now.
    pub(super) fn go_on_applying(&mut self, effects: &mut Vec<Effect>) {
        let Some(Work::Applying(applying)) = &mut self.work else {
            return;
        };
        match &applying.stage {
            Stage::Asked { .. } if applying.editing.all_landed() => {
                effects.push(Effect::Proceed(true));
                applying.stage = Stage::Writes;
            }
            Stage::Reverts { reason, .. } if applying.editing.is_taken_back() => {
                let reason = reason.clone();
                self.reverted(reason, effects);
            }
            _ => {}
        }
    }

    fn reverted(&mut self, reason: String, effects: &mut Vec<Effect>) {
        if let Some(Work::Applying(applying)) = self.work.take() {
            self.give_up(*applying, reason, effects);
        }
    }

    pub(super) fn apply_answered(
        &mut self,
        answered: u64,
        applied: Result<bool, String>,
        effects: &mut Vec<Effect>,
    ) {
        let stage = match &self.work {
            Some(Work::Applying(applying)) => &applying.stage,
            _ => return,
        };
        let number = match stage {
            Stage::Asked { number } | Stage::Reverts { number, .. } if *number == answered => *number,
            _ => return,
        };
        match applied {
            Ok(true) => {
                effects.push(Effect::Wait {
                    number,
                    duration: SHOWS_AFTER_MAX,
                });
                self.go_on_applying(effects);
            }
            Ok(false) => self.not_applied("the editor refused to change its documents", effects),
            Err(error) => {
                self.not_applied(
                    &format!("the editor cannot change its documents: {error}"),
                    effects,
                );
            }
        }
    }

    pub(super) fn apply_waited(&mut self, waited: u64, effects: &mut Vec<Effect>) {
        let waits = match &self.work {
            Some(Work::Applying(applying)) => matches!(
                &applying.stage,
                Stage::Asked { number } | Stage::Reverts { number, .. } if *number == waited
            ),
            _ => false,
        };
        if waits {
            self.not_applied("the editor did not change its documents in time", effects);
        }
    }

    fn not_applied(&mut self, why: &str, effects: &mut Vec<Effect>) {
        let Some(Work::Applying(applying)) = &mut self.work else {
            return;
        };
        if let Stage::Reverts { reason, .. } = &applying.stage {
            let reason = format!(
                "{reason}; and {why}: undo the change to {} in the editor",
                applying.editing.names()
            );
            return self.reverted(reason, effects);
        }
        effects.push(Effect::Proceed(false));
        applying.stage = Stage::Withdraws {
            reason: format!("{why}; nothing was written"),
        };
    }
}
