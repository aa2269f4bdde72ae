//! The language server, tested through an editor in memory.

mod desk;
mod hostile;
mod order;
mod status;
mod suggestions;
mod typing;
