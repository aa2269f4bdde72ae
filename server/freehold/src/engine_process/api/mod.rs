//! The engine over HTTP: the OpenAI API, llama-server's additions, and ours (`remote::wire`).

mod answer;
mod chat;
mod completions;
mod error;
mod infill;
mod parameters;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::extract::rejection::BytesRejection;
use axum::http::Uri;
use axum::routing::{get, post};
use engine::{Description, Engine, Failure};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use super::activity::Activity;
use super::metrics::Metrics;
use super::slot::Slot;
use error::ApiError;

/// Longest request body, in bytes: a context of a million tokens fits.
pub const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What the routes work on.
pub struct Api {
    /// Where the engine is.
    pub slot: Slot,
    /// Counts requests, so that the process knows when nobody needs it.
    pub activity: Activity,
    /// What was done so far.
    pub metrics: Metrics,
    /// Told when somebody asks the process to end.
    pub shutdown: Notify,
    /// Number of this process.
    pub process_id: u32,
    /// Time since 1970.
    pub now: Box<dyn Fn() -> Duration + Send + Sync>,
    ids: AtomicU64,
}

impl Api {
    /// An API to the engine in `slot`, held by the process `process_id`.
    pub fn new(
        slot: Slot,
        metrics: Metrics,
        process_id: u32,
        now: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Self {
        Self {
            slot,
            activity: Activity::new(),
            metrics,
            shutdown: Notify::new(),
            process_id,
            now: Box::new(now),
            ids: AtomicU64::new(0),
        }
    }

    /// Seconds since 1970.
    fn now_seconds(&self) -> u64 {
        (self.now)().as_secs()
    }

    /// A number for each answer.
    fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// The engine once it is loaded, if it has the model that a request names.
    async fn engine(&self, model: Option<&str>) -> Result<(Arc<dyn Engine>, Description), ApiError> {
        let engine = self.slot.engine().await?;
        let description = engine.description();
        match model {
            Some(model) if !model.is_empty() && model != description.model => {
                Err(ApiError::model_not_loaded(model, &description.model))
            }
            _ => Ok((engine, description)),
        }
    }
}

/// All routes.
pub fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/health", get(status::health))
        .route("/v1/health", get(status::health))
        .route("/metrics", get(status::metrics))
        .route("/models", get(status::models))
        .route("/v1/models", get(status::models))
        .route("/completions", post(completions::completions))
        .route("/v1/completions", post(completions::completions))
        .route("/chat/completions", post(chat::chat_completions))
        .route("/v1/chat/completions", post(chat::chat_completions))
        .route("/infill", post(infill::infill))
        .route(remote::wire::DESCRIPTION_PATH, get(status::description))
        .route(remote::wire::REQUESTS_PATH, get(status::requests))
        .route(remote::wire::SHUTDOWN_PATH, post(status::shutdown))
        .fallback(no_such_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(api)
}

async fn no_such_route(uri: Uri) -> ApiError {
    ApiError::not_found(uri.path())
}

async fn wrong_method(uri: Uri) -> ApiError {
    ApiError::wrong_method(uri.path())
}

/// Reads a request's body.
fn parse<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, ApiError> {
    let body = body.map_err(|rejection| ApiError::body(rejection.status(), BODY_BYTES_MAX))?;
    serde_json::from_slice(&body).map_err(|error| Failure::Invalid(error.to_string()).into())
}
