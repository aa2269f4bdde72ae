//! A tree of a text: parsed within limits, parsed again after an insertion, asked for errors and nodes.

use std::ops::{ControlFlow, Range};

use ropey::Rope;
use tree_sitter::{InputEdit, ParseOptions, ParseState, Parser, Point};

use crate::grammars::{Grammar, grammar};
use crate::languages::Language;

/// How much work a parse may be. Both are counts, not times: the same text gives the same tree everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A longer text is not parsed.
    pub bytes_max: usize,
    /// The parser is asked so many times whether it may go on: about every hundred of its steps.
    pub rounds_max: usize,
}

impl Default for Limits {
    /// What a 2-core laptop parses in some 50 ms.
    fn default() -> Self {
        Self {
            bytes_max: 1024 * 1024,
            rounds_max: 40_000,
        }
    }
}

/// Text put into another at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Insertion {
    /// Where, in bytes.
    pub at_bytes: usize,
    /// Bytes taken away there.
    pub removed_bytes: usize,
    /// Bytes put there instead.
    pub inserted_bytes: usize,
}

/// A node of a tree: what stands where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node<'a> {
    /// The grammar's name for it, such as `function_item`.
    pub kind: &'a str,
    /// Where it stands, in bytes.
    pub range: Range<usize>,
}

/// A text as its grammar sees it.
#[derive(Debug, Clone)]
pub struct Tree {
    pub(crate) tree: tree_sitter::Tree,
    pub(crate) grammar: &'static Grammar,
    read_bytes: usize,
}

impl Tree {
    /// Parses `text`; nothing if the language has no grammar or the text takes more work than `limits` allow.
    #[must_use]
    pub fn parse(language: &Language, text: &Rope, limits: &Limits) -> Option<Self> {
        let grammar = grammar(language.grammar.as_deref()?)?;
        let (tree, read_bytes) = parse(grammar, text, None, limits)?;
        Some(Self {
            tree,
            grammar,
            read_bytes,
        })
    }

    /// Parses `text` after `insertion` turned `before`, which this tree is of, into it. Costs about as much as
    /// what changed is long.
    #[must_use]
    pub fn parse_again(
        &self,
        before: &Rope,
        text: &Rope,
        insertion: Insertion,
        limits: &Limits,
    ) -> Option<Self> {
        let Insertion {
            at_bytes,
            removed_bytes,
            inserted_bytes,
        } = insertion;
        let start = point(before, at_bytes, Point::new(0, 0), 0);
        let mut old = self.tree.clone();
        old.edit(&InputEdit {
            start_byte: at_bytes,
            old_end_byte: at_bytes + removed_bytes,
            new_end_byte: at_bytes + inserted_bytes,
            start_position: start,
            old_end_position: point(before, at_bytes + removed_bytes, start, at_bytes),
            new_end_position: point(text, at_bytes + inserted_bytes, start, at_bytes),
        });
        let (tree, read_bytes) = parse(self.grammar, text, Some(&old), limits)?;
        Some(Self {
            tree,
            grammar: self.grammar,
            read_bytes,
        })
    }

    /// Bytes that the parser was given to read for this tree, in pieces of about a kilobyte.
    #[must_use]
    pub fn read_bytes(&self) -> usize {
        self.read_bytes
    }

    /// Whether the text parsed without an error.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.tree.root_node().has_error()
    }

    /// Where the parser could make nothing of the text or missed something; at most `count_max`, in order.
    #[must_use]
    pub fn errors(&self, count_max: usize) -> Vec<Range<usize>> {
        let mut errors = Vec::new();
        let mut cursor = self.tree.walk();
        loop {
            let node = cursor.node();
            let is_error = node.is_error() || node.is_missing();
            if is_error {
                errors.push(node.byte_range());
                if errors.len() == count_max {
                    return errors;
                }
            }
            if !is_error && node.has_error() && cursor.goto_first_child() {
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return errors;
                }
            }
        }
    }

    /// The smallest named node around `range`.
    #[must_use]
    pub fn node_at(&self, range: Range<usize>) -> Option<Node<'_>> {
        let root = self.tree.root_node();
        root.named_descendant_for_byte_range(range.start, range.end)
            .map(node)
    }

    /// The named nodes around `range`, the smallest first.
    #[must_use]
    pub fn enclosing(&self, range: Range<usize>) -> Vec<Node<'_>> {
        let root = self.tree.root_node();
        let smallest = root.named_descendant_for_byte_range(range.start, range.end);
        std::iter::successors(smallest, tree_sitter::Node::parent)
            .filter(tree_sitter::Node::is_named)
            .map(node)
            .collect()
    }
}

fn node(node: tree_sitter::Node<'_>) -> Node<'_> {
    Node {
        kind: node.kind(),
        range: node.byte_range(),
    }
}

fn parse(
    grammar: &Grammar,
    text: &Rope,
    old: Option<&tree_sitter::Tree>,
    limits: &Limits,
) -> Option<(tree_sitter::Tree, usize)> {
    if text.len_bytes() > limits.bytes_max {
        return None;
    }
    let mut parser = Parser::new();
    parser.set_language(&grammar.language()).ok()?;
    let mut rounds = 0;
    let mut progress = |_: &ParseState| {
        rounds += 1;
        if rounds > limits.rounds_max {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let mut read_bytes = 0;
    let mut read = |at: usize, _| {
        if at >= text.len_bytes() {
            return &[][..];
        }
        let (chunk, start, ..) = text.chunk_at_byte(at);
        let piece = &chunk.as_bytes()[at - start..];
        read_bytes += piece.len();
        piece
    };
    let options = ParseOptions::new().progress_callback(&mut progress);
    let tree = parser.parse_with_options(&mut read, old, Some(options))?;
    Some((tree, read_bytes))
}

/// Row and column of `at_bytes`, counted on from `known` at `known_bytes`. Rows end at LF alone, as the parser
/// has it.
fn point(text: &Rope, at_bytes: usize, known: Point, known_bytes: usize) -> Point {
    let mut point = known;
    for chunk in text.byte_slice(known_bytes..at_bytes).chunks() {
        let rows = chunk.bytes().filter(|&byte| byte == b'\n').count();
        point.row += rows;
        match chunk.rfind('\n') {
            Some(last) => point.column = chunk.len() - last - 1,
            None => point.column += chunk.len(),
        }
    }
    point
}
