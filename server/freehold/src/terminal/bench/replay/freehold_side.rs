//! Freehold's side: the real `freehold lsp` on its standard input and output, and the real engine process.

use std::io::{BufRead as _, BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use engine::Lane;
use host::{Command, Host};
use remote::wire::{EndedRequest, HEALTH_PATH, Health, REQUESTS_PATH};
use serde_json::{Value, json};

use super::process::{self, Program};
use super::side::{Answer, Served, Side};
use super::trace::Trace;
use super::typist::Edit;
use crate::engine_process::TEXTS_VARIABLE;
use crate::paths::Paths;

/// After a file is closed, what runs for it is given up within this.
const SETTLING: Duration = Duration::from_millis(300);
/// How often a loading engine is asked whether it is done.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// What Freehold's side is made of.
pub struct FreeholdOptions<'a> {
    /// The folders of the user, for the models.
    pub paths: &'a Paths,
    /// The program of the engine process.
    pub engine_program: PathBuf,
    /// The installed model; none for a scripted engine.
    pub model: Option<&'a str>,
    /// Threads of the engine; else as many as it picks.
    pub threads: Option<u32>,
}

/// Freehold's side.
pub struct Freehold {
    host: Arc<dyn Host>,
    server: Program,
    engine: Program,
    messages: Receiver<(Duration, Value)>,
    home: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
    /// From 1970 to the moment from which all times count.
    epoch: Duration,
    requests_seen: u64,
    next_id: u64,
    uri: String,
    version: i32,
    asked: String,
}

impl Freehold {
    /// Starts both processes in a home of their own and waits until the model is loaded.
    ///
    /// # Errors
    /// When one of them does not start.
    pub fn start(host: Arc<dyn Host>, options: &FreeholdOptions<'_>) -> anyhow::Result<Self> {
        let home = make_home(host.as_ref(), options)?;
        let paths = Paths::within(home.path());
        let command = |program: PathBuf, word: &str| {
            Command::new(program)
                .argument(word)
                .variable("FREEHOLD_HOME", home.path())
        };
        let engine = command(options.engine_program.clone(), "engine").variable(TEXTS_VARIABLE, "1");
        let (engine, engine_output) = Program::start(&engine, &paths.state.join("engine.log"))?;
        drain(engine_output);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("cannot start threads")?;
        let client = reqwest::Client::builder()
            .unix_socket(paths.engine_socket())
            .no_proxy()
            .build()?;
        let server = command(host.own_executable()?, "lsp");
        let (server, output) = Program::start(&server, &paths.state.join("lsp.log"))?;
        let epoch = host
            .now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let mut this = Self {
            messages: read_messages(Arc::clone(&host), output),
            epoch: epoch.saturating_sub(host.monotonic()),
            host,
            server,
            engine,
            home,
            runtime,
            client,
            requests_seen: 0,
            next_id: 0,
            uri: String::new(),
            version: 0,
            asked: String::new(),
        };
        this.wait_for_engine()?;
        this.greet()?;
        Ok(this)
    }

    /// The folders of both processes; they go away with this.
    pub fn paths(&self) -> Paths {
        Paths::within(self.home.path())
    }

    fn wait_for_engine(&mut self) -> anyhow::Result<()> {
        let end = self.host.monotonic() + process::LOAD_TIME_MAX;
        loop {
            let health: Option<Health> = self.get(HEALTH_PATH).ok();
            match health {
                Some(health) if health.status == "ok" => return Ok(()),
                Some(health) if health.state == "failed" => {
                    bail!("the engine has no model: {}", health.message.unwrap_or_default())
                }
                _ => {}
            }
            ensure!(
                self.engine.runs(),
                "the engine process ended: {}",
                self.engine_log()
            );
            ensure!(
                self.host.monotonic() < end,
                "the engine process does not load its model"
            );
            self.pass(POLL_INTERVAL);
        }
    }

    /// What the engine said last.
    fn engine_log(&self) -> String {
        let log = self.host.read_text(&self.paths().state.join("engine.log"));
        let log = log.unwrap_or_default();
        log.lines().last().unwrap_or("it says nothing").to_owned()
    }

