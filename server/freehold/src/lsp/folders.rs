//! Workspace folders, and where a document lies in them.

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
    let path = path(uri);
    let inside = folders.iter().filter_map(|folder| {
        let root = self::path(&folder.uri);
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

/// The path of a URI, decoded. Editors escape the same path in different ways, so only this compares.
#[must_use]
pub fn path(uri: &str) -> String {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let rest = match rest.strip_prefix("//") {
        Some(with_authority) => with_authority.find('/').map_or("", |at| &with_authority[at..]),
        None => rest,
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let mut path = decode(rest);
    // Windows: `/C:/…` and `/c:/…` are one place.
    if path.as_bytes().get(2) == Some(&b':') && path.starts_with('/') && path.is_char_boundary(2) {
        path[1..2].make_ascii_lowercase();
    }
    path
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let value = escaped
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(value.unwrap_or(bytes[at]));
        at += if value.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
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
