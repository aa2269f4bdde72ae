//! Random interleavings of typing, saving, foreign writes, proposals, decisions and editors of every manner.
//!
//! Everything that anybody writes is a token of its own: the lines that were there, the marks of users and
//! other programs, the lines of proposals. [`Tokens`] keeps count of which of them must stand in each file by
//! what was shown, decided, applied, and taken back; at every moment exactly these stand there, each once.

mod tokens;
mod world;

use host::{Environment, RealHost};
use proptest::prelude::*;
use serde_json::json;

use world::{FILES, World};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    ChangesFirst,
    AnswersFirst,
    Refuses,
    Ignores,
    /// The user types before the request arrives, so that its version does not fit.
    TypesFirst,
    /// The user types after everything was planned and before the editor is asked.
    TypesEarly,
    /// The first document is changed, then it refuses.
    Halfway,
}

#[derive(Debug, Clone, Copy)]
enum What {
    /// A line after it.
    Add,
    /// Another line in its place.
    Replace,
    /// It goes.
    Remove,
}

#[derive(Debug, Clone)]
enum Act {
    Open(usize),
    SaveAndClose(usize),
    Save(usize),
    Type(usize, usize),
    /// Another program writes a file that no editor has open.
    Write(usize, usize),
    /// Something about these lines, one in each file.
    Propose(Vec<(usize, usize, What)>),
    KeepAll(Manner),
    Keep(usize, Manner),
    Drop(usize),
    DropAll,
    Undo(Manner),
    Redo(Manner),
    Restart,
}

fn manner() -> impl Strategy<Value = Manner> {
    prop_oneof![
        4 => Just(Manner::ChangesFirst),
        2 => Just(Manner::AnswersFirst),
        1 => Just(Manner::Refuses),
        1 => Just(Manner::Ignores),
        2 => Just(Manner::TypesFirst),
        2 => Just(Manner::TypesEarly),
        1 => Just(Manner::Halfway),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let file = 0..FILES.len();
    let what = prop_oneof![2 => Just(What::Add), 1 => Just(What::Replace), 1 => Just(What::Remove)];
    let places = prop::collection::vec((0..FILES.len(), 0..20_usize, what), 1..4);
    prop_oneof![
        2 => file.clone().prop_map(Act::Open),
        1 => file.clone().prop_map(Act::SaveAndClose),
        1 => file.clone().prop_map(Act::Save),
        4 => (file.clone(), 0..200_usize).prop_map(|(file, at)| Act::Type(file, at)),
        1 => (file, 0..200_usize).prop_map(|(file, at)| Act::Write(file, at)),
        4 => places.prop_map(Act::Propose),
        2 => manner().prop_map(Act::KeepAll),
        3 => (0..20_usize, manner()).prop_map(|(index, manner)| Act::Keep(index, manner)),
        1 => (0..20_usize).prop_map(Act::Drop),
        1 => Just(Act::DropAll),
        2 => manner().prop_map(Act::Undo),
        1 => manner().prop_map(Act::Redo),
        1 => Just(Act::Restart),
    ]
}

/// Plays these acts.
fn play(acts: Vec<Act>) -> World {
    let mut world = World::new();
    for act in acts {
        let name = format!("{act:?}");
        world.act(act);
        world.check(&name);
    }
    world
}

#[test]
fn what_an_undo_brings_about_on_the_disk_is_not_taken_for_an_answer_of_the_editor() {
    // A hunk that takes a kept line away again was kept as well, and the editor refused its part.
    play(vec![
        Act::Open(1),
        Act::Propose(vec![(0, 16, What::Add)]),
        Act::KeepAll(Manner::ChangesFirst),
        Act::Propose(vec![(1, 0, What::Add), (0, 5, What::Remove)]),
        Act::KeepAll(Manner::Refuses),
        Act::Undo(Manner::ChangesFirst),
        Act::Undo(Manner::ChangesFirst),
    ]);
}

#[test]
fn a_file_whose_undo_cannot_be_proposed_keeps_no_other_from_it() {
    play(vec![
        Act::Propose(vec![(1, 6, What::Add)]),
        Act::Propose(vec![(1, 1, What::Add)]),
        Act::Propose(vec![(2, 0, What::Add), (1, 1, What::Replace), (0, 0, What::Add)]),
        Act::KeepAll(Manner::ChangesFirst),
        Act::Open(2),
        Act::Write(1, 41),
        Act::Type(2, 33),
        Act::Propose(vec![(1, 0, What::Add)]),
        Act::Undo(Manner::ChangesFirst),
    ]);
}

#[test]
fn what_waits_since_an_undo_is_not_put_up_again_by_the_next() {
    play(vec![
        Act::Propose(vec![(2, 15, What::Remove)]),
        Act::KeepAll(Manner::ChangesFirst),
        Act::Write(2, 96),
        Act::Propose(vec![(2, 2, What::Replace)]),
        Act::Undo(Manner::ChangesFirst),
        Act::Undo(Manner::ChangesFirst),
        Act::KeepAll(Manner::ChangesFirst),
    ]);
}

#[test]
fn a_step_whose_lines_are_gone_with_a_later_one_is_left_alone() {
    // The later step's way back waits, because somebody typed in its line; the earlier step added that line.
    let mut world = play(vec![
        Act::Propose(vec![(2, 2, What::Add)]),
        Act::KeepAll(Manner::ChangesFirst),
        Act::Propose(vec![(0, 0, What::Add)]),
        Act::Propose(vec![(2, 10, What::Replace)]),
        Act::Open(2),
        Act::KeepAll(Manner::ChangesFirst),
        Act::Type(2, 186),
        Act::Open(0),
        Act::Undo(Manner::ChangesFirst),
        Act::Undo(Manner::ChangesFirst),
    ]);
    let answer = world.ask("undo", &json!({})).expect("answered");
    let expected = "`c` changed since and was left alone: cannot propose a change to `c`: other changes wait in the \
                    same lines; decide them first, or read the file again";
    assert_eq!(answer, json!({ "applied": false, "message": expected }));
}

/// How many interleavings are played.
fn cases() -> u32 {
    let wanted = RealHost::new().variable("FREEHOLD_CASES");
    wanted.and_then(|cases| cases.parse().ok()).unwrap_or(256)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn nobody_loses_a_character(acts in prop::collection::vec(act(), 1..30)) {
        let mut world = play(acts);
        // All that waits still is dropped: what stands stays.
        let before: Vec<String> = (0..FILES.len()).map(|file| world.text(file)).collect();
        world.ask("dropAll", &json!({})).expect("answered");
        let after: Vec<String> = (0..FILES.len()).map(|file| world.text(file)).collect();
        prop_assert_eq!(before, after);
    }
}
