//! Which engine the engine process holds: a model, or a script in tests.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use engine::Engine;
use engine::scripted::{Script, ScriptedEngine};
use host::Files;

use crate::models::{Installed, Store};
use crate::paths::Paths;
use crate::settings::Settings;

/// The variable that names a script; whoever starts the engine process hands it on.
pub const SCRIPT_VARIABLE: &str = "FREEHOLD_SCRIPT";

/// Loads the engine: from `script` if there is one, else the chosen model, whose file is checked before.
///
/// # Errors
/// Says for a person why there is no engine and what to do.
pub fn load_engine(
    files: &dyn Files,
    paths: &Paths,
    settings: &Settings,
    script: Option<&Path>,
) -> anyhow::Result<Arc<dyn Engine>> {
    if let Some(file) = script {
        return load_script(files, file);
    }
    let store = Store::new(files, paths);
    let installed = store.chosen(settings)?;
    store.verify(&installed)?;
    load_model(&store, installed, settings, paths)
}

fn load_script(files: &dyn Files, file: &Path) -> anyhow::Result<Arc<dyn Engine>> {
    let script = Script::parse(&files.read_text(file)?)
        .map_err(anyhow::Error::msg)
        .with_context(|| format!("cannot understand the script `{}`", file.display()))?;
    Ok(Arc::new(ScriptedEngine::new(script)))
}

#[cfg(feature = "llama")]
fn load_model(
    store: &Store<'_>,
    installed: Installed,
    settings: &Settings,
    paths: &Paths,
) -> anyhow::Result<Arc<dyn Engine>> {
    let fim = installed
        .card
        .as_ref()
        .and_then(|card| store.catalogue().fim(card))
        .cloned();
    let options = llama::LlamaOptions {
        name: installed.name,
        fim,
        context_tokens: settings.engine.context_tokens,
        threads: settings.engine.threads,
        kept_folder: Some(paths.evaluated_prompts()),
        ..llama::LlamaOptions::new(installed.file)
    };
    Ok(Arc::new(llama::LlamaEngine::load(options)))
}

#[cfg(not(feature = "llama"))]
fn load_model(
    _store: &Store<'_>,
    installed: Installed,
    _settings: &Settings,
    _paths: &Paths,
) -> anyhow::Result<Arc<dyn Engine>> {
    anyhow::bail!(
        "this build of Freehold has no engine in it, so `{}` cannot be loaded; build it with the feature `llama`",
        installed.name
    )
}
