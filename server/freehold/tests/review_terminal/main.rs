//! Reviews as people have them: the real program in a terminal, alone and beside an editor's server.
#![expect(
    clippy::disallowed_methods,
    reason = "the tests start the program and look past the host"
)]

mod alone;
mod beside;
mod record;
mod running;
mod world;
