//! Everything that waits for the user's yes or no, and what they have said so far.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::file_review::{FileReview, Live, ProposedFile};
use crate::hunk::{ChangeId, Decision, Hunk, HunkId, LineId, Status};
use crate::journal::StepId;
use crate::operation::{Operation, Standing};
use crate::patch::{FilePatch, LayError, lay};
use crate::proposed::Stale;
use crate::text_review::EditError;
use crate::{Digest, Edit, WorkspacePath};

/// All pending changes of a workspace.
///
/// It is fed what the editor and the disk say, and never changes either.
#[derive(Debug, Clone, Default)]
pub struct Review {
    pub(crate) files: BTreeMap<WorkspacePath, FileReview>,
    pub(crate) changes: BTreeMap<ChangeId, ChangeInfo>,
    pub(crate) last_id: u64,
}

/// What is known of a change besides its hunks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChangeInfo {
    /// What it is for, in one line.
    pub title: String,
    /// Who proposes it: a session, a program.
    pub origin: String,
    /// What stands behind it, as far as there is such a thing.
    #[serde(default)]
    pub provenance: Provenance,
    /// The steps that it takes back, if it is what going back or forward left to be decided.
    #[serde(default)]
    pub takes_back: Vec<StepId>,
}

/// What stands behind a change; each is empty where there is no such thing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Provenance {
    /// The session that it comes from.
    #[serde(default)]
    pub session: String,
    /// The run within the session.
    #[serde(default)]
    pub run: String,
    /// What the model was asked: a digest of the prompt, or the record of the request in the audit log.
    #[serde(default)]
    pub prompt: String,
    /// The file of the model that wrote it, or its digest.
    #[serde(default)]
    pub model: String,
    /// Who asked for it.
    #[serde(default)]
    pub person: String,
}

/// A change that somebody wants to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// What it is for and who proposes it.
    pub info: ChangeInfo,
    /// What it does to each file.
    pub files: Vec<ProposedFile>,
}

/// One hunk as the user is shown it.
#[derive(Debug, Clone)]
pub struct HunkView<'a> {
    /// Its name.
    pub id: HunkId,
    /// The change that it is part of.
    pub change: ChangeId,
    /// The file that it is for.
    pub file: &'a FileReview,
    /// What it does.
    pub part: Part<'a>,
    /// How it stands to what is there now.
    pub status: Status,
    /// What was decided, if it still holds.
    pub decision: &'a Decision,
    /// Stands for all that is shown; a decision names it, so that it can only be about what was seen.
    pub digest: Digest,
}

/// What a hunk is of.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    /// Of the text of a file.
    Text(&'a Hunk),
    /// Of the file itself.
    Whole(&'a Operation),
}

/// A proposal cannot be put up.
#[derive(Debug, thiserror::Error)]
pub enum ProposeError {
    /// Other hunks wait in the same place.
    #[error("cannot propose a change to `{path}`")]
    Stale {
        /// The file.
        path: WorkspacePath,
        /// Why.
        source: Stale,
    },
    /// A patch is for a file that is not there.
    #[error("the patch changes `{0}`, which does not exist")]
    Absent(WorkspacePath),
    /// A patch makes or moves to a file that is there already.
    #[error("the patch makes `{0}`, which exists already")]
    Exists(WorkspacePath),
    /// A patch names no file.
    #[error("the patch names no file")]
    Nameless,
    /// A patch does not fit its file.
    #[error(transparent)]
    Lay(#[from] LayError),
}

/// A decision cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecideError {
    /// There is no such hunk any more.
    #[error("hunk {0} does not wait for a decision")]
    Unknown(HunkId),
    /// The hunk or the text under it is not what the user saw.
    #[error("hunk {0} has changed since it was shown; look at it again")]
    Changed(HunkId),
    /// Lines were picked of a hunk that has none, or under which the text has changed.
    #[error("hunk {0} can only be kept or dropped as a whole")]
    Whole(HunkId),
    /// A line was picked that the hunk does not have.
    #[error("hunk {0} has no such line")]
    NoLine(HunkId),
}

/// What came of deciding many hunks at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decided {
    /// These were decided.
    pub hunks: Vec<HunkId>,
    /// These are in conflict, and can only be kept one by one.
    pub conflicts: Vec<HunkId>,
}

impl Review {
    /// Puts a proposal up for review; `live` says what stands at a path.
    ///
    /// # Errors
    /// When other hunks wait in the same place; nothing is put up then.
    pub fn propose(
        &mut self,
        proposal: Proposal,
        mut live: impl FnMut(&WorkspacePath) -> Live,
    ) -> Result<ChangeId, ProposeError> {
        let mut last_id = self.last_id;
        let mut next_id = || {
            last_id += 1;
            last_id
        };
        let change = ChangeId(next_id());
        let mut files = Vec::new();
        for proposed in proposal.files {
            let path = proposed.path.clone();
            let known = self.files.get(&path).cloned();
            let mut file = known.unwrap_or_else(|| FileReview::new(path.clone(), live(&path)));
            file.propose(proposed, change, || HunkId(next_id()))
                .map_err(|source| ProposeError::Stale { path, source })?;
            files.push(file);
        }
        self.last_id = last_id;
        self.changes.insert(change, proposal.info);
        self.files
            .extend(files.into_iter().map(|file| (file.path.clone(), file)));
        // What was proposed for a file before may be taken back by this.
        self.files.retain(|_, file| !file.is_settled());
        Ok(change)
    }

