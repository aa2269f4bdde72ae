//! Why a model could not be loaded.

use std::path::PathBuf;

use crate::gguf::HeaderError;

/// Why a model could not be loaded; its text is for the person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// No library for this processor was found.
    #[error("no library for this processor was found in `{}`; Freehold's `lib` folder must lie beside the program, install it again", .0.display())]
    Backends(PathBuf),
    /// The path cannot be handed to llama.cpp.
    #[error("the path `{}` cannot be opened by llama.cpp; move the file to a path without special characters", .0.display())]
    Path(PathBuf),
    /// The file could not be opened.
    #[error("the model file `{}` cannot be opened: {reason}", .file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file's header is not right.
    #[error("the model file `{}` cannot be used: {reason}; get it again", .file.display())]
    Header {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: HeaderError,
    },
    /// llama.cpp refused the file.
    #[error("llama.cpp cannot load `{}`; the log says why", .0.display())]
    Refused(PathBuf),
    /// The model does not generate text.
    #[error("`{}` holds a model that does not generate text token by token; choose another", .0.display())]
    NotGenerative(PathBuf),
    /// There is no memory for a context of this size.
    #[error(
        "there is not enough memory for a context of {context_tokens} tokens; lower `engine.context_tokens`"
    )]
    Context {
        /// Tokens that were asked for.
        context_tokens: u32,
    },
    /// The thread could not be started.
    #[error("the engine's thread cannot be started: {0}")]
    Thread(String),
    /// The engine was dropped while it loaded.
    #[error("the loading was cancelled")]
    Cancelled,
}
