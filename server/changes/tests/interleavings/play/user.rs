//! What the user, their editor and other programs do to the files.

use changes::Edit;

use super::Game;
use crate::world::{place, rewrite};

impl Game {
    pub(super) fn edit(&mut self, index: usize, edit: &Edit) {
        self.files[index].type_in(edit);
        let path = self.files[index].path.clone();
        self.review.edit(&path, edit).expect("the edit fits the text");
    }

    pub(super) fn type_something(&mut self, index: usize) {
        let Some(text) = self.files[index].editor.clone() else {
            return;
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
            0 => "\n".to_owned(),
            1 => self.alphabet.word(&mut self.random) + "\n",
            2 => format!("{}\n{}", self.alphabet.next(), self.alphabet.next()),
            3 if !range.is_empty() => String::new(),
            _ => self.alphabet.next().to_string(),
        };
        self.counts.count("edits");
        self.edit(index, &Edit { range, text: typed });
    }

    pub(super) fn take_back(&mut self, index: usize) {
        if self.files[index].editor.is_none() {
            return;
        }
        for _ in 0..1 + self.random.below(3) {
            if let Some(edit) = self.files[index].history.pop() {
                self.counts.count("edits taken back");
                self.edit(index, &edit);
                self.files[index].history.pop();
            }
        }
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
        let file = &self.files[index];
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
        let text = rewrite(&self.files[index].disk, &mut self.alphabet, &mut self.random);
        self.files[index].disk = text;
        self.counts.count("external writes");
        if self.files[index].editor.is_none() {
            self.tell(index);
        }
    }
}
