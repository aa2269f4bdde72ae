//! The line from the terminal: commands for the review of a folder that this editor has open.

use std::path::Path;

use axum::serve::Listener as _;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::task::JoinSet;

use super::backend::Backend;
use super::event::Events;
use super::review::FolderId;
use super::review_hands::asked;
use crate::review::line::{LINE_BYTES_MAX, answer, read_question};
use host::Stop;

/// Listens for the terminal at the socket of the workspace at `root`, for good.
pub async fn listen(backend: &dyn Backend, root: &Path, folder: FolderId, events: Events) {
    let mut listener = match backend.listen_for_reviews(root) {
        Ok(Some(listener)) => listener,
        Ok(None) => return,
        Err(error) => {
            tracing::warn!("the terminal cannot reach this editor's review: {error:#}");
            return;
        }
    };
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await;
        while connections.try_join_next().is_some() {}
        connections.spawn(serve(stream, folder, events.clone()));
    }
}

async fn serve(stream: tokio::net::UnixStream, folder: FolderId, events: Events) {
    let (input, mut output) = stream.into_split();
    let mut input = BufReader::new(input);
    loop {
        let mut line = String::new();
        match (&mut input).take(LINE_BYTES_MAX).read_line(&mut line).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
        let result = match read_question(&line) {
            Ok((name, arguments)) => {
                let stop = Stop::default();
                let mut answered = asked(&events, folder, name, arguments, stop.clone());
                let answered = tokio::select! {
                    answered = &mut answered => answered,
                    // Whoever asked says nothing any more: what runs for them ends, and says so.
                    () = end(&mut input) => {
                        stop.now();
                        answered.await
                    }
                };
                answered.unwrap_or_else(|_| Err("the editor's server is leaving".to_owned()))
            }
            Err(message) => Err(message),
        };
        if output.write_all(answer(&result).as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Waits until nothing comes any more; what has come meanwhile is left to be read.
async fn end(input: &mut (impl AsyncBufRead + Unpin)) {
    match input.fill_buf().await {
        Ok([]) | Err(_) => {}
        Ok(_) => std::future::pending().await,
    }
}
