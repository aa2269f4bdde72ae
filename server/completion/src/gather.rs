//! What the model shall see of a document, and what the finisher must know of the place.

use std::ops::Range;

use crate::decide::{floor_to_character, is_place};
use crate::scan::{Scanner, opener};
use crate::secrets::{HIDDEN, is_secret_file, reach, secrets};
use crate::surroundings::{LeftOut, Omission, Origin, Part, Surroundings, related};
use crate::window::line_within;
use crate::{Document, Selected, lines};
use syntax::{Language, language};

/// Tokens of text in a prompt unless another number is asked for.
///
/// Half of them stand before the cursor: as many as llama.cpp's own editor plugins really get to their server, which is
/// about seventy-five lines of ordinary code.
pub const PROMPT_TOKENS_MAX: u32 = 1536;

/// The part before the cursor, one of so many.
const PARTS_BEFORE: u32 = 2;

/// The part after the cursor, one of so many. What guides the model are the next lines: 128 tokens hold about thirteen.
const PARTS_AFTER: u32 = 12;

/// The part for other files, one of so many. They stand before all else and change seldom, so they are evaluated once
/// and cached; on two cores 512 tokens take a small model some five seconds, which a pause hides.
const PARTS_OF_CONTEXT: u32 = 3;

/// Tokens around the cursor that are read at a new place while nothing is known of how fast they are: what two cores
/// and a model of half a billion parameters take a second for.
const FIRST_TOKENS_MAX: u32 = 192;

/// The part of these that stands after the cursor, one of so many: a token before it is worth more (decision 0007).
const FIRST_PARTS_AFTER: u32 = 5;

/// Tokens that the format, the path and the answer need besides.
const OTHER_TOKENS: u32 = 256;

/// Bytes of source code to a token: 3.2 to 3.7 for code with the vocabularies of Qwen and StarCoder; the
/// lower bound, so that the budget holds.
const BYTES_PER_TOKEN: usize = 3;

/// So much text around the cursor is scanned for open brackets: about a millisecond's work.
const SCAN_BYTES_MAX: usize = 256 * 1024;

/// How much of a document the model may see. Tokens are estimated from bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Tokens of text before the cursor, at most.
    pub prefix_tokens_max: u32,
    /// Tokens of text after the cursor, at most.
    pub suffix_tokens_max: u32,
    /// Tokens of other files, at most; zero shows none.
    pub context_tokens_max: u32,
    /// Tokens around the cursor, a fifth of them after it, that are enough at a place that the model has not read:
    /// nothing can be suggested there before they are.
    pub first_tokens_max: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Self::for_prompt(PROMPT_TOKENS_MAX)
    }
}

impl Budget {
    /// What a prompt with at most `prompt_tokens_max` tokens of text holds of what.
    #[must_use]
    pub fn for_prompt(prompt_tokens_max: u32) -> Self {
        Self {
            prefix_tokens_max: prompt_tokens_max / PARTS_BEFORE,
            suffix_tokens_max: prompt_tokens_max / PARTS_AFTER,
            context_tokens_max: prompt_tokens_max / PARTS_OF_CONTEXT,
            first_tokens_max: FIRST_TOKENS_MAX,
        }
    }

    /// The same, or less if a context of `context_tokens` does not hold it: of other files first. Zero is for unknown.
    #[must_use]
    pub fn within(self, context_tokens: u32) -> Self {
        if context_tokens == 0 {
            return self;
        }
        let room = context_tokens.saturating_sub(OTHER_TOKENS);
        let suffix_tokens_max = self.suffix_tokens_max.min(room / 4);
        let prefix_tokens_max = self.prefix_tokens_max.min(room - suffix_tokens_max);
        Self {
            prefix_tokens_max,
            suffix_tokens_max,
            context_tokens_max: self
                .context_tokens_max
                .min(room - suffix_tokens_max - prefix_tokens_max),
            ..self
        }
    }

