//! Conversations, and middles that are filled in.

use super::*;

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