    fn greet(&mut self) -> anyhow::Result<()> {
        let folder = self.folder();
        let id = self.request(
            "initialize",
            &json!({
                "processId": null,
                "rootUri": folder,
                "workspaceFolders": [{ "uri": folder, "name": "replay" }],
                "capabilities": { "general": { "positionEncodings": ["utf-8"] } },
            }),
        )?;
        loop {
            let (_, message) = self.messages.recv_timeout(process::LOAD_TIME_MAX)?;
            if message["id"] == json!(id) {
                let encoding = &message["result"]["capabilities"]["positionEncoding"];
                ensure!(encoding == "utf-8", "the server counts in {encoding}");
                return self.notify("initialized", &json!({}));
            }
        }
    }

    fn folder(&self) -> String {
        format!("file://{}/files", self.home.path().display())
    }

    fn request(&mut self, method: &str, params: &Value) -> anyhow::Result<u64> {
        self.next_id += 1;
        let id = self.next_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        Ok(id)
    }

    fn notify(&mut self, method: &str, params: &Value) -> anyhow::Result<()> {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }))
    }

    fn send(&mut self, message: &Value) -> anyhow::Result<()> {
        let body = message.to_string();
        let frame = format!("Content-Length: {}\r\n\r\n{body}", body.len());
        self.server.write(frame.as_bytes())
    }

    fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let request = self.client.get(format!("http://localhost{path}"));
        self.runtime.block_on(async {
            let answer = request.send().await?;
            Ok(answer.json().await?)
        })
    }

    fn pass(&self, time: Duration) {
        self.runtime.block_on(async { tokio::time::sleep(time).await });
    }
}

impl Side for Freehold {
    fn open(&mut self, trace: &Trace) -> anyhow::Result<()> {
        self.uri = format!("{}/{}", self.folder(), trace.path);
        self.version = 1;
        let document =
            json!({ "uri": self.uri, "languageId": trace.language, "version": 1, "text": trace.text });
        self.notify("textDocument/didOpen", &json!({ "textDocument": document }))
    }

    fn change(&mut self, before: &str, edit: &Edit) -> anyhow::Result<()> {
        self.version += 1;
        let range = json!({
            "start": position(before, edit.range.start),
            "end": position(before, edit.range.end),
        });
        self.notify(
            "textDocument/didChange",
            &json!({
                "textDocument": { "uri": self.uri, "version": self.version },
                "contentChanges": [{ "range": range, "text": edit.text }],
            }),
        )
    }

    fn ask(&mut self, text: &str, cursor: usize) -> anyhow::Result<u64> {
        text.clone_into(&mut self.asked);
        self.request(
            "textDocument/inlineCompletion",
            &json!({
                "textDocument": { "uri": self.uri },
                "position": position(text, cursor),
                "context": { "triggerKind": 2 },
            }),
        )
    }

    fn cancel(&mut self, question: u64) -> anyhow::Result<()> {
        self.notify("$/cancelRequest", &json!({ "id": question }))
    }

    fn answer(&mut self, patience: Duration) -> anyhow::Result<Option<Answer>> {
        let (at, message) = match self.messages.recv_timeout(patience) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => return Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("`freehold lsp` ended"),
        };
        let Some(question) = message["id"].as_u64().filter(|_| message.get("method").is_none()) else {
            return Ok(None);
        };
        let result = &message["result"];
        let item = result.get("items").unwrap_or(result).get(0);
        let suggestion = item.and_then(|item| {
            let text = &item["insertText"];
            let text = text.as_str().or_else(|| text["value"].as_str())?.to_owned();
            let range = item.get("range");
            let place = |end: &str| offset(&self.asked, &range?[end]);
            let range = place("start").zip(place("end")).map(|(start, end)| start..end);
            Some((range, text))
        });
        Ok(Some(Answer {
            question,
            at,
            suggestion,
        }))
    }

    fn close(&mut self) -> anyhow::Result<Vec<Served>> {
        self.notify(
            "textDocument/didClose",
            &json!({ "textDocument": { "uri": self.uri } }),
        )?;
        self.pass(SETTLING);
        let ended: Vec<EndedRequest> = self
            .get(REQUESTS_PATH)
            .context("the engine does not say what its requests cost; is it older than this program?")?;
        let new = ended.iter().filter(|request| request.number > self.requests_seen);
        // What the agent asks for is no suggestion.
        let new = new.filter(|request| request.lane != Lane::Agent);
        let served = new.map(|request| served(request, self.epoch)).collect();
        self.requests_seen = ended.last().map_or(self.requests_seen, |request| request.number);
        Ok(served)
    }

    fn compute_seconds(&self) -> anyhow::Result<f64> {
        Ok(process::compute_seconds(self.server.id())? + process::compute_seconds(self.engine.id())?)
    }
}

