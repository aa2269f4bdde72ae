//! The engine process as a program: one at a time, gone when idle, back after a crash, and the loopback
//! port in front of it.

#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    reason = "the program is run and looked at from outside"
)]

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use engine::{
    Engine as _, Event, Failure, Lane, Request, Reuse, Sampling, Segment, StopConditions, StopReason,
};
use host::{Processes as _, RealHost};
use remote::wire::Health;
use remote::{Endpoint, RemoteEngine, RemoteOptions};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

/// Long enough for a loaded machine; nothing waits for it unless something is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// A script that answers at once, but for `slow`: that takes a minute, token by token.
fn script() -> String {
    let slow = ["one"; 1200];
    format!(
        r#"
        description = {{ model = "scripted" }}
        [[reply]]
        when = "slow"
        tokens = {slow:?}
        delay_milliseconds = 50
        [[reply]]
        tokens = ["answer"]
        "#
    )
}

/// A home of its own for one test. Engine processes that are left in it end when it is dropped.
struct Home {
    folder: TempDir,
    idle_seconds: u32,
}

impl Home {
    fn new() -> Self {
        Self::with_idle_seconds(120)
    }

    fn with_idle_seconds(idle_seconds: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("script.toml"), script()).expect("written");
        std::fs::create_dir(folder.path().join("state")).expect("made");
        Self { folder, idle_seconds }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn socket(&self) -> PathBuf {
        self.path("run/engine.sock")
    }

    fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("FREEHOLD_HOME", self.folder.path().display().to_string()),
            ("FREEHOLD_SCRIPT", self.path("script.toml").display().to_string()),
            ("FREEHOLD_IDLE_SECONDS", self.idle_seconds.to_string()),
        ]
    }

    /// Starts the program; what it prints comes through a pipe.
    fn start(&self, arguments: &[&str]) -> Program {
        let mut command = Command::new(env!("CARGO_BIN_EXE_freehold"));
        command
            .args(arguments)
            .envs(self.environment())
            .stdin(Stdio::null());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        Program { child, output }
    }

    /// An engine that starts the engine process when nobody answers.
    fn remote(&self) -> RemoteEngine {
        let log = self.path("state/engine.log");
        let mut command = host::Command::new(env!("CARGO_BIN_EXE_freehold")).argument("engine");
        for (name, value) in self.environment() {
            command = command.variable(name, value);
        }
        let attach: remote::Attach = Arc::new(move || {
            let (command, log) = (command.clone(), log.clone());
            Box::pin(async move {
                let started = RealHost::new().spawn_detached(&command, &log).expect("starts");
                let line = tokio::task::spawn_blocking(|| started.wait_ready())
                    .await
                    .expect("waited");
                line.map(drop).ok_or_else(|| "ended at once".to_owned())
            })
        });
        let endpoint = Endpoint::Freehold {
            socket: self.socket(),
            attach: Some(attach),
        };
        let runtime = tokio::runtime::Handle::current();
        RemoteEngine::new(RemoteOptions { endpoint, runtime }).expect("an engine")
    }

    fn client(&self) -> Client {
        Client::builder()
            .unix_socket(self.socket())
            .no_proxy()
            .build()
            .expect("a client")
    }

    async fn process_id(&self) -> u32 {
        let answer = self
            .client()
            .get("http://localhost/health")
            .send()
            .await
            .expect("answered");
        answer.json::<Health>().await.expect("a state").process_id
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // The process holds its lock as long as it lives, and its health says who it is; asked through a
        // second program, for a runtime cannot be entered while a test's own one ends.
        let socket = self.socket();
        let asked = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .ok()?;
            runtime.block_on(async {
                let client = Client::builder().unix_socket(socket).no_proxy().build().ok()?;
                client
                    .post("http://localhost/freehold/shutdown")
                    .send()
                    .await
                    .ok()
            })
        });
        let _nobody_was_there = asked.join();
    }
}

/// A program that is killed when the test ends.
struct Program {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Program {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("readable");
        line.trim_end().to_owned()
    }

