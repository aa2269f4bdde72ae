//! What holds whatever stands in a document and whatever a model writes.

use completion::{
    Budget, Decision, Document, Finisher, Progress, Selected, Shape, Suggestion, Surroundings, Trigger,
    decide, gather,
};
use proptest::prelude::*;
use ropey::Rope;
use syntax::{Limits, Tree};

const LANGUAGES: &[&str] = &[
    "python",
    "rust",
    "typescript",
    "typescriptreact",
    "c",
    "html",
    "lua",
    "markdown",
    "unknown",
];

/// Pieces that make up text: those which matter to the finisher more often than others.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => Just("\n"), 2 => Just("\n    "), 1 => Just("\n        "), 1 => Just("\r\n"), 1 => Just("\n\n"),
        2 => Just("("), 2 => Just(")"), 2 => Just("{"), 2 => Just("}"), 1 => Just("["), 1 => Just("]"),
        1 => Just("\""), 1 => Just("'"), 1 => Just("\"\"\""), 1 => Just("`"), 1 => Just("\\"),
        1 => Just("//"), 1 => Just("#"), 1 => Just("/*"), 1 => Just("*/"), 1 => Just("</p>"), 1 => Just("r#\""),
        3 => Just("return total"), 3 => Just("call(x)"), 2 => Just("else:"), 2 => Just("name"), 2 => Just(" "),
        1 => Just(";"), 1 => Just(":"), 1 => Just("end"), 1 => Just("ü"), 1 => Just("🦀"), 1 => Just("\u{fffd}"),
        1 => Just("世界"), 1 => Just("\t"), 1 => Just("\u{a0}"), 1 => Just("\u{2003}"), 1 => Just("\u{3000}"),
    ];
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

/// White space as wide in bytes as it comes, or none.
fn space() -> impl Strategy<Value = String> {
    let one = prop::sample::select(vec![" ", "\t", "\u{a0}", "\u{2003}", "\u{3000}"]);
    prop::collection::vec(one, 0..4).prop_map(|spaces| spaces.concat())
}

/// What a line can end with after the cursor.
const ENDINGS: &[&str] = &["世界", ")", "))", "ü)", "name)", "🦀", "call(x);", "é = 世", "}"];

/// A place in `text` that is not inside a character.
fn place(text: &str, share: f64) -> usize {
    let places: Vec<usize> = text
        .char_indices()
        .map(|(at, _)| at)
        .chain([text.len()])
        .collect();
    let at = (share * places.len() as f64) as usize;
    places[at.min(places.len() - 1)]
}

fn finish(document: &Document, offset_bytes: usize, shape: Shape, pieces: &[String]) -> Option<Suggestion> {
    let context = gather(
        document,
        offset_bytes,
        None,
        &Surroundings::default(),
        &Budget::default(),
    );
    let mut finisher = Finisher::new(&context, shape);
    for piece in pieces {
        if finisher.push(piece) == Progress::Stop {
            break;
        }
    }
    finisher.finish()
}

/// All that a session can do with a finisher, whatever it makes of it.
fn finish_in_every_way(document: &Document, offset_bytes: usize, pieces: &[String]) {
    let budget = Budget::default();
    let context = gather(document, offset_bytes, None, &Surroundings::default(), &budget);
    for shape in [Shape::Line, Shape::Span, Shape::Block] {
        for trigger in [Trigger::Invoked, Trigger::Automatic] {
            let mut finisher = Finisher::new(&context, shape).asked(trigger);
            for (index, piece) in pieces.iter().enumerate() {
                finisher.push_scored(piece, Some(-0.4 * index as f32));
                let mut length_reached = finisher.clone();
                length_reached.length_reached();
                let mut broken_off = finisher.clone();
                broken_off.broken_off();
                for so_far in [finisher.clone(), length_reached, broken_off] {
                    if let Some((suggestion, _)) = so_far.finish_scored(trigger) {
                        assert!(document.text.get_byte_slice(suggestion.range).is_some());
                    }
                }
            }
        }
    }
}

fn applied(text: &str, suggestion: &Suggestion) -> String {
    format!(
        "{}{}{}",
        &text[..suggestion.range.start],
        suggestion.text,
        &text[suggestion.range.end..]
    )
}

/// Whether `text` parses, if its language has a grammar.
fn parses(id: &str, text: &str) -> bool {
    let tree = Tree::parse(syntax::language(id), &Rope::from_str(text), &Limits::default());
    tree.is_none_or(|tree| tree.is_whole())
}

/// Lines with text, each with where it begins.
fn lines(text: &str) -> Vec<(usize, &str)> {
    let mut start = 0;
    let mut lines = Vec::new();
    for line in text.split('\n') {
        if !line.trim().is_empty() {
            lines.push((start, line.trim_end()));
        }
        start += line.len() + 1;
    }
    lines
}

