//! Fixture notation, an editor in memory and one at the pipes of the real program, for the tests of the other crates.

pub mod client;
pub mod editor;
pub mod fixture;
pub mod naive;
pub mod pipes;
pub mod power;

pub use client::Client;
pub use editor::Editor;
pub use fixture::Fixture;
pub use pipes::Pipes;
pub use power::{Fate, PowerDisk};
