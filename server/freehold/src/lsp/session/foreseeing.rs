//! The question that follows a key, worked on before the editor asks it: editors ask some 25 ms after a key, and
//! who types waits for each of them.

use std::time::Duration;

use completion::{Decision, Trigger};
use text::Change;

use super::Session;
use super::ahead::Look;
use super::generating::{Wanted, Window};
use crate::lsp::around::Around;
use crate::lsp::event::Effect;
use crate::lsp::generation::Purpose;
use crate::lsp::source::Source;

/// A change of more bytes is no key; what comes after it is not foreseen.
const KEY_BYTES_MAX: usize = 256;

/// Letters behind a place where the model had nothing to say for which it is not asked at once.
const HESITATION_LETTERS: usize = 2;

/// What editors insert as one: the cursor stands within.
const PAIRS: [&str; 6] = ["()", "[]", "{}", "\"\"", "''", "``"];

/// Where the cursor stands, in bytes from where the inserted text begins, if `changes` are one key.
pub(super) fn cursor_after(changes: &[Change]) -> Option<usize> {
    let [change] = changes else { return None };
    change.range?;
    let text = change.text.as_str();
    if text.len() > KEY_BYTES_MAX {
        return None;
    }
    Some(if PAIRS.contains(&text) { 1 } else { text.len() })
}

impl Session {
    /// Whether the cursor at `offset` of the document `uri` is a letter or two behind where the model had nothing to
    /// say: so little more of a word seldom makes it sure.
    pub(super) fn hesitates(&self, uri: &str, offset: usize) -> bool {
        let Some((_, unsure)) = self.unsure.as_ref().filter(|(other, _)| other == uri) else {
            return false;
        };
        let typed = self.documents.get(uri).and_then(|open| {
            let text = open.document.text();
            let typed = (*unsure < offset && offset <= text.len_bytes()).then_some(*unsure..offset)?;
            Some(text.get_byte_slice(typed)?.to_string())
        });
        let is_letter = |character: char| character.is_alphanumeric() || character == '_';
        typed.is_some_and(|typed| typed.chars().count() <= HESITATION_LETTERS && typed.chars().all(is_letter))
    }

    /// Sets out for what the editor will ask with the cursor at `offset` of the document `uri`, if it asks after
    /// every key and nothing else has to be waited for.
    pub(super) fn foresee(&mut self, uri: &str, offset: usize, now: Duration, effects: &mut Vec<Effect>) {
        let at_once =
            self.pacing.is_asked_after_keys() && self.pacing.is_immediate(self.rejections.in_a_row());
        let ready = self.configured && matches!(self.source, Source::Found(_));
        let may = at_once || self.ahead.is_some();
        if !may || !ready || !self.offers_unasked(uri) {
            return;
        }
        let Some(open) = self
            .documents
            .get(uri)
            .filter(|open| open.excluded == Some(false))
        else {
            return;
        };
        let text = open.document.text().clone();
        let around = Around::of(&text, offset, None);
        let decision = completion::decide(&open.described(), offset, Trigger::Automatic, None);
        let mut running = self.generations.values();
        let joins = running
            .any(|generation| generation.uri == uri && generation.rank == 0 && generation.agrees(&around));
        if joins || self.reading(uri, offset).is_some() || matches!(decision, Decision::Silent(_)) {
            return;
        }
        let found = self.known(uri, &around, now);
        if !found.hits.is_empty() || found.ranks.contains(&0) {
            return;
        }
        match self.look_ahead(uri, &around) {
            Some(Look::Wait) => return,
            Some(Look::Known(known)) => {
                let wanted = Wanted {
                    foreseen: Some(known),
                    ..Wanted::unasked(uri, Purpose::Ask, text, offset, Window::Near)
                };
                self.generate(wanted, now, effects);
                return;
            }
            None if !at_once || self.hesitates(uri, offset) => return,
            None => {}
        }
        // The place after a suggestion and a warm prompt can wait.
        self.stop_generations(effects, |generation| generation.purpose != Purpose::Ask);
        if self.is_unread(uri, offset) {
            self.start_reading(uri, offset, now, effects);
            return;
        }
        let wanted = Wanted::unasked(uri, Purpose::Ask, text, offset, Window::Near);
        self.generate(wanted, now, effects);
    }
}

#[cfg(test)]
mod tests {
    use text::{Position, Range};

    use super::*;

    #[test]
    fn one_key_leaves_the_cursor_behind_what_it_inserts_or_within_a_pair() {
        let at = Position {
            line: 0,
            character: 0,
        };
        let change = |text: &str| Change {
            range: Some(Range { start: at, end: at }),
            text: text.to_owned(),
        };
        let long = "x".repeat(1000);
        let cases = [
            (vec![change("a")], Some(1)),
            (vec![change("\n    ")], Some(5)),
            (vec![change("")], Some(0)),
            (vec![change("()")], Some(1)),
            (vec![change("fn a()")], Some(6)),
            (vec![change(&long)], None),
            (vec![change("a"), change("a")], None),
            (
                vec![Change {
                    range: None,
                    text: "a".to_owned(),
                }],
                None,
            ),
        ];
        for (changes, expected) in cases {
            assert_eq!(cursor_after(&changes), expected, "{changes:?}");
        }
    }
}
