//! Fixture notation and an editor in memory, for the tests of the other crates.

pub mod editor;
pub mod fixture;
pub mod naive;
pub mod power;

pub use editor::Editor;
pub use fixture::Fixture;
pub use power::{Fate, PowerDisk};
