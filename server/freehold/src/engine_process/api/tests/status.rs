//! What the engine says of itself.

use super::*;

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
async fn ended_requests_are_told_without_what_they_said() {
    let server = Server::start();
    server.post("/v1/completions", &json!({"prompt": "a"})).await;
    let told = server.get(remote::wire::REQUESTS_PATH).await;
    let requests: Vec<remote::wire::EndedRequest> =
        serde_json::from_str(told.strip_prefix("200 ").expect("it is answered")).expect("a list");
    let [request] = requests.as_slice() else {
        panic!("one request has ended: {told}");
    };
    assert_eq!((request.number, request.end.as_str()), (1, "end_of_text"));
    assert_eq!(request.begun_microseconds, 1_700_000_000_000_000);
    assert_eq!(request.ended_microseconds, request.begun_microseconds);
    assert!(
        request.text_bytes > 0 && request.usage.generated_tokens > 0 && request.text.is_none(),
        "{told}"
    );
}
