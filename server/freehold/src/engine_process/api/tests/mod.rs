//! The whole API over a real socket, answered from scripts.

mod chat_and_infill;
mod completions;
mod from_afar;
mod refusals;
mod status;

use std::sync::Arc;
use std::time::Duration;

use engine::scripted::{Script, ScriptedEngine};
use engine::{
    Engine, Event, Failure, Lane, Request, Reuse, Sampling, Segment, State, StopConditions, StopReason,
};
use expect_test::{Expect, expect};
use remote::{Endpoint, OpenAiEndpoint, RemoteEngine, RemoteOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::engine_process::socket::OwnListener;

/// Long enough for a loaded machine; nothing waits for it unless something is broken.
const PATIENCE: Duration = Duration::from_secs(30);

const SCRIPT: &str = r#"
[description]
model = "scripted"
context_tokens = 64
chat_template = "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}{% endfor %}<|assistant|>"
end_token = "<|end|>"
device = "script"

[description.fim]
infill = [{ token = "<PRE>" }, "prefix", { token = "<SUF>" }, "suffix", { token = "<MID>" }]
repository = [{ token = "<REPO>" }, "repository", { literal = "\n" }]
other_file = [{ token = "<FILE>" }, "path", { literal = "\n" }, "content"]
current_file = [{ token = "<FILE>" }, "path", { literal = "\n" }]
stop_tokens = ["<PRE>", "<EOT>"]
source = "made up"

[[reply]]
when = "hold"
tokens = ["never"]
hold_before = 0

[[reply]]
when = "half"
tokens = ["first", "never"]
hold_before = 1

[[reply]]
tokens = ["one", "", "é\n", "two"]
log_probability = -0.25
"#;

struct Server {
    engine: ScriptedEngine,
    api: Arc<Api>,
    client: reqwest::Client,
    folder: TempDir,
}

impl Server {
    fn start() -> Self {
        let slot = Slot::loading();
        let engine = ScriptedEngine::new(Script::parse(SCRIPT).expect("a script"));
        slot.fill(Ok(Arc::new(engine.clone())));
        Self::with(slot, engine)
    }

    fn with(slot: Slot, engine: ScriptedEngine) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("engine.sock");
        let host = host::RealHost::new();
        let listener = OwnListener::bind(&host, &socket, host::Environment::user_id(&host)).expect("listens");
        let now = || Duration::from_secs(1_700_000_000);
        let api = Arc::new(Api::new(slot, Metrics::default(), 4711, now));
        tokio::spawn(axum::serve(listener, router(Arc::clone(&api))).into_future());
        let client = reqwest::Client::builder()
            .unix_socket(socket)
            .no_proxy()
            .build()
            .expect("a client");
        Self {
            engine,
            api,
            client,
            folder,
        }
    }

    async fn post(&self, path: &str, body: &Value) -> String {
        self.post_text(path, body.to_string()).await
    }

    async fn post_text(&self, path: &str, body: String) -> String {
        let url = format!("http://localhost{path}");
        shown(self.client.post(url).body(body).send().await.expect("answered")).await
    }

    async fn get(&self, path: &str) -> String {
        shown(
            self.client
                .get(format!("http://localhost{path}"))
                .send()
                .await
                .expect("answered"),
        )
        .await
    }

    async fn check(&self, path: &str, body: Value, expected: Expect) {
        expected.assert_eq(&self.post(path, &body).await);
    }

    fn last_request(&self) -> Request {
        self.engine.requests().pop().expect("a request")
    }

    /// Waits until the engine holds no request any more.
    async fn let_go(&self) {
        let idle = self.api.activity.idle_for(Duration::ZERO);
        tokio::time::timeout(PATIENCE, idle)
            .await
            .expect("the engine lets go");
        assert_eq!(self.engine.open_requests(), 0);
    }

    fn remote(&self) -> RemoteEngine {
        let socket = self.folder.path().join("engine.sock");
        let endpoint = Endpoint::Freehold { socket, attach: None };
        remote(endpoint)
    }
}

fn remote(endpoint: Endpoint) -> RemoteEngine {
    let runtime = tokio::runtime::Handle::current();
    RemoteEngine::new(RemoteOptions { endpoint, runtime }).expect("an endpoint")
}

/// Status and body; a JSON body line by line.
async fn shown(response: reqwest::Response) -> String {
    let status = response.status().as_u16();
    let body = response.text().await.expect("a body");
    match serde_json::from_str::<Value>(&body) {
        Ok(json) => format!("{status} {json:#}\n"),
        Err(_) => format!("{status}\n{body}"),
    }
}

fn request(text: &str) -> Request {
    Request {
        prompt: vec![Segment::Token("<PRE>".to_owned()), Segment::Text(text.to_owned())],
        sampling: Sampling {
            temperature: 0.3,
            top_k: 7,
            top_p: 0.9,
            min_p: 0.1,
            first_token_rank: 1,
            seed: 5,
            grammar: None,
        },
        stop: StopConditions {
            texts: vec!["two".to_owned()],
            tokens: vec!["<EOT>".to_owned()],
            log_probability_min: Some(-3.0),
        },
        lane: Lane::Agent,
        tokens_max: 8,
        log_probabilities: true,
        reuse: Reuse::Moved,
    }
}

/// All events of `request`.
async fn answer(engine: &RemoteEngine, request: Request) -> Vec<Event> {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let ticket = engine.submit(
        request,
        Box::new(move |event| sender.send(event).expect("listening")),
    );
    let mut events = Vec::new();
    while let Some(event) = tokio::time::timeout(PATIENCE, receiver.recv())
        .await
        .expect("in time")
    {
        events.push(event);
    }
    drop(ticket);
    events
}
