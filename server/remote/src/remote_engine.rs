//! The engine that is somewhere else: requests become HTTP, answers become events.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::{Description, Engine, EventSink, Failure, FimFormat, Request, State, StopReason, Ticket, Usage};
use reqwest::{Client, Response};
use tokio::sync::{oneshot, watch};

use crate::answer::{Broken, Outlet, follow};
use crate::wire::{self, Health};
use crate::{address, failure, freehold, open_ai};

/// How long an endpoint elsewhere may take to accept a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// How long an endpoint elsewhere may be silent: time enough to evaluate a long prompt.
const SILENCE_MAX: Duration = Duration::from_secs(300);
/// How often one wait for the engine may find it gone; then it dies of its model.
const STARTS_MAX: u32 = 3;
/// What is said then.
const DIES_LOADING: &str = "the engine process ends whenever it loads the model; choose another model with \
    `freehold models use`, or see `engine.log` in Freehold's state folder";
/// Time between two looks at an engine that is loading its model.
const LOADING_POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Longest error body that is read.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// Makes sure that the engine process runs and accepts connections; the error is for a person.
pub type Attach = Arc<dyn Fn() -> AttachFuture + Send + Sync>;
/// What an [`Attach`] gives.
pub type AttachFuture = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Which server is spoken to, and how.
#[derive(Clone)]
pub enum Endpoint {
    /// Freehold's own engine process.
    Freehold {
        /// Its unix socket.
        socket: PathBuf,
        /// Starts it when nothing answers there.
        attach: Option<Attach>,
    },
    /// A server with the OpenAI API.
    OpenAi(Box<OpenAiEndpoint>),
}

/// A server with the OpenAI API.
#[derive(Clone)]
pub struct OpenAiEndpoint {
    /// Where its API begins; usually ends in `/v1`.
    pub url: String,
    /// Name of the model there.
    pub model: String,
    /// Sent as bearer token.
    pub api_key: Option<String>,
    /// How that model is asked to fill in the middle, if it can.
    pub fim: Option<FimFormat>,
    /// Tokens that its context holds; zero if that is not known.
    pub context_tokens: u32,
}

/// What a [`RemoteEngine`] is made of.
#[derive(Clone)]
pub struct RemoteOptions {
    /// Which server is spoken to.
    pub endpoint: Endpoint,
    /// Runs the requests.
    pub runtime: tokio::runtime::Handle,
}

/// An engine behind HTTP.
#[derive(Clone)]
pub struct RemoteEngine {
    shared: Arc<Shared>,
    runtime: tokio::runtime::Handle,
}

struct Shared {
    client: Client,
    /// Where paths are appended to, without a slash at its end.
    base: String,
    /// The address as it may be shown: without user, password and query.
    shown: String,
    endpoint: Endpoint,
    description: Mutex<Description>,
    state: watch::Sender<State>,
    watched: AtomicBool,
    attaching: tokio::sync::Mutex<()>,
    attached: AtomicU64,
}

impl RemoteEngine {
    /// Makes an engine that speaks to `options.endpoint`; nothing is sent before it is needed.
    ///
    /// # Errors
    /// [`Failure::Endpoint`] when the address is not one.
    pub fn new(options: RemoteOptions) -> Result<Self, Failure> {
        let RemoteOptions { endpoint, runtime } = options;
        let (client, base, shown, description, state) = match &endpoint {
            Endpoint::Freehold { socket, .. } => {
                // With HTTP/1 the engine process would hear that an answer is not wanted any more only when it
                // writes the next piece of it, which takes as long as a token.
                let client = Client::builder()
                    .unix_socket(socket.clone())
                    .http2_prior_knowledge()
                    .no_proxy();
                let state = State::Loading { fraction: 0.0 };
                let shown = socket.display().to_string();
                (
                    client,
                    "http://localhost".to_owned(),
                    shown,
                    Description::default(),
                    state,
                )
            }
            Endpoint::OpenAi(server) => {
                let parsed = address::parse(&server.url)?;
                let mut client = Client::builder()
                    .connect_timeout(CONNECT_TIME_MAX)
                    .read_timeout(SILENCE_MAX);
                if address::is_loopback(&parsed) {
                    client = client.no_proxy();
                }
                let description = Description {
                    model: server.model.clone(),
                    fim: server.fim.clone(),
                    context_tokens: server.context_tokens,
                    device: address::shown(&parsed),
                    ..Description::default()
                };
                let base = parsed.as_str().trim_end_matches('/').to_owned();
                (client, base, address::shown(&parsed), description, State::Ready)
            }
        };
        // A prompt must not end up anywhere but where the user said.
        let client = client.redirect(reqwest::redirect::Policy::none()).build();
        let client =
            client.map_err(|error| Failure::Endpoint(format!("no HTTP client for `{shown}`: {error}")))?;
        let shared = Shared {
            client,
            base,
            shown,
            endpoint,
            description: Mutex::new(description),
            state: watch::Sender::new(state),
            watched: AtomicBool::new(false),
            attaching: tokio::sync::Mutex::default(),
            attached: AtomicU64::new(0),
        };
        Ok(Self {
            shared: Arc::new(shared),
            runtime,
        })
    }

