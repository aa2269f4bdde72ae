//! The commands for the terminal.

mod asking;
mod attach;
mod bench;
mod complete;
mod doctor;
mod eval;
mod interrupt;
mod peer;
mod place;
mod review;
mod show;
mod suggestions;

pub use bench::bench;
pub use complete::complete;
pub use doctor::doctor;
pub use eval::{Kind, eval};
pub use review::{audit, checkpoints, decide, diff, go_back, keep, propose};
pub use suggestions::suggestions;
