//! The extension llama.vscode, as far as it completes: what it asks of the server, when, and what it makes of it.
//!
//! Followed from `src/completion.ts` of llama.vscode 0.0.63: nothing is debounced or given up; one question
//! at a time goes to the server, the next looks every 150 ms whether it is its turn; what is found in the cache
//! is not asked for; after a suggestion at the end of a line the place after it is asked for ahead.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use host::Host;
use serde_json::{Value, json};

use super::peer_cache::Cache;
use super::peer_ring::{REST_MIN, Ring, UPDATE_INTERVAL, update_body};
use super::side::{Answer, Served};
use crate::terminal::peer::infill::{self, Document, Window};

/// `DELAY_BEFORE_COMPL_REQUEST`.
pub const TURN_INTERVAL: Duration = Duration::from_millis(150);

/// What the extension's tasks share.
#[derive(Clone)]
pub struct Extension {
    pub host: Arc<dyn Host>,
    pub client: reqwest::Client,
    pub address: String,
    pub completions: Option<u32>,
    pub sender: Sender<Answer>,
    pub state: Arc<Mutex<State>>,
}

/// What it knows and has under way.
pub struct State {
    busy: bool,
    /// Requests that the server has not answered.
    pub running: usize,
    last_question: Duration,
    cache: Cache,
    ring: Ring,
    pub served: Vec<Served>,
}

impl State {
    /// Nothing yet, for the file `file`.
    pub fn new(file: &str) -> Self {
        Self {
            busy: false,
            running: 0,
            last_question: Duration::ZERO,
            cache: Cache::default(),
            ring: Ring::new(file, 1),
            served: Vec::new(),
        }
    }
}

/// A question of the editor.
pub struct Asked {
    pub number: u64,
    pub text: String,
    pub cursor: usize,
    pub cancelled: Arc<AtomicBool>,
}

impl Asked {
    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

impl Extension {
    /// What its tasks share, for a moment.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `getCompletionItems`.
    pub async fn answer(self, asked: Asked) {
        while !self.takes_turn() {
            tokio::time::sleep(TURN_INTERVAL).await;
            if asked.is_cancelled() {
                return self.give(&asked, None);
            }
        }
        let document = Document::new(&asked.text, asked.cursor);
        if document.is_refused_unasked() {
            self.lock().busy = false;
            return self.give(&asked, None);
        }
        let window = document.window();
        let cached = self.lock().cache.look_back(&window);
        let is_cached = cached.is_some();
        let contents = match cached {
            Some(suggestions) => suggestions,
            None if asked.is_cancelled() => {
                self.lock().busy = false;
                return self.give(&asked, None);
            }
            None => {
                let chunks = self.lock().ring.chunks();
                let expects = |contents: &[String]| Some(document.inserted(contents.first()?));
                self.infill(window.body(&chunks, None), false, expects)
                    .await
                    .texts
            }
        };
        let suggestions = document.suggestions(&contents);
        let first = suggestions.first().cloned();
        {
            let mut state = self.lock();
            state.busy = false;
            if !is_cached && !suggestions.is_empty() {
                state.cache.put(&window, suggestions);
            }
        }
        let Some(first) = first else {
            return self.give(&asked, None);
        };
        self.give(&asked, Some(document.inserted(&first)));
        if !asked.is_cancelled() && document.line_suffix().trim().is_empty() {
            let inserted = document.inserted(&first);
            self.cache_ahead(&window, &first, &inserted).await;
        }
        if !asked.is_cancelled() {
            let line = infill::lines(&asked.text[..asked.cursor]).len() - 1;
            self.lock().ring.suggested(&asked.text, line);
        }
    }

    fn takes_turn(&self) -> bool {
        let now = self.host.monotonic();
        let mut state = self.lock();
        let free = !state.busy;
        if free {
            state.busy = true;
            state.last_question = now;
        }
        free
    }

    fn give(&self, asked: &Asked, text: Option<String>) {
        // Nobody listens any more at the very end.
        let _over = self.sender.send(Answer {
            question: asked.number,
            at: self.host.monotonic(),
            suggestion: text.map(|text| (None, text)),
        });
    }

    /// `cacheFutureSuggestion` and `cacheFutureAcceptLineSuggestion`, for a `suggestion` that goes in as `inserted`.
    async fn cache_ahead(&self, window: &Window, suggestion: &str, inserted: &str) {
        let future = after_all(window, suggestion);
        let known = self.lock().cache.get(&future).is_some();
        if !known {
            // It passes no chunk of other places that came meanwhile.
            let chunks = self.lock().ring.chunks();
            let expects = |contents: &[String]| {
                Some(format!(
                    "{inserted}{}",
                    contents.first().map_or("", String::as_str)
                ))
            };
            let answer = self.infill(future.body(&chunks, None), true, expects).await;
            // An answer with several completions has no `content` of its own, which is what is looked at here.
            if !answer.is_several && answer.texts.iter().any(|text| !text.trim().is_empty()) {
                let texts = answer.texts.iter().map(|text| {
                    let lines = infill::without_blank_end(infill::lines(text));
                    lines.join("\n")
                });
                let texts = texts.collect();
                self.lock().cache.put(&future, texts);
            }
        }
        if let Some((first, rest)) = suggestion.split_once('\n') {
            let next = Window {
                input_prefix: format!("{}{}{first}\n", window.input_prefix, window.prompt),
                prompt: String::new(),
                ..window.clone()
            };
            let mut state = self.lock();
            if state.cache.get(&next).is_none() {
                state.cache.put(&next, vec![rest.to_owned()]);
            }
        }
    }

    /// `periodicRingBufferUpdate`.
    pub async fn turn_ring(self) {
        loop {
            tokio::time::sleep(UPDATE_INTERVAL).await;
            self.update_ring().await;
        }
    }

