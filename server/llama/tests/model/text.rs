//! What comes out: stops, grammars, probabilities, characters, and what never comes in.

use engine::{Engine, Failure, Sampling, Segment, StopReason};
use llama::ffi::vocabulary::{TokenKind, Vocabulary};
use llama::prompt::Tokeniser;

use crate::{CONTEXT_TOKENS, alone, complete, request, shared};

fn tokeniser() -> Option<Tokeniser> {
    Some(Tokeniser::new(Vocabulary::new(crate::ffi::model()?)))
}

#[test]
fn reserved_strings_in_text_stay_text() {
    let Some(tokeniser) = tokeniser() else { return };
    let vocabulary = tokeniser.vocabulary();
    let specials: Vec<(String, i32)> = vocabulary
        .specials()
        .filter(|(text, _)| text.starts_with('<'))
        .map(|(text, token)| (text.to_owned(), token))
        .collect();
    assert!(specials.len() > 10, "{specials:?}");
    for (name, token) in specials {
        for text in [
            name.clone(),
            format!("a {name}b"),
            name.repeat(3),
            format!("<{name}>"),
        ] {
            let tokens = tokeniser.plain(&text).expect("short");
            assert!(!tokens.contains(&token), "{text:?} became {tokens:?}");
            let kinds = tokens.iter().filter_map(|token| vocabulary.kind(*token));
            assert!(
                kinds.into_iter().all(|kind| kind == TokenKind::Plain),
                "{text:?} became {tokens:?}"
            );
            let mut bytes = Vec::new();
            tokens
                .iter()
                .for_each(|token| vocabulary.append_piece(*token, true, &mut bytes));
            assert_eq!(String::from_utf8_lossy(&bytes), text);
        }
        let named = tokeniser
            .prompt(&[Segment::Token(name.clone())], 64, true)
            .expect("it exists");
        assert_eq!(named.tokens, [token], "{name}");
        let template = tokeniser
            .prompt(&[Segment::Template(format!("x{name}"))], 64, true)
            .expect("short");
        assert_eq!(template.tokens.last(), Some(&token), "{name}");
    }
}

#[test]
fn a_text_ends_where_all_of_it_together_is_too_unlikely() {
    let Some(engine) = shared() else { return };
    let mut request = request("# The colours of the rainbow are red and", 24);
    request.log_probabilities = true;
    let likely = complete(&engine, request.clone());
    let sums = likely.tokens.iter().scan(0.0, |sum, (_, log_probability)| {
        *sum += log_probability.expect("it was asked for");
        Some(*sum)
    });
    // Hardly a model is sure of all these tokens.
    let min = 0.3_f32.ln();
    let end = sums.into_iter().position(|sum| sum < min).expect("it is unsure") + 1;
    assert!(end < likely.tokens.len());
    // Whether or not anybody wants to see them.
    for log_probabilities in [true, false] {
        request.log_probabilities = log_probabilities;
        request.stop.log_probability_min = Some(min);
        let generation = complete(&engine, request.clone());
        assert_eq!(generation.reason, StopReason::Length);
        assert_eq!(generation.usage.generated_tokens as usize, end);
        assert!(likely.text.starts_with(&generation.text));
    }
}

#[test]
fn texts_are_one_text_wherever_they_are_cut() {
    let Some(tokeniser) = tokeniser() else { return };
    let text = |part: &str| Segment::Text(part.to_owned());
    let whole = tokeniser.prompt(&[text("def fibonacci(n):")], 64, true);
    let cut = tokeniser.prompt(&[text("def fibo"), text(""), text("nacci(n):")], 64, true);
    assert_eq!(whole, cut);
}

#[test]
fn a_fill_in_the_middle_prompt_is_answered() {
    let Some(engine) = shared() else { return };
    complete(&engine, request("ready", 1));
    let description = engine.description();
    let fim = description
        .fim
        .expect("the vocabulary has a format of the catalogue");
    assert!(
        description
            .chat_template
            .is_some_and(|template| template.contains("im_start"))
    );
    assert!(description.device.starts_with("CPU ("), "{}", description.device);
    let mut request = request("", 16);
    request.prompt = vec![
        Segment::Token("<|fim_prefix|>".to_owned()),
        Segment::Text("def add(a, b):\n    return a ".to_owned()),
        Segment::Token("<|fim_suffix|>".to_owned()),
        Segment::Text("\n\nprint(add(1, 2))\n".to_owned()),
        Segment::Token("<|fim_middle|>".to_owned()),
    ];
    request.stop.tokens = fim.stop_tokens;
    request.stop.texts = vec!["\n".to_owned()];
    let generation = complete(&engine, request);
    assert_eq!(generation.text, "+ b");
}

#[test]
fn a_stop_text_ends_before_itself() {
    let Some(engine) = shared() else { return };
    let counting = |stops: &[&str]| {
        let mut request = request("1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12", 30);
        request.stop.texts = stops.iter().map(ToString::to_string).collect();
        complete(&engine, request)
    };
    assert!(counting(&[]).text.starts_with(", 13, 14, 15"));
    let stopped = counting(&["zzz", "4, 15"]);
    assert_eq!(stopped.text, ", 13, 1");
    assert_eq!(stopped.reason, StopReason::StopText("4, 15".to_owned()));
    assert_eq!(stopped.tokens.len(), stopped.usage.generated_tokens as usize);
}

