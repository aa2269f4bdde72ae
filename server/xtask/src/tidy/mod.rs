//! The rules of the design that a program can check, each a small function over the tracked files.
//!
//! A check takes a [`Tree`] and gives its findings, so that its test can hand it a tree that breaks the rule.

mod code;
mod crates;
mod documents;
mod layout;
mod sources;

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::process::output;

/// A tracked text file.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Relative to the root, with `/`.
    pub path: String,
    /// All of it; empty for a file that is not text.
    pub text: String,
}

/// All tracked files.
#[derive(Debug, Default)]
pub struct Tree {
    /// In the order of their paths.
    pub files: Vec<SourceFile>,
}

/// A place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Relative to the root, with `/`.
    pub path: String,
    /// From 1; 0 where the whole file is meant.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

type Check = (&'static str, fn(&Tree) -> Vec<Finding>);

/// Every check, with the rule that it holds.
const CHECKS: [Check; 19] = [
    (
        "every crate but llama forbids unsafe code",
        crates::unsafe_only_in_llama,
    ),
    ("crates depend on each other in one direction", crates::direction),
    ("only llama depends on llama.cpp", crates::llama_cpp_only_in_llama),
    (
        "only freehold sees the types of LSP",
        crates::lsp_only_in_freehold,
    ),
    ("fast-moving dependencies are pinned exactly", crates::exact_pins),
    (
        "async stays in freehold and remote",
        sources::async_only_where_allowed,
    ),
    (
        "pure crates touch no file, process, environment or clock",
        sources::pure_crates,
    ),
    ("every source file opens with what it is for", sources::headers),
    ("no file outgrows its purpose", sources::sizes),
    ("nothing is left for later", sources::leftovers),
    (
        "models are data: no code asks for one by its name",
        sources::model_names,
    ),
    ("the top level holds only what was laid out", layout::top_level),
    ("no registry is named", layout::registry_hosts),
    ("no path of one machine is named", layout::machine_paths),
    (
        "the VS Code extension uses the stable interface only",
        layout::stable_editor_interface,
    ),
    ("own methods and commands are documented", documents::protocol),
    ("settings are documented", documents::settings),
    ("models that the README names exist", documents::models),
    ("links in documents lead somewhere", documents::links),
];

impl Tree {
    /// Reads the tracked files below `root`, and the new ones that are not ignored.
    ///
    /// # Errors
    /// When git cannot list them or one cannot be read.
    pub fn read(root: &Path) -> Result<Self> {
        let mut git = Command::new("git");
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root);
        let list = output(&mut git).context("cannot list the files of the project")?;
        let mut files = Vec::new();
        for path in list.split('\0').filter(|path| !path.is_empty()) {
            let full = root.join(path);
            // Deleted and not yet committed, or a link to a folder.
            if !full.is_file() {
                continue;
            }
            let bytes = std::fs::read(&full).with_context(|| format!("cannot read `{}`", full.display()))?;
            let text = String::from_utf8(bytes).unwrap_or_default();
            files.push(SourceFile {
                path: path.to_owned(),
                text,
            });
        }
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Self { files })
    }

    /// A tree for a test.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| SourceFile {
            path: (*path).into(),
            text: (*text).into(),
        };
        Self {
            files: files.iter().map(file).collect(),
        }
    }

    /// The file at `path`.
    pub fn file(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The files whose names end in one of `extensions`.
    pub fn with_extensions<'a>(&'a self, extensions: &'a [&str]) -> impl Iterator<Item = &'a SourceFile> {
        self.files.iter().filter(move |file| {
            file.path
                .rsplit_once('.')
                .is_some_and(|(_, extension)| extensions.contains(&extension))
        })
    }

    /// The Rust files, each with the name of its crate.
    pub fn rust(&self) -> impl Iterator<Item = (&str, &SourceFile)> {
        self.with_extensions(&["rs"])
            .map(|file| (file.crate_name(), file))
    }
}

impl SourceFile {
    /// The folder below `server/` that the file lies in; empty outside.
    pub fn crate_name(&self) -> &str {
        let below = self.path.strip_prefix("server/").unwrap_or("");
        below.split_once('/').map_or("", |(name, _)| name)
    }

    /// Whether the whole file is test code.
    pub fn is_test(&self) -> bool {
        let folders = ["/tests/", "/test/"];
        folders.iter().any(|folder| self.path.contains(folder))
            || self.path.starts_with("tests/")
            || self.path.ends_with("/tests.rs")
    }

    /// A finding in this file.
    pub fn finding(&self, line: usize, message: impl Into<String>) -> Finding {
        Finding {
            path: self.path.clone(),
            line,
            message: message.into(),
        }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(formatter, "{}: {}", self.path, self.message),
            line => write!(formatter, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// `cargo xtask tidy`.
pub fn run() -> Result<ExitCode> {
    println!("{}", check(&crate::process::root())?);
    Ok(ExitCode::SUCCESS)
}

/// Runs every check on the project at `root` and gives a remark on how much was checked.
///
/// # Errors
/// When a rule is broken, with every finding.
pub fn check(root: &Path) -> Result<String> {
    let tree = Tree::read(root)?;
    for note in sources::size_notes(&tree) {
        println!("note: {note}");
    }
    let mut message = String::new();
    let mut findings_count = 0;
    for (rule, check) in CHECKS {
        let findings = check(&tree);
        if !findings.is_empty() {
            message.push_str(&format!("\n{rule}:\n"));
        }
        for finding in &findings {
            message.push_str(&format!("  {finding}\n"));
        }
        findings_count += findings.len();
    }
    if findings_count > 0 {
        bail!("{findings_count} findings\n{message}");
    }
    Ok(format!("{} rules, {} files", CHECKS.len(), tree.files.len()))
}

/// Writes findings one to a line, for tests.
#[cfg(test)]
fn listed(findings: &[Finding]) -> String {
    findings
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_keeps_its_own_rules() {
        if let Err(error) = check(&crate::process::root()) {
            panic!("{error:#}");
        }
    }
}
