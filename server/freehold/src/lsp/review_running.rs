//! Commands that the editor has run against what waits: shown as work that goes on, and ended when nobody wants
//! to know any more.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use host::Stop;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower_lsp_server::Client;
use tower_lsp_server::gen_lsp_types::{
    ProgressNotification, ProgressParams, ProgressToken, WorkDoneProgressCreateParams,
    WorkDoneProgressCreateRequest,
};

/// How often the editor is told for how long a command has been running.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// Ends what runs for a request once the request is dropped: cancelled, that is, or left by its editor.
pub struct StopOnDrop(pub Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.now();
    }
}

/// What can be stopped by its user, by the name that the editor shows it under.
#[derive(Default)]
pub struct Stoppable {
    last: Mutex<u64>,
    stops: Mutex<HashMap<String, Stop>>,
}

impl Stoppable {
    /// A new name for something that `stop` ends.
    fn add(&self, stop: &Stop) -> String {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last += 1;
        let name = format!("freehold/command/{last}");
        let mut stops = self.stops.lock().unwrap_or_else(PoisonError::into_inner);
        stops.insert(name.clone(), stop.clone());
        name
    }

    fn remove(&self, name: &str) {
        let mut stops = self.stops.lock().unwrap_or_else(PoisonError::into_inner);
        stops.remove(name);
    }

    /// The user has stopped what is shown under this name.
    pub fn stop(&self, token: &ProgressToken) {
        let ProgressToken::String(name) = token else {
            return;
        };
        let stops = self.stops.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stop) = stops.get(name) {
            stop.now();
        }
    }
}

/// Shows a command as work that goes on until `answer` is there, and lets the user stop it.
pub async fn shown<T>(
    client: &Client,
    stoppable: &Stoppable,
    command: &str,
    stop: &Stop,
    answer: impl Future<Output = T>,
) -> T {
    let name = stoppable.add(stop);
    let token = ProgressToken::String(name.clone());
    let begun = AtomicBool::new(false);
    let answer = tokio::select! {
        answer = answer => answer,
        never = show(client, &token, command, &begun) => match never {},
    };
    stoppable.remove(&name);
    if begun.into_inner() {
        tell(client, &token, json!({ "kind": "end" })).await;
    }
    answer
}

/// Says that a command is running, and for how long, until nobody wants to hear it.
async fn show(client: &Client, token: &ProgressToken, command: &str, begun: &AtomicBool) -> Infallible {
    let params = WorkDoneProgressCreateParams { token: token.clone() };
    let wanted = client.send_request::<WorkDoneProgressCreateRequest>(params).await;
    if wanted.is_err() {
        // This editor does not want to see it.
        return std::future::pending().await;
    }
    begun.store(true, Ordering::Relaxed);
    let title = format!("Running {command}");
    tell(
        client,
        token,
        json!({ "kind": "begin", "title": title, "cancellable": true }),
    )
    .await;
    let since = Instant::now();
    loop {
        tokio::time::sleep(TOLD_EVERY).await;
        let message = format!("{} s", since.elapsed().as_secs());
        let report = json!({ "kind": "report", "message": message, "cancellable": true });
        tell(client, token, report).await;
    }
}

async fn tell(client: &Client, token: &ProgressToken, value: Value) {
    let token = token.clone();
    client
        .send_notification::<ProgressNotification>(ProgressParams { token, value })
        .await;
}
