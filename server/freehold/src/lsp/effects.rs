//! Carries out what the session wants done, and tells it how that went, by events.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use engine::{Engine, State};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::backend::{AttachFailure, Backend};
use super::event::{Attached, Command, Effect, Event, Events, Task, Timer};
use super::prompt_view;
use super::review_hands::ReviewHands;
use super::status::Status;
use super::suggest::suggest;

/// How often an engine that loads is asked how far it is.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);

/// Carries out effects. All it has begun ends when it is dropped.
pub struct Hands {
    backend: Arc<dyn Backend>,
    events: Events,
    statuses: watch::Sender<Status>,
    tasks: JoinSet<()>,
    /// What can be stopped: pauses, and requests to the engine; ended ones are cleared away now and then.
    begun: HashMap<Task, AbortHandle>,
    begun_kept: usize,
    watching: Option<AbortHandle>,
    reviews: ReviewHands,
}

impl Hands {
    /// Makes hands that use `backend`, report to `events` and show statuses through `statuses`.
    pub fn new(
        backend: Arc<dyn Backend>,
        events: Events,
        statuses: watch::Sender<Status>,
        reviews: ReviewHands,
    ) -> Self {
        Self {
            reviews,
            backend,
            events,
            statuses,
            tasks: JoinSet::new(),
            begun: HashMap::new(),
            begun_kept: 64,
            watching: None,
        }
    }

    /// Carries out `effect`, or begins to.
    pub fn perform(&mut self, effect: Effect) {
        while self.tasks.try_join_next().is_some() {}
        let events = self.events.clone();
        match effect {
            Effect::Answer(answer, items) => {
                // Who asked may have gone in this moment; then nobody wants to know.
                let _gone = answer.send(items);
            }
            Effect::Wait { timer, duration } => self.wait(timer, duration),
            Effect::Generate(job) => {
                let task = Task::Generation(job.id);
                self.begin(task, async move { suggest(*job, &events).await });
            }
            Effect::Stop(task) => {
                if let Some(handle) = self.begun.remove(&task) {
                    handle.abort();
                }
            }
            Effect::Configure => {
                let backend = Arc::clone(&self.backend);
                self.tasks.spawn(async move {
                    let configuration = blocking(move || backend.configuration()).await;
                    let configuration = configuration.unwrap_or_default();
                    events.push(Event::Configured(Box::new(configuration)));
                });
            }
            Effect::Examine { uri, lookup, folders } => {
                let backend = Arc::clone(&self.backend);
                self.tasks.spawn(async move {
                    let asked = uri.clone();
                    let excluded = blocking(move || backend.is_excluded(&asked, &folders)).await;
                    // What cannot be looked up is kept from the model.
                    let excluded = excluded.unwrap_or(true);
                    events.push(Event::Examined {
                        uri,
                        lookup,
                        excluded,
                    });
                });
            }
            Effect::Keep(judged) => {
                let backend = Arc::clone(&self.backend);
                self.tasks.spawn(async move {
                    // A record that cannot be kept is no reason to disturb anybody.
                    if let Ok(Err(error)) = blocking(move || backend.keep(&judged)).await {
                        tracing::warn!("what became of a suggestion cannot be kept: {error:#}");
                    }
                });
            }
            Effect::ShowPrompt { job, answer } => {
                self.tasks.spawn(async move {
                    let shown = blocking(move || prompt_view::show(&job)).await;
                    // As above.
                    let _gone = answer.send(shown.and_then(|shown| shown).map(Value::String));
                });
            }
            Effect::Attach => {
                let backend = Arc::clone(&self.backend);
                self.tasks
                    .spawn(async move { events.push(Event::EngineAttached(attach(backend).await)) });
            }
            Effect::Watch(engine) => {
                let watching = self.tasks.spawn(watch_engine(engine, events));
                if let Some(before) = self.watching.replace(watching) {
                    before.abort();
                }
            }
            Effect::Perform { command, answer } => {
                let backend = Arc::clone(&self.backend);
                self.tasks.spawn(async move {
                    let result = carry_out(backend, command, &events).await;
                    // As above.
                    let _gone = answer.send(result);
                });
            }
            Effect::Review(effect) => self.reviews.perform(effect),
            Effect::Show(status) => {
                self.statuses.send_replace(status);
            }
        }
    }

    fn wait(&mut self, timer: Timer, duration: Duration) {
        let events = self.events.clone();
        let work = async move {
            tokio::time::sleep(duration).await;
            events.push(Event::TimePassed(timer));
        };
        match timer {
            Timer::Question(id) => self.begin(Task::Pause(id), work),
            Timer::Grace(_) | Timer::Rest | Timer::Snooze => drop(self.tasks.spawn(work)),
        }
    }

    fn begin(&mut self, task: Task, work: impl Future<Output = ()> + Send + 'static) {
        let handle = self.tasks.spawn(work);
        self.begun.insert(task, handle);
        if self.begun.len() > self.begun_kept {
            self.begun.retain(|_, handle| !handle.is_finished());
            self.begun_kept = 64 + 2 * self.begun.len();
        }
    }
}

async fn attach(backend: Arc<dyn Backend>) -> Result<Attached, AttachFailure> {
    let attached = blocking(move || {
        let engine = backend.attach_engine()?;
        Ok(Attached {
            state: engine.state(),
            model: engine.description().model,
            engine,
        })
    });
    attached
        .await
        .unwrap_or_else(|message| Err(AttachFailure::NoEngine(message)))
}

/// Tells how far the engine is, now and until it is ready or has failed.
async fn watch_engine(engine: Arc<dyn Engine>, events: Events) {
    let mut told = None;
    loop {
        let asked = Arc::clone(&engine);
        let Ok((state, model)) = blocking(move || (asked.state(), asked.description().model)).await else {
            return;
        };
        let ended = !matches!(state, State::Loading { .. });
        if told.as_ref() != Some(&state) {
            told = Some(state.clone());
            events.push(Event::EngineChanged { state, model });
        }
        if ended {
            return;
        }
        tokio::time::sleep(WATCH_INTERVAL).await;
    }
}

async fn carry_out(backend: Arc<dyn Backend>, command: Command, events: &Events) -> Result<Value, String> {
    let worker = Arc::clone(&backend);
    let asked = command.clone();
    let result = blocking(move || match asked {
        Command::RestartEngine => worker.restart_engine().map(|()| Value::Null),
        Command::UseModel(name) => worker.use_model(&name).map(|()| Value::Null),
        Command::ListModels => Ok(serde_json::to_value(worker.list_models()?)?),
        // The session has answered these itself.
        Command::Snooze(_) | Command::ShowPrompt { .. } => Ok(Value::Null),
    })
    .await;
    match command {
        Command::RestartEngine | Command::UseModel(_) => {
            events.push(Event::EngineAttached(attach(backend).await))
        }
        Command::ListModels | Command::Snooze(_) | Command::ShowPrompt { .. } => {}
    }
    result?.map_err(|error| format!("{error:#}"))
}

/// Runs `work` where waiting harms nobody; its panic is an error like any other.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| format!("an internal error came up: {error}"))
}
