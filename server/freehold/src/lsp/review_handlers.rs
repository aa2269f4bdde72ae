//! The protocol's methods that are about reviews. As in [`super::handlers`], each pushes its event first.

use host::Stop;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tower_lsp_server::gen_lsp_types::{
    CodeActionKind, CodeActionOptions, CodeLensOptions, DidChangeWatchedFilesParams, ServerCapabilities,
    TextDocumentContentOptions, WorkDoneProgressCancelParams,
};
use tower_lsp_server::jsonrpc::{Error, Result};

use super::event::Event;
use super::handlers::Handlers;
use super::review::ReviewEvent;
use super::review_running::{StopOnDrop, shown};
use crate::review::{Answer, uri};

/// Adds what the server can do about reviews to what it can do.
pub fn add_capabilities(capabilities: &mut ServerCapabilities) {
    capabilities.code_action_provider = Some(
        CodeActionOptions {
            code_action_kinds: Some(vec![CodeActionKind::QuickFix]),
            ..CodeActionOptions::default()
        }
        .into(),
    );
    capabilities.code_lens_provider = Some(CodeLensOptions::default());
    if let Some(workspace) = &mut capabilities.workspace {
        let schemes = vec![uri::PROPOSED.to_owned(), uri::ORIGINAL.to_owned()];
        workspace.text_document_content = Some(TextDocumentContentOptions { schemes }.into());
    }
}

impl Handlers {
    /// `textDocument/codeAction`.
    pub async fn code_action(&self, params: Value) -> Result<Value> {
        let range = serde_json::from_value(params["range"].clone())
            .map(super::handlers::range)
            .map_err(|error| Error::invalid_params(error.to_string()))?;
        let only = params["context"]["only"].as_array();
        let only = only
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned);
        let (answer, answered) = oneshot::channel();
        self.push(ReviewEvent::ActionsAsked {
            uri: document(&params)?,
            range,
            only: only.collect(),
            answer,
        });
        answered.await.map_err(|_| Error::internal_error())
    }

    /// `textDocument/codeLens`.
    pub async fn code_lens(&self, params: Value) -> Result<Value> {
        let (answer, answered) = oneshot::channel();
        self.push(ReviewEvent::LensesAsked {
            uri: document(&params)?,
            answer,
        });
        answered.await.map_err(|_| Error::internal_error())
    }

    /// `workspace/textDocumentContent`.
    pub async fn text_document_content(&self, params: Value) -> Result<Value> {
        let uri = params["uri"].as_str().map(str::to_owned);
        let uri = uri.ok_or_else(|| Error::invalid_params("`uri` is missing"))?;
        let (answer, answered) = oneshot::channel();
        self.push(ReviewEvent::ContentAsked {
            uri: uri.clone(),
            answer,
        });
        let text = answered.await.map_err(|_| Error::internal_error())?;
        let text = text.ok_or_else(|| Error::invalid_params(format!("there is no document `{uri}`")))?;
        Ok(json!({ "text": text }))
    }

    /// `workspace/didChangeWatchedFiles`.
    pub async fn did_change_watched_files(&self, params: DidChangeWatchedFilesParams) {
        let uris = params.changes.into_iter().map(|change| change.uri.to_string());
        let uris: Vec<String> = uris.collect();
        self.heed_ignore_files(&uris);
        self.push(ReviewEvent::FilesChanged { uris });
    }

    /// A command of a review, by its name.
    pub async fn review_command(&self, name: String, arguments: Vec<Value>) -> Result<Option<Value>> {
        let stop = StopOnDrop(Stop::default());
        let (answer, answered) = Answer::channel(stop.0.clone());
        let runs = arguments.first().and_then(|first| first["run"].as_str());
        let runs = runs.filter(|_| self.shows_progress()).map(str::to_owned);
        self.push(ReviewEvent::Asked {
            name,
            arguments,
            folder: None,
            answer,
        });
        let answered = match runs {
            Some(run) => shown(self.client(), self.stoppable(), &run, &stop.0, answered).await,
            None => answered.await,
        };
        let result = answered.map_err(|_| Error::internal_error())?;
        result.map(Some).map_err(|message| Error {
            message: message.into(),
            ..Error::internal_error()
        })
    }

    /// `window/workDoneProgress/cancel`.
    pub async fn cancel_progress(&self, params: WorkDoneProgressCancelParams) {
        self.stoppable().stop(&params.token);
    }

    fn push(&self, event: ReviewEvent) {
        self.events().push(Event::Review(event));
    }
}

fn document(params: &Value) -> Result<String> {
    let uri = params["textDocument"]["uri"].as_str().map(str::to_owned);
    uri.ok_or_else(|| Error::invalid_params("`textDocument.uri` is missing"))
}
