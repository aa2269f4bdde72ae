//! Going back and forward again: each is a step like any other, so nothing is lost by either.
//!
//! What was changed since is merged where it does not touch, and otherwise put up as a conflict.

use std::collections::{BTreeMap, BTreeSet};

use host::Kind;

use crate::disk::File;
use crate::file_review::{Authority, Live, ProposedFile};
use crate::hunk::{ChangeId, HunkId, Status};
use crate::journal::{FileStep, JournalError, Step, StepId};
use crate::operation::Standing;
use crate::store::StoreError;
use crate::writer::{ApplyError, Write, Writer};
use crate::{Content, TextReview, WorkspacePath};

/// What taking steps back comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TakeBack {
    /// What is to be written; [`crate::About::takes_back`] of the apply names the steps.
    pub writes: Vec<Write>,
    /// What cannot be taken back without overwriting somebody's work: to be proposed, and decided.
    pub conflicts: Vec<ProposedFile>,
    /// The hunk that is taken back, if it is one; [`crate::About::part`] of the apply says so.
    pub part: Option<StepPart>,
}

/// One hunk of a step, counted in the order of the text among what the step did to the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepHunk {
    /// The file.
    pub path: WorkspacePath,
    /// Which of its hunks, from 0.
    pub index: usize,
}

/// A hunk as a part of its step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepPart {
    /// The hunk.
    pub hunk: StepHunk,
    /// How many parts the step has, in all its files.
    pub of: usize,
}

/// Steps cannot be taken back.
#[derive(Debug, thiserror::Error)]
pub enum TakeBackError {
    /// The journal has no such step.
    #[error("there is no step {0} to take back", step.0)]
    Unknown {
        /// The step.
        step: StepId,
    },
    /// The step has no such hunk.
    #[error("step {} has {count} hunks in `{}`, and no other", step.0, hunk.path)]
    NoHunk {
        /// The step.
        step: StepId,
        /// What was asked for.
        hunk: StepHunk,
        /// How many there are in that file.
        count: usize,
    },
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// What was there before cannot be had again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be read.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

/// The steps that still hold, if only in part: those that no step that holds takes back.
fn standing_steps(steps: &[Step]) -> Vec<&Step> {
    let mut taken_back = BTreeSet::new();
    let mut parts: BTreeMap<StepId, BTreeSet<&StepHunk>> = BTreeMap::new();
    let mut standing = Vec::new();
    for step in steps.iter().rev() {
        if taken_back.contains(&step.id) {
            continue;
        }
        standing.push(step);
        match &step.about.part {
            // What is taken back in part itself has given a part of the others back.
            _ if parts.contains_key(&step.id) => {}
            None => taken_back.extend(step.about.takes_back.iter().copied()),
            Some(part) => {
                for &id in &step.about.takes_back {
                    let known = parts.entry(id).or_default();
                    known.insert(&part.hunk);
                    if known.len() >= part.of {
                        taken_back.insert(id);
                    }
                }
            }
        }
    }
    standing.reverse();
    standing
}

/// Whether a step takes back something that itself takes nothing back.
fn is_undo(step: &Step, steps: &[Step]) -> bool {
    let find = |id: &StepId| steps.iter().find(|other| other.id == *id);
    step.about
        .takes_back
        .first()
        .and_then(find)
        .is_some_and(|first| !is_undo(first, steps))
}

/// The step that *undo* would take back next, of `steps` in their order.
#[must_use]
pub fn next_undo(steps: &[Step]) -> Option<StepId> {
    let applied = |step: &&&Step| step.about.takes_back.is_empty();
    standing_steps(steps)
        .iter()
        .rev()
        .find(applied)
        .map(|step| step.id)
}

/// The step that *redo* would take back next; nothing if something was applied since the last undo.
#[must_use]
pub fn next_redo(steps: &[Step]) -> Option<StepId> {
    redoable(steps, |_| true).pop()
}

/// The steps that a redo of those which `select` picks would take back: the undos of nothing else that still
/// hold; none if something was applied since.
#[must_use]
pub fn redoable(steps: &[Step], select: impl Fn(&Step) -> bool) -> Vec<StepId> {
    let applied = |step: &&Step| step.about.takes_back.is_empty();
    let since = steps.iter().rev().find(applied).map(|step| step.id);
    let selected = |id: &StepId| steps.iter().any(|step| step.id == *id && select(step));
    standing_steps(steps)
        .into_iter()
        .filter(|step| since < Some(step.id) && is_undo(step, steps))
        .filter(|step| step.about.takes_back.iter().all(selected))
        .map(|step| step.id)
        .collect()
}

/// The steps that an undo of those which `select` picks would take back: what still holds of them.
#[must_use]
pub fn undoable(steps: &[Step], select: impl Fn(&Step) -> bool) -> Vec<StepId> {
    let applied = |step: &&Step| step.about.takes_back.is_empty() && select(step);
    standing_steps(steps)
        .into_iter()
        .filter(applied)
        .map(|step| step.id)
        .collect()
}

impl Writer<'_> {
    /// What lies on the disk at a path.
    ///
    /// # Errors
    /// When it is no plain file or cannot be read.
    pub fn live_on_disk(&self, path: &WorkspacePath) -> Result<Live, ApplyError> {
        let tree = self.tree();
        let file = match tree.look(path.as_str())? {
            None => None,
            Some(found) if found.kind == Kind::File => {
                Some((Content::decode(&tree.read(path.as_str())?), found.mode))
            }
            Some(_) => return Err(ApplyError::NotAFile(path.to_string())),
        };
        Ok(Live {
            authority: Authority::Disk,
            file,
        })
    }

