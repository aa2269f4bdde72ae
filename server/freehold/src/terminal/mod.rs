//! The commands for the terminal.

mod attach;
mod complete;
mod doctor;
mod language_ids;
mod place;
mod show;

use std::process::ExitCode;

pub use complete::complete;
pub use doctor::doctor;

use crate::cli::BenchArguments;

pub fn bench(_arguments: &BenchArguments) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not yet")
}
