//! Reviews, tested without a protocol.

mod alone;
mod interleavings;
