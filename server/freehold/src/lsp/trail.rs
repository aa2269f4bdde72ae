//! Where the user has been and what was changed there: a short memory, for what the model is shown besides
//! the document.

use std::collections::VecDeque;

use ropey::Rope;

/// Places remembered.
const PLACES_MAX: usize = 16;

/// Edits remembered.
const EDITS_MAX: usize = 16;

/// Lines that a remembered edit has at most, before and after; a larger one is a paste or a generated file.
const EDIT_LINES_MAX: usize = 12;

/// Bytes of the same.
const EDIT_BYTES_MAX: usize = 1024;

/// Changes within so many lines of the last one belong to it.
const NEAR_LINES: usize = 3;

/// A place that the user has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftPlace {
    /// The document's URI.
    pub uri: String,
    /// Line, from 0, as it was when the user left.
    pub line: usize,
}

/// Lines as they were and as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The document's URI.
    pub uri: String,
    /// The whole lines before.
    pub before: String,
    /// The whole lines after.
    pub after: String,
}

/// What is going on at one place: the lines there before the first change, and which they are now.
#[derive(Debug)]
struct Going {
    uri: String,
    before: String,
    first_line: usize,
    lines: usize,
}

/// Where the user has been, the last first.
#[derive(Debug, Default)]
pub struct Trail {
    places: VecDeque<LeftPlace>,
    edits: VecDeque<Edit>,
    going: Option<Going>,
    /// The last line changed.
    at: Option<LeftPlace>,
}

impl Trail {
    /// Lines `first..first + replaced` of the document `uri` were changed; they were `old` and are now the
    /// `lines` lines from `first` on in `new`.
    pub fn changed(
        &mut self,
        uri: &str,
        old: &Rope,
        new: &Rope,
        first: usize,
        replaced: usize,
        lines: usize,
    ) {
        let near = self.going.as_ref().is_some_and(|going| {
            going.uri == uri
                && first + NEAR_LINES >= going.first_line
                && first <= going.first_line + going.lines + NEAR_LINES
        });
        if near {
            if let Some(going) = &mut self.going {
                going.take_in(old, first, replaced, lines);
            }
        } else {
            if let Some(left) = self.at.take() {
                self.places.retain(|place| *place != left);
                self.places.truncate(PLACES_MAX - 1);
                self.places.push_front(left);
            }
            self.settle(uri, old);
            self.going = Some(Going {
                uri: uri.to_owned(),
                before: some_lines(old, first, replaced),
                first_line: first,
                lines,
            });
        }
        self.at = Some(LeftPlace {
            uri: uri.to_owned(),
            line: first + lines.saturating_sub(1),
        });
        let current = self.going.as_ref().map(|going| Edit {
            uri: uri.to_owned(),
            before: going.before.clone(),
            after: some_lines(new, going.first_line, going.lines),
        });
        if let Some(current) = current {
            if near {
                self.edits.pop_front();
            }
            self.edits.truncate(EDITS_MAX - 1);
            self.edits.push_front(current);
        }
    }

    /// Forgets an edit that came to nothing, before another begins.
    fn settle(&mut self, _uri: &str, _old: &Rope) {
        if self.edits.front().is_some_and(|edit| {
            edit.before == edit.after
                || edit.before.len() > EDIT_BYTES_MAX
                || edit.after.len() > EDIT_BYTES_MAX
        }) {
            self.edits.pop_front();
        }
    }

    /// Forgets all about the document `uri`.
    pub fn forget(&mut self, uri: &str) {
        self.places.retain(|place| place.uri != uri);
        self.edits.retain(|edit| edit.uri != uri);
        if self.going.as_ref().is_some_and(|going| going.uri == uri) {
            self.going = None;
        }
        if self.at.as_ref().is_some_and(|at| at.uri == uri) {
            self.at = None;
        }
    }

    /// Places left, the most recent first.
    pub fn places(&self) -> impl Iterator<Item = &LeftPlace> {
        self.places.iter()
    }

    /// Edits, the most recent first, without the one that goes on at the cursor.
    pub fn edits(&self) -> impl Iterator<Item = &Edit> {
        self.edits.iter().skip(usize::from(self.going.is_some()))
    }
}

