//! The commands for the terminal.

mod attach;
mod bench;
mod complete;
mod doctor;
mod language_ids;
mod place;
mod review;
mod show;

pub use bench::bench;
pub use complete::complete;
pub use doctor::doctor;
pub use review::{audit, checkpoints, decide, diff, go_back, propose};
