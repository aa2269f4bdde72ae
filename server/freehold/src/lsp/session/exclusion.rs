//! What the user keeps from the model: looked up when a document is opened, and again when it may have changed.

use std::time::Duration;

use super::Session;
use crate::lsp::event::Effect;

impl Session {
    /// Has it looked up whether the document `uri` is kept from the model.
    pub(super) fn examine(&mut self, uri: &str, effects: &mut Vec<Effect>) {
        let Some(open) = self.documents.get_mut(uri) else {
            return;
        };
        self.lookups += 1;
        open.lookup = self.lookups;
        effects.push(Effect::Examine {
            uri: uri.to_owned(),
            lookup: open.lookup,
            folders: self.folders.clone(),
        });
    }

    pub(super) fn examine_all(&mut self, effects: &mut Vec<Effect>) {
        let all: Vec<String> = self.documents.keys().cloned().collect();
        for uri in all {
            self.examine(&uri, effects);
        }
    }

    /// Takes in whether the document `uri` is kept from the model, if that was not looked up once more since.
    pub(super) fn examined(
        &mut self,
        uri: &str,
        lookup: u64,
        excluded: bool,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) {
        let Some(open) = self.documents.get_mut(uri).filter(|open| open.lookup == lookup) else {
            return;
        };
        let was_shown = open.excluded.replace(excluded) == Some(false);
        if excluded && was_shown {
            // What is asked for other documents may show something of it.
            self.end_all(effects);
        } else if excluded {
            self.end_in(uri, effects);
        } else {
            self.proceed_waiting(now, effects);
        }
    }
}

#[cfg(test)]
mod tests {
    use text::Document;

    use super::*;
    use crate::lsp::event::Event;

    const URI: &str = "file:///project/a.rs";

    /// The lookups that `event` leads to.
    fn lookups(session: &mut Session, event: Event) -> Vec<u64> {
        let effects = session.handle(event, Duration::ZERO);
        let lookup = |effect: &Effect| match effect {
            Effect::Examine { lookup, .. } => Some(*lookup),
            _ => None,
        };
        effects.iter().filter_map(lookup).collect()
    }

    #[test]
    fn of_two_lookups_the_later_one_counts_whichever_ends_first() {
        let mut session = Session::new();
        let opened = Event::Opened {
            uri: URI.to_owned(),
            language: "rust".to_owned(),
            document: Document::new("let x = \n", 1),
        };
        let first = lookups(&mut session, opened);
        let second = lookups(&mut session, Event::IgnoreFilesChanged);
        for (lookup, excluded) in [(second[0], true), (first[0], false)] {
            let uri = URI.to_owned();
            session.handle(
                Event::Examined {
                    uri,
                    lookup,
                    excluded,
                },
                Duration::ZERO,
            );
            assert_eq!(session.documents[URI].excluded, Some(true));
        }
    }
}
