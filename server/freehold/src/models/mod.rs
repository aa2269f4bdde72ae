//! The models on this machine: listed, got, added, removed, chosen.

use std::process::ExitCode;

use crate::cli::ModelsArguments;

pub fn run(_arguments: &ModelsArguments) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not yet")
}
