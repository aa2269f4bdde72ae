//! When a suggestion that nobody asked for may go to the engine.
//!
//! Editors ask some 20 ms after every key and cannot be told to wait. Within a quick burst of keys every
//! such request would be thrown away by the next key, so it waits a little longer than the user lately
//! took from key to key. Who types slowly is not made to wait that long: a request that the next key
//! throws away costs no more than the work of a moment, while waiting costs the user a moment each time.
//! Nor is anybody made to wait whose engine answers before the next key is due.
//! After several rejections in a row the wait grows: fewer suggestions, at places where the user rests.

use std::time::Duration;

/// A longer gap is a pause for thought, not typing, and says nothing of the user's rhythm.
const BURST_GAP_MAX: Duration = Duration::from_millis(500);

/// Assumed until the first keys are heard: about sixty words a minute.
const GAP_AT_FIRST: Duration = Duration::from_millis(180);

/// The wait, from the last key: so short that nobody notices …
const WAIT_MIN: Duration = Duration::from_millis(25);

/// … and no longer than this: whoever strikes keys so slowly rests after each.
const WAIT_MAX: Duration = Duration::from_millis(250);

/// An editor that asks by itself does so within this time after a key.
const ASKED_WITHIN: Duration = Duration::from_millis(150);

/// Answers by which the engine is judged.
const ANSWERS: usize = 5;

/// Pieces that most answers have besides the first, before the model becomes unsure or the line ends.
const PIECES_FURTHER: u32 = 3;

/// Rejections in a row that are nothing unusual.
const REJECTIONS_USUAL: u32 = 2;

/// What each further one adds to the wait …
const WAIT_PER_REJECTION: Duration = Duration::from_millis(75);

/// … up to this many.
const REJECTIONS_COUNTED_MAX: u32 = 4;

/// The user's rhythm and the engine's. Times count from any one moment, the same for all.
#[derive(Debug, Clone, Copy)]
pub struct Pacing {
    last_key: Option<Duration>,
    gap: Duration,
    /// From a request to its first text, the last few.
    answers: [Option<Duration>; ANSWERS],
    /// From one piece of text to the next.
    piece: Duration,
    /// When the editor asked last by itself.
    asked: Option<Duration>,
    /// Whether it does that soon after every key.
    is_asked_after_keys: bool,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            last_key: None,
            gap: GAP_AT_FIRST,
            answers: [None; ANSWERS],
            piece: Duration::ZERO,
            asked: None,
            is_asked_after_keys: false,
        }
    }
}

impl Pacing {
    /// The user typed at `now`.
    pub fn typed(&mut self, now: Duration) {
        if let Some(last_key) = self.last_key
            && now.saturating_sub(last_key) > ASKED_WITHIN
            && self.asked.is_none_or(|asked| asked < last_key)
        {
            self.is_asked_after_keys = false;
        }
        if let Some(last_key) = self.last_key.replace(now) {
            let gap = now.saturating_sub(last_key);
            if gap < BURST_GAP_MAX {
                // A moving average that follows within some five keys.
                self.gap = (self.gap * 3 + gap) / 4;
            }
        }
    }

    /// The editor asked by itself at `now`.
    pub fn asked(&mut self, now: Duration) {
        self.asked = Some(now);
        if self
            .last_key
            .is_some_and(|key| now.saturating_sub(key) <= ASKED_WITHIN)
        {
            self.is_asked_after_keys = true;
        }
    }

    /// Whether the editor asks soon after every key, as far as one can see.
    #[must_use]
    pub fn is_asked_after_keys(&self) -> bool {
        self.is_asked_after_keys
    }

    /// The engine gave its first text so long after it was asked.
    pub fn answered(&mut self, time: Duration) {
        self.answers.rotate_right(1);
        self.answers[0] = Some(time);
    }

    /// The engine gave a further piece of text so long after the one before.
    pub fn went_on(&mut self, time: Duration) {
        self.piece = (self.piece * 3 + time) / 4;
    }