proptest! {
    #[test]
    fn a_suggestion_is_whole_and_repeats_no_line_next_to_it(
        before in text(), after in text(), generated in text(),
        language in prop::sample::select(LANGUAGES), piece_characters in 2..12usize,
    ) {
        let text = format!("{before}{after}");
        let rope = Rope::from_str(&text);
        let document = Document { text: &rope, path: "a", language, workspace: "w" };
        let offset_bytes = before.len();
        prop_assume!(!(before.ends_with('\r') && after.starts_with('\n')));
        let Decision::Offer(shape) = decide(&document, offset_bytes, Trigger::Invoked, None) else { return Ok(()) };
        let characters: Vec<char> = generated.chars().collect();
        let pieces: Vec<String> = characters.chunks(piece_characters).map(|piece| piece.iter().collect()).collect();
        let Some(suggestion) = finish(&document, offset_bytes, shape, &pieces) else { return Ok(()) };

        prop_assert!(!suggestion.text.trim().is_empty());
        prop_assert!(!suggestion.text.contains(char::REPLACEMENT_CHARACTER));
        prop_assert_eq!(suggestion.range.start, offset_bytes);
        prop_assert!(!text[suggestion.range.clone()].contains(['\n', '\r']));
        prop_assert!(shape != Shape::Line || !suggestion.text.contains('\n'));
        prop_assert!(!parses(language, &text) || parses(language, &applied(&text, &suggestion)), "a file breaks");
        let whole_at_once = finish(&document, offset_bytes, shape, std::slice::from_ref(&generated));
        prop_assert_eq!(whole_at_once.as_ref(), Some(&suggestion), "the pieces matter");

        let result = applied(&text, &suggestion).replace('\r', "\n");
        let lines = lines(&result);
        let end = suggestion.range.start + suggestion.text.len();
        for pair in lines.windows(2) {
            let [(start, one), (other_start, other)] = pair else { continue };
            // Only lines that the suggestion has a part in.
            let touches = *other_start <= end && start + one.len() + 1 > offset_bytes
                || *start < end && other_start + other.len() > offset_bytes;
            let letters = one.chars().filter(|character| character.is_alphanumeric()).count();
            prop_assert!(!touches || letters < 4 || one != other, "{:?} stands twice in {:?}", one, result);
        }
    }

    #[test]
    fn a_line_is_joined_whatever_its_white_space_is_made_of(
        before in text(), start in text(), ending in prop::sample::select(ENDINGS), after in text(),
        gap in space(), other_gap in space(), trailing in space(), more in text(),
        language in prop::sample::select(LANGUAGES),
    ) {
        let text = format!("{before}{gap}{ending}\n{after}");
        let rope = Rope::from_str(&text);
        let document = Document { text: &rope, path: "a", language, workspace: "w" };
        let line = format!("{start}{other_gap}{ending}{trailing}");
        finish_in_every_way(&document, before.len(), &[line, format!("\n{more}")]);
    }

    #[test]
    fn no_place_and_no_selection_is_too_strange(
        text in text(), offset_bytes in 0..200usize, start in 0..200usize, length in 0..20usize, word in text(),
        language in prop::sample::select(LANGUAGES),
    ) {
        let rope = Rope::from_str(&text);
        let document = Document { text: &rope, path: "a", language, workspace: "w" };
        let selected = Selected { range: start..start + length, text: word.clone() };
        for selected in [None, Some(&selected)] {
            for trigger in [Trigger::Invoked, Trigger::Automatic] {
                let decision = decide(&document, offset_bytes, trigger, selected);
                let context = gather(&document, offset_bytes, selected, &Surroundings::default(), &Budget::default().within(64));
                let mut finisher = Finisher::new(&context, Shape::Block);
                finisher.push("text");
                finisher.length_reached();
                let suggestion = finisher.finish();
                let (Decision::Offer(_), Some(selected), Some(suggestion)) = (decision, selected, suggestion) else {
                    continue;
                };
                let plain = |text: &str| text.replace("\r\n", "\n").replace('\r', "\n");
                prop_assert!(plain(&suggestion.text).starts_with(&plain(&word)));
                prop_assert_eq!(suggestion.range.start, selected.range.start);
                prop_assert!(suggestion.range.end >= selected.range.end);
            }
        }
    }

    #[test]
    fn the_place_survives_any_cut_of_the_document(text in text(), share in 0.0..1.0f64) {
        let rope = Rope::from_str(&text);
        let document = Document { text: &rope, path: "a", language: "rust", workspace: "w" };
        let offset_bytes = place(&text, share);
        let context = gather(&document, offset_bytes, None, &Surroundings::default(), &Budget { prefix_tokens_max: 4, suffix_tokens_max: 3, context_tokens_max: 0, ..Budget::default() });
        prop_assert!(context.prefix.len() <= 12 && context.suffix.len() <= 9);
        let plain = |text: &str| text.replace("\r\n", "\n").replace('\r', "\n");
        prop_assert!(plain(&text[..offset_bytes]).ends_with(&context.prefix));
        prop_assert!(plain(&text[offset_bytes..]).starts_with(&context.suffix));
    }
}
