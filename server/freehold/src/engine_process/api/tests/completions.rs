//! Completions, as everybody asks for them and as we do.

use super::*;

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
                first_token_rank: 0,
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
                log_probability_min: None,
            },
            lane: Typing,
            tokens_max: 16,
            log_probabilities: false,
            reuse: Exact,
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

            data: {"choices":[{"finish_reason":"stop","index":0,"logprobs":null,"text":""}],"created":1700000000,"freehold":{"reason":{"stop_text":"two"}},"freehold_usage":{"evaluated_tokens":2,"generated_tokens":4,"generation_milliseconds":0.0,"moved_tokens":0,"prompt_milliseconds":0.0,"prompt_tokens":2,"queue_milliseconds":0.0,"reused_tokens":0},"id":"cmpl-0","model":"scripted","object":"text_completion"}

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
                    "moved_tokens": 0,
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
            "message": "the request is not valid: unknown field `prompts`, expected one of `prompt`, `lane`, `log_probabilities`, `reuse`, `first_token_rank`, `grammar`, `top_k`, `min_p`, `stop_tokens`, `log_probability_min` at line 1 column 22",
            "param": null,
            "type": "invalid_request_error"
          },
          "freehold_failure": {
            "invalid": "unknown field `prompts`, expected one of `prompt`, `lane`, `log_probabilities`, `reuse`, `first_token_rank`, `grammar`, `top_k`, `min_p`, `stop_tokens`, `log_probability_min` at line 1 column 22"
          }
        }
    "#]]).await;
}
