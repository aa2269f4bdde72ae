//! Pages that must say what the code says.

use std::collections::BTreeSet;

use super::code::without_tests;
use super::{Finding, Tree};

const PROTOCOL_PAGE: &str = "server/docs/protocol.md";
const SETTINGS_PAGE: &str = "server/docs/settings.md";
const CATALOGUE: &str = "server/engine/catalogue.toml";
const SETTINGS_TABLE: &str = "server/freehold/src/settings/keys.rs";

/// Every method `freehold/…` that the server or an extension names, and every command `freehold.…` of the
/// server, has its place in the page; and the page names none that is gone.
pub fn protocol(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let page = tree.file(PROTOCOL_PAGE);
    let documented: BTreeSet<&str> = page.map(|page| names(&page.text, '`')).unwrap_or_default();
    let mut used = BTreeSet::new();
    for file in tree.with_extensions(&["rs", "ts"]).filter(|file| !file.is_test()) {
        let of_server = ["server/freehold/src/lsp/", "server/freehold/src/review/"];
        let is_server = of_server.iter().any(|folder| file.path.starts_with(folder));
        // Commands that an extension gives itself are its own affair.
        let concerns = |name: &str| is_server || (file.path.starts_with("editors/") && name.contains('/'));
        for name in names(without_tests(&file.text), '"')
            .into_iter()
            .filter(|name| concerns(name))
        {
            if used.insert(name) && !documented.contains(name) {
                findings.push(file.finding(0, format!("`{name}` is not described in {PROTOCOL_PAGE}")));
            }
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

/// Every model that the README names is in the catalogue.
pub fn models(tree: &Tree) -> Vec<Finding> {
    let (Some(page), Some(catalogue)) = (tree.file("README.md"), tree.file(CATALOGUE)) else {
        return Vec::new();
    };
    let known: BTreeSet<&str> = catalogue
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("name = \"")?.split('"').next())
        .collect();
    let mut findings = Vec::new();
    for (index, line) in page.text.lines().enumerate() {
        // The rows of the table of models begin with the name.
        let Some(name) = line.strip_prefix("| `").and_then(|rest| rest.split('`').next()) else {
            continue;
        };
        if !known.contains(name) {
            findings.push(page.finding(index + 1, format!("`{name}` is not in the catalogue")));
        }
    }
    findings
}

/// Every link from a page to a file of the project leads somewhere.
pub fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in tree.with_extensions(&["md"]) {
        let folder = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (index, line) in page.text.lines().enumerate() {
            for target in line
                .split("](")
                .skip(1)
                .filter_map(|rest| rest.split([')', '#']).next())
            {
                let elsewhere = target.is_empty() || target.contains("://");
                if !elsewhere && !leads_somewhere(tree, folder, target) {
                    findings.push(page.finding(index + 1, format!("the link to `{target}` leads nowhere")));
                }
            }
        }
    }
    findings
}

/// Whether `target`, seen from `folder`, is a file or a folder of the project.
fn leads_somewhere(tree: &Tree, folder: &str, target: &str) -> bool {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() => return false,
            ".." => {}
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    let inside = format!("{path}/");
    tree.files
        .iter()
        .any(|file| file.path == path || file.path.starts_with(&inside))
}

/// Names of our own between two of `quote`: methods `freehold/thing` and commands `freehold.thing`.
fn names(text: &str, quote: char) -> BTreeSet<&str> {
    let start = format!("{quote}freehold");
    text.match_indices(&start)
        .filter_map(|(offset, _)| text[offset + quote.len_utf8()..].split(quote).next())
        .filter(|name| {
            name.strip_prefix("freehold/")
                .or_else(|| name.strip_prefix("freehold."))
                .is_some_and(|thing| {
                    !thing.is_empty() && thing.chars().all(|character| character.is_ascii_alphabetic())
                })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::listed;
    use super::*;

    #[test]
    fn what_has_no_place_in_the_page_is_found_and_so_is_what_is_gone() {
        let server =
            "const A: &str = \"freehold/status\";\nf('\"', \"freehold/load/{a}\", \"freehold.useModel\");";
        let tree = Tree::of(&[
            ("server/freehold/src/lsp/a.rs", server),
            (
                "editors/vscode/src/a.ts",
                "\"freehold/status\"; \"freehold/review\"; \"freehold.showMenu\"",
            ),
            (
                "server/docs/protocol.md",
                "# `freehold/status`\n# `freehold/gone`\n",
            ),
        ]);
        assert_eq!(
            listed(&protocol(&tree)),
            "server/freehold/src/lsp/a.rs: `freehold.useModel` is not described in server/docs/protocol.md\n\
             editors/vscode/src/a.ts: `freehold/review` is not described in server/docs/protocol.md\n\
             server/docs/protocol.md: describes `freehold/gone`, which no source names"
        );
    }

    #[test]
    fn a_model_that_is_not_in_the_catalogue_is_found() {
        let tree = Tree::of(&[
            (
                "README.md",
                "| model | memory |\n| `small-1b` | 1 GB |\n| `huge-99b` | 99 GB |\n",
            ),
            (CATALOGUE, "[[model]]\nname = \"small-1b\"\n"),
        ]);
        assert_eq!(
            listed(&models(&tree)),
            "README.md:3: `huge-99b` is not in the catalogue"
        );
    }

    #[test]
    fn a_dead_link_is_found() {
        let page =
            "[a](../README.md) [b](docs) [c](docs/b.md#part) [d](docs/gone.md) ![e](https://a.example/e.png)";
        let tree = Tree::of(&[
            ("README.md", ""),
            ("server/A.md", page),
            ("server/docs/b.md", "[up](../../../c.md)"),
        ]);
        assert_eq!(
            listed(&links(&tree)),
            "server/A.md:1: the link to `docs/gone.md` leads nowhere\n\
             server/docs/b.md:1: the link to `../../../c.md` leads nowhere"
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
