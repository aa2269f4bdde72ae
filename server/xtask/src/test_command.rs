//! `cargo xtask test`: everything that CI runs, in an order in which each step finds the earlier ones' work done.
//!
//! The debug profile builds without llama.cpp, the release profile with it: so each C and C++ library is compiled
//! once, and `clippy`, `build` and `rust-model` share their dependencies.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::process::{self, Log, cargo, target_folder};
use crate::steps::{self, Step};
use crate::{dist, editors, needs, setup, tidy, try_command};

/// The model that the tests run; the smallest that completes code sensibly.
pub const MODEL: &str = "qwen2.5-coder-0.5b";

/// Runs the steps; `only` and `skip` hold names of steps, and an empty `only` means all.
pub fn run(only: &[String], skip: &[String], list: bool, yes: bool) -> Result<ExitCode> {
    let steps = select(all(), only, skip)?;
    if list {
        for step in &steps {
            println!(
                "{:16} {:>9}  {}",
                step.name,
                steps::spoken(step.expected),
                step.about
            );
        }
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "{} steps, about {} minutes from nothing on two cores; a few when most is built already.",
        steps.len(),
        steps::expected_minutes(&steps)
    );
    if steps.iter().any(|step| step.name == "setup") {
        let missing = setup::missing(needs::for_testing());
        if !missing.is_empty() {
            print!("{}", setup::list(&missing));
        }
        setup::consent(&missing, yes)?;
    }
    let reports = steps::run(&steps);
    println!("\n{}", steps::table(&reports));
    Ok(if steps::all_passed(&reports) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Takes the steps that are asked for, in their own order.
fn select(steps: Vec<Step>, only: &[String], skip: &[String]) -> Result<Vec<Step>> {
    if let Some(name) = only
        .iter()
        .chain(skip)
        .find(|name| steps.iter().all(|step| step.name != name.as_str()))
    {
        bail!("there is no step `{name}`; `cargo xtask test --list` names them");
    }
    let named = |names: &[String], step: &Step| names.iter().any(|name| name == step.name);
    Ok(steps
        .into_iter()
        .filter(|step| (only.is_empty() || named(only, step)) && !named(skip, step))
        .collect())
}

/// Every step. The expected times are estimates for two cores with nothing built; the table at the end has
/// the real ones.
fn all() -> Vec<Step> {
    let mut steps = rust_steps();
    steps.extend(model_steps());
    steps.extend(editor_steps());
    steps
}

fn step(
    name: &'static str,
    about: &'static str,
    expected_seconds: u64,
    needs: &'static [&'static str],
    run: impl Fn(&mut Log) -> Result<String> + 'static,
) -> Step {
    Step {
        name,
        about,
        expected: Duration::from_secs(expected_seconds),
        needs,
        run: Box::new(run),
    }
}

fn rust_steps() -> Vec<Step> {
    vec![
        step("setup", "install what is missing", 120, &[], |log| {
            let missing = setup::missing(needs::for_testing());
            setup::install(&missing, log)?;
            Ok(if missing.is_empty() {
                "nothing was missing".into()
            } else {
                String::new()
            })
        }),
        step("fmt", "layout of the Rust code", 2, &[], |log| {
            log.run(&mut cargo(["fmt", "--all", "--check"]))
                .context("`cargo fmt --all` mends it")?;
            Ok(String::new())
        }),
        step("tidy", "rules of the design", 2, &[], |_| {
            tidy::check(&process::root())
        }),
        step(
            "rust",
            "Rust tests without a C++ compiler",
            6 * 60,
            &["setup"],
            |log| {
                let mut tests = cargo([
                    "test",
                    "--workspace",
                    "--exclude",
                    "llama",
                    "--no-default-features",
                ]);
                // Programs that do not exist: whoever calls for C++ outside `llama` fails here.
                tests
                    .env("CXX", "no-cpp-compiler-in-this-step")
                    .env("CMAKE", "no-cmake-in-this-step");
                counted_tests(&log.run(&mut tests)?)
            },
        ),
        step(
            "clippy",
            "lints, and llama.cpp compiled for it and all below",
            16 * 60,
            &["setup"],
            |log| {
                let arguments = [
                    "clippy",
                    "--release",
                    "--workspace",
                    "--all-targets",
                    "--",
                    "--deny",
                    "warnings",
                ];
                log.run(&mut cargo(arguments)).map(|_| String::new())
            },
        ),
        step("build", "release build", 330, &["setup"], |log| {
            dist::build(log).map(|()| String::new())
        }),
    ]
}

fn model_steps() -> Vec<Step> {
    vec![
        step("model", "the 0.5B model, 491 MB", 30, &["build"], |log| {
            if model_file().is_none() {
                let mut get = process::command(&dist::built_binary().to_string_lossy());
                get.args(["models", "get", MODEL, "--yes"])
                    .env("FREEHOLD_HOME", home());
                log.run(&mut get)?;
            }
            Ok(required_model_file()?.display().to_string())
        }),
        step(
            "rust-model",
            "tests of llama.cpp with the real model",
            180,
            &["build", "model"],
            |log| {
                // Of all packages, as `clippy` and `build` are: of one alone, dependencies have other features.
                let mut tests = cargo(["test", "--release", "--workspace", "--test", "model"]);
                tests.env("FREEHOLD_MODEL_FILE", required_model_file()?);
                counted_tests(&log.run(&mut tests)?)
            },
        ),
        step(
            "numbers",
            "what is promised of times, each measured alone",
            60,
            &["build", "model"],
            |log| {
                let review = alone(log, &["--test", "numbers", "--"])?;
                let healing = alone(log, &["--test", "model", "--", "healing_costs"])?;
                Ok(format!("{} tests", review + healing))
            },
        ),
        step(
            "sample",
            "a sample file completed in the terminal",
            5,
            &["build", "model"],
            |log| {
                let mut complete = process::command(&dist::built_binary().to_string_lossy());
                complete.args(["complete", try_command::SAMPLE, "--json", "--model", MODEL]);
                let answer = log.run(complete.env("FREEHOLD_HOME", home()))?;
                ensure!(
                    answer.contains("total(values)"),
                    "the suggestion is not the expected one: {answer}"
                );
                Ok(String::new())
            },
        ),
    ]
}

/// Runs the tests `which` one by one, with the promises of times held; gives their count. Whatever else the machine
/// does can only make them slower, so they have six tries.
fn alone(log: &mut Log, which: &[&str]) -> Result<u32> {
    const TRIES: usize = 6;
    let mut failure = None;
    for _ in 0..TRIES {
        let mut tests = cargo(["test", "--release", "--workspace"]);
        tests.args(which).args(["--test-threads=1", "--nocapture"]);
        tests
            .env("FREEHOLD_PROMISES", "1")
            .env("FREEHOLD_PROGRAM", dist::built_binary())
            .env("FREEHOLD_MODEL_FILE", required_model_file()?);
        match log.run(&mut tests) {
            Ok(output) => return count_tests(&output),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.context("it was not tried")?)
}

fn editor_steps() -> Vec<Step> {
    vec![
        step("neovim", "a review in Neovim", 5, &["build"], |log| {
            let Some(editor) = process::find("nvim") else {
                return Ok("there is no Neovim here".into());
            };
            let mut review = process::command(&editor.to_string_lossy());
            review
                .args(["--headless", "-u", "NONE", "-i", "NONE", "-n"])
                .args(["-S", "tests/editor/neovim/review.lua"])
                .env("FREEHOLD_PROGRAM", dist::built_binary());
            log.run(&mut review).map(|_| String::new())
        }),
        step(
            "extension",
            "VS Code extension: types, lint, unit tests",
            40,
            &["setup"],
            |log| {
                editors::npm(log, &["ci"])?;
                editors::npm(log, &["run", "check"]).map(|_| String::new())
            },
        ),
        step(
            "vsix",
            "VS Code extension with the server inside",
            10,
            &["build", "extension"],
            |log| {
                let file = editors::pack(log, &dist::lay_out()?)?;
                Ok(file.display().to_string())
            },
        ),
        step(
            "editor-tools",
            "VS Code for the browser, from npm",
            30,
            &["setup"],
            |log| editors::node(log, &["tests/editor/install.mjs"]).map(|_| String::new()),
        ),
        step(
            "editor-scripted",
            "suggestions and reviews in the real editor, scripted engine",
            195,
            &["vsix", "editor-tools"],
            |log| editor_test(log, "scripted"),
        ),
        step(
            "editor-real",
            "suggestion in the real editor, real model",
            30,
            &["vsix", "editor-tools", "model"],
            |log| editor_test(log, "real"),
        ),
    ]
}

fn editor_test(log: &mut Log, engine: &str) -> Result<String> {
    let package = editors::package()?;
    ensure!(package.is_file(), "there is no VSIX yet; run the step `vsix`");
    let package = package.to_string_lossy();
    let mut arguments = vec!["tests/editor/run.mjs", "--vsix", &package, "--engine", engine];
    let model = model_file().map(|file| file.to_string_lossy().into_owned());
    if engine == "real" {
        arguments.extend(["--model", model.as_deref().context(NO_MODEL)?]);
    }
    editors::node(log, &arguments).map(|_| String::new())
}

/// A home of Freehold's own for the tests, so that the user's settings and models stay out of them.
fn home() -> PathBuf {
    target_folder().join("xtask/home")
}

const NO_MODEL: &str = "the model is not there; run the step `model`, or set FREEHOLD_MODEL_FILE";

/// The model file that the developer names, or the one that an earlier run got.
fn model_file() -> Option<PathBuf> {
    match std::env::var_os("FREEHOLD_MODEL_FILE") {
        Some(file) => Some(PathBuf::from(file)),
        None => find_gguf(&home().join("models")),
    }
}

fn required_model_file() -> Result<PathBuf> {
    model_file().filter(|file| file.is_file()).context(NO_MODEL)
}

fn find_gguf(folder: &Path) -> Option<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths.iter().find_map(|path| {
        if path.is_dir() {
            return find_gguf(path);
        }
        path.extension()
            .is_some_and(|extension| extension == "gguf")
            .then(|| path.clone())
    })
}

/// How many tests a cargo run counted; none at all is a fault, since it would look like success.
fn counted_tests(output: &str) -> Result<String> {
    Ok(format!("{} tests", count_tests(output)?))
}

fn count_tests(output: &str) -> Result<u32> {
    let mut tests = 0;
    for line in output.lines() {
        let Some(counts) = line.strip_prefix("test result: ok. ") else {
            continue;
        };
        let passed = counts
            .split(' ')
            .next()
            .and_then(|count| count.parse::<u32>().ok());
        tests += passed.with_context(|| format!("cannot read the counts of `{line}`"))?;
    }
    ensure!(tests > 0, "no test ran");
    Ok(tests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_need_is_an_earlier_step() {
        let steps = all();
        for (index, step) in steps.iter().enumerate() {
            for need in step.needs {
                let found = steps[..index].iter().any(|earlier| earlier.name == *need);
                assert!(found, "`{}` needs `{need}`, which no earlier step is", step.name);
            }
        }
    }

    #[test]
    fn the_whole_takes_under_45_minutes() {
        assert!(steps::expected_minutes(&all()) < 45);
    }

    #[test]
    fn steps_are_chosen_by_name_and_unknown_names_are_refused() {
        let names = |only: &[&str], skip: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            select(all(), &owned(only), &owned(skip))
                .map(|steps| steps.iter().map(|step| step.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["tidy", "fmt"], &[]).expect("both exist"), ["fmt", "tidy"]);
        assert_eq!(names(&[], &["fmt"]).expect("it exists").len(), all().len() - 1);
        let message = format!("{:#}", names(&["fnt"], &[]).expect_err("misspelt"));
        assert!(message.contains("there is no step `fnt`"), "{message}");
    }

    #[test]
    fn no_test_at_all_is_a_fault() {
        let output = "test result: ok. 12 passed; 0 failed; 0 ignored\ntest result: ok. 3 passed; 0 failed\n";
        assert_eq!(counted_tests(output).expect("there are some"), "15 tests");
        assert!(counted_tests("test result: ok. 0 passed; 0 failed; 0 ignored\n").is_err());
    }
}
