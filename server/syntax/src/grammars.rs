//! The grammars that are built in, by the names that `languages.toml` gives them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use tree_sitter::{Language, Query};

/// A grammar, and what counts as a definition and an import in it.
#[derive(Debug)]
pub struct Grammar {
    /// How the language is parsed.
    pub language: Language,
    /// `grammars/queries/<name>.scm`.
    pub query: Query,
}

macro_rules! query {
    ($name:literal) => {
        include_str!(concat!("../../../grammars/queries/", $name, ".scm"))
    };
}

static GRAMMARS: LazyLock<BTreeMap<&str, Grammar>> = LazyLock::new(|| {
    let grammars: [(&str, Language, &str); 18] = [
        ("bash", tree_sitter_bash::LANGUAGE.into(), query!("bash")),
        ("c", tree_sitter_c::LANGUAGE.into(), query!("c")),
        ("c-sharp", tree_sitter_c_sharp::LANGUAGE.into(), query!("c-sharp")),
        ("cpp", tree_sitter_cpp::LANGUAGE.into(), query!("cpp")),
        ("css", tree_sitter_css::LANGUAGE.into(), query!("css")),
        ("go", tree_sitter_go::LANGUAGE.into(), query!("go")),
        ("html", tree_sitter_html::LANGUAGE.into(), ""),
        ("java", tree_sitter_java::LANGUAGE.into(), query!("java")),
        (
            "javascript",
            tree_sitter_javascript::LANGUAGE.into(),
            query!("javascript"),
        ),
        ("json", tree_sitter_json::LANGUAGE.into(), ""),
        ("kotlin", tree_sitter_kotlin_ng::LANGUAGE.into(), query!("kotlin")),
        ("lua", tree_sitter_lua::LANGUAGE.into(), query!("lua")),
        ("php", tree_sitter_php::LANGUAGE_PHP.into(), query!("php")),
        ("python", tree_sitter_python::LANGUAGE.into(), query!("python")),
        ("ruby", tree_sitter_ruby::LANGUAGE.into(), query!("ruby")),
        ("rust", tree_sitter_rust::LANGUAGE.into(), query!("rust")),
        (
            "tsx",
            tree_sitter_typescript::LANGUAGE_TSX.into(),
            query!("typescript"),
        ),
        (
            "typescript",
            tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
            query!("typescript"),
        ),
    ];
    grammars
        .into_iter()
        .filter_map(|(name, language, query)| {
            // All of them compile: a test goes over every one.
            let query = Query::new(&language, query).ok()?;
            Some((name, Grammar { language, query }))
        })
        .collect()
});

/// The grammar called `name`.
pub fn grammar(name: &str) -> Option<&'static Grammar> {
    GRAMMARS.get(name)
}

/// How many grammars there are.
#[cfg(test)]
pub fn count() -> usize {
    GRAMMARS.len()
}
