//! What all traces together say of one side. Pure.

use std::time::Duration;

use super::figures::{Figures, ratio};
use super::play::{Key, Played};
use super::side::Served;

/// What all traces together say of one side.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// Keys that changed the text, acceptances among them.
    pub keys: usize,
    /// Tokens evaluated after each key and each move, before the next.
    pub evaluated: Figures,
    /// The same without what each file's first request evaluated.
    pub evaluated_later: Figures,
    /// The same of the keys for which something was asked of the model, without what nobody waited for.
    pub evaluated_uncached: Figures,
    /// Tokens moved, likewise.
    pub moved: Figures,
    /// Keys for which nothing was asked of the model.
    pub without_model: usize,
    /// Of these, keys after which a suggestion stood on the screen.
    pub shown_without_model: usize,
    /// Keys after which a suggestion stayed on the screen.
    pub still: usize,
    /// From the key to new text on the screen, in milliseconds.
    pub visible: Figures,
    /// The same by trace, for comparing runs of the same traces.
    pub visible_by_trace: Vec<(String, Figures)>,
    /// From question to answer where no request was under way, in milliseconds.
    pub known: Figures,
    /// How long was computed for requests that a key had made vain, in milliseconds.
    pub dead: Figures,
    /// Tokens generated.
    pub generated_tokens: f64,
    /// Of these, tokens whose text was never on the screen: by the share of bytes.
    pub unseen_tokens: f64,
    /// Characters that came into the text.
    pub characters: usize,
    /// Of these, taken from suggestions.
    pub taken_characters: usize,
    /// How often something was taken: all, a line, a word.
    pub taken: [usize; 3],
    /// Suggestions shown.
    pub shown: usize,
    /// Of these, such as leave what is typed next.
    pub wrong: usize,
    /// Characters from there.
    pub wrong_characters: usize,
    /// Suggestions that say once more what follows the cursor.
    pub repeats: usize,
    /// Suggestions shown where the text parsed.
    pub parsed: usize,
    /// Of these, such as break it.
    pub breaks: usize,
    /// Seconds of computing.
    pub compute_seconds: f64,
}

impl Tally {
    /// Adds up `played`, which took `compute_seconds`.
    pub fn of(played: &[Played], compute_seconds: f64) -> Self {
        let mut tally = Self {
            compute_seconds,
            ..Self::default()
        };
        for played in played {
            tally.add(played);
        }
        tally
    }

