//! The user's settings: `config.toml` as given, and as resolved with every default filled in.
//!
//! Settings come from the user's own file alone, never from a repository.
//! [`KEYS`] is the one list of what can be set; defaults, checks, the reference page and the schema
//! come from it.

use std::path::Path;

use anyhow::Context as _;
use host::Files;
use serde::{Deserialize, Serialize};

mod keys;
#[cfg(test)]
mod reference;

use keys::{KEYS, Shape};

/// Settings with every default filled in: what the rest of the program reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Installed model that completes code, by name.
    pub model: Option<String>,
    /// The engine process.
    pub engine: EngineSettings,
    /// A server elsewhere that answers instead of the engine process.
    pub endpoint: Option<EndpointSettings>,
    /// Inline completion.
    pub completion: CompletionSettings,
    /// What is put on record.
    pub audit: AuditSettings,
    /// Reviews of changes.
    pub review: ReviewSettings,
}

/// Settings of reviews.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewSettings {
    /// Seconds after which a command is ended that is run against a change.
    pub command_seconds_max: u32,
    /// Mebibytes that what can be undone may take in the store of a workspace.
    pub undo_mebibytes_max: u32,
    /// Days for which what was applied can be undone.
    pub undo_days_max: u32,
}

/// What is put on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSettings {
    /// Whether requests to the engine on this machine are; those to an endpoint are always.
    pub completions: bool,
}

/// Settings of the engine process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSettings {
    /// Tokens that the context holds.
    pub context_tokens: u32,
    /// Threads that compute; the engine picks when there is none.
    pub threads: Option<u32>,
    /// Minutes without a request after which the engine process ends; 0: it never does.
    pub idle_minutes: u32,
    /// Whether evaluated prompts are kept on disk.
    pub keep_prompts: bool,
}

/// Settings of a server elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointSettings {
    /// Where its OpenAI-compatible interface begins, such as `http://127.0.0.1:8080/v1`.
    pub url: String,
    /// Which of its models to ask.
    pub model: Option<String>,
    /// How that model is asked to fill in: the name of a format of the catalogue.
    pub infill_format: Option<String>,
    /// Environment variable that holds its key.
    pub api_key_variable: Option<String>,
}

/// Settings of inline completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletionSettings {
    /// Whether suggestions come while typing; else only when asked for.
    pub automatic: bool,
    /// Tokens of a prompt.
    pub prompt_tokens_max: u32,
    /// Tokens of a suggestion.
    pub suggestion_tokens_max: u32,
    /// Suggestions to choose from when asked for one.
    pub alternatives: u32,
    /// Whether the place after a suggestion that is shown is completed ahead.
    pub prefetch: bool,
    /// Files, as globs in the manner of `.gitignore`, that are kept from the model.
    pub exclude: Vec<String>,
    /// Kinds of text in which nothing is suggested unasked: `comments`, `strings`.
    pub scopes_off: Vec<String>,
    /// Whether the record of what became of suggestions holds their text.
    pub keep_texts: bool,
}

impl Default for CompletionSettings {
    fn default() -> Self {
        Settings::default().completion
    }
}

