//! Following the documents of the editor: what waits moves with what the user types, and with the disk.

use changes::{Authority, Content, Edit, FileReview, Live, WorkspacePath};
use ropey::Rope;

use super::desk::{Desk, Documents, Effect, Work};
use super::proposing;

impl Desk {
    /// A document was opened: from now on the editor is the authority for it.
    pub fn opened(&mut self, path: WorkspacePath, uri: &str, text: &Rope, effects: &mut Vec<Effect>) {
        self.open.insert(path.clone(), uri.to_owned());
        self.looks.remove(&path);
        if let Some(live) = self.live_in_editor(&path, text) {
            self.review_mut().set_live(&path, live);
            self.followed(&path, None, effects);
        }
    }

    /// What the editor has, written as the file is that waits for decisions; nothing if none does.
    pub(super) fn live_in_editor(&self, path: &WorkspacePath, text: &Rope) -> Option<Live> {
        let file = self.review.file(path)?;
        Some(in_editor(
            text,
            file.content().map(|content| (content, file.mode())),
        ))
    }

    /// Wants to know what the disk has of a file, unless the editor has it open.
    pub(super) fn looks_at(&mut self, path: WorkspacePath) {
        if !self.open.contains_key(&path) && self.review.file(&path).is_some() {
            self.looks.insert(path);
        }
    }

    /// Whether edits of the document at `path` must be told.
    #[must_use]
    pub fn follows(&self, path: &WorkspacePath) -> bool {
        let expects = match &self.work {
            Some(Work::Applying(applying)) => applying.expects(path),
            _ => false,
        };
        expects || self.review.file(path).is_some()
    }

    /// A document was edited; `text` is what it is now.
    pub fn edited(
        &mut self,
        path: &WorkspacePath,
        edit: Option<&Edit>,
        text: &Rope,
        effects: &mut Vec<Effect>,
    ) {
        // An editor may tell in other words what it was asked to do: another edit, and the same text.
        let asked = match &self.work {
            Some(Work::Applying(applying)) => applying.carried_out(path, text),
            _ => None,
        };
        let Some(asked) = asked else {
            self.follow(path, edit, text, effects);
            return;
        };
        let mut followed = true;
        for edit in asked.iter().rev() {
            followed &= self.review_mut().edit(path, edit).is_ok();
            self.followed(path, Some((Some(edit), text)), effects);
        }
        if !followed && let Some(live) = self.live_in_editor(path, text) {
            self.review_mut().set_live(path, live);
        }
    }

    fn follow(&mut self, path: &WorkspacePath, edit: Option<&Edit>, text: &Rope, effects: &mut Vec<Effect>) {
        let followed = match edit {
            Some(edit) => self.review_mut().edit(path, edit).is_ok(),
            None => false,
        };
        // Half a character, replaced by itself, shows in the text alone.
        let same = |file: &FileReview| file.text().live().len() == text.len_bytes();
        let followed = followed && self.review.file(path).is_none_or(same);
        if !followed && let Some(live) = self.live_in_editor(path, text) {
            self.review_mut().set_live(path, live);
        }
        self.followed(path, Some((edit, text)), effects);
    }

    fn followed(
        &mut self,
        path: &WorkspacePath,
        edit: Option<(Option<&Edit>, &Rope)>,
        effects: &mut Vec<Effect>,
    ) {
        if let (Some(Work::Applying(applying)), Some((edit, text))) = (&mut self.work, edit) {
            applying.followed(path, edit, text);
        }
        effects.push(Effect::Changed);
    }

    /// Goes on after edits: what was waited for may have happened.
    pub fn settle(&mut self, documents: &dyn Documents, effects: &mut Vec<Effect>) {
        self.go_on_applying(effects);
        self.pump(documents, effects);
    }

    /// A document was closed: the disk is the authority for it again.
    pub fn closed(&mut self, path: &WorkspacePath, documents: &dyn Documents, effects: &mut Vec<Effect>) {
        self.open.remove(path);
        self.files_changed(vec![path.clone()], documents, effects);
    }

    /// Something has written files, or may have.
    pub fn files_changed(
        &mut self,
        paths: Vec<WorkspacePath>,
        documents: &dyn Documents,
        effects: &mut Vec<Effect>,
    ) {
        paths.into_iter().for_each(|path| self.looks_at(path));
        self.pump(documents, effects);
    }
}

/// What the editor has of a file that is `known` so far.
pub(super) fn in_editor(text: &Rope, known: Option<(Content, u32)>) -> Live {
    let format = match &known {
        Some((Content::Text { format, .. }, _)) => *format,
        _ => changes::Format::NEW,
    };
    let mode = known.map_or(proposing::NEW_FILE_MODE, |(_, mode)| mode);
    Live {
        authority: Authority::Editor,
        file: Some((
            Content::Text {
                text: text.to_string().into(),
                format,
            },
            mode,
        )),
    }
}
