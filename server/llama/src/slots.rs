//! Which sequence of the cache serves which request, and what it can reuse.

use engine::{Lane, Reuse};

use crate::blocks::{self, Block, Rules, Span, common};
use crate::ffi::Token;

/// Slots that typing may fill, with what warms the cache for it, before it takes over its own: so that a
/// day's typing does not drive out the long conversation of an agent that waits for its user. Two files,
/// each with the copy that a pause makes fresh.
const TYPING_SLOTS: usize = 4;

/// The same for agents.
const AGENT_SLOTS: usize = 2;

/// What a moved block's age may cost it at most, in tokens: each move makes it a little less right.
const AGE_COST_MAX: u32 = 16;

/// One sequence of the cache.
#[derive(Debug, Clone, Default)]
pub struct Slot {
    /// The tokens that it holds, in the order of the prompt.
    pub tokens: Vec<Token>,
    /// The position of the next token: how many tokens it holds, unless there are pieces.
    pub next: u32,
    /// The parts of its prompt, if some of them were moved; else its tokens lie at the positions from 0 on.
    pub pieces: Vec<Piece>,
    /// How many of the pieces it holds already; the others come when what stands before them is evaluated.
    pub joined: usize,
    /// The request that it serves now.
    pub owner: Option<u64>,
    lane: Option<Lane>,
    /// Larger is later.
    used: u64,
}

/// A part of a slot's prompt, kept in a sequence of its own: there each position is taken once, in the
/// slot's own sequence parts that were moved may overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The sequence.
    pub sequence: u32,
    /// Position of its first token.
    pub start: u32,
    /// Where it stands in the prompt.
    pub to: usize,
    /// Its tokens; what is evaluated behind it is added.
    pub tokens: Vec<Token>,
    /// How often it was moved since it was evaluated.
    pub age: u32,
}

impl Slot {
    /// Where in the prompt the next piece stands, before which all must be evaluated.
    #[must_use]
    pub fn next_piece(&self) -> Option<usize> {
        self.pieces.get(self.joined).map(|piece| piece.to)
    }

    /// How many of its tokens, from the beginning on, are as if they had been evaluated in order.
    #[must_use]
    pub fn fresh(&self) -> &[Token] {
        self.pieces.first().map_or(&self.tokens, |piece| &piece.tokens)
    }

    /// All that it holds and is still to hold of its prompt.
    fn spans(&self) -> Vec<Span<'_>> {
        if self.pieces.is_empty() {
            return vec![Span {
                start: 0,
                tokens: &self.tokens,
            }];
        }
        self.pieces
            .iter()
            .map(|piece| Span {
                start: piece.start,
                tokens: &piece.tokens,
            })
            .collect()
    }

    /// How many tokens its cache holds or is still to hold.
    fn stock(&self) -> usize {
        let pieces: usize = self.pieces.iter().map(|piece| piece.tokens.len()).sum();
        pieces.max(self.tokens.len())
    }

    fn age(&self, span: usize) -> u32 {
        self.pieces.get(span).map_or(0, |piece| piece.age)
    }
}

/// All sequences.
#[derive(Debug)]
pub struct Slots {
    slots: Vec<Slot>,
    clock: u64,
    /// Whether a part of a sequence can be kept or copied; else only a whole one can go on.
    parts: bool,
    rules: Rules,
}

/// What is asked of the cache.
pub struct Wanted<'a> {
    /// The prompt.
    pub prompt: &'a [Token],
    /// How many of its first tokens may come from the cache.
    pub keep_max: usize,
    /// Who asks.
    pub lane: Lane,
    /// What may stand in.
    pub reuse: Reuse,
    /// Which tokens give structure, and so are never moved.
    pub is_special: &'a dyn Fn(Token) -> bool,
}

/// How a request gets its sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The sequence.
    pub slot: usize,
    /// The sequence that what is reused comes from; it may be the same.
    pub source: usize,
    /// What is reused.
    pub kept: Kept,
}

/// What a request reuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// So many tokens from the beginning, which were evaluated in order.
    Beginning(usize),
    /// These parts of the source's prompt, the first of which begins it.
    Blocks(Vec<Block>),
}

impl Kept {
    /// How many tokens are reused, and how many of them were moved.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        match self {
            Self::Beginning(kept) => (*kept, 0),
            Self::Blocks(blocks) => {
                let total = blocks.iter().map(|block| block.tokens.len()).sum();
                let first = blocks.first().map_or(0, |block| block.tokens.len());
                (total, total - first)
            }
        }
    }
}

impl Slots {
    /// `count` empty sequences.
    #[must_use]
    pub fn new(count: usize, parts: bool, rules: Rules) -> Self {
        Self {
            slots: vec![Slot::default(); count],
            clock: 0,
            parts,
            rules,
        }
    }