/// Settings as they stand in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Given {
    model: Option<String>,
    engine: GivenEngine,
    endpoint: GivenEndpoint,
    completion: GivenCompletion,
    audit: GivenAudit,
    review: GivenReview,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct GivenReview {
    command_seconds_max: Option<u32>,
    undo_mebibytes_max: Option<u32>,
    undo_days_max: Option<u32>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct GivenAudit {
    completions: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct GivenEngine {
    context_tokens: Option<u32>,
    threads: Option<u32>,
    idle_minutes: Option<u32>,
    keep_prompts: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct GivenEndpoint {
    url: Option<String>,
    model: Option<String>,
    infill_format: Option<String>,
    api_key_variable: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct GivenCompletion {
    automatic: Option<bool>,
    prompt_tokens_max: Option<u32>,
    suggestion_tokens_max: Option<u32>,
    alternatives: Option<u32>,
    prefetch: Option<bool>,
    exclude: Vec<String>,
    scopes_off: Vec<String>,
    keep_texts: Option<bool>,
}

impl Given {
    fn resolve(self) -> Settings {
        let endpoint = self.endpoint;
        Settings {
            model: self.model,
            engine: EngineSettings {
                context_tokens: self.engine.context_tokens.unwrap_or(keys::CONTEXT_TOKENS),
                threads: self.engine.threads,
                idle_minutes: self.engine.idle_minutes.unwrap_or(keys::IDLE_MINUTES),
                keep_prompts: self.engine.keep_prompts.unwrap_or(keys::KEEP_PROMPTS),
            },
            endpoint: endpoint.url.map(|url| EndpointSettings {
                url,
                model: endpoint.model,
                infill_format: endpoint.infill_format,
                api_key_variable: endpoint.api_key_variable,
            }),
            completion: CompletionSettings {
                automatic: self.completion.automatic.unwrap_or(keys::AUTOMATIC),
                prompt_tokens_max: self
                    .completion
                    .prompt_tokens_max
                    .unwrap_or(keys::PROMPT_TOKENS_MAX),
                suggestion_tokens_max: self
                    .completion
                    .suggestion_tokens_max
                    .unwrap_or(keys::SUGGESTION_TOKENS_MAX),
                alternatives: self.completion.alternatives.unwrap_or(keys::ALTERNATIVES),
                prefetch: self.completion.prefetch.unwrap_or(keys::PREFETCH),
                exclude: self.completion.exclude,
                scopes_off: self.completion.scopes_off,
                keep_texts: self.completion.keep_texts.unwrap_or(keys::KEEP_TEXTS),
            },
            audit: AuditSettings {
                completions: self.audit.completions.unwrap_or(keys::AUDIT_COMPLETIONS),
            },
            review: ReviewSettings {
                command_seconds_max: self
                    .review
                    .command_seconds_max
                    .unwrap_or(keys::COMMAND_SECONDS_MAX),
                undo_mebibytes_max: self.review.undo_mebibytes_max.unwrap_or(keys::UNDO_MEBIBYTES_MAX),
                undo_days_max: self.review.undo_days_max.unwrap_or(keys::UNDO_DAYS_MAX),
            },
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Given::default().resolve()
    }
}

/// Settings, and what is odd about the file but no reason to stop.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// One sentence each, for the user.
    pub warnings: Vec<String>,
}

/// Reads the settings; a file that does not exist sets nothing.
///
/// # Errors
/// When the file cannot be read, is not TOML, or gives a key a value that it cannot have.
pub fn load(files: &dyn Files, file: &Path) -> anyhow::Result<Loaded> {
    match files.read_text(file) {
        Ok(text) => parse(&text, file),
        Err(error) if error.is_not_found() => Ok(Loaded::default()),
        Err(error) => Err(error).context("cannot read your settings"),
    }
}

/// Sets `key` to `value`, or unsets it, and keeps everything else in the file as it is: comments too.
///
/// # Errors
/// When there is no such key or it cannot have that value, or the file cannot be read or written.
pub fn write(
    files: &dyn Files,
    file: &Path,
    key: &str,
    value: Option<toml_edit::Value>,
) -> anyhow::Result<()> {
    let text = match files.read_text(file) {
        Ok(text) => text,
        Err(error) if error.is_not_found() => String::new(),
        Err(error) => return Err(error).context("cannot read your settings"),
    };
    let edited = edit(&text, file, key, value)?;
    if edited == text {
        return Ok(());
    }
    if let Some(folder) = file.parent() {
        files.create_folder(folder)?;
    }
    files
        .write_atomic(file, edited.as_bytes())
        .context("cannot write your settings")
}

fn parse(text: &str, file: &Path) -> anyhow::Result<Loaded> {
    let table: toml::Table =
        toml::from_str(text).with_context(|| format!("cannot understand `{}`", file.display()))?;
    let mut warnings = Vec::new();
    let mut given = toml::Table::new();
    for (name, value) in table {
        match value {
            toml::Value::Table(section) if KEYS.iter().any(|key| key.section() == Some(name.as_str())) => {
                let mut kept = toml::Table::new();
                for (inner, value) in section {
                    if accept(&format!("{name}.{inner}"), &value, file, &mut warnings)? {
                        kept.insert(inner, value);
                    }
                }
                given.insert(name, kept.into());
            }
            value => {
                anyhow::ensure!(
                    !KEYS.iter().any(|key| key.section() == Some(name.as_str())),
                    "`{name}` in `{}` is {}; it must be a section: `[{name}]`",
                    file.display(),
                    shown(&value)
                );
                if accept(&name, &value, file, &mut warnings)? {
                    given.insert(name, value);
                }
            }
        }
    }
    let given = given
        .try_into::<Given>()
        .with_context(|| format!("cannot understand `{}`", file.display()))?;
    if given.endpoint != GivenEndpoint::default() && given.endpoint.url.is_none() {
        warnings.push(format!(
            "`endpoint` in `{}` has no `url`, so it is not used",
            file.display()
        ));
    }
    Ok(Loaded {
        settings: given.resolve(),
        warnings,
    })
}

/// Whether there is such a key; warns if not.
fn accept(name: &str, value: &toml::Value, file: &Path, warnings: &mut Vec<String>) -> anyhow::Result<bool> {
    let Some(key) = KEYS.iter().find(|key| key.name == name) else {
        warnings.push(format!(
            "`{name}` in `{}` is not a setting{}",
            file.display(),
            hint(name)
        ));
        return Ok(false);
    };
    let good = match (&key.shape, value) {
        (Shape::Text, toml::Value::String(text)) => !text.trim().is_empty(),
        (Shape::Flag { .. }, toml::Value::Boolean(_)) => true,
        (Shape::Number { min, max, .. }, toml::Value::Integer(number)) => {
            (i64::from(*min)..=i64::from(*max)).contains(number)
        }
        (Shape::List { allowed }, toml::Value::Array(items)) => items.iter().all(|item| {
            item.as_str().is_some_and(|text| {
                !text.trim().is_empty() && (allowed.is_empty() || allowed.contains(&text))
            })
        }),
        _ => false,
    };
    anyhow::ensure!(
        good,
        "`{name}` in `{}` is {}; it must be {}",
        file.display(),
        shown(value),
        key.shape.allowed()
    );
    Ok(true)
}

/// A value as the user wrote it, unless it is long.
fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::Table(_) => "a section".to_owned(),
        toml::Value::Array(_) => "a list".to_owned(),
        value => format!("`{value}`"),
    }
}

/// The key that was probably meant.
fn hint(name: &str) -> String {
    let leaf = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let nearest = KEYS
        .iter()
        .flat_map(|key| [Some(key.name), key.section()])
        .flatten()
        .map(|known| {
            (
                distance(name, known).min(distance(&leaf(name), &leaf(known)) + 1),
                known,
            )
        })
        .min();
    match nearest {
        Some((distance, key)) if distance <= (name.len() / 3).max(2) => format!("; did you mean `{key}`?"),
        _ => String::new(),
    }
}

/// How many letters must be put in, taken out or replaced to turn `one` into `other`.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, counterpart) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *counterpart);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

fn edit(text: &str, file: &Path, key: &str, value: Option<toml_edit::Value>) -> anyhow::Result<String> {
    let mut document: toml_edit::DocumentMut = text
        .parse()
        .with_context(|| format!("cannot understand `{}`", file.display()))?;
    anyhow::ensure!(
        KEYS.iter().any(|known| known.name == key),
        "`{key}` is not a setting{}",
        hint(key)
    );
    let (table, leaf) = match key.split_once('.') {
        None => (document.as_table_mut(), key),
        Some((section, leaf)) => {
            let mut fresh = toml_edit::Table::new();
            fresh.set_implicit(value.is_none());
            let item = document.entry(section).or_insert(toml_edit::Item::Table(fresh));
            let table = item
                .as_table_mut()
                .with_context(|| format!("`{section}` in `{}` is not a section", file.display()))?;
            (table, leaf)
        }
    };
    match (value, table.get_mut(leaf)) {
        (None, _) => {
            let comment = table
                .remove_entry(leaf)
                .map(|(key, _)| prefix_text(key.leaf_decor()));
            keep_comment(&mut document, comment.unwrap_or_default());
        }
        (Some(mut value), Some(toml_edit::Item::Value(old))) => {
            // The comment behind the value belongs to the line, not to the old value.
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        (Some(value), _) => drop(table.insert(leaf, toml_edit::Item::Value(value))),
    }
    let edited = document.to_string();
    parse(&edited, file)?;
    Ok(edited)
}

/// Keeps what the user wrote above a line that is gone, at the end of the file.
fn keep_comment(document: &mut toml_edit::DocumentMut, comment: String) {
    if comment.contains('#') {
        let trailing = document.trailing().as_str().unwrap_or_default().to_owned();
        document.set_trailing(trailing + &comment);
    }
}

fn prefix_text(decor: &toml_edit::Decor) -> String {
    decor
        .prefix()
        .and_then(toml_edit::RawString::as_str)
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests;
