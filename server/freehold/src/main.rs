//! `freehold`: the language server, the engine process and the terminal commands.

mod cli;
mod engine_process;
mod lsp;
mod models;
mod paths;
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
        cli::Command::Doctor(arguments) => terminal::doctor(&arguments),
        cli::Command::Bench(arguments) => terminal::bench(&arguments),
        cli::Command::Eval(arguments) => terminal::eval(&arguments),
    }
}
