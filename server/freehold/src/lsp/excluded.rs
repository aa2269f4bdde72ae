//! Files that are kept from the model: by the user's own patterns, by `.gitignore`, by `.freeholdignore`.
//!
//! These files are the only ones of a repository that Freehold heeds, and they can only ever take away: a
//! pattern that begins with `!` takes back what the same kind of file excludes, never what another does.

use std::path::{Path, PathBuf};

use host::Files;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::folders::{self, Folder};
use crate::review::uri;

/// The files that name what is kept from the model.
pub const IGNORE_FILES: [&str; 2] = [".gitignore", ".freeholdignore"];

/// A longer ignore file was not written by hand.
const IGNORE_FILE_BYTES_MAX: u64 = 1 << 20;

/// Whether the document `uri` is kept from the model by the user's `patterns`, or by an ignore file in a folder
/// on its way from the outermost of `folders` around it.
///
/// An ignore file that is there and cannot be read counts as one that names everything.
#[must_use]
pub fn is_excluded(files: &dyn Files, uri: &str, folders: &[Folder], patterns: &[String]) -> bool {
    let path = PathBuf::from(uri::place(uri));
    let path = if cfg!(windows) {
        path.to_string_lossy().trim_start_matches('/').into()
    } else {
        path
    };
    let roots = folders
        .iter()
        .map(|folder| PathBuf::from(uri::place(&folder.uri)));
    let root = roots
        .filter(|root| path.starts_with(root))
        .min_by_key(|root| root.components().count());
    if folders::scheme(uri) == "file"
        && let Some(root) = &root
    {
        return is_file_excluded(files, &path, root, patterns);
    }
    is_named(&path, &root.unwrap_or_default(), patterns)
}

/// The same for the file `path` in the folder `root`, whether or not an editor has it open.
#[must_use]
pub fn is_file_excluded(files: &dyn Files, path: &Path, root: &Path, patterns: &[String]) -> bool {
    is_named(path, root, patterns)
        || IGNORE_FILES
            .iter()
            .any(|name| is_ignored(files, root, path, name))
}

fn is_named(path: &Path, root: &Path, patterns: &[String]) -> bool {
    matches(root, path, patterns.iter().map(String::as_str)) == Some(true)
}

/// Whether the ignore files called `name`, from `root` down to `path`, name it or a folder that it lies in.
fn is_ignored(files: &dyn Files, root: &Path, path: &Path, name: &str) -> bool {
    let mut named = Vec::new();
    let parents: Vec<&Path> = path
        .ancestors()
        .skip(1)
        .take_while(|folder| folder.starts_with(root))
        .collect();
    for folder in parents.into_iter().rev() {
        // As for git, what lies in an ignored folder cannot be taken back further down.
        if decision(&named, folder, true) {
            return true;
        }
        match read(files, &folder.join(name)) {
            Ok(Some(text)) => named.push(matcher(folder, text.lines())),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(
                    "`{}` keeps everything from the model: {error}",
                    folder.join(name).display()
                );
                return true;
            }
        }
    }
    decision(&named, path, false)
}

/// What the innermost of `named` that says anything says of `path` itself.
fn decision(named: &[Gitignore], path: &Path, is_folder: bool) -> bool {
    let said = named.iter().rev().map(|named| named.matched(path, is_folder));
    said.into_iter()
        .find(|said| !said.is_none())
        .is_some_and(|said| said.is_ignore())
}

fn matches<'a>(root: &Path, path: &Path, patterns: impl Iterator<Item = &'a str>) -> Option<bool> {
    let named = matcher(root, patterns);
    let said = if path.starts_with(root) {
        named.matched_path_or_any_parents(path, false)
    } else {
        named.matched(path, false)
    };
    (!said.is_none()).then(|| said.is_ignore())
}

fn matcher<'a>(root: &Path, patterns: impl Iterator<Item = &'a str>) -> Gitignore {
    let mut builder = GitignoreBuilder::new(root);
    for pattern in patterns {
        if let Err(error) = builder.add_line(None, pattern) {
            tracing::warn!("a pattern is left out: {error}");
        }
    }
    builder.build().unwrap_or_else(|error| {
        tracing::warn!("patterns are left out: {error}");
        Gitignore::empty()
    })
}

fn read(files: &dyn Files, file: &Path) -> host::Result<Option<String>> {
    match files.metadata(file) {
        Ok(metadata) if metadata.bytes > IGNORE_FILE_BYTES_MAX => {
            tracing::warn!("`{}` is too long and is left out", file.display());
            return Ok(None);
        }
        Ok(_) => {}
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    }
    files
        .read(file)
        .map(|bytes| Some(String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use host::MemoryHost;

    use super::*;

    fn world(ignore_files: &[(&str, &str)]) -> MemoryHost {
        let host = MemoryHost::new();
        for (file, text) in ignore_files {
            let file = Path::new(file);
            host.create_folder(file.parent().expect("a folder"))
                .expect("made");
            host.write_atomic(file, text.as_bytes()).expect("written");
        }
        host
    }

    fn check(ignore_files: &[(&str, &str)], patterns: &[&str], excluded: &[&str], allowed: &[&str]) {
        let host = world(ignore_files);
        let folders = [Folder {
            uri: "file:///w".to_owned(),
            name: "w".to_owned(),
        }];
        let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
        let answer = |uri: &&&str| is_excluded(&host, uri, &folders, &patterns);
        assert_eq!(
            excluded.iter().filter(answer).count(),
            excluded.len(),
            "{excluded:?} should all be kept out"
        );
        assert_eq!(
            allowed.iter().filter(answer).collect::<Vec<_>>(),
            Vec::<&&str>::new()
        );
    }

    #[test]
    fn ignore_files_hold_for_their_folder_and_below() {
        check(
            &[
                ("/w/.gitignore", "target/\n*.log\n"),
                ("/w/a/.gitignore", "/own.rs\n"),
            ],
            &[],
            &[
                "file:///w/target/x.rs",
                "file:///w/a/b/x.log",
                "file:///w/a/own.rs",
            ],
            &[
                "file:///w/a/x.rs",
                "file:///w/own.rs",
                "file:///w/a/b/own.rs",
                "file:///v/x.log",
                "untitled:x.log",
            ],
        );
    }

    #[test]
    fn one_kind_of_file_takes_nothing_back_that_another_excludes() {
        check(
            &[
                ("/w/.gitignore", "*.log\n"),
                ("/w/a/.gitignore", "!kept.log\n"),
                ("/w/.freeholdignore", "!x.log\nsecret.rs\n*.sql\n!y.sql\n"),
            ],
            &["z.sql", "!secret.rs"],
            &[
                "file:///w/x.log",
                "file:///w/secret.rs",
                "file:///w/z.sql",
                "file:///w/x.sql",
            ],
            &["file:///w/a/kept.log", "file:///w/y.sql"],
        );
    }

    #[test]
    fn what_lies_in_an_ignored_folder_cannot_be_taken_back() {
        check(
            &[("/w/.gitignore", "out\n"), ("/w/out/.gitignore", "!x.rs\n")],
            &[],
            &["file:///w/out/x.rs", "file:///w/a/out/b/x.rs"],
            &["file:///w/x.rs"],
        );
    }

    #[test]
    fn the_users_own_patterns_hold_everywhere() {
        check(
            &[],
            &["*.env", "private/", "/top.rs"],
            &[
                "file:///w/a/x.env",
                "file:///v/x.env",
                "untitled:x.env",
                "file:///w/private/a/x.rs",
                "file:///w/top.rs",
            ],
            &["file:///w/x.rs", "file:///w/a/top.rs"],
        );
    }
}
