//! Text that a server might take for a special token, and how it is kept from being taken for one.
//!
//! The OpenAI API takes a prompt as one text, and the servers behind it look for special tokens all over
//! that text: a document that contains `<|im_end|>` would end a turn. There is no field to say which part
//! is text. So every place outside a template where a special token could begin gets one invisible
//! character after its first one. No token is found there then, the model still reads nearly the same,
//! and because the character is one that the prompt did not contain, taking it out of the answer restores
//! what the model meant to copy.
//!
//! What counts as special is a list and a few patterns, because the server's vocabulary is not known here:
//! the families in the catalogue, the forms `<|…|>` and `<｜…｜>`, and the tokens that the request names.
//! This is the best that the protocol permits. Freehold's own engine does not need it: there, text is
//! tokenised with the parsing of special tokens off.

use engine::{Request, Segment};

/// Characters without width, none of which means anything in code. The first one that is not in the
/// prompt is used.
const JOINERS: [char; 4] = ['\u{2060}', '\u{200b}', '\u{200d}', '\u{feff}'];

/// Longest name between the bars of `<|…|>`, in characters.
const NAME_CHARACTERS_MAX: usize = 64;

/// Special tokens of known families that no pattern covers.
const NAMES: &[&str] = &[
    // Llama 2, Mistral, Codestral, Devstral.
    "<s>",
    "</s>",
    "<unk>",
    "<pad>",
    "[INST]",
    "[/INST]",
    "[PREFIX]",
    "[SUFFIX]",
    "[MIDDLE]",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_CALLS]",
    "[TOOL_CONTENT]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "[ARGS]",
    "[CALL_ID]",
    "[THINK]",
    "[/THINK]",
    "[IMG]",
    "<<SYS>>",
    "<</SYS>>",
    // Code Llama.
    "<PRE>",
    "<SUF>",
    "<MID>",
    "<EOT>",
    "▁<PRE>",
    "▁<SUF>",
    "▁<MID>",
    "▁<EOT>",
    // Gemma.
    "<bos>",
    "<eos>",
    "<mask>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<start_of_image>",
    "<end_of_image>",
    // StarCoder, Granite, Mellum, Seed-Coder and their kin.
    "<filename>",
    "<reponame>",
    "<repo_name>",
    "<file_sep>",
    "<gh_stars>",
    "<issue_start>",
    "<issue_comment>",
    "<issue_closed>",
    "<pr>",
    "<pr_",
    "<jupyter_",
    "<commit_before>",
    "<commit_msg>",
    "<commit_after>",
    "<empty_output>",
    "<intermediate_to_",
    "<fim_",
    "<fim-",
    "<[fim-",
    "<[begin▁of▁",
    "<[end▁of▁",
    "<[PAD▁TOKEN]>",
    "<reponame",
    // Qwen and others mark tools and thoughts so.
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
    // Numbered spares.
    "<extra_id_",
    "<unused",
    "<reserved_",
    "<SPECIAL_",
];

/// A prompt as one text in which only templates name special tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafePrompt {
    /// The text.
    pub text: String,
    /// The character that was put in, if one was; it must be taken out of the answer.
    pub joiner: Option<char>,
}

/// Every character that could be put in is in the prompt already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the text around the cursor looks like special tokens of a model and holds every invisible character that could mark it as text; this endpoint cannot be asked about it"
)]
pub struct NoJoinerLeft;

/// Flattens the prompt of `request` into one text in which only its tokens and templates can name
/// special tokens.
///
/// # Errors
/// When the prompt must be marked and no character is left to mark it with.
pub fn flatten(request: &Request) -> Result<SafePrompt, NoJoinerLeft> {
    let mut text = String::new();
    let mut templates = Vec::new();
    for segment in &request.prompt {
        let start = text.len();
        match segment {
            Segment::Text(part) | Segment::Open(part) => text.push_str(part),
            Segment::Token(part) | Segment::Template(part) => {
                text.push_str(part);
                templates.push(start..text.len());
            }
        }
    }
    let named: Vec<&str> = request
        .prompt
        .iter()
        .filter_map(|segment| match segment {
            Segment::Token(token) => Some(token.as_str()),
            Segment::Text(_) | Segment::Open(_) | Segment::Template(_) => None,
        })
        .chain(request.stop.tokens.iter().map(String::as_str))
        .filter(|token| !token.is_empty())
        .collect();
    let template_end = |at: usize| {
        let next = templates.partition_point(|range| range.end <= at);
        templates
            .get(next)
            .filter(|range| range.start <= at)
            .map(|range| range.end)
    };
    let places = text.char_indices().filter_map(|(at, first)| {
        let length = special_length(&text[at..], &named)?;
        match template_end(at) {
            // Only what a template says by itself is meant; what it begins and text completes is not.
            Some(end) => (at + length > end).then_some(end),
            None => Some(at + first.len_utf8()),
        }
    });
    let mut places: Vec<usize> = places.collect();
    places.dedup();
    if places.is_empty() {
        return Ok(SafePrompt { text, joiner: None });
    }
    let joiner = JOINERS
        .into_iter()
        .find(|joiner| !text.contains(*joiner))
        .ok_or(NoJoinerLeft)?;
    let mut marked = String::with_capacity(text.len() + places.len() * joiner.len_utf8());
    let mut done = 0;
    for place in places {
        marked.push_str(&text[done..place]);
        marked.push(joiner);
        done = place;
    }
    marked.push_str(&text[done..]);
    Ok(SafePrompt {
        text: marked,
        joiner: Some(joiner),
    })
}

