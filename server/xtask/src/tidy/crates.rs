//! Which crate may depend on which, read from the manifests and the lock file.

use std::collections::{BTreeMap, BTreeSet};

use toml::Table;

use super::{Finding, SourceFile, Tree};

/// The crates of ours that each crate may depend on.
const MAY_DEPEND_ON: [(&str, &[&str]); 14] = [
    ("text", &[]),
    ("host", &["text"]),
    ("syntax", &["text"]),
    ("engine", &[]),
    ("llama", &["engine"]),
    ("remote", &["engine"]),
    ("index", &["text", "syntax", "host"]),
    ("changes", &["text", "host"]),
    ("sandbox", &["host"]),
    ("completion", &["text", "syntax", "index", "engine"]),
    ("agent", &["text", "index", "changes", "engine"]),
    (
        "freehold",
        &[
            "text",
            "host",
            "syntax",
            "engine",
            "llama",
            "remote",
            "index",
            "changes",
            "sandbox",
            "completion",
            "agent",
        ],
    ),
    ("testing", &["text", "host", "engine"]),
    ("xtask", &[]),
];

/// Every patch release of these breaks something.
const PINNED: [&str; 3] = ["llama-cpp-2", "llama-cpp-sys-2", "tower-lsp-server"];

const LSP: [&str; 4] = ["tower-lsp-server", "gen-lsp-types", "lsp-types", "ls-types"];

/// Rule 1, first half: the shared lints forbid unsafe code, and all crates but `llama` inherit them.
pub fn unsafe_only_in_llama(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(root) = tree.file("Cargo.toml") {
        let manifest = parse(root, &mut findings);
        let level = lookup(&manifest, &["workspace", "lints", "rust", "unsafe_code"]);
        if level.and_then(toml::Value::as_str) != Some("forbid") {
            findings.push(root.finding(0, "the shared lints must have `unsafe_code = \"forbid\"`"));
        }
    }
    for (name, file) in manifests(tree) {
        let manifest = parse(file, &mut findings);
        let inherits =
            lookup(&manifest, &["lints", "workspace"]).and_then(toml::Value::as_bool) == Some(true);
        if name != "llama" && !inherits {
            findings.push(file.finding(
                0,
                "must have `[lints] workspace = true`, which forbids unsafe code",
            ));
        }
    }
    findings
}

/// The table of dependencies in DESIGN's order; `testing` may be used by tests only.
pub fn direction(tree: &Tree) -> Vec<Finding> {
    let allowed_of: BTreeMap<_, _> = MAY_DEPEND_ON.into_iter().collect();
    let mut findings = Vec::new();
    for (name, file) in manifests(tree) {
        let Some(allowed) = allowed_of.get(name) else {
            findings.push(file.finding(
                0,
                format!("`{name}` has no line in the table of dependencies in tidy"),
            ));
            continue;
        };
        let manifest = parse(file, &mut findings);
        for dependency in dependencies(&manifest, false) {
            if allowed_of.contains_key(dependency.as_str()) && !allowed.contains(&dependency.as_str()) {
                findings.push(file.finding(0, format!("`{name}` may not depend on `{dependency}`")));
            }
        }
        for dependency in dependencies(&manifest, true) {
            let known = allowed_of.contains_key(dependency.as_str());
            if known && dependency != "testing" && !allowed.contains(&dependency.as_str()) {
                findings.push(file.finding(0, format!("tests of `{name}` may not depend on `{dependency}`")));
            }
        }
    }
    findings
}

/// Rule 1, second half: the C++ comes in through `llama` alone.
pub fn llama_cpp_only_in_llama(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, file) in manifests(tree) {
        let manifest = parse(file, &mut findings);
        for tests in [false, true] {
            for dependency in dependencies(&manifest, tests) {
                if dependency.starts_with("llama-cpp") && name != "llama" {
                    findings.push(file.finding(0, format!("only `llama` may depend on `{dependency}`")));
                }
            }
        }
    }
    findings
}

