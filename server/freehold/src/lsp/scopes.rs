//! Kinds of text in which the user wants nothing unasked: comments and strings.

use completion::Document;
use syntax::{Limits, Tree};

/// The settings' names of kinds of text, and what grammars call them.
const SCOPES: [(&str, &[&str]); 2] = [
    ("comments", &["comment"]),
    ("strings", &["string", "char_literal"]),
];

/// Code within a string is code.
const CODE_WITHIN: [&str; 2] = ["interpolation", "substitution"];

/// Whether the character before `offset_bytes` of `document` stands in one of the kinds of text `off`.
///
/// Where a language has no grammar, nothing is known and nothing is off.
#[must_use]
pub fn is_off(document: &Document, offset_bytes: usize, off: &[String]) -> bool {
    if off.is_empty() || offset_bytes == 0 {
        return false;
    }
    let language = syntax::language(document.language);
    let Some(tree) = Tree::parse(language, document.text, &Limits::default()) else {
        return false;
    };
    let nodes = tree.enclosing(offset_bytes - 1..offset_bytes);
    let scope = nodes
        .iter()
        .take_while(|node| !CODE_WITHIN.iter().any(|code| node.kind.contains(code)))
        // Behind the closing quote one is outside again.
        .filter(|node| node.range.end > offset_bytes || node.kind.contains("comment"))
        .find_map(|node| {
            SCOPES
                .iter()
                .find(|(_, kinds)| kinds.iter().any(|kind| node.kind.contains(kind)))
        });
    scope.is_some_and(|(name, _)| off.iter().any(|off| off == name))
}

#[cfg(test)]
mod tests {
    use ropey::Rope;

    use super::*;

    #[test]
    fn comments_and_strings_are_told_from_code() {
        let cases = [
            ("rust", "// one |\nfn f() {}\n", "comments"),
            ("rust", "fn f() {\n    let x = |;\n}\n", ""),
            ("rust", "fn f() {\n    let x = \"a |b\";\n}\n", "strings"),
            ("rust", "fn f() {\n    let x = \"ab\"|;\n}\n", ""),
            ("python", "x = 'a |'\n", "strings"),
            ("python", "x = f'a {b |}'\n", ""),
            ("python", "# one |\n", "comments"),
            ("nothing-known", "// one |\n", ""),
        ];
        for (language, notation, expected) in cases {
            let at = notation.find('|').expect("a cursor");
            let text = Rope::from_str(&notation.replacen('|', "", 1));
            let document = Document {
                text: &text,
                path: "x",
                language,
                workspace: "",
            };
            for scope in ["comments", "strings"] {
                let off = is_off(&document, at, &[scope.to_owned()]);
                assert_eq!(off, scope == expected, "{scope} at {notation:?}");
            }
        }
    }
}
