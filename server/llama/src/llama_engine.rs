//! The engine contract, fulfilled: a handle on the thread that owns the model.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use engine::{Description, Engine, EventSink, Failure, Request, State, Ticket};

use crate::cache::sequences;
use crate::description::{describe, device};
use crate::ffi::backend::Backend;
use crate::ffi::context::{Context, ContextSizes};
use crate::ffi::model::Model;
use crate::ffi::vocabulary::Vocabulary;
use crate::inbox::Inbox;
use crate::load::check_header;
use crate::metrics::{Counters, Metrics};
use crate::prompt::Tokeniser;
use crate::shelf::Shelf;
use crate::worker::{Sizes, Worker};
use crate::{LlamaOptions, LoadError};

/// Requests that are served at the same time, and conversations that wait.
const SLOTS: u32 = 6;
/// Tokens that are decoded at once, at most.
const BATCH_TOKENS: u32 = 512;
/// Some models split text by regular expressions that C++ matches recursively, one call for each character.
/// Only the part that is used takes memory.
const STACK_BYTES: usize = 64 * 1024 * 1024;
/// Context of a model that was trained for more, when the user says nothing.
const CONTEXT_TOKENS_DEFAULT: u32 = 16_384;

/// A llama.cpp model on a thread of its own. Dropping it ends the thread.
pub struct LlamaEngine {
    shared: Arc<Shared>,
    inbox: Arc<Inbox>,
    counters: Arc<Counters>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    description: Mutex<Description>,
}

impl LlamaEngine {
    /// Begins to load a model and returns at once; requests wait meanwhile. Whether it could be loaded
    /// is told by [`Engine::state`] and by the requests.
    #[must_use]
    pub fn load(options: LlamaOptions) -> Self {
        let description = Description {
            model: options.name.clone(),
            fim: options.fim.clone(),
            context_tokens: options.context_tokens,
            ..Description::default()
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(State::Loading { fraction: 0.0 }),
            description: Mutex::new(description),
        });
        let inbox = Arc::new(Inbox::new());
        let counters = Arc::new(Counters::default());
        let thread = {
            let (shared, inbox, counters) = (Arc::clone(&shared), Arc::clone(&inbox), Arc::clone(&counters));
            let thread = std::thread::Builder::new()
                .name("engine".to_owned())
                .stack_size(STACK_BYTES);
            thread.spawn(move || run(&options, &shared, &inbox, &counters))
        };
        let thread = match thread {
            Ok(thread) => Some(thread),
            Err(error) => {
                give_up(&shared, &inbox, &LoadError::Thread(error.to_string()));
                None
            }
        };
        Self {
            shared,
            inbox,
            counters,
            thread,
        }
    }

    /// What the engine has done since it was loaded.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.counters.read()
    }
}

impl Engine for LlamaEngine {
    fn description(&self) -> Description {
        lock(&self.shared.description).clone()
    }

    fn state(&self) -> State {
        lock(&self.shared.state).clone()
    }

    fn submit(&self, request: Request, events: EventSink) -> Ticket {
        let id = self.inbox.submit(request, events);
        let inbox = Arc::clone(&self.inbox);
        Ticket::new(move || inbox.cancel(id))
    }
}

impl Drop for LlamaEngine {
    fn drop(&mut self) {
        self.inbox.close();
        if let Some(thread) = self.thread.take() {
            // A panic there was answered there.
            let _panicked = thread.join();
        }
    }
}

impl std::fmt::Debug for LlamaEngine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("LlamaEngine")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// The whole life of the engine's thread.
fn run(options: &LlamaOptions, shared: &Shared, inbox: &Arc<Inbox>, counters: &Arc<Counters>) {
    let worked = catch_unwind(AssertUnwindSafe(|| {
        match load(options, shared, inbox, counters) {
            Ok(worker) => {
                *lock(&shared.state) = State::Ready;
                worker.run();
            }
            Err(error) => give_up(shared, inbox, &error),
        }
    }));
    if worked.is_err() {
        let failure = Failure::Engine("the engine's thread ended by a fault; the log says where".to_owned());
        *lock(&shared.state) = State::Failed(failure.to_string());
        inbox.fail(&failure);
    }
}

