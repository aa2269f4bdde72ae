//! The same through the remote engine, in both dialects.

use super::*;

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
                    moved_tokens: 0,
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
                    moved_tokens: 0,
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
