//! File URIs: how editors name the files of a workspace.

use changes::WorkspacePath;

/// The scheme under which a file is shown as it would be.
pub const PROPOSED: &str = "freehold-proposed";
/// The scheme under which a file is shown as it is.
pub const ORIGINAL: &str = "freehold-original";

/// The URI of a file in the folder whose URI is `folder`.
#[must_use]
pub fn join(folder: &str, path: &WorkspacePath) -> String {
    format!("{}/{}", folder.trim_end_matches('/'), encode(path.as_str()))
}

/// The URI of a folder of this machine.
#[must_use]
pub fn of_folder(path: &str) -> String {
    format!("file://{}", encode(path))
}

/// The same place under another scheme.
#[must_use]
pub fn with_scheme(uri: &str, scheme: &str) -> String {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    format!("{scheme}:{rest}")
}

/// A path as URIs write it.
#[must_use]
pub fn encode(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => encoded += &format!("%{byte:02X}"),
        }
    }
    encoded
}

/// The path of a URI, decoded. Editors escape the same path in different ways, so only this compares.
#[must_use]
pub fn place(uri: &str) -> String {
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
    fn a_file_has_a_uri_under_each_scheme() {
        let path = WorkspacePath::parse("src/a bé.rs").expect("a plain path");
        let uri = join("file:///home/me/app/", &path);
        assert_eq!(uri, "file:///home/me/app/src/a%20b%C3%A9.rs");
        assert_eq!(
            with_scheme(&uri, PROPOSED),
            "freehold-proposed:///home/me/app/src/a%20b%C3%A9.rs"
        );
        assert_eq!(of_folder("/a b"), "file:///a%20b");
    }
}
