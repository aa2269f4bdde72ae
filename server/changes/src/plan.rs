//! From decisions to what is to be written: computed whole before anything is touched.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::file_review::{Authority, FileReview, Live};
use crate::hunk::HunkId;
use crate::operation::Standing;
use crate::writer::Write;
use crate::{Content, Edit, EncodeError, Review, WorkspacePath};

/// Everything that is kept, as it is to be written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// One entry for each file that is to change.
    pub files: Vec<PlannedFile>,
}

/// What is to become of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFile {
    /// Where it is.
    pub path: WorkspacePath,
    /// Who has to be asked: the editor's document or the disk.
    pub authority: Authority,
    /// What must stand there at the moment of acting.
    pub before: Standing,
    /// The bytes of that; nothing if there is no file.
    pub before_bytes: Option<Vec<u8>>,
    /// What is to stand afterwards; nothing if the file is to go.
    pub after: Option<PlannedContent>,
    /// The edits to the text, first to last, for an editor that has it open.
    pub edits: Vec<Edit>,
    /// The hunks that this carries out.
    pub hunks: Vec<HunkId>,
}

/// What is to stand at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedContent {
    /// Where.
    pub path: WorkspacePath,
    /// The bytes of the file.
    pub bytes: Vec<u8>,
    /// Its permission bits (0 to 0o7777).
    pub mode: u32,
}

/// What is kept cannot be carried out together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A kept text cannot be written in the encoding of its file.
    #[error("cannot write `{path}`")]
    Encode {
        /// The file.
        path: WorkspacePath,
        /// The character that stands in the way.
        source: EncodeError,
    },
    /// A file is to be deleted or replaced and changed as well.
    #[error("`{0}` cannot be both changed and deleted or replaced; drop one of the two")]
    Contradiction(WorkspacePath),
    /// Two files are to end up in one place.
    #[error("two files cannot both become `{0}`; drop one of the two")]
    Collision(WorkspacePath),
}

impl Plan {
    /// What is to be written, file by file; moving a file is deleting it here and making it there.
    #[must_use]
    pub fn writes(&self) -> Vec<Write> {
        self.files.iter().flat_map(PlannedFile::writes).collect()
    }

    /// The hunks that it carries out, for [`crate::About::hunks`].
    #[must_use]
    pub fn hunks(&self) -> Vec<HunkId> {
        self.files.iter().flat_map(|file| file.hunks.clone()).collect()
    }
}

impl PlannedFile {
    /// The hunks that it carries out, each of a text with the lines that it brings to what is planned.
    pub(crate) fn lines(&self) -> Vec<(HunkId, Option<Range<usize>>)> {
        let content = self.after.as_ref().map(|after| Content::decode(&after.bytes));
        let text = content.as_ref().and_then(Content::text).unwrap_or_default();
        let line = |bytes: usize| text.get(..bytes).unwrap_or(text).matches('\n').count();
        // Operations come first, then the edits in their order.
        let (whole, texts) = self.hunks.split_at(self.hunks.len() - self.edits.len());
        let mut found: Vec<_> = whole.iter().map(|&id| (id, None)).collect();
        let (mut removed, mut added) = (0, 0);
        for (&id, edit) in texts.iter().zip(&self.edits) {
            let start = edit.range.start - removed + added;
            let first = line(start);
            let count = edit.text.split_inclusive('\n').count();
            found.push((id, Some(first..first + count)));
            removed += edit.range.len();
            added += edit.text.len();
        }
        found
    }

    fn writes(&self) -> Vec<Write> {
        let in_editor = self.authority == Authority::Editor;
        let write = |path: &WorkspacePath, stays: bool, after: Option<&PlannedContent>| Write {
            path: path.clone(),
            before: self
                .before_bytes
                .clone()
                .filter(|_| stays)
                .zip(self.before.mode()),
            after: after.map(|after| (after.bytes.clone(), after.mode)),
            in_editor,
        };
        match &self.after {
            Some(after) if after.path != self.path => {
                vec![
                    write(&self.path, true, None),
                    write(&after.path, false, Some(after)),
                ]
            }
            after => vec![write(&self.path, true, after.as_ref())],
        }
    }
}

impl Review {
    /// What an apply of all that is kept would write.
    ///
    /// # Errors
    /// When the kept hunks contradict each other or cannot be written.
    pub fn plan(&self) -> Result<Plan, PlanError> {
        let mut plan = Plan::default();
        let mut places = BTreeSet::new();
        for file in self.files() {
            let Some(planned) = planned(file)? else {
                continue;
            };
            if let Some(after) = &planned.after
                && !places.insert(after.path.clone())
            {
                return Err(PlanError::Collision(after.path.clone()));
            }
            plan.files.push(planned);
        }
        let stays = |path: &WorkspacePath| {
            let leaves = |file: &PlannedFile| {
                file.path == *path && file.after.as_ref().is_none_or(|after| after.path != *path)
            };
            self.file(path)
                .is_some_and(|file| file.standing() != Standing::Absent)
                && !plan.files.iter().any(leaves)
        };
        let moved_onto = |file: &&PlannedFile| {
            file.after
                .as_ref()
                .is_some_and(|to| to.path != file.path && stays(&to.path))
        };
        match plan
            .files
            .iter()
            .find(moved_onto)
            .and_then(|file| file.after.as_ref())
        {
            Some(after) => Err(PlanError::Collision(after.path.clone())),
            None => Ok(plan),
        }
    }

    /// Takes note that `plan` was carried out.
    ///
    /// What an editor has open is what its notifications said; what lies on the disk is as planned.
    pub fn applied(&mut self, plan: &Plan) {
        for planned in &plan.files {
            let Some(file) = self.file(&planned.path) else {
                continue;
            };
            let as_planned = planned
                .after
                .as_ref()
                .map(|after| (Content::decode(&after.bytes), after.mode));
            let file = match planned.authority {
                Authority::Disk => as_planned,
                Authority::Editor => file.content().map(|content| (content, file.mode())),
            };
            let live = Live {
                authority: planned.authority,
                file,
            };
            let path = planned.after.as_ref().map_or(&planned.path, |after| &after.path);
            self.carried_out(&planned.path, &planned.hunks, path.clone(), live);
        }
    }
}

fn planned(file: &FileReview) -> Result<Option<PlannedFile>, PlanError> {
    let kept = file.kept();
    if kept.is_empty() {
        return Ok(None);
    }
    let path = file.path();
    let whole = kept.delete || kept.content.is_some();
    if whole && !kept.edits.is_empty() || kept.delete && kept.operations.len() > 1 {
        return Err(PlanError::Contradiction(path.clone()));
    }
    let encode = |source| PlanError::Encode {
        path: path.clone(),
        source,
    };
    let bytes = match kept.content {
        Some(content) => content.encode().map_err(encode)?,
        None => file.kept_bytes().map_err(encode)?,
    };
    let before_bytes = file
        .content()
        .map(|content| content.encode())
        .transpose()
        .map_err(encode)?;
    let after = (!kept.delete).then(|| PlannedContent {
        path: kept.rename.unwrap_or_else(|| path.clone()),
        bytes,
        mode: kept.mode.unwrap_or(file.mode()),
    });
    let (ids, edits): (Vec<HunkId>, Vec<Edit>) = kept.edits.into_iter().unzip();
    Ok(Some(PlannedFile {
        path: path.clone(),
        authority: file.authority(),
        before: file.standing(),
        before_bytes,
        after,
        edits,
        hunks: [kept.operations, ids].concat(),
    }))
}
