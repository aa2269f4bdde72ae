//! The world as a trait: files, processes, environment, clock; real and in memory.
//!
//! Every other crate reaches the world through a [`Host`] that it is given, so that its tests choose
//! the world: [`RealHost`] in the program, [`MemoryHost`] in tests of whatever must survive a full
//! disk or a crash. Both pass one conformance test (`tests/conformance.rs`).
//! What reads only files takes [`Files`], and so on: the narrowest trait that does.

mod clock;
mod environment;
mod error;
mod files;
mod memory;
mod processes;
mod real;
mod stop;
mod tree;

pub use clock::Clock;
pub use environment::{Environment, Memory};
pub use error::{Error, Result};
pub use files::{AppendFile, Entry, Files, Kind, Lock, Metadata, ReadFile};
pub use memory::MemoryHost;
pub use processes::{Bounded, Command, Detached, Ending, Output, Processes};
pub use real::RealHost;
pub use stop::{Stop, UnderWay};
pub use tree::{Found, Tree, Trees};

/// The whole world.
pub trait Host: Files + Trees + Processes + Environment + Clock {}

impl<T: Files + Trees + Processes + Environment + Clock> Host for T {}
