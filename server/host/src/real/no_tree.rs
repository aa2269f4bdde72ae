//! Trees on systems without a way to keep paths in a folder.

use std::io::ErrorKind;
use std::path::Path;

use super::{RealHost, said};
use crate::Result;
use crate::tree::{Tree, Trees};

impl Trees for RealHost {
    fn open_tree(&self, root: &Path) -> Result<Box<dyn Tree>> {
        Err(ErrorKind::Unsupported.into()).map_err(said("open folder", root))
    }
}
