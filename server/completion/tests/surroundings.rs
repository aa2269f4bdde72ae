//! What other files add to a prompt, what never enters one, and how long the finisher takes.

use completion::{
    Budget, Decision, Document, Finisher, Neighbour, Omission, Origin, Place, RecentEdit, Shape, Silence,
    Surroundings, Trigger, decide, gather, render,
};
use engine::Segment;
use engine::catalogue::Catalogue;
use ropey::Rope;

const MAIN: &str = "from ledger import total\n\n\ndef report(book):\n    entries = load_entries(book)\n    title = book.title\n    rows = []\n    count = 0\n    \n";

fn document(text: &Rope) -> Document<'_> {
    Document {
        text,
        path: "report.py",
        language: "python",
        workspace: "books",
    }
}

fn neighbour(path: &str, text: &str) -> Neighbour {
    Neighbour::new(path, "python", Rope::from_str(text))
}

fn surroundings() -> Surroundings {
    let secret = format!(
        "KEY = \"{}{}\"\ndef load_entries(book):\n    return []\n",
        "AKIA", "IOSFODNN7ABCDEFG"
    );
    Surroundings {
        documents: vec![
            neighbour("entries.py", &secret),
            neighbour(
                "ledger.py",
                "class Ledger:\n    def total(self, year):\n        return 1\n",
            ),
            neighbour(".env", "PASSWORD=hunter2\n"),
            neighbour("other.py", "def nothing():\n    pass\n"),
        ],
        places: vec![Place {
            path: "other.py".to_owned(),
            line: 1,
        }],
        edits: vec![RecentEdit {
            path: "names.py".to_owned(),
            before: "A = 1\n".to_owned(),
            after: "AMOUNT = 1\n".to_owned(),
        }],
        window_start: None,
    }
}

#[test]
fn other_files_come_first_with_where_they_come_from() {
    let rope = Rope::from_str(MAIN);
    let context = gather(
        &document(&rope),
        MAIN.len() - 1,
        None,
        &surroundings(),
        &Budget::default(),
    );
    let parts = context.parts();
    let shown: Vec<(Origin, &str, &str)> = parts
        .iter()
        .map(|part| (part.origin, part.path.as_str(), part.text.as_str()))
        .collect();
    let expected = [
        (
            Origin::Imported,
            "ledger.py",
            "class Ledger:\n    def total(self, year):",
        ),
        (Origin::Definition, "entries.py", "def load_entries(book):"),
        (Origin::LeftPlace, "other.py", "def nothing():\n    pass"),
        (Origin::RecentEdit, "names.py", "AMOUNT = 1"),
        (Origin::BeforeCursor, "report.py", &MAIN[..MAIN.len() - 1]),
        (Origin::AfterCursor, "report.py", "\n"),
    ];
    assert_eq!(shown, expected);
    let left_out: Vec<(&str, Omission)> = context
        .left_out()
        .iter()
        .map(|left_out| (left_out.path.as_str(), left_out.why))
        .collect();
    let expected = [
        (".env", Omission::SecretFile),
        ("entries.py", Omission::SecretText),
    ];
    assert_eq!(left_out, expected);
}

#[test]
fn other_files_keep_to_their_budget_and_stay_while_a_line_is_typed() {
    let rope = Rope::from_str(MAIN);
    let parts = |offset, tokens| {
        let budget = Budget {
            context_tokens_max: tokens,
            ..Budget::default()
        };
        gather(&document(&rope), offset, None, &surroundings(), &budget).parts()
    };
    assert_eq!(parts(MAIN.len() - 1, 0).len(), 2);
    for tokens in [1, 10, 20, 40, 80] {
        let all = parts(MAIN.len() - 1, tokens);
        let bytes: usize = all[..all.len() - 2].iter().map(|part| part.text.len()).sum();
        assert!(bytes <= tokens as usize * 3, "{tokens}: {bytes}");
    }
    let here = parts(MAIN.len() - 5, 512);
    let there = parts(MAIN.len() - 1, 512);
    assert_eq!(here[..here.len() - 2], there[..there.len() - 2]);
}

#[test]
fn no_secret_enters_a_prompt() {
    let secret = ["AKIA", "IOSFODNN7ABCDEFG"].concat();
    let text = format!("key = \"{secret}\"\nname = 1\nx = \n\nz = \"{secret}\"\n");
    let rope = Rope::from_str(&text);
    let at = text.find("x = ").expect("it is there") + 4;
    let context = gather(
        &document(&rope),
        at,
        None,
        &Surroundings::default(),
        &Budget::default(),
    );
    for format in Catalogue::builtin().fim.values() {
        let request = render(&context, Shape::Block, format);
        let all: String = request
            .prompt
            .iter()
            .map(|segment| match segment {
                Segment::Text(text)
                | Segment::Open(text)
                | Segment::Token(text)
                | Segment::Template(text) => text.as_str(),
            })
            .collect();
        assert!(!all.contains(&secret) && all.contains("REDACTED"), "{all}");
        assert!(all.contains("name = 1\nx = "), "{all}");
    }
    let inside = text.find(&secret).expect("it is there") + 6;
    let silent = decide(&document(&rope), inside, Trigger::Invoked, None);
    assert_eq!(silent, Decision::Silent(Silence::Secret));
    let file = Document {
        path: "a/.env",
        ..document(&rope)
    };
    assert_eq!(
        decide(&file, at, Trigger::Automatic, None),
        Decision::Silent(Silence::Secret)
    );
}

