//! Stopping in the middle, and who goes first.

use std::time::{Duration, Instant};

use engine::{Event, Lane, StopReason};

use crate::{complete, ending, request, shared, source, submit};

/// Far more than a decode of the model's longest operation takes, even on a machine that is busy, and far
/// less than a chunk of a prompt would.
const STOP_MAX: Duration = Duration::from_millis(1500);

#[test]
fn dropping_the_ticket_stops_a_prompt_in_the_middle() {
    let Some(engine) = shared() else { return };
    complete(&engine, request("ready", 1));
    let mut slowest = Duration::ZERO;
    for round in 0..5 {
        let (ticket, events) = submit(&engine, request(&source(&format!("cancel{round}"), 120), 8));
        // The first part of the prompt is evaluated when the engine has aborted nothing but works.
        std::thread::sleep(Duration::from_millis(40));
        let start = Instant::now();
        drop(ticket);
        let (reason, usage) = ending(events).expect("cancelled is an ending");
        slowest = slowest.max(start.elapsed());
        assert_eq!(reason, StopReason::Cancelled);
        assert!(
            usage.reused_tokens + usage.evaluated_tokens < usage.prompt_tokens,
            "{usage:?}"
        );
    }
    eprintln!("slowest of 5 cancellations: {slowest:?}");
    assert!(slowest < STOP_MAX, "{slowest:?}");
    // The cache is as it should be: the same text as ever comes out.
    let text = source("cancel0", 20);
    assert_eq!(
        complete(&engine, request(&text, 8)).text,
        complete(&engine, request(&text, 8)).text
    );
}

#[test]
fn a_request_that_is_cancelled_while_generating_stops() {
    let Some(engine) = shared() else { return };
    let (ticket, events) = submit(&engine, request(&source("stop", 3), 1500));
    let first = events.recv().expect("a token");
    assert!(matches!(first, Event::Token { .. }), "{first:?}");
    drop(ticket);
    let (reason, usage) = ending(events).expect("cancelled is an ending");
    assert_eq!(reason, StopReason::Cancelled);
    assert!(usage.generated_tokens < 1500);
}

#[test]
fn typing_goes_before_an_agent_that_then_goes_on() {
    let Some(engine) = shared() else { return };
    let mut agent = request(&(source("agent", 10) + "    return "), 60);
    agent.lane = Lane::Agent;
    agent.sampling.grammar = Some("root ::= [a-z0-9_ +]*".to_owned());
    let alone = complete(&engine, agent.clone());
    let (ticket, events) = submit(&engine, agent);
    let mut texts = String::new();
    let take = |count: usize, texts: &mut String| {
        for _ in 0..count {
            match events.recv().expect("an event") {
                Event::Token { text, .. } => texts.push_str(&text),
                other => panic!("ended too early: {other:?}"),
            }
        }
    };
    take(2, &mut texts);
    let typing = complete(&engine, request(&source("typing", 5), 4));
    assert_eq!(typing.usage.generated_tokens, 4);
    // The agent was paused meanwhile: all that it had given out before was on its way already.
    let given = events.try_iter().count();
    assert!(given < 12, "{given} tokens came while somebody typed");
    drop(ticket);
    let (reason, usage) = ending_of(events);
    // It had gone on, or was still there to be cancelled; its cache was not lost.
    assert_eq!(reason, StopReason::Cancelled);
    assert_eq!(usage.reused_tokens + usage.evaluated_tokens, usage.prompt_tokens);
    assert!(
        alone.text.starts_with(&texts),
        "{texts:?} does not begin {:?}",
        alone.text
    );
}

#[test]
fn typing_stops_an_agents_prompt_in_the_middle() {
    let Some(engine) = shared() else { return };
    let long = source("background", 130);
    let mut agent = request(&long, 4);
    agent.lane = Lane::Agent;
    let (ticket, events) = submit(&engine, agent);
    std::thread::sleep(Duration::from_millis(40));
    complete(&engine, request("def f():", 1));
    assert!(events.try_iter().next().is_none(), "the agent came first");
    let (reason, usage) = ending_of(events);
    ticket.detach();
    assert!(matches!(reason, StopReason::Length | StopReason::EndOfText));
    assert_eq!(usage.reused_tokens + usage.evaluated_tokens, usage.prompt_tokens);
    let again = complete(&engine, request(&long, 4));
    assert_eq!(again.usage.evaluated_tokens, 1, "{:?}", again.usage);
}

fn ending_of(events: std::sync::mpsc::Receiver<Event>) -> (StopReason, engine::Usage) {
    ending(events).expect("answered")
}