/// Whether a special token of a known family could be anywhere in `text`.
#[must_use]
pub fn looks_special(text: &str) -> bool {
    text.char_indices()
        .any(|(at, _)| special_length(&text[at..], &[]).is_some())
}

/// Length in bytes of the special token that `text` might begin with.
fn special_length(text: &str, named: &[&str]) -> Option<usize> {
    let named = named.iter().find(|token| text.starts_with(**token));
    if let Some(token) = named {
        return Some(token.len());
    }
    // Every listed one begins with one of these; most places in code are done with here.
    if !text.starts_with(['<', '[', '▁']) {
        return None;
    }
    NAMES
        .iter()
        .find(|name| text.starts_with(**name))
        .map(|name| name.len())
        .or_else(|| barred_length(text))
}

/// Length in bytes of the `<|…|>` or `<｜…｜>` that `text` begins with.
fn barred_length(text: &str) -> Option<usize> {
    const BARS: [char; 2] = ['|', '｜'];
    let rest = text.strip_prefix('<')?.strip_prefix(BARS)?;
    for (at, character) in rest.char_indices().take(NAME_CHARACTERS_MAX) {
        if BARS.contains(&character) {
            let after = rest[at..].strip_prefix(BARS)?;
            return (at > 0 && after.starts_with('>')).then(|| text.len() - after.len() + 1);
        }
        if character.is_whitespace() || matches!(character, '<' | '>') {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use engine::{Lane, Reuse, Sampling, StopConditions};
    use proptest::prelude::*;

    use super::*;

    fn request(prompt: Vec<Segment>) -> Request {
        Request {
            prompt,
            sampling: Sampling::default(),
            stop: StopConditions::default(),
            lane: Lane::Typing,
            tokens_max: 1,
            log_probabilities: false,
            reuse: Reuse::Exact,
        }
    }

    fn text(text: &str) -> Segment {
        Segment::Text(text.to_owned())
    }

    fn token(text: &str) -> Segment {
        Segment::Token(text.to_owned())
    }

    fn shown(prompt: Vec<Segment>) -> String {
        flatten(&request(prompt))
            .expect("a joiner is left")
            .text
            .replace('\u{2060}', "·")
    }

    #[test]
    fn only_tokens_and_templates_stay_special() {
        let cases = [
            (vec![text("let x = f <| y |> g;")], "let x = f <| y |> g;"),
            (
                vec![text("Vec<u8> a[INST_COUNT] <div>")],
                "Vec<u8> a[INST_COUNT] <div>",
            ),
            (
                vec![token("<|fim_prefix|>"), text("a<|im_end|>b")],
                "<|fim_prefix|>a<·|im_end|>b",
            ),
            (vec![text("<|im_"), text("end|>")], "<·|im_end|>"),
            (vec![text("<|<|im_end|>")], "<|<·|im_end|>"),
            (vec![text("<｜fim▁begin｜>")], "<·｜fim▁begin｜>"),
            (vec![text("<s>old</s> [INST]")], "<·s>old<·/s> [·INST]"),
            (
                vec![Segment::Template("<|im_start|>user\n<|im_".into()), text("end|>")],
                "<|im_start|>user\n<|im_·end|>",
            ),
            (vec![token("@@"), text("@@@")], "@@·@·@·@"),
        ];
        for (prompt, expected) in cases {
            assert_eq!(shown(prompt.clone()), expected, "{prompt:?}");
        }
    }

    #[test]
    fn a_joiner_of_the_document_is_not_used() {
        let safe = flatten(&request(vec![text("\u{2060}<s>")])).expect("others are left");
        assert_eq!(safe.joiner, Some('\u{200b}'));
        let all: String = JOINERS.iter().collect();
        assert_eq!(
            flatten(&request(vec![text(&format!("{all}<s>"))])),
            Err(NoJoinerLeft)
        );
        assert_eq!(
            flatten(&request(vec![text(&all)]))
                .expect("nothing to mark")
                .joiner,
            None
        );
    }

    proptest! {
        #[test]
        fn marked_text_holds_no_special_token_and_loses_nothing(
            parts in prop::collection::vec(
                prop::sample::select(vec!["<", "|", ">", "im_end", "<s>", "<|", "|>", "fim_", "[INST]", " ", "é", "｜"]),
                0..24,
            ),
        ) {
            let original: String = parts.concat();
            let segments = parts.iter().map(|part| text(part)).collect();
            let safe = flatten(&request(segments)).expect("a joiner is left");
            prop_assert!(!looks_special(&safe.text), "{:?}", safe.text);
            let back: String = safe.text.chars().filter(|character| Some(*character) != safe.joiner).collect();
            prop_assert_eq!(back, original);
        }
    }
}