    /// Waits for its end.
    async fn end(mut self) -> ExitStatus {
        let id = self.child.id();
        let end = tokio::task::spawn_blocking(move || self.child.wait().expect("waited"));
        match timeout(PATIENCE, end).await {
            Ok(end) => end.expect("waited"),
            Err(_) => {
                RealHost::new().kill(id).expect("killed");
                panic!("the program does not end");
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped_already = self.child.wait();
    }
}

fn request(text: &str) -> Request {
    Request {
        prompt: vec![Segment::Text(text.to_owned())],
        sampling: Sampling::default(),
        stop: StopConditions::default(),
        lane: Lane::Typing,
        tokens_max: 100,
        log_probabilities: false,
        reuse: Reuse::Exact,
    }
}

fn ask(engine: &RemoteEngine, text: &str) -> (engine::Ticket, UnboundedReceiver<Event>) {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let sink = Box::new(move |event| {
        // A test that has seen enough listens no longer.
        let _gone = sender.send(event);
    });
    (engine.submit(request(text), sink), receiver)
}

async fn next(events: &mut UnboundedReceiver<Event>) -> Event {
    timeout(PATIENCE, events.recv())
        .await
        .expect("in time")
        .expect("an event")
}

/// The event that ends a request.
async fn last(events: &mut UnboundedReceiver<Event>) -> Event {
    loop {
        match next(events).await {
            Event::Token { .. } => {}
            end => return end,
        }
    }
}

/// Asks and checks that the answer is the script's.
async fn check_answer(engine: &RemoteEngine) {
    let (_ticket, mut events) = ask(engine, "quick");
    let token = next(&mut events).await;
    assert_eq!(
        token,
        Event::Token {
            text: "answer".to_owned(),
            log_probability: None
        }
    );
    let end = next(&mut events).await;
    assert!(
        matches!(
            end,
            Event::Done {
                reason: StopReason::EndOfText,
                ..
            }
        ),
        "{end:?}"
    );
}

#[tokio::test]
async fn ten_at_once_are_one() {
    let home = Home::new();
    let engines: Vec<RemoteEngine> = (0..10).map(|_| home.remote()).collect();
    let answers = engines
        .into_iter()
        .map(|engine| tokio::spawn(async move { check_answer(&engine).await }));
    for answer in answers.collect::<Vec<_>>() {
        answer.await.expect("answered");
    }
    let process_id = home.process_id().await;
    let mut second = home.start(&["engine"]);
    assert_eq!(second.line(), "another engine process runs");
    assert_eq!(second.end().await.code(), Some(75));
    assert_eq!(home.process_id().await, process_id);
    let log = std::fs::read_to_string(home.path("state/engine.log")).expect("a log");
    assert_eq!(log.matches("open socket=").count(), 1, "{log}");
}

#[tokio::test]
async fn an_idle_process_ends_and_leaves_no_socket() {
    let home = Home::with_idle_seconds(1);
    let mut program = home.start(&["engine"]);
    assert_eq!(program.line(), "ready");
    check_answer(&home.remote()).await;
    assert!(program.end().await.success());
    assert!(!home.socket().exists());
}

#[tokio::test]
async fn it_ends_when_asked_and_when_told() {
    let home = Home::new();
    for signalled in [true, false] {
        let mut program = home.start(&["engine"]);
        assert_eq!(program.line(), "ready");
        let (_ticket, mut events) = ask(&home.remote(), "slow");
        assert!(matches!(next(&mut events).await, Event::Token { .. }));
        if signalled {
            let pid = rustix::process::Pid::from_child(&program.child);
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("told");
        } else {
            let asked = home
                .client()
                .post("http://localhost/freehold/shutdown")
                .send()
                .await;
            assert_eq!(asked.expect("answered").status(), StatusCode::OK);
        }
        assert_eq!(last(&mut events).await, Event::Failed(Failure::Gone));
        assert!(program.end().await.success());
        assert!(!home.socket().exists());
    }
}

#[tokio::test]
async fn killed_in_the_middle_the_next_completion_works() {
    let home = Home::new();
    let engine = home.remote();
    check_answer(&engine).await;
    let first = home.process_id().await;
    let (_ticket, mut events) = ask(&engine, "slow");
    assert!(matches!(next(&mut events).await, Event::Token { .. }));
    RealHost::new().kill(first).expect("killed");
    assert_eq!(last(&mut events).await, Event::Failed(Failure::Gone));
    assert_eq!(timeout(PATIENCE, events.recv()).await.expect("in time"), None);
    check_answer(&engine).await;
    assert_ne!(home.process_id().await, first);
    engine.connect().await.expect("ready");
    assert_eq!(engine.description().model, "scripted");
}

#[tokio::test]
async fn the_socket_is_the_users_own() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let mut program = home.start(&["engine"]);
    assert_eq!(program.line(), "ready");
    let mode = |path: PathBuf| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(home.socket()), 0o600);
    assert_eq!(mode(home.path("run")), 0o700);
}

/// `freehold serve` and what it printed.
struct Served {
    address: String,
    token: String,
    client: Client,
    _program: Program,
}

