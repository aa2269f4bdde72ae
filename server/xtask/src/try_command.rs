//! `cargo xtask try`: from a fresh clone to a first suggestion.

use std::io::IsTerminal;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::needs::{NODE_MAJOR_MIN, node_major};
use crate::process::{find, root, shown};
use crate::steps::{self, Step};
use crate::test_command::MODEL;
use crate::{dist, editors, needs, setup};

/// Where the first suggestion is asked for: the last line lacks its end.
pub const SAMPLE: &str = "tests/samples/running_average.py:15:12";

/// Runs all steps; `yes` accepts what would be asked.
pub fn run(yes: bool) -> Result<ExitCode> {
    let missing = setup::missing(needs::for_trying());
    let packs_extension = find("npm").is_some() && node_major().is_some_and(|major| major >= NODE_MAJOR_MIN);
    let steps = steps(yes, packs_extension);
    println!(
        "From here to a first suggestion takes about {} minutes on two cores, less on more: llama.cpp is compiled,\n\
         and a model of 491 MB is downloaded. Nothing else leaves or reaches this machine.",
        steps::expected_minutes(&steps)
    );
    if !missing.is_empty() {
        print!("{}", setup::list(&missing));
    }
    setup::consent(&missing, yes)?;
    let reports = steps::run(&steps);
    if !steps::all_passed(&reports) {
        println!("\nMend what is said above and run `cargo xtask try` again: what is done stays done.");
        return Ok(ExitCode::FAILURE);
    }
    println!("\n{}", next(packs_extension)?);
    Ok(ExitCode::SUCCESS)
}

fn steps(yes: bool, packs_extension: bool) -> Vec<Step> {
    let mut steps = vec![
        Step {
            name: "setup",
            about: "install what is missing",
            expected: Duration::from_secs(60),
            needs: &[],
            run: Box::new(|log| {
                let missing = setup::missing(needs::for_trying());
                setup::install(&missing, log)?;
                Ok(if missing.is_empty() {
                    "nothing was missing".into()
                } else {
                    String::new()
                })
            }),
        },
        Step {
            name: "build",
            about: "build Freehold with llama.cpp",
            expected: dist::RELEASE_BUILD_EXPECTED,
            needs: &["setup"],
            run: Box::new(|log| dist::build(log).map(|()| String::new())),
        },
        Step {
            name: "model",
            about: "get the 0.5B model",
            expected: Duration::from_secs(90),
            needs: &["build"],
            run: Box::new(move |_| {
                let mut arguments = vec!["models", "get", MODEL];
                if yes || !std::io::stdin().is_terminal() {
                    arguments.push("--yes");
                }
                freehold(&arguments)
            }),
        },
        Step {
            name: "complete",
            about: "complete a sample file",
            expected: Duration::from_secs(15),
            needs: &["model"],
            // The model of this run, whichever the user has chosen before.
            run: Box::new(|_| freehold(&["complete", SAMPLE, "--model", MODEL])),
        },
    ];
    if packs_extension {
        steps.push(Step {
            name: "vsix",
            about: "pack the VS Code extension",
            expected: Duration::from_secs(60),
            needs: &["build"],
            run: Box::new(|log| {
                editors::pack(log, &dist::lay_out()?)?;
                Ok(String::new())
            }),
        });
    }
    steps
}

/// Runs the built binary at the user's own terminal, so that it can ask, show progress and use colours.
fn freehold(arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(dist::built_binary());
    command.args(arguments).current_dir(root());
    println!("\n$ {}", shown(&command));
    let status = command
        .status()
        .with_context(|| format!("cannot run `{}`", shown(&command)))?;
    if !status.success() {
        bail!(
            "`{}` failed ({status}); `freehold doctor` says more",
            shown(&command)
        );
    }
    Ok(String::new())
}

/// What to do now.
fn next(packs_extension: bool) -> Result<String> {
    let binary = dist::built_binary();
    let vs_code = if packs_extension {
        format!("    code --install-extension {}", editors::package()?.display())
    } else {
        format!(
            "    install Node.js {NODE_MAJOR_MIN} or newer with npm, run `cargo xtask dist`, \
             and then the command it ends with"
        )
    };
    Ok(format!(
        "Freehold works. In VS Code:\n{vs_code}\n    then open any file and type.\n\
         In other editors: README.md shows how; the server is `{} lsp`.\n\
         A larger model is better; `{} models list` shows those there are.",
        binary.display(),
        binary.display()
    ))
}
