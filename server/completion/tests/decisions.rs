//! Where a suggestion is welcome, and why not.

use completion::Trigger::{Automatic, Invoked};
use completion::{Decision, Document, Selected, Shape, Silence, Trigger, decide};
use ropey::Rope;

fn at(text: &str, language: &str, trigger: Trigger) -> Decision {
    let offset_bytes = text.find("$0").expect("the text marks the cursor");
    let rope = Rope::from_str(&text.replacen("$0", "", 1));
    let document = Document {
        text: &rope,
        path: "a",
        language,
        workspace: "w",
    };
    decide(&document, offset_bytes, trigger, None)
}

#[test]
fn what_stands_after_the_cursor_decides() {
    let line = Decision::Offer(Shape::Line);
    let block = Decision::Offer(Shape::Block);
    let inside_line = Decision::Silent(Silence::InsideLine);
    let cases = [
        ("x = $0\n", "python", block),
        ("x = $0   \r\n", "python", block),
        ("f($0)", "python", line),
        ("f(\"$0\")", "python", line),
        ("f({ a: [$0] });", "typescript", line),
        ("if ($0) {", "c", line),
        ("if $0:", "python", line),
        ("x = $0  # metres", "python", line),
        ("x = $0; // metres", "rust", line),
        ("<p>$0</p>", "html", line),
        ("<p>$0</p>", "python", inside_line),
        ("<img $0/>", "html", line),
        ("x = $0 + 1", "python", inside_line),
        ("$0return", "python", Decision::Silent(Silence::InsideWord)),
        ("re$0turn", "python", Decision::Silent(Silence::InsideWord)),
        (" \n\t\n$0\n", "python", Decision::Silent(Silence::NothingWritten)),
        ("\u{0}ELF\u{1}$0", "c", Decision::Silent(Silence::NotText)),
    ];
    for (text, language, decision) in cases {
        assert_eq!(at(text, language, Automatic), decision, "{text:?}");
    }
}

#[test]
fn whoever_asks_gets_one_wherever_there_is_text() {
    for text in ["x = $0 + 1", "re$0turn", "$0return"] {
        assert_eq!(
            at(text, "python", Invoked),
            Decision::Offer(Shape::Span),
            "{text:?}"
        );
    }
    assert_eq!(at("$0", "python", Invoked), Decision::Offer(Shape::Block));
    assert_eq!(
        at("a\u{0}$0", "python", Invoked),
        Decision::Silent(Silence::NotText)
    );
}

#[test]
fn nobody_writes_a_line_that_long() {
    let text = "a+".repeat(5000) + "$0\nb";
    assert_eq!(
        at(&text, "javascript", Automatic),
        Decision::Silent(Silence::LineTooLong)
    );
    assert_eq!(at(&text, "javascript", Invoked), Decision::Offer(Shape::Block));
}

#[test]
fn a_place_must_exist() {
    let rope = Rope::from_str("ü\n");
    let document = Document {
        text: &rope,
        path: "a",
        language: "python",
        workspace: "w",
    };
    for (offset_bytes, exists) in [
        (0, true),
        (1, false),
        (2, true),
        (3, true),
        (4, false),
        (usize::MAX, false),
    ] {
        let decision = decide(&document, offset_bytes, Invoked, None);
        assert_eq!(
            decision != Decision::Silent(Silence::NoSuchPlace),
            exists,
            "{offset_bytes}"
        );
    }
}

#[test]
fn a_selection_must_lie_around_the_cursor_and_in_its_line() {
    let rope = Rope::from_str("one\ntwo three\n");
    let document = Document {
        text: &rope,
        path: "a",
        language: "python",
        workspace: "w",
    };
    let elsewhere = Decision::Silent(Silence::SelectionElsewhere);
    // At the end of `two`.
    let cases = [
        (4..7, Decision::Offer(Shape::Span)),
        (2..7, elsewhere),
        (8..9, elsewhere),
        (4..99, elsewhere),
    ];
    for (range, decision) in cases {
        let selected = Selected {
            range: range.clone(),
            text: "two".to_owned(),
        };
        assert_eq!(
            decide(&document, 7, Invoked, Some(&selected)),
            decision,
            "{range:?}"
        );
    }
}
