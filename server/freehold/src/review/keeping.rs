//! Keeping and dropping: from what the user picked to what is written or forgotten.

use std::collections::BTreeSet;
use std::sync::Arc;

use changes::{
    About, AuditKind, Authority, Decision, Digest, HunkId, HunkView, LineId, Plan, PlannedFile, Review,
    WorkspacePath,
};
use serde_json::{Value, json};

use super::applying::{Applying, Then};
use super::command::{Pick, Seen};
use super::desk::{Answer, Desk, Documents, Effect, Work};
use super::editing::{Editing, Expected};
use super::job::{Job, Record};
use super::origin;
use super::uri;

/// How one hunk is kept.
pub(super) enum How {
    /// Some of its lines.
    Lines(BTreeSet<LineId>),
    /// With another text.
    As(String),
}

/// What is decided about hunks, in the words of the audit log.
pub(super) struct Decisions<'a> {
    pub(super) decision: &'a str,
    pub(super) hunks: &'a [HunkId],
}

impl Desk {
    pub(super) fn keep(
        &mut self,
        pick: &Pick,
        answer: Answer,
        documents: &dyn Documents,
        effects: &mut Vec<Effect>,
    ) {
        match self.decide(pick, true) {
            Err(message) => refuse(answer, message, effects),
            Ok(decided) if decided.hunks.is_empty() => refuse(answer, nothing(&decided.conflicts), effects),
            Ok(decided) => {
                let note = (!decided.conflicts.is_empty()).then(|| left_out(&decided.conflicts));
                self.write_kept(&decided.hunks, note, answer, documents, effects);
            }
        }
    }

    pub(super) fn keep_one(
        &mut self,
        seen: Seen,
        how: How,
        answer: Answer,
        documents: &dyn Documents,
        effects: &mut Vec<Effect>,
    ) {
        let decided = self.seen(seen).and_then(|digest| {
            let review = self.review_mut();
            let decided = match how {
                How::Lines(lines) => review.decide(seen.hunk, Decision::Lines(lines), digest),
                How::As(text) => review.edit_hunk(seen.hunk, &text, digest),
            };
            decided.map_err(|error| error.to_string())
        });
        match decided {
            Ok(()) => self.write_kept(&[seen.hunk], None, answer, documents, effects),
            Err(message) => refuse(answer, message, effects),
        }
    }

    pub(super) fn drop_hunks(&mut self, pick: &Pick, answer: Answer, effects: &mut Vec<Effect>) {
        let before = Arc::clone(&self.review);
        let decided = match self.decide(pick, false) {
            Ok(decided) if decided.hunks.is_empty() => return refuse(answer, nothing(&[]), effects),
            Ok(decided) => decided,
            Err(message) => return refuse(answer, message, effects),
        };
        let decisions = Decisions {
            decision: "drop",
            hunks: &decided.hunks,
        };
        let records = records(&before, &decisions);
        self.review_mut().forget_dropped();
        effects.push(Effect::Changed);
        effects.push(Effect::Do(Job::Record {
            records,
            review: Arc::clone(&self.review),
        }));
        self.work = Some(Work::Recording(answer, json!({ "applied": true })));
    }

    /// The digest that a decision is about.
    fn seen(&self, seen: Seen) -> Result<Digest, String> {
        match seen.digest {
            Some(digest) => Ok(digest),
            None => self
                .review
                .hunk(seen.hunk)
                .map(|view| view.digest)
                .ok_or_else(|| format!("hunk {} does not wait for a decision", seen.hunk)),
        }
    }

    fn decide(&mut self, pick: &Pick, keep: bool) -> Result<changes::Decided, String> {
        if let Pick::Hunks(hunks) = pick {
            let decision = if keep { Decision::Keep } else { Decision::Drop };
            let mut review = Review::clone(&self.review);
            for &seen in hunks {
                let digest = self.seen(seen)?;
                review
                    .decide(seen.hunk, decision.clone(), digest)
                    .map_err(|error| error.to_string())?;
            }
            self.review = Arc::new(review);
            return Ok(changes::Decided {
                hunks: hunks.iter().map(|seen| seen.hunk).collect(),
                conflicts: Vec::new(),
            });
        }
        let chosen = self.chosen(pick)?;
        Ok(self
            .review_mut()
            .decide_all(keep, |view| chosen.contains(&view.id)))
    }

