//! What a review wants done in the world, and what came of it: two closed lists.

use std::collections::BTreeMap;
use std::sync::Arc;

use changes::{About, AuditKind, Live, Recovered, Review, StepId, TakeBack, WorkspacePath, Write};
use host::Stop;
use ropey::Rope;

use super::command::Scope;
use super::trial::{Outcome, Trial, Trials};

/// Something to be done in the world, away from whoever owns the review.
#[derive(Debug)]
pub enum Job {
    /// Take back what is half done, and read what waits.
    Load,
    /// Look what lies on the disk.
    Look(Vec<WorkspacePath>),
    /// Write, all or nothing.
    Apply(Box<Apply>),
    /// Find out what going back or forward would write.
    TakeBack {
        /// How far.
        scope: Scope,
        /// Whether to go forward again.
        forward: bool,
        /// What the editor has open.
        open: BTreeMap<WorkspacePath, Rope>,
    },
    /// Put decisions on record, then keep what waits.
    Record {
        /// The decisions.
        records: Vec<Record>,
        /// What waits afterwards.
        review: Arc<Review>,
    },
    /// List what was applied.
    ListSteps,
    /// Make the patch of a step.
    DiffStep(StepId),
    /// Run a command against the files as they would be, or are.
    TryOut(Box<TryOut>),
    /// Verify the audit log and give it.
    Audit,
    /// Find out what stands behind the lines of a file.
    Behind {
        /// The file.
        path: WorkspacePath,
        /// What the editor has of it, if it has it open.
        text: Option<Rope>,
    },
}

/// A command to run against the files as they would be, or are.
#[derive(Debug)]
pub struct TryOut {
    /// The command, and what it is run for.
    pub trial: Trial,
    /// The files.
    pub review: Arc<Review>,
    /// What the editor has open.
    pub open: BTreeMap<WorkspacePath, Rope>,
    /// Ends it.
    pub stop: Stop,
}

/// Something to write.
#[derive(Debug)]
pub struct Apply {
    /// What, file by file.
    pub writes: Vec<Write>,
    /// Why.
    pub about: About,
    /// What is put on record before.
    pub records: Vec<Record>,
    /// Whether to wait for the editor between looking and writing.
    pub gated: bool,
}

/// One record for the audit log, without its time and without who is at the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it is of.
    pub kind: AuditKind,
    /// Names and values.
    pub fields: Vec<(&'static str, String)>,
}

/// What came of a job.
#[derive(Debug)]
pub enum Done {
    /// The workspace is open, or why not.
    Loaded(Result<Loaded, NotOpen>),
    /// What lies on the disk; what cannot be read is left out, with the reason.
    Looked {
        /// What lies there.
        live: BTreeMap<WorkspacePath, Live>,
        /// What could not be read.
        failures: BTreeMap<WorkspacePath, String>,
    },
    /// A gated apply has found everything as it should be, and waits.
    Begun,
    /// An apply has ended.
    Applied(Result<Applied, Refused>),
    /// What going back or forward would write.
    FoundBack(Result<Back, String>),
    /// A record was made and what waits is kept, or why not.
    Recorded(Result<(), String>),
    /// Something to be answered as it is.
    Read(Result<serde_json::Value, String>),
    /// A command was run.
    TriedOut(Result<Outcome, String>),
}

/// Why a workspace is not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotOpen {
    /// Somebody else has its review; it is opened, and [`Done::Loaded`] said again, once they let go.
    Held(String),
    /// It cannot be opened.
    Failed(String),
}

/// A workspace that was opened.
#[derive(Debug, Default)]
pub struct Loaded {
    /// What waits.
    pub review: Review,
    /// What was half done and was taken back.
    pub recovered: Vec<Recovered>,
    /// What can be undone and redone.
    pub marks: Marks,
    /// What came of trials.
    pub trials: Trials,
    /// What is to be told to the user.
    pub notes: Vec<String>,
}

/// What can be undone and redone: the titles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// What *undo* would take back.
    pub undo: Option<String>,
    /// What *redo* would do again.
    pub redo: Option<String>,
}

/// An apply that was carried out.
#[derive(Debug)]
pub struct Applied {
    /// What can be undone and redone now.
    pub marks: Marks,
}

/// An apply that was not carried out; nothing was changed on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why, for a person.
    pub message: String,
    /// Whether whoever waited at the gate gave up; else it was the disk.
    pub given_up: bool,
    /// The file that is not what it was taken for, if that was it.
    pub stale: Option<WorkspacePath>,
}

/// What going back or forward would write.
#[derive(Debug)]
pub struct Back {
    /// The steps that are taken back.
    pub steps: Vec<StepId>,
    /// What they were for.
    pub title: String,
    /// What is to be written.
    pub found: TakeBack,
    /// What lies on the disk where that is in conflict.
    pub live: BTreeMap<WorkspacePath, Live>,
}
