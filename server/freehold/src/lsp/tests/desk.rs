//! A desk to work at: an editor in memory, the server behind it, and a scripted engine behind that.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::catalogue::Catalogue;
use engine::scripted::{Reply, Script, ScriptedEngine};
use engine::{Description, Engine, EventSink, Lane, Request, State, StopReason, Ticket};
use host::{Files, MemoryHost};
use serde_json::{Value, json};
use testing::Editor;
use testing::editor::Answer;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::engine_process::OwnListener;
use crate::lsp::backend::{AttachFailure, Backend, ModelEntry};
use crate::lsp::event::{Configuration, Event, Events};
use crate::lsp::feedback::Judged;
use crate::lsp::folders::Folder;
use crate::lsp::serve_with;
use crate::lsp::transport::Ended;
use crate::paths::Paths;
use crate::review::Workspace;
use crate::settings::CompletionSettings;

/// So much fits between editor and server before one waits for the other.
pub const PIPE_BYTES: usize = 1 << 20;

pub struct Desk {
    pub editor: Editor,
    pub engine: ScriptedEngine,
    pub backend: Arc<Room>,
    pub events: Events,
    pub to_server: WriteHalf<DuplexStream>,
    pub from_server: ReadHalf<DuplexStream>,
    pub server: JoinHandle<Ended>,
}

/// What a desk is set up with.
pub struct Setup {
    pub script: Script,
    pub capabilities: Value,
    pub options: Value,
    pub folders: Value,
    pub failure: Option<AttachFailure>,
    pub state: State,
    /// What lies in the workspace: paths and texts.
    pub files: Vec<(&'static str, &'static str)>,
    pub completion: CompletionSettings,
}

/// One answer to each question, and nothing done ahead, so that a test sees what it asks for.
pub fn plain() -> CompletionSettings {
    CompletionSettings {
        alternatives: 1,
        prefetch: false,
        ..CompletionSettings::default()
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            script: always(&["said"]),
            capabilities: json!({}),
            options: Value::Null,
            folders: json!([{ "uri": "file:///project/app", "name": "app" }]),
            failure: None,
            state: State::Ready,
            completion: plain(),
            files: Vec::new(),
        }
    }
}

/// The scripted engine, as far as it is loaded.
struct Loaded {
    engine: ScriptedEngine,
    state: Arc<Mutex<State>>,
    cancelled: Arc<AtomicUsize>,
    breaks: Arc<AtomicBool>,
}

impl Engine for Loaded {
    fn description(&self) -> Description {
        self.engine.description()
    }

    fn state(&self) -> State {
        self.state.lock().expect("not poisoned").clone()
    }

    fn submit(&self, request: Request, mut events: EventSink) -> Ticket {
        assert!(!self.breaks.load(Ordering::SeqCst), "a test wants a panic here");
        let cancelled = Arc::clone(&self.cancelled);
        let counted = move |event| {
            let stopped = StopReason::Cancelled;
            if matches!(&event, engine::Event::Done { reason, .. } if *reason == stopped) {
                cancelled.fetch_add(1, Ordering::SeqCst);
            }
            events(event);
        };
        self.engine.submit(request, Box::new(counted))
    }
}

/// The program around the server: the engine is there, or it is not.
pub struct Room {
    engine: ScriptedEngine,
    pub state: Arc<Mutex<State>>,
    pub failure: Mutex<Option<AttachFailure>>,
    pub attached: AtomicUsize,
    pub chosen: Mutex<String>,
    /// Requests that were stopped.
    pub cancelled: Arc<AtomicUsize>,
    /// Whether asking the engine panics.
    pub breaks: Arc<AtomicBool>,
    pub completion: Mutex<CompletionSettings>,
    /// Documents with this in their URI are kept from the model.
    pub excluded: Mutex<Option<String>>,
    pub kept: Mutex<Vec<Judged>>,
    /// The disk.
    pub host: Arc<MemoryHost>,
}

impl Backend for Room {
    fn attach_engine(&self) -> Result<Arc<dyn Engine>, AttachFailure> {
        self.attached.fetch_add(1, Ordering::SeqCst);
        match self.failure.lock().expect("not poisoned").clone() {
            Some(failure) => Err(failure),
            None => Ok(Arc::new(Loaded {
                engine: self.engine.clone(),
                state: Arc::clone(&self.state),
                cancelled: Arc::clone(&self.cancelled),
                breaks: Arc::clone(&self.breaks),
            })),
        }
    }

    fn restart_engine(&self) -> anyhow::Result<()> {
        Ok(())
    }

    fn list_models(&self) -> anyhow::Result<Vec<ModelEntry>> {
        Ok(vec![ModelEntry {
            name: "small".to_owned(),
            title: "Small".to_owned(),
            installed: true,
            chosen: *self.chosen.lock().expect("not poisoned") == "small",
            bytes: Some(1),
            licence: "MIT".to_owned(),
            commercial_use: true,
        }])
    }

