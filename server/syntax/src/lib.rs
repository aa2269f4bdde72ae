//! From text to trees: what is known of each language, parsing within limits, errors, outlines.
//!
//! The languages are data (`grammars/languages.toml`), and so is what counts as a definition or an import in
//! them (`grammars/queries/`). A language without a grammar has its comments, quotes and brackets only.

mod grammars;
mod languages;
mod outline;
mod tree;

pub use languages::{Language, Quotes, language};
pub use outline::Definition;
pub use tree::{Insertion, Limits, Node, Tree};
