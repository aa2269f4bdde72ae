//! What is refused, and who goes away.

use super::*;

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
