//! The protocol's methods: each turns its parameters into an event, pushes it, and only then waits.
//!
//! Until its first `.await` a handler runs before the next message is read. So the push stands before
//! any `.await`, in every handler, and the session sees everything in the order in which it was sent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use completion::Trigger;
use serde_json::Value;
use text::{Change, Document, Encoding};
use tokio::sync::{mpsc, oneshot, watch};
use tower_lsp_server::gen_lsp_types::{
    self as lsp, ChangeNotifications, DidChangeConfigurationParams, DidChangeTextDocumentParams,
    DidChangeWorkspaceFoldersParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams,
    ExecuteCommandOptions, ExecuteCommandParams, InitializeParams, InitializeResult, InitializedParams,
    InlineCompletionItem, InlineCompletionParams, InlineCompletionProvider, InlineCompletionResponse,
    InlineCompletionTriggerKind, PositionEncodingKind, ServerCapabilities, ServerInfo,
    TextDocumentContentChangeEvent, TextDocumentSyncKind, TextDocumentSyncOptions,
    WorkspaceFoldersServerCapabilities, WorkspaceOptions,
};
use tower_lsp_server::jsonrpc::{Error, Result};
use tower_lsp_server::{Client, ClientSocket, LanguageServer, LspService};

use super::event::{Command, Event, Events, Item, Question, RequestId};
use super::folders::Folder;
use super::options::Options;
use super::review_hands::Outgoing;
use super::review_running::Stoppable;
use super::status::{self, Status};
use super::{ignore_files, review, review_handlers, review_report};
use crate::review::Abilities;
use crate::review::command::NAMES;
use crate::review::view::Shown;

const RESTART_ENGINE: &str = "freehold.restartEngine";
const LIST_MODELS: &str = "freehold.listModels";
const USE_MODEL: &str = "freehold.useModel";
const SNOOZE: &str = "freehold.snooze";
const SHOW_PROMPT: &str = "freehold.showPrompt";

/// The language server as the framework sees it.
pub struct Handlers {
    events: Events,
    client: Client,
    statuses: watch::Receiver<Status>,
    next_id: AtomicU64,
    shows_progress: std::sync::atomic::AtomicBool,
    stoppable: Stoppable,
    reviews: ReviewReports,
}

/// What the reports of reviews are made of; they begin when the editor is ready for them.
struct ReviewReports {
    pictured: watch::Receiver<Vec<Shown>>,
    asked: Mutex<Option<mpsc::UnboundedReceiver<Outgoing>>>,
    client: Mutex<Option<(Abilities, Encoding)>>,
}

/// The service that turns messages into calls of the handlers, and its way back to the editor.
pub fn service(
    events: Events,
    statuses: watch::Receiver<Status>,
    pictured: watch::Receiver<Vec<Shown>>,
    asked: mpsc::UnboundedReceiver<Outgoing>,
) -> (LspService<Handlers>, ClientSocket) {
    let reviews = ReviewReports {
        pictured,
        asked: Mutex::new(Some(asked)),
        client: Mutex::default(),
    };
    LspService::build_with_lifecycle_methods(|client| Handlers {
        reviews,
        events,
        client,
        statuses,
        next_id: AtomicU64::new(0),
        shows_progress: false.into(),
        stoppable: Stoppable::default(),
    })
    .custom_method("textDocument/didOpen", Handlers::did_open)
    .custom_method("textDocument/didChange", Handlers::did_change)
    .custom_method("textDocument/didClose", Handlers::did_close)
    .custom_method("textDocument/didSave", Handlers::did_save)
    .custom_method("textDocument/inlineCompletion", Handlers::inline_completion)
    .custom_method(
        "workspace/didChangeWorkspaceFolders",
        Handlers::did_change_workspace_folders,
    )
    .custom_method(
        "workspace/didChangeConfiguration",
        Handlers::did_change_configuration,
    )
    .custom_method("workspace/executeCommand", Handlers::execute_command)
    .custom_method("textDocument/codeAction", Handlers::code_action)
    .custom_method("textDocument/codeLens", Handlers::code_lens)
    .custom_method("workspace/textDocumentContent", Handlers::text_document_content)
    .custom_method("window/workDoneProgress/cancel", Handlers::cancel_progress)
    .custom_method(
        "workspace/didChangeWatchedFiles",
        Handlers::did_change_watched_files,
    )
    .finish()
}

