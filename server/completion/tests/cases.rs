//! Cases as data: a document with a cursor, what the model generates there, and what is offered.
//!
//! A file in `cases/` is Markdown. Its title is the language; a case is a heading, the document with `$0` at
//! the cursor, what is generated, and the outcome: a line, and the document with what is inserted between `«»`
//! and what is replaced between `‹›`. `UPDATE_EXPECT=1 cargo test -p completion` writes the outcomes anew.

#![expect(
    clippy::disallowed_methods,
    reason = "the cases are files, and are written anew on demand"
)]

use std::path::Path;

use completion::{
    Budget, Decision, Document, Finisher, Progress, Suggestion, Surroundings, Trigger, decide, gather,
};
use ropey::Rope;

/// How the generated text is cut into pieces: the outcome must not depend on it.
const PIECE_CHARACTERS: [usize; 3] = [1, 3, 10_000];

struct Case<'a> {
    heading: &'a str,
    document: &'a str,
    generated: &'a str,
    outcome: &'a str,
}

#[test]
fn every_case_gives_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut wrong = Vec::new();
    let mut count = 0;
    let entries = std::fs::read_dir(&folder).expect("the folder of cases can be read");
    for path in entries.map(|entry| entry.expect("an entry can be read").path()) {
        let text = std::fs::read_to_string(&path).expect("a file of cases can be read");
        let language = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("# "))
            .expect("a title names the language");
        let mut fresh = text.split_once("\n## ").expect("there is a case").0.to_owned();
        for case in parse(&text) {
            count += 1;
            let outcome = run(language, &case);
            if outcome != case.outcome {
                wrong.push(format!("{}: {}\n{outcome}", path.display(), case.heading));
            }
            let Case {
                heading,
                document,
                generated,
                ..
            } = case;
            fresh += &format!(
                "\n## {heading}\n\n```\n{document}```\n\ngenerated\n\n```\n{generated}```\n\n{outcome}"
            );
        }
        if update {
            std::fs::write(&path, fresh).expect("a file of cases can be written");
        }
    }
    assert!(count >= 50, "only {count} cases were found");
    assert!(
        update || wrong.is_empty(),
        "{} of {count} cases differ:\n\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn parse(text: &str) -> Vec<Case<'_>> {
    text.split("\n## ").skip(1).map(parse_case).collect()
}

fn parse_case(text: &str) -> Case<'_> {
    let (heading, rest) = text.split_once('\n').expect("a heading has a line of its own");
    let (document, rest) = block(rest);
    let (generated, rest) = block(rest);
    Case {
        heading,
        document,
        generated,
        outcome: rest.strip_prefix("\n\n").unwrap_or_default(),
    }
}

/// The content of the first fenced block of `text`, and what follows it.
fn block(text: &str) -> (&str, &str) {
    let (_, rest) = text.split_once("```\n").expect("a block begins");
    if let Some(rest) = rest.strip_prefix("```") {
        return ("", rest);
    }
    let (content, rest) = rest.split_once("\n```").expect("a block ends");
    let length = content.len() + 1;
    (&text[text.len() - rest.len() - length - 3..][..length], rest)
}

fn run(language: &str, case: &Case) -> String {
    let offset_bytes = case
        .document
        .find("$0")
        .unwrap_or_else(|| panic!("no cursor: {}", case.heading));
    let text = case.document.replacen("$0", "", 1);
    let rope = Rope::from_str(&text);
    let document = Document {
        text: &rope,
        path: "src/file",
        language,
        workspace: "workspace",
    };
    let trigger = if case.heading.ends_with("(invoked)") {
        Trigger::Invoked
    } else {
        Trigger::Automatic
    };
    let shape = match decide(&document, offset_bytes, trigger, None) {
        Decision::Offer(shape) => shape,
        Decision::Silent(silence) => return format!("silent: {}\n", silence.reason()),
    };
    let context = gather(
        &document,
        offset_bytes,
        None,
        &Surroundings::default(),
        &Budget::default(),
    );
    // The last newline belongs to the notation, not to what was generated.
    let generated = case.generated.strip_suffix('\n').unwrap_or(case.generated);
    let outcomes = PIECE_CHARACTERS.map(|characters| {
        let mut finisher = Finisher::new(&context, shape).asked(trigger);
        let mut read = 0;
        let all: Vec<char> = generated.chars().collect();
        for piece in all.chunks(characters) {
            read += piece.len();
            if finisher.push(&piece.iter().collect::<String>()) == Progress::Stop {
                break;
            }
        }
        (finisher.finish(), read, all.len())
    });
    for (outcome, ..) in &outcomes[1..] {
        assert_eq!(outcome, &outcomes[0].0, "{}: the pieces matter", case.heading);
    }
    let (suggestion, read, all) = &outcomes[0];
    let read = if read < all {
        format!("stopped after {read} of {all}")
    } else {
        "read to the end".to_owned()
    };
    match suggestion {
        None => format!("{shape:?}, {read}: nothing\n"),
        Some(suggestion) => format!("{shape:?}, {read}\n\n```\n{}```\n", shown(&text, suggestion)),
    }
}

/// The document with the suggestion in it.
fn shown(text: &str, suggestion: &Suggestion) -> String {
    let Suggestion {
        text: inserted,
        range,
    } = suggestion;
    let replaced = &text[range.clone()];
    let replaced = if replaced.is_empty() {
        String::new()
    } else {
        format!("‹{replaced}›")
    };
    format!(
        "{}{replaced}«{inserted}»{}",
        &text[..range.start],
        &text[range.end..]
    )
}
