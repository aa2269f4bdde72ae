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
    use super::*;

    #[test]
    fn every_format_that_a_card_names_exists() {
        let catalogue = Catalogue::builtin();
        for card in &catalogue.model {
            assert_eq!(card.fim.is_some(), catalogue.fim(card).is_some(), "{}", card.name);
        }
    }
}
