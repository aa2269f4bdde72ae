//! What went wrong, as the OpenAI API says it.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use engine::Failure;
use serde_json::{Value, json};

/// What went wrong.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    message: String,
    failure: Option<Failure>,
}

impl ApiError {
    pub fn not_found(path: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "invalid_request_error",
            None,
            format!("there is no `{path}` here"),
        )
    }

    pub fn wrong_method(path: &str) -> Self {
        let message = format!("`{path}` is not called with this method");
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "invalid_request_error",
            None,
            message,
        )
    }

    pub fn body(status: StatusCode, bytes_max: usize) -> Self {
        let message = match status {
            StatusCode::PAYLOAD_TOO_LARGE => format!("the request is longer than {bytes_max} bytes"),
            _ => "the request was cut short".to_owned(),
        };
        Self::new(status, "invalid_request_error", None, message)
    }

    pub fn model_not_loaded(asked: &str, loaded: &str) -> Self {
        let message = format!(
            "the model `{asked}` is not loaded; `{loaded}` is. Name that one or none, or switch with `freehold models use {asked}`"
        );
        Self::new(
            StatusCode::NOT_FOUND,
            "invalid_request_error",
            Some("model_not_found"),
            message,
        )
    }

    /// The error as it stands in an answer.
    pub fn json(&self) -> Value {
        let mut value = json!({
            "error": {
                "message": self.message,
                "type": self.kind,
                "param": null,
                "code": self.code,
            },
        });
        if let Some(failure) = &self.failure {
            value["freehold_failure"] = json!(failure);
        }
        value
    }

    fn new(status: StatusCode, kind: &'static str, code: Option<&'static str>, message: String) -> Self {
        Self {
            status,
            kind,
            code,
            message,
            failure: None,
        }
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        let (status, kind, code) = match &failure {
            Failure::PromptTooLong { .. } => (
                StatusCode::BAD_REQUEST,
                "invalid_request_error",
                Some("context_length_exceeded"),
            ),
            Failure::UnknownToken(_) | Failure::Invalid(_) => {
                (StatusCode::BAD_REQUEST, "invalid_request_error", None)
            }
            Failure::NoModel(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable_error",
                Some("no_model"),
            ),
            Failure::Gone => (StatusCode::SERVICE_UNAVAILABLE, "unavailable_error", None),
            Failure::Engine(_) => (StatusCode::INTERNAL_SERVER_ERROR, "server_error", None),
            Failure::Endpoint(_) => (StatusCode::BAD_GATEWAY, "server_error", None),
        };
        Self {
            failure: Some(failure.clone()),
            ..Self::new(status, kind, code, failure.to_string())
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(self.json())).into_response()
    }
}
