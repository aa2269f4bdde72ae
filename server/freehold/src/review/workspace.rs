//! A workspace as it lies on the disk: its files, and what is remembered of it elsewhere.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use changes::{
    About, ApplyError, Audit, AuditEntry, AuditKind, Authority, Budget, Digest, FileStep, Home, Live,
    Pending, Review, Standing, Step, StepHunk, StepId, WorkspacePath, Writer, next_redo, next_undo, patch,
    undoable,
};
use host::{Host, Lock, Tree};
use ropey::Rope;
use serde_json::{Value, json};

use super::command::Scope;
use super::following::in_editor;
use super::job::{Applied, Apply, Back, Done, Job, Loaded, Marks, NotOpen, Record, Refused};
use super::scope;
use super::view;
use crate::paths::Paths;
use crate::settings::{self, Settings};

/// A workspace that is open. While it is, nobody else can open it.
pub struct Workspace {
    host: Arc<dyn Host>,
    root: PathBuf,
    tree: Box<dyn Tree>,
    folder: PathBuf,
    settings_file: PathBuf,
    person: String,
    lock: Lock,
}

/// Waits for the editor: true lets an apply go on, anything else takes it back.
pub type Gate<'a> = &'a mut dyn FnMut() -> bool;

/// A gate that is always open.
pub fn open_gate() -> bool {
    true
}

/// Somebody else has the review open, perhaps for a moment only.
#[derive(Debug, thiserror::Error)]
#[error("another window or command has the review of `{}` open", .0.display())]
pub struct Busy(PathBuf);

/// Who is at the machine: the name of the user, or its number.
pub fn person(host: &dyn Host) -> String {
    ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| host.variable(name))
        .unwrap_or_else(|| host.user_id().to_string())
}

impl Workspace {
    /// Opens the workspace at `root`.
    ///
    /// # Errors
    /// When it is no folder, somebody else has it open, or its memory cannot be reached.
    pub fn open(host: Arc<dyn Host>, paths: &Paths, root: &Path) -> anyhow::Result<Self> {
        let tree = host.open_tree(root)?;
        let home = Home::open(host.as_ref(), &paths.state, root)?;
        let busy = || Busy(root.to_owned());
        let lock = home.own()?.ok_or_else(busy)?;
        let folder = home.folder().to_owned();
        let person = person(host.as_ref());
        Ok(Self {
            host,
            root: root.to_owned(),
            tree,
            folder,
            settings_file: paths.settings_file.clone(),
            person,
            lock,
        })
    }

