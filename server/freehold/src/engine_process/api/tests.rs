//! The whole API over a real socket, answered from scripts.

use std::sync::Arc;
use std::time::Duration;

use engine::scripted::{Script, ScriptedEngine};
use engine::{Engine, Event, Failure, Lane, Request, Sampling, Segment, State, StopConditions, StopReason};
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
        let api = Arc::new(Api::new(slot, 4711, || 1_700_000_000));
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

#[tokio::test]
async fn completions() {
    let server = Server::start();
    let whole = json!({"prompt": "x = ", "max_tokens": 8, "logprobs": 1});
    server
        .check(
            "/v1/completions",
            whole,
            expect![[r#"
        200 {
          "choices": [
            {
              "finish_reason": "stop",
              "index": 0,
              "logprobs": {
                "text_offset": [
                  0,
                  3,
                  3,
                  6
                ],
                "token_logprobs": [
                  -0.25,
                  -0.25,
                  -0.25,
                  -0.25
                ],
                "tokens": [
                  "one",
                  "",
                  "é\n",
                  "two"
                ],
                "top_logprobs": null
              },
              "text": "oneé\ntwo"
            }
          ],
          "created": 1700000000,
          "id": "cmpl-0",
          "model": "scripted",
          "object": "text_completion",
          "usage": {
            "completion_tokens": 4,
            "prompt_tokens": 1,
            "prompt_tokens_details": {
              "cached_tokens": 0
            },
            "total_tokens": 5
          }
        }
    "#]],
        )
        .await;
    let streamed = json!({"prompt": ["x"], "max_tokens": 3, "stream": true, "stream_options": {"include_usage": true}, "stop": "two"});
    server.check("/v1/completions", streamed, expect![[r#"
        200
        data: {"choices":[{"finish_reason":null,"index":0,"logprobs":null,"text":"one"}],"created":1700000000,"id":"cmpl-1","model":"scripted","object":"text_completion"}

        data: {"choices":[{"finish_reason":null,"index":0,"logprobs":null,"text":"é\n"}],"created":1700000000,"id":"cmpl-1","model":"scripted","object":"text_completion"}

        data: {"choices":[{"finish_reason":"length","index":0,"logprobs":null,"text":""}],"created":1700000000,"id":"cmpl-1","model":"scripted","object":"text_completion"}

        data: {"choices":[],"created":1700000000,"id":"cmpl-1","model":"scripted","object":"text_completion","usage":{"completion_tokens":3,"prompt_tokens":1,"prompt_tokens_details":{"cached_tokens":0},"total_tokens":4}}

        data: [DONE]

    "#]]).await;
    assert_eq!(server.last_request().stop.texts, ["two"]);
}

#[tokio::test]
async fn a_prompt_is_text_and_a_suffix_asks_for_the_middle() {
    let server = Server::start();
    server.post("/v1/completions", &json!({"prompt": "a<PRE>"})).await;
    assert_eq!(server.last_request().prompt, [Segment::Text("a<PRE>".into())]);
    server
        .post(
            "/v1/completions",
            &json!({"prompt": "a", "suffix": "b", "stop": ["\n"], "seed": 7}),
        )
        .await;
    expect![[r#"
        Request {
            prompt: [
                Token(
                    "<PRE>",
                ),
                Text(
                    "a",
                ),
                Token(
                    "<SUF>",
                ),
                Text(
                    "b",
                ),
                Token(
                    "<MID>",
                ),
            ],
            sampling: Sampling {
                temperature: 0.8,
                top_k: 40,
                top_p: 0.95,
                min_p: 0.05,
                seed: 7,
                grammar: None,
            },
            stop: StopConditions {
                texts: [
                    "\n",
                ],
                tokens: [
                    "<PRE>",
                    "<EOT>",
                ],
            },
            lane: Typing,
            tokens_max: 16,
            log_probabilities: false,
        }
    "#]]
    .assert_eq(&format!("{:#?}\n", server.last_request()));
}

#[tokio::test]
async fn our_own_dialect() {
    let server = Server::start();
    let body = json!({
        "max_tokens": 8, "temperature": 0.0, "top_p": 1.0, "seed": 3, "stop": ["two"], "stream": true,
        "freehold": {"prompt": [{"token": "<PRE>"}, {"text": "a"}], "lane": "idle", "log_probabilities": true},
    });
    server
        .check("/v1/completions", body.clone(), expect![[r#"
            200
            data: {"choices":[{"finish_reason":null,"index":0,"logprobs":null,"text":"one"}],"created":1700000000,"freehold":{"log_probability":-0.25},"id":"cmpl-0","model":"scripted","object":"text_completion"}

            data: {"choices":[{"finish_reason":null,"index":0,"logprobs":null,"text":""}],"created":1700000000,"freehold":{"log_probability":-0.25},"id":"cmpl-0","model":"scripted","object":"text_completion"}

            data: {"choices":[{"finish_reason":null,"index":0,"logprobs":null,"text":"é\n"}],"created":1700000000,"freehold":{"log_probability":-0.25},"id":"cmpl-0","model":"scripted","object":"text_completion"}

            data: {"choices":[{"finish_reason":null,"index":0,"logprobs":null,"text":""}],"created":1700000000,"freehold":{"log_probability":-0.25},"id":"cmpl-0","model":"scripted","object":"text_completion"}

            data: {"choices":[{"finish_reason":"stop","index":0,"logprobs":null,"text":""}],"created":1700000000,"freehold":{"reason":{"stop_text":"two"}},"freehold_usage":{"evaluated_tokens":2,"generated_tokens":4,"generation_milliseconds":0.0,"prompt_milliseconds":0.0,"prompt_tokens":2,"queue_milliseconds":0.0,"reused_tokens":0},"id":"cmpl-0","model":"scripted","object":"text_completion"}

            data: [DONE]

        "#]])
        .await;
    let mut whole = body;
    whole["stream"] = json!(false);
    server
        .check(
            "/v1/completions",
            whole,
            expect![[r#"
        200 {
          "choices": [
            {
              "finish_reason": "stop",
              "index": 0,
              "logprobs": null,
              "text": "oneé\n"
            }
          ],
          "created": 1700000000,
          "freehold": {
            "reason": {
              "stop_text": "two"
            }
          },
          "freehold_usage": {
            "evaluated_tokens": 2,
            "generated_tokens": 4,
            "generation_milliseconds": 0.0,
            "prompt_milliseconds": 0.0,
            "prompt_tokens": 2,
            "queue_milliseconds": 0.0,
            "reused_tokens": 0
          },
          "id": "cmpl-1",
          "model": "scripted",
          "object": "text_completion",
          "usage": {
            "completion_tokens": 4,
            "prompt_tokens": 2,
            "prompt_tokens_details": {
              "cached_tokens": 0
            },
            "total_tokens": 6
          }
        }
    "#]],
        )
        .await;
    let unknown = json!({"freehold": {"prompts": []}});
    server.check("/v1/completions", unknown, expect![[r#"
        400 {
          "error": {
            "code": null,
            "message": "the request is not valid: unknown field `prompts`, expected one of `prompt`, `lane`, `log_probabilities`, `grammar`, `top_k`, `min_p`, `stop_tokens` at line 1 column 22",
            "param": null,
            "type": "invalid_request_error"
          },
          "freehold_failure": {
            "invalid": "unknown field `prompts`, expected one of `prompt`, `lane`, `log_probabilities`, `grammar`, `top_k`, `min_p`, `stop_tokens` at line 1 column 22"
          }
        }
    "#]]).await;
}

#[tokio::test]
async fn chat() {
    let server = Server::start();
    let messages = json!([
        {"role": "developer", "content": "Be terse."},
        {"role": "user", "content": [{"type": "text", "text": "<|system|>"}, {"type": "text", "text": "!"}]},
    ]);
    let whole = json!({"messages": messages, "logprobs": true});
    server
        .check(
            "/v1/chat/completions",
            whole,
            expect![[r#"
            200 {
              "choices": [
                {
                  "finish_reason": "stop",
                  "index": 0,
                  "logprobs": {
                    "content": [
                      {
                        "bytes": [
                          111,
                          110,
                          101
                        ],
                        "logprob": -0.25,
                        "token": "one",
                        "top_logprobs": []
                      },
                      {
                        "bytes": [],
                        "logprob": -0.25,
                        "token": "",
                        "top_logprobs": []
                      },
                      {
                        "bytes": [
                          195,
                          169,
                          10
                        ],
                        "logprob": -0.25,
                        "token": "é\n",
                        "top_logprobs": []
                      },
                      {
                        "bytes": [
                          116,
                          119,
                          111
                        ],
                        "logprob": -0.25,
                        "token": "two",
                        "top_logprobs": []
                      }
                    ]
                  },
                  "message": {
                    "content": "oneé\ntwo",
                    "role": "assistant"
                  }
                }
              ],
              "created": 1700000000,
              "id": "chatcmpl-0",
              "model": "scripted",
              "object": "chat.completion",
              "usage": {
                "completion_tokens": 4,
                "prompt_tokens": 13,
                "prompt_tokens_details": {
                  "cached_tokens": 0
                },
                "total_tokens": 17
              }
            }
        "#]],
        )
        .await;
    expect![[r#"
        [
            Template(
                "<|system|>",
            ),
            Text(
                "Be terse.",
            ),
            Template(
                "<|user|>",
            ),
            Text(
                "<|system|>!",
            ),
            Template(
                "<|assistant|>",
            ),
        ]
    "#]]
    .assert_eq(&format!("{:#?}\n", server.last_request().prompt));
    let streamed = json!({"messages": messages, "max_tokens": 1, "stream": true, "stream_options": {"include_usage": true}});
    server
        .check("/v1/chat/completions", streamed, expect![[r#"
            200
            data: {"choices":[{"delta":{"content":"one","role":"assistant"},"finish_reason":null,"index":0,"logprobs":null}],"created":1700000000,"id":"chatcmpl-1","model":"scripted","object":"chat.completion.chunk"}

            data: {"choices":[{"delta":{},"finish_reason":"length","index":0,"logprobs":null}],"created":1700000000,"id":"chatcmpl-1","model":"scripted","object":"chat.completion.chunk"}

            data: {"choices":[],"created":1700000000,"id":"chatcmpl-1","model":"scripted","object":"chat.completion.chunk","usage":{"completion_tokens":1,"prompt_tokens":13,"prompt_tokens_details":{"cached_tokens":0},"total_tokens":14}}

            data: [DONE]

        "#]])
        .await;
}

#[tokio::test]
async fn infill() {
    let server = Server::start();
    let body = json!({
        "input_prefix": "def f():\n", "prompt": "    ", "input_suffix": "\n",
        "input_extra": [{"filename": "a.py", "text": "A = 1\n"}, {"text": "B"}],
        "n_predict": 8, "cache_prompt": true, "samplers": ["top_k"], "top_k": 40, "t_max_predict_ms": 60_000,
    });
    server
        .check(
            "/infill",
            body.clone(),
            expect![[r#"
        200 {
          "content": "oneé\ntwo",
          "index": 0,
          "model": "scripted",
          "stop": true,
          "stop_type": "eos",
          "stopping_word": "",
          "timings": {
            "cache_n": 0,
            "predicted_ms": 0.0,
            "predicted_n": 4,
            "predicted_per_second": 0.0,
            "predicted_per_token_ms": 0.0,
            "prompt_ms": 0.0,
            "prompt_n": 22,
            "prompt_per_second": 0.0,
            "prompt_per_token_ms": 0.0
          },
          "tokens_cached": 0,
          "tokens_evaluated": 22,
          "tokens_predicted": 4,
          "truncated": false
        }
    "#]],
        )
        .await;
    expect![[r#"
        [Token("<REPO>"), Text("myproject"), Text("\n"), Token("<FILE>"), Text("a.py"), Text("\n"), Text("A = 1\n"), Token("<FILE>"), Text("tmp"), Text("\n"), Text("B"), Token("<FILE>"), Text("filename"), Text("\n"), Token("<PRE>"), Text("def f():\n    "), Token("<SUF>"), Text("\n"), Token("<MID>")]
    "#]].assert_eq(&format!("{:?}\n", server.last_request().prompt));
    let mut streamed = body;
    streamed["stream"] = json!(true);
    server.check("/infill", streamed, expect![[r#"
        200
        data: {"content":"one","index":0,"stop":false,"tokens_predicted":1}

        data: {"content":"é\n","index":0,"stop":false,"tokens_predicted":3}

        data: {"content":"two","index":0,"stop":false,"tokens_predicted":4}

        data: {"content":"","index":0,"model":"scripted","stop":true,"stop_type":"eos","stopping_word":"","timings":{"cache_n":0,"predicted_ms":0.0,"predicted_n":4,"predicted_per_second":0.0,"predicted_per_token_ms":0.0,"prompt_ms":0.0,"prompt_n":22,"prompt_per_second":0.0,"prompt_per_token_ms":0.0},"tokens_cached":0,"tokens_evaluated":22,"tokens_predicted":4,"truncated":false}

    "#]]).await;
}

#[tokio::test]
async fn what_is_wrong_is_refused() {
    let server = Server::start();
    let cases = [
        ("/v1/completions", json!({"prompt": 7})),
        ("/v1/completions", json!({"prompt": ["a", "b"]})),
        ("/v1/completions", json!({"prompt": ""})),
        ("/v1/completions", json!({"prompt": "a", "n": 2})),
        ("/v1/completions", json!({"prompt": "a", "temperature": 9})),
        ("/v1/completions", json!({"prompt": "a", "stop": [""]})),
        ("/v1/completions", json!({"prompt": "a", "max_tokens": -1})),
        ("/v1/completions", json!({"prompt": "a", "model": "other"})),
        ("/v1/chat/completions", json!({"messages": []})),
        (
            "/v1/chat/completions",
            json!({"messages": [{"role": "<|system|>", "content": "x"}]}),
        ),
        (
            "/v1/chat/completions",
            json!({"messages": [{"role": "user", "content": "x"}], "tools": [{}]}),
        ),
        ("/v1/embeddings", json!({"input": "x"})),
        ("/health", json!({})),
    ];
    let mut answers = String::new();
    for (path, body) in cases {
        let url = format!("http://localhost{path}");
        let response = server
            .client
            .post(url)
            .json(&body)
            .send()
            .await
            .expect("answered");
        let status = response.status().as_u16();
        let answer: Value = response.json().await.expect("JSON");
        answers.push_str(&format!(
            "{status} {}\n",
            answer["error"]["message"].as_str().expect("a message")
        ));
    }
    expect![[r#"
        400 the request is not valid: `prompt` must be a text, or a list of one text at line 1 column 12
        400 the request is not valid: `prompt` must be one text
        400 the request is not valid: `prompt` is empty
        400 the request is not valid: `n` and `best_of` must be 1 and `echo` false
        400 the request is not valid: `temperature` is 9; it must be 0 to 2
        400 the request is not valid: a text in `stop` is empty and would end every answer at once
        400 the request is not valid: invalid value: integer `-1`, expected u32 at line 1 column 16
        404 the model `other` is not loaded; `scripted` is. Name that one or none, or switch with `freehold models use other`
        400 the request is not valid: `messages` is empty
        400 the request is not valid: unknown variant `<|system|>`, expected one of `system`, `developer`, `user`, `assistant` at line 1 column 47
        400 the request is not valid: `tools` are not supported; leave them out
        404 there is no `/v1/embeddings` here
        405 `/health` is not called with this method
    "#]].assert_eq(&answers);
    expect![[r#"
        400 {
          "error": {
            "code": null,
            "message": "the request is not valid: EOF while parsing an object at line 1 column 1",
            "param": null,
            "type": "invalid_request_error"
          },
          "freehold_failure": {
            "invalid": "EOF while parsing an object at line 1 column 1"
          }
        }
    "#]]
    .assert_eq(&server.post_text("/v1/completions", "{".to_owned()).await);
    assert_eq!(server.engine.requests(), []);
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused() {
    let server = Server::start();
    let body = "x".repeat(BODY_BYTES_MAX + 1);
    assert!(
        server
            .post_text("/v1/completions", body)
            .await
            .starts_with("413 ")
    );
}

#[tokio::test]
async fn health_models_and_metrics() {
    let server = Server::start();
    let health = server.get("/health").await;
    expect![[r#"
        200 {
          "device": "script",
          "model": "scripted",
          "process_id": 4711,
          "state": "ready",
          "status": "ok"
        }
    "#]]
    .assert_eq(&health);
    expect![[r#"
        200 {
          "data": [
            {
              "context_length": 64,
              "created": 0,
              "id": "scripted",
              "object": "model",
              "owned_by": "freehold"
            }
          ],
          "object": "list"
        }
    "#]]
    .assert_eq(&server.get("/v1/models").await);
    server.post("/v1/completions", &json!({"prompt": "a"})).await;
    server
        .post("/v1/completions", &json!({"prompt": "a", "max_tokens": 1}))
        .await;
    expect![[r#"
        200
        # HELP freehold_requests_total Requests that have ended.
        # TYPE freehold_requests_total counter
        freehold_requests_total{lane="typing",end="end_of_text"} 1
        freehold_requests_total{lane="typing",end="length"} 1
        # HELP freehold_requests_open Requests that wait or are being answered.
        # TYPE freehold_requests_open gauge
        freehold_requests_open{lane="typing"} 0
        freehold_requests_open{lane="agent"} 0
        freehold_requests_open{lane="idle"} 0
        # HELP freehold_prompt_tokens_total Tokens of prompts.
        # TYPE freehold_prompt_tokens_total counter
        freehold_prompt_tokens_total{source="evaluated"} 2
        freehold_prompt_tokens_total{source="reused"} 0
        # HELP freehold_generated_tokens_total Tokens generated.
        # TYPE freehold_generated_tokens_total counter
        freehold_generated_tokens_total 5
        # HELP freehold_seconds_total Time that requests spent in each phase.
        # TYPE freehold_seconds_total counter
        freehold_seconds_total{phase="queue"} 0
        freehold_seconds_total{phase="prompt"} 0
        freehold_seconds_total{phase="generation"} 0
    "#]]
    .assert_eq(&server.get("/metrics").await);
}

#[tokio::test]
async fn an_engine_that_loads_is_seen_and_waited_for() {
    let slot = Slot::loading();
    let engine = ScriptedEngine::new(Script::always(&["x"]));
    let server = Server::with(slot.clone(), engine.clone());
    let health = server.get("/health").await;
    expect![[r#"
        503 {
          "device": "",
          "error": {
            "code": 503,
            "message": "Loading model",
            "type": "unavailable_error"
          },
          "fraction": 0.0,
          "model": "",
          "process_id": 4711,
          "state": "loading",
          "status": "loading model"
        }
    "#]]
    .assert_eq(&health);
    let remote = server.remote();
    assert_eq!(remote.state(), State::Loading { fraction: 0.0 });
    let waiting = tokio::spawn({
        let remote = remote.clone();
        async move { answer(&remote, request("a")).await.last().cloned() }
    });
    slot.fill(Ok(Arc::new(engine)));
    let last = tokio::time::timeout(PATIENCE, waiting)
        .await
        .expect("answered")
        .expect("no panic");
    assert!(
        matches!(
            last,
            Some(Event::Done {
                reason: StopReason::EndOfText,
                ..
            })
        ),
        "{last:?}"
    );
    remote.connect().await.expect("ready");
    assert_eq!(remote.state(), State::Ready);
}

#[tokio::test]
async fn an_engine_that_could_not_be_loaded_says_why() {
    let slot = Slot::loading();
    slot.fill(Err("no model is chosen".to_owned()));
    let server = Server::with(slot, ScriptedEngine::new(Script::default()));
    let no_model = Failure::NoModel("no model is chosen".to_owned());
    assert_eq!(
        answer(&server.remote(), request("a")).await,
        [Event::Failed(no_model.clone())]
    );
    let remote = server.remote();
    assert_eq!(remote.connect().await, Err(no_model));
    assert_eq!(remote.state(), State::Failed("no model is chosen".to_owned()));
    assert!(server.get("/health").await.starts_with("503 "));
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_request() {
    let server = Server::start();
    for (path, body) in [
        ("/v1/completions", json!({"prompt": "hold"})),
        ("/v1/completions", json!({"prompt": "half", "stream": true})),
        ("/infill", json!({"input_prefix": "hold"})),
        (
            "/v1/chat/completions",
            json!({"messages": [{"role": "user", "content": "half"}], "stream": true}),
        ),
    ] {
        let before = server.engine.requests().len();
        let request = server.client.post(format!("http://localhost{path}")).json(&body);
        let client = tokio::spawn(async move {
            let mut response = request.send().await.expect("answered");
            while let Ok(Some(_)) = response.chunk().await {}
        });
        // Each answer gives the other tasks a turn.
        while server.engine.requests().len() == before {
            server.get("/health").await;
        }
        let idle = server.api.activity.idle_for(Duration::ZERO);
        let idle = tokio::time::timeout(Duration::from_millis(1), idle).await;
        assert!(idle.is_err(), "a request keeps the process awake: {path}");
        client.abort();
        server.let_go().await;
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
            seed: 5,
            grammar: None,
        },
        stop: StopConditions {
            texts: vec!["two".to_owned()],
            tokens: vec!["<EOT>".to_owned()],
        },
        lane: Lane::Agent,
        tokens_max: 8,
        log_probabilities: true,
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

#[tokio::test]
async fn the_remote_engine_hands_on_everything() {
    let server = Server::start();
    let remote = server.remote();
    let mut asked = request("a");
    asked.sampling.grammar = Some("root ::= [a-z]+".to_owned());
    let events = answer(&remote, asked.clone()).await;
    assert_eq!(server.last_request(), asked);
    expect![[r#"
        [
            Token {
                text: "one",
                log_probability: Some(
                    -0.25,
                ),
            },
            Token {
                text: "",
                log_probability: Some(
                    -0.25,
                ),
            },
            Token {
                text: "é\n",
                log_probability: Some(
                    -0.25,
                ),
            },
            Token {
                text: "",
                log_probability: Some(
                    -0.25,
                ),
            },
            Done {
                reason: StopText(
                    "two",
                ),
                usage: Usage {
                    prompt_tokens: 2,
                    reused_tokens: 0,
                    evaluated_tokens: 2,
                    generated_tokens: 4,
                    queue_milliseconds: 0.0,
                    prompt_milliseconds: 0.0,
                    generation_milliseconds: 0.0,
                },
            },
        ]
    "#]]
    .assert_eq(&format!("{events:#?}\n"));
    assert_eq!(
        remote.connect().await.expect("ready"),
        server.engine.description()
    );
    assert_eq!(server.engine.complaints(), Vec::<String>::new());
}

#[tokio::test]
async fn dropping_the_ticket_cancels_far_away() {
    let server = Server::start();
    let remote = server.remote();
    for prompt in ["hold", "half"] {
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let ticket = remote.submit(
            request(prompt),
            Box::new(move |event| sender.send(event).expect("listening")),
        );
        if prompt == "half" {
            let event = tokio::time::timeout(PATIENCE, receiver.recv())
                .await
                .expect("in time");
            assert!(matches!(event, Some(Event::Token { .. })), "{event:?}");
        }
        drop(ticket);
        let event = tokio::time::timeout(PATIENCE, receiver.recv())
            .await
            .expect("in time");
        assert!(
            matches!(
                event,
                Some(Event::Done {
                    reason: StopReason::Cancelled,
                    ..
                })
            ),
            "{event:?}"
        );
        assert!(receiver.recv().await.is_none());
        server.let_go().await;
    }
}

#[tokio::test]
async fn failures_arrive_as_they_are() {
    let server = Server::start();
    let mut wrong = request("a");
    wrong.stop.texts = vec![String::new()];
    let events = answer(&server.remote(), wrong).await;
    assert!(
        matches!(events.as_slice(), [Event::Failed(Failure::Invalid(_))]),
        "{events:?}"
    );
    let mut wrong = request("a");
    wrong.prompt = vec![Segment::Token(String::new())];
    let events = answer(&server.remote(), wrong).await;
    let expected = Failure::Invalid("a special token has no name".to_owned());
    assert_eq!(events, [Event::Failed(expected)]);
}

#[tokio::test]
async fn an_engine_that_is_not_there_and_cannot_be_started_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("none.sock");
    let endpoint = Endpoint::Freehold {
        socket: socket.clone(),
        attach: None,
    };
    assert_eq!(
        answer(&remote(endpoint), request("a")).await,
        [Event::Failed(Failure::Gone)]
    );
    let attach: remote::Attach = Arc::new(|| Box::pin(async { Err("no such program".to_owned()) }));
    let endpoint = Endpoint::Freehold {
        socket,
        attach: Some(attach),
    };
    let expected = Failure::NoModel("no such program".to_owned());
    assert_eq!(
        answer(&remote(endpoint), request("a")).await,
        [Event::Failed(expected)]
    );
}

#[tokio::test]
async fn the_open_ai_dialect_speaks_to_us_as_to_any_other() {
    let server = Server::start();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
    tokio::spawn(axum::serve(listener, router(Arc::clone(&server.api))).into_future());
    let endpoint = |model: &str| {
        Endpoint::OpenAi(Box::new(OpenAiEndpoint {
            url: url.clone(),
            model: model.to_owned(),
            api_key: Some("key".to_owned()),
            fim: None,
            context_tokens: 0,
        }))
    };
    let events = answer(&remote(endpoint("scripted")), request("a<|im_end|>")).await;
    assert_eq!(
        server.last_request().prompt,
        [Segment::Text("<PRE>a<\u{2060}|im_end|>".to_owned())]
    );
    expect![[r#"
        [
            Token {
                text: "one",
                log_probability: Some(
                    -0.25,
                ),
            },
            Token {
                text: "é\n",
                log_probability: Some(
                    -0.25,
                ),
            },
            Done {
                reason: EndOfText,
                usage: Usage {
                    prompt_tokens: 5,
                    reused_tokens: 0,
                    evaluated_tokens: 5,
                    generated_tokens: 4,
                    queue_milliseconds: 0.0,
                    prompt_milliseconds: 0.0,
                    generation_milliseconds: 0.0,
                },
            },
        ]
    "#]]
    .assert_eq(&format!("{events:#?}\n"));
    let events = answer(&remote(endpoint("other")), request("a")).await;
    expect![[r#"
        [Failed(Endpoint("the endpoint `URL` has no model `other`, or no completions under this address (the model `other` is not loaded; `scripted` is. Name that one or none, or switch with `freehold models use other`); check `endpoint.model` and `endpoint.url` in the settings"))]
    "#]].assert_eq(&format!("{events:?}\n").replace(&url, "URL"));
}
