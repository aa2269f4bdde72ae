//! What is reused, and that reuse changes nothing.

use engine::{Event, Lane, Request, Reuse, Segment, StopReason};

use crate::{CONTEXT_TOKENS, complete, request, shared, source, submit};

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
        .map(|name| submit(&engine, request(&source(name, 25), 4)))
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
    let running: Vec<_> = (0..3).map(|rank| submit(&engine, alternative(rank))).collect();
    let mut texts = Vec::new();
    let mut evaluated = Vec::new();
    for (ticket, events) in running {
        let events: Vec<_> = events.into_iter().collect();
        ticket.detach();
        texts.push(
            events
                .iter()
                .filter_map(|event| match event {
                    Event::Token { text, .. } => Some(text.as_str()),
                    _ => None,
                })
                .collect::<String>(),
        );
        let usage = events.iter().find_map(|event| match event {
            Event::Done { usage, .. } => Some(*usage),
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

/// A request to fill in between `source(name)` with `typed` behind it, and a rest of about 100 tokens.
fn infill(name: &str, typed: &str, reuse: Reuse, tokens_max: u32) -> Request {
    let token = |name: &str| Segment::Token(name.to_owned());
    let mut request = request("", tokens_max);
    request.prompt = vec![
        token("<|fim_prefix|>"),
        Segment::Text(source(name, 4) + typed),
        token("<|fim_suffix|>"),
        Segment::Text(source("rest", 6)),
        token("<|fim_middle|>"),
    ];
    request.reuse = reuse;
    request
}

#[test]
fn a_key_costs_its_token_and_two_markers_until_a_pause_makes_all_fresh() {
    let Some(engine) = shared() else { return };
    let asked =
        |typed: &str, reuse, tokens_max| complete(&engine, infill("slide", typed, reuse, tokens_max)).usage;
    asked("    return", Reuse::Moved, 2);
    let mut typed = "    return".to_owned();
    for word in [" total", "_", "1", " +", " total", "_", "2"] {
        typed += word;
        let usage = asked(&typed, Reuse::Moved, 2);
        assert!(
            usage.evaluated_tokens <= 4 && usage.moved_tokens > 80,
            "{typed}: {usage:?}"
        );
        assert_eq!(usage.reused_tokens + usage.evaluated_tokens, usage.prompt_tokens);
    }
    // What was moved is nothing to who wants it exact; only what stands before it is.
    let mut idle = infill("slide", &typed, Reuse::Exact, 0);
    idle.lane = Lane::Idle;
    let fresh = complete(&engine, idle).usage;
    assert!(
        fresh.evaluated_tokens > 80 && fresh.reused_tokens > 60,
        "{fresh:?}"
    );
    let again = asked(&typed, Reuse::Moved, 2);
    assert_eq!((again.evaluated_tokens, again.moved_tokens), (1, 0), "{again:?}");
    typed += ")";
    let usage = asked(&typed, Reuse::Moved, 2);
    assert!(
        usage.evaluated_tokens <= 4 && usage.moved_tokens > 80,
        "{usage:?}"
    );
    // Deleting back, a jump forth into the rest, and back.
    let usage = asked("    return total_1", Reuse::Moved, 2);
    assert!(
        usage.evaluated_tokens <= 4 && usage.moved_tokens > 80,
        "{usage:?}"
    );
}

#[test]
fn what_is_moved_leaves_the_running_alone() {
    let Some(engine) = shared() else { return };
    // Nothing near a tie, and no end.
    let counting = |reuse, tokens_max| {
        let mut request = infill(
            "running",
            "# 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,",
            reuse,
            tokens_max,
        );
        request.sampling.grammar = Some("root ::= [0-9, ] root".to_owned());
        request
    };
    let alone = complete(&engine, counting(Reuse::Exact, 24)).text;
    let (ticket, events) = submit(&engine, counting(Reuse::Moved, 24));
    let mut text = String::new();
    for (count, event) in events.into_iter().enumerate() {
        if let Event::Token { text: piece, .. } = event {
            text += &piece;
        }
        if count < 8 && count % 2 == 0 {
            let typed = "# 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,".to_owned() + &" x".repeat(count);
            submit(&engine, infill("running", &typed, Reuse::Moved, 2))
                .0
                .detach();
        }
    }
    ticket.detach();
    assert_eq!(text, alone);
}