    /// Its root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn host(&self) -> &dyn Host {
        self.host.as_ref()
    }

    pub(super) fn tree(&self) -> &dyn Tree {
        self.tree.as_ref()
    }

    /// Where what is remembered of it lies.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the user has set, as it stands now.
    pub(super) fn settings(&self) -> anyhow::Result<Settings> {
        Ok(settings::load(self.host(), &self.settings_file)?.settings)
    }

    /// What lies on the disk.
    pub(super) fn on_disk(&self, path: &WorkspacePath) -> anyhow::Result<Live> {
        Ok(self.writer().live_on_disk(path)?)
    }

    fn writer(&self) -> Writer<'_> {
        self.home().writer(self.tree.as_ref())
    }

    fn audit(&self) -> Audit<'_> {
        self.home().audit()
    }

    fn home(&self) -> Home<'_> {
        Home::at(self.host.as_ref(), self.folder.clone())
    }

    /// Carries out a job; a gated apply says [`Done::Begun`] through `begun` and waits at `gate`.
    pub fn perform(&self, job: Job, begun: impl FnOnce(), gate: Gate) -> Done {
        match job {
            Job::Load => Done::Loaded(self.load().map_err(|error| NotOpen::Failed(told(error)))),
            Job::Look(paths) => self.look(paths),
            Job::Apply(apply) => Done::Applied(self.apply(*apply, begun, gate)),
            Job::TakeBack { scope, forward, open } => {
                Done::FoundBack(self.take_back(&scope, forward, &open).map_err(told))
            }
            Job::Record { records, review } => Done::Recorded(self.record(&records, &review).map_err(told)),
            Job::ListSteps => Done::Read(self.list_steps().map_err(told)),
            Job::DiffStep(step) => Done::Read(self.diff_step(step).map_err(told)),
            Job::TryOut(wanted) => Done::TriedOut(self.try_out(&wanted).map_err(told)),
            Job::Audit => Done::Read(self.verified().map_err(told)),
            Job::Behind { path, text } => Done::Read(self.behind(&path, text.as_ref()).map_err(told)),
        }
    }

    fn load(&self) -> anyhow::Result<Loaded> {
        let recovered = self
            .writer()
            .recover()
            .context("cannot take back what an earlier run has left half done")?;
        let writer = self.writer();
        // What cannot be read now stands in no hunk's way: it is looked at again before anything is written.
        let nothing = Live {
            authority: Authority::Disk,
            file: None,
        };
        let kept = self
            .pending()
            .load(|path| writer.live_on_disk(path).unwrap_or_else(|_| nothing.clone()))
            .context("cannot read what waits for a decision")?;
        let mut notes: Vec<String> = kept.set_aside.iter().map(ToString::to_string).collect();
        // Old steps that cannot be forgotten now stand in nobody's way.
        notes.extend(self.forget_old_steps().err().map(told));
        Ok(Loaded {
            trials: self.trials(&kept.review),
            review: kept.review,
            recovered,
            marks: self.marks()?,
            notes,
        })
    }

    fn forget_old_steps(&self) -> anyhow::Result<()> {
        // Who has settings that cannot be read is told so elsewhere.
        let Ok(settings) = self.settings().map(|settings| settings.review) else {
            return Ok(());
        };
        let budget = Budget {
            store_bytes_max: u64::from(settings.undo_mebibytes_max) << 20,
            age_max: Duration::from_secs(u64::from(settings.undo_days_max) * 24 * 60 * 60),
        };
        let pruned = self.home().prune_daily(&budget, self.host.now(), &self.lock);
        pruned.context("cannot forget what was applied long ago")?;
        Ok(())
    }

    fn pending(&self) -> Pending<'_> {
        self.home().pending()
    }

    fn look(&self, paths: Vec<WorkspacePath>) -> Done {
        let writer = self.writer();
        let (mut live, mut failures) = (BTreeMap::new(), BTreeMap::new());
        for path in paths {
            match writer.live_on_disk(&path) {
                Ok(found) => drop(live.insert(path, found)),
                Err(error) => drop(failures.insert(path, told(error.into()))),
            }
        }
        Done::Looked { live, failures }
    }

    fn marks(&self) -> anyhow::Result<Marks> {
        let steps = self.writer().steps()?;
        Ok(Marks {
            undo: next_undo(&steps).map(|id| title_of(&steps, id)),
            redo: next_redo(&steps).map(|id| bare(&title_of(&steps, id)).to_owned()),
        })
    }

    fn apply(&self, apply: Apply, begun: impl FnOnce(), gate: Gate) -> Result<Applied, Refused> {
        let writer = self.writer();
        let about = About {
            person: self.person.clone(),
            ..apply.about
        };
        let transaction = writer.begin(apply.writes, about).map_err(refused)?;
        let step = transaction.step().clone();
        let mut records = apply.records;
        records.extend(step.files.iter().map(|file| written(&step, file)));
        let withdrawn = |why: &str| Record {
            kind: AuditKind::Write,
            fields: vec![("step", step.id.0.to_string()), ("taken back", why.to_owned())],
        };
        if let Err(error) = self.append(&records) {
            transaction.abort().map_err(refused)?;
            return Err(disk(format!("{error:#}; nothing was written")));
        }
        if apply.gated {
            begun();
            if !gate() {
                transaction.abort().map_err(refused)?;
                self.append(&[withdrawn("the editor")])
                    .map_err(|error| disk(told(error)))?;
                return Err(Refused {
                    message: "the editor did not change its documents".to_owned(),
                    given_up: true,
                    stale: None,
                });
            }
        }
        if let Err(error) = transaction.write() {
            transaction.abort().map_err(refused)?;
            let reason = refused(error);
            self.append(&[withdrawn(&reason.message)])
                .map_err(|error| disk(told(error)))?;
            return Err(reason);
        }
        transaction.commit().map_err(refused)?;
        let marks = self.marks().map_err(|error| disk(told(error)))?;
        Ok(Applied { marks })
    }

    fn take_back(
        &self,
        scope: &Scope,
        forward: bool,
        open: &BTreeMap<WorkspacePath, Rope>,
    ) -> anyhow::Result<Back> {
        let writer = self.writer();
        let recorded = writer.steps()?;
        let steps = scope::steps(&recorded, scope, forward)?;
        let step = recorded.iter().find(|step| Some(&step.id) == steps.first());
        let step = step.context("there is no such step")?;
        let only = match scope {
            Scope::Hunk { path, index, .. } => Some(hunk_of(step, path.as_deref(), *index)?),
            Scope::Step(_) | Scope::Run(_) | Scope::Session(_) => None,
        };
        let mut live = BTreeMap::new();
        let found = writer.take_back(&steps, only.as_ref(), |path| {
            let on_disk = writer.live_on_disk(path)?;
            live.insert(path.clone(), on_disk.clone());
            Ok(match open.get(path) {
                Some(text) => in_editor(text, on_disk.file),
                None => on_disk,
            })
        })?;
        Ok(Back {
            title: titles(&recorded, &steps),
            steps,
            found,
            live,
        })
    }

    fn record(&self, records: &[Record], review: &Review) -> anyhow::Result<()> {
        self.append(records)?;
        self.pending()
            .save(review)
            .context("cannot keep what waits for a decision")
    }

    /// Puts something on record.
    pub(super) fn append(&self, records: &[Record]) -> anyhow::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let entry = |record: &Record| {
            let who = [("person".to_owned(), self.person.clone())];
            let rest = record
                .fields
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()));
            AuditEntry {
                kind: record.kind,
                time: self.host.now(),
                fields: who.into_iter().chain(rest).collect(),
            }
        };
        let entries: Vec<AuditEntry> = records.iter().map(entry).collect();
        self.audit()
            .append(&entries)
            .context("cannot put this on record, and so it is not done")
    }

    fn list_steps(&self) -> anyhow::Result<Value> {
        let steps = self.writer().steps()?;
        let undoable = undoable(&steps, |_| true);
        let listed = steps.iter().rev().map(|step| {
            json!({
                "step": step.id.0,
                "title": step.about.title,
                "session": step.about.session,
                "run": step.about.run,
                "takesBack": step.about.takes_back.iter().map(|id| id.0).collect::<Vec<_>>(),
                "undoable": undoable.contains(&step.id),
                "files": step.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(),
            })
        });
        Ok(Value::Array(listed.collect()))
    }

    fn diff_step(&self, id: StepId) -> anyhow::Result<Value> {
        let writer = self.writer();
        let steps = writer.steps()?;
        let step = steps
            .iter()
            .find(|step| step.id == id)
            .with_context(|| format!("there is no step {}; see `freehold checkpoints`", id.0))?;
        let mut text = Vec::new();
        for file in &step.files {
            let side = |standing: Standing| -> anyhow::Result<_> {
                let Standing::File { digest, mode } = standing else {
                    return Ok(None);
                };
                Ok(Some((
                    changes::Content::decode(&writer.store().get(digest)?),
                    mode,
                )))
            };
            let (before, after) = (side(file.before)?, side(file.after)?);
            let view = |side: &Option<(changes::Content, u32)>| side.clone();
            let (before, after) = (view(&before), view(&after));
            text.extend(patch::print(
                before.as_ref().map(|(content, mode)| patch::Side {
                    path: &file.path,
                    content,
                    mode: *mode,
                }),
                after.as_ref().map(|(content, mode)| patch::Side {
                    path: &file.path,
                    content,
                    mode: *mode,
                }),
            ));
        }
        Ok(json!({ "patch": String::from_utf8_lossy(&text) }))
    }

    fn behind(&self, path: &WorkspacePath, text: Option<&Rope>) -> anyhow::Result<Value> {
        let text = match text {
            Some(text) => text.to_string(),
            None => {
                let (content, _) = self
                    .on_disk(path)?
                    .file
                    .with_context(|| format!("there is no file `{path}` in the workspace"))?;
                let text = content.text().map(str::to_owned);
                text.with_context(|| format!("`{path}` is not text and has no lines"))?
            }
        };
        let behind = self.writer().behind(path, &text)?;
        Ok(json!({ "path": path.as_str(), "lines": view::behind(&behind) }))
    }

    fn verified(&self) -> anyhow::Result<Value> {
        Ok(view::audit(&self.audit().verify()?))
    }
}

