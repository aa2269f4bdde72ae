//! Running a command in a copy of the workspace: within bounds, with the user's leave, and on record.
//!
//! The leave is on record before the command is begun, bound to the files that it is for; how it ended
//! afterwards. What cannot be put on record is not run, and what came of it is not used.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use changes::{AuditKind, Digest, Overlaid};
use host::{Ending, Output};

use super::diagnosing::{self, Diagnostic};
use super::following::in_editor;
use super::job::{Record, TryOut};
use super::materialise::{self, Side};
use super::origin;
use super::trial::{Cut, Purpose};
use super::workspace::Workspace;

/// How a command ended, and what it said of files.
pub(super) struct Ran {
    pub(super) output: Output,
    pub(super) cut: Option<Cut>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// A command that is about to be run, perhaps twice.
pub(super) struct Running<'a> {
    workspace: &'a Workspace,
    wanted: &'a TryOut,
    seconds_max: u32,
    /// Stands for the files as they would be.
    pub(super) proposed: Digest,
}

impl<'a> Running<'a> {
    /// Puts on record that the user lets the command run.
    pub(super) fn permit(workspace: &'a Workspace, wanted: &'a TryOut) -> anyhow::Result<Self> {
        let seconds_max = match wanted.trial.seconds_max {
            Some(seconds) => seconds,
            None => workspace.settings()?.review.command_seconds_max,
        };
        let running = Self {
            workspace,
            wanted,
            seconds_max,
            proposed: materialise::digest(&wanted.review, Side::Proposed)?,
        };
        let mut fields = vec![("leave", "given".to_owned())];
        fields.extend(running.fields());
        fields.extend([
            ("seconds", seconds_max.to_string()),
            ("digest", running.proposed.to_string()),
        ]);
        running.record(AuditKind::Leave, fields)?;
        Ok(running)
    }

    /// Runs it in a copy of the workspace.
    pub(super) fn run(&self, side: Side) -> anyhow::Result<Ran> {
        let folder = self.workspace.folder().join("check");
        let ran = self.run_in(side, &folder);
        let host = self.workspace.host();
        if host.exists(&folder) {
            host.remove_folder(&folder)?;
        }
        ran
    }

    fn run_in(&self, side: Side, folder: &Path) -> anyhow::Result<Ran> {
        let host = self.workspace.host();
        let (program, flag) = if cfg!(windows) {
            ("cmd", "/C")
        } else {
            ("sh", "-c")
        };
        let run = &self.wanted.trial.run;
        let command = host::Command::new(program)
            .argument(flag)
            .argument(run)
            .folder(folder);
        let begun = host.monotonic();
        let (output, cut) = self.run_there(&command, side, folder)?;
        let took = host.monotonic().saturating_sub(begun);
        let printed = [output.stdout.as_slice(), &output.stderr].concat();
        let mut fields = self.fields();
        fields.extend([
            ("program", program.to_owned()),
            ("arguments", serde_json::to_string(&[flag, run])?),
            ("files", side_name(side).to_owned()),
            (
                "digest",
                materialise::digest(&self.wanted.review, side)?.to_string(),
            ),
            ("ended", ended_as(&output, cut)),
            ("milliseconds", took.as_millis().to_string()),
            ("printed", Digest::of(&printed).to_string()),
        ]);
        self.record(AuditKind::ToolCall, fields)?;
        Ok(Ran {
            diagnostics: self.read(&output, folder),
            output,
            cut,
        })
    }

    /// Lays the files out and runs a command there.
    fn run_there(
        &self,
        command: &host::Command,
        side: Side,
        folder: &Path,
    ) -> anyhow::Result<(Output, Option<Cut>)> {
        let (host, wanted) = (self.workspace.host(), self.wanted);
        let (root, tree) = (self.workspace.root(), self.workspace.tree());
        if !materialise::lay_out(host, root, tree, &wanted.review, side, &wanted.stop, folder)? {
            return Ok((Output::default(), Some(Cut::Stopped)));
        }
        self.lay_unsaved(folder)?;
        let time_max = Duration::from_secs(self.seconds_max.into());
        let ended = host
            .run_bounded(command, time_max, &wanted.stop)
            .with_context(|| format!("cannot run `{}`", wanted.trial.run))?;
        let cut = match ended.ending {
            Ending::Itself => None,
            Ending::TimeOver => Some(Cut::TimeOver {
                seconds: self.seconds_max,
            }),
            Ending::Stopped => Some(Cut::Stopped),
        };
        Ok((ended.output, cut))
    }

    /// Lays out what the editor has and the disk not, where nothing waits for a decision.
    fn lay_unsaved(&self, folder: &Path) -> anyhow::Result<()> {
        let over = self.workspace.host().open_tree(folder)?;
        for (path, text) in &self.wanted.open {
            if self.wanted.review.file(path).is_some()
                || !matches!(self.wanted.review.overlay(path), Overlaid::Untouched)
            {
                continue;
            }
            let on_disk = self.workspace.on_disk(path)?;
            if let Some((content, mode)) = in_editor(text, on_disk.file).file {
                materialise::put(over.as_ref(), path, &content, mode)?;
            }
        }
        Ok(())
    }

    /// What it said of files that are there.
    fn read(&self, output: &Output, folder: &Path) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        let mut is_file: BTreeMap<String, bool> = BTreeMap::new();
        for printed in [&output.stdout, &output.stderr] {
            for said in diagnosing::read(printed, &folder.to_string_lossy()) {
                let is_file = is_file
                    .entry(said.path.clone())
                    .or_insert_with(|| self.workspace.host().exists(&folder.join(&said.path)));
                if *is_file {
                    diagnostics.push(said);
                }
            }
        }
        diagnostics
    }

    /// What all records of it have.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let trial = &self.wanted.trial;
        let tool = match trial.purpose {
            Purpose::Check => "check",
            Purpose::Diagnose => "diagnose",
        };
        let mut fields = vec![("tool", tool.to_owned()), ("command", trial.run.clone())];
        if let Some(change) = trial.change {
            fields.push(("change", change.to_string()));
            fields.extend(
                self.wanted
                    .review
                    .change(change)
                    .map(origin::fields)
                    .unwrap_or_default(),
            );
        }
        fields
    }

    fn record(&self, kind: AuditKind, fields: Vec<(&'static str, String)>) -> anyhow::Result<()> {
        self.workspace.append(&[Record { kind, fields }])
    }
}

fn side_name(side: Side) -> &'static str {
    match side {
        Side::Live => "as they are",
        Side::Proposed => "as proposed",
    }
}

fn ended_as(output: &Output, cut: Option<Cut>) -> String {
    match (cut, output.status_code) {
        (Some(Cut::TimeOver { .. }), _) => "time over".to_owned(),
        (Some(Cut::Stopped), _) => "stopped".to_owned(),
        (None, Some(code)) => format!("code {code}"),
        (None, None) => "signal".to_owned(),
    }
}
