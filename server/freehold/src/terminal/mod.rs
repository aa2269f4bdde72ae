//! The commands for the terminal.

mod attach;
mod bench;
mod complete;
mod doctor;
mod eval;
mod language_ids;
mod peer;
mod place;
mod show;
mod suggestions;

pub use bench::bench;
pub use complete::complete;
pub use doctor::doctor;
pub use suggestions::suggestions;
pub use eval::{Kind, eval};