impl LanguageServer for Handlers {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        let encoding = encoding(&params);
        let window = params.capabilities.window.as_ref();
        let shows_progress = window
            .and_then(|window| window.work_done_progress)
            .unwrap_or(false);
        self.shows_progress.store(shows_progress, Ordering::Relaxed);
        let abilities = serde_json::to_value(&params.capabilities)
            .map(|capabilities| Abilities::read(&capabilities))
            .unwrap_or_default();
        *self.reviews.client.lock().unwrap_or_else(PoisonError::into_inner) = Some((abilities, encoding));
        self.events.push(Event::Initialized {
            encoding,
            abilities,
            options: Options::read(params.initialization_options.as_ref()),
            folders: roots(params),
        });
        Ok(InitializeResult {
            capabilities: capabilities(encoding),
            server_info: Some(ServerInfo {
                name: "freehold".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
        })
    }

    async fn initialized(&self, _: InitializedParams) {
        // They end with the runtime, or when the session is gone and with it the sender of statuses.
        tokio::spawn(status::report(self.client.clone(), self.statuses.clone()));
        self.report_reviews();
        if self.shows_progress.load(Ordering::Relaxed) {
            tokio::spawn(status::report_loading(self.client.clone(), self.statuses.clone()));
        }
    }

    async fn shutdown(&self) -> Result<()> {
        self.events.push(Event::ShutDown);
        Ok(())
    }
}

impl Handlers {
    /// Where what happens is told.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Whether the editor shows work that goes on.
    pub fn shows_progress(&self) -> bool {
        self.shows_progress.load(Ordering::Relaxed)
    }

    /// The way to the editor.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What its user can stop.
    pub fn stoppable(&self) -> &Stoppable {
        &self.stoppable
    }

    fn report_reviews(&self) {
        let client = *self.reviews.client.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = self
            .reviews
            .asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let (Some((abilities, encoding)), Some(asked)) = (client, asked) {
            let pictured = self.reviews.pictured.clone();
            let reports = review_report::report(self.client.clone(), pictured.clone(), abilities);
            tokio::spawn(reports);
            if abilities.watches_files {
                tokio::spawn(ignore_files::watch(self.client.clone()));
            }
            let (client, events) = (self.client.clone(), self.events.clone());
            tokio::spawn(review_report::ask_all(
                client, asked, events, pictured, abilities, encoding,
            ));
        }
    }

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        let opened = params.text_document;
        self.events.push(Event::Opened {
            uri: opened.uri.to_string(),
            language: String::from(opened.language_id),
            document: Document::new(&opened.text, opened.version),
        });
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        let document = params.text_document;
        self.events.push(Event::Changed {
            uri: document.text_document_identifier.uri.to_string(),
            version: document.version,
            changes: params.content_changes.into_iter().map(change).collect(),
        });
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        self.events.push(Event::Closed {
            uri: params.text_document.uri.to_string(),
        });
    }

    async fn did_change_workspace_folders(&self, params: DidChangeWorkspaceFoldersParams) {
        self.events.push(Event::FoldersChanged {
            added: params.event.added.into_iter().map(folder).collect(),
            removed: params.event.removed.into_iter().map(folder).collect(),
        });
    }

    async fn did_change_configuration(&self, params: DidChangeConfigurationParams) {
        self.events
            .push(Event::OptionsChanged(Options::read(Some(&params.settings))));
    }

    async fn inline_completion(
        &self,
        params: InlineCompletionParams,
    ) -> Result<Option<InlineCompletionResponse>> {
        let (answer, answered) = oneshot::channel();
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let place = params.text_document_position_params;
        self.events.push(Event::SuggestionAsked(Question {
            id,
            uri: place.text_document.uri.to_string(),
            position: position(place.position),
            trigger: match params.context.trigger_kind {
                InlineCompletionTriggerKind::Invoked => Trigger::Invoked,
                InlineCompletionTriggerKind::Automatic | InlineCompletionTriggerKind::Custom(_) => {
                    Trigger::Automatic
                }
            },
            selected: params
                .context
                .selected_completion_info
                .map(|info| (range(info.range), info.text)),
            answer,
        }));
        let mut waiting = Waiting {
            id,
            events: &self.events,
            answered: false,
        };
        let items = answered.await;
        waiting.answered = true;
        let items = items.map_err(|_| Error::internal_error())?;
        let items: Vec<InlineCompletionItem> = items.into_iter().map(inline_item).collect();
        Ok(Some(items).filter(|items| !items.is_empty()).map(Into::into))
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> Result<Option<Value>> {
        if review::is_command(&params.command) {
            return self
                .review_command(params.command, params.arguments.unwrap_or_default())
                .await;
        }
        let command = command(params)?;
        let (answer, answered) = oneshot::channel();
        self.events.push(Event::CommandAsked { command, answer });
        let result = answered.await.map_err(|_| Error::internal_error())?;
        result.map(Some).map_err(|message| Error {
            message: message.into(),
            ..Error::internal_error()
        })
    }
}

/// Stands for a handler that waits for its answer: dropped before, it tells the session that nobody
/// waits any more. The framework drops handlers whose request is cancelled.
struct Waiting<'a> {
    id: RequestId,
    events: &'a Events,
    answered: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.events.push(Event::SuggestionDropped { id: self.id });
        }
    }
}

/// UTF-8 where the editor offers it, which saves us both the counting; else UTF-16, which all must know.
fn encoding(params: &InitializeParams) -> Encoding {
    let general = params.capabilities.general.as_ref();
    let offered = general.and_then(|general| general.position_encodings.as_ref());
    match offered {
        Some(offered) if offered.contains(&PositionEncodingKind::UTF8) => Encoding::Utf8,
        _ => Encoding::Utf16,
    }
}

