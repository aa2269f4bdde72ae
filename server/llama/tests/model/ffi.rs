//! The unsafe layer at and past its bounds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use llama::LoadError;
use llama::ffi::backend::Backend;
use llama::ffi::batch::Batch;
use llama::ffi::context::{Context, ContextSizes, DecodeError, Decoded};
use llama::ffi::grammar::Grammar;
use llama::ffi::memory::MemoryError;
use llama::ffi::model::Model;
use llama::ffi::vocabulary::Vocabulary;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::model_file;

const SIZES: ContextSizes = ContextSizes {
    context_tokens: 256,
    batch_tokens: 16,
    sequences: 3,
};

/// The model by itself, loaded once.
pub fn model() -> Option<Arc<Model>> {
    static MODEL: OnceLock<Arc<Model>> = OnceLock::new();
    let file = model_file()?;
    let load = || {
        let backend = Backend::get(None).expect("the build's libraries are there");
        Arc::new(Model::load(backend, &file, Some(0), &mut |_| true).expect("the model loads"))
    };
    Some(Arc::clone(MODEL.get_or_init(load)))
}

fn context() -> Option<Context> {
    Some(Context::new(model()?, SIZES, Arc::new(AtomicBool::new(false))).expect("a small context fits"))
}

fn batch_of(entries: &[(i32, i32, i32)]) -> Batch {
    let mut batch = Batch::new(64);
    for (token, position, sequence) in entries {
        batch
            .push(*token, *position, *sequence, true)
            .expect("there is room");
    }
    batch
}

#[test]
fn a_batch_takes_as_many_tokens_as_it_may() {
    let mut batch = Batch::new(2);
    assert_eq!(batch.push(1, 0, 0, false), Ok(0));
    assert_eq!(batch.push(1, 1, 0, true), Ok(1));
    assert!(batch.push(1, 2, 0, true).is_err());
    assert_eq!((batch.len(), batch.room()), (2, 0));
    batch.clear();
    assert!(batch.is_empty());
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    let Some(model) = model() else { return };
    for sizes in [
        ContextSizes {
            sequences: 0,
            ..SIZES
        },
        ContextSizes {
            sequences: 100_000,
            ..SIZES
        },
        ContextSizes {
            context_tokens: 0,
            ..SIZES
        },
        ContextSizes {
            batch_tokens: 0,
            ..SIZES
        },
    ] {
        let made = Context::new(Arc::clone(&model), sizes, Arc::new(AtomicBool::new(false)));
        assert!(matches!(made, Err(LoadError::Context { .. })), "{sizes:?}");
    }
}

#[test]
fn batches_past_every_bound_are_refused() {
    let Some(mut context) = context() else { return };
    let long: Vec<(i32, i32, i32)> = (0..17).map(|position| (1, position, 0)).collect();
    assert_eq!(context.decode(&mut Batch::new(4)), Err(DecodeError::Empty));
    assert!(matches!(
        context.decode(&mut batch_of(&long)),
        Err(DecodeError::TooLong { tokens: 17, .. })
    ));
    for entry in [
        (-1, 0, 0),
        (i32::MAX, 0, 0),
        (1, -1, 0),
        (1, i32::MAX, 0),
        (1, 0, -1),
        (1, 0, 3),
    ] {
        let refused = context.decode(&mut batch_of(&[entry]));
        assert!(
            matches!(refused, Err(DecodeError::OutOfRange { .. })),
            "{entry:?}: {refused:?}"
        );
    }
    assert_eq!(context.decode(&mut batch_of(&[(1, 0, 0)])), Ok(Decoded::Done));
    assert!(context.logits(0).is_some());
    assert!(context.logits(1).is_none());
    // A gap, and a position that is taken.
    assert_eq!(
        context.decode(&mut batch_of(&[(1, 5, 0)])),
        Err(DecodeError::Refused)
    );
    assert_eq!(
        context.decode(&mut batch_of(&[(1, 0, 0)])),
        Err(DecodeError::Refused)
    );
    assert!(context.logits(0).is_none(), "the last decode gave none");
}

