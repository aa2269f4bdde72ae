//! What a text defines and imports, by the queries of its grammar.

use std::ops::Range;

use ropey::Rope;
use tree_sitter::{QueryCursor, StreamingIterator};

use crate::tree::Tree;

/// So many are found at most: the outline of a generated file serves nobody.
const MATCHES_MAX: usize = 4096;

/// Something that a text defines: a function, a type, a constant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its name as it stands in the text.
    pub name: String,
    /// All of it, in bytes.
    pub range: Range<usize>,
    /// What it looks like from outside: up to its body, or all of it if it has none.
    pub header: Range<usize>,
}

impl Tree {
    /// What `text`, which this tree is of, defines, in order; what stands inside another follows it.
    #[must_use]
    pub fn outline(&self, text: &Rope) -> Vec<Definition> {
        let mut definitions = Vec::new();
        self.each_match(text, |captures| {
            let (Some(range), Some(name)) = (captures("definition"), captures("name")) else {
                return;
            };
            let header_end = captures("body").map_or(range.end, |body| body.start);
            definitions.push(Definition {
                name: text.byte_slice(name).to_string(),
                header: range.start..header_end,
                range,
            });
        });
        definitions.sort_by_key(|definition| (definition.range.start, usize::MAX - definition.range.end));
        definitions.dedup_by(|one, other| one.range == other.range);
        definitions
    }

    /// Where `text`, which this tree is of, imports something, in order.
    #[must_use]
    pub fn imports(&self, text: &Rope) -> Vec<Range<usize>> {
        let mut imports = Vec::new();
        self.each_match(text, |captures| imports.extend(captures("import")));
        imports.sort_by_key(|range| range.start);
        imports.dedup();
        imports
    }

    /// Calls `found` for every match of the grammar's query with what tells where each capture stands.
    fn each_match(&self, text: &Rope, mut found: impl FnMut(&dyn Fn(&str) -> Option<Range<usize>>)) {
        let Some(query) = self.grammar.query() else {
            return;
        };
        let mut cursor = QueryCursor::new();
        let provide =
            |node: tree_sitter::Node| text.byte_slice(node.byte_range()).chunks().map(str::as_bytes);
        let mut matches = cursor.matches(query, self.tree.root_node(), provide);
        let mut count = 0;
        while let Some(found_match) = matches.next() {
            count += 1;
            if count > MATCHES_MAX {
                return;
            }
            found(&|name| {
                let index = query.capture_index_for_name(name)?;
                let node = found_match.nodes_for_capture_index(index).next()?;
                Some(node.byte_range())
            });
        }
    }
}
