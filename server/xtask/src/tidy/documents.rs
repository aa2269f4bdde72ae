//! Pages that must say what the code says.

use std::collections::BTreeSet;

use super::code::without_tests;
use super::{Finding, Tree};

const PROTOCOL_PAGE: &str = "server/docs/protocol.md";
const SETTINGS_PAGE: &str = "server/docs/settings.md";
const SETTINGS_TABLE: &str = "server/freehold/src/settings/keys.rs";

/// Every method `freehold/…` that the server or an extension names, and every command of the server, has its
/// place in the page; and the page names none that is gone.
pub fn protocol(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let page = tree.file(PROTOCOL_PAGE);
    let documented = page.map(|page| names_in(&page.text)).unwrap_or_default();
    let mut used = BTreeSet::new();
    let sources = tree.with_extensions(&["rs", "ts"]).filter(|file| {
        (file.crate_name() == "freehold" || file.path.starts_with("editors/")) && !file.is_test()
    });
    for file in sources {
        for name in quoted_names(without_tests(&file.text)) {
            if !documented.contains(&name) && used.insert(name.clone()) {
                let message = format!("`{name}` is not described in {PROTOCOL_PAGE}");
                findings.push(file.finding(0, message));
            }
            used.insert(name);
        }
    }
    if let Some(page) = page {
        for name in documented.difference(&used) {
            findings.push(page.finding(0, format!("describes `{name}`, which no source names")));
        }
    }
    findings
}

/// Every key of the table of settings has a heading in the page, and the other way round.
pub fn settings(tree: &Tree) -> Vec<Finding> {
    let Some(table) = tree.file(SETTINGS_TABLE) else {
        return Vec::new();
    };
    let Some(page) = tree.file(SETTINGS_PAGE) else {
        return vec![table.finding(0, format!("{SETTINGS_PAGE} is missing"))];
    };
    let described: BTreeSet<&str> = page
        .text
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(" `")?.strip_suffix('`'))
        .collect();
    let mut findings = Vec::new();
    let text = without_tests(&table.text);
    for key in described
        .iter()
        .filter(|key| !text.contains(&format!("\"{key}\"")))
    {
        findings.push(page.finding(0, format!("describes `{key}`, which is no setting")));
    }
    for key in text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("name: \"")?.split('"').next())
    {
        if !described.contains(key) {
            findings.push(table.finding(0, format!("`{key}` is not described in {SETTINGS_PAGE}")));
        }
    }
    findings
}

/// Methods and commands between quotes in a source.
fn quoted_names(text: &str) -> Vec<String> {
    text.split('"')
        .skip(1)
        .step_by(2)
        .filter(|word| is_own_method(word))
        .map(str::to_owned)
        .collect()
}

/// Methods between backticks in a page.
fn names_in(text: &str) -> BTreeSet<String> {
    text.split('`')
        .filter(|word| is_own_method(word))
        .map(str::to_owned)
        .collect()
}

/// `freehold/thing`: a method of our own in the protocol.
fn is_own_method(word: &str) -> bool {
    word.strip_prefix("freehold/").is_some_and(|thing| {
        !thing.is_empty()
            && thing
                .chars()
                .all(|character| character.is_ascii_alphabetic() || character == '/')
    })
}

#[cfg(test)]
mod tests {
    use super::super::listed;
    use super::*;

    #[test]
    fn a_method_without_a_place_in_the_page_is_found_and_so_is_a_dead_one() {
        let tree = Tree::of(&[
            (
                "server/freehold/src/lsp/a.rs",
                "const A: &str = \"freehold/status\"; // \"freehold/not a name\"",
            ),
            (
                "editors/vscode/src/a.ts",
                "\"freehold/status\"; \"freehold/review\"",
            ),
            (
                "server/docs/protocol.md",
                "# `freehold/status`\n# `freehold/gone`\n",
            ),
        ]);
        assert_eq!(
            listed(&protocol(&tree)),
            "editors/vscode/src/a.ts: `freehold/review` is not described in server/docs/protocol.md\n\
             server/docs/protocol.md: describes `freehold/gone`, which no source names"
        );
    }

    #[test]
    fn an_undocumented_setting_is_found_and_so_is_an_invented_one() {
        let tree = Tree::of(&[
            ("server/docs/settings.md", "## `model`\n\n## `colour`\n"),
            (
                SETTINGS_TABLE,
                "    name: \"model\",\n    name: \"engine.threads\",\n",
            ),
        ]);
        assert_eq!(
            listed(&settings(&tree)),
            "server/docs/settings.md: describes `colour`, which is no setting\n\
             server/freehold/src/settings/keys.rs: `engine.threads` is not described in server/docs/settings.md"
        );
    }
}