#[test]
fn a_raised_flag_stops_the_decode_and_leaves_the_cache_as_it_was() {
    let Some(mut context) = context() else { return };
    context
        .decode(&mut batch_of(&[(1, 0, 0), (2, 1, 0)]))
        .expect("it fits");
    context.abort_flag().store(true, Ordering::Relaxed);
    assert_eq!(context.decode(&mut batch_of(&[(3, 2, 0)])), Ok(Decoded::Aborted));
    assert!(context.logits(0).is_none());
    assert_eq!(context.position_last(0), Ok(Some(1)));
    context.abort_flag().store(false, Ordering::Relaxed);
    assert_eq!(context.decode(&mut batch_of(&[(3, 2, 0)])), Ok(Decoded::Done));
}

#[test]
fn a_full_cache_says_so_and_can_be_emptied() {
    let Some(mut context) = context() else { return };
    let room = context.sizes().context_tokens as i32;
    for start in (0..room).step_by(16) {
        let entries: Vec<_> = (start..start + 16).map(|position| (1, position, 0)).collect();
        assert_eq!(context.decode(&mut batch_of(&entries)), Ok(Decoded::Done));
    }
    assert_eq!(context.decode(&mut batch_of(&[(1, 0, 1)])), Ok(Decoded::NoRoom));
    context.truncate(0, 16).expect("a part can be removed");
    assert_eq!(context.decode(&mut batch_of(&[(1, 0, 1)])), Ok(Decoded::Done));
}

/// Failures are printed whole; there is no place to keep them beside a test with a model.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    }
}

/// One operation on the cache, with numbers that may be wrong.
#[derive(Debug, Clone)]
enum Operation {
    Add(u32),
    Remove(u32, u32, u32),
    Copy(u32, u32, u32),
    Keep(u32),
    Shift(u32, u32, i32),
    Clear,
}

fn operation() -> impl Strategy<Value = Operation> {
    let number = prop_oneof![0_u32..12, 0_u32..300, Just(u32::MAX), Just(u32::MAX / 4)];
    let sequence = prop_oneof![4 => 0_u32..3, 1 => Just(3_u32), 1 => Just(u32::MAX)];
    prop_oneof![
        4 => sequence.clone().prop_map(Operation::Add),
        3 => (sequence.clone(), number.clone(), number.clone()).prop_map(|(s, a, b)| Operation::Remove(s, a, b)),
        3 => (sequence.clone(), sequence.clone(), number.clone()).prop_map(|(a, b, n)| Operation::Copy(a, b, n)),
        1 => sequence.clone().prop_map(Operation::Keep),
        1 => (sequence, number, any::<i32>().prop_map(|by| by % 40)).prop_map(|(s, n, by)| Operation::Shift(s, n, by)),
        1 => Just(Operation::Clear),
    ]
}

#[test]
fn any_order_of_cache_operations_is_answered() {
    let Some(context) = context() else { return };
    let context = Mutex::new(context);
    let mut runner = TestRunner::new(config(30));
    let operations = proptest::collection::vec(operation(), 1..40);
    let result = runner.run(&operations, |operations| {
        let mut context = context.lock().unwrap_or_else(PoisonError::into_inner);
        context.clear();
        for operation in operations {
            apply(&mut context, operation)?;
        }
        Ok(())
    });
    result.expect("no order of operations breaks the cache");
}

