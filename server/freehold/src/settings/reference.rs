//! The reference page and the schema of the settings file, made from the table of settings.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::keys::{KEYS, Shape};

/// The reference page, in Markdown.
pub(super) fn reference() -> String {
    let mut page = String::from(REFERENCE_HEAD);
    for key in KEYS {
        let default = default_text(&key.shape).map_or("none".to_owned(), |text| format!("`{text}`"));
        let _ = write!(
            page,
            "\n## `{}`\n\n{}\n\n- Value: {}\n- Default: {default}\n",
            key.name,
            key.description,
            key.shape.allowed()
        );
    }
    page
}

const REFERENCE_HEAD: &str = "# Settings

Freehold reads your settings from `config.toml` in `$XDG_CONFIG_HOME/freehold/`, or `~/.config/freehold/` if that \
variable is not set; on Windows from `%APPDATA%\\freehold\\`.
If `FREEHOLD_HOME` is set, they are in `$FREEHOLD_HOME/config.toml`.
Nothing in a repository can change them.
A change counts from the next start of the language server on (*Freehold: Restart Server* in VS Code), one of `engine.*` from that of the engine process (the command `freehold.restartEngine`, or `freehold models use NAME`).
A key that Freehold does not know gives a warning; a value that a key cannot have is an error.
This page is made from the same table that checks the file (`server/freehold/src/settings/keys.rs`).
";

/// The default as it would stand in the file, if there is one.
fn default_text(shape: &Shape) -> Option<String> {
    match shape {
        Shape::Text => None,
        Shape::Flag { default } => Some(default.to_string()),
        Shape::Number { default, .. } => default.map(|number| number.to_string()),
        Shape::List { .. } => Some("[]".to_owned()),
    }
}

/// A JSON schema of the settings file, for editors that check TOML.
pub(super) fn schema_of_file() -> Value {
    let mut properties = Map::new();
    for key in KEYS {
        let schema = schema(&key.shape, key.description);
        match key.name.split_once('.') {
            None => drop(properties.insert(key.name.to_owned(), schema)),
            Some((section, leaf)) => {
                let section = properties.entry(section).or_insert_with(
                    || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
                );
                section["properties"][leaf] = schema;
            }
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Freehold settings",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn schema(shape: &Shape, description: &str) -> Value {
    let mut schema = match shape {
        Shape::Text => json!({ "type": "string", "minLength": 1 }),
        Shape::Flag { default } => json!({ "type": "boolean", "default": default }),
        Shape::Number { min, max, default } => {
            let mut schema = json!({ "type": "integer", "minimum": min, "maximum": max });
            if let Some(default) = default {
                schema["default"] = json!(default);
            }
            schema
        }
        Shape::List { allowed: [] } => {
            json!({ "type": "array", "items": { "type": "string", "minLength": 1 }, "default": [] })
        }
        Shape::List { allowed } => {
            json!({ "type": "array", "items": { "enum": allowed }, "default": [] })
        }
    };
    schema["description"] = json!(description);
    schema
}