/// What the model sees before and after `at`, in a window of 600 and 150 bytes.
fn shown(text: &Rope, at: usize) -> [String; 2] {
    let budget = Budget {
        prefix_tokens_max: 200,
        suffix_tokens_max: 50,
        context_tokens_max: 0,
        ..Budget::default()
    };
    let context = gather(&document(text), at, None, &Surroundings::default(), &budget);
    let parts = context.parts();
    let [.., before, after] = parts.as_slice() else {
        panic!("a prompt has two parts of its document");
    };
    [before.text.clone(), after.text.clone()]
}

#[test]
fn a_private_key_that_the_window_cuts_is_hidden_and_gone_on_with_by_nobody() {
    let mark = |end: &str| format!("  -----{end} RSA {} KEY-----\n", "PRIVATE");
    let code = "  kLmN0pQrStUvWxYz0123456789abcdefGHIJ+/kLmN0pQrStUvWxYz0123456789ab\n".repeat(50);
    let text = [
        "a: 1\nkey: |\n",
        &mark("BEGIN"),
        &code,
        &mark("END"),
        &"b: 2\n".repeat(400),
    ]
    .concat();
    for text in [text.clone(), text.replace('\n', "\r\n")] {
        let rope = Rope::from_str(&text);
        let begin = text.find("kLmN").expect("it is there");
        let end = text.find("  -----END").expect("it is there");
        for at in (begin..text.len()).step_by(37) {
            let shown = shown(&rope, at).concat();
            assert!(
                !shown.contains("kLmN") && !shown.contains("6789ab"),
                "{at}: {shown}"
            );
            assert_eq!(shown.contains("REDACTED"), at < end + 600, "{at}: {shown}");
            let secret = decide(&document(&rope), at, Trigger::Invoked, None);
            assert_eq!(secret == Decision::Silent(Silence::Secret), at <= end, "{at}");
        }
    }
}

#[test]
fn a_secret_that_begins_before_the_window_is_hidden() {
    let value = "kLmN0pQrStUvWxYz0123456789abcdefGHIJ".repeat(9);
    let filler = "name = call(value)\n".repeat(400);
    let text = format!("{filler}token = \"{value}\"\n{filler}");
    let rope = Rope::from_str(&text);
    let start = text.find("token").expect("it is there");
    for at in start..start + value.len() + 700 {
        let shown = shown(&rope, at).concat();
        assert!(
            !shown.contains("kLmN") && !shown.contains("GHIJ"),
            "{at}: {shown}"
        );
    }
}

#[test]
fn code_that_speaks_of_keys_is_shown_and_gone_on_with() {
    let mark = format!("-----BEGIN RSA {} KEY-----", "PRIVATE");
    let text = format!("def is_key(text):\n    return text.startswith(\"{mark}\")\n\n\nprint(1, 2)\nx = \n");
    let rope = Rope::from_str(&text);
    let at = text.len() - 1;
    assert_eq!(shown(&rope, at).concat(), text);
    assert!(matches!(
        decide(&document(&rope), at, Trigger::Invoked, None),
        Decision::Offer(_)
    ));
}

#[test]
fn a_prompt_holds_other_files_as_its_format_has_it() {
    let rope = Rope::from_str(MAIN);
    let context = gather(
        &document(&rope),
        MAIN.len() - 1,
        None,
        &surroundings(),
        &Budget::default(),
    );
    let request = render(&context, Shape::Block, &Catalogue::builtin().fim["qwen"]);
    let first: Vec<String> = request.prompt[..4]
        .iter()
        .map(|segment| format!("{segment:?}"))
        .collect();
    let expected = [
        "Token(\"<|repo_name|>\")",
        "Text(\"books\\n\")",
        "Token(\"<|file_sep|>\")",
        "Text(\"ledger.py\\nclass Ledger:\\n    def total(self, year):\\n\")",
    ];
    assert_eq!(first, expected);
}

#[test]
fn a_long_document_is_parsed_once_however_many_pieces_come() {
    let mut text = String::new();
    for index in 0..1250 {
        text += &format!("def function_{index}(value):\n    other = value + {index}\n    return other\n\n");
    }
    let at = text.find("\n    return other").expect("it is there");
    let rope = Rope::from_str(&text);
    let context = gather(
        &document(&rope),
        at,
        None,
        &Surroundings::default(),
        &Budget::default(),
    );
    let mut finisher = Finisher::new(&context, Shape::Block);
    for index in 0..6 {
        for piece in ["\n", "    other", " +=", &format!(" {index}")] {
            finisher.push(piece);
        }
    }
    assert!(finisher.parses() <= 16, "{} parses", finisher.parses());
    assert!(finisher.finish().is_some());
}
