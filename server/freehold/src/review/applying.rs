//! Writing what was decided: the editor's documents first, then the disk, all or nothing.
//!
//! The disk is looked at and the intent is put on record; then, while that waits at its gate, the editor is
//! asked to change its documents. Once they say that they have changed, the disk follows. When the editor
//! refuses, nothing is on the disk; when the disk refuses after that, the editor is asked to go back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use changes::{
    About, AuditKind, ChangeId, ChangeInfo, Content, Edit, HunkId, Live, Part, Plan, Proposal, Review,
    Status, TakeBack, WorkspacePath, Write, edits,
};
use ropey::Rope;

use super::command::Command;
use super::desk::{Answer, Desk, Documents, Effect, Shown, Work, in_editor};
use super::editing::{Editing, Expected, without};
use super::job::{Applied, Apply, Back, Done, Record, Refused};
use super::keeping::{applied, refuse, waits};

/// How long the editor may take to change its documents. Some ask the user first.
const EDITOR_TIME_MAX: Duration = Duration::from_secs(30);
/// How long after its answer a change may take to show in a document.
const SHOWS_AFTER_MAX: Duration = Duration::from_secs(3);
/// How often a write is planned again because the user typed meanwhile.
const TRIES_MAX: u32 = 5;

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
                // What was asked of the editor may be done yet.
                self.late.extend(hunks.iter().copied());
                self.undecide(&hunks);
                refuse(answer, reason, effects);
            }
            Then::TookBack { answer, .. } => refuse(answer, reason, effects),
            Then::Landed { hunks } => {
                hunks.iter().for_each(|hunk| drop(self.late.remove(hunk)));
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

    /// Begins to write what going back or forward comes to.
    pub(super) fn take_back(
        &mut self,
        command: Command,
        answer: Answer,
        tries: u32,
        back: Back,
        documents: &dyn Documents,
        effects: &mut Vec<Effect>,
    ) {
        let verb = if matches!(command, Command::Redo(_)) {
            "Redo"
        } else {
            "Undo"
        };
        let Back {
            steps,
            title,
            found: TakeBack {
                mut writes,
                conflicts,
            },
            live,
        } = back;
        let mut editing = Editing::default();
        for write in writes.iter_mut().filter(|write| write.in_editor) {
            let Some((before, after)) = plain_texts(write) else {
                write.in_editor = false;
                continue;
            };
            let uri = self.uri(&write.path);
            let text = documents.document(&uri).map(|(text, _)| text);
            let Some(text) = text.filter(|text| **text == before.as_str()) else {
                if tries < TRIES_MAX {
                    return self.find_back(command, answer, tries + 1, documents, effects);
                }
                return refuse(
                    answer,
                    "the text is being changed all the time; try again".to_owned(),
                    effects,
                );
            };
            if !self.abilities.edits_documents {
                let message = format!(
                    "this editor cannot be asked to change `{}`, which it has open; save and close it first",
                    write.path
                );
                return refuse(answer, message, effects);
            }
            editing.add(Expected::new(&write.path, &uri, text, &edits(&before, &after)));
        }
        let note = self.put_up_conflicts(verb, &title, conflicts, &live, documents, effects);
        if writes.is_empty() {
            return match note {
                Some(message) => refuse(answer, message, effects),
                None => refuse(
                    answer,
                    "the files are as they were before that already".to_owned(),
                    effects,
                ),
            };
        }
        let applying = Applying {
            writes,
            about: About {
                title: format!("{verb} {title}"),
                takes_back: steps,
                ..About::default()
            },
            records: Vec::new(),
            editing,
            tries,
            stage: Stage::Begins,
            then: Then::TookBack {
                command,
                note,
                answer,
            },
        };
        self.apply(applying, effects);
    }

    /// What cannot be taken back without overwriting somebody's work is proposed, and so decided.
    fn put_up_conflicts(
        &mut self,
        verb: &str,
        title: &str,
        conflicts: Vec<changes::ProposedFile>,
        live: &std::collections::BTreeMap<WorkspacePath, Live>,
        documents: &dyn Documents,
        effects: &mut Vec<Effect>,
    ) -> Option<String> {
        if conflicts.is_empty() {
            return None;
        }
        let names: Vec<String> = conflicts.iter().map(|file| format!("`{}`", file.path)).collect();
        let proposal = Proposal {
            info: ChangeInfo {
                title: format!("{verb} {title}"),
                origin: verb.to_lowercase(),
                ..ChangeInfo::default()
            },
            files: conflicts,
        };
        let stands = |path: &WorkspacePath| {
            let known = live.get(path).and_then(|live| live.file.clone());
            match self.open.get(path).and_then(|uri| documents.document(uri)) {
                Some((text, _)) => in_editor(text, known),
                None => Live {
                    authority: changes::Authority::Disk,
                    file: known,
                },
            }
        };
        let mut review = Review::clone(&self.review);
        let put_up = review.propose(proposal, stands);
        effects.push(Effect::Changed);
        Some(match put_up {
            Ok(_) => {
                self.review = Arc::new(review);
                format!(
                    "{} changed since; what could not be merged waits for your decision",
                    names.join(", ")
                )
            }
            Err(error) => format!("{} changed since and was left alone: {error}", names.join(", ")),
        })
    }

    /// Begins to record hunks that the editor has carried out by itself; false if there is nothing to.
    pub(super) fn begin_record(&mut self, landed: &BTreeSet<HunkId>, effects: &mut Vec<Effect>) -> bool {
        let hunks: Vec<HunkId> = landed.iter().copied().collect();
        let mut writes = Vec::new();
        for file in self.review.files() {
            let Some(Content::Text { format, .. }) = file.content() else {
                continue;
            };
            let Some((before, after)) = without(&self.review, file.path(), &hunks) else {
                continue;
            };
            let bytes = |text: String| {
                let content = Content::Text {
                    text: text.into(),
                    format,
                };
                content.encode().ok().map(|bytes| (bytes, file.mode()))
            };
            let (Some(before), Some(after)) = (bytes(before), bytes(after)) else {
                continue;
            };
            if before != after {
                writes.push(Write {
                    path: file.path().clone(),
                    before: Some(before),
                    after: Some(after),
                    in_editor: true,
                });
            }
        }
        if writes.is_empty() {
            return false;
        }
        let titles: BTreeSet<ChangeId> = self
            .review
            .hunks()
            .filter(|view| landed.contains(&view.id) && matches!(view.part, Part::Text(_)))
            .map(|view| view.change)
            .collect();
        let titles: Vec<&str> = titles
            .iter()
            .filter_map(|&change| self.review.change(change))
            .map(|info| info.title.as_str())
            .collect();
        let record = |hunk: &HunkId| Record {
            kind: AuditKind::Decision,
            fields: vec![
                ("decision", "keep in the editor".to_owned()),
                ("hunk", hunk.to_string()),
            ],
        };
        let applying = Applying {
            writes,
            about: About {
                title: titles.join("; "),
                hunks: hunks.clone(),
                ..About::default()
            },
            records: hunks.iter().map(record).collect(),
            editing: Editing::default(),
            tries: 0,
            stage: Stage::Begins,
            then: Then::Landed { hunks },
        };
        self.apply(applying, effects);
        true
    }

    /// Lets the editor show everything, or one change, for confirmation.
    pub(super) fn preview(&mut self, change: Option<ChangeId>, answer: Answer, effects: &mut Vec<Effect>) {
        if !self.abilities.edits_documents || !self.abilities.confirms_edits {
            let message = "this editor cannot show edits for confirmation; keep or drop them one by one";
            return refuse(answer, message.to_owned(), effects);
        }
        let wanted = self.review.hunks().filter(|view| {
            change.is_none_or(|change| view.change == change) && view.status == Status::Ready && waits(view)
        });
        let hunks: BTreeSet<HunkId> = wanted.map(|view| view.id).collect();
        if hunks.is_empty() {
            return refuse(answer, "nothing waits there for a decision".to_owned(), effects);
        }
        if self.shown.as_ref().is_some_and(|shown| shown.answer.is_some()) {
            return refuse(answer, "the editor shows a preview already".to_owned(), effects);
        }
        let number = self.next_number();
        effects.push(Effect::Preview {
            number,
            label: "Freehold: review".to_owned(),
            review: Arc::clone(&self.review),
            hunks: hunks.clone(),
        });
        // No time-out: the request stays open for as long as the user thinks.
        self.shown = Some(Shown {
            number,
            hunks,
            answered: false,
            answer: Some(answer),
        });
    }

    pub(super) fn preview_answered(
        &mut self,
        number: u64,
        applied: &Result<bool, String>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(shown) = self.shown.as_mut().filter(|shown| shown.number == number) else {
            return;
        };
        match applied {
            Ok(true) => {
                shown.answered = true;
                effects.push(Effect::Wait {
                    number,
                    duration: SHOWS_AFTER_MAX,
                });
            }
            Ok(false) => self.preview_ended("nothing was taken over", effects),
            Err(error) => self.preview_ended(&format!("the editor cannot show this: {error}"), effects),
        }
    }

    pub(super) fn preview_waited(&mut self, number: u64, effects: &mut Vec<Effect>) {
        if self
            .shown
            .as_ref()
            .is_some_and(|shown| shown.number == number && shown.answered)
        {
            self.preview_ended("", effects);
        }
    }

    /// The preview is over: what of it stands now was ticked.
    fn preview_ended(&mut self, message: &str, effects: &mut Vec<Effect>) {
        let Some(Shown { hunks, answer, .. }) = self.shown.take() else {
            return;
        };
        let landed = self.review.hunks().filter(|view| view.status == Status::Landed);
        let landed = landed.filter(|view| hunks.contains(&view.id)).count();
        self.late.extend(hunks);
        let Some(answer) = answer else { return };
        if landed == 0 {
            let message = if message.is_empty() {
                "nothing was taken over"
            } else {
                message
            };
            return refuse(answer, message.to_owned(), effects);
        }
        let note = format!("{landed} taken over");
        effects.push(Effect::Answer(answer, Ok(applied(Some(note)))));
    }
}

/// The texts before and after, if only the text changes.
fn plain_texts(write: &Write) -> Option<(String, String)> {
    let ((before, before_mode), (after, after_mode)) = (write.before.as_ref()?, write.after.as_ref()?);
    let text = |bytes: &[u8]| Content::decode(bytes).text().map(str::to_owned);
    (before_mode == after_mode).then_some(())?;
    Some((text(before)?, text(after)?))
}
