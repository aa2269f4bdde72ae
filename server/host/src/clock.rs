//! What time it is.

use std::time::{Duration, SystemTime};

/// What time it is.
pub trait Clock: Send + Sync {
    /// Time of day; it may jump when the user or the network sets it.
    fn now(&self) -> SystemTime;

    /// Time since some fixed moment; it never goes back.
    fn monotonic(&self) -> Duration;
}
