//! Documents held against a naive model, over random texts and edits.

use proptest::prelude::*;
use ropey::Rope;
use testing::naive;
use text::{Change, Document, Encoding, Position, Range, offset, position};

/// Pieces that texts are made of: every line break, what merely looks like one, one to four bytes.
const PIECES: [&str; 14] = [
    "a", "b", " ", "{", "é", "漢", "😀", "𝒳", "\n", "\r", "\r\n", "\u{2028}", "\u{85}", "\u{b}",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..24).prop_map(|pieces| pieces.concat())
}

/// Mostly within the text, sometimes far outside.
fn place() -> impl Strategy<Value = naive::Place> {
    let count = prop_oneof![20 => 0..8_u32, 1 => Just(u32::MAX)];
    (count.clone(), count)
}

fn at((line, character): naive::Place) -> Position {
    Position { line, character }
}

fn change(start: naive::Place, end: naive::Place, text: &str) -> Change {
    Change {
        range: Some(Range {
            start: at(start),
            end: at(end),
        }),
        text: text.to_owned(),
    }
}

proptest! {
    // Failures are written down as tests of their own below, not as seeds.
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn edits_leave_what_the_model_says(
        start in text(),
        edits in prop::collection::vec((place(), place(), text()), 1..12),
    ) {
        let mut document = Document::new(&start, 0);
        let mut model = naive::Text::new(&start);
        for (version, (start, end, text)) in edits.iter().enumerate() {
            let version = i32::try_from(version).expect("small");
            document.apply(version, &[change(*start, *end, text)], Encoding::Utf16);
            model.replace(*start, *end, text);
            prop_assert_eq!(document.text().to_string(), model.to_string());
            prop_assert_eq!(document.text().len_utf16_cu(), model.len());
            prop_assert_eq!(document.version(), version);
        }
    }

    #[test]
    fn many_changes_in_one_message_are_the_same_as_one_message_each(
        start in text(),
        edits in prop::collection::vec((place(), place(), text()), 1..12),
    ) {
        let changes: Vec<Change> = edits.iter().map(|(start, end, text)| change(*start, *end, text)).collect();
        let mut together = Document::new(&start, 0);
        together.apply(1, &changes, Encoding::Utf16);
        let mut apart = Document::new(&start, 0);
        for change in &changes {
            apart.apply(1, std::slice::from_ref(change), Encoding::Utf16);
        }
        prop_assert_eq!(together, apart);
    }

    #[test]
    fn a_change_may_be_split_at_any_character(
        start in text(),
        from in place(),
        to in place(),
        inserted in text(),
        encoding in prop::sample::select(&[Encoding::Utf8, Encoding::Utf16, Encoding::Utf32][..]),
    ) {
        // Whole characters only: half of a pair has no split.
        let rope = Rope::from_str(&start);
        let (from, to) = (offset(&rope, at(from), encoding), offset(&rope, at(to), encoding));
        let (from, to) = (from.min(to), from.max(to));
        let mut whole = Document::new(&start, 0);
        let range = Range { start: position(&rope, from, encoding), end: position(&rope, to, encoding) };
        whole.apply(1, &[Change { range: Some(range), text: inserted.clone() }], encoding);

        // Piece by piece: first the new text before the old, then the old text taken away.
        let mut split = Document::new(&start, 0);
        let mut end = from;
        for piece in inserted.chars() {
            let place = position(split.text(), end, encoding);
            // Between CR and LF there is no position, so no editor can type there.
            prop_assume!(offset(split.text(), place, encoding) == end);
            let range = Range { start: place, end: place };
            split.apply(1, &[Change { range: Some(range), text: piece.to_string() }], encoding);
            end += piece.len_utf8();
        }
        let last = position(split.text(), end + (to - from), encoding);
        let first = position(split.text(), end, encoding);
        prop_assume!(offset(split.text(), first, encoding) == end);
        prop_assume!(offset(split.text(), last, encoding) == end + (to - from));
        split.apply(1, &[Change { range: Some(Range { start: first, end: last }), text: String::new() }], encoding);
        prop_assert_eq!(split.text().to_string(), whole.text().to_string());
    }

    #[test]
    fn positions_in_utf_16_are_the_model_s(text in text(), place in place()) {
        let rope = Rope::from_str(&text);
        let model = naive::Text::new(&text);
        let unit = model.unit(place);
        let found = offset(&rope, at(place), Encoding::Utf16);
        // The start of the character that holds the unit.
        let expected = text.char_indices().map(|(at, _)| at).chain([text.len()])
            .rfind(|at| text[..*at].encode_utf16().count() <= unit);
        prop_assert_eq!(Some(found), expected);
        let back = position(&rope, found, Encoding::Utf16);
        prop_assert_eq!((back.line, back.character), model.place(text[..found].encode_utf16().count()));
    }

    #[test]
    fn every_offset_comes_back_from_its_position(
        text in text(),
        encoding in prop::sample::select(&[Encoding::Utf8, Encoding::Utf16, Encoding::Utf32][..]),
    ) {
        let rope = Rope::from_str(&text);
        for (at, character) in text.char_indices().chain([(text.len(), ' ')]) {
            let between = character == '\n' && text[..at].ends_with('\r');
            let back = offset(&rope, position(&rope, at, encoding), encoding);
            prop_assert_eq!(back, at - usize::from(between));
        }
    }
}

#[test]
fn places_outside_the_text_are_its_ends() {
    let rope = Rope::from_str("one\r\ntwo\rthree\n");
    let cases = [
        ((0, 3), 3),
        ((0, 4), 3),
        ((0, u32::MAX), 3),
        ((1, 99), 8),
        ((2, 99), 14),
        ((3, 0), 15),
        ((3, 7), 15),
        ((4, 0), 15),
        ((u32::MAX, u32::MAX), 15),
    ];
    for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
        for (place, expected) in cases {
            assert_eq!(
                offset(&rope, at(place), encoding),
                expected,
                "{place:?} in {encoding:?}"
            );
        }
    }
}

#[test]
fn a_cut_pair_keeps_the_width_of_the_text() {
    let mut document = Document::new("a😀b", 0);
    document.apply(1, &[change((0, 2), (0, 3), "")], Encoding::Utf16);
    assert_eq!(document.text().to_string(), "a\u{fffd}b");
    let mut document = Document::new("a😀b", 0);
    document.apply(1, &[change((0, 2), (0, 2), "-")], Encoding::Utf16);
    assert_eq!(document.text().to_string(), "a\u{fffd}-\u{fffd}b");
    let mut document = Document::new("a😀😃b", 0);
    document.apply(1, &[change((0, 2), (0, 4), "")], Encoding::Utf16);
    assert_eq!(document.text().to_string(), "a😃b");
}

#[test]
fn a_range_written_backwards_is_put_in_order() {
    let mut document = Document::new("one two", 0);
    document.apply(1, &[change((0, 7), (0, 3), "")], Encoding::Utf16);
    assert_eq!(document.text().to_string(), "one");
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let mut document = Document::new("one", 1);
    let snapshot = document.clone();
    document.apply(
        2,
        &[Change {
            range: None,
            text: "two".to_owned(),
        }],
        Encoding::Utf16,
    );
    assert_eq!(
        (snapshot.text().to_string(), snapshot.version()),
        ("one".to_owned(), 1)
    );
}
