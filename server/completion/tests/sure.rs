//! What is shown unasked ends where the model becomes unsure.

use completion::{Budget, Document, Finisher, Progress, Shape, Surroundings, Trigger, gather};
use ropey::Rope;

/// What is shown of `pieces`, each with its probability, at the `|` of `notation`, and how many were taken.
fn shown(language: &str, notation: &str, pieces: &[(&str, f32)]) -> (Option<String>, usize) {
    let offset = notation.find('|').expect("a cursor");
    let text = Rope::from_str(&notation.replacen('|', "", 1));
    let document = Document {
        text: &text,
        path: "a",
        language,
        workspace: "w",
    };
    let context = gather(
        &document,
        offset,
        None,
        &Surroundings::default(),
        &Budget::default(),
    );
    let mut finisher = Finisher::new(&context, Shape::Block).asked(Trigger::Automatic);
    let mut taken = 0;
    for (piece, probability) in pieces {
        taken += 1;
        if finisher.push_scored(piece, Some(probability.ln())) == Progress::Stop {
            break;
        }
    }
    (finisher.finish().map(|suggestion| suggestion.text), taken)
}

/// A language, a place, what the model says there and how sure it is of each piece; what is shown of it, and how many
/// pieces were waited for.
type Case<'a> = (&'a str, &'a str, &'a [(&'a str, f32)], Option<&'a str>, usize);

#[test]
fn a_text_ends_before_what_the_model_is_unsure_of() {
    let python = "def f(items):\n    |\n\nf([])\n";
    let c = "int f(int a) {\n    |\n    return a;\n}\n";
    let cases: [Case; 6] = [
        // Sure to the end.
        (
            "python",
            python,
            &[("return", 0.9), (" items", 0.9), ("\n", 0.9), ("\n", 0.9)],
            Some("return items"),
            4,
        ),
        // Unsure of the last word: what stands before it is shown, and nothing more is generated.
        (
            "python",
            python,
            &[
                ("return", 0.9),
                (" items", 0.8),
                (".", 0.9),
                ("sort", 0.2),
                ("()", 0.9),
            ],
            Some("return items"),
            4,
        ),
        // Little by little.
        (
            "python",
            python,
            &[
                ("print", 0.85),
                ("(", 0.85),
                ("items", 0.85),
                ("[", 0.85),
                ("0", 0.9),
            ],
            Some("print(items"),
            4,
        ),
        // Too little is left.
        (
            "python",
            python,
            &[("if", 0.6), (" not", 0.2), (" items", 0.9)],
            None,
            2,
        ),
        // The file parses, and with half a statement it would not.
        (
            "c",
            c,
            &[("a", 0.9), (" +=", 0.9), (" ", 0.9), ("total", 0.2)],
            None,
            4,
        ),
        (
            "c",
            c,
            &[("a", 0.9), ("++;", 0.9), ("\n", 0.9), ("    a", 0.2)],
            Some("a++;"),
            4,
        ),
    ];
    for (language, notation, pieces, expected, taken) in cases {
        let expected = expected.map(str::to_owned);
        assert_eq!(shown(language, notation, pieces), (expected, taken), "{pieces:?}");
    }
}
