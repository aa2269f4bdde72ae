//! What is reused, and that reuse changes nothing.

use engine::{Lane, StopReason};

use crate::{CONTEXT_TOKENS, complete, request, shared, source};

#[test]
fn the_common_beginning_is_evaluated_once() {
    let Some(engine) = shared() else { return };
    let text = source("reuse", 10);
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
    // Nothing near a tie: a batch of another size rounds a little differently.
    let text = source("equal", 5) + "# 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13";
    let fresh = complete(&engine, request(&text, 12));
    let again = complete(&engine, request(&text, 12));
    assert!(again.usage.reused_tokens > fresh.usage.reused_tokens);
    assert_eq!(again.text, fresh.text);
}

#[test]
fn no_tokens_wanted_evaluates_only_and_warms_the_cache() {
    let Some(engine) = shared() else { return };
    let text = source("warm", 5);
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
    // Each takes about a third of the context; a lane alone would take over its own sequences.
    let lanes = [Lane::Idle, Lane::Agent, Lane::Typing, Lane::Agent];
    let names = ["alpha", "beta", "gamma", "delta"];
    let requests = names.iter().zip(lanes).map(|(name, lane)| engine::Request {
        lane,
        ..request(&source(name, 19), 2)
    });
    let requests: Vec<_> = requests.collect();
    let evicted = engine.metrics().evicted_sequences;
    for request in &requests {
        let usage = complete(&engine, request.clone()).usage;
        assert_eq!(usage.reused_tokens + usage.evaluated_tokens, usage.prompt_tokens);
    }
    assert!(engine.metrics().evicted_sequences > evicted);
    assert_eq!(complete(&engine, requests[3].clone()).usage.evaluated_tokens, 1);
}

#[test]
fn requests_that_do_not_fit_together_are_all_answered() {
    let Some(engine) = shared() else { return };
    let running: Vec<_> = ["one", "two", "three", "four"]
        .map(|name| crate::submit(&engine, request(&source(name, 25), 4)))
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
    let mut long = request(&source("full", 57), 500);
    long.sampling.grammar = Some("root ::= \"ab\" root".to_owned());
    let generation = complete(&engine, long);
    let usage = generation.usage;
    assert_eq!(generation.reason, StopReason::Length);
    assert!(usage.generated_tokens < 500, "{usage:?}");
    // The last token is given out but needs no place in the cache.
    assert_eq!(usage.prompt_tokens + usage.generated_tokens, CONTEXT_TOKENS + 1);
}

#[test]
fn alternatives_begin_differently_and_share_the_prompt() {
    let Some(engine) = shared() else { return };
    let text = source("alternatives", 12);
    let alternative = |rank| {
        let mut request = request(&format!("{text}    return total_"), 6);
        request.sampling.first_token_rank = rank;
        request
    };
    let running: Vec<_> = (0..3)
        .map(|rank| crate::submit(&engine, alternative(rank)))
        .collect();
    let mut texts = Vec::new();
    let mut evaluated = Vec::new();
    for (ticket, events) in running {
        let events: Vec<_> = events.into_iter().collect();
        ticket.detach();
        texts.push(
            events
                .iter()
                .filter_map(|event| match event {
                    engine::Event::Token { text, .. } => Some(text.as_str()),
                    _ => None,
                })
                .collect::<String>(),
        );
        let usage = events.iter().find_map(|event| match event {
            engine::Event::Done { usage, .. } => Some(*usage),
            _ => None,
        });
        evaluated.push(usage.expect("answered").evaluated_tokens);
    }
    assert!(
        texts[0] != texts[1] && texts[1] != texts[2] && texts[0] != texts[2],
        "{texts:?}"
    );
    assert!(
        evaluated[0] > 100 && evaluated[1] == 1 && evaluated[2] == 1,
        "{evaluated:?}"
    );
    let first = complete(&engine, alternative(0));
    assert_eq!(first.text, texts[0]);
}
