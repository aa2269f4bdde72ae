//! The name that LSP gives the language of a file, by the file's name: data, in `language_ids.toml`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

/// The endings and names of each language.
type Table = BTreeMap<String, Vec<String>>;

/// The language of `file`; `plaintext` if its name says nothing.
pub fn language_id(file: &Path) -> &'static str {
    static TABLE: LazyLock<Table> = LazyLock::new(table);
    let name = file
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let extension = file
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default();
    let is_of = |endings: &[String]| {
        endings
            .iter()
            .any(|ending| ending.eq_ignore_ascii_case(extension) || ending == name)
    };
    let found = TABLE.iter().find(|(_, endings)| is_of(endings));
    found.map_or("plaintext", |(id, _)| id.as_str())
}

fn table() -> Table {
    match toml::from_str(include_str!("language_ids.toml")) {
        Ok(table) => table,
        // The text is part of the program and a test reads it.
        Err(error) => unreachable!("the table of languages does not parse: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_ending_or_its_name() {
        let cases = [
            ("src/main.rs", "rust"),
            ("a.PY", "python"),
            ("App.tsx", "typescriptreact"),
            ("Makefile", "makefile"),
            ("notes", "plaintext"),
        ];
        for (file, id) in cases {
            assert_eq!(language_id(Path::new(file)), id);
        }
    }

    #[test]
    fn no_ending_stands_twice() {
        let mut endings: Vec<String> = table().into_values().flatten().collect();
        let count = endings.len();
        endings.sort();
        endings.dedup();
        assert_eq!(endings.len(), count);
    }
}
