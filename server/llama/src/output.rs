//! From the bytes of generated tokens to events: whole characters, and never a stop text.

use std::collections::VecDeque;

/// One token's text, ready to be given out.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// Its text: whole characters, nothing of a stop text.
    pub text: String,
    /// Its log-probability, if it was asked for.
    pub log_probability: Option<f32>,
}

/// Collects tokens and gives each out as soon as nothing can change its text any more.
///
/// A token is held back while its text may turn out to begin a stop text. It then comes a little later,
/// but still by itself, so that there is exactly one piece for each token.
#[derive(Debug)]
pub struct Output {
    stops: Vec<String>,
    /// Bytes of a character that is not complete yet.
    partial: Vec<u8>,
    /// Text that is held back, and the tokens that it belongs to with their lengths in it.
    held: String,
    tokens: VecDeque<(usize, Option<f32>)>,
}

impl Output {
    /// An output that ends before any of `stops`; empty ones are ignored.
    #[must_use]
    pub fn new(stops: Vec<String>) -> Self {
        let stops = stops.into_iter().filter(|stop| !stop.is_empty()).collect();
        Self {
            stops,
            partial: Vec::new(),
            held: String::new(),
            tokens: VecDeque::new(),
        }
    }

    /// Adds a token by the bytes that it stands for. Gives what can be given out, and the stop text that
    /// came up, after which nothing may be added.
    pub fn push(&mut self, bytes: &[u8], log_probability: Option<f32>) -> (Vec<Piece>, Option<String>) {
        let text = self.whole_characters(bytes);
        self.held.push_str(&text);
        self.tokens.push_back((text.len(), log_probability));
        let stop = self
            .stops
            .iter()
            .filter_map(|stop| Some((self.held.find(stop.as_str())?, stop)))
            .min();
        if let Some((at, stop)) = stop {
            let stop = stop.clone();
            self.held.truncate(at);
            return (self.finish(), Some(stop));
        }
        let safe = self.held.len() - self.possible_stop();
        (self.release(safe), None)
    }

    /// Gives out everything that is held back; bytes that make no whole character are dropped.
    pub fn finish(&mut self) -> Vec<Piece> {
        self.partial.clear();
        let mut pieces = self.release(self.held.len());
        // Tokens that lie behind a stop text, or share its place.
        for (_, log_probability) in self.tokens.drain(..) {
            let text = std::mem::take(&mut self.held);
            pieces.push(Piece {
                text,
                log_probability,
            });
        }
        pieces
    }

    /// Gives out the tokens whose text lies within the first `safe` bytes.
    fn release(&mut self, mut safe: usize) -> Vec<Piece> {
        let mut pieces = Vec::new();
        while let Some(&(length, log_probability)) = self.tokens.front() {
            if length > safe {
                break;
            }
            self.tokens.pop_front();
            safe -= length;
            let text = self.held.drain(..length).collect();
            pieces.push(Piece {
                text,
                log_probability,
            });
        }
        pieces
    }

    /// Length of the longest end of the held text that begins a stop text.
    fn possible_stop(&self) -> usize {
        self.stops
            .iter()
            .flat_map(|stop| stop.char_indices().map(|(length, _)| &stop[..length]))
            .filter(|start| self.held.ends_with(start))
            .map(str::len)
            .max()
            .unwrap_or(0)
    }

