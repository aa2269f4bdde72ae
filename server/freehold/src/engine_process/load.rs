//! Which engine the engine process holds: a model, or a script in tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::scripted::{Script, ScriptedEngine};
use engine::{Engine, FimFormat};
use host::Files;

/// The variable that names a script; whoever starts the engine process hands it on.
pub const SCRIPT_VARIABLE: &str = "FREEHOLD_SCRIPT";

/// What is to be loaded.
pub enum Source {
    /// Answers from a script.
    Script(PathBuf),
    /// A model file.
    Model(Model),
    /// Nothing, for this reason, said for a person.
    Nothing(String),
}

/// A model file and how it is used.
#[cfg_attr(
    not(feature = "llama"),
    expect(dead_code, reason = "only llama.cpp reads models")
)]
pub struct Model {
    /// The GGUF file.
    pub file: PathBuf,
    /// Name under which the user knows it.
    pub name: String,
    /// How it is asked to fill in the middle.
    pub fim: Option<FimFormat>,
    /// Tokens that the context holds.
    pub context_tokens: u32,
    /// Threads that compute; none: the engine picks.
    pub threads: Option<u32>,
}

/// Loads the engine. It takes as long as reading the weights does.
///
/// # Errors
/// Says for a person why there is no engine and what to do.
pub fn load_engine(files: &dyn Files, source: Source) -> Result<Arc<dyn Engine>, String> {
    match source {
        Source::Script(file) => load_script(files, &file),
        Source::Model(model) => load_model(model),
        Source::Nothing(reason) => Err(reason),
    }
}

fn load_script(files: &dyn Files, file: &Path) -> Result<Arc<dyn Engine>, String> {
    let text = files.read_text(file).map_err(|error| error.to_string())?;
    let script = Script::parse(&text)
        .map_err(|error| format!("cannot read the script `{}`: {error}", file.display()))?;
    Ok(Arc::new(ScriptedEngine::new(script)))
}

#[cfg(feature = "llama")]
fn load_model(model: Model) -> Result<Arc<dyn Engine>, String> {
    let Model {
        file,
        name,
        fim,
        context_tokens,
        threads,
    } = model;
    let options = llama::LlamaOptions {
        name,
        fim,
        context_tokens,
        threads,
        ..llama::LlamaOptions::new(file)
    };
    Ok(Arc::new(llama::LlamaEngine::load(options)))
}

#[cfg(not(feature = "llama"))]
fn load_model(model: Model) -> Result<Arc<dyn Engine>, String> {
    Err(format!(
        "this build of Freehold holds no engine, so `{}` cannot be loaded; build it with the feature `llama`",
        model.name
    ))
}
