//! A GBNF grammar, as a filter on the next token.

use std::ffi::CString;
use std::ptr::NonNull;

use llama_cpp_sys_2 as sys;

use super::Token;
use super::vocabulary::Vocabulary;

/// Longest grammar that is taken, in bytes.
const GRAMMAR_BYTES_MAX: usize = 256 * 1024;
/// Deepest nesting of parentheses that is taken: llama.cpp's parser calls itself for each.
const NESTING_MAX: usize = 128;

/// A grammar and how far a text has gone through it.
#[derive(Debug)]
pub struct Grammar {
    raw: NonNull<sys::llama_sampler>,
    // The sampler points into it.
    vocabulary: Vocabulary,
}

// SAFETY: llama.cpp ties a sampler to no thread, and `Grammar` gives out nothing that shares it.
unsafe impl Send for Grammar {}

/// A grammar that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrammarError {
    /// It is too long or nested too deep.
    #[error("the grammar is longer than {GRAMMAR_BYTES_MAX} bytes or nests deeper than {NESTING_MAX}")]
    TooLarge,
    /// It does not parse, has no rule `root`, or is left-recursive.
    #[error("the grammar does not parse, has no rule `root`, or calls itself on the left")]
    Malformed,
    /// The token does not continue the text by the grammar.
    #[error("the token does not follow the grammar")]
    Rejected,
}

impl Grammar {
    /// Reads a GBNF grammar whose first rule is `root`.
    ///
    /// # Errors
    /// Gives [`GrammarError::TooLarge`] or [`GrammarError::Malformed`].
    pub fn new(vocabulary: &Vocabulary, text: &str) -> Result<Self, GrammarError> {
        if text.len() > GRAMMAR_BYTES_MAX || nesting(text) > NESTING_MAX {
            return Err(GrammarError::TooLarge);
        }
        let text = CString::new(text).map_err(|_| GrammarError::Malformed)?;
        // SAFETY: both texts end in NUL and are copied; the vocabulary is kept alive by the clone below.
        // The function catches C++ exceptions.
        let raw = unsafe {
            sys::llama_rs_sampler_init_grammar(vocabulary.as_ptr(), text.as_ptr(), c"root".as_ptr())
        };
        let raw = NonNull::new(raw).ok_or(GrammarError::Malformed)?;
        Ok(Self {
            raw,
            vocabulary: vocabulary.clone(),
        })
    }

    /// Whether `token` may come next.
    #[must_use]
    pub fn allows(&mut self, token: Token) -> bool {
        let mut candidate = [(token, 0.0)];
        self.filter(&mut candidate);
        candidate[0].1 > f32::NEG_INFINITY
    }

    /// Sets the logit of every candidate that may not come next to minus infinity. Candidates that are
    /// no tokens may not.
    pub fn filter(&mut self, candidates: &mut [(Token, f32)]) {
        // Numbers outside the vocabulary would be looked up past its end.
        let mut data: Vec<sys::llama_token_data> = candidates
            .iter()
            .filter(|(token, _)| self.vocabulary.kind(*token).is_some())
            .map(|&(id, logit)| sys::llama_token_data { id, logit, p: 0.0 })
            .collect();
        let mut array = sys::llama_token_data_array {
            data: data.as_mut_ptr(),
            size: data.len(),
            selected: -1,
            sorted: false,
        };
        // SAFETY: the array holds `size` entries with tokens of the vocabulary. The grammar sampler only
        // writes logits, so order and length stay.
        unsafe { sys::llama_sampler_apply(self.raw.as_ptr(), &raw mut array) };
        let mut filtered = data.iter();
        for (token, logit) in candidates {
            let known = self.vocabulary.kind(*token).is_some();
            *logit = known
                .then(|| filtered.next())
                .flatten()
                .map_or(f32::NEG_INFINITY, |entry| entry.logit);
        }
    }

    /// Goes on with `token`, which must not be one that ends the generation.
    ///
    /// # Errors
    /// Gives [`GrammarError::Rejected`], after which the grammar must not be used any more.
    pub fn accept(&mut self, token: Token) -> Result<(), GrammarError> {
        // llama.cpp ends the process when an end comes too early, and an exception on others.
        if self.vocabulary.ends_generation(token) || !self.allows(token) {
            return Err(GrammarError::Rejected);
        }
        // SAFETY: the sampler is alive and the token may come next; the function catches exceptions.
        let status = unsafe { sys::llama_rs_sampler_accept(self.raw.as_ptr(), token) };
        if status == sys::LLAMA_RS_STATUS_OK {
            Ok(())
        } else {
            Err(GrammarError::Rejected)
        }
    }
}

impl Drop for Grammar {
    fn drop(&mut self) {
        // SAFETY: made by `new`, freed once.
        unsafe { sys::llama_sampler_free(self.raw.as_ptr()) };
    }
}

/// How deep parentheses nest; those in quotes are counted too, which only errs to the safe side.
fn nesting(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut deepest = 0;
    for byte in text.bytes() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}