fn served(request: &EndedRequest, epoch: Duration) -> Served {
    let time = |microseconds| Duration::from_micros(microseconds).saturating_sub(epoch);
    Served {
        begun: time(request.begun_microseconds),
        ended: time(request.ended_microseconds),
        ahead: request.lane == Lane::Idle,
        cancelled: request.end == "cancelled",
        evaluated_tokens: request.usage.evaluated_tokens,
        moved_tokens: request.usage.moved_tokens,
        generated_tokens: request.usage.generated_tokens,
        generated_bytes: usize::try_from(request.text_bytes).unwrap_or(usize::MAX),
        expects: request.text.clone().filter(|text| !text.is_empty()),
    }
}

/// A home for both processes: the user's models, and nothing else of the user's.
fn make_home(host: &dyn Host, options: &FreeholdOptions<'_>) -> anyhow::Result<tempfile::TempDir> {
    host.create_private_folder(&options.paths.run)?;
    let home = tempfile::Builder::new()
        .prefix("replay-")
        .tempdir_in(&options.paths.run)
        .with_context(|| format!("cannot make a folder in `{}`", options.paths.run.display()))?;
    let inner = Paths::within(home.path());
    host.create_private_folder(&inner.state)?;
    if host.exists(&options.paths.models) {
        process::link_folder(&options.paths.models, &inner.models)?;
    }
    let mut settings = String::new();
    if let Some(model) = options.model {
        settings += &format!("model = {}\n", json!(model));
    }
    settings += "[engine]\nidle_minutes = 0\n";
    if let Some(threads) = options.threads {
        settings += &format!("threads = {threads}\n");
    }
    host.write_atomic(&inner.settings_file, settings.as_bytes())?;
    Ok(home)
}

/// A place in `text`, given in bytes, as LSP has it with UTF-8.
fn position(text: &str, offset: usize) -> Value {
    let before = &text[..offset];
    let line = before.matches('\n').count();
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    json!({ "line": line, "character": offset - start })
}

/// And back.
fn offset(text: &str, position: &Value) -> Option<usize> {
    let line = usize::try_from(position["line"].as_u64()?).ok()?;
    let character = usize::try_from(position["character"].as_u64()?).ok()?;
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    Some((start + character).min(text.len()))
}

/// Nobody reads it, but the program must not wait for that.
fn drain(mut output: impl Read + Send + 'static) {
    std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
}

/// Every message of the server, with the time at which it came.
fn read_messages(host: Arc<dyn Host>, output: impl Read + Send + 'static) -> Receiver<(Duration, Value)> {
    let (sender, messages) = channel();
    std::thread::spawn(move || {
        let mut output = BufReader::new(output);
        while let Some(message) = read_message(&mut output) {
            if sender.send((host.monotonic(), message)).is_err() {
                return;
            }
        }
    });
    messages
}

fn read_message(output: &mut BufReader<impl Read>) -> Option<Value> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            header => {
                if let Some((name, value)) = header.split_once(':')
                    && name.eq_ignore_ascii_case("content-length")
                {
                    length = value.trim().parse().ok();
                }
            }
        }
    }
    let mut body = vec![0; length?];
    output.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
