//! Programs that may not run for as long as they want.

#![expect(
    clippy::disallowed_methods,
    reason = "this is what the rest of the program calls instead"
)]

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::printed::{BUFFER_BYTES, Printed};
use crate::{Bounded, Ending, Output, Stop};

/// What is asked to end has so long until it is made to.
const GRACE: Duration = Duration::from_secs(1);
/// What a program has printed is waited for so long once it has ended: whoever has left its group may hold its
/// outputs open.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What whoever waits for a program is told.
enum Told {
    Ended,
    Stopped,
}

/// Runs a program in a process group of its own, and ends all of the group.
pub(super) fn run(mut command: Command, time_max: Duration, stop: &Stop) -> std::io::Result<Bounded> {
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let id = Pid::from_child(&child);
    let (out, complaints) = (
        Reading::begin(child.stdout.take()),
        Reading::begin(child.stderr.take()),
    );
    let (tell, told) = channel();
    std::thread::spawn({
        let tell = tell.clone();
        move || wait(id, &tell)
    });
    stop.begun(move || {
        // Told first: the program may end at the signal before anything else is said. Whoever waited has gone once
        // it has ended.
        let _gone = tell.send(Told::Stopped);
        end(id, Signal::TERM);
    });
    let ending = watch(id, &told, time_max);
    stop.ended();
    // Until it is waited for its number is its own, and so is that of the group.
    end(id, Signal::KILL);
    let status = child.wait()?;
    let until = Instant::now() + LAST_WORDS;
    Ok(Bounded {
        output: Output {
            status_code: status.code(),
            stdout: out.end(until),
            stderr: complaints.end(until),
        },
        ending,
    })
}

/// Says when the program has ended; it is left to be waited for.
fn wait(id: Pid, tell: &Sender<Told>) {
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(id), ended) {}
    // Whoever waited has given up.
    let _gone = tell.send(Told::Ended);
}

/// Waits until the program has ended, and asks it to when its time is over.
fn watch(id: Pid, told: &Receiver<Told>, time_max: Duration) -> Ending {
    let ending = match told.recv_timeout(time_max) {
        Ok(Told::Ended) | Err(RecvTimeoutError::Disconnected) => return Ending::Itself,
        Ok(Told::Stopped) => Ending::Stopped,
        Err(RecvTimeoutError::Timeout) => Ending::TimeOver,
    };
    end(id, Signal::TERM);
    let until = Instant::now() + GRACE;
    // Only its end is worth hearing of now.
    while let Ok(Told::Stopped) = told.recv_timeout(until.saturating_duration_since(Instant::now())) {}
    ending
}

/// Sends a signal to a whole group; that nobody is left in it is no error, and others cannot be helped.
fn end(group: Pid, signal: Signal) {
    let _gone = kill_process_group(group, signal);
}

/// An output that is being read.
struct Reading {
    printed: Arc<Mutex<Printed>>,
    closed: Receiver<()>,
}

impl Reading {
    fn begin(output: Option<impl Read + Send + 'static>) -> Self {
        let printed = Arc::new(Mutex::new(Printed::default()));
        let (close, closed) = channel();
        if let Some(mut output) = output {
            let printed = Arc::clone(&printed);
            std::thread::spawn(move || {
                let mut buffer = vec![0; BUFFER_BYTES];
                loop {
                    match output.read(&mut buffer) {
                        Ok(count @ 1..) => locked(&printed).push(&buffer[..count]),
                        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                        Ok(0) | Err(_) => break,
                    }
                }
                drop(close);
            });
        }
        Self { printed, closed }
    }

    /// What was printed, once it is known to be all, or at `until`.
    fn end(self, until: Instant) -> Vec<u8> {
        // It says nothing, and goes.
        let _closed = self
            .closed
            .recv_timeout(until.saturating_duration_since(Instant::now()));
        std::mem::take(&mut *locked(&self.printed)).into_bytes()
    }
}

fn locked(printed: &Mutex<Printed>) -> std::sync::MutexGuard<'_, Printed> {
    printed.lock().unwrap_or_else(PoisonError::into_inner)
}
