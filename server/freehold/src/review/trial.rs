//! Trials: commands that are run against the files as they are and as they would be, and what came of them.
//!
//! They run in a copy of the workspace, always at the same place, so that what they print can be compared.

use std::collections::BTreeMap;

use changes::{ChangeId, FileReview, Review};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::diagnosing::{self, Diagnostic, Moved};
use super::job::TryOut;
use super::materialise::Side;
use super::running::{Ran, Running};
use super::workspace::Workspace;

/// Most of the output of a command that is kept, in bytes: its end.
const OUTPUT_BYTES_MAX: usize = 4000;
/// Most of what is new, and of what is gone, that is kept.
const DIAGNOSTICS_MAX: usize = 100;
/// Most of a message that is kept, in characters.
const MESSAGE_CHARACTERS_MAX: usize = 300;

/// What a command is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Whether it passes against the files as they would be.
    Check,
    /// Which of its diagnostics would be new, and which gone.
    Diagnose,
}

/// A command to run, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// What for.
    pub purpose: Purpose,
    /// The change that the outcome is evidence for; else of all that wait.
    pub change: Option<ChangeId>,
    /// The command, for the shell of the system.
    pub run: String,
    /// How long it may run, each time, in seconds; else as the user has it in the settings.
    pub seconds_max: Option<u32>,
}

/// Why a command was ended before it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// It had run for as long as it may.
    TimeOver {
        /// How long that is.
        seconds: u32,
    },
    /// Whoever wanted it stopped it, or left.
    Stopped,
}

/// How a command ended that was run against the files as they would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// The command.
    pub run: String,
    /// Stands for the files that it was run against: [`super::materialise::digest`].
    #[serde(default)]
    pub proposed: String,
    /// Whether it ended well.
    pub passed: bool,
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Why it was ended before it was done, if it was.
    #[serde(default)]
    pub cut: Option<Cut>,
    /// The end of what it printed.
    pub output: String,
}

/// What a command says of the files as they would be, against what it says of them as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosed {
    /// The command.
    pub run: String,
    /// Stands for the files that it was run against as they would be: [`super::materialise::digest`].
    #[serde(default)]
    pub proposed: String,
    /// What would be new, up to a number.
    pub new: Vec<Diagnostic>,
    /// How many more would be.
    pub more_new: usize,
    /// What would be gone, up to a number.
    pub gone: Vec<Diagnostic>,
    /// How many more would be.
    pub more_gone: usize,
    /// How many diagnostics it gives for the files as they would be.
    pub count: usize,
    /// If it gave none at all and did not end well: its exit code, none if a signal ended it, and the end of
    /// what it printed.
    pub failed: Option<(Option<i32>, String)>,
    /// Why it was ended before it was done, if it was: then nothing was compared.
    #[serde(default)]
    pub cut: Option<Cut>,
}

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Of [`Purpose::Check`].
    Checked(Checked),
    /// Of [`Purpose::Diagnose`].
    Diagnosed(Diagnosed),
}

/// The last outcome of each kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// How a check ended.
    pub checked: Option<Checked>,
    /// What would be new and gone.
    pub diagnosed: Option<Diagnosed>,
}

/// What came of trials, by the change that they were for, or for all that waits.
pub type Trials = BTreeMap<Option<ChangeId>, Outcomes>;

impl Outcomes {
    /// Takes the place of what came of such a trial before.
    pub fn put(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Checked(checked) => self.checked = Some(checked),
            Outcome::Diagnosed(diagnosed) => self.diagnosed = Some(diagnosed),
        }
    }
}

impl Outcome {
    /// It in the words of the protocol.
    #[must_use]
    pub fn value(&self) -> Value {
        match self {
            Self::Checked(checked) => checked_value(checked),
            Self::Diagnosed(diagnosed) => diagnosed_value(diagnosed),
        }
    }
}

/// How a command ended, in the words of the protocol.
#[must_use]
pub fn checked_value(checked: &Checked) -> Value {
    let mut value = json!({
        "run": checked.run, "passed": checked.passed, "code": checked.code, "output": checked.output,
    });
    put_cut(&mut value, checked.cut);
    value
}

fn put_cut(value: &mut Value, cut: Option<Cut>) {
    match cut {
        None => {}
        Some(Cut::TimeOver { seconds }) => value["cut"] = json!({ "why": "timeOver", "seconds": seconds }),
        Some(Cut::Stopped) => value["cut"] = json!({ "why": "stopped" }),
    }
}

/// What would be new and gone, in the words of the protocol.
#[must_use]
pub fn diagnosed_value(diagnosed: &Diagnosed) -> Value {
    let listed = |diagnostics: &[Diagnostic]| -> Vec<Value> {
        let one = |one: &Diagnostic| {
            let mut value = json!({ "path": one.path, "line": one.line, "message": one.message });
            match one.severity {
                diagnosing::Severity::Error => value["severity"] = json!("error"),
                diagnosing::Severity::Warning => value["severity"] = json!("warning"),
                diagnosing::Severity::Unsaid => {}
            }
            value
        };
        diagnostics.iter().map(one).collect()
    };
    let mut value = json!({
        "run": diagnosed.run,
        "new": listed(&diagnosed.new),
        "moreNew": diagnosed.more_new,
        "gone": listed(&diagnosed.gone),
        "moreGone": diagnosed.more_gone,
        "count": diagnosed.count,
    });
    if let Some((code, output)) = &diagnosed.failed {
        value["failed"] = json!({ "code": code, "output": output });
    }
    put_cut(&mut value, diagnosed.cut);
    value
}

