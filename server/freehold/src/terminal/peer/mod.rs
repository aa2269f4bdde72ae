//! The peer that Freehold is measured against: llama-server, asked as the VS Code extension llama.vscode asks it.

pub mod infill;