    /// The same for who shall not wait: after the cursor only as much as is read first.
    #[must_use]
    pub fn near(self) -> Self {
        Self {
            suffix_tokens_max: self
                .suffix_tokens_max
                .min(self.first_tokens_max / FIRST_PARTS_AFTER),
            ..self
        }
    }

    /// About how many bytes of source code `tokens` tokens are; rather less.
    pub(crate) fn bytes(tokens: u32) -> usize {
        tokens as usize * BYTES_PER_TOKEN
    }

    pub(crate) fn prefix_bytes_max(self) -> usize {
        Self::bytes(self.prefix_tokens_max)
    }

    /// Bytes before the cursor that are read first at a new place.
    pub(crate) fn first_bytes(self) -> usize {
        let tokens = self.first_tokens_max - self.first_tokens_max / FIRST_PARTS_AFTER;
        Self::bytes(tokens.min(self.prefix_tokens_max))
    }

    fn context_bytes_max(self) -> usize {
        Self::bytes(self.context_tokens_max)
    }

    /// Bytes of text after the cursor, at most.
    #[must_use]
    pub fn suffix_bytes_max(self) -> usize {
        Self::bytes(self.suffix_tokens_max)
    }
}

/// So much of what follows the cursor is known to the finisher, however little of it the model sees: the next line
/// counts also where it is a table or a long text.
const FOLLOWING_BYTES_MAX: usize = 8 * 1024;

/// What is known of the place where a suggestion is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// The text before the cursor, lines ended by `\n`; with what is selected in the popup, as if inserted.
    pub prefix: String,
    /// The text after the cursor, lines ended by `\n`.
    pub suffix: String,
    /// Where the document lies, relative to its workspace.
    pub path: String,
    /// The name of the workspace.
    pub workspace: String,
    /// What other files have to say, in the order in which the model sees it.
    pub(crate) related: Vec<Part>,
    pub(crate) left_out: Vec<LeftOut>,
    /// The text before and after the cursor without secrets, where it holds any.
    pub(crate) without_secrets: Option<(String, String)>,
    /// The text after the cursor for the finisher, lines ended by `\n`: it does not depend on what the model sees.
    pub(crate) following: String,
    /// The whole document, as it stands.
    pub(crate) text: ropey::Rope,
    /// Text that the suggestion begins with: what is selected in the popup.
    pub(crate) selected: String,
    /// What the suggestion replaces, in bytes of the document.
    pub(crate) replaced: Range<usize>,
    /// Whether the document's lines end with CR LF.
    pub(crate) carriage_returns: bool,
    /// How the brackets stand where the suggestion begins.
    pub(crate) scanner_before: Scanner,
    /// How the brackets stand at the cursor.
    pub(crate) scanner: Scanner,
    /// How many brackets were open where the cursor's line begins.
    pub(crate) line_depth: usize,
    /// Brackets open at the cursor that nothing after it closes.
    pub(crate) closers_wanted: Vec<char>,
}

impl Context {
    /// What the model sees, in the order of most formats.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        let of_document = |origin, text: &str| Part {
            origin,
            path: self.path.clone(),
            text: text.to_owned(),
        };
        let mut parts = self.related.clone();
        parts.push(of_document(Origin::BeforeCursor, self.shown_prefix()));
        parts.push(of_document(Origin::AfterCursor, self.shown_suffix()));
        parts
    }

    /// What was kept out of what the model sees.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// The text before the cursor as the model sees it.
    pub(crate) fn shown_prefix(&self) -> &str {
        self.without_secrets
            .as_ref()
            .map_or(self.prefix.as_str(), |(prefix, _)| prefix)
    }

    /// The text after the cursor as the model sees it.
    pub(crate) fn shown_suffix(&self) -> &str {
        self.without_secrets
            .as_ref()
            .map_or(self.suffix.as_str(), |(_, suffix)| suffix)
    }

    /// The cursor's line up to the cursor.
    pub(crate) fn line_before(&self) -> &str {
        lines::last(&self.prefix)
    }

    /// Whether nothing but white space stands before what the suggestion replaces, in its line.
    pub(crate) fn replaced_begins_line(&self) -> bool {
        let before = self.line_before();
        lines::is_blank(before.strip_suffix(self.selected.as_str()).unwrap_or(before))
    }

    /// The cursor's line from the cursor on.
    pub(crate) fn line_after(&self) -> &str {
        lines::first(&self.following)
    }

    /// The nearest line with text above the cursor's.
    pub(crate) fn previous_line(&self) -> Option<&str> {
        lines::previous_with_text(&self.prefix)
    }

    /// The nearest line with text below the cursor's.
    pub(crate) fn next_line(&self) -> Option<&str> {
        lines::next_with_text(&self.following)
    }
}

