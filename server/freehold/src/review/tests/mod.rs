//! Reviews, tested without a protocol.

mod alone;
mod diagnosing;
mod interleavings;
