//! Prints what busy cores cost: `cargo run --release -p llama --example contention -- MODEL.gguf [THREADS [SECONDS]]`.
//!
//! It starts itself again with the environment that the engine process is given, as `freehold` does.

use std::process::{Command, ExitCode};
use std::time::Duration;

use llama::contention::{Pace, contention};
use llama::{BenchOptions, ENGINE_ENVIRONMENT, LlamaOptions};

const MARK: &str = "FREEHOLD_CONTENTION";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(file) = arguments.next() else {
        eprintln!("usage: contention MODEL.gguf [THREADS [SECONDS]]");
        return ExitCode::FAILURE;
    };
    let threads = arguments.next().and_then(|threads| threads.parse().ok());
    let seconds: f64 = arguments
        .next()
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(2.5);
    let Ok(slice) = Duration::try_from_secs_f64(seconds) else {
        eprintln!("SECONDS must be a time");
        return ExitCode::FAILURE;
    };
    if std::env::var_os(MARK).is_none() {
        return again();
    }
    let options = LlamaOptions {
        threads,
        ..LlamaOptions::new(file)
    };
    let bench = BenchOptions {
        threads: options.threads_max(),
        file: options.file,
        prompt_tokens: 0,
        generated_tokens: 0,
        repetitions: 3,
        backends_folder: None,
        gpu_layers: Some(0),
    };
    match contention(&bench, bench.threads, slice) {
        Ok(rows) => {
            println!("tokens/s, prompt and generation; `of best` is adaptive over the best fixed number");
            for row in rows {
                let fixed = (1..)
                    .zip(&row.fixed)
                    .map(|(threads, pace)| format!("{threads}: {}", show(pace)));
                let fixed: Vec<String> = fixed.collect();
                let ratio = row.ratio();
                println!(
                    "busy {}  adaptive: {}  {}  of best: {:.2} {:.2}",
                    row.busy,
                    show(&row.adaptive),
                    fixed.join("  "),
                    ratio.prompt,
                    ratio.generation,
                );
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn show(pace: &Pace) -> String {
    format!("{:6.1} {:5.1}", pace.prompt, pace.generation)
}

/// Runs this program again with the engine's environment, unless the caller has set it otherwise.
fn again() -> ExitCode {
    let Ok(program) = std::env::current_exe() else {
        return ExitCode::FAILURE;
    };
    let mut command = Command::new(program);
    command.args(std::env::args_os().skip(1)).env(MARK, "1");
    for (name, value) in ENGINE_ENVIRONMENT {
        if std::env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
