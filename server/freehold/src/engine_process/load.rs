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
    if !settings.engine.keep_prompts {
        erase_prompts(files, &paths.evaluated_prompts())?;
    }
    load_model(&store, installed, settings, paths)
}

/// Erases what was kept of the user's prompts.
fn erase_prompts(files: &dyn Files, folder: &Path) -> anyhow::Result<()> {
    if !files.exists(folder) {
        return Ok(());
    }
    for entry in files.list(folder)? {
        files.remove_file(&folder.join(entry.name))?;
    }
    Ok(files.remove_folder(folder)?)
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
        kept_folder: settings.engine.keep_prompts.then(|| paths.evaluated_prompts()),
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

#[cfg(test)]
mod tests {
    use host::MemoryHost;

    use super::*;

    #[test]
    fn prompts_that_shall_not_be_kept_are_erased() {
        let host = MemoryHost::new();
        let folder = Path::new("/state/evaluated");
        erase_prompts(&host, folder).expect("nothing is there");
        host.create_private_folder(folder).expect("made");
        host.write_atomic(&folder.join("0.kv"), b"code").expect("written");
        erase_prompts(&host, folder).expect("erased");
        assert!(!host.exists(folder));
    }
}
