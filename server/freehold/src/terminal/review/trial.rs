//! Running a command against what waits, shown while it runs and stopped by Ctrl-C.

use std::io::{IsTerminal as _, Write as _};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use host::Stop;
use serde_json::Value;

use super::reach::Reach;
use super::show::harmless;
use crate::terminal::interrupt::Interrupt;

/// Has a command run that ends when this process is asked to end.
pub fn try_out(
    reach: &mut Reach,
    interrupt: &Interrupt,
    name: &str,
    arguments: &Value,
) -> anyhow::Result<Value> {
    let stop = Stop::default();
    let end = reach.ender(&stop)?;
    interrupt.when_heard(end);
    let running = RunningLine::show(arguments["run"].as_str().unwrap_or_default());
    let answer = reach.ask_until(&stop, name, arguments);
    running.clear();
    answer
}

/// One line on standard error that says for how long a command has been running, and goes away.
struct RunningLine {
    ended: Sender<()>,
    shows: Option<JoinHandle<()>>,
}

impl RunningLine {
    /// Shows `run` where there is a terminal.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long something takes is shown, and nothing depends on it"
    )]
    fn show(run: &str) -> Self {
        let (ended, wait) = channel();
        let run = harmless(run).replace(['\n', '\t'], " ");
        let shows = std::io::stderr().is_terminal().then(|| {
            std::thread::spawn(move || {
                let begun = Instant::now();
                while wait.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                    let seconds = begun.elapsed().as_secs();
                    let mut stderr = std::io::stderr().lock();
                    // Nobody is helped by an error about a line that says how far something is.
                    let _shown = write!(
                        stderr,
                        "\r\x1b[K`{run}` has been running for {seconds} s; Ctrl-C stops it"
                    )
                    .and_then(|()| stderr.flush());
                }
                let mut stderr = std::io::stderr().lock();
                let _cleared = write!(stderr, "\r\x1b[K").and_then(|()| stderr.flush());
            })
        });
        Self { ended, shows }
    }

    /// Takes the line away.
    fn clear(self) {
        drop(self.ended);
        if let Some(shows) = self.shows {
            // It has no reason to fail, and nothing to say.
            let _ended = shows.join();
        }
    }
}