fn give_up(shared: &Shared, inbox: &Inbox, error: &LoadError) {
    *lock(&shared.state) = State::Failed(error.to_string());
    let failure = match error {
        LoadError::Cancelled => Failure::Gone,
        error => Failure::NoModel(error.to_string()),
    };
    inbox.fail(&failure);
}

fn load(
    options: &LlamaOptions,
    shared: &Shared,
    inbox: &Arc<Inbox>,
    counters: &Arc<Counters>,
) -> Result<Worker, LoadError> {
    check_header(&options.file)?;
    let backend = Backend::get(options.backends_folder.as_deref())?;
    let mut progress = |fraction: f32| {
        *lock(&shared.state) = State::Loading {
            fraction: fraction.clamp(0.0, 1.0),
        };
        !inbox.is_closed()
    };
    let model = Model::load(backend, &options.file, options.gpu_layers, &mut progress).map_err(|error| {
        if inbox.is_closed() {
            LoadError::Cancelled
        } else {
            error
        }
    })?;
    if !model.generates() {
        return Err(LoadError::NotGenerative(options.file.clone()));
    }
    let model = Arc::new(model);
    let sizes = ContextSizes {
        context_tokens: context_tokens(options.context_tokens, model.context_tokens_trained()),
        batch_tokens: BATCH_TOKENS,
        sequences: sequences(SLOTS, model.keeps_every_position()),
    };
    let template = model.metadata("tokenizer.chat_template");
    let context = Context::new(Arc::clone(&model), sizes, Arc::clone(inbox.abort_flag()))?;
    let shelf = shelf(options, backend, &model, sizes.context_tokens);
    let vocabulary = Vocabulary::new(model);
    let threads_max = options.threads_max();
    let threads = if threads_max == 1 { "thread" } else { "threads" };
    let known = Description {
        model: options.name.clone(),
        fim: options.fim.clone(),
        context_tokens: sizes.context_tokens,
        device: format!("{}, {threads_max} {threads}", device(backend, options.gpu_layers)),
        ..Description::default()
    };
    *lock(&shared.description) = describe(backend, &vocabulary, known, template);
    counters.threads.set(u64::from(threads_max));
    let tokeniser = Tokeniser::new(vocabulary);
    let (inbox, counters) = (Arc::clone(inbox), Arc::clone(counters));
    Ok(Worker::new(
        inbox,
        counters,
        context,
        tokeniser,
        threads_max,
        Sizes {
            slots: SLOTS,
            context_tokens: sizes.context_tokens,
        },
        shelf,
    ))
}

/// Where evaluated prompts are kept: under a name of all that they depend on.
fn shelf(options: &LlamaOptions, backend: &Backend, model: &Model, context_tokens: u32) -> Option<Shelf> {
    let folder = options.kept_folder.clone()?;
    let metadata = std::fs::metadata(&options.file).ok()?;
    let modified = metadata
        .modified()
        .ok()?
        .duration_since(std::time::UNIX_EPOCH)
        .ok()?;
    let key = format!(
        "{} {} {} {} {} {context_tokens} {:?}",
        options.file.display(),
        metadata.len(),
        modified.as_nanos(),
        model.summary(),
        backend.version(),
        options.gpu_layers,
    );
    Some(Shelf::new(folder, key, options.kept_bytes_max))
}

/// Tokens of context: as asked, but never more than the model was trained for.
fn context_tokens(asked: u32, trained: u32) -> u32 {
    match (asked, trained) {
        (0, 0) => CONTEXT_TOKENS_DEFAULT,
        (0, trained) => trained.min(CONTEXT_TOKENS_DEFAULT),
        (asked, 0) => asked,
        (asked, trained) => asked.min(trained),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whole values are put in and taken out, so a poisoned lock holds a whole value too.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
