//! An engine process that dies of its model.
#![expect(
    clippy::disallowed_methods,
    reason = "the test plays the engine process and looks past the host"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::http::StatusCode;
use axum::{Json, Router};
use engine::{Engine as _, Failure, State};
use remote::{Endpoint, RemoteEngine, RemoteOptions};
use serde_json::json;
use tokio::net::UnixListener;
use tokio::sync::Notify;

/// Says once that it loads, and is gone.
async fn die_loading(socket: PathBuf) -> Result<(), String> {
    if socket.exists() {
        std::fs::remove_file(&socket).map_err(|error| error.to_string())?;
    }
    let listener = UnixListener::bind(&socket).map_err(|error| error.to_string())?;
    let asked = Arc::new(Notify::new());
    let told = Arc::clone(&asked);
    let says = move || async move {
        told.notify_one();
        (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({ "state": "loading" })),
        )
    };
    let gone = async move { asked.notified().await };
    let server = axum::serve(listener, Router::new().fallback(says)).with_graceful_shutdown(gone);
    tokio::spawn(server.into_future());
    Ok(())
}

#[test]
fn an_engine_that_dies_whenever_it_loads_is_not_started_for_ever() {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("engine.sock");
    let starts = Arc::new(AtomicU32::new(0));
    let attach = {
        let (socket, starts) = (socket.clone(), Arc::clone(&starts));
        move || -> remote::AttachFuture {
            starts.fetch_add(1, Ordering::Relaxed);
            Box::pin(die_loading(socket.clone()))
        }
    };
    let endpoint = Endpoint::Freehold {
        socket,
        attach: Some(Arc::new(attach)),
    };
    let engine = RemoteEngine::new(RemoteOptions {
        endpoint,
        runtime: runtime.handle().clone(),
    })
    .expect("an engine");
    let failure = runtime.block_on(engine.connect()).expect_err("it cannot load");
    assert!(
        matches!(&failure, Failure::NoModel(message) if message.contains("ends whenever it loads")),
        "{failure}"
    );
    assert!(matches!(engine.state(), State::Failed(_)));
    assert_eq!(starts.load(Ordering::Relaxed), 3);
}
