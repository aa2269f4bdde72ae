//! What stands behind each line of a file: which step brought it, for which change, decided by whom.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::hunk::HunkId;
use crate::journal::{About, FileStep, Step, StepId};
use crate::lines::differences;
use crate::store::StoreError;
use crate::undo::TakeBackError;
use crate::{ChangeId, ChangeInfo, Content, Part, Plan, Review, WorkspacePath, Writer};

/// A change of which a step carried hunks out, and where its lines came to stand.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Source {
    /// The change, with what stands behind it.
    pub change: ChangeInfo,
    /// The hunks of it that were carried out.
    pub hunks: Vec<HunkId>,
    /// The lines that they brought, counted from 0 in each file as the step left it.
    pub lines: Vec<(String, Range<usize>)>,
    /// Whether the user had edited them before.
    #[serde(default)]
    pub edited: bool,
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
        /// The change that it is of; nothing if the step took another one back. One that did it again has its
        /// change.
        change: Option<Box<ChangeInfo>>,
        /// Whether the user had edited it before they kept it.
        edited: bool,
    },
}

impl Review {
    /// What an apply of `plan` is to have on record: what it carries out, and what stands behind that.
    #[must_use]
    pub fn about(&self, plan: &Plan, title: &str, person: &str) -> About {
        let brought = plan.files.iter().flat_map(|file| {
            let at = file.after.as_ref().map_or(&file.path, |after| &after.path);
            file.lines().into_iter().map(move |(id, lines)| (id, at, lines))
        });
        About {
            title: title.to_owned(),
            hunks: plan.hunks(),
            person: person.to_owned(),
            sources: self.sources(brought),
            ..About::default()
        }
    }

    /// As [`Review::about`], of hunks that the editor has carried out by itself: they stand in the live text.
    #[must_use]
    pub fn about_landed(&self, hunks: &[HunkId], title: &str, person: &str) -> About {
        let landed = hunks.iter().filter_map(|&id| self.hunk(id));
        let brought = landed.map(|view| {
            let lines = match view.part {
                Part::Text(hunk) => Some(lines_of(view.file.text().live(), hunk.range())),
                Part::Whole(_) => None,
            };
            (view.id, view.file.path(), lines)
        });
        About {
            title: title.to_owned(),
            hunks: hunks.to_vec(),
            person: person.to_owned(),
            sources: self.sources(brought),
            ..About::default()
        }
    }

    fn sources<'a>(
        &self,
        brought: impl Iterator<Item = (HunkId, &'a WorkspacePath, Option<Range<usize>>)>,
    ) -> Vec<Source> {
        let mut sources: Vec<(ChangeId, Source)> = Vec::new();
        for (id, at, lines) in brought {
            let Some(view) = self.hunk(id) else { continue };
            let change = view.change;
            let edited = matches!(view.part, Part::Text(hunk) if hunk.first_proposed().is_some());
            let is_it = |(known, source): &(ChangeId, Source)| *known == change && source.edited == edited;
            let known = sources.iter().position(is_it);
            let index = known.unwrap_or_else(|| {
                let info = self.change(change).cloned().unwrap_or_default();
                let source = Source {
                    change: info,
                    edited,
                    ..Source::default()
                };
                sources.push((change, source));
                sources.len() - 1
            });
            let source = &mut sources[index].1;
            source.hunks.push(id);
            source
                .lines
                .extend(lines.map(|lines| (at.as_str().to_owned(), lines)));
        }
        sources.into_iter().map(|(_, source)| source).collect()
    }
}

/// The lines, from 0, that a range of bytes of a text has.
fn lines_of(text: &str, range: Range<usize>) -> Range<usize> {
    let before = text.get(..range.start).unwrap_or(text).matches('\n').count();
    let within = text.get(range).unwrap_or_default();
    before..before + within.split_inclusive('\n').count()
}

/// A step that another one does again to a file.
struct Again<'a> {
    about: &'a About,
    /// Where the lines that the other one left stood in what this one had left.
    places: Vec<Option<usize>>,
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
        let mut places: Vec<Option<usize>> = (0..lines(text)).map(Some).collect();
        let mut behind = vec![Behind::Unrecorded; places.len()];
        let of_file = |step: &Step| step.files.iter().find(|file| file.path == *path).cloned();
        for (step, file) in steps.iter().rev().filter_map(|step| Some((step, of_file(step)?))) {
            let (before, after) = self.texts(&file)?;
            trace(&mut places, &after, &later, &mut behind, |_| Behind::Elsewhere);
            let again = self.done_again(&steps, step, path, &after)?;
            trace(&mut places, &before, &after, &mut behind, |line| {
                let mut own = vec![(&step.about, Some(line))];
                own.extend(again.iter().map(|again| (again.about, again.places[line])));
                let found = own
                    .into_iter()
                    .find_map(|(about, line)| source_of(about, path, line?));
                Behind::Step {
                    id: step.id,
                    about: Box::new(step.about.clone()),
                    change: found.map(|source| Box::new(source.change.clone())),
                    edited: found.is_some_and(|source| source.edited),
                }
            });
            later = before;
        }
        Ok(behind)
    }

    /// The steps that a step does again to a file, by taking back those that took them back, and where the
    /// lines of `after`, what it left, stood in what each of them had left.
    fn done_again<'a>(
        &self,
        steps: &'a [Step],
        step: &Step,
        path: &WorkspacePath,
        after: &str,
    ) -> Result<Vec<Again<'a>>, StoreError> {
        let find = |id: &StepId| steps.iter().find(|step| step.id == *id);
        let undone = step.about.takes_back.iter().filter_map(find);
        let again = undone.flat_map(|undo| undo.about.takes_back.iter().filter_map(find));
        let mut found = Vec::new();
        for again in again {
            for file in again.files.iter().filter(|file| file.path == *path) {
                let (_, left) = self.texts(file)?;
                let mut places: Vec<Option<usize>> = (0..lines(after)).map(Some).collect();
                let mut unknown = vec![Behind::Elsewhere; places.len()];
                trace(&mut places, &left, after, &mut unknown, |_| Behind::Elsewhere);
                found.push(Again {
                    about: &again.about,
                    places,
                });
            }
        }
        Ok(found)
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
    let count = lines;
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

/// How many lines a text has.
fn lines(text: &str) -> usize {
    text.split_inclusive('\n').count()
}

fn source_of<'a>(about: &'a About, path: &WorkspacePath, line: usize) -> Option<&'a Source> {
    let holds = |source: &&Source| {
        let mut lines = source.lines.iter();
        lines.any(|(at, lines)| at == path.as_str() && lines.contains(&line))
    };
    match about.sources.as_slice() {
        [only] => Some(only),
        several => several.iter().find(holds),
    }
}
