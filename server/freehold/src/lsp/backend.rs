//! What the language server needs from the rest of the program: the engine and the models.

use std::path::Path;
use std::sync::Arc;

use engine::Engine;
use serde::Serialize;

use crate::engine_process::OwnListener;
use crate::review::Workspace;

/// Why there is no engine to ask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttachFailure {
    /// No model is installed or chosen.
    #[error("{0}")]
    NoModel(String),
    /// The engine process cannot be started or reached.
    #[error("{0}")]
    NoEngine(String),
}

/// One model, as the shims list it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelEntry {
    /// The name by which it is chosen.
    pub name: String,
    /// The name as its makers write it.
    pub title: String,
    /// Whether it is on this machine.
    pub installed: bool,
    /// Whether it is the one that completes.
    pub chosen: bool,
    /// Size of its file, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Name of its licence.
    pub licence: String,
    /// Whether the licence permits commercial use.
    pub commercial_use: bool,
}

/// The rest of the program, as the language server sees it. Every call may take its time: it runs where
/// waiting harms nobody.
pub trait Backend: Send + Sync + 'static {
    /// Gives an engine to ask, starting its process if none runs.
    ///
    /// # Errors
    /// Says why there is none.
    fn attach_engine(&self) -> Result<Arc<dyn Engine>, AttachFailure>;

    /// Ends the engine process, so that attaching starts a new one.
    ///
    /// # Errors
    /// Gives the reason, for a person, when it cannot be ended.
    fn restart_engine(&self) -> anyhow::Result<()>;

    /// Lists the models that Freehold knows and those that are installed.
    ///
    /// # Errors
    /// Gives the reason, for a person, when they cannot be listed.
    fn list_models(&self) -> anyhow::Result<Vec<ModelEntry>>;

    /// Makes `name` the model that completes.
    ///
    /// # Errors
    /// Gives the reason, for a person, when it cannot be.
    fn use_model(&self, name: &str) -> anyhow::Result<()>;

    /// Opens the workspace at `root` for review.
    ///
    /// # Errors
    /// Gives the reason, for a person, when it cannot be opened: another window may have it.
    fn open_workspace(&self, root: &Path) -> anyhow::Result<Workspace>;

    /// Listens for the terminal at the socket of the workspace at `root`, which this server has open;
    /// nothing where the terminal has no way.
    ///
    /// # Errors
    /// Gives the reason, for a person.
    fn listen_for_reviews(&self, root: &Path) -> anyhow::Result<Option<OwnListener>>;
}
