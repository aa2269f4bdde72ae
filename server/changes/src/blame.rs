//! What stands behind each line of a file: which step brought it, for which change, decided by whom.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::differences::differences;
use crate::hunk::HunkId;
use crate::journal::{About, FileStep, Step, StepId};
use crate::store::StoreError;
use crate::undo::TakeBackError;
use crate::{ChangeInfo, Content, Plan, Review, WorkspacePath, Writer};

/// A change of which a step carried hunks out, and where its lines came to stand.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Source {
    /// The change, with what stands behind it.
    pub change: ChangeInfo,
    /// The hunks of it that were carried out.
    pub hunks: Vec<HunkId>,
    /// The lines that they brought, counted from 0 in each file as the step left it.
    pub lines: Vec<(String, Range<usize>)>,
}

/// What stands behind a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behind {
    /// It was there before the first step that is on record.
    Unrecorded,
    /// Somebody has written it without Freehold, after the first step that is on record.
    Elsewhere,
    /// A step brought it.
    Step {
        /// The step.
        id: StepId,
        /// Why it was done and who decided so.
        about: Box<About>,
        /// The change that it is of; nothing if the step took another one back.
        change: Option<Box<ChangeInfo>>,
    },
}

impl Review {
    /// What an apply of `plan` is to have on record: what it carries out, and what stands behind that.
    #[must_use]
    pub fn about(&self, plan: &Plan, title: &str, person: &str) -> About {
        let mut sources: Vec<(crate::ChangeId, Source)> = Vec::new();
        for file in &plan.files {
            for (id, lines) in file.lines() {
                let Some(change) = self.hunk(id).map(|view| view.change) else {
                    continue;
                };
                let known = sources.iter().position(|(known, _)| *known == change);
                let index = known.unwrap_or_else(|| {
                    let info = self.change(change).cloned().unwrap_or_default();
                    let source = Source {
                        change: info,
                        ..Source::default()
                    };
                    sources.push((change, source));
                    sources.len() - 1
                });
                let source = &mut sources[index].1;
                source.hunks.push(id);
                let at = file.after.as_ref().map_or(&file.path, |after| &after.path);
                source
                    .lines
                    .extend(lines.map(|lines| (at.as_str().to_owned(), lines)));
            }
        }
        About {
            title: title.to_owned(),
            hunks: plan.hunks(),
            person: person.to_owned(),
            sources: sources.into_iter().map(|(_, source)| source).collect(),
            ..About::default()
        }
    }
}

impl Writer<'_> {
    /// What stands behind each line of `text`, which is what the file at `path` holds now.
    ///
    /// Lines are followed through later steps and through edits between them. A file that was moved begins
    /// with the move, and what an undo brought back is of the undo.
    ///
    /// # Errors
    /// When the journal or the store cannot be read.
    pub fn behind(&self, path: &WorkspacePath, text: &str) -> Result<Vec<Behind>, TakeBackError> {
        let steps = self.steps()?;
        // Where each line stands in `later`, the text that was looked at last; nothing once it is known.
        let mut later = text.to_owned();
        let mut places: Vec<Option<usize>> = (0..text.split_inclusive('\n').count()).map(Some).collect();
        let mut behind = vec![Behind::Unrecorded; places.len()];
        let of_file = |step: &Step| step.files.iter().find(|file| file.path == *path).cloned();
        for (step, file) in steps.iter().rev().filter_map(|step| Some((step, of_file(step)?))) {
            let (before, after) = self.texts(&file)?;
            trace(&mut places, &after, &later, &mut behind, |_| Behind::Elsewhere);
            trace(&mut places, &before, &after, &mut behind, |line| Behind::Step {
                id: step.id,
                about: Box::new(step.about.clone()),
                change: change_of(&step.about, path, line).map(Box::new),
            });
            later = before;
        }
        Ok(behind)
    }

    fn texts(&self, file: &FileStep) -> Result<(String, String), StoreError> {
        let text = |digest| -> Result<String, StoreError> {
            let bytes = self.store().get(digest)?;
            Ok(Content::decode(&bytes).text().unwrap_or_default().to_owned())
        };
        let either = |digest: Option<_>| digest.map_or(Ok(String::new()), text);
        Ok((either(file.before.digest())?, either(file.after.digest())?))
    }
}

/// Follows lines from `new` back to `old`; of those that `old` lacks it is known now who brought them.
fn trace(
    places: &mut [Option<usize>],
    old: &str,
    new: &str,
    behind: &mut [Behind],
    brought: impl Fn(usize) -> Behind,
) {
    let count = |text: &str| text.split_inclusive('\n').count();
    let mut changed = Vec::new();
    let (mut done, mut old_line, mut new_line) = (0, 0, 0);
    for difference in differences(old, new) {
        let same = count(&new[done..difference.new.start]);
        (old_line, new_line) = (old_line + same, new_line + same);
        let (removed, added) = (count(&old[difference.old]), count(&new[difference.new.clone()]));
        changed.push((new_line..new_line + added, old_line + removed));
        (old_line, new_line) = (old_line + removed, new_line + added);
        done = difference.new.end;
    }
    for (place, behind) in places.iter_mut().zip(behind) {
        let Some(line) = *place else { continue };
        let before = changed.iter().rev().find(|(lines, _)| lines.start <= line);
        *place = match before {
            Some((lines, _)) if lines.contains(&line) => {
                *behind = brought(line);
                None
            }
            Some((lines, after)) => Some(line - lines.end + after),
            None => Some(line),
        };
    }
}

fn change_of(about: &About, path: &WorkspacePath, line: usize) -> Option<ChangeInfo> {
    let holds = |source: &&Source| {
        let mut lines = source.lines.iter();
        lines.any(|(at, lines)| at == path.as_str() && lines.contains(&line))
    };
    let source = match about.sources.as_slice() {
        [only] => Some(only),
        several => several.iter().find(holds),
    };
    source.map(|source| source.change.clone())
}
