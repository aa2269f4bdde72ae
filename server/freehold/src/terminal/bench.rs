//! `freehold bench`: how fast this machine is, and how much of that the user gets.

mod replay;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::cli::{BenchArguments, BenchCommand};

/// `freehold bench …`.
///
/// # Errors
/// When there is no such model, or it cannot be measured.
pub fn bench(arguments: &BenchArguments) -> anyhow::Result<ExitCode> {
    let text = match &arguments.command {
        BenchCommand::Replay(arguments) => replay::replay(arguments)?,
        other => measured::bench(other)?,
    };
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .context("cannot print")?;
    Ok(ExitCode::SUCCESS)
}

/// What a build without the engine has to measure of it.
#[cfg(not(feature = "llama"))]
mod measured {
    use crate::cli::BenchCommand;

    pub fn bench(_command: &BenchCommand) -> anyhow::Result<String> {
        anyhow::bail!(
            "this build of Freehold has no engine in it to measure; build it with the feature `llama`"
        )
    }
}

#[cfg(feature = "llama")]
mod measured {
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use host::{Host, RealHost};
    use llama::bench::Speeds;
    use llama::contention::{Contention, Pace};
    use llama::{BenchOptions, BenchResult, LlamaOptions};
    use serde_json::json;

    use crate::cli::BenchCommand;
    use crate::engine_process;
    use crate::models::Store;
    use crate::paths::Paths;
    use crate::settings;

    /// How long each number of threads is measured at a time.
    const SLICE: Duration = Duration::from_millis(2500);
    /// How often.
    const SLICES: u32 = 3;

    pub fn bench(command: &BenchCommand) -> anyhow::Result<String> {
        let host = RealHost::new();
        engine_process::start_again_with_engine_environment(&host)?;
        Ok(match command {
            BenchCommand::Engine {
                model,
                file,
                threads,
                prompt_tokens,
                generated_tokens,
                repetitions,
                json,
            } => {
                let mut options = options(&host, model.as_deref(), file.as_deref(), *threads)?;
                options.prompt_tokens = *prompt_tokens;
                options.generated_tokens = *generated_tokens;
                options.repetitions = *repetitions;
                speeds(&options, &llama::bench(&options)?, *json)
            }
            BenchCommand::Contention {
                model,
                file,
                busy_max,
                json,
            } => {
                let mut options = options(&host, model.as_deref(), file.as_deref(), None)?;
                options.repetitions = SLICES;
                rows(&llama::contention::contention(&options, *busy_max, SLICE)?, *json)
            }
            BenchCommand::Replay(_) => unreachable!("it is measured elsewhere"),
        })
    }

    /// What is the same for every measurement.
    fn options(
        host: &dyn Host,
        model: Option<&str>,
        file: Option<&Path>,
        threads: Option<u32>,
    ) -> anyhow::Result<BenchOptions> {
        let file = match file {
            Some(file) => file.to_owned(),
            None => installed(host, model)?,
        };
        let threads = threads.unwrap_or_else(|| LlamaOptions::new(&file).threads_max());
        Ok(BenchOptions {
            file,
            threads,
            prompt_tokens: 0,
            generated_tokens: 0,
            repetitions: 1,
            backends_folder: None,
            gpu_layers: None,
        })
    }

    fn installed(host: &dyn Host, model: Option<&str>) -> anyhow::Result<PathBuf> {
        let paths = Paths::find(host)?;
        let store = Store::new(host, &paths);
        let installed = match model {
            Some(name) => store.require(name)?,
            None => store.chosen(&settings::load(host, &paths.settings_file)?.settings)?,
        };
        store.verify(&installed)?;
        Ok(installed.file)
    }

    fn speeds(options: &BenchOptions, result: &BenchResult, as_json: bool) -> String {
        if as_json {
            let speed = |speeds: &Speeds| json!({ "mean": speeds.mean(), "deviation": speeds.deviation(), "samples": speeds.samples });
            let value = json!({
                "model": result.model,
                "device": result.device,
                "threads": options.threads,
                "prompt_tokens": options.prompt_tokens,
                "generated_tokens": options.generated_tokens,
                "prompt_tokens_per_second": speed(&result.prompt),
                "generated_tokens_per_second": speed(&result.generation),
            });
            return format!("{value:#}\n");
        }
        let line = |what: &str, tokens: u32, speeds: &Speeds| {
            format!(
                "{what:<10}  {tokens:>4} tokens  {:>8.1} ± {:.1} tokens/s\n",
                speeds.mean(),
                speeds.deviation()
            )
        };
        format!(
            "{}\n{}, {} threads, {} repetitions\n{}{}",
            result.model,
            result.device,
            options.threads,
            options.repetitions,
            line("prompt", options.prompt_tokens, &result.prompt),
            line("generation", options.generated_tokens, &result.generation),
        )
    }

    fn rows(rows: &[Contention], as_json: bool) -> String {
        if as_json {
            let pace = |pace: &Pace| json!({ "prompt": pace.prompt, "generation": pace.generation });
            let rows: Vec<_> = rows
                .iter()
                .map(|row| {
                    json!({
                        "busy": row.busy,
                        "adaptive": pace(&row.adaptive),
                        "fixed": row.fixed.iter().map(pace).collect::<Vec<_>>(),
                        "ratio_to_best": pace(&row.ratio()),
                    })
                })
                .collect();
            return format!("{:#}\n", json!(rows));
        }
        let show = |pace: &Pace| format!("{:7.1} {:6.1}", pace.prompt, pace.generation);
        let mut text = String::from(
            "tokens/s: prompt and generation; the ratio is adaptive to the best fixed number of threads\n",
        );
        for row in rows {
            let ratio = row.ratio();
            text += &format!("{} busy loops   adaptive {}", row.busy, show(&row.adaptive));
            for (threads, pace) in (1..).zip(&row.fixed) {
                text += &format!("   {threads} fixed {}", show(pace));
            }
            text += &format!("   ratio {:.2} {:.2}\n", ratio.prompt, ratio.generation);
        }
        text
    }
}