fn hunk_of(step: &Step, path: Option<&str>, index: usize) -> anyhow::Result<StepHunk> {
    let path = match (path, step.files.as_slice()) {
        (Some(path), _) => WorkspacePath::parse(path)?,
        (None, [only]) => only.path.clone(),
        (None, _) => anyhow::bail!("step {} is of several files; name one", step.id.0),
    };
    Ok(StepHunk { path, index })
}

/// The title of what a step has taken back, if that is what it was for.
fn bare(title: &str) -> &str {
    title.strip_prefix("Undo ").unwrap_or(title)
}

/// What steps were for that are taken back together.
fn titles(steps: &[Step], ids: &[StepId]) -> String {
    let of = |id: &StepId| bare(&title_of(steps, *id)).to_owned();
    let mut titles: Vec<String> = ids.iter().map(of).collect();
    titles.dedup();
    titles.join("; ")
}

fn title_of(steps: &[Step], id: StepId) -> String {
    let found = steps.iter().find(|step| step.id == id);
    found.map(|step| step.about.title.clone()).unwrap_or_default()
}

fn written(step: &Step, file: &FileStep) -> Record {
    let digest = |standing: Standing| {
        standing
            .digest()
            .map_or("none".to_owned(), |digest: Digest| digest.to_string())
    };
    let About {
        title, session, run, ..
    } = &step.about;
    let back: Vec<String> = step.about.takes_back.iter().map(|id| id.0.to_string()).collect();
    let fields = [
        ("step", step.id.0.to_string()),
        ("session", session.clone()),
        ("run", run.clone()),
        ("takes back", back.join(", ")),
        ("title", title.clone()),
        ("path", file.path.to_string()),
        ("before", digest(file.before)),
        ("after", digest(file.after)),
        ("by", if file.in_editor { "editor" } else { "disk" }.to_owned()),
    ];
    Record {
        kind: AuditKind::Write,
        // What belongs to no session says nothing of one.
        fields: fields
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect(),
    }
}

fn told(error: anyhow::Error) -> String {
    format!("{error:#}")
}

fn disk(message: String) -> Refused {
    Refused {
        message,
        given_up: false,
        stale: None,
    }
}

fn refused(error: ApplyError) -> Refused {
    let stale = match &error {
        ApplyError::Stale(path) => Some(path.clone()),
        _ => None,
    };
    Refused {
        message: told(error.into()),
        given_up: false,
        stale,
    }
}
