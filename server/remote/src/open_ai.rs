//! The OpenAI dialect: requests and answers as llama-server, vLLM, SGLang, Ollama and LM Studio have them.

use engine::{Failure, Request, StopReason, Usage};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::Outlet;
use crate::special;

/// The body that asks `model` for `request`, and the character to take out of its answer.
pub(crate) fn body(model: &str, request: &Request) -> Result<(Value, Option<char>), Failure> {
    if request.sampling.grammar.is_some() {
        // Every server has its own field and its own kind of grammar, and ignores the others' in silence.
        return Err(Failure::Invalid(
            "an endpoint elsewhere cannot be held to a grammar; use the engine on this machine for it"
                .to_owned(),
        ));
    }
    let prompt = special::flatten(request).map_err(|error| Failure::Invalid(error.to_string()))?;
    let mut body = json!({
        "model": model,
        "prompt": prompt.text,
        "max_tokens": request.tokens_max,
        "temperature": request.sampling.temperature,
        "top_p": request.sampling.top_p,
        "seed": request.sampling.seed,
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    let stop: Vec<&String> = request.stop.texts.iter().chain(&request.stop.tokens).collect();
    if !stop.is_empty() {
        body["stop"] = json!(stop);
    }
    // Not part of the OpenAI API: sent only when it changes something.
    if request.sampling.top_k > 0 {
        body["top_k"] = json!(request.sampling.top_k);
    }
    if request.sampling.min_p > 0.0 {
        body["min_p"] = json!(request.sampling.min_p);
    }
    if request.log_probabilities {
        body["logprobs"] = json!(1);
    }
    Ok((body, prompt.joiner))
}

/// Reads the chunks of one answer.
pub(crate) struct Reader {
    endpoint: String,
    stop_texts: Vec<String>,
    reason: Option<StopReason>,
    usage: Option<ChunkUsage>,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<ChunkUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    text: Option<String>,
    logprobs: Option<Logprobs>,
    finish_reason: Option<String>,
    /// vLLM: the stop text or the number of the stop token.
    stop_reason: Option<Value>,
}

#[derive(Deserialize)]
struct Logprobs {
    #[serde(default)]
    tokens: Vec<String>,
    #[serde(default)]
    token_logprobs: Vec<Option<f32>>,
}

#[derive(Deserialize, Clone, Copy)]
struct ChunkUsage {
    #[serde(default)]
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
    prompt_tokens_details: Option<PromptTokensDetails>,
}

#[derive(Deserialize, Clone, Copy)]
struct PromptTokensDetails {
    cached_tokens: Option<u32>,
}

impl Reader {
    pub(crate) fn new(endpoint: &str, request: &Request) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            stop_texts: request.stop.texts.clone(),
            reason: None,
            usage: None,
        }
    }

    /// Reads one chunk; gives the end when the server says that nothing follows.
    pub(crate) fn read(
        &mut self,
        data: &str,
        outlet: &mut Outlet,
    ) -> Result<Option<(StopReason, Usage)>, Failure> {
        if data.trim() == "[DONE]" {
            return Ok(Some(self.end(outlet)));
        }
        let chunk: Chunk = serde_json::from_str(data)
            .map_err(|error| crate::failure::unreadable(&self.endpoint, &error.to_string()))?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            let message = crate::failure::message_of(&json!({"error": error}).to_string());
            return Err(Failure::Endpoint(format!(
                "the endpoint `{}` failed: {message}",
                self.endpoint
            )));
        }
        self.usage = chunk.usage.or(self.usage);
        if let Some(choice) = chunk.choices.into_iter().next() {
            self.read_choice(choice, outlet);
        }
        Ok(None)
    }

    fn read_choice(&mut self, choice: Choice, outlet: &mut Outlet) {
        let text = choice.text.unwrap_or_default();
        match choice.logprobs {
            // Where the tokens add up to the text, each one is an event of its own.
            Some(logprobs)
                if logprobs.tokens.concat() == text
                    && logprobs.tokens.len() == logprobs.token_logprobs.len() =>
            {
                for (token, log_probability) in logprobs.tokens.into_iter().zip(logprobs.token_logprobs) {
                    outlet.token(token, log_probability);
                }
            }
            Some(logprobs) if !text.is_empty() => {
                outlet.token(text, logprobs.token_logprobs.first().copied().flatten());
            }
            None if !text.is_empty() => outlet.token(text, None),
            Some(_) | None => {}
        }
        if let Some(finish) = choice.finish_reason {
            let stop_text = choice.stop_reason.as_ref().and_then(Value::as_str);
            self.reason = Some(match (finish.as_str(), stop_text) {
                ("length", _) => StopReason::Length,
                (_, Some(stop)) if self.stop_texts.iter().any(|text| text == stop) => {
                    StopReason::StopText(stop.to_owned())
                }
                _ => StopReason::EndOfText,
            });
        }
    }

    /// Whether the server has said why it stopped; then an end of stream without `[DONE]` is an end.
    pub(crate) fn has_reason(&self) -> bool {
        self.reason.is_some()
    }

    pub(crate) fn end(&mut self, outlet: &Outlet) -> (StopReason, Usage) {
        let counted = self.usage;
        let prompt_tokens = counted.map_or(0, |usage| usage.prompt_tokens);
        let reused = counted
            .and_then(|usage| usage.prompt_tokens_details?.cached_tokens)
            .unwrap_or(0);
        let usage = Usage {
            prompt_tokens,
            reused_tokens: reused.min(prompt_tokens),
            evaluated_tokens: prompt_tokens.saturating_sub(reused),
            generated_tokens: counted.map_or(outlet.generated_tokens(), |usage| usage.completion_tokens),
            ..Usage::default()
        };
        (self.reason.take().unwrap_or(StopReason::EndOfText), usage)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use engine::{Event, Lane, Reuse, Sampling, Segment, StopConditions};
    use expect_test::{Expect, expect};

    use super::*;

    fn request() -> Request {
        Request {
            prompt: vec![
                Segment::Token("<PRE>".to_owned()),
                Segment::Text("a</s>".to_owned()),
            ],
            sampling: Sampling {
                top_k: 5,
                ..Sampling::default()
            },
            stop: StopConditions {
                texts: vec!["\n\n".to_owned()],
                tokens: vec!["<EOT>".to_owned()],
                log_probability_min: None,
            },
            lane: Lane::Typing,
            tokens_max: 8,
            log_probabilities: true,
            reuse: Reuse::Exact,
        }
    }

    /// What becomes of an answer that comes in these chunks.
    fn check(chunks: &[&str], expected: &Expect) {
        let events = Arc::new(Mutex::new(String::new()));
        let seen = Arc::clone(&events);
        let sink = move |event: Event| seen.lock().expect("no panic").push_str(&format!("{event:?}\n"));
        let mut outlet = Outlet::new(Box::new(sink));
        outlet.without(Some('\u{2060}'));
        let mut reader = Reader::new("http://host/v1", &request());
        let mut end = None;
        for chunk in chunks {
            match reader.read(chunk, &mut outlet).transpose() {
                None => {}
                some => {
                    end = some;
                    break;
                }
            }
        }
        let end = end.unwrap_or_else(|| match reader.has_reason() {
            true => Ok(reader.end(&outlet)),
            false => Err(crate::failure::broke_off("http://host/v1", "connection closed")),
        });
        outlet.end(end);
        expected.assert_eq(&events.lock().expect("no panic"));
    }

    #[test]
    fn the_request() {
        let (body, joiner) = body("m", &request()).expect("a body");
        assert_eq!(joiner, Some('\u{2060}'));
        expect![[r#"
            {
              "logprobs": 1,
              "max_tokens": 8,
              "model": "m",
              "prompt": "<PRE>a<·/s>",
              "seed": 0,
              "stop": [
                "\n\n",
                "<EOT>"
              ],
              "stream": true,
              "stream_options": {
                "include_usage": true
              },
              "temperature": 0.0,
              "top_k": 5,
              "top_p": 1.0
            }
        "#]]
        .assert_eq(&format!("{body:#}\n").replace('\u{2060}', "·"));
        let grammar = Sampling {
            grammar: Some("root ::= x".to_owned()),
            ..Sampling::default()
        };
        let held = Request {
            sampling: grammar,
            ..request()
        };
        assert!(matches!(super::body("m", &held), Err(Failure::Invalid(_))));
    }

    #[test]
    fn llama_server() {
        check(
            &[
                r#"{"choices":[{"text":"x","index":0,"logprobs":null,"finish_reason":null}],"created":1,"model":"m","object":"text_completion","id":"c"}"#,
                r#"{"choices":[{"text":"\u2060y","index":0,"finish_reason":null}]}"#,
                r#"{"choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"length"}],"usage":{"completion_tokens":2,"prompt_tokens":3,"total_tokens":5},"timings":{"prompt_n":1}}"#,
                "[DONE]",
            ],
            &expect![[r#"
                Token { text: "x", log_probability: None }
                Token { text: "y", log_probability: None }
                Done { reason: Length, usage: Usage { prompt_tokens: 3, reused_tokens: 0, moved_tokens: 0, evaluated_tokens: 3, generated_tokens: 2, queue_milliseconds: 0.0, prompt_milliseconds: 0.0, generation_milliseconds: 0.0 } }
            "#]],
        );
    }

    #[test]
    fn vllm_with_log_probabilities_and_a_stop_text() {
        check(
            &[
                r#"{"choices":[{"index":0,"text":" a b","logprobs":{"text_offset":[0,2],"token_logprobs":[-0.5,null],"tokens":[" a"," b"],"top_logprobs":[{}]},"finish_reason":null,"stop_reason":null}],"usage":null}"#,
                r#"{"choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"stop","stop_reason":"\n\n"}],"usage":null}"#,
                r#"{"choices":[],"usage":{"prompt_tokens":20,"total_tokens":22,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":16}}}"#,
                "[DONE]",
            ],
            &expect![[r#"
                Token { text: " a", log_probability: Some(-0.5) }
                Token { text: " b", log_probability: None }
                Done { reason: StopText("\n\n"), usage: Usage { prompt_tokens: 20, reused_tokens: 16, moved_tokens: 0, evaluated_tokens: 4, generated_tokens: 2, queue_milliseconds: 0.0, prompt_milliseconds: 0.0, generation_milliseconds: 0.0 } }
            "#]],
        );
    }

    #[test]
    fn a_server_that_never_says_done() {
        check(
            &[r#"{"choices":[{"text":"x","finish_reason":"stop","stop_reason":7}]}"#],
            &expect![[r#"
                Token { text: "x", log_probability: None }
                Done { reason: EndOfText, usage: Usage { prompt_tokens: 0, reused_tokens: 0, moved_tokens: 0, evaluated_tokens: 0, generated_tokens: 1, queue_milliseconds: 0.0, prompt_milliseconds: 0.0, generation_milliseconds: 0.0 } }
            "#]],
        );
        check(
            &[r#"{"choices":[{"text":"x","finish_reason":null}]}"#],
            &expect![[r#"
                Token { text: "x", log_probability: None }
                Failed(Endpoint("the endpoint `http://host/v1` broke off its answer (connection closed); ask again"))
            "#]],
        );
    }

    #[test]
    fn failures_in_the_stream() {
        check(
            &[r#"{"error":{"message":"out of memory","code":500}}"#],
            &expect![[r#"
                Failed(Endpoint("the endpoint `http://host/v1` failed: out of memory"))
            "#]],
        );
        check(
            &[r#"{"error":"model is being unloaded"}"#],
            &expect![[r#"
            Failed(Endpoint("the endpoint `http://host/v1` failed: model is being unloaded"))
        "#]],
        );
        check(
            &["<html>"],
            &expect![[r#"
            Failed(Endpoint("the endpoint `http://host/v1` answered with something that is not the OpenAI API (expected value at line 1 column 1); check `endpoint.url` in the settings, it usually ends in `/v1`"))
        "#]],
        );
    }
}
