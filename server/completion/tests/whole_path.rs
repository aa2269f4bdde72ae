//! The four steps together, on a scripted engine.

use completion::{
    Budget, Decision, Document, Finisher, Selected, Suggestion, Surroundings, Trigger, decide, gather, render,
};
use engine::catalogue::Catalogue;
use engine::scripted::{Script, ScriptedEngine};
use ropey::Rope;

fn complete(text: &str, selected: Option<&Selected>, tokens: &[&str]) -> Option<Suggestion> {
    let offset_bytes = text.find("$0").expect("the text marks the cursor");
    let rope = Rope::from_str(&text.replace("$0", ""));
    let document = Document {
        text: &rope,
        path: "src/sum.py",
        language: "python",
        workspace: "sums",
    };
    let Decision::Offer(shape) = decide(&document, offset_bytes, Trigger::Automatic, selected) else {
        return None;
    };
    let context = gather(
        &document,
        offset_bytes,
        selected,
        &Surroundings::default(),
        &Budget::default(),
    );
    let catalogue = Catalogue::builtin();
    let request = render(&context, shape, &catalogue.fim["qwen"]);
    let engine = ScriptedEngine::new(Script::always(tokens));
    let generation = engine::generate(&engine, request).expect("answered");
    assert_eq!(engine.complaints(), Vec::<String>::new());
    let mut finisher = Finisher::new(&context, shape);
    finisher.push(&generation.text);
    finisher.finish()
}

#[test]
fn a_suggestion_goes_where_the_cursor_is() {
    let suggestion = complete("def add(a, b):\n    $0\n", None, &["return", " a", " + b"]);
    assert_eq!(
        suggestion,
        Some(Suggestion {
            text: "return a + b".to_owned(),
            range: 19..19
        })
    );
}

#[test]
fn a_suggestion_begins_with_what_is_selected_and_replaces_its_range() {
    let selected = Selected {
        range: 23..25,
        text: "append".to_owned(),
    };
    let suggestion = complete("items = []\nfor x in y: items.ap$0\n", Some(&selected), &["(x)"]);
    assert_eq!(suggestion, None, "the selection is elsewhere");
    let selected = Selected {
        range: 29..31,
        text: "append".to_owned(),
    };
    let suggestion = complete("items = []\nfor x in y: items.ap$0\n", Some(&selected), &["(x)"]);
    assert_eq!(
        suggestion,
        Some(Suggestion {
            text: "append(x)".to_owned(),
            range: 29..31
        })
    );
}

#[test]
fn a_next_line_longer_than_the_model_sees_is_not_written_again() {
    let long = format!("    values = [{}]", "1, 2, ".repeat(100));
    let before = "def f():\n    first = 0\n    $0";
    let tokens = ["second = 1\n", &long, "\n"];
    let suggestion = complete(&format!("{before}\n{long}\n    third = 2\n"), None, &tokens);
    let text = suggestion.map(|suggestion| suggestion.text);
    assert_eq!(text.as_deref(), Some("second = 1"));
    // What goes on after a long line is not left before it.
    let tokens = ["second = 1\n", "    return second\n"];
    let suggestion = complete(&format!("{before}\n{long}\n"), None, &tokens);
    let text = suggestion.map(|suggestion| suggestion.text);
    assert_eq!(text.as_deref(), Some("second = 1"));
}