    /// The hunks that a pick means.
    fn chosen(&self, pick: &Pick) -> Result<BTreeSet<HunkId>, String> {
        let matching = |wanted: &dyn Fn(&HunkView) -> bool| -> BTreeSet<HunkId> {
            self.review.hunks().filter(wanted).map(|view| view.id).collect()
        };
        let around = |hunk: HunkId, sets: Vec<Vec<HunkId>>| -> BTreeSet<HunkId> {
            let with = sets.into_iter().filter(|set| set.contains(&hunk)).flatten();
            with.chain([hunk]).collect()
        };
        Ok(match pick {
            Pick::Hunks(hunks) => hunks.iter().map(|seen| seen.hunk).collect(),
            Pick::Alike(hunk) => {
                let groups = self.review.groups().into_iter().map(|group| group.hunks);
                around(*hunk, groups.collect())
            }
            Pick::Together(hunk) => {
                let links = self.review.links().into_iter().map(|link| link.hunks);
                around(*hunk, links.collect())
            }
            Pick::File(file) => {
                let path = self.path_of(file)?;
                matching(&|view| *view.file.path() == path)
            }
            Pick::Change(change) => matching(&|view| view.change == *change),
            Pick::All => matching(&|_| true),
        })
    }

    /// The file that a URI or a path of the workspace names, among those that something waits for.
    fn path_of(&self, file: &str) -> Result<WorkspacePath, String> {
        let place = uri::place(file);
        self.review
            .files()
            .map(changes::FileReview::path)
            .find(|path| path.as_str() == file || uri::place(&self.uri(path)) == place)
            .cloned()
            .ok_or_else(|| format!("nothing waits for `{file}`"))
    }

    /// Writes all that is kept; `hunks` are those that were decided for it just now.
    fn write_kept(
        &mut self,
        hunks: &[HunkId],
        note: Option<String>,
        answer: Answer,
        documents: &dyn Documents,
        effects: &mut Vec<Effect>,
    ) {
        let then = Then::Kept {
            hunks: hunks.to_vec(),
            plan: Plan::default(),
            note,
            answer,
        };
        self.write_then(then, 0, documents, effects);
    }

    /// Plans what is kept, and begins to write it.
    pub(super) fn write_then(
        &mut self,
        then: Then,
        tries: u32,
        documents: &dyn Documents,
        effects: &mut Vec<Effect>,
    ) {
        let Then::Kept {
            hunks, note, answer, ..
        } = then
        else {
            return;
        };
        let planned = self
            .review
            .plan()
            .map_err(|error| format!("{:#}", anyhow::Error::new(error)))
            .and_then(|plan| Ok((self.editing(&plan, documents)?, plan)));
        let (editing, plan) = match planned {
            Ok(planned) => planned,
            Err(message) => {
                self.undecide(&hunks);
                return refuse(answer, message, effects);
            }
        };
        let decisions = Decisions {
            decision: "keep",
            hunks: &hunks,
        };
        let mut writes = plan.writes();
        for write in &mut writes {
            write.in_editor &= editing.contains(&write.path);
        }
        let applying = Applying {
            writes,
            about: self.about(&hunks, |title| self.review.about(&plan, title, "")),
            records: records(&self.review, &decisions),
            editing,
            tries,
            stage: super::applying::Stage::Begins,
            then: Then::Kept {
                hunks,
                plan,
                note,
                answer,
            },
        };
        self.apply(applying, effects);
    }

    /// What the editor is to be asked for.
    fn editing(&self, plan: &Plan, documents: &dyn Documents) -> Result<Editing, String> {
        let mut editing = Editing::default();
        let in_editor = plan
            .files
            .iter()
            .filter(|file| file.authority == Authority::Editor);
        for file in in_editor.filter(|file| is_plain_edit(file)) {
            let uri = self.uri(&file.path);
            if !self.abilities.edits_documents {
                return Err(format!(
                    "this editor cannot be asked to change `{}`, which it has open; save and close it, then \
                     decide again",
                    file.path
                ));
            }
            let Some((text, _)) = documents.document(&uri) else {
                return Err(format!("`{}` is not open any more; decide again", file.path));
            };
            editing.add(Expected::new(&file.path, &uri, text, &file.edits));
        }
        Ok(editing)
    }

