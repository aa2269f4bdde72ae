//! What the session does besides answering: it follows what becomes of suggestions, honours the user's
//! switches, and says what the model would be shown.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use completion::{Place, RecentEdit, Surroundings, Trigger};
use serde_json::Value;
use text::Position;
use tokio::sync::oneshot;

use super::{OpenDocument, Session};
use crate::lsp::around::Around;
use crate::lsp::event::{Configuration, Effect, Job, Timer};
use crate::lsp::feedback::{After, Judged, Shown};
use crate::lsp::generation::Purpose;
use crate::lsp::known::Known;
use crate::lsp::reading_speed::ReadingSpeed;
use crate::lsp::seen::Seen;
use crate::lsp::source::Source;

/// Suggestions that may still have been left by a slip.
const DOUBTFUL_MAX: usize = 4;

/// Other open documents that the model may be shown something of.
const NEIGHBOURS_MAX: usize = 16;

/// Minutes of the longest snooze: a week.
const SNOOZE_MINUTES_MAX: u32 = 7 * 24 * 60;

impl Session {
    /// Follows what becomes of what is shown in the document `uri`, now that it was changed: `typed` characters came at
    /// the cursor, or nothing did but elsewhere.
    pub(super) fn follow_shown(
        &mut self,
        uri: &str,
        cursors: &[Around],
        typed: Option<usize>,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) {
        let mut over = Vec::new();
        self.doubtful.retain_mut(|shown| {
            if shown.uri != uri {
                return true;
            }
            match shown.follow(cursors.iter(), typed, now) {
                After::Against => true,
                // The slip was taken back.
                After::Fits => false,
                After::Over(judged) => {
                    over.push((shown.line(), judged));
                    false
                }
            }
        });
        if let Some(shown) = self.shown.as_mut().filter(|shown| shown.uri == uri)
            && let After::Over(judged) = shown.follow(cursors.iter(), typed, now)
        {
            over.push((shown.line(), judged));
            self.shown = None;
        }
        for (line, judged) in over {
            self.conclude(line, judged, now, effects);
        }
    }

    /// Another suggestion takes the place of the one that is shown.
    pub(super) fn replace_shown(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let Some(shown) = self.shown.take() else { return };
        if shown.fits() {
            return self.conclude(shown.line(), shown.judge(now), now, effects);
        }
        self.doubtful.push(shown);
        if self.doubtful.len() > DOUBTFUL_MAX {
            let oldest = self.doubtful.remove(0);
            self.conclude(oldest.line(), oldest.judge(now), now, effects);
        }
    }

    /// The cursor is where `around` is around it: what is shown elsewhere is shown no more.
    pub(super) fn leave_shown_elsewhere(
        &mut self,
        uri: &str,
        around: &Around,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) {
        let elsewhere = |shown: &Shown| shown.uri != uri || shown.fits() && !shown.is_for(around);
        if self.shown.as_ref().is_some_and(elsewhere) {
            self.replace_shown(now, effects);
        }
    }

    /// Learns what became of a suggestion, and has it kept.
    fn conclude(&mut self, line: u64, judged: Option<Judged>, now: Duration, effects: &mut Vec<Effect>) {
        let Some(judged) = judged else { return };
        self.rejections.learn(line, judged.verdict, now);
        effects.push(Effect::Keep(Box::new(judged)));
    }

    /// Takes in the user's own settings.
    pub(super) fn configure(
        &mut self,
        configuration: Configuration,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) {
        let excludes = configuration.completion.exclude != self.configuration.completion.exclude;
        self.configuration = Arc::new(configuration);
        self.configured = true;
        if excludes {
            self.examine_all(effects);
        }
        self.proceed_waiting(now, effects);
    }

    /// Another model may answer from now on: what this one has said and read is forgotten.
    pub(super) fn forget_model(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        // Ends what runs ahead, too.
        self.end_all(effects);
        // What was taken of it is still learnt from.
        self.replace_shown(now, effects);
        self.unsure = None;
        self.reading_speed = ReadingSpeed::default();
        for open in self.documents.values_mut() {
            open.known = Known::default();
            open.seen = Seen::default();
        }
    }

