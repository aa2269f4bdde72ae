//! The connection to the editor: messages in, in order; answers out, as they come.
//!
//! This stands in for the framework's own loop, which ends at the first frame it cannot read, and which
//! lets cancellations and edits wait while as many requests as it runs at once are unanswered.
//! Here every message is handed to its handler, and the handler runs to its first wait, before the next
//! message is read: what a handler does first, it does in order. What it waits for then, it waits for
//! in a task of its own.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tower_lsp_server::jsonrpc::{Error, Id, Request, Response};
use tower_lsp_server::{ClientSocket, ExitedError, LanguageServer, LspService};
use tower_service::Service;

use super::frames::{self, Frames, Message};

/// Answers and notifications that wait for a slow editor; then handlers wait, and then reading does.
const OUTGOING_MAX: usize = 64;

/// Requests that may be unanswered before reading waits. The session answers long before it comes to
/// this (see its own limit), so it is reached only by an editor that does not read its answers.
const UNANSWERED_MAX: usize = 4096;

const READ_BYTES: usize = 64 * 1024;

/// How long the last answers may take to be written.
const FAREWELL: Duration = Duration::from_millis(500);

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By the `exit` notification, after `shutdown`.
    InOrder,
    /// By `exit` without `shutdown`, or because the editor is gone.
    Abruptly,
}

/// Serves the editor at the other end of `input` and `output` until it leaves.
///
/// What is unanswered then is dropped: nobody is left to read it.
pub async fn serve<S: LanguageServer>(
    mut input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin + Send + 'static,
    service: LspService<S>,
    socket: ClientSocket,
) -> Ended {
    let (outgoing, mut written) = writer(output);
    let (requests, responses) = socket.split();
    let mut tasks = JoinSet::new();
    tasks.spawn(forward(requests, outgoing.clone()));
    let mut connection = Connection {
        service,
        responses,
        outgoing,
        tasks,
        unanswered: Arc::new(Semaphore::new(UNANSWERED_MAX)),
        shut_down: false,
    };
    let mut frames = Frames::default();
    let mut buffer = vec![0; READ_BYTES];
    let ended = loop {
        let read = tokio::select! {
            read = input.read(&mut buffer) => read,
            _ = &mut written => break Ended::Abruptly,
        };
        match read {
            Ok(0) | Err(_) => break Ended::Abruptly,
            Ok(count) => frames.push(&buffer[..count]),
        }
        if connection.take(&mut frames).await == Flow::Exit {
            break if connection.shut_down {
                Ended::InOrder
            } else {
                Ended::Abruptly
            };
        }
    };
    drop(connection);
    // What is already in the queue goes out, unless nobody reads.
    if !written.is_finished() {
        let _unread = tokio::time::timeout(FAREWELL, &mut written).await;
        written.abort();
    }
    ended
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Continue,
    Exit,
}

struct Connection<S: LanguageServer, R> {
    service: LspService<S>,
    responses: R,
    outgoing: mpsc::Sender<Vec<u8>>,
    tasks: JoinSet<()>,
    unanswered: Arc<Semaphore>,
    shut_down: bool,
}

impl<S, R> Connection<S, R>
where
    S: LanguageServer,
    R: futures_util::Sink<Response> + Unpin,
{
    /// Handles every message that has come whole.
    async fn take(&mut self, frames: &mut Frames) -> Flow {
        while let Some(frame) = frames.next() {
            let flow = match frame.map(|body| (frames::parse(&body), body)) {
                Ok((Ok(Message::Request(request)), _)) => self.call(request).await,
                Ok((Ok(Message::Response(response)), _)) => {
                    // Its only failure is that the server has exited, which the next request tells.
                    let _exited = self.responses.send(response).await;
                    Flow::Continue
                }
                Ok((Err(malformed), body)) => {
                    if malformed.syntax {
                        frames.put_back(body);
                    }
                    tracing::warn!("a message could not be read: {:?}", malformed.answer.error());
                    self.send(&malformed.answer).await
                }
                Err(fault) => {
                    tracing::warn!("{fault}");
                    self.send(&Response::from_error(Id::Null, Error::parse_error()))
                        .await
                }
            };
            if flow == Flow::Exit {
                return Flow::Exit;
            }
        }
        Flow::Continue
    }

    async fn call(&mut self, request: Request) -> Flow {
        let exits = request.method() == "exit";
        let waits = request.method() == "initialize";
        self.shut_down |= request.method() == "shutdown";
        let id = request.id().cloned();
        if std::future::poll_fn(|context| self.service.poll_ready(context))
            .await
            .is_err()
        {
            return Flow::Exit;
        }
        let mut answer = fenced(id.clone(), self.service.call(request));
        // The handler's first stretch, up to its first wait, runs here and now: that keeps the order.
        let flow = match (&mut answer).now_or_never() {
            Some(Some(response)) => self.send(&response).await,
            Some(None) => Flow::Continue,
            // Nothing else may be asked before the editor has this answer.
            None if waits => match answer.await {
                Some(response) => self.send(&response).await,
                None => Flow::Continue,
            },
            None => self.spawn(id.is_some(), answer).await,
        };
        if exits { Flow::Exit } else { flow }
    }

    async fn spawn(&mut self, counts: bool, answer: BoxFuture<'static, Option<Response>>) -> Flow {
        while self.tasks.try_join_next().is_some() {}
        let permit = if counts {
            let Ok(permit) = Arc::clone(&self.unanswered).acquire_owned().await else {
                return Flow::Exit;
            };
            Some(permit)
        } else {
            None
        };
        let outgoing = self.outgoing.clone();
        self.tasks.spawn(async move {
            if let Some(response) = answer.await {
                // A closed queue means that the editor is gone.
                let _gone = outgoing.send(frames::join(&response)).await;
            }
            drop(permit);
        });
        Flow::Continue
    }

    async fn send(&self, response: &Response) -> Flow {
        match self.outgoing.send(frames::join(response)).await {
            Ok(()) => Flow::Continue,
            Err(_) => Flow::Exit,
        }
    }
}

/// The answer, or an internal error in place of a panic: one broken handler must not end the others.
fn fenced(
    id: Option<Id>,
    call: BoxFuture<'static, Result<Option<Response>, ExitedError>>,
) -> BoxFuture<'static, Option<Response>> {
    AssertUnwindSafe(call)
        .catch_unwind()
        .map(move |answer| match answer {
            Ok(answer) => answer.ok().flatten(),
            Err(_) => id.map(|id| Response::from_error(id, Error::internal_error())),
        })
        .boxed()
}

/// Writes frames to `output` in a task of its own, until its queue closes or nobody reads.
fn writer(
    mut output: impl AsyncWrite + Unpin + Send + 'static,
) -> (
    mpsc::Sender<Vec<u8>>,
    tokio::task::JoinHandle<std::io::Result<()>>,
) {
    let (sender, mut receiver) = mpsc::channel::<Vec<u8>>(OUTGOING_MAX);
    let task = tokio::spawn(async move {
        while let Some(frame) = receiver.recv().await {
            output.write_all(&frame).await?;
            if receiver.is_empty() {
                output.flush().await?;
            }
        }
        output.flush().await
    });
    (sender, task)
}

/// Hands on what the server asks and tells of its own accord.
async fn forward(
    mut requests: impl futures_util::Stream<Item = Request> + Unpin,
    outgoing: mpsc::Sender<Vec<u8>>,
) {
    while let Some(request) = requests.next().await {
        if outgoing.send(frames::join(&request)).await.is_err() {
            return;
        }
    }
}
