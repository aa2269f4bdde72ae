//! `freehold`: the language server, the engine process and the terminal commands.

mod cli;
mod engine_process;
mod language_ids;
mod lsp;
mod models;
mod paths;
mod request_record;
mod review;
mod settings;
mod suggestion_record;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: cli::Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        cli::Command::Lsp(arguments) => lsp::run(&arguments),
        cli::Command::Engine(arguments) => engine_process::run(&arguments),
        cli::Command::Serve(arguments) => engine_process::serve(&arguments),
        cli::Command::Models(arguments) => models::run(&arguments),
        cli::Command::Complete(arguments) => terminal::complete(&arguments),
        cli::Command::Suggestions(arguments) => terminal::suggestions(&arguments),
        cli::Command::Propose(arguments) => terminal::propose(&arguments),
        cli::Command::Diff(arguments) => terminal::diff(&arguments),
        cli::Command::Keep(arguments) => terminal::keep(&arguments),
        cli::Command::Drop(arguments) => terminal::decide("drop", &arguments),
        cli::Command::Undo(arguments) => terminal::go_back("undo", &arguments),
        cli::Command::Redo(arguments) => terminal::go_back("redo", &arguments),
        cli::Command::Checkpoints(arguments) => terminal::checkpoints(&arguments),
        cli::Command::Audit(arguments) => terminal::audit(&arguments),
        cli::Command::Doctor(arguments) => terminal::doctor(&arguments),
        cli::Command::Bench(arguments) => terminal::bench(&arguments),
        cli::Command::Eval(arguments) => terminal::eval(&arguments),
    }
}
