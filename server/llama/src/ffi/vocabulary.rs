//! Text to tokens and back.

use std::collections::HashMap;
use std::ffi::{CStr, c_char};
use std::sync::Arc;

use llama_cpp_sys_2 as sys;

use super::Token;
use super::model::Model;

/// What kind of token a token is, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Stands for text.
    Plain,
    /// Gives structure to a prompt or ends it; never stands for text.
    Control,
    /// Added by the model's makers and always kept whole: mark-up for tools, but also runs of spaces.
    UserDefined,
}

/// A model's vocabulary.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    model: Arc<Model>,
    kinds: Arc<[TokenKind]>,
    special: Arc<HashMap<String, Token>>,
    piece_bytes_max: usize,
}

/// A text that llama.cpp cannot tokenise: it is longer than 2 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is too long to tokenise")]
pub struct TextTooLong;

impl Vocabulary {
    /// Reads the vocabulary of `model`.
    #[must_use]
    pub fn new(model: Arc<Model>) -> Self {
        let raw = raw(&model);
        // SAFETY: reads a length.
        let count = unsafe { sys::llama_vocab_n_tokens(raw) };
        let mut kinds = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
        let mut special = HashMap::new();
        let mut piece_bytes_max = 1;
        for token in 0..count {
            // SAFETY: the token is one of the vocabulary.
            let attributes = unsafe { sys::llama_vocab_get_attr(raw, token) };
            let kind = if attributes & (sys::LLAMA_TOKEN_ATTR_CONTROL | sys::LLAMA_TOKEN_ATTR_UNKNOWN) != 0 {
                TokenKind::Control
            } else if attributes & sys::LLAMA_TOKEN_ATTR_USER_DEFINED != 0 {
                TokenKind::UserDefined
            } else {
                TokenKind::Plain
            };
            kinds.push(kind);
            // SAFETY: the token is one of the vocabulary; the text lives as long as the model.
            let text = unsafe { sys::llama_vocab_get_text(raw, token) };
            if text.is_null() {
                continue;
            }
            // SAFETY: not null; llama.cpp gives texts that end in NUL.
            let text = unsafe { CStr::from_ptr(text) }.to_bytes();
            // A stored text is never shorter than the bytes it stands for.
            piece_bytes_max = piece_bytes_max.max(text.len());
            if kind != TokenKind::Plain
                && let Ok(text) = std::str::from_utf8(text)
            {
                special.entry(text.to_owned()).or_insert(token);
            }
        }
        Self {
            model,
            kinds: kinds.into(),
            special: Arc::new(special),
            piece_bytes_max,
        }
    }

    /// How many tokens there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Whether there are no tokens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Length in bytes of the longest token's text: no text has fewer tokens than its length over this.
    #[must_use]
    pub fn piece_bytes_max(&self) -> usize {
        self.piece_bytes_max
    }

    /// The kind of `token`; `None` if there is no such token.
    #[must_use]
    pub fn kind(&self, token: Token) -> Option<TokenKind> {
        self.kinds.get(usize::try_from(token).ok()?).copied()
    }

    /// The special token with exactly this text.
    #[must_use]
    pub fn special(&self, text: &str) -> Option<Token> {
        self.special.get(text).copied()
    }

    /// Every special token with its text.
    pub fn specials(&self) -> impl Iterator<Item = (&str, Token)> {
        self.special.iter().map(|(text, token)| (text.as_str(), *token))
    }

    /// Whether `token` ends a generation.
    #[must_use]
    pub fn ends_generation(&self, token: Token) -> bool {
        // SAFETY: llama.cpp looks the number up in a set; any number is allowed.
        unsafe { sys::llama_vocab_is_eog(raw(&self.model), token) }
    }

    /// The token that begins a text, if there is one.
    #[must_use]
    pub fn begin(&self) -> Option<Token> {
        // SAFETY: reads a field.
        self.existing(unsafe { sys::llama_vocab_bos(raw(&self.model)) })
    }

    /// The token that ends a text, if there is one.
    #[must_use]
    pub fn end(&self) -> Option<Token> {
        // SAFETY: reads a field.
        self.existing(unsafe { sys::llama_vocab_eos(raw(&self.model)) })
    }

    /// Whether the model wants every text to begin with [`Vocabulary::begin`].
    #[must_use]
    pub fn wants_begin(&self) -> bool {
        // SAFETY: reads a field.
        unsafe { sys::llama_vocab_get_add_bos(raw(&self.model)) }
    }

    /// Tokenises `text`. With `parse_special`, the special tokens named in it are recognised; without,
    /// user-defined tokens still are (see [`crate::prompt`]).
    ///
    /// It takes no bytes that are not UTF-8: llama.cpp throws at them, which would end the process.
    ///
    /// # Errors
    /// Gives [`TextTooLong`] past 2 GiB.
    pub fn tokenise(&self, text: &str, parse_special: bool) -> Result<Vec<Token>, TextTooLong> {
        let length = i32::try_from(text.len()).map_err(|_| TextTooLong)?;
        // Most texts have fewer tokens than this; if not, llama.cpp says how many there are.
        let mut tokens: Vec<Token> = vec![0; text.len() / 2 + 16];
        loop {
            let room = i32::try_from(tokens.len()).map_err(|_| TextTooLong)?;
            // SAFETY: `text` is `length` bytes, `tokens` has `room` entries, and no more are written.
            let count = unsafe {
                sys::llama_tokenize(
                    raw(&self.model),
                    text.as_ptr().cast::<c_char>(),
                    length,
                    tokens.as_mut_ptr(),
                    room,
                    false,
                    parse_special,
                )
            };
            if let Ok(count) = usize::try_from(count) {
                tokens.truncate(count);
                return Ok(tokens);
            }
            let needed = count
                .checked_neg()
                .and_then(|count| usize::try_from(count).ok())
                .ok_or(TextTooLong)?;
            if needed <= tokens.len() {
                return Err(TextTooLong);
            }
            tokens.resize(needed, 0);
        }
    }

    /// Appends the bytes that `token` stands for; control tokens stand for none, unless `special`.
    pub fn append_piece(&self, token: Token, special: bool, bytes: &mut Vec<u8>) {
        if self.kind(token).is_none() {
            return;
        }
        let start = bytes.len();
        let mut room = self.piece_bytes_max.max(32);
        for _ in 0..2 {
            bytes.resize(start + room, 0);
            // SAFETY: the token is one of the vocabulary, and `room` bytes can be written from `start`.
            let length = unsafe {
                sys::llama_token_to_piece(
                    raw(&self.model),
                    token,
                    bytes[start..].as_mut_ptr().cast::<c_char>(),
                    i32::try_from(room).unwrap_or(i32::MAX),
                    0,
                    special,
                )
            };
            match usize::try_from(length) {
                Ok(length) => {
                    bytes.truncate(start + length.min(room));
                    return;
                }
                Err(_) => room = usize::try_from(length.unsigned_abs()).unwrap_or(room),
            }
        }
        bytes.truncate(start);
    }

    /// The text of `token`, special tokens by their name.
    #[must_use]
    pub fn text(&self, token: Token) -> String {
        let mut bytes = Vec::new();
        self.append_piece(token, true, &mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(super) fn as_ptr(&self) -> *const sys::llama_vocab {
        raw(&self.model)
    }

    fn existing(&self, token: Token) -> Option<Token> {
        self.kind(token).map(|_| token)
    }
}

fn raw(model: &Model) -> *const sys::llama_vocab {
    // SAFETY: the model is alive; its vocabulary lives as long.
    unsafe { sys::llama_model_get_vocab(model.as_ptr()) }
}