    /// Takes decisions back that could not be carried out.
    pub(super) fn undecide(&mut self, hunks: &[HunkId]) {
        for &id in hunks {
            let Some(digest) = self.review.hunk(id).map(|view| view.digest) else {
                continue;
            };
            // It was found with this digest a moment ago.
            let _decided = self.review_mut().decide(id, Decision::Undecided, digest);
        }
    }

    /// Why hunks are carried out; `make` gets the title. A step of several changes belongs to the session and
    /// the run of the first.
    pub(super) fn about(&self, hunks: &[HunkId], make: impl FnOnce(&str) -> About) -> About {
        let views = hunks.iter().filter_map(|&id| self.review.hunk(id));
        let changes: BTreeSet<changes::ChangeId> = views.map(|view| view.change).collect();
        let known = changes
            .iter()
            .filter_map(|&id| Some((id, self.review.change(id)?)));
        let known: Vec<_> = known.collect();
        let titles: Vec<&str> = known.iter().map(|(_, info)| info.title.as_str()).collect();
        let about = make(&titles.join("; "));
        let Some(&(first, info)) = known.first() else {
            return about;
        };
        About {
            session: origin::session(info).to_owned(),
            run: match info.provenance.run.as_str() {
                "" => first.to_string(),
                run => run.to_owned(),
            },
            ..about
        }
    }

    /// Forgets what was written, and answers.
    pub(super) fn finish(&mut self, then: Then, effects: &mut Vec<Effect>) {
        let (answer, value) = match then {
            Then::Kept {
                plan, note, answer, ..
            } => {
                let review = self.review_mut();
                review.applied(&plan);
                review.forget_hunks(&plan.hunks());
                (Some(answer), applied(note))
            }
            Then::TookBack { note, answer, .. } => (Some(answer), applied(note)),
            Then::Landed { .. } => (None, Value::Null),
        };
        self.review_mut().settle();
        effects.push(Effect::Changed);
        effects.push(Effect::Do(Job::Record {
            records: Vec::new(),
            review: Arc::clone(&self.review),
        }));
        self.work = Some(match answer {
            Some(answer) => Work::Recording(answer, value),
            None => Work::Keeping,
        });
    }
}

/// Whether only the text of a file changes, which the editor can do that has it open. All else is done on
/// the disk, where it must be as the editor has it.
pub(super) fn is_plain_edit(file: &PlannedFile) -> bool {
    let same = |after: &changes::PlannedContent| {
        after.path == file.path && Some(after.mode) == file.before.mode() && !file.edits.is_empty()
    };
    file.after.as_ref().is_some_and(same)
}

/// The records of decisions about hunks.
pub(super) fn records(review: &Review, decisions: &Decisions) -> Vec<Record> {
    let views = decisions.hunks.iter().filter_map(|&id| review.hunk(id));
    let record = |view: HunkView| {
        let behind = review.change(view.change).map(origin::fields);
        let how = match (view.decision, view.part) {
            (Decision::Lines(_), _) => " lines",
            (_, changes::Part::Text(hunk)) if hunk.first_proposed().is_some() => " edited",
            _ => "",
        };
        let mut fields = vec![("decision", format!("{}{how}", decisions.decision))];
        fields.extend(behind.unwrap_or_default());
        fields.extend([
            ("change", view.change.to_string()),
            ("hunk", view.id.to_string()),
            ("path", view.file.path().to_string()),
            ("digest", view.digest.to_string()),
        ]);
        Record {
            kind: AuditKind::Decision,
            fields,
        }
    };
    views.map(record).collect()
}

pub(super) fn applied(note: Option<String>) -> Value {
    match note {
        Some(message) => json!({ "applied": true, "message": message }),
        None => json!({ "applied": true }),
    }
}

/// Answers that nothing was done, and why.
pub(super) fn refuse(answer: Answer, message: String, effects: &mut Vec<Effect>) {
    effects.push(Effect::Changed);
    effects.push(Effect::Answer(
        answer,
        Ok(json!({ "applied": false, "message": message })),
    ));
}

fn nothing(conflicts: &[HunkId]) -> String {
    if conflicts.is_empty() {
        "nothing waits there for a decision".to_owned()
    } else {
        left_out(conflicts)
    }
}

fn left_out(conflicts: &[HunkId]) -> String {
    let names: Vec<String> = conflicts.iter().map(ToString::to_string).collect();
    format!(
        "{} in conflict with what was changed since and can only be kept by itself: {}",
        if names.len() == 1 {
            "a hunk is"
        } else {
            "hunks are"
        },
        names.join(", ")
    )
}