fn apply(context: &mut Context, operation: Operation) -> Result<(), TestCaseError> {
    let exists = |sequence: u32| sequence < SIZES.sequences;
    match operation {
        Operation::Add(sequence) if exists(sequence) => {
            let next = context
                .position_last(sequence)
                .expect("it exists")
                .map_or(0, |last| last as i32 + 1);
            let decoded = context.decode(&mut batch_of(&[(1, next, sequence as i32)]));
            prop_assert!(
                matches!(decoded, Ok(Decoded::Done | Decoded::NoRoom)),
                "{decoded:?}"
            );
        }
        Operation::Add(sequence) => {
            prop_assert_eq!(
                context.position_last(sequence),
                Err(MemoryError::Sequence(sequence))
            );
        }
        Operation::Remove(sequence, start, end) => {
            let removed = context.remove(sequence, start..end);
            prop_assert_eq!(
                removed.is_ok(),
                exists(sequence) && start <= end && end <= i32::MAX as u32 / 2
            );
        }
        Operation::Copy(from, to, end) => {
            if exists(to) {
                context.truncate(to, 0).expect("all of a sequence can be removed");
            }
            let copied = context.copy(from, to, 0..end);
            prop_assert_eq!(
                copied.is_ok(),
                exists(from) && exists(to) && end <= i32::MAX as u32 / 2
            );
        }
        Operation::Keep(sequence) => prop_assert_eq!(context.keep(sequence).is_ok(), exists(sequence)),
        Operation::Shift(sequence, end, by) => {
            let before = context.position_first(sequence).ok().flatten();
            if context.shift(sequence, 0..end, by).is_ok() {
                prop_assert!(exists(sequence));
                let after = context.position_first(sequence).expect("it exists");
                prop_assert!(before.is_none() == after.is_none());
                // Shifted cells would overlap others; what follows begins anew.
                context.clear();
            }
        }
        Operation::Clear => {
            context.clear();
            for sequence in 0..SIZES.sequences {
                prop_assert_eq!(context.position_last(sequence), Ok(None));
            }
        }
    }
    Ok(())
}

#[test]
fn any_text_is_tokenised_and_comes_back() {
    let Some(model) = model() else { return };
    let vocabulary = Vocabulary::new(model);
    let reserved = prop_oneof![
        Just("<|fim_middle|>".as_bytes().to_vec()),
        Just("<tool_call>".as_bytes().to_vec()),
        Just("<|im_end|>".as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..12),
        "\\PC{0,8}".prop_map(String::into_bytes),
    ];
    let bytes = proptest::collection::vec(reserved, 0..8).prop_map(|parts| parts.concat());
    let mut runner = TestRunner::new(config(2_000));
    let result = runner.run(&(bytes, any::<bool>()), |(bytes, parse_special)| {
        // Bytes that are no text come as the callers make text of them.
        let text = String::from_utf8_lossy(&bytes);
        let tokens = vocabulary.tokenise(&text, parse_special).expect("short");
        prop_assert!(tokens.iter().all(|token| vocabulary.kind(*token).is_some()));
        let mut back = Vec::new();
        tokens
            .iter()
            .for_each(|token| vocabulary.append_piece(*token, true, &mut back));
        prop_assert_eq!(String::from_utf8_lossy(&back), text);
        Ok(())
    });
    result.expect("every text has tokens");
}

#[test]
fn tokens_that_do_not_exist_have_no_text() {
    let Some(model) = model() else { return };
    let vocabulary = Vocabulary::new(model);
    for token in [-1, i32::MIN, i32::MAX, vocabulary.len() as i32] {
        assert_eq!(vocabulary.text(token), "");
        assert_eq!(vocabulary.kind(token), None);
        assert!(!vocabulary.ends_generation(token));
    }
}

#[test]
fn a_grammar_refuses_what_would_end_the_process() {
    let Some(model) = model() else { return };
    let vocabulary = Vocabulary::new(model);
    let mut grammar = Grammar::new(&vocabulary, "root ::= \"ab\"").expect("it parses");
    let token = |text: &str| vocabulary.tokenise(text, false).expect("short")[0];
    let end = vocabulary.end().expect("the model has one");
    let mut candidates = [(-5, 1.0), (i32::MAX, 1.0), (token("ab"), 2.0), (token("x"), 3.0)];
    grammar.filter(&mut candidates);
    let allowed: Vec<bool> = candidates.iter().map(|(_, logit)| logit.is_finite()).collect();
    assert_eq!(allowed, [false, false, true, false]);
    assert!(!grammar.allows(end));
    assert!(grammar.accept(end).is_err(), "too early");
    assert!(grammar.accept(token("x")).is_err());
    assert!(grammar.accept(-1).is_err());
    assert!(grammar.accept(token("ab")).is_ok());
    assert!(grammar.allows(end));
    assert!(grammar.accept(token("x")).is_err(), "it is complete");
    let deep = format!("root ::= {}\"a\"{}", "(".repeat(10_000), ")".repeat(10_000));
    assert!(Grammar::new(&vocabulary, &deep).is_err());
}
