//! Hunks that have come about without being written by us: late, ticked in a preview, or by the user's hand.

use std::collections::BTreeSet;
use std::sync::Arc;

use changes::{Content, HunkId, Status, Write};

use super::applying::{Applying, Stage, Then};
use super::desk::{Desk, Effect, Work};
use super::editing::{Editing, without};
use super::job::Job;
use super::keeping::{Decisions, records};

impl Desk {
    /// Puts on record which hunks an editor has carried out by itself: late, or because the user ticked
    /// them in a preview. All others that have come about are forgotten.
    pub(super) fn record_landed(&mut self, effects: &mut Vec<Effect>) -> bool {
        if self.shown.as_ref().is_some_and(|shown| shown.answer.is_some()) {
            return false;
        }
        let landed = self.review.hunks().filter(|view| view.status == Status::Landed);
        let landed: BTreeSet<HunkId> = landed.map(|view| view.id).collect();
        if landed.is_empty() {
            return false;
        }
        let asked: BTreeSet<HunkId> = landed.intersection(&self.late).copied().collect();
        if !asked.is_empty() && self.begin_record(&asked, effects) {
            return true;
        }
        self.review_mut().settle();
        effects.push(Effect::Changed);
        let review = Arc::clone(&self.review);
        effects.push(Effect::Do(Job::Record {
            records: Vec::new(),
            review,
        }));
        self.work = Some(Work::Keeping);
        true
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
        let decisions = Decisions {
            decision: "keep in the editor",
            hunks: &hunks,
        };
        let applying = Applying {
            writes,
            about: self.about(&hunks, |title| self.review.about_landed(&hunks, title, "")),
            records: records(&self.review, &decisions),
            editing: Editing::default(),
            tries: 0,
            stage: Stage::Begins,
            then: Then::Landed { hunks },
        };
        self.apply(applying, effects);
        true
    }
}
