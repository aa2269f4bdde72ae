//! Hunks that have come about without being written by us: late, ticked in a preview, or by the user's hand.

use std::collections::BTreeSet;
use std::sync::Arc;

use changes::{About, AuditKind, ChangeId, Content, HunkId, Part, Status, Write};

use super::applying::{Applying, Stage, Then};
use super::desk::{Desk, Effect, Work};
use super::editing::{Editing, without};
use super::job::{Job, Record};

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
}
