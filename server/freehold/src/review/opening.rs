//! Opening a workspace: what waits in it, and what an earlier run has left half done.

use std::sync::Arc;

use super::desk::{Desk, Documents, Effect};
use super::job::{Loaded, NotOpen};

impl Desk {
    /// The workspace is open, or why not.
    pub(super) fn loaded(
        &mut self,
        loaded: Result<Loaded, NotOpen>,
        documents: &dyn Documents,
        effects: &mut Vec<Effect>,
    ) {
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(NotOpen::Held(message)) => {
                effects.push(Effect::Say(format!(
                    "{message}; what waits there shows here as soon as that is closed"
                )));
                self.failure = Some(message);
                return;
            }
            Err(NotOpen::Failed(message)) => {
                self.failure = Some(message);
                return;
            }
        };
        self.failure = None;
        self.review = Arc::new(loaded.review);
        self.marks = loaded.marks;
        self.trials = Arc::new(loaded.trials);
        for recovered in loaded.recovered {
            effects.push(Effect::Say(recovered_message(&recovered)));
        }
        effects.extend(loaded.notes.into_iter().map(Effect::Say));
        for (path, uri) in self.open.clone() {
            if let Some((text, _)) = documents.document(&uri)
                && let Some(live) = self.live_in_editor(&path, text)
            {
                self.review_mut().set_live(&path, live);
            }
        }
        effects.push(Effect::Changed);
    }
}

fn recovered_message(recovered: &changes::Recovered) -> String {
    let title = &recovered.step.about.title;
    if recovered.left.is_empty() {
        return format!("`{title}` was half done when Freehold ended last time, and was taken back");
    }
    let left: Vec<String> = recovered.left.iter().map(|path| format!("`{path}`")).collect();
    format!(
        "`{title}` was half done when Freehold ended last time; it was taken back, but {} had been changed \
         since and was left alone",
        left.join(", ")
    )
}
