//! What the engine says of itself, and how it is asked to end.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use remote::wire::{EndedRequest, Health};
use serde_json::{Value, json};

use super::Api;

/// `GET /health`: 200 when requests are answered, else 503.
pub async fn health(State(api): State<Arc<Api>>) -> Response {
    let description = api.slot.description();
    let mut health = Health {
        model: description.model,
        device: description.device,
        process_id: api.process_id,
        ..Health::default()
    };
    let (code, status, state) = match api.slot.state() {
        engine::State::Ready => (StatusCode::OK, "ok", "ready"),
        engine::State::Loading { fraction } => {
            health.fraction = Some(fraction);
            (StatusCode::SERVICE_UNAVAILABLE, "loading model", "loading")
        }
        engine::State::Failed(message) => {
            health.message = Some(message);
            (StatusCode::SERVICE_UNAVAILABLE, "error", "failed")
        }
    };
    health.status = status.to_owned();
    health.state = state.to_owned();
    let mut body = json!(health);
    if code != StatusCode::OK {
        // llama-server's clients look for this.
        let message = health.message.as_deref().unwrap_or("Loading model");
        body["error"] = json!({"code": code.as_u16(), "message": message, "type": "unavailable_error"});
    }
    (code, Json(body)).into_response()
}

/// `GET /metrics`, for Prometheus.
pub async fn metrics(State(api): State<Arc<Api>>) -> Response {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        api.metrics.text(),
    )
        .into_response()
}

/// `GET /freehold/requests`: what the last requests cost, for measurements.
pub async fn requests(State(api): State<Arc<Api>>) -> Json<Vec<EndedRequest>> {
    Json(api.metrics.ended())
}

/// `GET /v1/models`: the one that is loaded.
pub async fn models(State(api): State<Arc<Api>>) -> Json<Value> {
    api.slot.settled().await;
    let description = api.slot.description();
    let mut models = Vec::new();
    if !description.model.is_empty() {
        models.push(json!({
            "id": description.model,
            "object": "model",
            "created": 0,
            "owned_by": "freehold",
            "context_length": description.context_tokens,
        }));
    }
    Json(json!({"object": "list", "data": models}))
}

/// `GET /freehold/description`: all that a client must know to write prompts.
pub async fn description(State(api): State<Arc<Api>>) -> Json<engine::Description> {
    Json(api.slot.description())
}

/// `POST /freehold/shutdown`: the process ends, for instance because another model was chosen.
pub async fn shutdown(State(api): State<Arc<Api>>) -> Json<Value> {
    api.shutdown.notify_one();
    Json(json!({"status": "ending"}))
}
