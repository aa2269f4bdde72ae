//! The prompt of every format in the catalogue, byte for byte, and what a window holds.

use std::fmt::Write;

use completion::{Budget, Document, Shape, Surroundings, gather, render};
use engine::catalogue::Catalogue;
use engine::{Request, Segment};
use expect_test::{Expect, expect, expect_file};
use ropey::Rope;

/// A document whose every part could be taken for a control token.
const TEXT: &str =
    "# <|fim_middle|> [SUFFIX]\ndef area(r):\n    return$0\n\nprint(area(2))  # <|endoftext|>\n";

fn prompt(text: &str, shape: Shape, format: &str) -> Request {
    let offset_bytes = text.find("$0").expect("the text marks the cursor");
    let rope = Rope::from_str(&text.replace("$0", ""));
    let document = Document {
        text: &rope,
        path: "src/<fim_suffix>.py",
        language: "python",
        workspace: "circles",
    };
    let context = gather(
        &document,
        offset_bytes,
        None,
        &Surroundings::default(),
        &Budget::default(),
    );
    render(&context, shape, &Catalogue::builtin().fim[format])
}

fn shown(request: &Request) -> String {
    let mut text = String::new();
    for segment in &request.prompt {
        match segment {
            Segment::Token(token) => writeln!(text, "token {token}"),
            Segment::Text(plain) => writeln!(text, "text  {plain:?}"),
            Segment::Open(plain) => writeln!(text, "open  {plain:?}"),
            Segment::Template(template) => writeln!(text, "TEMPLATE {template:?}"),
        }
        .expect("a string takes all");
    }
    writeln!(
        text,
        "stop  {:?} {:?}, {} tokens",
        request.stop.tokens, request.stop.texts, request.tokens_max
    )
    .expect("a string takes all");
    text
}

#[test]
fn every_format_is_written_as_its_model_was_trained() {
    let mut all = String::new();
    for name in Catalogue::builtin().fim.keys() {
        let shown = shown(&prompt(TEXT, Shape::Block, name));
        writeln!(all, "{name}\n{shown}").expect("a string takes all");
    }
    expect_file!["prompts.txt"].assert_eq(&all);
}

#[test]
fn nothing_of_a_document_becomes_a_control_token() {
    let catalogue = Catalogue::builtin();
    for name in catalogue.fim.keys() {
        // Each document text is quoted whole, control tokens and all.
        let request = prompt(TEXT, Shape::Line, name);
        let texts: String = request
            .prompt
            .iter()
            .filter_map(|s| {
                if let Segment::Text(text) | Segment::Open(text) = s {
                    Some(text.as_str())
                } else {
                    None
                }
            })
            .collect();
        assert!(texts.contains("# <|fim_middle|> [SUFFIX]\n"), "{name}");
        assert!(texts.contains("# <|endoftext|>\n"), "{name}");
        assert!(
            !request
                .prompt
                .iter()
                .any(|segment| matches!(segment, Segment::Template(_))),
            "{name}"
        );
    }
}

#[test]
fn a_line_ends_with_its_line() {
    check_line(&expect![[r#"
        token <|repo_name|>
        text  "circles\n"
        token <|file_sep|>
        text  "src/<fim_suffix>.py\n"
        token <|fim_prefix|>
        open  "print("
        token <|fim_suffix|>
        text  ")"
        token <|fim_middle|>
        stop  ["<|endoftext|>", "<|fim_pad|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|file_sep|>", "<|repo_name|>", "<|im_start|>", "<|im_end|>"] ["\n"], 64 tokens
    "#]]);
}

fn check_line(expected: &Expect) {
    expected.assert_eq(&shown(&prompt("print($0)", Shape::Line, "qwen")));
}

/// A document of numbered lines of twenty bytes each.
fn numbered(lines: usize) -> String {
    (0..lines)
        .map(|line| format!("line_number_{line:06}()\n"))
        .collect()
}

fn window(text: &str, offset_bytes: usize) -> (String, String) {
    let rope = Rope::from_str(text);
    let document = Document {
        text: &rope,
        path: "a",
        language: "python",
        workspace: "w",
    };
    let context = gather(
        &document,
        offset_bytes,
        None,
        &Surroundings::default(),
        &Budget {
            prefix_tokens_max: 200,
            suffix_tokens_max: 50,
            context_tokens_max: 0,
            ..Budget::default()
        },
    );
    (context.prefix, context.suffix)
}

#[test]
fn a_window_keeps_to_its_budget_and_to_whole_lines() {
    let text = numbered(1000);
    for offset_bytes in (0..text.len()).step_by(97) {
        let (prefix, suffix) = window(&text, offset_bytes);
        assert!(
            prefix.len() <= 600 && suffix.len() <= 150,
            "{} and {}",
            prefix.len(),
            suffix.len()
        );
        assert!(
            prefix.is_empty() || offset_bytes < 600 || prefix.starts_with("line_"),
            "{prefix:?}"
        );
        assert!(suffix.is_empty() || suffix.ends_with('\n'), "{suffix:?}");
        assert!(offset_bytes < 600 || prefix.len() >= 400, "{}", prefix.len());
        assert!(text.contains(&(prefix + &suffix)));
    }
}

#[test]
fn a_window_is_cut_between_characters_where_there_are_no_lines() {
    let text = "ä".repeat(5000);
    let (prefix, suffix) = window(&text, 5001);
    assert_eq!((prefix.len() / 2 * 2, suffix.len()), (prefix.len(), 150));
    assert!(prefix.len() > 400 && prefix.len() <= 600, "{}", prefix.len());
}

#[test]
fn a_window_reaches_into_a_long_line_when_nothing_else_follows() {
    let long = format!("    values = [{}]\n", "1, ü, ".repeat(100));
    for blank in ["\n", "\n\n  \n", "  \r\n"] {
        let text = format!("def f():\n    x = 1{blank}{long}");
        let (_, suffix) = window(&text, text.find('1').expect("it is there") + 1);
        assert!(
            suffix.contains("values = [1, ü") && suffix.len() >= 147 - blank.len(),
            "{suffix:?}"
        );
    }
    // What stands in the cursor's line goes for more than a part of the next.
    let text = format!("f(x)\n{long}");
    assert_eq!(window(&text, 3).1, ")\n");
}

#[test]
fn the_model_sees_no_carriage_returns() {
    let (prefix, suffix) = window("one\r\ntwo\r\nthree\rfour", 7);
    assert_eq!((prefix.as_str(), suffix.as_str()), ("one\ntw", "o\nthree\nfour"));
}