    /// Finds out what taking `steps` back would write, or only one hunk of them; `live` says what the
    /// authority of a path has. Taking back a step that took others back is doing those again.
    ///
    /// # Errors
    /// When a step is not on record, or something of it cannot be read.
    pub fn take_back(
        &self,
        steps: &[StepId],
        only: Option<&StepHunk>,
        mut live: impl FnMut(&WorkspacePath) -> Result<Live, ApplyError>,
    ) -> Result<TakeBack, TakeBackError> {
        let recorded = self.steps()?;
        let mut chosen = Vec::new();
        for &step in steps {
            let found = recorded.iter().find(|recorded| recorded.id == step);
            chosen.push(found.ok_or(TakeBackError::Unknown { step })?);
        }
        chosen.sort_by_key(|step| step.id);
        let part = match (only, chosen.as_slice()) {
            (Some(only), [step]) => Some(self.part(step, only)?),
            _ => None,
        };
        let mut files: BTreeMap<WorkspacePath, Going> = BTreeMap::new();
        let mut conflicts = Vec::new();
        let changes = chosen.iter().rev().flat_map(|step| step.files.iter().rev());
        for change in changes.filter(|change| only.is_none_or(|only| only.path == change.path)) {
            let going = match files.remove(&change.path) {
                Some(going) => going,
                None => Going::new(live(&change.path)?),
            };
            let going = self.back(change, going, only.map(|only| only.index), &mut conflicts)?;
            files.insert(change.path.clone(), going);
        }
        let writes = files
            .into_iter()
            .filter_map(|(path, going)| going.write(path))
            .collect();
        Ok(TakeBack {
            writes,
            conflicts,
            part,
        })
    }

    /// `only` as a part of `step`.
    fn part(&self, step: &Step, only: &StepHunk) -> Result<StepPart, TakeBackError> {
        let (mut of, mut count) = (0, 0);
        for file in &step.files {
            let (before, after) = (self.bytes(file.before)?, self.bytes(file.after)?);
            let hunks = reversal(before.as_ref(), after.as_ref()).map(|review| review.hunks().len());
            // A mode that goes with hunks is taken back with all the rest only.
            let with_mode = hunks.is_some() && file.before.mode() != file.after.mode();
            let hunks = hunks.unwrap_or(1);
            of += hunks + usize::from(with_mode);
            if file.path == only.path {
                count = hunks;
            }
        }
        if only.index >= count {
            return Err(TakeBackError::NoHunk {
                step: step.id,
                hunk: only.clone(),
                count,
            });
        }
        Ok(StepPart {
            hunk: only.clone(),
            of,
        })
    }