    fn use_model(&self, name: &str) -> anyhow::Result<()> {
        anyhow::ensure!(name == "small", "no model is called `{name}`");
        *self.chosen.lock().expect("not poisoned") = name.to_owned();
        Ok(())
    }

    fn configuration(&self) -> Configuration {
        Configuration {
            completion: self.completion.lock().expect("not poisoned").clone(),
            ..Configuration::default()
        }
    }

    fn is_excluded(&self, uri: &str, _folders: &[Folder]) -> bool {
        let excluded = self.excluded.lock().expect("not poisoned");
        excluded.as_ref().is_some_and(|part| uri.contains(part))
    }

    fn keep(&self, judged: &Judged) -> anyhow::Result<()> {
        self.kept.lock().expect("not poisoned").push(judged.clone());
        Ok(())
    }

    fn open_workspace(&self, root: &Path) -> anyhow::Result<Workspace> {
        let host: Arc<dyn host::Host> = self.host.clone();
        Workspace::open(host, &Paths::within(Path::new("/freehold")), root)
    }

    fn listen_for_reviews(&self, _root: &Path) -> anyhow::Result<Option<OwnListener>> {
        Ok(None)
    }
}

/// A script that answers everything with `tokens`.
pub fn always(tokens: &[&str]) -> Script {
    Script {
        description: description(),
        ..Script::always(tokens)
    }
}

/// A script that answers nothing before it is released.
pub fn held() -> Script {
    let reply = Reply {
        tokens: vec!["late".to_owned()],
        hold_before: Some(0),
        ..Reply::default()
    };
    Script {
        description: description(),
        reply: vec![reply],
    }
}

pub fn description() -> Description {
    let fim = Catalogue::builtin().fim.get("qwen").cloned();
    Description {
        model: "scripted".to_owned(),
        fim,
        context_tokens: 4096,
        ..Description::default()
    }
}

impl Desk {
    /// Sits down: the server runs and has introduced itself.
    pub async fn new(setup: Setup) -> Self {
        let mut desk = Self::unintroduced(setup.script, setup.failure, setup.state);
        *desk.backend.completion.lock().expect("not poisoned") = setup.completion;
        for (path, text) in &setup.files {
            desk.write(path, text);
        }
        let params = json!({
            "processId": null,
            "rootUri": null,
            "capabilities": setup.capabilities,
            "initializationOptions": setup.options,
            "workspaceFolders": setup.folders,
        });
        let id = desk.request("initialize", &params).await;
        assert!(matches!(desk.answer(id).await, Answer::Result(_)));
        desk.notify("initialized", &json!({})).await;
        desk
    }

    pub fn unintroduced(script: Script, failure: Option<AttachFailure>, state: State) -> Self {
        let engine = ScriptedEngine::new(script);
        let backend = Arc::new(Room {
            engine: engine.clone(),
            state: Arc::new(Mutex::new(state)),
            failure: Mutex::new(failure),
            attached: AtomicUsize::new(0),
            chosen: Mutex::new(String::new()),
            cancelled: Arc::default(),
            breaks: Arc::default(),
            completion: Mutex::new(plain()),
            excluded: Mutex::default(),
            kept: Mutex::default(),
            host: Arc::new(MemoryHost::new()),
        });
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        let (from_server, to_server) = tokio::io::split(near);
        let (input, output) = tokio::io::split(far);
        let (events, queue) = Events::queue();
        let server = tokio::spawn(serve_with(input, output, backend.clone(), events.clone(), queue));
        Self {
            editor: Editor::new(),
            engine,
            backend,
            events,
            to_server,
            from_server,
            server,
        }
    }

    /// Writes a file as another program would, and makes its folder.
    pub fn write(&self, path: &str, text: &str) {
        let path = Path::new(path);
        let folder = path.parent().expect("below the root");
        self.backend.host.create_folder(folder).expect("made");
        self.backend
            .host
            .write_atomic(path, text.as_bytes())
            .expect("written");
    }

    /// What a file holds; nothing if there is none.
    pub fn file(&self, path: &str) -> Option<String> {
        self.backend.host.read_text(Path::new(path)).ok()
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.to_server.write_all(bytes).await.expect("the server reads");
    }

    pub async fn request(&mut self, method: &str, params: &Value) -> i64 {
        let (id, bytes) = self.editor.request(method, params);
        self.send(&bytes).await;
        id
    }

    pub async fn notify(&mut self, method: &str, params: &Value) {
        let bytes = self.editor.notification(method, params);
        self.send(&bytes).await;
    }

    pub async fn cancel(&mut self, id: i64) {
        let bytes = self.editor.cancellation(id);
        self.send(&bytes).await;
    }

