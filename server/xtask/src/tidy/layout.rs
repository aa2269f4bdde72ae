//! Where things may lie, and what must not stand in any file.

use super::code::without_tests;
use super::{Finding, Tree};

/// What the top level may hold, besides names that begin with a dot.
const TOP_LEVEL: [&str; 9] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "editors",
    "grammars",
    "server",
    "tests",
];

/// Hosts of package registries, in parts, so that this file does not name them.
const REGISTRY_HOSTS: [(&str, &str); 7] = [
    ("pypi", ".org"),
    ("pythonhosted", ".org"),
    ("npmjs", ".org"),
    ("npmjs", ".com"),
    ("crates", ".io"),
    ("deb.debian", ".org"),
    ("proxy.golang", ".org"),
];

/// Beginnings of paths that exist on one machine only, in parts for the same reason.
const MACHINE_PATHS: [(&str, &str); 2] = [("/wo", "rk/"), ("/ro", "ot/")];

/// Home folders likewise; but a test may need one as an example.
const HOME_PATHS: [(&str, &str); 2] = [("/ho", "me/"), ("/Us", "ers/")];

/// Written by cargo, which names its registry in every entry.
const LOCK_FILE: &str = "Cargo.lock";

/// The top level shows what the project is made of and nothing else.
pub fn top_level(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut last = "";
    for file in &tree.files {
        let name = file.path.split('/').next().unwrap_or(&file.path);
        if name != last && !name.starts_with('.') && !TOP_LEVEL.contains(&name) {
            findings.push(file.finding(0, format!("`{name}` does not belong at the top level")));
        }
        last = name;
    }
    findings
}

/// Which registry a package comes from is the user's affair, set in the tool that fetches it.
pub fn registry_hosts(tree: &Tree) -> Vec<Finding> {
    let hosts = REGISTRY_HOSTS.map(|(name, end)| format!("{name}{end}"));
    let mut findings = found_in_text(tree, &hosts, |host| format!("names the registry `{host}`"));
    findings.retain(|finding| finding.path != LOCK_FILE);
    findings
}

/// A path of the machine that somebody worked on helps nobody else.
pub fn machine_paths(tree: &Tree) -> Vec<Finding> {
    let machine = MACHINE_PATHS.map(|(start, end)| (format!("{start}{end}"), false));
    let home = HOME_PATHS.map(|(start, end)| (format!("{start}{end}"), true));
    let mut findings = Vec::new();
    for (path, may_be_an_example) in machine.into_iter().chain(home) {
        for file in tree.files.iter().filter(|file| file.path != LOCK_FILE) {
            let text = match may_be_an_example {
                true if file.is_test() => "",
                true => without_tests(&file.text),
                false => &file.text,
            };
            for (index, line) in text.lines().enumerate() {
                if starts_a_path(line, &path) {
                    findings
                        .push(file.finding(index + 1, format!("names the path `{path}…` of one machine")));
                }
            }
        }
    }
    findings
}

/// Proposed interfaces work in Insiders builds only.
pub fn stable_editor_interface(tree: &Tree) -> Vec<Finding> {
    let word = concat!("enabledApi", "Proposals");
    let mut findings = found_in_text(tree, &[word.to_owned()], |word| {
        format!("`{word}` needs an Insiders build")
    });
    findings.retain(|finding| finding.path.ends_with("/package.json"));
    findings
}

/// Whether `path` stands in `line` as an absolute path, and not as the middle of another.
fn starts_a_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        !before.is_some_and(|character| character.is_alphanumeric() || "._-}~$)".contains(character))
    })
}

fn found_in_text(tree: &Tree, words: &[String], message: impl Fn(&str) -> String) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (index, line) in file.text.lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(word.as_str())) {
                findings.push(file.finding(index + 1, message(word)));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::listed;
    use super::*;

    #[test]
    fn a_stray_file_at_the_top_is_found() {
        let tree = Tree::of(&[
            (".ci/run", ""),
            ("README.md", ""),
            ("scripts/a", ""),
            ("scripts/b", ""),
            ("server/text/src/lib.rs", ""),
        ]);
        assert_eq!(
            listed(&top_level(&tree)),
            "scripts/a: `scripts` does not belong at the top level"
        );
    }

    #[test]
    fn a_registry_is_found_but_in_the_lock_file() {
        let line = concat!("https://pypi", ".org/simple\n");
        let tree = Tree::of(&[("Cargo.lock", line), ("server/engine/catalogue.toml", line)]);
        assert_eq!(
            listed(&registry_hosts(&tree)),
            concat!(
                "server/engine/catalogue.toml:1: names the registry `pypi",
                ".org`"
            )
        );
    }

    #[test]
    fn a_path_of_one_machine_is_found() {
        let text = concat!(
            "see /wo",
            "rk/main/a\n",
            "cp a/wo",
            "rk/b\n",
            "file:///ho",
            "me/me/a\n",
            "in my/ro",
            "ot/\n"
        );
        let expected = concat!(
            "a.md:1: names the path `/wo",
            "rk/…` of one machine\n",
            "a.md:3: names the path `/ho",
            "me/…` of one machine"
        );
        assert_eq!(listed(&machine_paths(&Tree::of(&[("a.md", text)]))), expected);
        let example = concat!(
            "#[cfg(test)]\nmod tests {\n \"/ho",
            "me/me\" \"/wo",
            "rk/me\" }\n"
        );
        assert_eq!(
            listed(&machine_paths(&Tree::of(&[("a.rs", example)]))),
            concat!("a.rs:3: names the path `/wo", "rk/…` of one machine")
        );
    }

    #[test]
    fn a_proposed_interface_is_found() {
        let text = concat!("{ \"enabledApi", "Proposals\": [] }");
        let tree = Tree::of(&[("editors/vscode/package.json", text), ("README.md", text)]);
        assert_eq!(
            listed(&stable_editor_interface(&tree)),
            concat!(
                "editors/vscode/package.json:1: `enabledApi",
                "Proposals` needs an Insiders build"
            )
        );
    }
}