    /// One round of it.
    async fn update_ring(&self) {
        let now = self.host.monotonic();
        let chunks = {
            let mut state = self.lock();
            let rested = now.saturating_sub(state.last_question) >= REST_MIN;
            (rested && state.ring.update()).then(|| state.ring.chunks())
        };
        if let Some(chunks) = chunks {
            // A task of its own: what was sent is waited for, and costs what it costs, also when the file is closed.
            let extension = self.clone();
            let update = async move { extension.infill(update_body(&chunks), true, |_| None).await };
            let _ended = tokio::spawn(update).await;
        }
    }

    /// Posts to `/infill` and keeps the books.
    async fn infill(
        &self,
        mut body: Value,
        ahead: bool,
        expects: impl FnOnce(&[String]) -> Option<String>,
    ) -> Infilled {
        if let Some(completions) = self.completions
            && body["n_cmpl"].is_u64()
        {
            body["n_cmpl"] = json!(completions);
        }
        self.lock().running += 1;
        let begun = self.host.monotonic();
        let request = self.client.post(format!("{}/infill", self.address)).json(&body);
        let answer: Result<Value, _> = async { request.send().await?.error_for_status()?.json().await }.await;
        let ended = self.host.monotonic();
        let answer = answer.unwrap_or_else(|error| {
            tracing::warn!("llama-server did not answer: {error}");
            Value::Null
        });
        let texts = infill::contents(&answer);
        let mut served = cost(&answer);
        (served.begun, served.ended, served.ahead) = (begun, ended, ahead);
        served.expects = expects(&texts);
        let mut state = self.lock();
        state.running = state.running.saturating_sub(1);
        state.served.push(served);
        Infilled {
            is_several: answer.is_array(),
            texts,
        }
    }
}

/// What came of a request.
struct Infilled {
    texts: Vec<String>,
    is_several: bool,
}

/// The window after all of `suggestion` was taken.
fn after_all(window: &Window, suggestion: &str) -> Window {
    let (before, prompt) = match suggestion.rsplit_once('\n') {
        None => (
            window.input_prefix.clone(),
            format!("{}{suggestion}", window.prompt),
        ),
        Some((lines, last)) => {
            let before = format!("{}{}{lines}\n", window.input_prefix, window.prompt);
            let all = infill::lines(before.trim_end_matches('\n')).len();
            let kept = before.split_inclusive('\n').skip(all.saturating_sub(256));
            (kept.collect(), last.to_owned())
        }
    };
    Window {
        input_prefix: before,
        prompt,
        // Of the line before, as it stood.
        indentation_units: window.prompt.len() - window.prompt.trim_start().len(),
        ..window.clone()
    }
}

/// What an answer cost, by the server's own account; several completions share one prompt.
fn cost(answer: &Value) -> Served {
    let one = std::slice::from_ref(answer);
    let answers = answer.as_array().map_or(one, Vec::as_slice);
    let count = |answer: &Value, name: &str| {
        let count = answer["timings"][name].as_u64().unwrap_or_default();
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    let evaluated = answers.iter().map(|answer| count(answer, "prompt_n")).max();
    let bytes = |answer: &Value| answer["content"].as_str().map_or(0, str::len);
    Served {
        evaluated_tokens: evaluated.unwrap_or_default(),
        generated_tokens: answers.iter().map(|answer| count(answer, "predicted_n")).sum(),
        generated_bytes: answers.iter().map(bytes).sum(),
        ..Served::default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use host::MemoryHost;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn what_the_ring_has_sent_is_counted_though_the_file_is_closed_meanwhile() {
        let server = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = server.local_addr().expect("it has an address");
        let (sender, _answers) = channel();
        let mut state = State::new("a.rs");
        state.ring.suggested(&"line\n".repeat(1000), 500);
        let host = MemoryHost::new();
        host.advance(REST_MIN);
        let extension = Extension {
            host: Arc::new(host),
            client: reqwest::Client::builder().no_proxy().build().expect("a client"),
            address: format!("http://{address}"),
            completions: None,
            sender,
            state: Arc::new(Mutex::new(state)),
        };
        let updating = extension.clone();
        let ring = tokio::spawn(async move { updating.update_ring().await });
        let (mut request, _) = server.accept().await.expect("it asks");
        ring.abort();
        let _aborted = ring.await;
        let mut begin = [0; 4];
        request.read_exact(&mut begin).await.expect("it is still there");
        assert_eq!(&begin, b"POST");
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
        request.write_all(answer).await.expect("it listens");
        while extension.lock().running > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(extension.lock().served.len(), 1);
    }

    #[test]
    fn what_is_asked_ahead_is_the_place_after_the_suggestion() {
        let window = Window {
            input_prefix: "a\n".to_owned(),
            input_suffix: "\n".to_owned(),
            prompt: "  if ".to_owned(),
            indentation_units: 2,
        };
        let one = after_all(&window, "b {");
        assert_eq!(
            (one.input_prefix.as_str(), one.prompt.as_str()),
            ("a\n", "  if b {")
        );
        let two = after_all(&window, "b {\n    c");
        assert_eq!(
            (two.input_prefix.as_str(), two.prompt.as_str()),
            ("a\n  if b {\n", "    c")
        );
    }

    #[test]
    fn several_completions_share_their_prompt() {
        let one = |text: &str| json!({ "content": text, "timings": { "prompt_n": 7, "predicted_n": 3 } });
        let served = cost(&json!([one("ab"), one("c")]));
        let counts = (
            served.evaluated_tokens,
            served.generated_tokens,
            served.generated_bytes,
        );
        assert_eq!(counts, (7, 6, 3));
        assert_eq!(cost(&Value::Null).evaluated_tokens, 0);
    }
}
