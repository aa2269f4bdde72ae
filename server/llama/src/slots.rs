//! Which sequence of the cache serves which request, and what it can reuse.

use engine::Lane;

use crate::ffi::Token;

/// Sequences that one lane may fill before it takes over its own: so that a day's typing does not drive
/// out the long conversation of an agent that waits for its user.
const SLOTS_PER_LANE: usize = 2;

/// One sequence of the cache.
#[derive(Debug, Clone, Default)]
pub struct Slot {
    /// The tokens that it holds, one for each position from 0.
    pub tokens: Vec<Token>,
    /// The request that it serves now.
    pub owner: Option<u64>,
    lane: Option<Lane>,
    /// Larger is later.
    used: u64,
}

/// All sequences.
#[derive(Debug)]
pub struct Slots {
    slots: Vec<Slot>,
    clock: u64,
    /// Whether a part of a sequence can be kept or copied; else only a whole one can go on.
    parts: bool,
}

/// How a request gets its sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The sequence.
    pub slot: usize,
    /// The sequence that its beginning is copied from, if that is another.
    pub copy_from: Option<usize>,
    /// How many tokens from the beginning are kept or copied.
    pub keep: usize,
}

impl Slots {
    /// `count` empty sequences.
    #[must_use]
    pub fn new(count: usize, parts: bool) -> Self {
        Self {
            slots: vec![Slot::default(); count],
            clock: 0,
            parts,
        }
    }

    /// The sequence with this number.
    #[must_use]
    pub fn get(&self, slot: usize) -> &Slot {
        &self.slots[slot]
    }

    /// The tokens of a sequence, to be kept as the cache is.
    pub fn tokens_mut(&mut self, slot: usize) -> &mut Vec<Token> {
        &mut self.slots[slot].tokens
    }

    /// How many sequences there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The best sequence for `prompt`, of whose tokens at most `keep_max` may be reused; `None` while all
    /// serve requests.
    #[must_use]
    pub fn plan(&self, prompt: &[Token], keep_max: usize, lane: Lane) -> Option<Plan> {
        let shared = |slot: &Slot| common(&slot.tokens, prompt).min(keep_max);
        let idle = || {
            self.slots
                .iter()
                .enumerate()
                .filter(|(_, slot)| slot.owner.is_none())
        };
        let target = self.victim(lane)?;
        if !self.parts {
            // Only a sequence that the prompt goes on from as a whole is of use.
            let whole =
                idle().filter(|(_, slot)| !slot.tokens.is_empty() && shared(slot) == slot.tokens.len());
            let best = whole.max_by_key(|(_, slot)| slot.tokens.len());
            return Some(match best {
                Some((slot, found)) => Plan {
                    slot,
                    copy_from: None,
                    keep: found.tokens.len(),
                },
                None => Plan {
                    slot: target,
                    copy_from: None,
                    keep: 0,
                },
            });
        }
        let (source, keep) = self
            .slots
            .iter()
            .enumerate()
            .map(|(slot, found)| (slot, shared(found)))
            .max_by_key(|(slot, keep)| {
                // Of equals an idle one, which need not be copied; and of those the first.
                (*keep, self.slots[*slot].owner.is_none(), std::cmp::Reverse(*slot))
            })?;
        if keep == 0 {
            return Some(Plan {
                slot: target,
                copy_from: None,
                keep: 0,
            });
        }
        let found = &self.slots[source];
        // Most of it is shared: nobody will want the rest back.
        let take_over = found.owner.is_none() && keep * 2 >= found.tokens.len();
        if take_over || target == source {
            return Some(Plan {
                slot: source,
                copy_from: None,
                keep,
            });
        }
        Some(Plan {
            slot: target,
            copy_from: Some(source),
            keep,
        })
    }

    /// The idle sequence whose tokens are missed least by `lane`.
    fn victim(&self, lane: Lane) -> Option<usize> {
        let own = self
            .slots
            .iter()
            .filter(|slot| slot.lane == Some(lane) && !slot.tokens.is_empty())
            .count();
        let idle = self
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.owner.is_none());
        let (slot, _) = idle.min_by_key(|(_, slot)| {
            let foreign = own >= SLOTS_PER_LANE && slot.lane != Some(lane);
            (foreign, !slot.tokens.is_empty(), slot.used)
        })?;
        Some(slot)
    }

    /// Gives a sequence to request `owner`.
    pub fn take(&mut self, slot: usize, owner: u64, lane: Lane) {
        self.clock += 1;
        let taken = &mut self.slots[slot];
        taken.owner = Some(owner);
        taken.lane = Some(lane);
        taken.used = self.clock;
    }

    /// Takes a sequence back from its request; its tokens stay.
    pub fn release(&mut self, slot: usize) {
        self.clock += 1;
        self.slots[slot].owner = None;
        self.slots[slot].used = self.clock;
    }

    /// The idle sequence that holds tokens and was used longest ago.
    #[must_use]
    pub fn oldest_idle(&self) -> Option<usize> {
        let idle = self
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.owner.is_none() && !slot.tokens.is_empty());
        idle.min_by_key(|(_, slot)| slot.used).map(|(slot, _)| slot)
    }
}

