//! Stopping in the middle, and who goes first.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use engine::{Engine, Event, Lane, Request, StopReason};
use llama::LlamaEngine;

use crate::{complete, ending, request, shared, source, submit, submit_and_begin};

/// Far more than a decode of the model's longest operation takes, even on a machine that is busy, and far
/// less than a chunk of a prompt would.
const STOP_MAX: Duration = Duration::from_millis(1500);

#[test]
fn dropping_the_ticket_stops_a_prompt_in_the_middle() {
    let Some(engine) = shared() else { return };
    complete(&engine, request("ready", 1));
    let mut stops = Vec::new();
    for round in 0..12 {
        let begun = engine.metrics().decodes;
        let (ticket, events) = submit_and_begin(&engine, request(&source(&format!("cancel{round}"), 55), 8));
        // Some in the first chunk, some in the second.
        while engine.metrics().decodes < begun + 1 + round % 2 {
            std::thread::yield_now();
        }
        let start = Instant::now();
        drop(ticket);
        let (reason, usage) = ending(events).expect("cancelled is an ending");
        stops.push(start.elapsed());
        assert_eq!(reason, StopReason::Cancelled);
        assert!(
            usage.reused_tokens + usage.evaluated_tokens < usage.prompt_tokens,
            "{usage:?}"
        );
    }
    stops.sort_unstable();
    let slowest = stops[11];
    eprintln!("12 cancellations: median {:?}, slowest {slowest:?}", stops[6]);
    assert!(slowest < STOP_MAX, "{slowest:?}");
    // The cache is as it should be: the same text as ever comes out.
    let text = source("cancel0", 5) + "# 1, 2, 3, 4, 5, 6, 7, 8, 9, 10";
    assert_eq!(complete(&engine, request(&text, 8)).text, ", 11, 12");
}

#[test]
fn a_request_that_is_cancelled_while_generating_stops() {
    let Some(engine) = shared() else { return };
    let (ticket, events) = submit(&engine, request(&source("stop", 3), 900));
    let first = events.recv().expect("a token");
    assert!(matches!(first, Event::Token { .. }), "{first:?}");
    drop(ticket);
    let (reason, usage) = ending(events).expect("cancelled is an ending");
    assert_eq!(reason, StopReason::Cancelled);
    assert!(usage.generated_tokens < 900);
}

/// Submits both, the second when the first is at work; gives all events in the order in which the engine
/// gave them, each with the lane that it belongs to.
fn both(engine: &LlamaEngine, first: Request, second: Request, wait_for_token: bool) -> Vec<(Lane, Event)> {
    let (sender, receiver) = channel();
    let submit = |request: Request| {
        let (sender, lane) = (sender.clone(), request.lane);
        engine.submit(
            request,
            Box::new(move |event| {
                // The receiver outlives both requests.
                let _gone = sender.send((lane, event));
            }),
        )
    };
    let begun = engine.metrics().decodes;
    submit(first).detach();
    let mut events = Vec::new();
    if wait_for_token {
        events.push(receiver.recv().expect("a token"));
    }
    while engine.metrics().decodes == begun {
        std::thread::yield_now();
    }
    submit(second).detach();
    drop(sender);
    events.extend(receiver);
    events
}

fn text_of(events: &[(Lane, Event)], wanted: Lane) -> String {
    let texts = events
        .iter()
        .filter(|(lane, _)| *lane == wanted)
        .filter_map(|(_, event)| match event {
            Event::Token { text, .. } => Some(text.as_str()),
            _ => None,
        });
    texts.collect()
}

#[test]
fn typing_goes_before_an_agent_that_then_goes_on() {
    let Some(engine) = shared() else { return };
    // Nothing near a tie, and no end.
    let mut agent = request("1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12", 40);
    agent.lane = Lane::Agent;
    agent.sampling.grammar = Some("root ::= [0-9, ] root".to_owned());
    let alone = complete(&engine, agent.clone());
    let events = both(&engine, agent, request(&source("typing", 3), 4), true);
    let mut typing = events
        .iter()
        .enumerate()
        .filter(|(_, (lane, _))| *lane == Lane::Typing)
        .map(|(at, _)| at);
    let (first, last) = (
        typing.next().expect("events"),
        typing.next_back().expect("events"),
    );
    // Four tokens and the ending, and nothing of the agent's between them.
    assert_eq!(last - first, 4);
    assert!(
        last + 1 < events.len(),
        "the agent ended before somebody who typed"
    );
    assert_eq!(text_of(&events, Lane::Agent), alone.text);
    let agents = events.iter().rev().find_map(|(lane, event)| match event {
        Event::Done { usage, .. } if *lane == Lane::Agent => Some(*usage),
        _ => None,
    });
    let usage = agents.expect("the agent ended");
    assert_eq!(usage.generated_tokens, 40);
    assert_eq!(usage.reused_tokens + usage.evaluated_tokens, usage.prompt_tokens);
}

#[test]
fn typing_goes_before_an_agents_prompt() {
    let Some(engine) = shared() else { return };
    let long = source("background", 55);
    let mut agent = request(&long, 4);
    agent.lane = Lane::Agent;
    let events = both(&engine, agent, request("def f():", 1), false);
    let first = events.first().map(|(lane, _)| *lane);
    assert_eq!(first, Some(Lane::Typing));
    let done = events
        .iter()
        .filter(|(_, event)| matches!(event, Event::Done { .. }))
        .count();
    assert_eq!(done, 2);
    let again = complete(&engine, request(&long, 4));
    assert_eq!(again.usage.evaluated_tokens, 1, "{:?}", again.usage);
}
