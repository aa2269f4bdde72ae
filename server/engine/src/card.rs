//! What is known of one model.

use serde::{Deserialize, Serialize};

/// What is known of one model: where it comes from, what it may be used for, how it is prompted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// Short name by which the user picks it, such as `qwen2.5-coder-0.5b`.
    pub name: String,
    /// Name as its makers write it.
    pub title: String,
    /// Where the file comes from.
    pub source: ModelSource,
    /// Size of the file in bytes, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// SHA-256 of the file, 64 lower-case hexadecimal digits, where it is known; never guessed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Under which terms it may be used.
    pub licence: Licence,
    /// Parameters in all, in billions.
    pub parameters_total_billions: f32,
    /// Parameters at work for each token, in billions: fewer than all in a mixture of experts.
    pub parameters_active_billions: f32,
    /// Tokens of context that the model was trained for.
    pub context_tokens_max: u32,
    /// Name of the infill format in the catalogue, if the model was trained to fill in the middle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fim: Option<String>,
    /// Where the chat template comes from.
    pub chat_template: ChatTemplateSource,
}

/// Where a model's file comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSource {
    /// Repository on the model hub, such as `Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF`.
    pub repository: String,
    /// File within the repository. Of a model split into parts: the first part.
    pub file: String,
    /// Packages of a package registry that carry the same file in parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<MirrorSource>,
}

/// The same file, cut in parts inside Python wheels: part *n* is `<module>/data/part<nn>.bin` of package
/// `<package_prefix><n>`, and the parts are concatenated in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MirrorSource {
    /// Name of the packages up to the number.
    pub package_prefix: String,
    /// Version of every package.
    pub version: String,
    /// How many parts there are, numbered from 1.
    pub parts: u32,
}

/// Under which terms a model may be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// SPDX identifier, or the name that its makers gave the licence.
    pub name: String,
    /// Whether it permits commercial use.
    pub commercial_use: bool,
    /// What a user must know before accepting, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Where a chat template comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatTemplateSource {
    /// The model file carries it (`tokenizer.chat_template`).
    File,
    /// The model was not trained to chat.
    None,
}

/// How a model is asked to fill in the middle: which parts, in which order, and what ends its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FimFormat {
    /// The prompt, part by part.
    pub infill: Vec<FimPart>,
    /// What introduces another file before the infill block; empty if the model knows no such thing.
    /// Here [`FimPart::Path`] and [`FimPart::Content`] are that file's.
    #[serde(default)]
    pub other_file: Vec<FimPart>,
    /// What introduces the file with the cursor when other files stand before it.
    #[serde(default)]
    pub current_file: Vec<FimPart>,
    /// What opens a prompt that holds several files; [`FimPart::Repository`] is the workspace's name.
    #[serde(default)]
    pub repository: Vec<FimPart>,
    /// Special tokens that end the answer, besides the model's own end-of-generation tokens.
    #[serde(default)]
    pub stop_tokens: Vec<String>,
    /// Texts that end the answer.
    #[serde(default)]
    pub stop_texts: Vec<String>,
    /// Where the format is described: paper, model card or source.
    pub source: String,
}

/// One part of a prompt that asks for the middle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FimPart {
    /// A special token, by its text.
    Token(String),
    /// Text that the format itself demands, such as a newline.
    Literal(String),
    /// The text before the cursor.
    Prefix,
    /// The text after the cursor.
    Suffix,
    /// The path of a file, relative to its workspace.
    Path,
    /// The content of another file.
    Content,
    /// The name of the workspace.
    Repository,
}

/// What an engine says of what it has loaded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Description {
    /// Name of the model: its card's, or the file's.
    pub model: String,
    /// Infill format, if there is one.
    pub fim: Option<FimFormat>,
    /// Tokens that the context holds for one request.
    pub context_tokens: u32,
    /// The model's own chat template (Jinja), if it has one.
    pub chat_template: Option<String>,
    /// Text of the token that begins a text, if the model has one and wants it.
    pub begin_token: Option<String>,
    /// Text of the token that ends a text.
    pub end_token: Option<String>,
    /// What does the computing, for a person: `CPU (zen4), 2 threads`, `NVIDIA …`.
    pub device: String,
    /// Version of the engine's own code.
    pub engine_version: String,
}