impl Workspace {
    /// Runs a command for a change, or for all that waits, and keeps what came of it.
    pub(super) fn try_out(&self, wanted: &TryOut) -> anyhow::Result<Outcome> {
        let running = Running::permit(self, wanted)?;
        let outcome = match wanted.trial.purpose {
            Purpose::Check => Outcome::Checked(check(&running, &wanted.trial.run)?),
            Purpose::Diagnose => Outcome::Diagnosed(diagnose(&running, wanted)?),
        };
        if let Some(change) = wanted.trial.change {
            let mut trials = self.trials(&wanted.review);
            trials.entry(Some(change)).or_default().put(outcome.clone());
            let kept: Vec<(u64, &Outcomes)> = trials
                .iter()
                .filter_map(|(change, outcomes)| Some(((*change)?.0, outcomes)))
                .collect();
            let path = self.trials_path();
            self.host().write_atomic(&path, &serde_json::to_vec(&kept)?)?;
            self.host().make_private(&path)?;
        }
        Ok(outcome)
    }

    /// What came of earlier trials for the changes of `review`; nothing where that cannot be read.
    pub(super) fn trials(&self, review: &Review) -> Trials {
        let bytes = self.host().read(&self.trials_path()).unwrap_or_default();
        let kept: Vec<(u64, Outcomes)> = serde_json::from_slice(&bytes).unwrap_or_default();
        let waits = |change: ChangeId| review.hunks().any(|view| view.change == change);
        let kept = kept
            .into_iter()
            .map(|(change, outcomes)| (ChangeId(change), outcomes));
        kept.filter(|(change, _)| waits(*change))
            .map(|(change, outcomes)| (Some(change), outcomes))
            .collect()
    }

    fn trials_path(&self) -> std::path::PathBuf {
        self.folder().join("trials")
    }
}

fn check(running: &Running, run: &str) -> anyhow::Result<Checked> {
    let Ran { output, cut, .. } = running.run(Side::Proposed)?;
    Ok(Checked {
        run: run.to_owned(),
        proposed: running.proposed.to_string(),
        passed: output.success() && cut.is_none(),
        code: output.status_code,
        cut,
        output: tail(&output),
    })
}

fn diagnose(running: &Running, wanted: &TryOut) -> anyhow::Result<Diagnosed> {
    let nothing = Diagnosed {
        run: wanted.trial.run.clone(),
        proposed: running.proposed.to_string(),
        ..Diagnosed::default()
    };
    let before = running.run(Side::Live)?;
    // What was cut off has not said everything: there is nothing to compare.
    if before.cut.is_some() {
        return Ok(Diagnosed {
            cut: before.cut,
            ..nothing
        });
    }
    let after = running.run(Side::Proposed)?;
    if after.cut.is_some() {
        return Ok(Diagnosed {
            cut: after.cut,
            ..nothing
        });
    }
    let said_nothing = before.diagnostics.is_empty() && after.diagnostics.is_empty();
    let failed =
        (said_nothing && !after.output.success()).then(|| (after.output.status_code, tail(&after.output)));
    let count = after.diagnostics.len();
    let moved = wanted.review.files().filter_map(moved).collect();
    let compared = diagnosing::compare(before.diagnostics, after.diagnostics, &moved);
    let (new, more_new) = shortened(compared.new);
    let (gone, more_gone) = shortened(compared.gone);
    Ok(Diagnosed {
        new,
        more_new,
        gone,
        more_gone,
        count,
        failed,
        ..nothing
    })
}

/// The end of what a command printed.
fn tail(output: &host::Output) -> String {
    let printed = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let tail = &printed[printed.len().saturating_sub(OUTPUT_BYTES_MAX)..];
    String::from_utf8_lossy(tail).into_owned()
}

/// Where the lines of a file would go.
fn moved(file: &FileReview) -> Option<(String, Moved)> {
    let after = file.preview();
    let content = after.content?;
    let moved = Moved::of(file.text().live(), content.text()?, after.path.as_str());
    Some((file.path().as_str().to_owned(), moved))
}

/// As many as are kept, and how many more there are.
fn shortened(mut diagnostics: Vec<Diagnostic>) -> (Vec<Diagnostic>, usize) {
    let more = diagnostics.len().saturating_sub(DIAGNOSTICS_MAX);
    diagnostics.truncate(DIAGNOSTICS_MAX);
    for said in &mut diagnostics {
        if let Some((end, _)) = said.message.char_indices().nth(MESSAGE_CHARACTERS_MAX) {
            said.message.truncate(end);
            said.message.push('…');
        }
    }
    (diagnostics, more)
}
