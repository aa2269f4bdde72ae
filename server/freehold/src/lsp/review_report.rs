//! How the editor is told of a review: what waits as notifications and hints, and what it is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use text::Encoding;
use tokio::sync::{mpsc, watch};
use tower_lsp_server::Client;
use tower_lsp_server::gen_lsp_types::{
    LspNotificationMethod, LspRequestMethod, MessageDirection, MessageType, Notification, Request,
};

use super::event::{Event, Events};
use super::review::ReviewEvent;
use super::review_hands::{Edit, Outgoing};
use super::review_view;
use crate::review::view::{self, Shown};
use crate::review::{Abilities, uri};

/// Between two pictures of what waits at least so much time passes; the last one is always shown.
const INTERVAL: Duration = Duration::from_millis(50);

/// `freehold/reviewChanged`: sent whenever what waits has changed.
enum ReviewChanged {}

impl Notification for ReviewChanged {
    type Params = Value;
    const METHOD: LspNotificationMethod<'static> = LspNotificationMethod::Custom("freehold/reviewChanged");
    const MESSAGE_DIRECTION: MessageDirection = MessageDirection::ServerToClient;
}

/// `textDocument/publishDiagnostics`, with parameters that are made elsewhere.
enum Diagnostics {}

impl Notification for Diagnostics {
    type Params = Value;
    const METHOD: LspNotificationMethod<'static> =
        LspNotificationMethod::Custom("textDocument/publishDiagnostics");
    const MESSAGE_DIRECTION: MessageDirection = MessageDirection::ServerToClient;
}

macro_rules! request {
    ($name:ident, $method:literal) => {
        enum $name {}

        impl Request for $name {
            type Params = Value;
            type Result = Value;
            const METHOD: LspRequestMethod<'static> = LspRequestMethod::Custom($method);
            const MESSAGE_DIRECTION: MessageDirection = MessageDirection::ServerToClient;
        }
    };
}

request!(ApplyEdit, "workspace/applyEdit");
request!(ShowDocument, "window/showDocument");
request!(RefreshLenses, "workspace/codeLens/refresh");
request!(RefreshContent, "workspace/textDocumentContent/refresh");
request!(Register, "client/registerCapability");
request!(Unregister, "client/unregisterCapability");

/// What the editor was told last.
#[derive(Default)]
struct Told {
    state: Option<Value>,
    diagnostics: BTreeMap<String, Value>,
    watched: BTreeSet<String>,
}

/// Tells the editor what waits, now and whenever it changes, and never more than it reads.
pub async fn report(client: Client, mut shown: watch::Receiver<Vec<Shown>>, abilities: Abilities) {
    let mut told = Told {
        state: Some(view::state(&[])),
        ..Told::default()
    };
    loop {
        let workspaces = shown.borrow_and_update().clone();
        let picture = tokio::task::spawn_blocking(move || {
            // The state first: hints repeat what was found for it.
            let state = view::state(&workspaces);
            let diagnostics = diagnostics(&workspaces);
            (state, diagnostics, workspaces)
        });
        // A picture that cannot be made is not shown; the next one may be.
        if let Ok((state, diagnostics, workspaces)) = picture.await {
            tell(&client, &mut told, state, diagnostics, &workspaces, abilities).await;
        }
        tokio::time::sleep(INTERVAL).await;
        if shown.changed().await.is_err() {
            return;
        }
    }
}

/// The diagnostics of each file, by its URI.
fn diagnostics(workspaces: &[Shown]) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for shown in workspaces {
        for (path, uri, version) in &shown.files {
            let mut params = json!({ "uri": uri, "diagnostics": review_view::diagnostics(shown, path) });
            if let Some(version) = version {
                params["version"] = json!(version);
            }
            found.insert(uri.clone(), params);
        }
    }
    found
}

