//! What the user has set in the editor: given by the shims, from user-level settings only.

use serde::Deserialize;
use serde_json::Value;

/// The user's settings in the editor.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Options {
    /// Whether there are suggestions at all.
    pub enabled: bool,
    /// Languages, by LSP's names, in which there are none.
    pub languages_off: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            enabled: true,
            languages_off: Vec::new(),
        }
    }
}

impl Options {
    /// Reads what an editor gave, bare or under the key `freehold`. What cannot be read counts as not given.
    #[must_use]
    pub fn read(given: Option<&Value>) -> Self {
        let Some(given) = given.filter(|given| !given.is_null()) else {
            return Self::default();
        };
        let given = given.get("freehold").unwrap_or(given);
        serde_json::from_value(given.clone()).unwrap_or_else(|error| {
            tracing::warn!("the editor's settings for Freehold cannot be read and are left out: {error}");
            Self::default()
        })
    }

    /// Whether suggestions are wanted in `language`.
    #[must_use]
    pub fn allow(&self, language: &str) -> bool {
        self.enabled && !self.languages_off.iter().any(|off| off == language)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_come_bare_or_under_a_key_or_not_at_all() {
        let off = Options {
            enabled: false,
            languages_off: Vec::new(),
        };
        let no_markdown = Options {
            enabled: true,
            languages_off: vec!["markdown".to_owned()],
        };
        let cases = [
            (None, Options::default()),
            (Some(Value::Null), Options::default()),
            (Some(json!({})), Options::default()),
            (Some(json!([1])), Options::default()),
            (Some(json!({ "enabled": "yes" })), Options::default()),
            (Some(json!({ "enabled": false, "unknown": 1 })), off.clone()),
            (Some(json!({ "freehold": { "enabled": false } })), off),
            (Some(json!({ "languagesOff": ["markdown"] })), no_markdown.clone()),
        ];
        for (given, expected) in cases {
            assert_eq!(Options::read(given.as_ref()), expected, "{given:?}");
        }
        assert!(no_markdown.allow("rust") && !no_markdown.allow("markdown"));
    }
}