    /// Starts the engine if it does not run, waits until it has loaded its model, and says what it is.
    ///
    /// # Errors
    /// Gives the reason why the engine cannot answer requests.
    pub async fn connect(&self) -> Result<Description, Failure> {
        if matches!(self.shared.endpoint, Endpoint::OpenAi(_)) {
            return Ok(self.description());
        }
        self.shared.watch_loading().await?;
        Ok(self.description())
    }

    /// The state and every change of it.
    #[must_use]
    pub fn states(&self) -> watch::Receiver<State> {
        self.shared.state.subscribe()
    }
}

impl Engine for RemoteEngine {
    fn description(&self) -> Description {
        self.shared
            .description
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn state(&self) -> State {
        self.shared.state.borrow().clone()
    }

    fn submit(&self, request: Request, events: EventSink) -> Ticket {
        let (cancel, cancelled) = oneshot::channel::<()>();
        let shared = Arc::clone(&self.shared);
        let mut outlet = Outlet::new(events);
        self.runtime.spawn(async move {
            let cancelled = async {
                // A detached ticket closes the channel without a word; then nobody cancels any more.
                if cancelled.await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            let end = tokio::select! {
                biased;
                () = cancelled => None,
                end = shared.answer(request, &mut outlet) => Some(end),
            };
            match end {
                Some(end) => outlet.end(end),
                None => outlet.cancelled(),
            }
        });
        Ticket::new(move || {
            // The task may have ended already.
            let _ended = cancel.send(());
        })
    }
}

impl Shared {
    async fn answer(
        self: &Arc<Self>,
        request: Request,
        outlet: &mut Outlet,
    ) -> Result<(StopReason, Usage), Failure> {
        match &self.endpoint {
            Endpoint::Freehold { .. } => self.answer_freehold(request, outlet).await,
            Endpoint::OpenAi(server) => self.answer_open_ai(&request, server, outlet).await,
        }
    }

    async fn answer_freehold(
        self: &Arc<Self>,
        request: Request,
        outlet: &mut Outlet,
    ) -> Result<(StopReason, Usage), Failure> {
        let model = self
            .description
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .model
            .clone();
        let mut body = freehold::body(request);
        // A prompt is written for one model; an engine that was started again with another refuses it.
        body["model"] = model.into();
        let url = format!("{}{}", self.base, wire::COMPLETIONS_PATH);
        if *self.state.borrow() != State::Ready {
            self.spawn_watcher();
        }
        let attached = self.attached.load(Ordering::Acquire);
        let response = match self.client.post(&url).json(&body).send().await {
            Ok(response) => response,
            Err(error) => {
                self.attach_after(&error, attached).await?;
                self.spawn_watcher();
                self.client
                    .post(&url)
                    .json(&body)
                    .send()
                    .await
                    .map_err(|_| Failure::Gone)?
            }
        };
        let status = response.status();
        if status == reqwest::StatusCode::NOT_FOUND {
            // Another model has been chosen since; what it is and how it is prompted is asked again.
            self.state.send_replace(State::Loading { fraction: 0.0 });
            self.spawn_watcher();
            return Err(Failure::Gone);
        }
        if !status.is_success() {
            return Err(freehold::failure(status, &text_of(response).await));
        }
        follow(response, |data| freehold::read(data, outlet))
            .await
            .map_err(|broken| match broken {
                Broken::Failed(failure) => failure,
                Broken::Connection(why) => {
                    tracing::warn!(socket = %self.shown, why, "the engine went away");
                    Failure::Gone
                }
            })
    }

    async fn answer_open_ai(
        &self,
        request: &Request,
        server: &OpenAiEndpoint,
        outlet: &mut Outlet,
    ) -> Result<(StopReason, Usage), Failure> {
        if request.tokens_max == 0 {
            // There is no way to ask such a server for nothing but a warm cache.
            return Ok((StopReason::Length, Usage::default()));
        }
        let model = &server.model;
        let (body, joiner) = open_ai::body(model, request)?;
        outlet.without(joiner);
        let mut post = self.client.post(format!("{}/completions", self.base)).json(&body);
        if let Some(api_key) = &server.api_key {
            post = post.bearer_auth(api_key);
        }
        let response = post
            .send()
            .await
            .map_err(|error| failure::unreachable(&self.shown, &error))?;
        tracing::info!(endpoint = %self.shown, model, prompt_bytes = body["prompt"].as_str().map_or(0, str::len), "sent a prompt");
        let status = response.status();
        if !status.is_success() {
            return Err(failure::refused(
                &self.shown,
                model,
                status,
                &text_of(response).await,
            ));
        }
        let kind = response
            .headers()
            .get(reqwest::header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        if let Some(kind) = kind.filter(|kind| !kind.starts_with("text/event-stream")) {
            return Err(failure::unreadable(
                &self.shown,
                &format!("its answer is of type `{kind}`"),
            ));
        }
        let mut reader = open_ai::Reader::new(&self.shown, request);
        match follow(response, |data| reader.read(data, outlet)).await {
            Ok(end) => Ok(end),
            Err(Broken::Connection(_)) if reader.has_reason() => Ok(reader.end(outlet)),
            Err(Broken::Connection(why)) => Err(failure::broke_off(&self.shown, &why)),
            Err(Broken::Failed(failure)) => Err(failure),
        }
    }

    /// Starts the engine after `error`, unless somebody has done so since `attached` was read.
    async fn attach_after(&self, error: &reqwest::Error, attached: u64) -> Result<(), Failure> {
        tracing::debug!(%error, "the engine does not answer");
        let Endpoint::Freehold {
            attach: Some(attach), ..
        } = &self.endpoint
        else {
            return Err(Failure::Gone);
        };
        let _one_at_a_time = self.attaching.lock().await;
        if self.attached.load(Ordering::Acquire) != attached {
            return Ok(());
        }
        self.show_loading();
        attach().await.map_err(|message| {
            self.state.send_replace(State::Failed(message.clone()));
            Failure::NoModel(message)
        })?;
        self.attached.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// Says that the engine loads, unless that has been said.
    fn show_loading(&self) {
        self.state.send_if_modified(|state| {
            let said = matches!(state, State::Loading { .. });
            if !said {
                *state = State::Loading { fraction: 0.0 };
            }
            !said
        });
    }

    fn spawn_watcher(self: &Arc<Self>) {
        if !self.watched.load(Ordering::Acquire) {
            let shared = Arc::clone(self);
            tokio::spawn(async move {
                // Whoever looks at the state sees what came of it.
                let _shown_by_the_state = shared.watch_loading().await;
            });
        }
    }

    /// Follows the engine until it is ready or has failed; one task does it, the others wait for it.
    async fn watch_loading(&self) -> Result<(), Failure> {
        let mut states = self.state.subscribe();
        if self.watched.swap(true, Ordering::AcqRel) {
            // Somebody watches; a watcher that was dropped has cleared the flag, and is succeeded below.
            loop {
                match &*states.borrow_and_update() {
                    State::Ready => return Ok(()),
                    State::Failed(message) => return Err(Failure::NoModel(message.clone())),
                    State::Loading { .. } => {}
                }
                let changed = tokio::time::timeout(LOADING_POLL_INTERVAL, states.changed()).await;
                if changed.is_err() && !self.watched.swap(true, Ordering::AcqRel) {
                    break;
                }
            }
        }
        let _watching = ClearOnDrop(&self.watched);
        if *self.state.borrow() != State::Ready {
            self.show_loading();
        }
        let end = self.poll_health().await;
        if let Err(failure) = &end {
            self.state.send_replace(State::Failed(failure.to_string()));
        }
        end
    }

    async fn poll_health(&self) -> Result<(), Failure> {
        let health_url = format!("{}{}", self.base, wire::HEALTH_PATH);
        let mut starts = 0;
        loop {
            let attached = self.attached.load(Ordering::Acquire);
            let response = match self.client.get(&health_url).send().await {
                Ok(response) => response,
                Err(error) => {
                    if starts == STARTS_MAX {
                        return Err(Failure::NoModel(DIES_LOADING.to_owned()));
                    }
                    starts += 1;
                    self.attach_after(&error, attached).await?;
                    // Whoever is gone again already counts as one more start.
                    continue;
                }
            };
            let health: Health = response
                .json()
                .await
                .map_err(|error| Failure::Engine(error.to_string()))?;
            match health.state.as_str() {
                "ready" => break,
                "failed" => return Err(Failure::NoModel(health.message.unwrap_or_default())),
                _ => {
                    let fraction = health.fraction.unwrap_or(0.0);
                    self.state.send_replace(State::Loading { fraction });
                    tokio::time::sleep(LOADING_POLL_INTERVAL).await;
                }
            }
        }
        let url = format!("{}{}", self.base, wire::DESCRIPTION_PATH);
        let response = self.client.get(&url).send().await.map_err(|_| Failure::Gone)?;
        let description = response
            .json()
            .await
            .map_err(|error| Failure::Engine(error.to_string()))?;
        *self.description.lock().unwrap_or_else(PoisonError::into_inner) = description;
        self.state.send_replace(State::Ready);
        Ok(())
    }
}

struct ClearOnDrop<'a>(&'a AtomicBool);

impl Drop for ClearOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

async fn text_of(mut response: Response) -> String {
    let mut body = Vec::new();
    while body.len() < ERROR_BYTES_MAX {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) | Err(_) => break,
        }
    }
    body.truncate(ERROR_BYTES_MAX);
    String::from_utf8_lossy(&body).into_owned()
}
