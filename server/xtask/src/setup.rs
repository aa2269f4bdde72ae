//! Installing what is missing: by apt where there is one, else by telling the commands.

use std::io::{IsTerminal, Write};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::needs::{self, Need, Source};
use crate::process::{self, Log, find};

/// `cargo xtask setup`.
pub fn run(check_only: bool, yes: bool) -> Result<ExitCode> {
    let missing = missing(needs::for_testing());
    if missing.is_empty() {
        println!("Nothing is missing.");
        return Ok(ExitCode::SUCCESS);
    }
    print!("{}", list(&missing));
    if check_only {
        println!("{}", instructions(&missing));
        return Ok(ExitCode::FAILURE);
    }
    consent(&missing, yes)?;
    let mut log = Log::create("setup", |_, _| {})?;
    install(&missing, &mut log)?;
    println!("Installed.");
    Ok(ExitCode::SUCCESS)
}

/// Those of `needs` that are not there.
pub fn missing(needs: Vec<Need>) -> Vec<Need> {
    needs.into_iter().filter(|need| !(need.present)()).collect()
}

/// One line for each need, with its reason.
pub fn list(missing: &[Need]) -> String {
    let mut text = String::from("Missing:\n");
    for need in missing {
        text.push_str(&format!("  {} ({})\n", need.what, need.why));
    }
    text
}

/// Asks before anything is installed; without a person at the terminal, or with `yes`, that is leave enough.
///
/// # Errors
/// When the person says no, or when this program cannot install what is missing and the person must.
pub fn consent(missing: &[Need], yes: bool) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let commands = commands(missing);
    if !can_install(missing) {
        bail!("some things must be installed first; {}", instructions(missing));
    }
    let a_person_is_there = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if yes || !a_person_is_there {
        return Ok(());
    }
    for command in &commands {
        println!("  will run: {command}");
    }
    if !ask("Install them now?")? {
        bail!("nothing was installed; {}", instructions(missing));
    }
    Ok(())
}

/// Puts a yes-or-no question to the person at the terminal; an empty answer is yes.
pub fn ask(question: &str) -> Result<bool> {
    print!("{question} [Y/n] ");
    std::io::stdout()
        .flush()
        .context("cannot write to the terminal")?;
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .context("cannot read the answer")?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes"))
}

/// Installs `missing`, of which [`consent`] was asked.
///
/// # Errors
/// When an installer fails, or something is still missing afterwards.
pub fn install(missing: &[Need], log: &mut Log) -> Result<()> {
    for shown in commands(missing) {
        let mut words = shown.split_whitespace();
        let program = words.next().expect("no command is empty");
        let mut command = process::command(program);
        command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
        log.run(&mut command)
            .with_context(|| format!("cannot install with `{shown}`"))?;
    }
    let still: Vec<_> = missing
        .iter()
        .filter(|need| !(need.present)())
        .map(|need| need.what)
        .collect();
    if !still.is_empty() {
        bail!("after installing, still missing: {}", still.join(", "));
    }
    Ok(())
}

/// Whether [`commands`] can be run from here, without a person.
fn can_install(missing: &[Need]) -> bool {
    let system = missing
        .iter()
        .any(|need| matches!(need.source, Source::System { .. }));
    let rustup = missing
        .iter()
        .any(|need| matches!(need.source, Source::Rustup(_)));
    let apt_usable = find("apt-get").is_some() && (is_root() || sudo_usable());
    (!system || apt_usable) && (!rustup || find("rustup").is_some())
}

/// What to type, for a person.
pub fn instructions(missing: &[Need]) -> String {
    let mut text = String::from("run:\n");
    for command in commands(missing) {
        text.push_str(&format!("    {command}\n"));
    }
    if std::env::consts::OS == "linux" && find("apt-get").is_none() {
        text.push_str("  (these are Debian's names; take your system's packages of the same content)\n");
    }
    text.push_str("and then this command again");
    text
}

/// The commands that install `missing` on this system, in order.
fn commands(missing: &[Need]) -> Vec<String> {
    let prefix = if is_root() { "" } else { "sudo " };
    commands_on(std::env::consts::OS, prefix, missing)
}

fn commands_on(system: &str, prefix: &str, missing: &[Need]) -> Vec<String> {
    let mut apt_packages = Vec::new();
    let mut commands: Vec<String> = Vec::new();
    for need in missing {
        let command = match &need.source {
            Source::System { apt, .. } if !matches!(system, "macos" | "windows") => {
                apt_packages.extend_from_slice(apt);
                continue;
            }
            Source::System { macos, .. } if system == "macos" => (*macos).to_owned(),
            Source::System { windows, .. } => (*windows).to_owned(),
            Source::Rustup(component) => format!("rustup component add {component}"),
        };
        if !commands.contains(&command) {
            commands.push(command);
        }
    }
    if !apt_packages.is_empty() {
        let packages = apt_packages.join(" ");
        commands.insert(0, format!("{prefix}apt-get update"));
        commands.insert(
            1,
            format!("{prefix}apt-get install -y --no-install-recommends {packages}"),
        );
    }
    commands
}

fn is_root() -> bool {
    if cfg!(windows) {
        return false;
    }
    process::output(Command::new("id").arg("-u")).is_ok_and(|text| text.trim() == "0")
}

/// Whether sudo will do: at a terminal it may ask for a password, else it must not need one.
fn sudo_usable() -> bool {
    find("sudo").is_some()
        && (std::io::stdin().is_terminal() || process::succeeds(Command::new("sudo").args(["-n", "true"])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_gets_commands_of_its_own() {
        let commands = |system, prefix| {
            let mut needs = needs::for_trying();
            needs.extend(
                needs::for_testing()
                    .into_iter()
                    .filter(|need| need.what == "rustfmt"),
            );
            commands_on(system, prefix, &needs).join("\n")
        };
        assert_eq!(
            commands("linux", "sudo "),
            "sudo apt-get update\n\
             sudo apt-get install -y --no-install-recommends build-essential cmake libclang-dev python3 python3-pip\n\
             rustup component add rustfmt"
        );
        assert_eq!(
            commands("macos", ""),
            "xcode-select --install\nbrew install cmake\nbrew install python\nrustup component add rustfmt"
        );
        let windows = commands("windows", "");
        assert!(
            windows
                .lines()
                .take(4)
                .all(|line| line.starts_with("winget install ")),
            "{windows}"
        );
    }

    #[test]
    fn what_is_there_is_not_missing() {
        let mut needs = needs::for_trying();
        needs.truncate(2);
        needs[0].present = || true;
        needs[1].present = || false;
        let missing = missing(needs);
        assert_eq!(
            list(&missing),
            "Missing:\n  CMake (llama.cpp is compiled from source)\n"
        );
    }
}
