//! Reviews, tested without a protocol.