/// Length of the common beginning.
fn common(left: &[Token], right: &[Token]) -> usize {
    left.iter()
        .zip(right)
        .take_while(|(left, right)| left == right)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slots that hold these tokens, used in this order; `*` marks those that serve a request.
    fn slots(parts: bool, texts: &[(&str, Lane)]) -> Slots {
        let mut slots = Slots::new(texts.len(), parts);
        for (slot, (text, lane)) in texts.iter().enumerate() {
            slots.take(slot, 1, *lane);
            if !text.ends_with('*') {
                slots.release(slot);
            }
            *slots.tokens_mut(slot) = tokens(text.trim_end_matches('*'));
        }
        slots
    }

    fn tokens(text: &str) -> Vec<Token> {
        text.bytes().map(Token::from).collect()
    }

    fn plan(slots: &Slots, prompt: &str, lane: Lane) -> Option<(usize, Option<usize>, usize)> {
        let plan = slots.plan(&tokens(prompt), prompt.len() - 1, lane)?;
        Some((plan.slot, plan.copy_from, plan.keep))
    }

    const T: Lane = Lane::Typing;
    const A: Lane = Lane::Agent;

    #[test]
    fn the_longest_common_beginning_is_reused() {
        let slots = slots(true, &[("abcd", T), ("abxy", T), ("", T)]);
        assert_eq!(plan(&slots, "abxyz", T), Some((1, None, 4)));
    }

    #[test]
    fn the_last_token_is_always_evaluated() {
        let slots = slots(true, &[("abcd", T), ("", T)]);
        assert_eq!(plan(&slots, "abcd", T), Some((0, None, 3)));
    }

    #[test]
    fn a_beginning_in_use_is_copied() {
        let slots = slots(true, &[("abcdef*", A), ("zz", T)]);
        assert_eq!(plan(&slots, "abcxyz", A), Some((1, Some(0), 3)));
    }

    #[test]
    fn a_little_of_somebody_elses_sequence_is_copied_and_the_sequence_kept() {
        let slots = slots(true, &[("abcdefgh", A), ("", T)]);
        assert_eq!(plan(&slots, "abzzz", T), Some((1, Some(0), 2)));
        assert_eq!(plan(&slots, "abcdefz", T), Some((0, None, 6)));
    }

    #[test]
    fn two_files_edited_in_turn_keep_a_sequence_each() {
        // All prompts of a format begin with the same token.
        let slots = slots(true, &[("<aaaaa", T), ("", T), ("", A)]);
        assert_eq!(plan(&slots, "<bbbbb", T), Some((1, Some(0), 1)));
    }

    #[test]
    fn nothing_in_common_takes_an_empty_then_the_oldest_of_its_own() {
        assert_eq!(
            plan(&slots(true, &[("ab", A), ("", T)]), "xy", T),
            Some((1, None, 0))
        );
        let full = slots(true, &[("ab", A), ("cd", T), ("ef", T)]);
        assert_eq!(plan(&full, "xy", T), Some((1, None, 0)));
        assert_eq!(
            plan(&slots(true, &[("ab", A), ("cd", T)]), "xy", T),
            Some((0, None, 0))
        );
    }

    #[test]
    fn a_request_waits_while_all_sequences_serve() {
        assert_eq!(plan(&slots(true, &[("ab*", A), ("cd*", T)]), "xy", T), None);
    }

    #[test]
    fn a_model_with_one_state_goes_on_from_whole_sequences_only() {
        let slots = slots(false, &[("abcd", T), ("ab", T), ("", T)]);
        assert_eq!(plan(&slots, "abcx", T), Some((1, None, 2)));
        assert_eq!(plan(&slots, "abcdx", T), Some((0, None, 4)));
        assert_eq!(plan(&slots, "abcd", T), Some((1, None, 2)));
        assert_eq!(plan(&slots, "xy", T), Some((2, None, 0)));
    }
}
