//! Undo and redo: what going back or forward writes, and what of it has to wait for a decision.

use std::collections::BTreeMap;
use std::sync::Arc;

use changes::{
    About, Authority, ChangeInfo, Content, Live, Proposal, ProposedFile, Review, StepId, TakeBack,
    WorkspacePath, Write, edits,
};
use ropey::Rope;
use serde_json::json;

use super::applying::{Applying, Stage, TRIES_MAX, Then};
use super::command::{Command, Scope};
use super::desk::{Answer, Desk, Documents, Effect, Work};
use super::editing::{Editing, Expected};
use super::following::in_editor;
use super::job::{Back, Job};
use super::keeping::refuse;

impl Desk {
    /// What the editor has open.
    pub(super) fn open_texts(&self, documents: &dyn Documents) -> BTreeMap<WorkspacePath, Rope> {
        let text = |uri| documents.document(uri).map(|(text, _)| text.clone());
        let open = self.open.iter();
        open.filter_map(|(path, uri)| Some((path.clone(), text(uri)?)))
            .collect()
    }

    pub(super) fn find_back(
        &mut self,
        command: Command,
        answer: Answer,
        tries: u32,
        documents: &dyn Documents,
        effects: &mut Vec<Effect>,
    ) {
        let (scope, forward): (&Scope, bool) = match &command {
            Command::Undo(scope) => (scope, false),
            Command::Redo(scope) => (scope, true),
            // Nothing else goes back or forward.
            _ => return,
        };
        let (scope, open) = (scope.clone(), self.open_texts(documents));
        effects.push(Effect::Do(Job::TakeBack { scope, forward, open }));
        self.work = Some(Work::FindingBack(command, answer, tries));
    }

    pub(super) fn found_back(
        &mut self,
        command: Command,
        answer: Answer,
        tries: u32,
        found: Result<Back, String>,
        documents: &dyn Documents,
        effects: &mut Vec<Effect>,
    ) {
        match found {
            Ok(back) => self.take_back(command, answer, tries, back, documents, effects),
            Err(message) => effects.push(Effect::Answer(answer, Err(message))),
        }
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
            found:
                TakeBack {
                    mut writes,
                    conflicts,
                    part,
                },
            live,
        } = back;
        let editing = match self.ask_editor(&mut writes, documents) {
            Ok(Some(editing)) => editing,
            Ok(None) if tries < TRIES_MAX => {
                return self.find_back(command, answer, tries + 1, documents, effects);
            }
            Ok(None) => {
                let message = "the text is being changed all the time; try again";
                return refuse(answer, message.to_owned(), effects);
            }
            Err(message) => return refuse(answer, message, effects),
        };
        let info = ChangeInfo {
            title: format!("{verb} {title}"),
            origin: verb.to_lowercase(),
            takes_back: steps.clone(),
            ..ChangeInfo::default()
        };
        let note = self.put_up_conflicts(&info, conflicts, &live, documents, effects);
        if writes.is_empty() {
            return match note {
                Some(message) => {
                    effects.push(Effect::Do(Job::Record {
                        records: Vec::new(),
                        review: Arc::clone(&self.review),
                    }));
                    let value = json!({ "applied": false, "message": message });
                    self.work = Some(Work::Recording(answer, value));
                }
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
                title: info.title,
                takes_back: steps,
                part,
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

    /// What the editor is to be asked for; nothing if a document is not what the writes were found for. What
    /// it cannot do is left to the disk.
    fn ask_editor(&self, writes: &mut [Write], documents: &dyn Documents) -> Result<Option<Editing>, String> {
        let mut editing = Editing::default();
        for write in writes.iter_mut().filter(|write| write.in_editor) {
            let Some((before, after)) = plain_texts(write) else {
                write.in_editor = false;
                continue;
            };
            let uri = self.uri(&write.path);
            let text = documents.document(&uri).map(|(text, _)| text);
            let Some(text) = text.filter(|text| **text == before.as_str()) else {
                return Ok(None);
            };
            if !self.abilities.edits_documents {
                return Err(format!(
                    "this editor cannot be asked to change `{}`, which it has open; save and close it first",
                    write.path
                ));
            }
            editing.add(Expected::new(&write.path, &uri, text, &edits(&before, &after)));
        }
        Ok(Some(editing))
    }

    /// What cannot be taken back without overwriting somebody's work is proposed, and so decided.
    fn put_up_conflicts(
        &mut self,
        info: &ChangeInfo,
        conflicts: Vec<ProposedFile>,
        live: &BTreeMap<WorkspacePath, Live>,
        documents: &dyn Documents,
        effects: &mut Vec<Effect>,
    ) -> Option<String> {
        if conflicts.is_empty() {
            return None;
        }
        let stands = |path: &WorkspacePath| {
            let known = live.get(path).and_then(|live| live.file.clone());
            match self.open.get(path).and_then(|uri| documents.document(uri)) {
                Some((text, _)) => in_editor(text, known),
                None => Live {
                    authority: Authority::Disk,
                    file: known,
                },
            }
        };
        let (mut review, mut files) = (Arc::clone(&self.review), Vec::new());
        let (mut waiting, mut messages) = (Vec::new(), Vec::new());
        for file in conflicts {
            let name = format!("`{}`", file.path);
            // Who goes back once more has not decided yet what that came to before.
            if self.waits_for(&info.takes_back, &file.path) {
                waiting.push(name);
                continue;
            }
            // What cannot be proposed, because something else waits in the same lines, keeps no other file from it.
            files.push(file);
            let proposal = Proposal {
                info: info.clone(),
                files: files.clone(),
            };
            let mut with = Review::clone(&self.review);
            match with.propose(proposal, stands) {
                Ok(_) => {
                    review = Arc::new(with);
                    waiting.push(name);
                }
                Err(error) => {
                    files.pop();
                    let why = anyhow::Error::new(error);
                    messages.push(format!("{name} changed since and was left alone: {why:#}"));
                }
            }
        }
        if !waiting.is_empty() {
            messages.push(format!(
                "{} changed since; what could not be merged waits for your decision",
                waiting.join(", ")
            ));
        }
        self.review = review;
        effects.push(Effect::Changed);
        Some(messages.join("; "))
    }

    /// Whether something that would take these steps back in a file waits for a decision.
    fn waits_for(&self, steps: &[StepId], path: &WorkspacePath) -> bool {
        let mut hunks = self.review.hunks().filter(|view| view.file.path() == path);
        hunks.any(|view| {
            let info = self.review.change(view.change);
            info.is_some_and(|info| info.takes_back == steps)
        })
    }
}

/// The texts before and after, if only the text changes.
fn plain_texts(write: &Write) -> Option<(String, String)> {
    let ((before, before_mode), (after, after_mode)) = (write.before.as_ref()?, write.after.as_ref()?);
    let text = |bytes: &[u8]| Content::decode(bytes).text().map(str::to_owned);
    (before_mode == after_mode).then_some(())?;
    Some((text(before)?, text(after)?))
}