    /// Puts up what a patch does, made for the files as their authorities have them.
    ///
    /// # Errors
    /// When the patch does not fit the files, or other hunks wait in the same place.
    pub fn propose_patch(
        &mut self,
        info: ChangeInfo,
        patches: &[FilePatch],
        mut live: impl FnMut(&WorkspacePath) -> Live,
    ) -> Result<ChangeId, ProposeError> {
        let mut files = Vec::new();
        for patch in patches {
            files.push(proposed_by(patch, &mut live)?);
        }
        self.propose(Proposal { info, files }, live)
    }

    /// The files that something is proposed for, in the order of their paths.
    pub fn files(&self) -> impl Iterator<Item = &FileReview> {
        self.files.values()
    }

    /// The file at `path`, if something is proposed for it.
    #[must_use]
    pub fn file(&self, path: &WorkspacePath) -> Option<&FileReview> {
        self.files.get(path)
    }

    /// What is known of a change.
    #[must_use]
    pub fn change(&self, id: ChangeId) -> Option<&ChangeInfo> {
        self.changes.get(&id)
    }

    /// All hunks, by file and place.
    pub fn hunks(&self) -> impl Iterator<Item = HunkView<'_>> {
        self.files.values().flat_map(views)
    }

    /// The hunk of this name.
    #[must_use]
    pub fn hunk(&self, id: HunkId) -> Option<HunkView<'_>> {
        self.hunks().find(|view| view.id == id)
    }

    /// Takes a decision about one hunk, which was shown with the digest `seen`.
    ///
    /// # Errors
    /// When the hunk is not what was shown, or cannot be decided so.
    pub fn decide(&mut self, id: HunkId, decision: Decision, seen: Digest) -> Result<(), DecideError> {
        let path = self.check(id, seen, &decision)?;
        if let Some(file) = self.files.get_mut(&path) {
            file.decide(id, decision);
        }
        Ok(())
    }

    /// Keeps a hunk with another text than the proposed one.
    ///
    /// # Errors
    /// When the hunk is not what was shown, or is not of a text.
    pub fn edit_hunk(&mut self, id: HunkId, text: &str, seen: Digest) -> Result<(), DecideError> {
        let path = self.check(id, seen, &Decision::Keep)?;
        let file = self.files.get_mut(&path).ok_or(DecideError::Unknown(id))?;
        if !file.edit_proposed(id, text) {
            return Err(DecideError::Whole(id));
        }
        file.decide(id, Decision::Keep);
        Ok(())
    }

    /// Keeps or drops at once all hunks that `select` picks and that are not decided yet.
    ///
    /// Keeping leaves out those in conflict: each of them wants a look of its own.
    pub fn decide_all(&mut self, keep: bool, mut select: impl FnMut(&HunkView) -> bool) -> Decided {
        let mut decided = Decided::default();
        let mut paths = Vec::new();
        for view in self.hunks() {
            if *view.decision != Decision::Undecided || view.status == Status::Landed || !select(&view) {
                continue;
            }
            if keep && view.status == Status::Conflict {
                decided.conflicts.push(view.id);
            } else {
                decided.hunks.push(view.id);
                paths.push(view.file.path.clone());
            }
        }
        for (id, path) in decided.hunks.iter().zip(paths) {
            if let Some(file) = self.files.get_mut(&path) {
                file.decide(*id, if keep { Decision::Keep } else { Decision::Drop });
            }
        }
        decided
    }

    /// Follows an edit in an editor.
    ///
    /// # Errors
    /// When the edit does not fit the text; the caller then has missed one, and must [`Review::set_live`].
    pub fn edit(&mut self, path: &WorkspacePath, edit: &Edit) -> Result<(), EditError> {
        self.files.get_mut(path).map_or(Ok(()), |file| file.edit(edit))
    }

    /// Follows what the authority of a file says: it was opened, closed, saved, written by a program.
    pub fn set_live(&mut self, path: &WorkspacePath, live: Live) {
        if let Some(file) = self.files.get_mut(path) {
            file.set_live(live);
        }
    }

    /// Takes everything of a change back that has not been applied.
    pub fn withdraw(&mut self, id: ChangeId) {
        self.forget(|change, _| change == id);
        self.changes.remove(&id);
    }

    /// Forgets the hunks that have come about by themselves, and says which changes they were of.
    pub fn settle(&mut self) {
        self.forget(|_, status| status == Status::Landed);
    }

    /// Forgets these hunks: they were carried out, whatever has become of their text since.
    pub fn forget_hunks(&mut self, ids: &[HunkId]) {
        for file in self.files.values_mut() {
            file.forget_hunks(ids);
        }
        self.files.retain(|_, file| !file.is_settled());
    }

    /// Forgets the hunks that were dropped.
    pub fn forget_dropped(&mut self) {
        for file in self.files.values_mut() {
            file.forget_dropped();
        }
        self.files.retain(|_, file| !file.is_settled());
    }

    fn forget(&mut self, mut forget: impl FnMut(ChangeId, Status) -> bool) {
        for file in self.files.values_mut() {
            file.forget(&mut forget);
        }
        self.files.retain(|_, file| !file.is_settled());
    }

    /// Takes note that an apply carried out the kept hunks `ids` of the file at `path`.
    ///
    /// `live` says what stands now at `now_at`, where the file is after it.
    pub(crate) fn carried_out(
        &mut self,
        path: &WorkspacePath,
        ids: &[HunkId],
        now_at: WorkspacePath,
        live: Live,
    ) {
        if let Some(mut file) = self.files.remove(path) {
            file.carried_out(ids, live, now_at);
            if !file.is_settled() {
                self.files.insert(file.path.clone(), file);
            }
        }
    }

    /// Takes note that an apply carried out the hunks `ids`, whatever had been kept of the review by then.
    pub(crate) fn carried_out_before(
        &mut self,
        path: &WorkspacePath,
        ids: &[HunkId],
        now_at: WorkspacePath,
        live: Live,
    ) {
        self.carried_out(path, ids, now_at.clone(), live);
        if let Some(file) = self.files.get_mut(&now_at) {
            file.forget_hunks(ids);
        }
        self.files.retain(|_, file| !file.is_settled());
    }

    fn check(&self, id: HunkId, seen: Digest, decision: &Decision) -> Result<WorkspacePath, DecideError> {
        let view = self.hunk(id).ok_or(DecideError::Unknown(id))?;
        if view.digest != seen {
            return Err(DecideError::Changed(id));
        }
        if let Decision::Lines(lines) = decision {
            let Part::Text(hunk) = view.part else {
                return Err(DecideError::Whole(id));
            };
            if view.status != Status::Ready {
                return Err(DecideError::Whole(id));
            }
            let count = |text: &str| text.split_inclusive('\n').count();
            let (removed, added) = (count(hunk.base()), count(hunk.proposed()));
            let exists = |line: &LineId| match *line {
                LineId::Removed(index) => index < removed,
                LineId::Added(index) => index < added,
            };
            if !lines.iter().all(exists) {
                return Err(DecideError::NoLine(id));
            }
        }
        Ok(view.file.path.clone())
    }
}

