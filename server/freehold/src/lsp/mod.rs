//! The language server: one per editor window.
//!
//! A message goes from [`transport`] to its handler in [`handlers`], which pushes an [`event`]. The one
//! owner of the [`session`] takes the events in order and says what to do; [`effects`] does it, away from
//! the session, and reports back by events. What needs neither is plain functions around these.
//!
//! Beyond the protocol there is little:
//!
//! - `freehold/status`, a notification to the editor: see [`status::Status`];
//! - the commands `freehold.restartEngine`, `freehold.listModels` (gives a list of
//!   [`backend::ModelEntry`]), `freehold.useModel` (takes a name), `freehold.snooze` (takes minutes) and
//!   `freehold.showPrompt` (takes a document and a position; gives a text);
//! - the settings of [`options::Options`], in `initializationOptions` and `didChangeConfiguration`.

mod around;
mod backend;
mod effects;
mod event;
pub mod excluded;
mod feedback;
mod folders;
mod frames;
mod generation;
mod handlers;
mod ignore_files;
mod known;
mod options;
mod pacing;
mod program;
pub mod prompt_view;
mod reading_speed;
mod review;
mod review_handlers;
mod review_hands;
mod review_line;
mod review_report;
mod review_running;
mod review_view;
mod scopes;
mod seen;
mod session;
mod source;
mod status;
mod suggest;
mod trail;
mod transport;

#[cfg(test)]
mod tests;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::cli::LspArguments;
use backend::Backend;
use effects::Hands;
use event::{Event, Events};
use review_hands::ReviewHands;
use session::Session;
use status::Status;
use transport::Ended;

pub use completion::{Features, Gate};
pub use feedback::{Judged, Verdict};

/// The session and the connection want one each; more would only compete with the engine.
const WORKER_THREADS: usize = 2;

/// For standard input and output one each, and for preparing prompts.
const BLOCKING_THREADS_MAX: usize = 8;

/// Serves the editor on standard input and output until it leaves.
///
/// # Errors
/// When the threads cannot be started.
pub fn run(_arguments: &LspArguments) -> anyhow::Result<ExitCode> {
    // Standard output is the editor's; what editors show of a server's errors is its standard error.
    let log = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false);
    // Set already, it serves as well.
    let _set_already = log.with_max_level(tracing::Level::WARN).try_init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()
        .context("cannot start the threads of the language server")?;
    let host = Arc::new(host::RealHost::new());
    let backend = Arc::new(program::Program::new(host, runtime.handle().clone())?);
    let serving = serve(tokio::io::stdin(), tokio::io::stdout(), Arc::clone(&backend) as _);
    let ended = runtime.block_on(serving);
    backend.write_records();
    // A read of standard input that is under way cannot be taken back; the process ends with it.
    runtime.shutdown_background();
    Ok(match ended {
        Ended::InOrder => ExitCode::SUCCESS,
        Ended::Abruptly => ExitCode::FAILURE,
    })
}

/// Serves the editor at the other end of `input` and `output` until it leaves.
async fn serve(
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin + Send + 'static,
    backend: Arc<dyn Backend>,
) -> Ended {
    let (events, queue) = Events::queue();
    serve_with(input, output, backend, events, queue).await
}

async fn serve_with(
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin + Send + 'static,
    backend: Arc<dyn Backend>,
    events: Events,
    queue: mpsc::UnboundedReceiver<(Instant, Event)>,
) -> Ended {
    let (statuses, shown) = watch::channel(Status::default());
    let (pictures, pictured) = watch::channel(Vec::new());
    let (outgoing, asked) = mpsc::unbounded_channel();
    let reviews = ReviewHands::new(Arc::clone(&backend), events.clone(), pictures, outgoing);
    let hands = Hands::new(backend, events.clone(), statuses, reviews);
    let mut session = AbortOnDrop(tokio::spawn(own(Session::new(), queue, hands)));
    let (service, socket) = handlers::service(events, shown, pictured, asked);
    let ended = tokio::select! {
        ended = transport::serve(input, output, service, socket) => ended,
        // It has no end of its own but a panic. Then nothing can be answered any more, and the editor
        // starts a new server.
        () = &mut session => return Ended::Abruptly,
    };
    // What the session has begun ends with it, before the process does.
    session.0.abort();
    session.await;
    ended
}

/// Owns the session: the only place where it changes.
async fn own(mut session: Session, mut queue: mpsc::UnboundedReceiver<(Instant, Event)>, mut hands: Hands) {
    let start = Instant::now();
    while let Some((at, event)) = queue.recv().await {
        for effect in session.handle(event, at.saturating_duration_since(start)) {
            hands.perform(effect);
        }
    }
}

/// A task that ends with whoever began it.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl std::future::Future for AbortOnDrop {
    type Output = ();

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0).poll(context).map(|result| {
            if let Err(error) = result
                && !error.is_cancelled()
            {
                tracing::error!("the session has failed: {error}");
            }
        })
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
