//! The models on this machine: listed, got, added, removed, chosen.

mod get;
mod hub;
mod list;
mod mirror;
mod partial;
mod store;
#[cfg(test)]
mod tests;

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use engine::ModelCard;
use host::{Host, RealHost};

pub use store::{Installed, Store};

use crate::cli::{ModelsArguments, ModelsCommand};
use crate::engine_process;
use crate::paths::Paths;
use crate::settings;
use get::{Sources, size};
use hub::Hub;

/// Runs `freehold models …`.
///
/// # Errors
/// When the command could not do what it was asked to; the error says what to do next.
pub fn run(arguments: &ModelsArguments) -> anyhow::Result<ExitCode> {
    let host = RealHost::new();
    let paths = Paths::find(&host)?;
    let commands = Commands {
        host: &host,
        store: Store::new(&host, &paths),
        paths,
    };
    match &arguments.command {
        ModelsCommand::List { json } => commands.list(*json)?,
        ModelsCommand::Get { name, yes } => commands.get(name, *yes)?,
        ModelsCommand::Add { file, name } => commands.add(file, name.as_deref())?,
        ModelsCommand::Remove { name } => commands.remove(name)?,
        ModelsCommand::Use { name } => commands.choose(name)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The commands, and the world that they work on.
struct Commands<'a> {
    host: &'a dyn Host,
    store: Store<'a>,
    paths: Paths,
}

impl Commands<'_> {
    fn list(&self, json: bool) -> anyhow::Result<()> {
        let settings = self.settings()?;
        let lines = list::lines(
            &self.store.catalogue().model,
            &self.store.installed()?,
            settings.model.as_deref(),
        );
        let text = if json {
            serde_json::to_string_pretty(&lines)? + "\n"
        } else {
            list::table(&lines)
        };
        print(&text)
    }

    fn get(&self, name: &str, yes: bool) -> anyhow::Result<()> {
        let Some(card) = self.store.catalogue().card(name) else {
            bail!("there is no model `{name}` in the catalogue; `freehold models list` shows those there are")
        };
        if self.store.find(name)?.is_none() {
            eprint!("{}", introduction(card));
            ensure!(yes || agrees()?, "nothing was downloaded");
        }
        let hub = Hub::new(hub::base_from(self.host.variable("HF_ENDPOINT"))?);
        let sources = Sources { hub, pip: None };
        let installed = get::get(self.host, &self.store, card, &sources, &mut |text| {
            eprintln!("{text}")
        })?;
        print(&format!(
            "Installed {}, checksum {}.\n",
            installed.file.display(),
            installed.record.sha256
        ))?;
        self.choose_first(name)
    }

    fn add(&self, file: &Path, name: Option<&str>) -> anyhow::Result<()> {
        let installed = add(self.host, &self.store, file, name)?;
        let known = match &installed.card {
            Some(card) => format!("{}, licence {}", card.title, licence(card)),
            None => "not in the catalogue; the file itself says how it is prompted".to_owned(),
        };
        print(&format!("Added `{}` ({known}).\n", installed.name))?;
        self.choose_first(&installed.name)
    }

    fn remove(&self, name: &str) -> anyhow::Result<()> {
        self.store.remove(name)?;
        print(&format!("Removed `{name}`.\n"))?;
        if self.settings()?.model.as_deref() == Some(name) {
            settings::write(self.host, &self.paths.settings_file, "model", None)?;
            print("No model is chosen now; `freehold models use NAME` chooses one.\n")?;
        }
        Ok(())
    }

    fn choose(&self, name: &str) -> anyhow::Result<()> {
        let engine_ended = choose(self.host, &self.store, &self.paths, name)?;
        print(&format!("`{name}` completes code from now on.\n"))?;
        if engine_ended {
            print("The engine that ran has ended; it comes back with the new model when it is needed.\n")?;
        }
        Ok(())
    }

    /// Chooses a model that has just come if none is chosen: the first one is meant to be used.
    fn choose_first(&self, name: &str) -> anyhow::Result<()> {
        if self.settings()?.model.is_some() {
            return Ok(());
        }
        self.choose(name)
    }

    fn settings(&self) -> anyhow::Result<settings::Settings> {
        let loaded = settings::load(self.host, &self.paths.settings_file)?;
        for warning in &loaded.warnings {
            eprintln!("warning: {warning}");
        }
        Ok(loaded.settings)
    }
}

/// Makes the installed model `name` the one that completes code. An engine process that runs ends, and the
/// next request starts one with that model; whether one did is the answer.
///
/// # Errors
/// When there is no such model, its file is damaged, or the setting cannot be written.
pub fn choose(host: &dyn Host, store: &Store<'_>, paths: &Paths, name: &str) -> anyhow::Result<bool> {
    let installed = store.require(name)?;
    store.verify(&installed)?;
    settings::write(host, &paths.settings_file, "model", Some(name.into()))?;
    Ok(host.exists(&paths.engine_socket()) && engine_process::shutdown(paths)?)
}

/// Puts a GGUF file that is on this machine into the store.
fn add(host: &dyn Host, store: &Store<'_>, file: &Path, name: Option<&str>) -> anyhow::Result<Installed> {
    store::check_gguf(host, file)?;
    let bytes = host.metadata(file)?.bytes;
    let sha256 = store::sha256_of(host, file, &mut |_| {})?;
    let card = store.recognise(&sha256, bytes);
    let stem = file
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    let name = name.or(card.map(|card| card.name.as_str())).unwrap_or(stem);
    store::check_name(name).context("give it another name with `--name`")?;
    let target = store.file(name);
    ensure!(
        !host.exists(&target),
        "there is a model `{name}` already; remove it first, or give this one another name with `--name`"
    );
    host.create_folder(store.folder())?;
    if host.hard_link(file, &target).is_err() {
        // Another file system, or one without links.
        host.copy(file, &target)?;
    }
    store.record(name, &sha256, card.map(|card| card.name.clone()))
}

/// What a person should know before a download: the licence first.
fn introduction(card: &ModelCard) -> String {
    let mut text = format!("Licence: {}\n", licence(card));
    if !card.licence.commercial_use {
        text.push_str("         NOT FOR COMMERCIAL USE.\n");
    }
    if let Some(note) = &card.licence.note {
        text.push_str(&format!("         {note}\n"));
    }
    let bytes = card.bytes.map_or("size not known yet".to_owned(), size);
    text.push_str(&format!("Model:   {}, {bytes}\n", card.title));
    text
}

fn licence(card: &ModelCard) -> &str {
    &card.licence.name
}

/// Asks a person whether to go on.
fn agrees() -> anyhow::Result<bool> {
    let (mut stdin, mut stderr) = (std::io::stdin().lock(), std::io::stderr().lock());
    ensure!(
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
        "nobody is there to accept the licence; `--yes` accepts it"
    );
    write!(stderr, "Accept the licence and download? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    stdin.read_line(&mut answer).context("cannot read your answer")?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Prints; that the reader has gone away is no error.
fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).context("cannot print"),
        _ => Ok(()),
    }
}
