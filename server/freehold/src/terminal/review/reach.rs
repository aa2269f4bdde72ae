//! The way to the review of a workspace: through the server of an editor that has it open, or straight.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use host::{Environment as _, Files as _, Host, RealHost, Stop};
use serde_json::Value;

use crate::cli::WorkspaceArguments;
use crate::paths::Paths;
use crate::review::Command;
use crate::review::alone::Alone;
use crate::review::line;
use crate::review::workspace::Busy;

/// An editor that starts has the review before it listens, and a command has it for a moment.
const TRIES_MAX: u32 = 60;
const TRIES_EVERY: Duration = Duration::from_millis(50);

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
        let with_git = above.iter().find(|folder| host.exists(&folder.join(".git")));
        let root: PathBuf = with_git.map_or(here.as_path(), |folder| folder).to_owned();
        let alone: Arc<dyn Host> = Arc::new(RealHost::new());
        let mut tries_left = TRIES_MAX;
        loop {
            for folder in &above {
                if let Some(line) = line::Line::connect(&host, &paths, folder) {
                    return Ok(Self::Server(line));
                }
            }
            let opened = Alone::open(Arc::clone(&alone), &paths, &root, &mut |message| {
                eprintln!("{message}")
            });
            tries_left -= 1;
            match opened {
                Err(error) if tries_left > 0 && error.downcast_ref::<Busy>().is_some() => {
                    std::thread::sleep(TRIES_EVERY);
                }
                opened => {
                    let alone =
                        opened.with_context(|| format!("cannot open the review of `{}`", root.display()))?;
                    return Ok(Self::Alone(Box::new(alone)));
                }
            }
        }
    }

    /// Has a command carried out.
    pub fn ask(&mut self, name: &str, arguments: &Value) -> anyhow::Result<Value> {
        self.ask_until(&Stop::default(), name, arguments)
    }

    /// What ends a command that is run for [`Reach::ask_until`], from another thread.
    pub fn ender(&self, stop: &Stop) -> anyhow::Result<Box<dyn FnOnce() + Send>> {
        match self {
            Self::Server(line) => line.ender().map(|end| Box::new(end) as _),
            Self::Alone(_) => {
                let stop = stop.clone();
                Ok(Box::new(move || stop.now()))
            }
        }
    }

    /// Has a command carried out; what it runs ends before when [`Reach::ender`] is called.
    pub fn ask_until(&mut self, stop: &Stop, name: &str, arguments: &Value) -> anyhow::Result<Value> {
        let answer = match self {
            Self::Server(line) => line.ask(name, arguments)?,
            Self::Alone(alone) => {
                let command = Command::parse(name, std::slice::from_ref(arguments))
                    .with_context(|| format!("there is no command `{name}`"))?;
                command.and_then(|command| alone.ask(command, stop, &mut |message| eprintln!("{message}")))
            }
        };
        answer.map_err(anyhow::Error::msg)
    }
}
