//! The way to the review of a workspace: through the server of an editor that has it open, or straight.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use host::{Environment as _, Files as _, Host, RealHost};
use serde_json::Value;

use crate::cli::WorkspaceArguments;
use crate::paths::Paths;
use crate::review::Command;
use crate::review::alone::Alone;
use crate::review::line;

/// Somebody who carries out commands.
pub enum Reach {
    /// The server of an editor.
    Server(line::Line),
    /// Ourselves.
    Alone(Box<Alone>),
}

impl Reach {
    /// Finds the workspace and whoever has its review.
    pub fn open(arguments: &WorkspaceArguments) -> anyhow::Result<Self> {
        let host = RealHost::new();
        let paths = Paths::find(&host)?;
        let here = match &arguments.workspace {
            Some(folder) => host.canonical(folder)?,
            None => host.canonical(&host.current_folder()?)?,
        };
        let above: Vec<&Path> = match &arguments.workspace {
            Some(_) => vec![here.as_path()],
            None => here.ancestors().collect(),
        };
        for folder in &above {
            if let Some(line) = line::Line::connect(&host, &paths, folder) {
                return Ok(Self::Server(line));
            }
        }
        let with_git = above.iter().find(|folder| host.exists(&folder.join(".git")));
        let root: PathBuf = with_git.map_or(here.as_path(), |folder| folder).to_owned();
        let host: Arc<dyn Host> = Arc::new(host);
        let alone = Alone::open(host, &paths, &root, &mut |message| eprintln!("{message}"))
            .with_context(|| format!("cannot open the review of `{}`", root.display()))?;
        Ok(Self::Alone(Box::new(alone)))
    }

    /// Has a command carried out.
    pub fn ask(&mut self, name: &str, arguments: &Value) -> anyhow::Result<Value> {
        let answer = match self {
            Self::Server(line) => line.ask(name, arguments)?,
            Self::Alone(alone) => {
                let command = Command::parse(name, std::slice::from_ref(arguments))
                    .with_context(|| format!("there is no command `{name}`"))?;
                command.and_then(|command| alone.ask(command, &mut |message| eprintln!("{message}")))
            }
        };
        answer.map_err(anyhow::Error::msg)
    }
}