/// Takes out of `document` what the model shall see for a suggestion at `offset_bytes`.
///
/// A place that does not exist is taken for the nearest before it. A selection must lie around the place. What
/// other files say of it comes from `surroundings`. Secrets are left out.
#[must_use]
pub fn gather(
    document: &Document,
    offset_bytes: usize,
    selected: Option<&Selected>,
    surroundings: &Surroundings,
    budget: &Budget,
) -> Context {
    let text = document.text;
    let offset_bytes = floor_to_character(text, offset_bytes);
    let selected = selected.filter(|selected| {
        let range = &selected.range;
        range.start <= offset_bytes
            && offset_bytes <= range.end
            && is_place(text, range.start)
            && is_place(text, range.end)
    });
    let replaced = selected.map_or(offset_bytes..offset_bytes, |selected| selected.range.clone());
    let selected = selected
        .map(|selected| plain_lines(&selected.text))
        .unwrap_or_default();

    let bytes_max = budget.prefix_bytes_max();
    let start = match surroundings.window_start {
        Some(start)
            if is_place(text, start) && start <= replaced.start && replaced.start - start <= bytes_max =>
        {
            start
        }
        _ => line_within(text, replaced.start, bytes_max),
    };
    let end = window_end(text, replaced.end, budget.suffix_bytes_max());
    let mut prefix = plain_lines(&text.byte_slice(start..replaced.start).to_string());
    prefix.push_str(&selected);
    let suffix = plain_lines(&text.byte_slice(replaced.end..end).to_string());
    let following_end = floor_to_character(text, replaced.end + FOLLOWING_BYTES_MAX);
    let following = plain_lines(&text.byte_slice(replaced.end..following_end).to_string());
    let brackets = Brackets::around(document, &replaced, &selected);
    let line = text.byte_to_line(replaced.start);
    let (related, mut left_out) = related(document, line, surroundings, budget.context_bytes_max());
    let without_secrets = shown_of_document(document, &(start..end), &prefix, &suffix);
    if without_secrets.is_some() {
        let why = if is_secret_file(document.path) {
            Omission::SecretFile
        } else {
            Omission::SecretText
        };
        left_out.push(LeftOut {
            path: document.path.to_owned(),
            why,
        });
    }
    Context {
        related,
        left_out,
        without_secrets,
        prefix,
        suffix,
        following,
        path: document.path.to_owned(),
        workspace: document.workspace.to_owned(),
        text: text.clone(),
        selected,
        replaced,
        carriage_returns: uses_carriage_returns(text, offset_bytes),
        scanner_before: brackets.scanner_before,
        scanner: brackets.scanner,
        line_depth: brackets.line_depth,
        closers_wanted: brackets.closers_wanted,
    }
}

/// What the model sees of the text around the cursor, from `window`, if secrets must be taken out of it.
fn shown_of_document(
    document: &Document,
    window: &Range<usize>,
    prefix: &str,
    suffix: &str,
) -> Option<(String, String)> {
    if is_secret_file(document.path) {
        return Some((String::new(), String::new()));
    }
    let whole = [prefix, suffix].concat();
    let found = secrets_within(document.text, window, &whole);
    if found.is_empty() {
        return None;
    }
    let (mut before, mut after) = (String::new(), String::new());
    let mut at = 0;
    for range in found.iter().chain(std::iter::once(&(whole.len()..whole.len()))) {
        let plain = at..range.start;
        before.push_str(&whole[plain.start.min(prefix.len())..plain.end.min(prefix.len())]);
        after.push_str(&whole[plain.start.max(prefix.len())..plain.end.max(prefix.len())]);
        if range.start < prefix.len() && !range.is_empty() {
            before.push_str(HIDDEN);
        } else if !range.is_empty() {
            after.push_str(HIDDEN);
        }
        at = range.end;
    }
    Some((before, after))
}