impl Served {
    fn start(home: &Home) -> Self {
        let mut program = home.start(&["serve"]);
        let address = program
            .line()
            .strip_prefix("address: ")
            .expect("an address")
            .to_owned();
        let line = program.line();
        let token = std::fs::read_to_string(home.path("state/serve-token")).expect("a token");
        assert!(line.starts_with("token: "), "{line}");
        let client = Client::builder().no_proxy().build().expect("a client");
        Self {
            address,
            token: token.trim().to_owned(),
            client,
            _program: program,
        }
    }

    fn post(&self) -> RequestBuilder {
        let body = json!({"prompt": "quick", "max_tokens": 4});
        self.client
            .post(format!("{}/completions", self.address))
            .body(body.to_string())
    }

    /// The answer to a request whose path no client has tidied.
    async fn raw(&self, method: &str, path: &str) -> String {
        let authority = self.address.trim_start_matches("http://").trim_end_matches("/v1");
        let mut stream = TcpStream::connect(authority).await.expect("it listens");
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {authority}\r\nauthorization: Bearer {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            self.token
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("answered");
        answer
    }

    async fn status(&self, request: RequestBuilder) -> (u16, String) {
        let response: Response = request.send().await.expect("answered");
        (response.status().as_u16(), response.text().await.expect("a body"))
    }
}

#[tokio::test]
async fn the_loopback_port_answers_only_who_may_ask() {
    let home = Home::new();
    let served = Served::start(&home);
    let bearer = || served.post().bearer_auth(&served.token);
    let cases = [
        ("no token", served.post(), 401),
        ("a wrong token", served.post().bearer_auth("wrong"), 401),
        (
            "another scheme",
            served
                .post()
                .header("authorization", format!("Basic {}", served.token)),
            401,
        ),
        ("another host", bearer().header("host", "example.org"), 403),
        (
            "a host that resolves here",
            bearer().header("host", "127.0.0.1.example.org:80"),
            403,
        ),
        (
            "a web page",
            bearer().header("origin", "https://example.org"),
            403,
        ),
        ("a page from a file", bearer().header("origin", "null"), 403),
        (
            "two origins",
            bearer()
                .header("origin", "http://localhost")
                .header("origin", "http://x.org"),
            403,
        ),
    ];
    for (name, request, expected) in cases {
        let (status, body) = served.status(request).await;
        assert_eq!(status, expected, "{name}: {body}");
    }
    assert!(
        !home.socket().exists(),
        "nobody was let in, so nothing was started"
    );
    let (status, body) = served
        .status(bearer().header("origin", "http://localhost:3000"))
        .await;
    assert!(status == 200 && body.contains("answer"), "{status} {body}");
    let root = served.address.trim_end_matches("/v1");
    let shutdown = served
        .client
        .post(format!("{root}/freehold/shutdown"))
        .bearer_auth(&served.token);
    assert_eq!(served.status(shutdown).await.0, 404);
    let around = served.raw("POST", "/x/../freehold/shutdown").await;
    assert!(around.starts_with("HTTP/1.1 404 "), "{around}");
    let again = Served::start(&home);
    assert_eq!(again.token, served.token, "tools are configured once");
}

#[tokio::test]
async fn the_loopback_port_streams_and_outlives_the_engine() {
    let home = Home::new();
    let served = Served::start(&home);
    let body = json!({"prompt": "slow", "stream": true}).to_string();
    let post = served
        .client
        .post(format!("{}/completions", served.address))
        .bearer_auth(&served.token);
    let mut response = post.body(body).send().await.expect("answered");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let chunk = timeout(PATIENCE, response.chunk())
        .await
        .expect("in time")
        .expect("whole")
        .expect("one");
    assert!(String::from_utf8_lossy(&chunk).contains("\"one\""));
    RealHost::new().kill(home.process_id().await).expect("killed");
    assert!(
        timeout(PATIENCE, response.text())
            .await
            .expect("in time")
            .is_err(),
        "the answer is cut short"
    );
    let (status, body) = served.status(served.post().bearer_auth(&served.token)).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn an_engine_that_dies_at_start_is_reported_with_its_log() {
    let home = Home::new();
    let served = Served::start(&home);
    std::fs::write(home.path("config.toml"), "model = ").expect("written");
    let (status, body) = served.status(served.post().bearer_auth(&served.token)).await;
    assert_eq!(status, 503);
    assert!(
        body.contains("the engine process ended at once; its log"),
        "{body}"
    );
    assert!(body.contains("config.toml"), "{body}");
}