    /// Takes in what the server has sent; waits until there is something.
    pub async fn read(&mut self) {
        let mut buffer = Vec::with_capacity(1 << 14);
        let count = self
            .from_server
            .read_buf(&mut buffer)
            .await
            .expect("the server writes");
        assert_ne!(count, 0, "the server has closed the connection");
        self.editor.receive(&buffer);
    }

    /// The answer to the request `id`.
    pub async fn answer(&mut self, id: i64) -> Answer {
        loop {
            if let Some(answer) = self.editor.answer(id) {
                return answer;
            }
            self.read().await;
        }
    }

    /// Opens the document `name` of the workspace `/project/app`.
    pub async fn open(&mut self, name: &str, text: &str) -> String {
        let uri = format!("file:///project/app/{name}");
        self.open_uri(&uri, "rust", text).await;
        uri
    }

    pub async fn open_uri(&mut self, uri: &str, language: &str, text: &str) {
        let document = json!({ "uri": uri, "languageId": language, "version": 1, "text": text });
        self.notify("textDocument/didOpen", &json!({ "textDocument": document }))
            .await;
    }

    /// Replaces what stands between two places.
    pub async fn edit(&mut self, uri: &str, version: i32, start: (u32, u32), end: (u32, u32), text: &str) {
        let params = json!({
            "textDocument": { "uri": uri, "version": version },
            "contentChanges": [{ "range": range(start, end), "text": text }],
        });
        self.notify("textDocument/didChange", &params).await;
    }

    /// Asks for a suggestion, because the user wants it.
    pub async fn ask(&mut self, uri: &str, place: (u32, u32)) -> i64 {
        self.ask_with(uri, place, &json!({ "triggerKind": 1 })).await
    }

    /// Asks for a suggestion, because the user typed.
    pub async fn ask_unasked(&mut self, uri: &str, place: (u32, u32)) -> i64 {
        self.ask_with(uri, place, &json!({ "triggerKind": 2 })).await
    }

    pub async fn ask_with(&mut self, uri: &str, place: (u32, u32), context: &Value) -> i64 {
        let params = json!({
            "textDocument": { "uri": uri },
            "position": { "line": place.0, "character": place.1 },
            "context": context,
        });
        self.request("textDocument/inlineCompletion", &params).await
    }

    /// The text of the document `uri` as the server has it, after everything that it has read by now.
    pub async fn text(&self, uri: &str) -> String {
        let (answer, answered) = oneshot::channel();
        self.events.push(Event::Inspected {
            uri: uri.to_owned(),
            answer,
        });
        answered
            .await
            .expect("the session lives")
            .expect("the document is open")
    }

    /// Waits until the server has handled everything that was sent.
    pub async fn settle(&mut self) {
        // Every handler has run to its first wait before the next message is read. So once something that
        // nobody handles is refused, all that was sent before it has been handed on.
        let id = self.request("nobody/handlesThis", &Value::Null).await;
        assert!(matches!(self.answer(id).await, Answer::Error(-32601, _)));
    }

    /// The requests for text that somebody waited for, in order.
    pub fn asked(&self) -> Vec<Request> {
        let requests = self.engine.requests().into_iter();
        requests
            .filter(|request| request.lane == Lane::Typing && request.tokens_max > 0)
            .collect()
    }

    /// Lets so much time pass that nothing goes on that nobody waits for; for tests whose clock stands still.
    pub async fn after_grace(&mut self) {
        self.settle().await;
        self.pass(Duration::from_millis(300)).await;
    }

    /// Lets `duration` pass, with everything that happens in it; for tests whose clock stands still.
    pub async fn pass(&mut self, duration: Duration) {
        let end = tokio::time::Instant::now() + duration;
        while tokio::time::Instant::now() < end {
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            tokio::time::advance(Duration::from_millis(10)).await;
        }
    }

    /// Waits until the engine has `count` open requests.
    pub async fn until_open_requests(&self, count: usize) {
        while self.engine.open_requests() != count {
            tokio::task::yield_now().await;
        }
    }

    /// Leaves as editors do; every request must have been answered by then.
    pub async fn leave(mut self) {
        let id = self.request("shutdown", &Value::Null).await;
        assert_eq!(self.answer(id).await, Answer::Result(Value::Null));
        self.notify("exit", &Value::Null).await;
        assert_eq!(self.server.await.expect("no panic"), Ended::InOrder);
        assert_eq!(self.engine.open_requests(), 0);
        assert_eq!(self.engine.complaints(), Vec::<String>::new());
    }
}

pub fn range(start: (u32, u32), end: (u32, u32)) -> Value {
    json!({
        "start": { "line": start.0, "character": start.1 },
        "end": { "line": end.0, "character": end.1 },
    })
}

/// The answer that offers `text` in place of what stands between two places.
pub fn item(start: (u32, u32), end: (u32, u32), text: &str) -> Answer {
    Answer::Result(json!([{ "insertText": text, "range": range(start, end) }]))
}

/// The answer that offers nothing.
pub fn nothing() -> Answer {
    Answer::Result(Value::Null)
}
