//! Documents, versions, positions and edits; knows neither files nor LSP nor models.
//!
//! Lines end at LF, CRLF or a lone CR, and at nothing else, as the Language Server Protocol has it.

mod document;
mod position;

pub use document::{Change, Document};
pub use position::{Encoding, Position, Range, offset, position};