    /// Takes one change of a file back from where the file is `going`.
    fn back(
        &self,
        change: &FileStep,
        mut going: Going,
        only: Option<usize>,
        conflicts: &mut Vec<ProposedFile>,
    ) -> Result<Going, TakeBackError> {
        let now = standing(&going.target);
        if going.stuck || now == change.before {
            return Ok(going);
        }
        let (before, after) = (self.bytes(change.before)?, self.bytes(change.after)?);
        // What has no hunks is one.
        let only = only.filter(|_| reversal(before.as_ref(), after.as_ref()).is_some());
        if now == change.after && only.is_none() {
            going.target = before;
            return Ok(going);
        }
        if let Some(merged) = merged(before.as_ref(), after.as_ref(), going.target.as_ref(), only) {
            going.target = Some(merged);
        } else {
            going.stuck = true;
            let content = |file: &Option<File>| file.as_ref().map(|(bytes, _)| Content::decode(bytes));
            let mode = change
                .before
                .mode()
                .filter(|_| change.before.mode() != change.after.mode());
            conflicts.push(ProposedFile {
                path: change.path.clone(),
                seen: content(&after),
                content: content(&before),
                rename: None,
                mode,
            });
        }
        Ok(going)
    }

    fn bytes(&self, standing: Standing) -> Result<Option<File>, StoreError> {
        match standing {
            Standing::Absent => Ok(None),
            Standing::File { digest, mode } => Ok(Some((self.store().get(digest)?, mode))),
        }
    }
}

/// A file on its way back.
struct Going {
    in_editor: bool,
    live: Option<File>,
    target: Option<File>,
    /// Whether something stood in the way; older changes cannot be taken back either then.
    stuck: bool,
}

impl Going {
    fn new(live: Live) -> Self {
        let encoded = |(content, mode): (Content, u32)| {
            // A buffer that cannot be written as a file equals none, and its text is kept in conflicts.
            let text = content.text().unwrap_or_default().as_bytes().to_vec();
            (content.encode().unwrap_or(text), mode)
        };
        let file = live.file.map(encoded);
        Self {
            in_editor: live.authority == Authority::Editor,
            live: file.clone(),
            target: file,
            stuck: false,
        }
    }

    fn write(self, path: WorkspacePath) -> Option<Write> {
        let changed = self.live != self.target;
        changed.then_some(Write {
            path,
            before: self.live,
            after: self.target,
            in_editor: self.in_editor,
        })
    }
}

fn standing(file: &Option<File>) -> Standing {
    Standing::of(file.as_ref().map(|(bytes, mode)| (&**bytes, *mode)))
}

/// The text of `now` with what led from `before` to `after` taken back, or one hunk of it; nothing where
/// it was changed since in the same place, or is not text.
fn merged(
    before: Option<&File>,
    after: Option<&File>,
    now: Option<&File>,
    only: Option<usize>,
) -> Option<File> {
    let (&(_, before_mode), &(_, after_mode), (now, now_mode)) = (before?, after?, now?);
    let Content::Text { text: now, format } = Content::decode(now) else {
        return None;
    };
    let mut review = reversal(before, after)?;
    if let Some(only) = only {
        let only = review.hunks().get(only)?.id();
        review.forget(|hunk, _| hunk.id() != only);
    }
    review.set_text(&now);
    if review
        .hunks()
        .iter()
        .any(|hunk| hunk.status(review.live()) == Status::Conflict)
    {
        return None;
    }
    let text = review.preview();
    let mode = if only.is_none() && *now_mode == after_mode {
        before_mode
    } else {
        *now_mode
    };
    Some((
        Content::Text {
            text: text.into(),
            format,
        }
        .encode()
        .ok()?,
        mode,
    ))
}

/// What takes a text back from `after` to `before`, as hunks; nothing where there are none, because a side is
/// no text or is not there, or only the mode differs.
fn reversal(before: Option<&File>, after: Option<&File>) -> Option<TextReview> {
    let (before, after) = (Content::decode(&before?.0), Content::decode(&after?.0));
    let (before, after) = (before.text()?, after.text()?);
    let mut review = TextReview::new(after);
    let mut last = 0;
    let next_id = || {
        last += 1;
        HunkId(last)
    };
    review.propose(after, before, ChangeId(0), next_id).ok()?;
    (!review.hunks().is_empty()).then_some(review)
}
