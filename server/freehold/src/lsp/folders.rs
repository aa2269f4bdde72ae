//! Workspace folders, and where a document lies in them.

use crate::review::uri;

/// One root of the editor's workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its URI, as the editor writes it.
    pub uri: String,
    /// Its name, as the editor shows it.
    pub name: String,
}

/// Where a document lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// Its path within the workspace folder, with `/` between folders; its bare name outside of all.
    pub path: String,
    /// The name of the workspace folder; empty outside of all.
    pub workspace: String,
}

/// Where the document `uri` lies in `folders`: of those around it, in the innermost.
#[must_use]
pub fn home(uri: &str, folders: &[Folder]) -> Home {
    let path = uri::place(uri);
    let inside = folders.iter().filter_map(|folder| {
        let root = uri::place(&folder.uri);
        let rest = path.strip_prefix(root.trim_end_matches('/'))?.strip_prefix('/')?;
        Some((rest.to_owned(), folder))
    });
    match inside.min_by_key(|(rest, _)| rest.len()) {
        Some((path, folder)) => Home {
            path,
            workspace: folder.name.clone(),
        },
        None => {
            let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
            Home {
                path: name,
                workspace: String::new(),
            }
        }
    }
}

/// The scheme of a URI.
#[must_use]
pub fn scheme(uri: &str) -> &str {
    uri.split_once(':').map_or("", |(scheme, _)| scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_lies_in_the_innermost_folder_around_it() {
        let folder = |uri: &str, name: &str| Folder {
            uri: uri.to_owned(),
            name: name.to_owned(),
        };
        let folders = [
            folder("file:///home/me/app", "app"),
            folder("file:///home/me/app/vendor/lib/", "lib"),
            folder("file:///c%3A/Work", "work"),
        ];
        let cases = [
            ("file:///home/me/app/src/main.rs", "src/main.rs", "app"),
            ("file:///home/me/app/vendor/lib/a%20b%C3%A9.rs", "a bé.rs", "lib"),
            ("file:///home/me/apple/main.rs", "main.rs", ""),
            ("file:///C:/Work/x.c", "x.c", "work"),
            ("untitled:Untitled-1", "Untitled-1", ""),
            ("file:///100%", "100%", ""),
            ("file://host/share/x.rs?q#f", "x.rs", ""),
            ("%ff%zz:%e", "%e", ""),
            ("", "", ""),
        ];
        for (uri, path, workspace) in cases {
            let expected = Home {
                path: path.to_owned(),
                workspace: workspace.to_owned(),
            };
            assert_eq!(home(uri, &folders), expected, "{uri}");
        }
    }
}