fn roots(params: InitializeParams) -> Vec<Folder> {
    match params.workspace_folders_initialize_params.workspace_folders {
        Some(lsp::WorkspaceFolders::WorkspaceFolderList(folders)) => {
            folders.into_iter().map(folder).collect()
        }
        Some(lsp::WorkspaceFolders::Null) | None => {
            #[expect(deprecated, reason = "older editors give nothing else")]
            let root = params.root_uri;
            root.map(|uri| {
                let uri = uri.to_string();
                let name = uri
                    .trim_end_matches('/')
                    .rsplit('/')
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                Folder { uri, name }
            })
            .into_iter()
            .collect()
        }
    }
}

/// What this server does, and nothing else: without notebook sync, editors keep notebooks to themselves.
fn capabilities(encoding: Encoding) -> ServerCapabilities {
    let mut capabilities = ServerCapabilities {
        position_encoding: Some(match encoding {
            Encoding::Utf8 => PositionEncodingKind::UTF8,
            Encoding::Utf16 => PositionEncodingKind::UTF16,
            Encoding::Utf32 => PositionEncodingKind::UTF32,
        }),
        text_document_sync: Some(
            TextDocumentSyncOptions {
                open_close: Some(true),
                change: Some(TextDocumentSyncKind::Incremental),
                save: Some(true.into()),
                ..TextDocumentSyncOptions::default()
            }
            .into(),
        ),
        inline_completion_provider: Some(InlineCompletionProvider::Bool(true)),
        execute_command_provider: Some(ExecuteCommandOptions {
            commands: [RESTART_ENGINE, LIST_MODELS, USE_MODEL, SNOOZE, SHOW_PROMPT]
                .into_iter()
                .chain(NAMES)
                .map(str::to_owned)
                .collect(),
            ..ExecuteCommandOptions::default()
        }),
        workspace: Some(WorkspaceOptions {
            workspace_folders: Some(WorkspaceFoldersServerCapabilities {
                supported: Some(true),
                change_notifications: Some(ChangeNotifications::Bool(true)),
            }),
            ..WorkspaceOptions::default()
        }),
        ..ServerCapabilities::default()
    };
    review_handlers::add_capabilities(&mut capabilities);
    capabilities
}

fn command(params: ExecuteCommandParams) -> Result<Command> {
    let arguments = params.arguments.unwrap_or_default();
    match (params.command.as_str(), arguments.as_slice()) {
        (RESTART_ENGINE, _) => Ok(Command::RestartEngine),
        (LIST_MODELS, _) => Ok(Command::ListModels),
        (USE_MODEL, [Value::String(name)]) => Ok(Command::UseModel(name.clone())),
        (USE_MODEL, _) => Err(Error::invalid_params(format!(
            "`{USE_MODEL}` takes one argument, the name of a model"
        ))),
        (SNOOZE, [minutes]) => match minutes.as_u64().map(u32::try_from) {
            Some(Ok(minutes)) => Ok(Command::Snooze(minutes)),
            _ => Err(Error::invalid_params(format!(
                "`{SNOOZE}` takes a whole number of minutes"
            ))),
        },
        (SNOOZE, _) => Err(Error::invalid_params(format!(
            "`{SNOOZE}` takes one argument, the number of minutes; 0 ends it"
        ))),
        (SHOW_PROMPT, [place]) => show_prompt(place),
        (SHOW_PROMPT, _) => Err(Error::invalid_params(format!(
            "`{SHOW_PROMPT}` takes one argument, a `textDocument` and a `position`"
        ))),
        (unknown, _) => Err(Error::invalid_params(format!("there is no command `{unknown}`"))),
    }
}

fn show_prompt(place: &Value) -> Result<Command> {
    let place: lsp::TextDocumentPositionParams = serde_json::from_value(place.clone())
        .map_err(|error| Error::invalid_params(format!("`{SHOW_PROMPT}`: {error}")))?;
    Ok(Command::ShowPrompt {
        uri: place.text_document.uri.to_string(),
        position: position(place.position),
    })
}

fn change(event: TextDocumentContentChangeEvent) -> Change {
    match event {
        TextDocumentContentChangeEvent::TextDocumentContentChangePartial(part) => Change {
            range: Some(range(part.range)),
            text: part.text,
        },
        TextDocumentContentChangeEvent::TextDocumentContentChangeWholeDocument(whole) => Change {
            range: None,
            text: whole.text,
        },
    }
}

fn folder(folder: lsp::WorkspaceFolder) -> Folder {
    Folder {
        uri: folder.uri.to_string(),
        name: folder.name,
    }
}

fn position(position: lsp::Position) -> text::Position {
    text::Position {
        line: position.line,
        character: position.character,
    }
}

pub fn range(range: lsp::Range) -> text::Range {
    text::Range {
        start: position(range.start),
        end: position(range.end),
    }
}

fn inline_item(item: Item) -> InlineCompletionItem {
    let position = |position: text::Position| lsp::Position::new(position.line, position.character);
    InlineCompletionItem {
        insert_text: item.text.into(),
        filter_text: None,
        range: Some(lsp::Range::new(
            position(item.range.start),
            position(item.range.end),
        )),
        command: None,
    }
}
