//! One trace played through one side, as an editor with its user would: keys, questions, suggestions, taking.

use std::time::Duration;

use anyhow::Context as _;
use host::Clock;

use super::chance::Chance;
use super::judge::{Place, Verdict, judge};
use super::screen::Screen;
use super::side::{Answer, Served, Side};
use super::trace::Trace;
use super::typist::{Done, Edit, Typist};
use super::user::{self, Part};

/// VS Code asks so long after a key.
const ASKING: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(30));

/// What happened while a trace was played.
#[derive(Debug, Clone, Default)]
pub struct Played {
    /// Name of the trace.
    pub trace: String,
    /// Every key, in order.
    pub keys: Vec<Key>,
    /// What was shown.
    pub shown: Vec<Shown>,
    /// Characters that came into the text, typed or taken.
    pub characters: usize,
    /// Of these, taken from suggestions.
    pub taken_characters: usize,
    /// How often something was taken: all, a line, a word.
    pub taken: [usize; 3],
    /// Requests that reached the model.
    pub served: Vec<Served>,
    /// How long it took.
    pub took: Duration,
}

/// A key and what came of it.
#[derive(Debug, Clone, Default)]
pub struct Key {
    /// When it was hit.
    pub at: Duration,
    /// What it brought into the text; nothing if it erased or moved.
    pub inserted: Option<String>,
    /// It only moved the cursor, so nobody is asked.
    pub moves: bool,
    /// A suggestion agreed with it and stayed on the screen.
    pub still: bool,
    /// It took a suggestion, or a part of it.
    pub takes: bool,
    /// When the editor asked.
    pub asked: Option<Duration>,
    /// When an answer with text came to that.
    pub answered: Option<Duration>,
    /// When new text came onto the screen for it.
    pub visible: Option<Duration>,
}

/// Something that was shown.
#[derive(Debug, Clone)]
pub struct Shown {
    /// When it came onto the screen.
    pub at: Duration,
    /// Its text.
    pub text: String,
    /// Bytes of it that had not been on the screen before.
    pub new_bytes: usize,
    /// What is wrong with it.
    pub verdict: Verdict,
}

/// Plays `trace` through `side`.
///
/// # Errors
/// When the side is gone.
pub fn play(trace: &Trace, side: &mut dyn Side, clock: &dyn Clock) -> anyhow::Result<Played> {
    let begun = clock.monotonic();
    side.open(trace)?;
    let mut desk = Desk {
        language: &trace.language,
        typist: Typist::new(trace),
        screen: Screen::default(),
        chance: Chance::new(trace.seed ^ 1),
        open: None,
        ask_at: None,
        played: Played {
            trace: trace.name.clone(),
            ..Played::default()
        },
        side,
        clock,
    };
    let mut next_key = desk.next_key();
    while let Some(key_at) = next_key {
        let take_at = desk.wants_to_take();
        let wake = [Some(key_at), desk.ask_at, take_at].into_iter().flatten().min();
        let wake = wake.unwrap_or(key_at);
        if let Some(patience) = wake.checked_sub(clock.monotonic()).filter(|time| !time.is_zero()) {
            if let Some(answer) = desk.side.answer(patience)? {
                desk.take_in(answer);
            }
            continue;
        }
        if desk.ask_at == Some(wake) {
            desk.ask()?;
        } else if take_at == Some(wake) {
            desk.take()?;
            next_key = desk.next_key();
        } else {
            desk.press()?;
            next_key = desk.next_key();
        }
    }
    desk.cancel()?;
    let mut played = desk.played;
    played.served = side.close()?;
    played.took = clock.monotonic().saturating_sub(begun);
    Ok(played)
}

struct Desk<'a> {
    language: &'a str,
    typist: Typist,
    screen: Screen,
    chance: Chance,
    /// The question whose answer is waited for, with the key that led to it.
    open: Option<(u64, usize)>,
    ask_at: Option<Duration>,
    played: Played,
    side: &'a mut dyn Side,
    clock: &'a dyn Clock,
}