/// Rule 2: nothing below `freehold` reaches the types of LSP, not even through a foreign crate.
pub fn lsp_only_in_freehold(tree: &Tree) -> Vec<Finding> {
    let Some(file) = tree.file("Cargo.lock") else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    let lock = parse(file, &mut findings);
    let packages = packages(&lock);
    for (name, package) in packages.iter().filter(|(_, package)| package.ours) {
        if name == "freehold" {
            continue;
        }
        let mut seen = BTreeSet::new();
        let mut open: Vec<&String> = package.dependencies.iter().collect();
        while let Some(dependency) = open.pop() {
            if !seen.insert(dependency) {
                continue;
            }
            if LSP.contains(&dependency.as_str()) {
                findings.push(file.finding(0, format!("`{name}` reaches `{dependency}`")));
            }
            if let Some(next) = packages.get(dependency) {
                open.extend(&next.dependencies);
            }
        }
    }
    findings
}

/// Exact versions for the dependencies that move fast.
pub fn exact_pins(tree: &Tree) -> Vec<Finding> {
    let Some(file) = tree.file("Cargo.toml") else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    let manifest = parse(file, &mut findings);
    for name in PINNED {
        let Some(dependency) = lookup(&manifest, &["workspace", "dependencies", name]) else {
            continue;
        };
        let version = dependency
            .as_str()
            .or_else(|| dependency.get("version").and_then(toml::Value::as_str));
        if !version.is_some_and(|version| version.starts_with('=')) {
            findings.push(file.finding(0, format!("`{name}` must be pinned with `=`")));
        }
    }
    findings
}

/// The manifests of our crates, by name of crate.
fn manifests(tree: &Tree) -> impl Iterator<Item = (&str, &SourceFile)> {
    let is_manifest = |file: &&SourceFile| {
        file.path.starts_with("server/") && file.path == format!("server/{}/Cargo.toml", file.crate_name())
    };
    tree.files
        .iter()
        .filter(is_manifest)
        .map(|file| (file.crate_name(), file))
}

fn parse(file: &SourceFile, findings: &mut Vec<Finding>) -> Table {
    file.text.parse().unwrap_or_else(|error: toml::de::Error| {
        findings.push(file.finding(0, format!("cannot be read as TOML: {}", error.message())));
        Table::new()
    })
}

fn lookup<'a>(table: &'a Table, keys: &[&str]) -> Option<&'a toml::Value> {
    let (first, rest) = keys.split_first()?;
    rest.iter()
        .try_fold(table.get(*first)?, |value, key| value.get(key))
}

/// Names in the tables of dependencies, those of single platforms included; for `tests`, the dev ones.
fn dependencies(manifest: &Table, tests: bool) -> BTreeSet<String> {
    let keys: &[&str] = if tests {
        &["dev-dependencies"]
    } else {
        &["dependencies", "build-dependencies"]
    };
    let platforms = manifest.get("target").and_then(toml::Value::as_table);
    let platform_tables = platforms
        .into_iter()
        .flat_map(Table::values)
        .filter_map(toml::Value::as_table);
    std::iter::once(manifest)
        .chain(platform_tables)
        .flat_map(|table| {
            keys.iter()
                .filter_map(|key| table.get(*key).and_then(toml::Value::as_table))
        })
        .flat_map(|table| table.keys().cloned())
        .collect()
}

struct Package {
    /// It comes from this repository.
    ours: bool,
    dependencies: BTreeSet<String>,
}

