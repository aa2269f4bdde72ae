//! The engine contract fulfilled over HTTP by OpenAI-compatible servers.