    /// Adds `bytes` to the incomplete character and takes whole characters out; bytes that cannot be part
    /// of one become U+FFFD.
    fn whole_characters(&mut self, bytes: &[u8]) -> String {
        self.partial.extend_from_slice(bytes);
        let mut text = String::new();
        let mut open = self.partial.as_slice();
        loop {
            match std::str::from_utf8(open) {
                Ok(rest) => {
                    text.push_str(rest);
                    open = &[];
                    break;
                }
                Err(error) => {
                    let (good, bad) = open.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(good));
                    open = bad;
                    // No length means that more bytes may complete the character.
                    let Some(length) = error.error_len() else { break };
                    text.push(char::REPLACEMENT_CHARACTER);
                    open = &bad[length..];
                }
            }
        }
        self.partial = open.to_vec();
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pushes `tokens`; gives the texts in the order in which they came, `|` between pushes, and the stop.
    fn play(stops: &[&str], tokens: &[&[u8]]) -> (String, Option<String>) {
        let mut output = Output::new(stops.iter().map(ToString::to_string).collect());
        let mut log = String::new();
        for token in tokens {
            let (pieces, stop) = output.push(token, None);
            log.extend(pieces.iter().map(|piece| format!("[{}]", piece.text)));
            if stop.is_some() {
                return (log, stop);
            }
            log.push('|');
        }
        log.extend(output.finish().iter().map(|piece| format!("[{}]", piece.text)));
        (log, None)
    }

    #[test]
    fn a_stop_text_across_tokens_is_never_given_out() {
        let (log, stop) = play(&["\n\n"], &[b"one\n", b"two\n", b"\nthree"]);
        assert_eq!(
            (log.as_str(), stop.as_deref()),
            ("|[one\n]|[two][]", Some("\n\n"))
        );
    }

    #[test]
    fn what_only_looked_like_a_stop_text_is_given_out_later() {
        let (log, stop) = play(&["</done>"], &[b"a </", b"do", b" b"]);
        assert_eq!((log.as_str(), stop), ("||[a </][do][ b]|", None));
    }

    #[test]
    fn a_character_comes_with_the_token_that_completes_it() {
        let (log, _) = play(&[], &[b"\xf0\x9f", b"\x98", b"\x80!", b"\xff", b"\xe2\x82"]);
        assert_eq!(log, "[]|[]|[😀!]|[\u{fffd}]|[]|");
    }

    #[test]
    fn the_earliest_stop_text_wins() {
        let (log, stop) = play(&["cd", "bc"], &[b"abcd"]);
        assert_eq!((log.as_str(), stop.as_deref()), ("[a]", Some("bc")));
    }

    proptest! {
        #[test]
        fn every_token_comes_once_and_the_text_is_that_before_the_stop(
            tokens in proptest::collection::vec("[abé\n]{0,3}", 0..20),
            stops in proptest::collection::vec("[abé\n]{1,3}", 0..3),
        ) {
            let mut output = Output::new(stops.clone());
            let (mut text, mut pieces, mut pushed, mut stopped) = (String::new(), 0, 0, None);
            for token in &tokens {
                let (out, stop) = output.push(token.as_bytes(), Some(0.5));
                pushed += 1;
                pieces += out.len();
                text.extend(out.iter().map(|piece| piece.text.as_str()));
                stopped = stop;
                if stopped.is_some() { break; }
            }
            if stopped.is_none() {
                let out = output.finish();
                pieces += out.len();
                text.extend(out.iter().map(|piece| piece.text.as_str()));
            }
            let whole: String = tokens.concat();
            let end = stops.iter().filter_map(|stop| whole.find(stop.as_str())).min();
            prop_assert_eq!(pieces, pushed);
            prop_assert_eq!(stopped.is_some(), end.is_some());
            match end {
                // A stop text that begins earlier may end later, in a token that never came.
                Some(end) => prop_assert!(text.len() >= end && whole.starts_with(&text)),
                None => prop_assert_eq!(text, whole),
            }
        }

        #[test]
        fn bytes_cut_anywhere_give_the_same_text(text in "\\PC{0,20}", cuts in proptest::collection::vec(1_usize..4, 0..60)) {
            let mut output = Output::new(Vec::new());
            let mut bytes = text.as_bytes();
            let mut got = String::new();
            for cut in cuts {
                let (token, rest) = bytes.split_at(cut.min(bytes.len()));
                bytes = rest;
                got.extend(output.push(token, None).0.iter().map(|piece| piece.text.as_str()));
            }
            got.extend(output.push(bytes, None).0.iter().map(|piece| piece.text.as_str()));
            prop_assert_eq!(got, text);
        }
    }
}
