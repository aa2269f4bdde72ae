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
