//! Endpoints as they are met: silent, refusing, redirecting, breaking off.

use std::sync::mpsc;

use engine::{Engine as _, Event, Failure, Lane, Request, Reuse, Sampling, Segment, StopConditions};
use expect_test::{Expect, expect};
use remote::{Endpoint, OpenAiEndpoint, RemoteEngine, RemoteOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

fn request() -> Request {
    Request {
        prompt: vec![Segment::Text("a".to_owned())],
        sampling: Sampling::default(),
        stop: StopConditions::default(),
        lane: Lane::Typing,
        tokens_max: 8,
        log_probabilities: false,
        reuse: Reuse::Exact,
    }
}

fn engine(runtime: &tokio::runtime::Runtime, url: String) -> RemoteEngine {
    let server = OpenAiEndpoint {
        url,
        model: "m".to_owned(),
        api_key: Some("secret".to_owned()),
        fim: None,
        context_tokens: 0,
    };
    let endpoint = Endpoint::OpenAi(Box::new(server));
    RemoteEngine::new(RemoteOptions {
        endpoint,
        runtime: runtime.handle().clone(),
    })
    .expect("an address")
}

fn answer(engine: &RemoteEngine, request: Request) -> String {
    let (sender, receiver) = mpsc::channel();
    let ticket = engine.submit(
        request,
        Box::new(move |event: Event| sender.send(event).expect("listening")),
    );
    let events = receiver.into_iter().map(|event| format!("{event:?}\n")).collect();
    drop(ticket);
    events
}

/// What becomes of a request that is answered with these bytes, and what was sent.
fn check(response: &'static str, expected: &Expect) -> String {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let listener = runtime
        .block_on(TcpListener::bind("127.0.0.1:0"))
        .expect("a port");
    let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
    let server = runtime.spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut sent = Vec::new();
        while !sent.ends_with(b"}") {
            assert!(
                stream.read_buf(&mut sent).await.expect("readable") > 0,
                "cut short"
            );
        }
        stream.write_all(response.as_bytes()).await.expect("writable");
        String::from_utf8(sent).expect("text")
    });
    let events = answer(&engine(&runtime, url.clone()), request());
    expected.assert_eq(&events.replace(&url, "URL"));
    runtime.block_on(server).expect("served")
}

#[test]
fn a_whole_answer() {
    let sent = check(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n: hello\r\n\r\ndata: {\"choices\":[{\"text\":\"é\",\"finish_reason\":\"stop\"}]}\r\n\r\ndata: [DONE]\r\n\r\n",
        &expect![[r#"
            Token { text: "é", log_probability: None }
            Done { reason: EndOfText, usage: Usage { prompt_tokens: 0, reused_tokens: 0, moved_tokens: 0, evaluated_tokens: 0, generated_tokens: 1, queue_milliseconds: 0.0, prompt_milliseconds: 0.0, generation_milliseconds: 0.0 } }
        "#]],
    );
    assert!(sent.starts_with("POST /v1/completions HTTP/1.1\r\n"), "{sent}");
    assert!(sent.contains("authorization: Bearer secret\r\n"), "{sent}");
}

#[test]
fn what_goes_wrong_is_said_so_that_it_can_be_mended() {
    check(
        "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\n\r\n{\"error\":{\"message\":\"bad key\"}}",
        &expect![[r#"
            Failed(Endpoint("the endpoint `URL` refused the key (401 Unauthorized); put the right one in the environment variable that `endpoint.api_key_variable` names"))
        "#]],
    );
    check(
        "HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\nno such model",
        &expect![[r#"
            Failed(Endpoint("the endpoint `URL` has no model `m`, or no completions under this address (no such model); check `endpoint.model` and `endpoint.url` in the settings"))
        "#]],
    );
    check(
        "HTTP/1.1 429 Too Many Requests\r\nconnection: close\r\n\r\n",
        &expect![[r#"
            Failed(Endpoint("the endpoint `URL` asks to send fewer requests (no reason given); wait, then ask again"))
        "#]],
    );
    check(
        "HTTP/1.1 503 Busy\r\nconnection: close\r\n\r\n{\"detail\":\"loading\"}",
        &expect![[r#"
            Failed(Endpoint("the endpoint `URL` failed with 503 Service Unavailable: loading"))
        "#]],
    );
    check(
        "HTTP/1.1 400 Bad\r\nconnection: close\r\n\r\n{\"error\":\"too long\"}",
        &expect![[r#"
            Failed(Endpoint("the endpoint `URL` refused the request: too long"))
        "#]],
    );
    check(
        "HTTP/1.1 302 Found\r\nlocation: http://example.org/\r\nconnection: close\r\n\r\n",
        &expect![[r#"
            Failed(Endpoint("the endpoint `URL` points elsewhere (302 Found); put the final address in `endpoint.url`, it is not followed by itself"))
        "#]],
    );
    check(
        "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\ndata: {\"choices\":[{\"text\":\"x\"}]}\n\n",
        &expect![[r#"
            Token { text: "x", log_probability: None }
            Failed(Endpoint("the endpoint `URL` broke off its answer (error decoding response body); ask again"))
        "#]],
    );
    check(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<html></html>",
        &expect![[r#"
            Failed(Endpoint("the endpoint `URL` answered with something that is not the OpenAI API (its answer is of type `text/html`); check `endpoint.url` in the settings, it usually ends in `/v1`"))
        "#]],
    );
}

#[test]
fn nobody_there() {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let listener = runtime
        .block_on(TcpListener::bind("127.0.0.1:0"))
        .expect("a port");
    let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
    drop(listener);
    let events = answer(&engine(&runtime, url.clone()), request());
    expect![[r#"
        Failed(Endpoint("the endpoint `URL` cannot be reached (Connection refused (os error 111)); check that the server runs and that `endpoint.url` in the settings is right"))
    "#]].assert_eq(&events.replace(&url, "URL"));
}

#[test]
fn a_runtime_that_ends_ends_its_requests() {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let listener = runtime
        .block_on(TcpListener::bind("127.0.0.1:0"))
        .expect("a port");
    let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
    let engine = engine(&runtime, url);
    let (sender, receiver) = mpsc::channel();
    let ticket = engine.submit(
        request(),
        Box::new(move |event: Event| sender.send(event).expect("listening")),
    );
    runtime.shutdown_background();
    let events: Vec<Event> = receiver.into_iter().collect();
    assert_eq!(events, [Event::Failed(Failure::Gone)]);
    drop(ticket);
}

#[test]
fn a_request_for_nothing_is_not_sent() {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let engine = engine(&runtime, "http://127.0.0.1:1/v1".to_owned());
    expect![[r#"
        Done { reason: Length, usage: Usage { prompt_tokens: 0, reused_tokens: 0, moved_tokens: 0, evaluated_tokens: 0, generated_tokens: 0, queue_milliseconds: 0.0, prompt_milliseconds: 0.0, generation_milliseconds: 0.0 } }
    "#]].assert_eq(&answer(
        &engine,
        Request {
            tokens_max: 0,
            ..request()
        },
    ));
}
