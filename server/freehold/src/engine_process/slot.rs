//! The place of the engine while it is loaded, once it is there, and when it could not be loaded.

use std::sync::Arc;
use std::time::Duration;

use engine::{Description, Engine, Failure, State};
use tokio::sync::watch;

/// Time between two looks at an engine that reads its weights.
const LOADING_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The place of the engine: requests wait here until it is loaded.
#[derive(Clone)]
pub struct Slot {
    content: watch::Sender<Content>,
}

#[derive(Clone)]
enum Content {
    Loading,
    Loaded(Arc<dyn Engine>),
    Failed(String),
}

impl Slot {
    /// A place without an engine yet.
    pub fn loading() -> Self {
        Self {
            content: watch::Sender::new(Content::Loading),
        }
    }

    /// Puts what loading gave in its place.
    pub fn fill(&self, loaded: Result<Arc<dyn Engine>, String>) {
        self.content.send_replace(match loaded {
            Ok(engine) => Content::Loaded(engine),
            Err(message) => Content::Failed(message),
        });
    }

    /// How far the engine is from answering.
    pub fn state(&self) -> State {
        match &*self.content.borrow() {
            Content::Loading => State::Loading { fraction: 0.0 },
            Content::Loaded(engine) => engine.state(),
            Content::Failed(message) => State::Failed(message.clone()),
        }
    }

    /// What is loaded; says nothing yet while it loads.
    pub fn description(&self) -> Description {
        match &*self.content.borrow() {
            Content::Loaded(engine) => engine.description(),
            Content::Loading | Content::Failed(_) => Description::default(),
        }
    }

    /// Waits until it is certain that there is an engine with its weights read, or none.
    pub async fn settled(&self) {
        let mut content = self.content.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        drop(
            content
                .wait_for(|content| !matches!(content, Content::Loading))
                .await,
        );
        // An engine may read its weights on its own thread, and has no way to say that it is done.
        while matches!(self.state(), State::Loading { .. }) {
            tokio::time::sleep(LOADING_POLL_INTERVAL).await;
        }
    }

    /// The engine, once it is loaded.
    ///
    /// # Errors
    /// [`Failure::NoModel`] when it cannot be loaded.
    pub async fn engine(&self) -> Result<Arc<dyn Engine>, Failure> {
        self.settled().await;
        match &*self.content.borrow() {
            Content::Loaded(engine) => match engine.state() {
                State::Failed(message) => Err(Failure::NoModel(message)),
                State::Loading { .. } | State::Ready => Ok(Arc::clone(engine)),
            },
            Content::Failed(message) => Err(Failure::NoModel(message.clone())),
            Content::Loading => Err(Failure::Gone),
        }
    }
}