impl Desk<'_> {
    fn next_key(&mut self) -> Option<Duration> {
        Some(self.clock.monotonic() + self.typist.gap()?)
    }

    /// When the user takes something of what is shown, if that is to come.
    fn wants_to_take(&self) -> Option<Duration> {
        let shown = self.screen.shown()?;
        user::take(&shown.text, &self.typist.wanted())?;
        Some(shown.read)
    }

    fn press(&mut self) -> anyhow::Result<()> {
        let before = self.typist.text().to_owned();
        match self.typist.press().context("the trace is over")? {
            Done::Rested => Ok(()),
            Done::Moved => {
                self.screen.clear();
                self.ask_at = None;
                self.played.keys.push(Key {
                    at: self.clock.monotonic(),
                    moves: true,
                    ..Key::default()
                });
                self.cancel()
            }
            Done::Changed(edit) => {
                self.played.characters += edit.text.chars().count();
                self.change(&before, &edit)
            }
        }
    }

    fn take(&mut self) -> anyhow::Result<()> {
        let shown = self.screen.shown().context("nothing is shown")?;
        let (part, end) = user::take(&shown.text, &self.typist.wanted()).context("nothing to take")?;
        let text = shown.text[..end].to_owned();
        let before = self.typist.text().to_owned();
        let edit = self.typist.accept(&text);
        let characters = text.chars().count();
        self.played.characters += characters;
        self.played.taken_characters += characters;
        self.played.taken[match part {
            Part::All => 0,
            Part::Line => 1,
            Part::Word => 2,
        }] += 1;
        self.change(&before, &edit)?;
        if let Some(key) = self.played.keys.last_mut() {
            key.takes = true;
        }
        self.screen.read_on(self.clock.monotonic() + user::READING_ON);
        Ok(())
    }

    fn change(&mut self, before: &str, edit: &Edit) -> anyhow::Result<()> {
        let at = self.clock.monotonic();
        self.side.change(before, edit)?;
        self.screen.change(edit);
        self.played.keys.push(Key {
            at,
            inserted: edit.range.is_empty().then(|| edit.text.clone()),
            still: self.screen.shown().is_some(),
            ..Key::default()
        });
        self.ask_at = Some(at + self.chance.between(ASKING.0, ASKING.1));
        Ok(())
    }

    fn ask(&mut self) -> anyhow::Result<()> {
        self.ask_at = None;
        self.cancel()?;
        let key = self.played.keys.len() - 1;
        self.played.keys[key].asked = Some(self.clock.monotonic());
        let question = self.side.ask(self.typist.text(), self.typist.cursor())?;
        self.open = Some((question, key));
        Ok(())
    }

    fn cancel(&mut self) -> anyhow::Result<()> {
        match self.open.take() {
            Some((question, _)) => self.side.cancel(question),
            None => Ok(()),
        }
    }

    fn take_in(&mut self, answer: Answer) {
        let Some((_, key)) = self.open.take_if(|(question, _)| *question == answer.question) else {
            return;
        };
        let Some((range, text)) = answer.suggestion else {
            return;
        };
        // Since the question no key was hit, else the editor would have asked anew; but one may be under way.
        if self.ask_at.is_some() {
            return;
        }
        self.played.keys[key].answered = Some(answer.at);
        let (before, after) = self.typist.text().split_at(self.typist.cursor());
        let Some(text) = at_cursor(range, &text, before, after) else {
            return;
        };
        let wanted = self.typist.wanted();
        let Some(new_bytes) = self.screen.show(text, answer.at + user::READING) else {
            return;
        };
        self.played.keys[key].visible = Some(answer.at);
        let place = Place {
            language: self.language,
            before,
            after,
            wanted: &wanted,
        };
        let verdict = judge(text, &place);
        self.played.shown.push(Shown {
            at: answer.at,
            text: text.to_owned(),
            new_bytes,
            verdict,
        });
    }
}

/// What of `text`, which replaces `range`, is new at the cursor; nothing if it cannot be shown there.
fn at_cursor<'a>(
    range: Option<std::ops::Range<usize>>,
    text: &'a str,
    before: &str,
    after: &str,
) -> Option<&'a str> {
    let Some(range) = range else { return Some(text) };
    let cursor = before.len();
    let text = text.strip_prefix(before.get(range.start..)?)?;
    let replaced = after.get(..range.end.checked_sub(cursor)?)?;
    text.strip_suffix(replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggestion_is_what_is_new_at_the_cursor() {
        let cases = [
            (None, "bar", Some("bar")),
            (Some(4..4), "bar", Some("bar")),
            (Some(2..4), "oobar", Some("bar")),
            (Some(4..5), "bar)", Some("bar")),
            (Some(2..4), "xxbar", None),
            (Some(4..5), "bar", None),
            (Some(5..5), "bar", None),
        ];
        for (range, text, expected) in cases {
            assert_eq!(
                at_cursor(range.clone(), text, "(foo", ");"),
                expected,
                "{range:?} {text}"
            );
        }
    }
}
