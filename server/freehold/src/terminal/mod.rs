//! The commands for the terminal.

use std::process::ExitCode;

use crate::cli::{BenchArguments, CompleteArguments, DoctorArguments};

pub fn complete(_arguments: &CompleteArguments) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not yet")
}

pub fn doctor(_arguments: &DoctorArguments) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not yet")
}

pub fn bench(_arguments: &BenchArguments) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not yet")
}
