//! What a user can want of a review: one closed list, the same for editors, the socket and the terminal.

use std::collections::BTreeSet;

use changes::{ChangeId, Digest, HunkId, LineId, WorkspacePath};
use serde::Deserialize;
use serde_json::Value;

use super::origin::Given;
use super::trial::{Purpose, Trial};

/// The names of the commands, as editors know them.
pub const NAMES: [&str; 25] = [
    "freehold.keepHunk",
    "freehold.dropHunk",
    "freehold.keepLines",
    "freehold.editHunk",
    "freehold.keepAlike",
    "freehold.dropAlike",
    "freehold.keepTogether",
    "freehold.dropTogether",
    "freehold.keepFile",
    "freehold.dropFile",
    "freehold.keepChange",
    "freehold.dropChange",
    "freehold.keepAll",
    "freehold.dropAll",
    "freehold.propose",
    "freehold.undo",
    "freehold.redo",
    "freehold.checkpoints",
    "freehold.showDiff",
    "freehold.diff",
    "freehold.preview",
    "freehold.review",
    "freehold.check",
    "freehold.diagnose",
    "freehold.audit",
];

/// Something that the user wants of a review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Keep hunks and write them, at once.
    Keep(Pick),
    /// Forget hunks.
    Drop(Pick),
    /// Keep some lines of a hunk.
    KeepLines {
        /// The hunk as it was shown.
        seen: Seen,
        /// The lines.
        lines: BTreeSet<LineId>,
    },
    /// Keep a hunk with another text.
    EditHunk {
        /// The hunk as it was shown.
        seen: Seen,
        /// The text that is kept instead.
        text: String,
    },
    /// Put a patch up for review.
    Propose {
        /// A unified diff.
        patch: Vec<u8>,
        /// What it is for, in one line.
        title: String,
        /// Who proposes it.
        origin: String,
        /// What stands behind it.
        from: Box<Given>,
    },
    /// Go back.
    Undo(Scope),
    /// Go forward again.
    Redo(Scope),
    /// List what was applied, newest first.
    Checkpoints,
    /// Where to see a file as it is and as it would be.
    ShowDiff {
        /// The file.
        uri: String,
    },
    /// The patch of what waits, or of what a step did.
    Diff {
        /// The step; what waits without one.
        step: Option<u64>,
    },
    /// Let the editor show everything for confirmation.
    Preview {
        /// Only this change.
        change: Option<ChangeId>,
    },
    /// Everything that waits.
    Review,
    /// Run a command against the files as they would be, or also as they are.
    TryOut(Trial),
    /// What is on record: all of it, once it has been verified.
    Audit,
    /// What stands behind the lines of a file.
    Behind {
        /// Its path in the workspace.
        path: WorkspacePath,
    },
}

/// A hunk as it was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its name.
    pub hunk: HunkId,
    /// Stands for all that was shown; without it the decision is about the hunk as it is now.
    pub digest: Option<Digest>,
}

/// Which hunks are decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick {
    /// These.
    Hunks(Vec<Seen>),
    /// This one and those that do the same.
    Alike(HunkId),
    /// This one and those that stand or fall with it.
    Together(HunkId),
    /// Those of a file: its URI, or its path in the workspace.
    File(String),
    /// Those of a change.
    Change(ChangeId),
    /// All.
    All,
}

/// How far back or forward to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// One step: this, or the latest.
    Step(Option<u64>),
    /// All steps of the run that this step, or the latest, belongs to.
    Run(Option<u64>),
    /// All steps of its session.
    Session(Option<u64>),
    /// One hunk of a step.
    Hunk {
        /// The step; the latest without one.
        step: Option<u64>,
        /// The file; the only one of the step without one.
        path: Option<String>,
        /// Which of its hunks, from 0.
        index: usize,
    },
}

/// How commands write their arguments; each takes those that it needs.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Arguments {
    hunk: Option<String>,
    hunks: Option<Vec<String>>,
    digest: Option<String>,
    lines: Option<Vec<String>>,
    text: Option<String>,
    uri: Option<String>,
    path: Option<String>,
    change: Option<String>,
    patch: Option<Patch>,
    title: Option<String>,
    origin: Option<String>,
    scope: Option<String>,
    step: Option<u64>,
    index: Option<usize>,
    run: Option<String>,
    seconds: Option<u32>,
    from: Given,
}

/// A patch is text; where it is not UTF-8 it comes as bytes.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Patch {
    Text(String),
    Bytes(Vec<u8>),
}

impl Command {
    /// Reads a command of this name; nothing if there is none of this name.
    ///
    /// # Errors
    /// When the arguments are not what the command takes.
    pub fn parse(name: &str, arguments: &[Value]) -> Option<Result<Self, String>> {
        if !NAMES.contains(&name) {
            return None;
        }
        let first = arguments.first().cloned().filter(|first| !first.is_null());
        let read = match first {
            None => Ok(Arguments::default()),
            Some(first) => serde_json::from_value(first).map_err(|error| error.to_string()),
        };
        let command = read.and_then(|arguments| Self::build(name, arguments));
        Some(command.map_err(|reason| format!("cannot understand the arguments of `{name}`: {reason}")))
    }

