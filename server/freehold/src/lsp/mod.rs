//! The language server: one per editor window.

use std::process::ExitCode;

use crate::cli::LspArguments;

pub fn run(_arguments: &LspArguments) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not yet")
}
