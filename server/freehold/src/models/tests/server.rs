//! A model hub on this machine that answers as it is told, reply by reply.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// How one request is answered.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// The file, or the range asked for.
    File,
    /// The whole file, whatever was asked for.
    WithoutRanges,
    /// So many bytes of what was asked for, and then the connection ends.
    Breaks(usize),
    /// A status and nothing else.
    Status(u16),
    /// To the same place, with the checksum that the hub knows.
    Redirect(String),
}

/// A model hub with one file.
pub(super) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers the first requests by `replies`, in order, and every later one by the last of them.
    pub(super) fn new(content: Vec<u8>, replies: &[Reply]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let stopped = Arc::new(AtomicBool::new(false));
        let (seen, told, replies) = (Arc::clone(&requests), Arc::clone(&stopped), replies.to_vec());
        let thread = std::thread::spawn(move || {
            for index in 0.. {
                let Ok((stream, _)) = listener.accept() else {
                    return;
                };
                if told.load(Ordering::SeqCst) {
                    return;
                }
                let reply = &replies[index.min(replies.len() - 1)];
                let Ok((path, start)) = read(&stream) else {
                    continue;
                };
                let range = start.map(|start| format!(" from {start}")).unwrap_or_default();
                // Before the answer: who has it may look at once.
                seen.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(format!("{path}{range}"));
                // Who asked may have gone already.
                let _gone = answer(&stream, &content, reply, start, address);
            }
        });
        Self {
            address,
            requests,
            stopped,
            thread: Some(thread),
        }
    }

    pub(super) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked for so far: path and range.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread, which waits for a request.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server does not panic");
        }
    }
}

/// What is asked for: a path, and where to start.
fn read(stream: &TcpStream) -> std::io::Result<(String, Option<usize>)> {
    let (mut path, mut start) = (String::new(), None);
    for line in BufReader::new(stream).lines() {
        let line = line?;
        if let Some(rest) = line.strip_prefix("GET ") {
            rest.split(' ').next().unwrap_or_default().clone_into(&mut path);
        } else if let Some(range) = line.strip_prefix("range: bytes=") {
            start = range.trim_end_matches('-').parse::<usize>().ok();
        } else if line.is_empty() {
            break;
        }
    }
    Ok((path, start))
}

fn answer(
    mut stream: &TcpStream,
    content: &[u8],
    reply: &Reply,
    start: Option<usize>,
    address: SocketAddr,
) -> std::io::Result<()> {
    let from = match reply {
        Reply::WithoutRanges => 0,
        _ => start.unwrap_or(0),
    };
    let head = match (reply, start) {
        (Reply::Status(status), _) => format!("HTTP/1.1 {status} So\r\ncontent-length: 0\r\n"),
        (Reply::Redirect(sha256), _) => format!(
            "HTTP/1.1 302 Found\r\nlocation: http://{address}/stored\r\nx-linked-etag: \"{sha256}\"\r\ncontent-length: 0\r\n"
        ),
        (Reply::WithoutRanges, _) | (_, None) => {
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", content.len())
        }
        _ if from >= content.len() => {
            format!(
                "HTTP/1.1 416 No\r\ncontent-range: bytes */{}\r\ncontent-length: 0\r\n",
                content.len()
            )
        }
        _ => format!(
            "HTTP/1.1 206 Partial\r\ncontent-range: bytes {from}-{}/{}\r\ncontent-length: {}\r\n",
            content.len() - 1,
            content.len(),
            content.len() - from
        ),
    };
    stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes())?;
    let rest = content.get(from..).unwrap_or_default();
    match reply {
        Reply::File | Reply::WithoutRanges => stream.write_all(rest),
        Reply::Breaks(bytes) => stream.write_all(&rest[..*bytes.min(&rest.len())]),
        Reply::Status(_) | Reply::Redirect(_) => Ok(()),
    }
}