#[test]
fn a_grammar_is_followed() {
    let Some(engine) = shared() else { return };
    let answers = ["root ::= \"yes\" | \"no\"", "root ::= [0-9] [0-9] [0-9] \".\""];
    for (grammar, temperature) in answers.into_iter().zip([0.0, 1.5]) {
        let mut request = request("Question: is water wet? Answer:", 20);
        request.sampling = Sampling {
            grammar: Some(grammar.to_owned()),
            temperature,
            seed: 3,
            ..Sampling::default()
        };
        let generation = complete(&engine, request);
        let text = generation.text.as_str();
        let follows = match temperature {
            0.0 => ["yes", "no"].contains(&text),
            _ => {
                text.len() == 4 && text.ends_with('.') && text[..3].bytes().all(|byte| byte.is_ascii_digit())
            }
        };
        assert!(follows, "{text:?} by {grammar}");
        assert_eq!(generation.reason, StopReason::EndOfText);
    }
}

#[test]
fn requests_that_cannot_be_answered_say_why() {
    let Some(engine) = shared() else { return };
    let fails = |request| engine::generate(&*engine, request).expect_err("it cannot be answered");
    let mut unknown = request("", 4);
    unknown.prompt = vec![Segment::Token("<no such token>".to_owned())];
    assert_eq!(
        fails(unknown),
        Failure::UnknownToken("<no such token>".to_owned())
    );
    let too_long = fails(request(&"word ".repeat(4000), 4));
    assert!(
        matches!(
            too_long,
            Failure::PromptTooLong {
                context_tokens: CONTEXT_TOKENS,
                ..
            }
        ),
        "{too_long:?}"
    );
    let far_too_long = fails(request(&"x".repeat(10_000_000), 4));
    assert!(
        matches!(far_too_long, Failure::PromptTooLong { .. }),
        "{far_too_long:?}"
    );
    assert!(matches!(fails(request("", 4)), Failure::Invalid(_)));
    for grammar in [
        "root ::= (",
        "root ::= root \"a\"",
        "x ::= \"a\"",
        "root ::= a",
        "\0",
    ] {
        let mut wrong = request("x", 4);
        wrong.sampling.grammar = Some(grammar.to_owned());
        let failure = fails(wrong);
        assert!(matches!(failure, Failure::Invalid(_)), "{grammar:?}: {failure:?}");
    }
    let mut wrong = request("x", 4);
    wrong.sampling.top_p = f32::NAN;
    assert!(matches!(fails(wrong), Failure::Invalid(_)));
}

#[test]
fn log_probabilities_are_those_of_the_model() {
    let Some(engine) = shared() else { return };
    let mut request = request("1, 2, 3, 4, 5, 6, 7, 8, 9", 6);
    request.log_probabilities = true;
    let greedy = complete(&engine, request.clone());
    assert_eq!(greedy.tokens.len(), 6);
    let all: Vec<f32> = greedy
        .tokens
        .iter()
        .filter_map(|(_, probability)| *probability)
        .collect();
    assert_eq!(all.len(), 6);
    assert!(
        all.iter().all(|probability| (-6.0..=0.0).contains(probability)),
        "{all:?}"
    );
    assert_eq!(greedy.tokens[0].0, ",");
    assert!(all[0] > -0.7, "{all:?}");
    // What the sampling does to the choice does not touch the probability.
    request.sampling = Sampling {
        temperature: 2.0,
        top_k: 1,
        ..Sampling::default()
    };
    let sampled = complete(&engine, request);
    assert_eq!(sampled.text, greedy.text);
    let close = sampled
        .tokens
        .iter()
        .zip(&all)
        .all(|((_, probability), expected)| {
            probability.is_some_and(|probability| (probability - expected).abs() < 0.05)
        });
    assert!(close, "{:?} against {all:?}", sampled.tokens);
}

#[test]
fn the_same_seed_gives_the_same_text() {
    // Where a cache that others have used puts the tokens decides in which order llama.cpp adds up, and so the
    // last digits, which chance can hang on.
    let Some(engine) = alone() else { return };
    let with = |seed| {
        let mut request = request("Once upon a time", 24);
        request.sampling = Sampling {
            temperature: 1.0,
            top_p: 0.95,
            seed,
            ..Sampling::default()
        };
        complete(&engine, request).text
    };
    assert_eq!(with(1), with(1));
    assert_ne!(with(1), with(2));
}

#[test]
fn characters_come_whole() {
    let Some(engine) = shared() else { return };
    let mut request = request("Emoji: 😀 😃 😄 😁 😆 😅 🤣 😂 🙂 🙃 ", 24);
    request.sampling.grammar = Some("root ::= [😀-🙏 ]*".to_owned());
    let generation = complete(&engine, request);
    assert!(!generation.text.is_empty());
    let odd: Vec<char> = generation
        .text
        .chars()
        .filter(|c| *c != ' ' && !('😀'..='🙏').contains(c))
        .collect();
    assert_eq!(odd, [], "{:?}", generation.text);
    assert_eq!(
        generation.tokens.len(),
        generation.usage.generated_tokens as usize
    );
}