/// The packages of the lock file by name; versions of one name are merged, which can only find too much.
fn packages(lock: &Table) -> BTreeMap<String, Package> {
    let mut packages = BTreeMap::new();
    for entry in lock
        .get("package")
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten()
    {
        let Some(name) = entry.get("name").and_then(toml::Value::as_str) else {
            continue;
        };
        let package = packages.entry(name.to_owned()).or_insert(Package {
            ours: entry.get("source").is_none(),
            dependencies: BTreeSet::new(),
        });
        let dependencies = entry
            .get("dependencies")
            .and_then(toml::Value::as_array)
            .into_iter()
            .flatten();
        // `name` or `name version`.
        let names = dependencies.filter_map(|value| value.as_str()?.split(' ').next());
        package.dependencies.extend(names.map(str::to_owned));
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::super::listed;
    use super::*;

    #[test]
    fn a_crate_without_the_shared_lints_is_found() {
        let tree = Tree::of(&[
            ("Cargo.toml", "[workspace.lints.rust]\nunsafe_code = \"warn\"\n"),
            ("server/llama/Cargo.toml", "[package]\n"),
            ("server/text/Cargo.toml", "[lints]\nworkspace = true\n"),
            (
                "server/host/Cargo.toml",
                "[lints.rust]\nmissing_docs = \"warn\"\n",
            ),
        ]);
        assert_eq!(
            listed(&unsafe_only_in_llama(&tree)),
            "Cargo.toml: the shared lints must have `unsafe_code = \"forbid\"`\n\
             server/host/Cargo.toml: must have `[lints] workspace = true`, which forbids unsafe code"
        );
    }

    #[test]
    fn a_dependency_against_the_direction_is_found() {
        let tree = Tree::of(&[
            (
                "server/completion/Cargo.toml",
                "[dependencies]\nengine.workspace = true\nropey = \"1\"\nfreehold.workspace = true\n\
                 [dev-dependencies]\ntesting.workspace = true\nllama.workspace = true\n\
                 [target.'cfg(unix)'.dependencies]\nhost.workspace = true\n",
            ),
            (
                "server/text/Cargo.toml",
                "[dependencies]\ntesting.workspace = true\n",
            ),
            ("server/novel/Cargo.toml", "[package]\n"),
        ]);
        assert_eq!(
            listed(&direction(&tree)),
            "server/completion/Cargo.toml: `completion` may not depend on `freehold`\n\
             server/completion/Cargo.toml: `completion` may not depend on `host`\n\
             server/completion/Cargo.toml: tests of `completion` may not depend on `llama`\n\
             server/text/Cargo.toml: `text` may not depend on `testing`\n\
             server/novel/Cargo.toml: `novel` has no line in the table of dependencies in tidy"
        );
    }

    #[test]
    fn llama_cpp_elsewhere_is_found() {
        let tree = Tree::of(&[
            (
                "server/llama/Cargo.toml",
                "[dependencies]\nllama-cpp-2.workspace = true\n",
            ),
            (
                "server/freehold/Cargo.toml",
                "[dev-dependencies]\nllama-cpp-sys-2.workspace = true\n",
            ),
        ]);
        assert_eq!(
            listed(&llama_cpp_only_in_llama(&tree)),
            "server/freehold/Cargo.toml: only `llama` may depend on `llama-cpp-sys-2`"
        );
    }

    #[test]
    fn lsp_types_are_found_through_other_crates() {
        let lock = "\
            [[package]]\nname = \"freehold\"\ndependencies = [\"text\", \"tower-lsp-server\"]\n\
            [[package]]\nname = \"text\"\ndependencies = [\"between 1.0.0\"]\n\
            [[package]]\nname = \"host\"\ndependencies = [\"serde\"]\n\
            [[package]]\nname = \"between\"\nsource = \"registry\"\ndependencies = [\"lsp-types\"]\n";
        assert_eq!(
            listed(&lsp_only_in_freehold(&Tree::of(&[("Cargo.lock", lock)]))),
            "Cargo.lock: `text` reaches `lsp-types`"
        );
    }

    #[test]
    fn a_loose_version_is_found() {
        let manifest = "[workspace.dependencies]\nllama-cpp-2 = { version = \"0.1.160\" }\n\
                        tower-lsp-server = \"=0.24.0-rc.1\"\nserde = \"1\"\n";
        assert_eq!(
            listed(&exact_pins(&Tree::of(&[("Cargo.toml", manifest)]))),
            "Cargo.toml: `llama-cpp-2` must be pinned with `=`"
        );
    }
}