    fn build(name: &str, arguments: Arguments) -> Result<Self, String> {
        let pick = |arguments: &Arguments, what: &str| -> Result<Pick, String> {
            Ok(match what {
                "Hunk" => Pick::Hunks(arguments.seen_all()?),
                "Alike" => Pick::Alike(arguments.seen()?.hunk),
                "Together" => Pick::Together(arguments.seen()?.hunk),
                "File" => {
                    let file = arguments.uri.clone().or_else(|| arguments.path.clone());
                    Pick::File(file.ok_or("`uri` is missing")?)
                }
                "Change" => Pick::Change(arguments.change()?.ok_or("`change` is missing")?),
                _ => Pick::All,
            })
        };
        let bare = name.trim_start_matches("freehold.");
        Ok(match bare {
            "keepLines" => Self::KeepLines {
                seen: arguments.seen()?,
                lines: arguments.lines()?,
            },
            "editHunk" => Self::EditHunk {
                seen: arguments.seen()?,
                text: arguments.text.ok_or("`text` is missing")?,
            },
            "propose" => Self::Propose {
                patch: match arguments.patch.ok_or("`patch` is missing")? {
                    Patch::Text(text) => text.into_bytes(),
                    Patch::Bytes(bytes) => bytes,
                },
                title: arguments.title.unwrap_or_else(|| "A patch".to_owned()),
                origin: arguments.origin.unwrap_or_else(|| "patch".to_owned()),
                from: Box::new(arguments.from),
            },
            "undo" => Self::Undo(arguments.scope()?),
            "redo" => Self::Redo(arguments.scope()?),
            "checkpoints" => Self::Checkpoints,
            "showDiff" => Self::ShowDiff {
                uri: arguments.uri.ok_or("`uri` is missing")?,
            },
            "diff" => Self::Diff { step: arguments.step },
            "preview" => Self::Preview {
                change: arguments.change()?,
            },
            "review" => Self::Review,
            "check" | "diagnose" => Self::TryOut(Trial {
                purpose: if bare == "check" {
                    Purpose::Check
                } else {
                    Purpose::Diagnose
                },
                change: arguments.change()?,
                run: arguments.run.ok_or("`run` is missing")?,
                seconds_max: arguments.seconds,
            }),
            "audit" => match arguments.path {
                None => Self::Audit,
                Some(path) => Self::Behind {
                    path: WorkspacePath::parse(&path).map_err(|error| error.to_string())?,
                },
            },
            _ => match (bare.strip_prefix("keep"), bare.strip_prefix("drop")) {
                (Some(what), _) => Self::Keep(pick(&arguments, what)?),
                (None, Some(what)) => Self::Drop(pick(&arguments, what)?),
                (None, None) => return Err("there is no such command".to_owned()),
            },
        })
    }
}

impl Arguments {
    fn seen(&self) -> Result<Seen, String> {
        let hunk = self.hunk.as_deref().ok_or("`hunk` is missing")?;
        let digest = match &self.digest {
            None => None,
            Some(text) => Some(Digest::parse(text).ok_or("`digest` is not one")?),
        };
        Ok(Seen {
            hunk: parse_hunk(hunk).ok_or_else(|| format!("`{hunk}` names no hunk"))?,
            digest,
        })
    }

    fn seen_all(&self) -> Result<Vec<Seen>, String> {
        let Some(hunks) = &self.hunks else {
            return Ok(vec![self.seen()?]);
        };
        let seen = |name: &String| {
            let hunk = parse_hunk(name).ok_or_else(|| format!("`{name}` names no hunk"))?;
            Ok(Seen { hunk, digest: None })
        };
        hunks.iter().map(seen).collect()
    }

    fn change(&self) -> Result<Option<ChangeId>, String> {
        let parse = |name: &String| {
            let number = name.strip_prefix('c').and_then(|digits| digits.parse().ok());
            number
                .map(ChangeId)
                .ok_or_else(|| format!("`{name}` names no change"))
        };
        self.change.as_ref().map(parse).transpose()
    }

    fn lines(&self) -> Result<BTreeSet<LineId>, String> {
        let lines = self.lines.as_ref().ok_or("`lines` is missing")?;
        let line = |name: &String| {
            let index = |digits: &str| digits.parse().ok();
            let removed = name.strip_prefix('-').and_then(index).map(LineId::Removed);
            let added = name.strip_prefix('+').and_then(index).map(LineId::Added);
            removed.or(added).ok_or_else(|| format!("`{name}` names no line"))
        };
        lines.iter().map(line).collect()
    }

    fn scope(self) -> Result<Scope, String> {
        Ok(match self.scope.as_deref() {
            None | Some("step") => Scope::Step(self.step),
            Some("run") => Scope::Run(self.step),
            Some("session") => Scope::Session(self.step),
            Some("hunk") => Scope::Hunk {
                step: self.step,
                path: self.path,
                index: self.index.unwrap_or(0),
            },
            Some(other) => return Err(format!("`{other}` is no scope; use hunk, step, run or session")),
        })
    }
}

/// Reads the name of a hunk, such as `h12`.
#[must_use]
pub fn parse_hunk(name: &str) -> Option<HunkId> {
    name.strip_prefix('h')?.parse().ok().map(HunkId)
}