fn views(file: &FileReview) -> impl Iterator<Item = HunkView<'_>> {
    let path = file.path.as_str().as_bytes();
    let whole = file.operations().iter().map(move |operation| HunkView {
        id: operation.id(),
        change: operation.change(),
        file,
        part: Part::Whole(operation),
        status: operation.status(file.standing()),
        decision: operation.effective(file.standing()),
        digest: Digest::of_fields(&[path, operation.digest(file.standing()).to_string().as_bytes()]),
    });
    let live = file.text().live();
    // A file that is made gets its permission bits with its text.
    let made_with = match file.standing() {
        Standing::Absent => file.mode().to_le_bytes().to_vec(),
        Standing::File { .. } => Vec::new(),
    };
    let text = file.text().hunks().iter().map(move |hunk| HunkView {
        id: hunk.id(),
        change: hunk.change(),
        file,
        part: Part::Text(hunk),
        status: hunk.status(live),
        decision: hunk.effective(live),
        digest: Digest::of_fields(&[path, &made_with, hunk.digest(live).to_string().as_bytes()]),
    });
    whole.chain(text)
}

/// What a patch proposes for one file, laid over what stands there.
fn proposed_by(
    patch: &FilePatch,
    live: &mut impl FnMut(&WorkspacePath) -> Live,
) -> Result<ProposedFile, ProposeError> {
    let mut stands = |path: &WorkspacePath| live(path).file.map(|(content, _)| content);
    let rename = patch
        .new
        .clone()
        .filter(|new| patch.old.is_some() && patch.old.as_ref() != Some(new));
    let made = if patch.old.is_none() {
        patch.new.as_ref()
    } else {
        rename.as_ref()
    };
    if let Some(made) = made.filter(|made| stands(made).is_some()) {
        return Err(ProposeError::Exists(made.clone()));
    }
    let path = patch
        .old
        .clone()
        .or_else(|| patch.new.clone())
        .ok_or(ProposeError::Nameless)?;
    let seen = stands(&path);
    if patch.old.is_some() && seen.is_none() {
        return Err(ProposeError::Absent(path));
    }
    let content = lay(patch, seen.as_ref(), &path)?;
    Ok(ProposedFile {
        path,
        seen,
        content,
        rename,
        mode: patch.new_mode,
    })
}