    /// The sequence with this number.
    #[must_use]
    pub fn get(&self, slot: usize) -> &Slot {
        &self.slots[slot]
    }

    /// The sequence with this number, to be kept as the cache is.
    pub fn get_mut(&mut self, slot: usize) -> &mut Slot {
        &mut self.slots[slot]
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

    /// The best sequence for what is wanted; `None` while all serve requests.
    #[must_use]
    pub fn plan(&self, wanted: &Wanted) -> Option<Plan> {
        let target = self.victim(wanted.lane)?;
        if !self.parts {
            return Some(self.plan_whole(wanted, target));
        }
        let (source, kept) = (0..self.slots.len())
            .map(|slot| (slot, self.kept(slot, wanted)))
            .max_by_key(|(slot, kept)| {
                // Of equals an idle one, which need not be copied; and of those the first.
                let idle = self.slots[*slot].owner.is_none();
                (self.worth(*slot, kept), idle, std::cmp::Reverse(*slot))
            })?;
        let (count, _) = kept.counts();
        let found = &self.slots[source];
        let nothing = count == 0;
        // Most of it is shared: nobody will want the rest back. But who only warms the cache leaves what
        // others may come back to.
        let own = wanted.lane != Lane::Idle || found.lane == Some(Lane::Idle) || count >= found.stock();
        let take_over = found.owner.is_none() && own && count * 2 >= found.stock();
        let slot = if !nothing && take_over { source } else { target };
        Some(Plan {
            slot,
            source: if nothing { slot } else { source },
            kept,
        })
    }

    /// What `slot` has of what is wanted.
    fn kept(&self, slot: usize, wanted: &Wanted) -> Kept {
        let found = &self.slots[slot];
        let beginning = common(found.fresh(), wanted.prompt).min(wanted.keep_max);
        if wanted.reuse == Reuse::Exact {
            return Kept::Beginning(beginning);
        }
        let Wanted {
            prompt,
            keep_max,
            is_special,
            ..
        } = wanted;
        let blocks = blocks::find(&found.spans(), prompt, *keep_max, is_special, &self.rules);
        if blocks.len() <= 1 {
            return Kept::Beginning(beginning);
        }
        Kept::Blocks(blocks)
    }

    /// What it is worth to reuse this, in tokens that need not be evaluated. What was moved often is worth
    /// a little less, so that a copy that was evaluated afresh meanwhile is preferred.
    fn worth(&self, slot: usize, kept: &Kept) -> i64 {
        let (count, _) = kept.counts();
        let age = match kept {
            Kept::Beginning(_) => 0,
            Kept::Blocks(blocks) => blocks
                .iter()
                .map(|block| self.slots[slot].age(block.span))
                .max()
                .unwrap_or(0),
        };
        i64::try_from(count).unwrap_or(i64::MAX) - i64::from(age.min(AGE_COST_MAX))
    }

    /// Only a sequence that the prompt goes on from as a whole is of use.
    fn plan_whole(&self, wanted: &Wanted, target: usize) -> Plan {
        let whole = |slot: &Slot| {
            !slot.tokens.is_empty()
                && common(&slot.tokens, wanted.prompt).min(wanted.keep_max) == slot.tokens.len()
        };
        let best = self
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.owner.is_none() && whole(slot))
            .max_by_key(|(_, slot)| slot.tokens.len());
        let (slot, keep) = best.map_or((target, 0), |(slot, found)| (slot, found.tokens.len()));
        Plan {
            slot,
            source: slot,
            kept: Kept::Beginning(keep),
        }
    }

    /// The idle sequence whose tokens are missed least by `lane`.
    fn victim(&self, lane: Lane) -> Option<usize> {
        let agent = lane == Lane::Agent;
        let is_own = |slot: &Slot| slot.lane.is_some_and(|lane| (lane == Lane::Agent) == agent);
        let own = self.slots.iter().filter(|slot| is_own(slot) && slot.stock() > 0);
        let full = own.count() >= if agent { AGENT_SLOTS } else { TYPING_SLOTS };
        let idle = self
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.owner.is_none());
        let (slot, _) = idle.min_by_key(|(_, slot)| (full && !is_own(slot), slot.stock() > 0, slot.used))?;
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

    /// The idle slots that somebody who types will come back to, the last one first: those whose fresh
    /// tokens are worth keeping and no near copy of another's.
    #[must_use]
    pub fn recent(&self, tokens_min: usize) -> Vec<usize> {
        let mut recent: Vec<usize> = (0..self.slots.len())
            .filter(|slot| {
                let slot = &self.slots[*slot];
                let is_typing = matches!(slot.lane, Some(Lane::Typing | Lane::Idle));
                slot.owner.is_none() && is_typing && slot.fresh().len() >= tokens_min
            })
            .collect();
        recent.sort_by_key(|slot| std::cmp::Reverse(self.slots[*slot].used));
        let mut chosen: Vec<usize> = Vec::new();
        for slot in recent {
            let fresh = self.slots[slot].fresh();
            let is_copy = |other: &usize| common(self.slots[*other].fresh(), fresh) * 10 >= fresh.len() * 9;
            if !chosen.iter().any(is_copy) {
                chosen.push(slot);
            }
        }
        chosen
    }

