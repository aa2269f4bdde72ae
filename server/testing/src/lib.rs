//! Fixture notation and an editor in memory, for the tests of the other crates.
