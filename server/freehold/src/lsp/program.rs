//! The language server's view of the program it is part of.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use engine::Engine;
use engine::scripted::{Script, ScriptedEngine};
use host::Host;

use super::backend::{AttachFailure, Backend, ModelEntry};

/// Names a file with a script to answer from instead of a model, for tests of whole programs.
const SCRIPT_VARIABLE: &str = "FREEHOLD_SCRIPT";

/// The program around the language server.
pub struct Program {
    script: Option<ScriptedEngine>,
}

impl Program {
    /// Looks whether a script is to answer.
    ///
    /// # Errors
    /// When the script cannot be read.
    pub fn new(host: &impl Host) -> anyhow::Result<Self> {
        let script = host.variable_os(SCRIPT_VARIABLE);
        let script = script
            .map(|file| read_script(host, Path::new(&file)))
            .transpose()?;
        Ok(Self { script })
    }
}

fn read_script(host: &impl Host, file: &Path) -> anyhow::Result<ScriptedEngine> {
    let text = host
        .read_text(file)
        .with_context(|| format!("cannot read `{}`", file.display()))?;
    let script = Script::parse(&text)
        .map_err(anyhow::Error::msg)
        .with_context(|| format!("cannot read `{}`", file.display()))?;
    Ok(ScriptedEngine::new(script))
}

impl Backend for Program {
    fn attach_engine(&self) -> Result<Arc<dyn Engine>, AttachFailure> {
        match &self.script {
            Some(engine) => Ok(Arc::new(engine.clone())),
            None => Err(AttachFailure::NoEngine(
                "this build cannot start an engine".to_owned(),
            )),
        }
    }

    fn restart_engine(&self) -> anyhow::Result<()> {
        Ok(())
    }

    fn list_models(&self) -> anyhow::Result<Vec<ModelEntry>> {
        Ok(Vec::new())
    }

    fn use_model(&self, name: &str) -> anyhow::Result<()> {
        anyhow::bail!("no model is called `{name}`")
    }
}
