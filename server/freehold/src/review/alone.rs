//! A review without an editor: the terminal's, when no editor has the workspace open.

use std::path::Path;
use std::sync::Arc;

use host::{Host, Stop};
use ropey::Rope;
use serde_json::Value;

use super::abilities::Abilities;
use super::command::Command;
use super::desk::{Answer, Client, Desk, Documents, Effect};
use super::uri;
use super::view;
use super::workspace::{Workspace, open_gate};
use crate::paths::Paths;

/// Nothing is open.
struct NoDocuments;

impl Documents for NoDocuments {
    fn document(&self, _uri: &str) -> Option<(&Rope, i32)> {
        None
    }
}

/// A workspace and its review, with nobody else about.
pub struct Alone {
    workspace: Workspace,
    desk: Desk,
}

impl Alone {
    /// Opens the workspace at `root`; what is to be told to the user goes to `say`.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(
        host: Arc<dyn Host>,
        paths: &Paths,
        root: &Path,
        say: &mut dyn FnMut(&str),
    ) -> anyhow::Result<Self> {
        let workspace = Workspace::open(host, paths, root)?;
        let client = Client {
            abilities: Abilities::default(),
            encoding: text::Encoding::Utf8,
        };
        let mut effects = Vec::new();
        let desk = Desk::new(
            &uri::of_folder(&root.to_string_lossy()),
            None,
            client,
            &mut effects,
        );
        let mut alone = Self { workspace, desk };
        alone.perform(effects, say);
        Ok(alone)
    }

    /// Carries out a command to its end; what it runs ends before when `stop` says so.
    ///
    /// # Errors
    /// Why it cannot be carried out.
    pub fn ask(&mut self, command: Command, stop: &Stop, say: &mut dyn FnMut(&str)) -> Result<Value, String> {
        let (answer, mut answered) = Answer::channel(stop.clone());
        let mut effects = Vec::new();
        self.desk.ask(command, answer, &NoDocuments, &mut effects);
        self.perform(effects, say);
        answered
            .try_recv()
            .unwrap_or_else(|_| Err("an internal error came up: nobody answered".to_owned()))
    }

    fn perform(&mut self, effects: Vec<Effect>, say: &mut dyn FnMut(&str)) {
        let mut waiting: std::collections::VecDeque<Effect> = effects.into();
        while let Some(effect) = waiting.pop_front() {
            let mut next = Vec::new();
            match effect {
                Effect::Do(job) => {
                    let done = self.workspace.perform(job, || {}, &mut open_gate);
                    self.desk.job_done(done, &NoDocuments, &mut next);
                }
                Effect::Answer(answer, result) => answer.give(result),
                Effect::AnswerState(answer, workspaces) => answer.give(Ok(view::state(&workspaces))),
                Effect::Say(message) => say(&message),
                // Nobody is shown anything, and no editor is asked for anything.
                Effect::Changed
                | Effect::Proceed(_)
                | Effect::EditDocuments { .. }
                | Effect::Preview { .. }
                | Effect::Wait { .. }
                | Effect::ShowDocument(_) => {}
            }
            waiting.extend(next);
        }
    }
}
