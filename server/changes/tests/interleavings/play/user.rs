//! What the user, their editor and other programs do to the files.

use changes::Edit;

use super::{Checked, Game, require};
use crate::account::Shown;
use crate::world::{characters, has_empty_line, place, rewrite};

impl Game {
    /// Carries an edit out in the editor and tells it; hunks that it does not touch only move.
    pub(super) fn edit(&mut self, index: usize, edit: &Edit) -> Checked {
        let before = self.shown(index)?;
        let text = self.files[index].live().to_owned();
        self.files[index].type_in(edit);
        // A step may take several edits, and write again what one of them has deleted.
        let now = self.files[index].live().to_owned();
        self.files[index].account.note_deleted(&now);
        let path = self.files[index].path.clone();
        self.review.edit(&path, edit).map_err(|error| error.to_string())?;
        let after = self.shown(index)?;
        let same = before.iter().map(|shown| shown.id);
        require(same.eq(after.iter().map(|shown| shown.id)), || {
            format!("{edit:?} made {after:?} of {before:?}")
        })?;
        for (position, old) in before.iter().enumerate() {
            let new = &after[position];
            if !old.is_ready() || touches(&before, position, edit, &text) {
                continue;
            }
            let moved = old.range.start + edit.text.len() - edit.range.len().min(old.range.start);
            let start = if edit.range.end <= old.range.start && !is_behind(old, edit) {
                moved
            } else {
                old.range.start
            };
            let stays = new.offers_same(old) && new.range.start == start;
            require(stays, || {
                format!("{edit:?} does not touch {old:?} in {text:?} and made it {new:?}")
            })?;
        }
        Ok(())
    }

    pub(super) fn type_something(&mut self, index: usize) -> Checked {
        let Some(text) = self.files[index].editor.clone() else {
            return Ok(());
        };
        let line_end = if self.random.one_in(8) {
            "\n"
        } else {
            self.files[index].line_end
        };
        let from = place(&text, &mut self.random);
        let to = if self.random.one_in(2) {
            from
        } else {
            place(&text, &mut self.random)
        };
        let range = if self.random.one_in(4) {
            from.min(to)..from.max(to)
        } else {
            from..from
        };
        let typed = match self.random.below(6) {
            0 => line_end.to_owned(),
            1 => self.alphabet.word(&mut self.random) + line_end,
            2 => format!("{}{line_end}{}", self.alphabet.next(), self.alphabet.next()),
            3 if !range.is_empty() => String::new(),
            _ => self.alphabet.next().to_string(),
        };
        self.counts.count("edits");
        self.edit(index, &Edit { range, text: typed })
    }

    /// Who takes an edit back at once has changed nothing, and what waited undisturbed waits so again.
    pub(super) fn type_and_take_back(&mut self, index: usize) -> Checked {
        let before = self.shown(index)?;
        let known = self.files[index].history.len();
        self.type_something(index)?;
        if self.files[index].history.len() > known
            && let Some(back) = self.files[index].history.pop()
        {
            self.edit(index, &back)?;
            self.files[index].history.pop();
        }
        let after = self.shown(index)?;
        // An empty line put before another may be taken for either, and so may the one that goes again; and
        // where an edit goes over a conflict too, its texts may be parted otherwise afterwards.
        let unclear =
            has_empty_line(self.files[index].live()) || before.iter().any(|shown| !shown.is_ready());
        // Lines that are put back just where others are to come may belong before or behind these: a conflict.
        let same = |(old, new): (&Shown, &Shown)| unclear || old.base.is_empty() || old == new;
        require(before.iter().zip(&after).all(same), || {
            format!("an edit that was taken back made {after:?} of {before:?}")
        })
    }

    pub(super) fn take_back(&mut self, index: usize) -> Checked {
        if self.files[index].editor.is_none() {
            return Ok(());
        }
        for _ in 0..1 + self.random.below(3) {
            if let Some(edit) = self.files[index].history.pop() {
                self.counts.count("edits taken back");
                self.edit(index, &edit)?;
                self.files[index].history.pop();
            }
        }
        Ok(())
    }

    pub(super) fn format(&mut self, index: usize) {
        let text = self.files[index].live().to_owned();
        let mut formatted = String::new();
        for line in text.split_inclusive('\n') {
            if self.random.one_in(3) {
                formatted.push(self.alphabet.next());
            }
            if !(line == "\n" && self.random.one_in(2)) {
                formatted += line;
            }
        }
        self.counts.count("formattings");
        self.set_live(index, formatted);
    }

    /// All of the text comes anew: from a client that sends it so, or from the disk.
    fn set_live(&mut self, index: usize, text: String) {
        let file = &mut self.files[index];
        match &mut file.editor {
            Some(editor) => *editor = text,
            None => file.disk = text,
        }
        file.history.clear();
        self.tell(index);
    }

    fn tell(&mut self, index: usize) {
        let file = &mut self.files[index];
        if let Some(review) = self.review.file(&file.path) {
            let known = review.text().live();
            if known != file.live() && (has_empty_line(known) || has_empty_line(file.live())) {
                // Nobody tells which of several empty lines is gone, and with it the place of what waits.
                let waiting = review.text().hunks().iter();
                let loose = waiting.flat_map(|hunk| characters(hunk.proposed()));
                file.account.loose.extend(loose);
            }
        }
        self.review.set_live(&file.path, file.as_live());
    }

    pub(super) fn save(&mut self, index: usize) {
        if let Some(text) = self.files[index].editor.clone() {
            self.files[index].disk = text;
            self.counts.count("saves");
            self.tell(index);
        }
    }

    pub(super) fn open_or_close(&mut self, index: usize) {
        let file = &mut self.files[index];
        file.editor = match file.editor.take() {
            // Closing without saving is the user's way of throwing edits away.
            Some(text) => {
                if self.random.one_in(2) {
                    file.disk = text;
                }
                None
            }
            None => Some(file.disk.clone()),
        };
        file.history.clear();
        self.counts.count("opened or closed");
        self.tell(index);
    }

    pub(super) fn write_from_outside(&mut self, index: usize) {
        let file = &self.files[index];
        let text = rewrite(&file.disk, file.line_end, &mut self.alphabet, &mut self.random);
        self.files[index].disk = text;
        self.counts.count("external writes");
        if self.files[index].editor.is_none() {
            self.tell(index);
        }
    }
}

/// Whether an edit is behind a hunk, and so leaves it where it is.
fn is_behind(shown: &Shown, edit: &Edit) -> bool {
    edit.range.start >= shown.range.end && !shown.range.is_empty()
}

/// Whether an edit of `text` changes a line of a hunk, or the place where a hunk would put lines.
///
/// Whole lines that are put before or behind the lines of a hunk do not touch it; but behind a line that is to
/// be the last and have no end nothing can stand.
fn touches(all: &[Shown], position: usize, edit: &Edit, text: &str) -> bool {
    let hunk = &all[position].range;
    if edit.range.end < hunk.start || edit.range.start > hunk.end {
        return false;
    }
    // Several hunks in one place, or one that covers nothing: any of them may be meant.
    let alone = !hunk.is_empty()
        && all
            .iter()
            .enumerate()
            .all(|(other, shown)| other == position || !all[position].meets(shown));
    let lines = edit.range.is_empty() && edit.text.ends_with('\n');
    let is_last = !all[position].proposed.is_empty() && !all[position].proposed.ends_with('\n');
    let behind = edit.range.start == hunk.end && text[..hunk.end].ends_with('\n') && !is_last;
    let border = edit.range.start == hunk.start || behind;
    !(alone && lines && border)
}
