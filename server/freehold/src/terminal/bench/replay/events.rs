//! What happened while a trace was played, a line for each key, request and suggestion, for whoever looks for
//! the reason of a figure.

use std::time::Duration;

use super::play::Played;
use super::tally::dead_since;

/// The events of `played` in the order of time: side, trace, milliseconds since the first of them, and what it
/// was; separated by tabs.
pub fn lines(side: &str, played: &Played) -> String {
    let mut events: Vec<(Duration, String)> = Vec::new();
    for key in &played.keys {
        let what = match &key.inserted {
            _ if key.moves => "move".to_owned(),
            Some(text) => format!("key {text:?}"),
            None => "erase".to_owned(),
        };
        let still = if key.still { ", suggestion stays" } else { "" };
        events.push((key.at, what + still));
    }
    for served in &played.served {
        let lane = if served.ahead { "ahead" } else { "asked" };
        let end = if served.cancelled { "cancelled" } else { "ended" };
        let took = served.ended.saturating_sub(served.begun).as_millis();
        let vain = dead_since(served, &played.keys)
            .map(|milliseconds| format!(", vain for {milliseconds:.0} ms"))
            .unwrap_or_default();
        let what = format!(
            "request {lane} {end} after {took} ms: evaluated {}, moved {}, generated {}{vain}",
            served.evaluated_tokens, served.moved_tokens, served.generated_tokens
        );
        events.push((served.begun, what));
    }
    for shown in &played.shown {
        let wrong = shown.verdict.wrong_characters;
        let breaks = match shown.verdict.breaks {
            Some(true) => ", breaks the file",
            Some(false) | None => "",
        };
        let what = format!("shown {:?}, {wrong} characters wrong{breaks}", shown.text);
        events.push((shown.at, what));
    }
    events.sort_by_key(|(at, _)| *at);
    let first = events.first().map(|(at, _)| *at).unwrap_or_default();
    let line = |(at, what): &(Duration, String)| {
        let since = at.saturating_sub(first).as_millis();
        format!("{side}\t{}\t{since}\t{what}\n", played.trace)
    };
    events.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::play::Key;
    use super::super::side::Served;
    use super::*;

    #[test]
    fn events_are_told_in_the_order_of_time() {
        let at = Duration::from_millis;
        let played = Played {
            trace: "c_01".to_owned(),
            keys: vec![
                Key {
                    at: at(100),
                    inserted: Some("a".to_owned()),
                    ..Key::default()
                },
                Key {
                    at: at(300),
                    moves: true,
                    ..Key::default()
                },
            ],
            served: vec![Served {
                begun: at(130),
                ended: at(150),
                evaluated_tokens: 4,
                ..Served::default()
            }],
            ..Played::default()
        };
        let expected = expect_test::expect![[r#"
            freehold	c_01	0	key "a"
            freehold	c_01	30	request asked ended after 20 ms: evaluated 4, moved 0, generated 0
            freehold	c_01	200	move
        "#]];
        expected.assert_eq(&lines("freehold", &played));
    }
}
