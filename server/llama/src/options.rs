//! What an engine is loaded with.

use std::path::PathBuf;

use engine::FimFormat;

/// Bytes of evaluated prompts on disk, when nothing else is said.
const KEPT_BYTES_MAX_DEFAULT: u64 = 256 * 1024 * 1024;

/// What an engine is loaded with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LlamaOptions {
    /// The GGUF file; of a model in parts, the first.
    pub file: PathBuf,
    /// Name of the model: its card's, or the file's.
    pub name: String,
    /// Tokens that the context holds; zero means as many as the model was trained for, 16384 at most.
    /// More than it was trained for are not given.
    pub context_tokens: u32,
    /// Threads to use at most; `None` means one for each core that this process may use.
    pub threads: Option<u32>,
    /// Layers on a graphics processor; `None` means all.
    pub gpu_layers: Option<u32>,
    /// Folder of llama.cpp's libraries; `None` means `lib/` beside the program.
    pub backends_folder: Option<PathBuf>,
    /// Infill format of the model's card; `None` derives it from the vocabulary.
    pub fim: Option<FimFormat>,
    /// Folder in which evaluated prompts are kept, so that a restart goes on where it was; `None` keeps none.
    pub kept_folder: Option<PathBuf>,
    /// Bytes that the folder may hold.
    pub kept_bytes_max: u64,
}

impl LlamaOptions {
    /// The file at `file` with everything else left to the engine; named after the file.
    #[must_use]
    pub fn new(file: impl Into<PathBuf>) -> Self {
        let file = file.into();
        let name = file
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        Self {
            file,
            name,
            context_tokens: 0,
            threads: None,
            gpu_layers: None,
            backends_folder: None,
            fim: None,
            kept_folder: None,
            kept_bytes_max: KEPT_BYTES_MAX_DEFAULT,
        }
    }

    /// Threads to use at most.
    #[must_use]
    pub fn threads_max(&self) -> u32 {
        let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
        self.threads.unwrap_or_else(cores).max(1)
    }
}
