//! The grammars that are built in, by the names that `languages.toml` gives them.

use std::sync::OnceLock;

use tree_sitter::{Language, Query};
use tree_sitter_language::LanguageFn;

/// A grammar, and what counts as a definition and an import in it.
pub struct Grammar {
    name: &'static str,
    function: LanguageFn,
    /// `grammars/queries/<name>.scm`.
    query_text: &'static str,
    query: OnceLock<Option<Query>>,
}

impl std::fmt::Debug for Grammar {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(formatter, "Grammar({})", self.name)
    }
}

impl Grammar {
    const fn new(name: &'static str, function: LanguageFn, query_text: &'static str) -> Self {
        Self {
            name,
            function,
            query_text,
            query: OnceLock::new(),
        }
    }

    /// How the language is parsed.
    pub fn language(&self) -> Language {
        self.function.into()
    }

    /// What counts as a definition and an import. Compiled when first asked for: that takes milliseconds.
    pub fn query(&self) -> Option<&Query> {
        // All of them compile: a test goes over every one.
        self.query
            .get_or_init(|| Query::new(&self.language(), self.query_text).ok())
            .as_ref()
    }
}

macro_rules! query {
    ($name:literal) => {
        include_str!(concat!("../../../grammars/queries/", $name, ".scm"))
    };
}

static GRAMMARS: [Grammar; 18] = [
    Grammar::new("bash", tree_sitter_bash::LANGUAGE, query!("bash")),
    Grammar::new("c", tree_sitter_c::LANGUAGE, query!("c")),
    Grammar::new("c-sharp", tree_sitter_c_sharp::LANGUAGE, query!("c-sharp")),
    Grammar::new("cpp", tree_sitter_cpp::LANGUAGE, query!("cpp")),
    Grammar::new("css", tree_sitter_css::LANGUAGE, query!("css")),
    Grammar::new("go", tree_sitter_go::LANGUAGE, query!("go")),
    Grammar::new("html", tree_sitter_html::LANGUAGE, ""),
    Grammar::new("java", tree_sitter_java::LANGUAGE, query!("java")),
    Grammar::new(
        "javascript",
        tree_sitter_javascript::LANGUAGE,
        query!("javascript"),
    ),
    Grammar::new("json", tree_sitter_json::LANGUAGE, ""),
    Grammar::new("kotlin", tree_sitter_kotlin_ng::LANGUAGE, query!("kotlin")),
    Grammar::new("lua", tree_sitter_lua::LANGUAGE, query!("lua")),
    Grammar::new("php", tree_sitter_php::LANGUAGE_PHP, query!("php")),
    Grammar::new("python", tree_sitter_python::LANGUAGE, query!("python")),
    Grammar::new("ruby", tree_sitter_ruby::LANGUAGE, query!("ruby")),
    Grammar::new("rust", tree_sitter_rust::LANGUAGE, query!("rust")),
    Grammar::new("tsx", tree_sitter_typescript::LANGUAGE_TSX, query!("typescript")),
    Grammar::new(
        "typescript",
        tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
        query!("typescript"),
    ),
];

/// The grammar called `name`.
pub fn grammar(name: &str) -> Option<&'static Grammar> {
    GRAMMARS.iter().find(|grammar| grammar.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_query_compiles() {
        for grammar in &GRAMMARS {
            assert!(grammar.query().is_some(), "{}", grammar.name);
        }
    }
}