async fn tell(
    client: &Client,
    told: &mut Told,
    state: Value,
    diagnostics: BTreeMap<String, Value>,
    workspaces: &[Shown],
    abilities: Abilities,
) {
    for uri in told
        .diagnostics
        .keys()
        .filter(|uri| !diagnostics.contains_key(*uri))
    {
        let nothing = json!({ "uri": uri, "diagnostics": [] });
        client.send_notification::<Diagnostics>(nothing).await;
    }
    for (uri, params) in &diagnostics {
        let before = told.diagnostics.get(uri);
        if before.map(|before| &before["diagnostics"]) != Some(&params["diagnostics"]) {
            client.send_notification::<Diagnostics>(params.clone()).await;
        }
    }
    if told.state.as_ref() != Some(&state) {
        client.send_notification::<ReviewChanged>(state.clone()).await;
        if abilities.refreshes_lenses {
            ask::<RefreshLenses>(client, Value::Null);
        }
        if abilities.refreshes_content {
            let files = told
                .diagnostics
                .keys()
                .chain(diagnostics.keys())
                .collect::<BTreeSet<_>>();
            for uri in files {
                ask::<RefreshContent>(client, json!({ "uri": uri::with_scheme(uri, uri::PROPOSED) }));
            }
        }
        told.state = Some(state);
    }
    told.diagnostics = diagnostics;
    if abilities.watches_files {
        watch(client, told, workspaces);
    }
}

/// Asks the editor to watch exactly the files that something waits for.
fn watch(client: &Client, told: &mut Told, workspaces: &[Shown]) {
    let files = workspaces.iter().flat_map(|shown| &shown.files);
    let wanted: BTreeSet<String> = files.map(|(_, uri, _)| uri::place(uri)).collect();
    if wanted == told.watched {
        return;
    }
    const ID: &str = "freehold-review-files";
    const METHOD: &str = "workspace/didChangeWatchedFiles";
    let client = client.clone();
    let before = !told.watched.is_empty();
    told.watched.clone_from(&wanted);
    tokio::spawn(async move {
        if before {
            // Whether it was known or not, it is not wanted any more.
            let _unknown = client
                .send_request::<Unregister>(json!({ "unregisterations": [{ "id": ID, "method": METHOD }] }))
                .await;
        }
        if !wanted.is_empty() {
            let watchers: Vec<Value> = wanted
                .iter()
                .map(|place| json!({ "globPattern": escaped(place) }))
                .collect();
            let options = json!({ "watchers": watchers });
            let registration = json!({ "id": ID, "method": METHOD, "registerOptions": options });
            // Files that nobody watches are looked at before they are written.
            let _refused = client
                .send_request::<Register>(json!({ "registrations": [registration] }))
                .await;
        }
    });
}

/// A path as a pattern for itself.
fn escaped(path: &str) -> String {
    let mut pattern = String::new();
    for character in path.chars() {
        match character {
            '*' | '?' | '[' | ']' | '{' | '}' => pattern.push('?'),
            _ => pattern.push(character),
        }
    }
    pattern
}

/// Asks the editor for something whose answer says nothing.
fn ask<R>(client: &Client, params: Value)
where
    R: Request<Params = Value, Result = Value>,
{
    let client = client.clone();
    tokio::spawn(async move {
        let _refused = client.send_request::<R>(params).await;
    });
}

/// Asks the editor for what the reviews want of it.
pub async fn ask_all(
    client: Client,
    mut outgoing: mpsc::UnboundedReceiver<Outgoing>,
    events: Events,
    shown: watch::Receiver<Vec<Shown>>,
    abilities: Abilities,
    encoding: Encoding,
) {
    while let Some(wanted) = outgoing.recv().await {
        match wanted {
            Outgoing::Say(message) => client.show_message(MessageType::Info, message).await,
            Outgoing::Show(uri) => ask::<ShowDocument>(&client, json!({ "uri": uri, "takeFocus": false })),
            Outgoing::Edit { folder, number, what } => {
                let params = match what {
                    Edit::Documents { label, edits } => review_view::edit_params(&label, &edits, encoding),
                    Edit::Preview { label, review, hunks } => {
                        let workspaces = shown.borrow().clone();
                        let place = |path: &changes::WorkspacePath| {
                            let mut files = workspaces.iter().flat_map(|shown| &shown.files);
                            let found = files.find(|(known, _, _)| known == path);
                            found
                                .map(|(_, uri, version)| (uri.clone(), *version))
                                .unwrap_or_default()
                        };
                        let files = abilities.edits_files;
                        review_view::preview_params(&label, &review, &hunks, place, files, encoding)
                    }
                };
                let (client, events) = (client.clone(), events.clone());
                tokio::spawn(async move {
                    let applied = match client.send_request::<ApplyEdit>(params).await {
                        Ok(answer) => Ok(answer["applied"] == true),
                        Err(error) => Err(error.to_string()),
                    };
                    events.push(Event::Review(ReviewEvent::EditorAnswered {
                        folder,
                        number,
                        applied,
                    }));
                });
            }
        }
    }
}