    /// The names of the traces.
    pub fn traces(&self) -> Vec<&str> {
        self.visible_by_trace
            .iter()
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// Characters that need not be typed, acceptances themselves counted as keys.
    pub fn saved_characters(&self) -> f64 {
        self.taken_characters as f64 - self.taken.iter().sum::<usize>() as f64
    }

    /// The sum of `figures` for each key.
    pub fn per_key(&self, figures: &Figures) -> Option<f64> {
        ratio(figures.sum(), self.keys as f64)
    }

    /// `count` for each 1000 characters that came into the text.
    pub fn per_thousand(&self, count: f64) -> Option<f64> {
        ratio(1000.0 * count, self.characters as f64)
    }

    fn add(&mut self, played: &Played) {
        let mut visible = Figures::default();
        let ends = played.keys.iter().skip(1).map(|key| key.at);
        let ends = ends.chain([Duration::MAX]);
        for (index, (key, end)) in played.keys.iter().zip(ends).enumerate() {
            // What opening the file started belongs to the first key.
            let begin = if index == 0 { Duration::ZERO } else { key.at };
            self.add_key(played, key, begin..end);
            visible.extend(key.visible.map(|at| milliseconds(at, key.at)));
        }
        self.visible.extend(
            played
                .keys
                .iter()
                .filter_map(|key| Some(milliseconds(key.visible?, key.at))),
        );
        self.visible_by_trace.push((played.trace.clone(), visible));
        let dead = played
            .served
            .iter()
            .filter_map(|served| dead_since(served, &played.keys));
        self.dead.extend(dead);
        let generated: f64 = played
            .served
            .iter()
            .map(|served| f64::from(served.generated_tokens))
            .sum();
        let bytes: usize = played.served.iter().map(|served| served.generated_bytes).sum();
        let seen: usize = played.shown.iter().map(|shown| shown.new_bytes).sum();
        let seen = ratio(seen as f64, bytes as f64).unwrap_or_default().min(1.0);
        self.generated_tokens += generated;
        self.unseen_tokens += generated * (1.0 - seen);
        self.characters += played.characters;
        self.taken_characters += played.taken_characters;
        for (sum, count) in self.taken.iter_mut().zip(played.taken) {
            *sum += count;
        }
        for shown in &played.shown {
            let verdict = shown.verdict;
            self.shown += 1;
            self.wrong += usize::from(verdict.wrong_characters > 0);
            self.wrong_characters += verdict.wrong_characters;
            self.repeats += usize::from(verdict.repeats);
            self.parsed += usize::from(verdict.breaks.is_some());
            self.breaks += usize::from(verdict.breaks == Some(true));
        }
    }

    fn add_key(&mut self, played: &Played, key: &Key, time: std::ops::Range<Duration>) {
        let first = played.served.iter().map(|served| served.begun).min();
        let begun: Vec<&Served> = played
            .served
            .iter()
            .filter(|served| time.contains(&served.begun))
            .collect();
        if let Some((asked, answered)) = key.asked.zip(key.answered) {
            let under_way = |served: &Served| served.begun <= answered && served.ended >= asked;
            if !played.served.iter().any(under_way) {
                self.known.add(milliseconds(answered, asked));
            }
        }
        let sum = |wanted: &dyn Fn(&Served) -> bool| -> f64 {
            let wanted = begun.iter().filter(|served| wanted(served));
            wanted.map(|served| f64::from(served.evaluated_tokens)).sum()
        };
        // What is begun after the cursor moved is work all the same, of no key of its own.
        self.evaluated.add(sum(&|_| true));
        self.evaluated_later
            .add(sum(&|served| Some(served.begun) != first));
        self.moved
            .add(begun.iter().map(|served| f64::from(served.moved_tokens)).sum());
        if key.moves {
            return;
        }
        self.keys += 1;
        self.still += usize::from(key.still);
        if begun.iter().any(|served| !served.ahead) {
            self.evaluated_uncached.add(sum(&|served| !served.ahead));
        } else {
            self.without_model += 1;
            self.shown_without_model += usize::from(key.still || key.visible.is_some());
        }
    }
}

/// How long was computed for `served` after a key had made it vain, in milliseconds; nothing if none had.
pub(super) fn dead_since(served: &Served, keys: &[Key]) -> Option<f64> {
    // What is worked out for the place behind a suggestion is not made vain by keys that go along with that.
    let goes_along = |key: &Key| served.ahead && (key.still || key.takes);
    let during = || {
        keys.iter()
            .filter(|key| key.at > served.begun && key.at < served.ended && !goes_along(key))
    };
    let since = match &served.expects {
        Some(expected) => {
            let mut typed = String::new();
            let vain = during().find(|key| match &key.inserted {
                Some(text) => {
                    typed += text;
                    !begins(expected, &typed)
                }
                None => true,
            });
            vain?.at
        }
        // Nobody waited for what was read ahead and came to its end.
        None if served.ahead && !served.cancelled => return None,
        // Whoever needs something read needs it whatever is typed, until the cursor goes elsewhere.
        None if !served.cancelled => during().find(|key| key.moves)?.at,
        // Whoever gives it up knows why; the key before must have been the reason.
        None => during().next_back()?.at,
    };
    Some(milliseconds(served.ended, since))
}

/// Whether `typed` begins the generated text: as it came, or without the indentation that models repeat.
fn begins(generated: &str, typed: &str) -> bool {
    generated.starts_with(typed) || generated.trim_start_matches([' ', '\t']).starts_with(typed)
}

fn milliseconds(later: Duration, earlier: Duration) -> f64 {
    later.saturating_sub(earlier).as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::super::judge::Verdict;
    use super::super::play::Shown;
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn key(at: u64, inserted: &str) -> Key {
        Key {
            at: MS(at),
            inserted: Some(inserted.to_owned()),
            asked: Some(MS(at + 25)),
            ..Key::default()
        }
    }

    fn served(begun: u64, ended: u64, evaluated_tokens: u32) -> Served {
        Served {
            begun: MS(begun),
            ended: MS(ended),
            evaluated_tokens,
            generated_tokens: 10,
            generated_bytes: 40,
            ..Served::default()
        }
    }

    #[test]
    fn work_is_counted_for_the_key_that_caused_it() {
        let mut keys = vec![key(100, "a"), key(300, "b"), key(500, "c"), key(900, "d")];
        keys[1].answered = Some(MS(327));
        keys[1].still = true;
        keys[2].visible = Some(MS(650));
        keys[2].answered = Some(MS(650));
        let moved = Key {
            moves: true,
            at: MS(50),
            ..Key::default()
        };
        keys.insert(0, moved);
        let played = Played {
            keys,
            served: vec![served(130, 290, 200), served(540, 640, 4), served(930, 990, 6)],
            characters: 100,
            taken_characters: 30,
            taken: [1, 0, 1],
            shown: vec![Shown {
                at: MS(650),
                text: "d".repeat(60),
                new_bytes: 60,
                verdict: Verdict {
                    wrong_characters: 5,
                    repeats: true,
                    breaks: Some(false),
                },
            }],
            ..Played::default()
        };
        let tally = Tally::of(&[played], 3.0);
        assert_eq!(
            (tally.keys, tally.without_model, tally.shown_without_model),
            (4, 1, 1)
        );
        assert_eq!(tally.per_key(&tally.evaluated), Some(52.5));
        assert_eq!(tally.per_key(&tally.evaluated_later), Some(2.5));
        assert_eq!(tally.evaluated_uncached.percentile(50.0), Some(6.0));
        assert_eq!(tally.visible.percentile(50.0), Some(150.0));
        assert_eq!(tally.known.percentile(99.0), Some(2.0));
        assert_eq!((tally.generated_tokens, tally.unseen_tokens), (30.0, 15.0));
        assert_eq!(tally.per_thousand(tally.saved_characters()), Some(280.0));
        assert_eq!((tally.wrong, tally.wrong_characters, tally.repeats), (1, 5, 1));
        assert_eq!((tally.parsed, tally.breaks), (1, 0));
    }

    #[test]
    fn dead_work_is_counted_from_the_key_that_killed_it() {
        let keys = [key(100, "a"), key(200, "b"), key(300, "c")];
        let expecting = |text: &str| Served {
            expects: Some(text.to_owned()),
            ..served(50, 350, 0)
        };
        let cancelled = Served {
            cancelled: true,
            ..served(50, 305, 0)
        };
        let reading = Served {
            generated_tokens: 0,
            ..served(50, 350, 200)
        };
        let ahead = Served {
            ahead: true,
            ..served(50, 350, 0)
        };
        let cases = [
            (expecting("abcd"), None),
            (expecting("    abcd"), None),
            (expecting("abx"), Some(50.0)),
            (expecting("ab"), Some(50.0)),
            (expecting("x"), Some(250.0)),
            (cancelled, Some(5.0)),
            (reading.clone(), None),
            (ahead.clone(), None),
        ];
        for (served, expected) in cases {
            assert_eq!(dead_since(&served, &keys), expected, "{served:?}");
        }
        let behind = Served {
            expects: Some("b".to_owned()),
            ..ahead
        };
        let taken = Key {
            takes: true,
            ..key(100, "a")
        };
        for (last, expected) in [("b", None), ("c", Some(150.0))] {
            let keys = [taken.clone(), key(200, last)];
            assert_eq!(dead_since(&behind, &keys), expected, "{last}");
        }
        let left = Key {
            moves: true,
            ..key(320, "")
        };
        assert_eq!(dead_since(&reading, &[left]), Some(30.0));
    }
}