    /// Whether the engine usually answers before the next key, as far as is known.
    fn is_in_time(&self) -> bool {
        // The median: what must be read anew after a jump takes long, and says nothing of the next key.
        let mut known: Vec<Duration> = self.answers.iter().flatten().copied().collect();
        known.sort();
        known
            .get(known.len() / 2)
            .is_some_and(|answer| *answer + self.piece * PIECES_FURTHER < self.gap)
    }

    /// Whether a request need not wait for more keys, after so many rejections in a row.
    #[must_use]
    pub fn is_immediate(&self, rejections: u32) -> bool {
        rejections <= REJECTIONS_USUAL && self.is_in_time()
    }

    /// When the user typed last.
    #[must_use]
    pub fn last_key(&self) -> Option<Duration> {
        self.last_key
    }

    /// How long a request that comes at `now` waits, after so many rejections in a row.
    #[must_use]
    pub fn pause(&self, now: Duration, rejections: u32) -> Duration {
        let Some(last_key) = self.last_key else {
            return Duration::ZERO;
        };
        let wait = if self.is_in_time() {
            WAIT_MIN
        } else {
            (self.gap * 5 / 4).clamp(WAIT_MIN, WAIT_MAX)
        };
        let unusual = rejections
            .saturating_sub(REJECTIONS_USUAL)
            .min(REJECTIONS_COUNTED_MAX);
        let wait = wait + WAIT_PER_REJECTION * unusual;
        wait.saturating_sub(now.saturating_sub(last_key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// The pause for a request 20 ms after the last of `keys`.
    fn pause_after(keys: &[u64]) -> Duration {
        let mut pacing = Pacing::default();
        for key in keys {
            pacing.typed(MS(*key));
        }
        pacing.pause(MS(keys.last().map_or(0, |last| last + 20)), 0)
    }

    #[test]
    fn the_wait_follows_the_rhythm() {
        let fast: Vec<u64> = (0..30).map(|key| key * 60).collect();
        let usual: Vec<u64> = (0..30).map(|key| key * 140).collect();
        let slow: Vec<u64> = (0..30).map(|key| key * 400).collect();
        assert_eq!(pause_after(&[]), Duration::ZERO);
        assert_eq!(pause_after(&[1000]), MS(205));
        let after_fast = pause_after(&fast);
        assert!((MS(55)..MS(57)).contains(&after_fast), "{after_fast:?}");
        let after_usual = pause_after(&usual);
        assert!((MS(155)..MS(157)).contains(&after_usual), "{after_usual:?}");
        assert_eq!(pause_after(&slow), MS(230));
    }

    #[test]
    fn who_moves_the_cursor_after_a_rest_waits_not_at_all() {
        let mut pacing = Pacing::default();
        pacing.typed(MS(0));
        assert_eq!(pacing.pause(MS(2000), 0), Duration::ZERO);
    }

    #[test]
    fn a_rest_does_not_change_the_rhythm() {
        let mut pacing = Pacing::default();
        for key in 0..30 {
            pacing.typed(MS(key * 60));
        }
        pacing.typed(MS(60_000));
        assert!(pacing.pause(MS(60_020), 0) < MS(57));
    }

    #[test]
    fn an_engine_that_answers_before_the_next_key_is_asked_at_once() {
        let mut pacing = Pacing::default();
        for key in 0..30 {
            pacing.typed(MS(key * 200));
        }
        let pause = |pacing: &Pacing| pacing.pause(MS(29 * 200 + 20), 0);
        pacing.answered(MS(400));
        assert!((MS(225)..=MS(230)).contains(&pause(&pacing)));
        for _ in 0..20 {
            pacing.answered(MS(90));
        }
        assert_eq!(pause(&pacing), MS(5));
        // The first piece comes in time, the whole answer would not.
        for _ in 0..20 {
            pacing.went_on(MS(45));
        }
        assert!((MS(225)..=MS(230)).contains(&pause(&pacing)));
    }

    #[test]
    fn rejections_make_the_wait_longer_within_bounds() {
        let mut pacing = Pacing::default();
        pacing.typed(MS(0));
        let waits: Vec<_> = [0, 2, 3, 4, 100].map(|count| pacing.pause(MS(0), count)).into();
        assert_eq!(waits, [MS(225), MS(225), MS(300), MS(375), MS(525)]);
    }
}
