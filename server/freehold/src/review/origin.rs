//! What stands behind a change, as it is put on record and shown.

use changes::{ChangeInfo, Provenance};
use serde::Deserialize;
use serde_json::{Value, json};

/// How whoever proposes says what stands behind it; each can be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Given {
    session: String,
    run: String,
    prompt: String,
    model: String,
    person: String,
}

impl Given {
    /// It in the words of the crate of changes.
    #[must_use]
    pub fn provenance(self) -> Provenance {
        Provenance {
            session: self.session,
            run: self.run,
            prompt: self.prompt,
            model: self.model,
            person: self.person,
        }
    }
}

/// The session that a change belongs to: what was said, or who proposed it.
#[must_use]
pub fn session(info: &ChangeInfo) -> &str {
    match info.provenance.session.as_str() {
        "" => &info.origin,
        session => session,
    }
}

/// What is known of it, as names and values.
#[must_use]
pub fn fields(info: &ChangeInfo) -> Vec<(&'static str, String)> {
    let from = &info.provenance;
    let said = [
        ("session", session(info)),
        ("run", &from.run),
        ("prompt", &from.prompt),
        ("model", &from.model),
        ("asked by", &from.person),
    ];
    let said = said.into_iter().filter(|(_, value)| !value.is_empty());
    said.map(|(name, value)| (name, value.to_owned())).collect()
}

/// It in the words of the protocol.
#[must_use]
pub fn value(info: &ChangeInfo) -> Value {
    let from = &info.provenance;
    let mut value = json!({ "title": info.title, "origin": info.origin });
    let said = [
        ("session", &from.session),
        ("run", &from.run),
        ("prompt", &from.prompt),
        ("model", &from.model),
        ("person", &from.person),
    ];
    for (name, said) in said {
        if !said.is_empty() {
            value[name] = json!(said);
        }
    }
    value
}
