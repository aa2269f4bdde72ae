//! Setup, test, tidy and packaging: `cargo xtask`.
//!
//! Two commands are for everybody: `cargo xtask try` takes a newcomer from a clone to a first suggestion,
//! and `cargo xtask test` runs everything that CI runs.

#![expect(
    clippy::disallowed_methods,
    reason = "builds the program and is no part of it, so the host is not for it"
)]

mod dist;
mod editors;
mod needs;
mod process;
mod setup;
mod steps;
mod test_command;
mod tidy;
mod try_command;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Setup, test, tidy and packaging of Freehold.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// From a fresh clone to a first suggestion: install what is missing, build, get a model, complete a file
    Try(TryArguments),
    /// Run everything that CI runs
    Test(TestArguments),
    /// Install what building and testing need
    Setup(SetupArguments),
    /// Check the rules of the design that a program can check
    Tidy,
    /// Lay out the release in `target/dist` and pack the VS Code extension
    Dist(DistArguments),
}

#[derive(Debug, Args)]
struct TryArguments {
    /// Ask nothing: install what is missing, accept the licence of the model
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
struct TestArguments {
    /// Run only these steps, by name, separated by commas
    #[arg(long, value_name = "STEP", value_delimiter = ',', conflicts_with = "skip")]
    only: Vec<String>,
    /// Leave these steps out, by name, separated by commas
    #[arg(long, value_name = "STEP", value_delimiter = ',')]
    skip: Vec<String>,
    /// List the steps and run none
    #[arg(long)]
    list: bool,
    /// Ask nothing: install what is missing
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
struct SetupArguments {
    /// Ask nothing: install what is missing
    #[arg(long)]
    yes: bool,
    /// Only say what is missing
    #[arg(long)]
    check: bool,
}

#[derive(Debug, Args)]
struct DistArguments {
    /// Lay out the server only, without the VS Code extension
    #[arg(long)]
    server_only: bool,
}

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Try(arguments) => try_command::run(arguments.yes),
        Command::Test(arguments) => {
            test_command::run(&arguments.only, &arguments.skip, arguments.list, arguments.yes)
        }
        Command::Setup(arguments) => setup::run(arguments.check, arguments.yes),
        Command::Tidy => tidy::run(),
        Command::Dist(arguments) => dist::run(arguments.server_only),
    }
}
