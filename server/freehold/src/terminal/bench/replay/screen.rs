//! What the editor shows: one suggestion at the cursor, kept while it agrees with what is typed.
//!
//! As VS Code does it, for both sides alike: a suggestion that the user types along stays, and what comes
//! meanwhile does not take its place; a line break, an erased character or a moved cursor takes it away.

use std::time::Duration;

use super::typist::Edit;

/// What the editor shows.
#[derive(Debug, Clone, Default)]
pub struct Screen {
    shown: Option<Shown>,
    /// What was last shown, as far as it was not typed yet; kept when it is taken away.
    last: String,
}

/// A suggestion on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// What of it stands after the cursor.
    pub text: String,
    /// When the user has read it.
    pub read: Duration,
}

impl Screen {
    /// The suggestion, if there is one.
    pub fn shown(&self) -> Option<&Shown> {
        self.shown.as_ref()
    }

    /// Takes in a change of the text at the cursor.
    pub fn change(&mut self, edit: &Edit) {
        let typed = edit.text.as_str();
        let agrees = edit.range.is_empty() && !typed.starts_with('\n');
        self.last = match self.last.strip_prefix(typed) {
            Some(rest) if edit.range.is_empty() => rest.to_owned(),
            _ => String::new(),
        };
        self.shown = self.shown.take().filter(|_| agrees).and_then(|shown| {
            let rest = shown.text.strip_prefix(typed).filter(|rest| !rest.is_empty())?;
            Some(Shown {
                text: rest.to_owned(),
                ..shown
            })
        });
    }

    /// Takes the suggestion away.
    pub fn clear(&mut self) {
        self.shown = None;
        self.last.clear();
    }

    /// The rest of a suggestion of which a part was taken is looked at anew.
    pub fn read_on(&mut self, read: Duration) {
        if let Some(shown) = &mut self.shown {
            shown.read = read;
        }
    }

    /// Shows `text`, which will have been read at `read`, if nothing is shown yet; gives how many bytes of it
    /// the user had not seen a moment before.
    pub fn show(&mut self, text: &str, read: Duration) -> Option<usize> {
        if self.shown.is_some() || text.is_empty() {
            return None;
        }
        let known = common(&self.last, text);
        self.last = text.to_owned();
        self.shown = Some(Shown {
            text: text.to_owned(),
            read,
        });
        Some(text.len() - known)
    }
}

/// How many bytes two texts have in common at their beginning.
pub fn common(one: &str, other: &str) -> usize {
    let pairs = one.chars().zip(other.chars());
    pairs.take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Duration = Duration::from_secs(1);

    fn insert(text: &str) -> Edit {
        Edit {
            range: 4..4,
            text: text.to_owned(),
        }
    }

    fn rest(screen: &Screen) -> Option<&str> {
        screen.shown().map(|shown| shown.text.as_str())
    }

    #[test]
    fn a_suggestion_stays_while_it_agrees() {
        let mut screen = Screen::default();
        assert_eq!(screen.show("foo\nbar", LATER), Some(7));
        screen.change(&insert("f"));
        assert_eq!(screen.show("other", LATER), None);
        assert_eq!(rest(&screen), Some("oo\nbar"));
        screen.change(&insert("oo"));
        screen.change(&insert("\n"));
        assert_eq!(rest(&screen), None);
        // It was seen already.
        assert_eq!(screen.show("bar!", LATER), Some(1));
        screen.change(&insert("x"));
        assert_eq!(rest(&screen), None);
        assert_eq!(screen.show("bar!", LATER), Some(4));
        let erased = Edit {
            range: 3..4,
            text: String::new(),
        };
        screen.change(&erased);
        assert_eq!(rest(&screen), None);
    }

    #[test]
    fn what_is_typed_to_its_end_is_gone() {
        let mut screen = Screen::default();
        screen.show("foo", LATER);
        screen.change(&insert("foo"));
        assert_eq!(rest(&screen), None);
    }
}
