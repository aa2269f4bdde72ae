//! What went wrong at an endpoint, said so that a person knows what to do.

use engine::Failure;
use reqwest::StatusCode;
use serde_json::Value;

/// Longest message of a server that is repeated, in characters.
const MESSAGE_CHARACTERS_MAX: usize = 400;

/// No answer came from `endpoint`.
pub(crate) fn unreachable(endpoint: &str, error: &reqwest::Error) -> Failure {
    let why = innermost(error);
    let what = if error.is_timeout() {
        "did not answer in time"
    } else {
        "cannot be reached"
    };
    Failure::Endpoint(format!(
        "the endpoint `{endpoint}` {what} ({why}); check that the server runs and that `endpoint.url` in the settings is right"
    ))
}

/// The stream of `endpoint` broke off.
pub(crate) fn broke_off(endpoint: &str, why: &str) -> Failure {
    Failure::Endpoint(format!(
        "the endpoint `{endpoint}` broke off its answer ({why}); ask again"
    ))
}

/// `endpoint` sent what cannot be read.
pub(crate) fn unreadable(endpoint: &str, why: &str) -> Failure {
    Failure::Endpoint(format!(
        "the endpoint `{endpoint}` answered with something that is not the OpenAI API ({why}); check `endpoint.url` in the settings, it usually ends in `/v1`"
    ))
}

/// `endpoint` refused with `status` and `body`.
pub(crate) fn refused(endpoint: &str, model: &str, status: StatusCode, body: &str) -> Failure {
    let message = message_of(body);
    let sentence = match status.as_u16() {
        401 | 403 => format!(
            "the endpoint `{endpoint}` refused the key ({status}); put the right one in the environment variable that `endpoint.api_key_variable` names"
        ),
        404 => format!(
            "the endpoint `{endpoint}` has no model `{model}`, or no completions under this address ({message}); check `endpoint.model` and `endpoint.url` in the settings"
        ),
        400 | 413 | 422 => format!("the endpoint `{endpoint}` refused the request: {message}"),
        429 => {
            format!("the endpoint `{endpoint}` asks to send fewer requests ({message}); wait, then ask again")
        }
        300..=399 => format!(
            "the endpoint `{endpoint}` points elsewhere ({status}); put the final address in `endpoint.url`, it is not followed by itself"
        ),
        _ => format!("the endpoint `{endpoint}` failed with {status}: {message}"),
    };
    Failure::Endpoint(sentence)
}

/// The message in an error's JSON, in the forms that servers have for it, or the start of the body.
pub(crate) fn message_of(body: &str) -> String {
    let parsed: Option<Value> = serde_json::from_str(body).ok();
    let message = parsed.as_ref().and_then(|value| {
        let error = value.get("error").unwrap_or(value);
        [
            error.get("message"),
            value.get("message"),
            value.get("detail"),
            Some(error),
        ]
        .into_iter()
        .flatten()
        .find_map(Value::as_str)
    });
    let message = message.unwrap_or(body).trim();
    if message.is_empty() {
        return "no reason given".to_owned();
    }
    message
        .chars()
        .filter(|character| !character.is_control())
        .take(MESSAGE_CHARACTERS_MAX)
        .collect()
}

fn innermost(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_in_the_forms_that_servers_have() {
        let cases = [
            (
                r#"{"error":{"message":"no such model","code":404}}"#,
                "no such model",
            ),
            (r#"{"error":"model not found"}"#, "model not found"),
            (r#"{"object":"error","message":"too long"}"#, "too long"),
            (r#"{"detail":"Not Found"}"#, "Not Found"),
            ("<html>bad\ngateway</html>", "<html>badgateway</html>"),
            ("", "no reason given"),
        ];
        for (body, expected) in cases {
            assert_eq!(message_of(body), expected, "{body}");
        }
    }
}