    /// Offers nothing unasked for so many minutes; for none, ends that.
    pub(super) fn snooze(&mut self, minutes: u32, now: Duration, effects: &mut Vec<Effect>) {
        let minutes = minutes.min(SNOOZE_MINUTES_MAX);
        self.snoozed_until = None;
        if minutes == 0 {
            return;
        }
        self.end_all(effects);
        let duration = Duration::from_secs(60) * minutes;
        self.snoozed_until = Some(now + duration);
        effects.push(Effect::Wait {
            timer: Timer::Snooze,
            duration,
        });
    }

    /// What the model is shown besides the document `uri`: never what the user keeps from it.
    /// `window_start` says where the prompt begins.
    pub(super) fn surroundings(&self, uri: &str, window_start: Option<usize>) -> Surroundings {
        let visible = |open: &OpenDocument| open.whole && open.excluded == Some(false);
        let paths: HashMap<&str, &OpenDocument> = self
            .documents
            .iter()
            .filter(|(_, open)| visible(open))
            .map(|(uri, open)| (uri.as_str(), open))
            .collect();
        let mut others: Vec<&&OpenDocument> = paths
            .iter()
            .filter(|(other, _)| **other != uri)
            .map(|(_, open)| open)
            .collect();
        others.sort_by_key(|open| std::cmp::Reverse(open.touched));
        let documents = others
            .into_iter()
            .take(NEIGHBOURS_MAX)
            .map(|open| open.neighbour.clone());
        let places = self.trail.places().filter_map(|place| {
            Some(Place {
                path: paths.get(place.uri.as_str())?.path.to_string(),
                line: place.line,
            })
        });
        let edits = self.trail.edits().filter_map(|edit| {
            Some(RecentEdit {
                path: paths.get(edit.uri.as_str())?.path.to_string(),
                before: edit.before.clone(),
                after: edit.after.clone(),
            })
        });
        Surroundings {
            documents: documents.collect(),
            places: places.collect(),
            edits: edits.collect(),
            window_start,
        }
    }

    /// Has it told what the model would be shown at `position` of the document `uri`.
    pub(super) fn show_prompt(
        &mut self,
        uri: &str,
        position: Position,
        answer: oneshot::Sender<Result<Value, String>>,
        effects: &mut Vec<Effect>,
    ) {
        // Who asked may have gone; so everywhere below.
        let refuse = |answer: oneshot::Sender<_>, reason: &str| {
            let _gone = answer.send(Err(reason.to_owned()));
        };
        let Some(open) = self.documents.get(uri) else {
            return refuse(answer, "the document is not open");
        };
        if !open.whole || open.excluded != Some(false) {
            return refuse(
                answer,
                "the document is kept from the model, by you or by an ignore file",
            );
        }
        let Source::Found(found) = &self.source else {
            return refuse(
                answer,
                "the engine is not there yet, and the prompt depends on its model",
            );
        };
        let text = open.document.text().clone();
        let offset = text::offset(&text, position, self.encoding);
        let window_start = open.seen.start_for(&text, offset, &self.budget());
        let job = Job {
            id: 0,
            purpose: Purpose::Ask,
            rank: 0,
            engine: Arc::clone(&found.engine),
            offset,
            text,
            path: Arc::clone(&open.path),
            language: Arc::clone(&open.language),
            workspace: Arc::clone(&open.workspace),
            trigger: Trigger::Invoked,
            selected: None,
            foreseen: None,
            first_tokens_max: self.reading_speed.first_tokens_max(),
            near: false,
            surroundings: self.surroundings(uri, Some(window_start)),
            configuration: Arc::clone(&self.configuration),
        };
        effects.push(Effect::ShowPrompt {
            job: Box::new(job),
            answer,
        });
    }
}
