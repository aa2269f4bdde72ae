//! The unix socket of the engine process: in a folder of the user's own, for the user's own processes.

use std::io;
use std::path::Path;

use anyhow::Context as _;
use axum::serve::Listener;
use host::Files;
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixStream};

/// Accepts connections of one user and drops all others.
pub struct OwnListener {
    listener: UnixListener,
    user_id: u32,
}

impl OwnListener {
    /// Listens at `path`, where nothing may lie. Its folder must be private already.
    ///
    /// # Errors
    /// When the path is taken, too long for a socket (about 100 bytes), or not writable.
    pub fn bind(files: &dyn Files, path: &Path, user_id: u32) -> anyhow::Result<Self> {
        let listener = UnixListener::bind(path).with_context(|| {
            format!(
                "cannot listen at `{}`; is the path too long or its file system without sockets?",
                path.display()
            )
        })?;
        files.make_private(path)?;
        Ok(Self { listener, user_id })
    }

    /// The next connection of this user.
    async fn accept_own(&self) -> io::Result<(UnixStream, SocketAddr)> {
        loop {
            let (stream, address) = self.listener.accept().await?;
            match stream.peer_cred() {
                Ok(peer) if peer.uid() == self.user_id => return Ok((stream, address)),
                Ok(peer) => tracing::warn!(user_id = peer.uid(), "dropped a connection of another user"),
                Err(error) => tracing::warn!(%error, "dropped a connection that does not say whose it is"),
            }
        }
    }
}

impl Listener for OwnListener {
    type Io = UnixStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            match self.accept_own().await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    // Out of file descriptors, most likely: some must be closed first.
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn connections_of_other_users_are_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let host = host::RealHost::new();
        let own = host::Environment::user_id(&host);
        for (user_id, expected) in [(own, 1), (own + 1, 0)] {
            let path = folder.path().join(format!("{user_id}.sock"));
            let mut listener = OwnListener::bind(&host, &path, user_id).expect("listens");
            let server = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await;
                stream.write_all(b"x").await.expect("written");
            });
            let mut client = UnixStream::connect(&path).await.expect("connects");
            let mut answer = Vec::new();
            // A dropped connection ends without a byte.
            let _reset_or_end = client.read_to_end(&mut answer).await;
            assert_eq!(answer.len(), expected, "user {user_id}");
            server.abort();
        }
    }
}
