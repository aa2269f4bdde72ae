//! What is reused, and that reuse changes nothing.

use engine::{Lane, StopReason};

use crate::{complete, request, shared, source};

#[test]
fn the_common_beginning_is_evaluated_once() {
    let Some(engine) = shared() else { return };
    let text = source("reuse", 20);
    let first = complete(&engine, request(&text, 4)).usage;
    assert_eq!(first.reused_tokens + first.evaluated_tokens, first.prompt_tokens);
    assert!(first.evaluated_tokens > 100, "{first:?}");
    let longer = complete(&engine, request(&format!("{text}    return total_1"), 4)).usage;
    assert_eq!(
        longer.reused_tokens + longer.evaluated_tokens,
        longer.prompt_tokens
    );
    assert!(longer.evaluated_tokens < 12, "{longer:?}");
    let same = complete(&engine, request(&text, 4)).usage;
    assert_eq!((same.evaluated_tokens, same.generated_tokens), (1, 4), "{same:?}");
}

#[test]
fn the_text_is_the_same_with_and_without_reuse() {
    let Some(engine) = shared() else { return };
    let text = source("equal", 12) + "    return ";
    let fresh = complete(&engine, request(&text, 24));
    let again = complete(&engine, request(&text, 24));
    assert!(again.usage.reused_tokens > fresh.usage.reused_tokens);
    assert_eq!(again.text, fresh.text);
}

#[test]
fn no_tokens_wanted_evaluates_only_and_warms_the_cache() {
    let Some(engine) = shared() else { return };
    let text = source("warm", 10);
    let mut warm = request(&text, 0);
    warm.lane = Lane::Idle;
    let warmed = complete(&engine, warm.clone());
    assert_eq!((warmed.text.as_str(), warmed.reason), ("", StopReason::Length));
    assert_eq!(warmed.usage.generated_tokens, 0);
    assert_eq!(complete(&engine, warm).usage.evaluated_tokens, 0);
    assert_eq!(complete(&engine, request(&text, 2)).usage.evaluated_tokens, 1);
}

#[test]
fn a_full_cache_gives_up_what_was_used_longest_ago() {
    let Some(engine) = shared() else { return };
    // Each takes about a third of the 2048 tokens.
    let texts: Vec<String> = ["alpha", "beta", "gamma", "delta"]
        .iter()
        .map(|name| source(name, 40))
        .collect();
    let evicted = engine.metrics().evicted_sequences;
    for text in &texts {
        let usage = complete(&engine, request(text, 2)).usage;
        assert_eq!(usage.reused_tokens + usage.evaluated_tokens, usage.prompt_tokens);
    }
    assert!(engine.metrics().evicted_sequences > evicted);
    assert_eq!(complete(&engine, request(&texts[3], 2)).usage.evaluated_tokens, 1);
}

#[test]
fn requests_that_do_not_fit_together_are_all_answered() {
    let Some(engine) = shared() else { return };
    let running: Vec<_> = ["one", "two", "three", "four"]
        .map(|name| crate::submit(&engine, request(&source(name, 50), 8)))
        .into_iter()
        .collect();
    for (ticket, events) in running {
        let (reason, usage) = crate::ending(events).expect("answered");
        ticket.detach();
        assert!(
            matches!(reason, StopReason::Length | StopReason::EndOfText),
            "{reason:?}"
        );
        assert_eq!(usage.reused_tokens + usage.evaluated_tokens, usage.prompt_tokens);
    }
}

#[test]
fn a_generation_ends_when_the_context_is_full() {
    let Some(engine) = shared() else { return };
    let mut long = request(&source("full", 120), 2000);
    long.sampling.grammar = Some("root ::= [a-z ]*".to_owned());
    long.sampling.temperature = 1.5;
    let generation = complete(&engine, long);
    let usage = generation.usage;
    if generation.reason == StopReason::Length {
        assert_eq!(usage.prompt_tokens + usage.generated_tokens, 2049);
    }
}
