//! Setup, test, tidy and packaging: `cargo xtask`.

fn main() {}
