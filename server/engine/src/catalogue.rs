//! The models that Freehold knows, and how each family is prompted: data, in `catalogue.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::card::{FimFormat, ModelCard};

/// The models that Freehold knows.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// Infill formats by name.
    pub fim: BTreeMap<String, FimFormat>,
    /// Models, in the order in which they are listed.
    pub model: Vec<ModelCard>,
}

impl Catalogue {
    /// Reads a catalogue from its TOML text.
    ///
    /// # Errors
    /// Gives the parser's message when `text` is not a catalogue.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// The catalogue that comes with Freehold.
    #[must_use]
    pub fn builtin() -> Self {
        match Self::parse(include_str!("../catalogue.toml")) {
            Ok(catalogue) => catalogue,
            // The text is part of the program and a test reads it.
            Err(error) => unreachable!("the built-in catalogue does not parse: {error}"),
        }
    }

    /// The card of the model called `name`.
    #[must_use]
    pub fn card(&self, name: &str) -> Option<&ModelCard> {
        self.model.iter().find(|card| card.name == name)
    }

    /// The infill format of `card`, if the model was trained to fill in the middle.
    #[must_use]
    pub fn fim(&self, card: &ModelCard) -> Option<&FimFormat> {
        self.fim.get(card.fim.as_deref()?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::card::FimPart;

    #[test]
    fn every_card_can_be_trusted_and_told_apart() {
        let catalogue = Catalogue::builtin();
        let mut names = BTreeSet::new();
        for card in &catalogue.model {
            let name = &card.name;
            assert!(names.insert(name), "`{name}` stands there twice");
            let good = |letter: char| {
                letter.is_ascii_lowercase() || letter.is_ascii_digit() || ".-".contains(letter)
            };
            assert!(
                name.starts_with(char::is_alphanumeric) && name.chars().all(good),
                "`{name}` is hard to type"
            );
            assert_eq!(
                card.fim.is_some(),
                catalogue.fim(card).is_some(),
                "`{name}` names a format there is not"
            );
            if let Some(sha256) = &card.sha256 {
                let digits = sha256
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
                assert!(
                    sha256.len() == 64 && digits,
                    "`{name}` has a checksum that is none"
                );
                assert!(card.bytes.is_some(), "`{name}` has a checksum and no size");
            }
            assert!(card.source.file.ends_with(".gguf"), "`{name}` is no GGUF file");
            assert_eq!(
                card.source.repository.split('/').count(),
                2,
                "`{name}` has no owner and repository"
            );
            let (total, active) = (card.parameters_total_billions, card.parameters_active_billions);
            assert!(
                0.0 < active && active <= total,
                "`{name}` works with more parameters than it has"
            );
            assert!(card.context_tokens_max >= 4096, "`{name}` has hardly any context");
            assert!(card.fim.is_some() || card.chat_template == crate::ChatTemplateSource::File);
            assert!(
                card.licence.commercial_use || card.licence.note.is_some(),
                "`{name}` does not say what it forbids"
            );
        }
    }

    #[test]
    fn every_format_asks_for_the_middle_and_stops() {
        let catalogue = Catalogue::builtin();
        for (name, format) in &catalogue.fim {
            let count = |wanted: &FimPart| format.infill.iter().filter(|part| *part == wanted).count();
            assert_eq!(
                (count(&FimPart::Prefix), count(&FimPart::Suffix)),
                (1, 1),
                "`{name}`"
            );
            assert!(!format.stop_tokens.is_empty(), "`{name}` never stops");
            let tokens = format
                .infill
                .iter()
                .chain(&format.other_file)
                .chain(&format.repository);
            for part in tokens {
                if let FimPart::Token(token) = part {
                    assert!(
                        format.stop_tokens.contains(token),
                        "`{name}` goes on after `{token}`"
                    );
                }
            }
            let has_content = format.other_file.contains(&FimPart::Content);
            assert_eq!(
                has_content,
                !format.other_file.is_empty(),
                "`{name}` shows other files without content"
            );
            assert!(
                catalogue.model.iter().any(|card| card.fim.as_ref() == Some(name)),
                "`{name}` is not used"
            );
        }
    }
}
