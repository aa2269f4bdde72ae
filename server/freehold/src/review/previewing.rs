//! Previews: the editor lets the user confirm edits one by one, and does not say which were taken.

use std::collections::BTreeSet;
use std::sync::Arc;

use changes::{ChangeId, HunkId, Status};

use super::applying::SHOWS_AFTER_MAX;
use super::desk::{Answer, Desk, Effect};
use super::keeping::{applied, refuse};

/// A preview that the editor shows; whatever of it lands was ticked by the user.
pub(super) struct Shown {
    pub(super) number: u64,
    pub(super) hunks: BTreeSet<HunkId>,
    /// Whether the editor has answered; what it applied may come after that.
    pub(super) answered: bool,
    pub(super) answer: Option<Answer>,
}

impl Desk {
    /// Lets the editor show everything, or one change, for confirmation.
    pub(super) fn preview(&mut self, change: Option<ChangeId>, answer: Answer, effects: &mut Vec<Effect>) {
        if !self.abilities.edits_documents || !self.abilities.confirms_edits {
            let message = "this editor cannot show edits for confirmation; keep or drop them one by one";
            return refuse(answer, message.to_owned(), effects);
        }
        let wanted = self
            .review
            .hunks()
            .filter(|view| change.is_none_or(|change| view.change == change) && view.status == Status::Ready);
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
