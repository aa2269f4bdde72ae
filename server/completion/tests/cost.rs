//! What the finisher costs in a file of 5,000 lines: counts are asserted, times only printed (`--nocapture`).

#![expect(clippy::disallowed_methods, reason = "times are taken to be printed")]

use std::time::{Duration, Instant};

use completion::{Budget, Decision, Document, Finisher, Progress, Surroundings, Trigger, decide, gather};
use ropey::Rope;

/// One parse again reads what is near the cursor: a few pieces of the rope, of about a kilobyte each.
const REREAD_BYTES_MAX: usize = 8 * 1024;

/// What pushing a piece led to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Piece {
    Plain,
    First,
    Later,
}

struct Cost {
    pushes: usize,
    parses: usize,
    reread_bytes: usize,
    first: Duration,
    later: Duration,
    without: Duration,
}

/// Pushes `generated` at `$0`, three characters at a time.
fn cost(text: &str, language: &str, generated: &str, trigger: Trigger) -> Option<Cost> {
    let at = text.find("$0").expect("a cursor");
    let rope = Rope::from_str(&text.replacen("$0", "", 1));
    let document = Document {
        text: &rope,
        path: "src/long",
        language,
        workspace: "workspace",
    };
    let Decision::Offer(shape) = decide(&document, at, trigger, None) else {
        return None;
    };
    let context = gather(&document, at, None, &Surroundings::default(), &Budget::default());
    let mut finisher = Finisher::new(&context, shape).asked(trigger);
    let mut times = Vec::new();
    let all: Vec<char> = generated.chars().collect();
    for piece in all.chunks(3) {
        let piece: String = piece.iter().collect();
        let before = finisher.parses();
        let started = Instant::now();
        let progress = finisher.push(&piece);
        let kind = match (before, finisher.parses()) {
            (before, after) if before == after => Piece::Plain,
            (0, _) => Piece::First,
            _ => Piece::Later,
        };
        times.push((started.elapsed(), kind));
        if progress == Progress::Stop {
            break;
        }
    }
    let (parses, reread_bytes) = (finisher.parses(), finisher.reread_bytes());
    let worst = |of: Piece| {
        let times = times.iter().filter(|(_, kind)| *kind == of);
        times.map(|(time, _)| *time).max().unwrap_or_default()
    };
    Some(Cost {
        pushes: times.len(),
        parses,
        reread_bytes,
        first: worst(Piece::First),
        later: worst(Piece::Later),
        without: worst(Piece::Plain),
    })
}

/// About 5,000 lines around `middle`.
fn long(one: impl Fn(usize) -> String, middle: &str) -> String {
    let part = |from: usize, to: usize| (from..to).map(&one).collect::<String>();
    [&part(0, 625), middle, &part(625, 1250)].concat()
}

#[test]
fn a_long_file_is_parsed_again_a_few_times_at_most() {
    let python =
        |index| format!("def function_{index}(value):\n    other = value + {index}\n    return other\n\n");
    let python = long(
        python,
        "def here(values):\n    if not values:\n        $0\n    for value in rest:\n        print(value)\n\n",
    );
    let rust = |index| {
        format!(
            "fn function_{index}(value: u32) -> u32 {{\n    let other = value + {index};\n    other\n}}\n"
        )
    };
    let rust = long(
        rust,
        "fn here(values: &[u32]) {\n    if values.is_empty() {\n        $0\n    }\n    finish();\n}\n",
    );
    let to_the_rest = "return 0\n    first = values[0]\n    rest = values[1:]\n    for value in rest:\n";
    let never = "return 0\n    while first:\n        if one:\n            two(three)\n        else:\n            four()\n    five()\n    six()\n    seven()\n    eight()\n    nine()\n    ten()\n";
    let in_rust = "return;\n    }\n    let first = values[0];\n    if first > 1 {\n        start();\n    }\n    finish();\n";
    let split =
        |index| format!("def function_{index}(value):\n    other = value + {index}\n    return other\n\n");
    let split = long(
        split,
        "def here(values):\n    $0\n            else:\n                other()\n\n",
    );
    let joints =
        |index| format!("def function_{index}(value):\n    other = value + {index}\n    return other\n\n");
    let joints = long(
        joints,
        "def here(values):\n    one$0 value)\n    last(values)\n\n",
    );
    let branches = "for value in values:\n        if value:\n            one()\n            if two():\n                three()\n            else:\n";
    for (name, text, language, generated) in [
        (
            "several joints",
            &joints,
            "python",
            "(1,\n        value)\n    two(\n        value)\n    three(other, value)\n    print(value)\n",
        ),
        ("several ends", &split, "python", branches),
        ("up to the next line", &python, "python", to_the_rest),
        ("never to the next line", &python, "python", never),
        ("in Rust", &rust, "rust", in_rust),
    ] {
        for trigger in [Trigger::Invoked, Trigger::Automatic] {
            let Some(cost) = cost(text, language, generated, trigger) else {
                continue;
            };
            println!(
                "{name}, {trigger:?}: {} pieces, {} parses, {} bytes read again, {:?} with the first, at most {:?} with a later one and {:?} without",
                cost.pushes, cost.parses, cost.reread_bytes, cost.first, cost.later, cost.without
            );
            assert!(cost.parses <= 8, "{name}: {} parses", cost.parses);
            assert!(
                cost.reread_bytes <= cost.parses * REREAD_BYTES_MAX,
                "{name}: {} bytes in {} parses",
                cost.reread_bytes,
                cost.parses
            );
        }
    }
}
