//! What the status bar shows, and how the editor is told: one notification, and progress while a model
//! loads.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::watch;
use tower_lsp_server::Client;
use tower_lsp_server::gen_lsp_types::{
    LspNotificationMethod, MessageDirection, Notification, ProgressNotification, ProgressParams,
    ProgressToken, WorkDoneProgressCreateParams, WorkDoneProgressCreateRequest,
};

/// How things stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// The engine is being looked for or started.
    #[default]
    Starting,
    /// The engine reads the model.
    Loading,
    /// Suggestions come when they are asked for.
    Ready,
    /// A suggestion is being made.
    Working,
    /// There is no model, or one that cannot complete.
    NoModel,
    /// The engine cannot be started.
    NoEngine,
    /// The user has switched Freehold off.
    Off,
    /// The user wants nothing unasked for some time.
    Snoozed,
    /// The engine has failed.
    Error,
}

/// How things stand, for the status bar.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// How things stand.
    pub state: Stage,
    /// Name of the model, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What is wrong and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// While the model loads: how much of it is there, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fraction: Option<f32>,
}

/// `freehold/status`: sent whenever the status has changed. The protocol has nothing for this.
enum StatusNotification {}

impl Notification for StatusNotification {
    type Params = Status;
    const METHOD: LspNotificationMethod<'static> = LspNotificationMethod::Custom("freehold/status");
    const MESSAGE_DIRECTION: MessageDirection = MessageDirection::ServerToClient;
}

/// Between two notifications at least so much time passes; what changes and changes back is not told.
const INTERVAL: Duration = Duration::from_millis(100);

/// Tells the editor how things stand, now and whenever it changes, and never more than it reads.
pub async fn report(client: Client, mut statuses: watch::Receiver<Status>) {
    let mut told = None;
    loop {
        let status = statuses.borrow_and_update().clone();
        if told.as_ref() != Some(&status) {
            client
                .send_notification::<StatusNotification>(status.clone())
                .await;
            told = Some(status);
        }
        tokio::time::sleep(INTERVAL).await;
        if statuses.changed().await.is_err() {
            return;
        }
    }
}

/// Shows the editor's own progress indicator while a model loads.
pub async fn report_loading(client: Client, mut statuses: watch::Receiver<Status>) {
    for load in 0_u32.. {
        if statuses
            .wait_for(|status| status.state == Stage::Loading)
            .await
            .is_err()
        {
            return;
        }
        let token = ProgressToken::String(format!("freehold/loading/{load}"));
        let params = WorkDoneProgressCreateParams { token: token.clone() };
        if client
            .send_request::<WorkDoneProgressCreateRequest>(params)
            .await
            .is_err()
        {
            // This editor does not want to see it.
            return;
        }
        if show_loading(&client, token, &mut statuses).await.is_none() {
            return;
        }
    }
}

/// From the beginning of a load to its end; `None` when nobody sends statuses any more.
async fn show_loading(
    client: &Client,
    token: ProgressToken,
    statuses: &mut watch::Receiver<Status>,
) -> Option<()> {
    let tell = |value| {
        client.send_notification::<ProgressNotification>(ProgressParams {
            token: token.clone(),
            value,
        })
    };
    let model = statuses
        .borrow()
        .model
        .clone()
        .unwrap_or_else(|| "the model".to_owned());
    tell(json!({ "kind": "begin", "title": format!("Loading {model}"), "percentage": 0 })).await;
    let ended = loop {
        let status = statuses.borrow_and_update().clone();
        if status.state != Stage::Loading {
            break Some(());
        }
        let percentage = (status.fraction.unwrap_or_default().clamp(0.0, 1.0) * 100.0).round();
        tell(json!({ "kind": "report", "percentage": percentage as u32 })).await;
        if statuses.changed().await.is_err() {
            break None;
        }
    };
    tell(json!({ "kind": "end" })).await;
    ended
}