    /// The idle sequence that holds tokens and was used longest ago.
    #[must_use]
    pub fn oldest_idle(&self) -> Option<usize> {
        let idle = self
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.owner.is_none() && slot.stock() > 0);
        idle.min_by_key(|(_, slot)| slot.used).map(|(slot, _)| slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slots that hold these tokens, used in this order; `*` marks those that serve a request.
    fn slots(parts: bool, texts: &[(&str, Lane)]) -> Slots {
        let mut slots = Slots::new(texts.len(), parts, RULES);
        for (slot, (text, lane)) in texts.iter().enumerate() {
            slots.take(slot, 1, *lane);
            if !text.ends_with('*') {
                slots.release(slot);
            }
            let tokens = tokens(text.trim_end_matches('*'));
            slots.get_mut(slot).next = tokens.len() as u32;
            slots.get_mut(slot).tokens = tokens;
        }
        slots
    }

    fn tokens(text: &str) -> Vec<Token> {
        text.bytes().map(Token::from).collect()
    }

    /// Capital letters are special.
    fn is_special(token: Token) -> bool {
        (65..91).contains(&token)
    }

    const RULES: Rules = Rules {
        block_tokens_min: 3,
        blocks_max: 4,
        overlap_max: 8,
        gap_max: 8,
        slide_max: 0,
        renewed_tokens: 0,
    };

    fn plan_with(slots: &Slots, prompt: &str, lane: Lane, reuse: Reuse) -> Option<Plan> {
        slots.plan(&Wanted {
            prompt: &tokens(prompt),
            keep_max: prompt.len() - 1,
            lane,
            reuse,
            is_special: &is_special,
        })
    }

    /// Slot, the slot that is copied from if that is another, tokens that are kept.
    fn plan(slots: &Slots, prompt: &str, lane: Lane) -> Option<(usize, Option<usize>, usize)> {
        let plan = plan_with(slots, prompt, lane, Reuse::Exact)?;
        let copied = (plan.source != plan.slot).then_some(plan.source);
        Some((plan.slot, copied, plan.kept.counts().0))
    }

    const T: Lane = Lane::Typing;
    const A: Lane = Lane::Agent;
    const I: Lane = Lane::Idle;

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
        let full = slots(true, &[("ab", A), ("cd", T), ("ef", I), ("gh", T), ("ij", T)]);
        assert_eq!(plan(&full, "xy", T), Some((1, None, 0)));
        assert_eq!(plan(&full, "xy", A), Some((0, None, 0)));
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

    #[test]
    fn what_stands_behind_typed_text_is_moved() {
        let slots = slots(true, &[("PabcSdefghM", T), ("", T)]);
        let plan = plan_with(&slots, "PabcxySdefghM", T, Reuse::Moved).expect("idle");
        assert_eq!((plan.slot, plan.source, plan.kept.counts()), (0, 0, (9, 5)));
        let exact = plan_with(&slots, "PabcxySdefghM", T, Reuse::Exact).expect("idle");
        assert_eq!(exact.kept, Kept::Beginning(4));
    }

    #[test]
    fn who_only_warms_the_cache_leaves_what_somebody_types_in() {
        let slots = slots(true, &[("PabcSdefghM", T), ("", T)]);
        assert_eq!(plan(&slots, "PabcxSdefghM", I), Some((1, Some(0), 4)));
        assert_eq!(plan(&slots, "PabcxSdefghM", T), Some((1, Some(0), 4)));
        assert_eq!(plan(&slots, "PabcSdefghM", I), Some((1, Some(0), 10)));
    }

    #[test]
    fn of_equals_the_one_that_was_moved_less_is_preferred() {
        let mut slots = slots(true, &[("PabcSdefghM", T), ("PabcSdefghM", I), ("", T)]);
        let piece = |start, to, text, age| Piece {
            sequence: 9,
            start,
            to,
            tokens: tokens(text),
            age,
        };
        slots.get_mut(0).pieces = vec![piece(0, 0, "PabcS", 0), piece(4, 5, "defghM", 3)];
        let moved = plan_with(&slots, "PabcxSdefghM", T, Reuse::Moved).expect("idle");
        assert_eq!((moved.slot, moved.source), (1, 1));
        // What was moved is no beginning for who wants it exact.
        slots.get_mut(1).tokens = tokens("P");
        assert_eq!(plan(&slots, "PabcSdefghM", A).map(|plan| plan.2), Some(5));
    }
}
