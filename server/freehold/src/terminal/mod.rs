//! The commands for the terminal.

mod attach;
mod bench;
mod complete;
mod doctor;
mod language_ids;
mod peer;
mod place;
mod show;

pub use bench::bench;
pub use complete::complete;
pub use doctor::doctor;
