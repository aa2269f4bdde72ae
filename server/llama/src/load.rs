//! From a file to a model that is ready: header, weights, context.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use crate::{LoadError, gguf};

/// Checks the header of the model file at `path`.
///
/// # Errors
/// Gives [`LoadError::Open`] or [`LoadError::Header`].
pub fn check_header(path: &Path) -> Result<gguf::Header, LoadError> {
    let open = |error: std::io::Error| LoadError::Open {
        file: path.to_path_buf(),
        reason: error.to_string(),
    };
    let file = File::open(path).map_err(open)?;
    let metadata = file.metadata().map_err(open)?;
    if !metadata.is_file() {
        return Err(LoadError::Open {
            file: path.to_path_buf(),
            reason: "it is not a file".to_owned(),
        });
    }
    let bytes = metadata.len();
    gguf::check(BufReader::with_capacity(1 << 16, file), bytes).map_err(|reason| LoadError::Header {
        file: path.to_path_buf(),
        reason,
    })
}
