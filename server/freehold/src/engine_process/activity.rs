//! Whether anybody still needs the engine process.

use std::time::Duration;

use tokio::sync::watch;

/// Counts the requests in flight.
#[derive(Clone)]
pub struct Activity {
    counts: watch::Sender<Counts>,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    open: u64,
    begun: u64,
}

/// One request in flight, until it is dropped.
pub struct Busy {
    counts: watch::Sender<Counts>,
}

impl Activity {
    /// Nobody has asked for anything yet.
    pub fn new() -> Self {
        Self {
            counts: watch::Sender::new(Counts::default()),
        }
    }

    /// Counts a request from now until the result is dropped.
    pub fn begin(&self) -> Busy {
        self.counts.send_modify(|counts| {
            counts.open += 1;
            counts.begun += 1;
        });
        Busy {
            counts: self.counts.clone(),
        }
    }

    /// Waits until no request was in flight for `time`.
    pub async fn idle_for(&self, time: Duration) {
        let mut counts = self.counts.subscribe();
        loop {
            let idle = counts.borrow_and_update().open == 0;
            if !idle {
                // The sender lives as long as `self`, so waiting cannot fail.
                let _changed = counts.changed().await;
                continue;
            }
            if tokio::time::timeout(time, counts.changed()).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.counts.send_modify(|counts| counts.open -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn idle_time_counts_from_the_end_of_the_last_request() {
        let activity = Activity::new();
        let busy = activity.begin();
        let start = tokio::time::Instant::now();
        let idle = tokio::spawn({
            let activity = activity.clone();
            async move {
                activity.idle_for(Duration::from_secs(60)).await;
                start.elapsed().as_secs()
            }
        });
        tokio::time::advance(Duration::from_secs(100)).await;
        drop(busy);
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_secs(30)).await;
        drop(activity.begin());
        assert_eq!(idle.await.expect("the task ends"), 190);
    }
}