/// Where secrets stand in `shown`, the text of `window`; also those that are cut by its ends.
fn secrets_within(text: &ropey::Rope, window: &Range<usize>, shown: &str) -> Vec<Range<usize>> {
    let wide = reach(text, window);
    let before = plain_lines(&text.byte_slice(wide.start..window.start).to_string());
    let after = plain_lines(&text.byte_slice(window.end..wide.end).to_string());
    let clipped = |at: usize| at.saturating_sub(before.len()).min(shown.len());
    secrets(&[before.as_str(), shown, after.as_str()].concat())
        .iter()
        .map(|secret| clipped(secret.start)..clipped(secret.end))
        .filter(|secret| !secret.is_empty())
        .collect()
}

/// Where the window ends: at the end of a line if there is one within reach, and text before it.
fn window_end(text: &ropey::Rope, cursor: usize, bytes_max: usize) -> usize {
    let latest = cursor + bytes_max;
    if latest >= text.len_bytes() {
        return text.len_bytes();
    }
    let latest = floor_to_character(text, latest).max(cursor);
    let line_start = text.line_to_byte(text.byte_to_line(latest));
    // A part of a long line says more than nothing.
    let says_something = line_start > cursor
        && text
            .byte_slice(cursor..line_start)
            .chars()
            .any(|character| !character.is_whitespace());
    if says_something { line_start } else { latest }
}

/// How the brackets stand around a place.
struct Brackets {
    scanner_before: Scanner,
    scanner: Scanner,
    line_depth: usize,
    closers_wanted: Vec<char>,
}

impl Brackets {
    fn around(document: &Document, replaced: &Range<usize>, selected: &str) -> Self {
        let text = document.text;
        let language: &'static Language = language(document.language);
        let line_start = text.line_to_byte(text.byte_to_line(replaced.start));
        let start = floor_to_character(text, line_start.saturating_sub(SCAN_BYTES_MAX));
        let mut scanner = Scanner::new(language);
        scanner.scan(&text.byte_slice(start..line_start).to_string());
        let line_depth = scanner.depth();
        let line_from =
            floor_to_character(text, replaced.start.saturating_sub(SCAN_BYTES_MAX)).max(line_start);
        scanner.scan(&text.byte_slice(line_from..replaced.start).to_string());
        let scanner_before = scanner.clone();
        scanner.scan(selected);

        let end = floor_to_character(text, replaced.end + SCAN_BYTES_MAX);
        let mut after = scanner.without_open();
        after.scan(&text.byte_slice(replaced.end..end).to_string());
        let mut open = scanner.open().to_vec();
        for &closer in after.unmatched() {
            if let Some(at) = open.iter().rposition(|&bracket| bracket == opener(closer)) {
                open.remove(at);
            }
        }
        // What lies beyond the scanned text is taken to be in balance.
        let closers_wanted = if end == text.len_bytes() { open } else { Vec::new() };
        Self {
            scanner_before,
            scanner,
            line_depth,
            closers_wanted,
        }
    }
}

/// Whether the line at `offset_bytes`, or the first, ends with CR LF.
fn uses_carriage_returns(text: &ropey::Rope, offset_bytes: usize) -> bool {
    let here = text.byte_to_line(offset_bytes);
    [here, 0].into_iter().any(|line| {
        let slice = text.line(line);
        slice.len_bytes() >= 2
            && slice.byte(slice.len_bytes() - 2) == b'\r'
            && slice.byte(slice.len_bytes() - 1) == b'\n'
    })
}

/// `text` with every line ended by `\n` alone: the model knows no other ending as well.
fn plain_lines(text: &str) -> String {
    if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text.to_owned()
    }
}
