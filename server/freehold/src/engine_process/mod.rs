//! The engine process: one per user and machine, shared by all windows.

use std::process::ExitCode;

use crate::cli::{EngineArguments, ServeArguments};

pub fn run(_arguments: &EngineArguments) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not yet")
}

pub fn serve(_arguments: &ServeArguments) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not yet")
}
