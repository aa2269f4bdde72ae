//! Errors, nodes, limits, and that parsing again gives what parsing anew gives.

use proptest::prelude::*;
use ropey::Rope;
use syntax::{Insertion, Limits, Tree, language};

fn tree(id: &str, text: &str) -> Option<Tree> {
    Tree::parse(language(id), &Rope::from_str(text), &Limits::default())
}

#[test]
fn errors_stand_where_the_text_breaks() {
    let cases = [
        ("rust", "fn f() { g(1) }", 0),
        ("rust", "fn f() { g(1 }", 1),
        ("python", "def f():\n    return (1\n", 1),
        ("json", "{\"a\": }", 1),
    ];
    for (id, text, count) in cases {
        let tree = tree(id, text).expect("it has a grammar");
        assert_eq!(tree.is_whole(), count == 0, "{text:?}");
        assert_eq!(tree.errors(9).len(), count, "{text:?}: {:?}", tree.errors(9));
    }
}

#[test]
fn nodes_are_found_from_the_smallest_outwards() {
    let tree = tree("rust", "fn f() { g(1) }").expect("it has a grammar");
    let kinds: Vec<&str> = tree.enclosing(11..12).into_iter().map(|node| node.kind).collect();
    let expected = [
        "integer_literal",
        "arguments",
        "call_expression",
        "block",
        "function_item",
        "source_file",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(tree.node_at(9..13).map(|node| node.kind), Some("call_expression"));
}

#[test]
fn what_is_too_much_or_has_no_grammar_is_not_parsed() {
    assert!(tree("markdown", "# a").is_none());
    let text = Rope::from_str(&"f(a, b);\n".repeat(20_000));
    let few = Limits {
        rounds_max: 10,
        ..Limits::default()
    };
    let short = Limits {
        bytes_max: 100,
        ..Limits::default()
    };
    assert!(Tree::parse(language("c"), &text, &few).is_none());
    assert!(Tree::parse(language("c"), &text, &short).is_none());
    assert!(Tree::parse(language("c"), &text, &Limits::default()).is_some());
}

/// Pieces that a grammar may take amiss.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("def f(a):\n"),
        Just("    return a\n"),
        Just("\n"),
        Just("\r\n"),
        Just("x = (1,"),
        Just(")"),
        Just("{"),
        Just("}"),
        Just("\"\"\""),
        Just("'"),
        Just("fn g() {"),
        Just("ü"),
        Just("🦀"),
        Just("    "),
        Just(";"),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn parsing_again_gives_what_parsing_anew_gives(
        before in text(), after in text(), removed in text(), inserted in text(),
        id in prop::sample::select(&["python", "rust", "javascript", "c"][..]),
    ) {
        let old = Rope::from_str(&format!("{before}{removed}{after}"));
        let new = Rope::from_str(&format!("{before}{inserted}{after}"));
        let tree = Tree::parse(language(id), &old, &Limits::default()).expect("it has a grammar");
        let insertion =
            Insertion { at_bytes: before.len(), removed_bytes: removed.len(), inserted_bytes: inserted.len() };
        let again = tree.parse_again(&old, &new, insertion, &Limits::default()).expect("it is short");
        let anew = Tree::parse(language(id), &new, &Limits::default()).expect("it is short");
        prop_assert!(new.len_bytes() > 0 || again.is_whole());
        // What is broken may be mended in several ways; what is whole is so in one.
        if anew.is_whole() {
            prop_assert!(again.is_whole());
        }
        for error in again.errors(99) {
            prop_assert!(error.start <= error.end && error.end <= new.len_bytes());
        }
    }
}
