//! Loading: waiting, failing, giving up.

use std::time::{Duration, Instant};

use engine::{Engine, Failure, State, StopReason};
use llama::{LlamaEngine, LlamaOptions};

use crate::{complete, ending, model_file, request, source, submit};

#[test]
fn requests_wait_for_the_model_and_can_be_cancelled_meanwhile() {
    let Some(file) = model_file() else { return };
    let engine = LlamaEngine::load(LlamaOptions {
        context_tokens: 512,
        ..LlamaOptions::new(file)
    });
    let (cancelled, first) = submit(&engine, request("one", 2));
    let (waiting, second) = submit(&engine, request("two", 2));
    drop(cancelled);
    assert!(matches!(ending(first), Ok((StopReason::Cancelled, _))));
    assert!(ending(second).is_ok());
    waiting.detach();
    assert_eq!(engine.state(), State::Ready);
    assert_eq!(engine.description().context_tokens, 512);
}

#[test]
fn dropping_the_engine_stops_the_loading_and_answers_everybody() {
    let Some(file) = model_file() else { return };
    let engine = LlamaEngine::load(LlamaOptions::new(file));
    let (ticket, events) = submit(&engine, request("one", 2000));
    let start = Instant::now();
    drop(engine);
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(ending(events), Err(Failure::Gone));
    drop(ticket);
}

#[test]
fn a_file_that_is_no_model_is_refused_and_named() {
    let folder = std::env::temp_dir().join(format!("freehold-llama-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    let cases: [(&str, &[u8]); 3] = [
        ("text.gguf", b"not a model"),
        ("short.gguf", b"GGUF\x03\0\0\0"),
        ("empty.gguf", b""),
    ];
    for (name, bytes) in cases {
        let file = folder.join(name);
        std::fs::write(&file, bytes).expect("the test's file");
        refused(LlamaOptions::new(&file), name);
    }
    refused(LlamaOptions::new(folder.join("missing.gguf")), "missing.gguf");
    refused(LlamaOptions::new(&folder), "freehold-llama");
    std::fs::remove_dir_all(&folder).expect("the test's folder");
}

fn refused(options: LlamaOptions, name: &str) {
    let engine = LlamaEngine::load(options);
    let (ticket, events) = submit(&engine, request("x", 1));
    let failure = ending(events).expect_err("no model can be loaded");
    ticket.detach();
    let Failure::NoModel(text) = &failure else {
        panic!("{failure:?}")
    };
    assert!(text.contains(name), "{text}");
    assert_eq!(engine.state(), State::Failed(text.clone()));
    let later = engine::generate(&engine, request("x", 1));
    assert_eq!(later, Err(failure));
}

#[test]
fn a_restart_goes_on_where_it_was_and_passes_over_what_is_damaged() {
    let Some(file) = model_file() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let kept = folder.path().join("kept");
    let engine = |context_tokens| {
        LlamaEngine::load(LlamaOptions {
            context_tokens,
            kept_folder: Some(kept.clone()),
            ..LlamaOptions::new(&file)
        })
    };
    let files = || -> Vec<_> {
        let entries = std::fs::read_dir(&kept).expect("the folder is there");
        entries.map(|entry| entry.expect("readable").path()).collect()
    };
    let asked = request(
        &(source("restart", 5) + "# 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13"),
        6,
    );
    let cold = complete(&engine(1024), asked.clone());
    assert!(cold.usage.evaluated_tokens > 80);
    assert_eq!(files().len(), 1);
    let warm = complete(&engine(1024), asked.clone());
    assert_eq!((warm.usage.evaluated_tokens, warm.text), (1, cold.text.clone()));
    // Of another size of the context, so not for this one; and damaged.
    assert_eq!(complete(&engine(512), request("x", 1)).usage.reused_tokens, 0);
    for path in files() {
        let mut bytes = std::fs::read(&path).expect("readable");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).expect("writable");
    }
    let again = complete(&engine(1024), asked);
    assert_eq!(
        (again.usage.evaluated_tokens, again.text),
        (cold.usage.evaluated_tokens, cold.text)
    );
}