impl Going {
    /// Widens to lines `first..first + replaced`, of which `lines` are left.
    fn take_in(&mut self, old: &Rope, first: usize, replaced: usize, lines: usize) {
        if first < self.first_line {
            let above = some_lines(old, first, self.first_line - first);
            self.before = above + &self.before;
            self.lines += self.first_line - first;
            self.first_line = first;
        }
        let end = first + replaced;
        let own_end = self.first_line + self.lines;
        if end > own_end {
            self.before.push_str(&some_lines(old, own_end, end - own_end));
            self.lines += end - own_end;
        }
        self.lines = (self.lines + lines).saturating_sub(replaced);
    }
}

/// `count` lines of `text` from line `first` on, as far as there are and not more than are remembered.
fn some_lines(text: &Rope, first: usize, count: usize) -> String {
    text.lines_at(first.min(text.len_lines()))
        .take(count.min(EDIT_LINES_MAX))
        .flat_map(|line| line.chunks().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n";

    fn change(
        trail: &mut Trail,
        uri: &str,
        old: &str,
        new: &str,
        first: usize,
        replaced: usize,
        lines: usize,
    ) {
        trail.changed(
            uri,
            &Rope::from_str(old),
            &Rope::from_str(new),
            first,
            replaced,
            lines,
        );
    }

    fn edits(trail: &Trail) -> Vec<(&str, &str)> {
        trail
            .edits()
            .map(|edit| (edit.before.as_str(), edit.after.as_str()))
            .collect()
    }

    #[test]
    fn changes_near_each_other_are_one_edit_and_are_told_once_the_user_is_elsewhere() {
        let mut trail = Trail::default();
        let (one, two) = (LINES.replace("1\n", "1a\n"), LINES.replace("1\n", "1ab\nnew\n"));
        change(&mut trail, "a", LINES, &one, 1, 1, 1);
        change(&mut trail, "a", &one, &two, 1, 1, 2);
        assert_eq!(edits(&trail), []);
        assert_eq!(trail.places().count(), 0);
        let far = two.replace("9\n", "nine\n");
        change(&mut trail, "a", &two, &far, 10, 1, 1);
        assert_eq!(edits(&trail), [("1\n", "1ab\nnew\n")]);
        let left: Vec<usize> = trail.places().map(|place| place.line).collect();
        assert_eq!(left, [2]);
        change(&mut trail, "b", "x\n", "y\n", 0, 1, 1);
        assert_eq!(edits(&trail), [("9\n", "nine\n"), ("1\n", "1ab\nnew\n")]);
    }

    #[test]
    fn what_came_to_nothing_or_is_too_long_is_no_edit() {
        let mut trail = Trail::default();
        let changed = LINES.replace("1\n", "x\n");
        change(&mut trail, "a", LINES, &changed, 1, 1, 1);
        change(&mut trail, "a", &changed, LINES, 1, 1, 1);
        change(&mut trail, "b", "", &"long".repeat(1000), 0, 1, 1);
        change(&mut trail, "c", "", "y", 0, 1, 1);
        assert_eq!(edits(&trail), []);
    }

    #[test]
    fn a_closed_document_is_forgotten() {
        let mut trail = Trail::default();
        change(&mut trail, "a", LINES, "x", 1, 1, 1);
        change(&mut trail, "b", LINES, "x", 1, 1, 1);
        change(&mut trail, "c", LINES, "x", 1, 1, 1);
        trail.forget("a");
        assert_eq!(
            trail.places().map(|place| place.uri.as_str()).collect::<Vec<_>>(),
            ["b"]
        );
        assert_eq!(trail.edits().count(), 1);
    }

    #[test]
    fn the_memory_is_short() {
        let mut trail = Trail::default();
        for number in 0..100 {
            change(&mut trail, &number.to_string(), "a", "b", 0, 1, 1);
        }
        assert_eq!(trail.places().count(), PLACES_MAX);
        assert_eq!(trail.edits().count(), EDITS_MAX - 1);
    }
}
