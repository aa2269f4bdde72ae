//! What the editor is asked to do to its documents, and whether it has.
//!
//! Editors refuse, answer late, answer before they have done it, and forget to. What counts is the text
//! that they say the document has.

use changes::{
    Authority, ChangeInfo, Content, Edit, HunkId, Live, Part, Proposal, ProposedFile, Review, Status,
    WorkspacePath,
};
use ropey::Rope;

/// Edits of one document in a given version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentEdit {
    /// The document.
    pub uri: String,
    /// The version that the edits are for.
    pub version: i32,
    /// The text that the edits are for.
    pub text: Rope,
    /// The edits, first to last, in bytes of that text.
    pub edits: Vec<Edit>,
}

/// The documents that the editor is asked to change.
#[derive(Debug, Default)]
pub(super) struct Editing {
    documents: Vec<Expected>,
}

/// One document, and what is expected of it.
#[derive(Debug)]
pub(super) struct Expected {
    path: WorkspacePath,
    uri: String,
    edits: Vec<Edit>,
    /// What the document was when the edits were made for it.
    before: String,
    /// What it is once they are made.
    after: String,
    /// The document as it is, with hunks that have landed once it has been changed as asked.
    watch: Review,
    landed: bool,
}

impl Expected {
    pub(super) fn new(path: &WorkspacePath, uri: &str, text: &Rope, edits: &[Edit]) -> Self {
        let before = text.to_string();
        let mut after = before.clone();
        for edit in edits.iter().rev() {
            after.replace_range(edit.range.clone(), &edit.text);
        }
        let watch = watch(path, &before, &after);
        Self {
            path: path.clone(),
            uri: uri.to_owned(),
            edits: edits.to_vec(),
            before,
            after,
            watch,
            landed: false,
        }
    }

    /// Whether the document was what the edits were made for until now, and is what they make of it.
    fn is_carried_out(&self, text: &Rope) -> bool {
        let live = self.watch.file(&self.path).map(|file| file.text().live());
        live == Some(self.before.as_str()) && *text == self.after.as_str()
    }

    fn followed(&mut self, edit: Option<&Edit>, text: &Rope) {
        let followed = edit.is_some_and(|edit| self.watch.edit(&self.path, edit).is_ok());
        if !followed {
            self.watch.set_live(&self.path, live_in_editor(&text.to_string()));
        }
        let all_landed = |watch: &Review| watch.hunks().all(|view| view.status == Status::Landed);
        if !all_landed(&self.watch) && *text == self.after.as_str() {
            // One edit may do what compares as several, when lines between were put back as they were.
            self.watch = watch(&self.path, &self.before, &self.after);
            self.watch.set_live(&self.path, live_in_editor(&self.after));
        }
        self.landed |= all_landed(&self.watch);
    }

    /// The edits that take back what has landed, for the document as it is.
    fn inverse(&self) -> Vec<Edit> {
        let landed = self.watch.hunks().filter(|view| view.status == Status::Landed);
        let back = landed.filter_map(|view| match view.part {
            Part::Text(hunk) => Some(Edit {
                range: hunk.range(),
                text: hunk.base().to_owned(),
            }),
            Part::Whole(_) => None,
        });
        back.collect()
    }
}

fn live_in_editor(text: &str) -> Live {
    Live {
        authority: Authority::Editor,
        file: Some((Content::new_text(text), 0)),
    }
}

/// A review of what makes `after` of a document that is `before`.
fn watch(path: &WorkspacePath, before: &str, after: &str) -> Review {
    let file = ProposedFile {
        path: path.clone(),
        seen: Some(Content::new_text(before)),
        content: Some(Content::new_text(after)),
        rename: None,
        mode: None,
    };
    let mut watch = Review::default();
    let proposal = Proposal {
        info: ChangeInfo::default(),
        files: vec![file],
    };
    // Nothing else waits in a review that was just made.
    let _put_up = watch.propose(proposal, |_| live_in_editor(before));
    watch
}

impl Editing {
    pub(super) fn add(&mut self, expected: Expected) {
        self.documents.push(expected);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    pub(super) fn contains(&self, path: &WorkspacePath) -> bool {
        self.documents.iter().any(|expected| expected.path == *path)
    }

    /// The edits as they are to be asked for; nothing if a document is not what they were made for.
    pub(super) fn asked(&self, documents: &dyn super::desk::Documents) -> Option<Vec<DocumentEdit>> {
        let asked = |expected: &Expected| {
            let (text, version) = documents.document(&expected.uri)?;
            (*text == expected.before.as_str()).then(|| DocumentEdit {
                uri: expected.uri.clone(),
                version,
                text: text.clone(),
                edits: expected.edits.clone(),
            })
        };
        self.documents.iter().map(asked).collect()
    }

    pub(super) fn followed(&mut self, path: &WorkspacePath, edit: Option<&Edit>, text: &Rope) {
        for expected in self
            .documents
            .iter_mut()
            .filter(|expected| expected.path == *path)
        {
            expected.followed(edit, text);
        }
    }

    /// The edits that were asked for, if `text` shows that the editor has just made them and nothing else.
    pub(super) fn carried_out(&self, path: &WorkspacePath, text: &Rope) -> Option<Vec<Edit>> {
        let mut documents = self.documents.iter();
        let expected = documents.find(|expected| expected.path == *path && expected.is_carried_out(text))?;
        Some(expected.edits.clone())
    }

    pub(super) fn all_landed(&self) -> bool {
        self.documents.iter().all(|expected| expected.landed)
    }

    /// What takes back what has landed; empty if nothing has.
    pub(super) fn inverse(&self, documents: &dyn super::desk::Documents) -> Vec<DocumentEdit> {
        let back = |expected: &Expected| {
            let edits = expected.inverse();
            let (text, version) = documents.document(&expected.uri)?;
            (!edits.is_empty()).then(|| DocumentEdit {
                uri: expected.uri.clone(),
                version,
                text: text.clone(),
                edits,
            })
        };
        self.documents.iter().filter_map(back).collect()
    }

    /// Whether nothing of what was asked stands in any document.
    pub(super) fn is_taken_back(&self) -> bool {
        self.documents
            .iter()
            .all(|expected| expected.inverse().is_empty())
    }

    /// Names the documents.
    pub(super) fn names(&self) -> String {
        let names: Vec<String> = self
            .documents
            .iter()
            .map(|expected| format!("`{}`", expected.path))
            .collect();
        names.join(", ")
    }
}

/// The text of a file with landed hunks taken out of it again: what it was before they came.
pub(super) fn without(review: &Review, path: &WorkspacePath, landed: &[HunkId]) -> Option<(String, String)> {
    let text = review.file(path)?.text();
    let after = text.live().to_owned();
    let mut before = after.clone();
    for hunk in text
        .hunks()
        .iter()
        .rev()
        .filter(|hunk| landed.contains(&hunk.id()))
    {
        before.replace_range(hunk.range(), hunk.base());
    }
    Some((before, after))
}
