//! Every setting: its name, its shape, its default and what it is for.

/// Enough for a suggestion with its surroundings and a short conversation; each thousand tokens costs
/// memory (12 MB with the 0.5B model, 28 MB with the 1.5B) whether used or not.
pub(super) const CONTEXT_TOKENS: u32 = 8192;
pub(super) const IDLE_MINUTES: u32 = 15;
pub(super) const KEEP_PROMPTS: bool = true;
pub(super) const AUTOMATIC: bool = true;
pub(super) const PROMPT_TOKENS_MAX: u32 = completion::PROMPT_TOKENS_MAX;
pub(super) const SUGGESTION_TOKENS_MAX: u32 = 128;
pub(super) const ALTERNATIVES: u32 = 3;
pub(super) const PREFETCH: bool = true;
pub(super) const KEEP_TEXTS: bool = false;
pub(super) const AUDIT_COMPLETIONS: bool = true;
pub(super) const COMMAND_SECONDS_MAX: u32 = 600;
pub(super) const UNDO_MEBIBYTES_MAX: u32 = 1024;
pub(super) const UNDO_DAYS_MAX: u32 = 90;

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its name, with the section in front: `engine.threads`.
    pub name: &'static str,
    /// What it can be.
    pub shape: Shape,
    /// What it is for, in whole sentences.
    pub description: &'static str,
}

/// What a setting can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Text, not empty; none unless the user gives one.
    Text,
    /// Yes or no.
    Flag {
        /// What it is unless set.
        default: bool,
    },
    /// A whole number.
    Number {
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
        /// What it is unless set; if nothing, the program picks.
        default: Option<u32>,
    },
    /// Several texts, none unless the user gives some.
    List {
        /// What each may be; anything if there is nothing here.
        allowed: &'static [&'static str],
    },
}

/// Every setting, in the order of the reference page.
pub const KEYS: &[Key] = &[
    Key {
        name: "model",
        shape: Shape::Text,
        description: "The installed model that completes code. `freehold models use NAME` sets it.",
    },
    Key {
        name: "engine.context_tokens",
        shape: Shape::Number {
            min: 512,
            max: 1_048_576,
            default: Some(CONTEXT_TOKENS),
        },
        description: "How many tokens the engine's context holds. More costs memory; more than the model was trained for is cut to that.",
    },
    Key {
        name: "engine.threads",
        shape: Shape::Number {
            min: 1,
            max: 1024,
            default: None,
        },
        description: "How many threads compute. Unless set, the engine picks, and takes fewer while other programs are busy.",
    },
    Key {
        name: "engine.idle_minutes",
        shape: Shape::Number {
            min: 0,
            max: 10_080,
            default: Some(IDLE_MINUTES),
        },
        description: "After so many minutes without a request the engine process ends and frees its memory; the next request starts it again. 0 keeps it.",
    },
    Key {
        name: "engine.keep_prompts",
        shape: Shape::Flag {
            default: KEEP_PROMPTS,
        },
        description: "Whether recent prompts, already evaluated, are kept in `evaluated/` of the state folder, so that the first suggestion after a restart is quick. They hold your code, 256 MiB at most, for you alone to read. If not, what was kept is erased when the engine process starts.",
    },
    Key {
        name: "endpoint.url",
        shape: Shape::Text,
        description: "Where the OpenAI-compatible interface of another server begins, such as `http://127.0.0.1:8080/v1`. If it is set, code goes there instead of to the engine on this machine.",
    },
    Key {
        name: "endpoint.model",
        shape: Shape::Text,
        description: "Which model to ask that server for. How it is asked to fill in code is known if its name holds that of a model of `freehold models list`, as `Qwen/Qwen2.5-Coder-7B` does.",
    },
    Key {
        name: "endpoint.infill_format",
        shape: Shape::Text,
        description: "How the model of that server is asked to fill in code, where its name does not tell: `qwen`, `starcoder2`, `deepseek`, `codestral`, `codegemma`, `granite4`, `seed_coder` or `mellum`, by the family that it is of. Without the one or the other there are no suggestions.",
    },
    Key {
        name: "endpoint.api_key_variable",
        shape: Shape::Text,
        description: "Name of the environment variable that holds the key for that server. The key itself never stands in this file.",
    },
    Key {
        name: "completion.automatic",
        shape: Shape::Flag { default: AUTOMATIC },
        description: "Whether suggestions come while you type. If not, they come when you ask for one.",
    },
    Key {
        name: "completion.prompt_tokens_max",
        shape: Shape::Number {
            min: 64,
            max: 131_072,
            default: Some(PROMPT_TOKENS_MAX),
        },
        description: "How many tokens of text the model is shown for a suggestion: half of them before the cursor, a twelfth after it, a third from other open files. At a new place it begins with fewer, and reads the rest while you do not type. More needs a larger `engine.context_tokens` in the end, and a machine that reads it in time.",
    },
    Key {
        name: "completion.suggestion_tokens_max",
        shape: Shape::Number {
            min: 1,
            max: SUGGESTION_TOKENS_MAX,
            default: Some(SUGGESTION_TOKENS_MAX),
        },
        description: "How many tokens a suggestion has at most in the editor; one that ends with its line never has more than 64.",
    },
    Key {
        name: "completion.alternatives",
        shape: Shape::Number {
            min: 1,
            max: 5,
            default: Some(ALTERNATIVES),
        },
        description: "How many suggestions there are to choose from when you ask for one. Those that come while you type are always one.",
    },
    Key {
        name: "completion.prefetch",
        shape: Shape::Flag { default: PREFETCH },
        description: "Whether the place after a suggestion is completed while you look at it, so that the next one is there at once. It costs computing that is in vain if you write something else.",
    },
    Key {
        name: "completion.exclude",
        shape: Shape::List { allowed: &[] },
        description: "Files that get no suggestions and that the model is never shown, as patterns in the manner of `.gitignore`, such as `*.sql` or `secret/`. What a workspace's own `.gitignore` and `.freeholdignore` name is kept from it in any case, and so are files that hold secrets by their name, such as `.env` and `*.pem`.",
    },
    Key {
        name: "completion.scopes_off",
        shape: Shape::List {
            allowed: &["comments", "strings"],
        },
        description: "Kinds of text in which suggestions come only when you ask for one.",
    },
    Key {
        name: "completion.keep_texts",
        shape: Shape::Flag { default: KEEP_TEXTS },
        description: "Whether the record of what became of suggestions, from which Freehold learns which to show, holds their text too. It stays on this machine; `freehold suggestions show` prints it and `freehold suggestions forget` erases it.",
    },
    Key {
        name: "audit.completions",
        shape: Shape::Flag {
            default: AUDIT_COMPLETIONS,
        },
        description: "Whether each request of the editor and of `freehold complete` to the engine on this machine is put on record: when, which model, how long the prompt was and its SHA-256, never its text. Some 400 bytes each, written together every two seconds; the latest 8 MiB are kept. Those to an endpoint are on record in any case; those of `freehold doctor`, `eval`, `bench` and through `freehold serve` never. `freehold audit requests` shows them.",
    },
    Key {
        name: "review.command_seconds_max",
        shape: Shape::Number {
            min: 1,
            max: 86400,
            default: Some(COMMAND_SECONDS_MAX),
        },
        description: "How many seconds a command may run that `freehold propose --check` or `--diagnose` runs against a change, each time; then it is ended with all that it has begun, and the change says so. `--time-limit` sets it for one.",
    },
    Key {
        name: "review.undo_mebibytes_max",
        shape: Shape::Number {
            min: 1,
            max: 1_048_576,
            default: Some(UNDO_MEBIBYTES_MAX),
        },
        description: "How many mebibytes the files may take, compressed, that are kept of each workspace so that what was applied can be undone. Beyond that the oldest steps are forgotten, once a day when the workspace is opened; the latest step is always kept.",
    },
    Key {
        name: "review.undo_days_max",
        shape: Shape::Number {
            min: 1,
            max: 36500,
            default: Some(UNDO_DAYS_MAX),
        },
        description: "How many days what was applied can be undone. Older steps are forgotten, once a day when the workspace is opened; the latest step is always kept. The audit log keeps its records.",
    },
];

impl Key {
    /// The section that the setting stands in, if any.
    #[must_use]
    pub fn section(&self) -> Option<&'static str> {
        self.name.split_once('.').map(|(section, _)| section)
    }
}

impl Shape {
    /// What a value may be, in words.
    #[must_use]
    pub fn allowed(&self) -> String {
        match self {
            Self::Text => "text that is not empty".to_owned(),
            Self::Flag { .. } => "`true` or `false`".to_owned(),
            Self::Number { min, max, .. } => format!("a whole number from {min} to {max}"),
            Self::List { allowed: [] } => "a list of texts".to_owned(),
            Self::List { allowed } => {
                let allowed: Vec<String> = allowed.iter().map(|text| format!("`\"{text}\"`")).collect();
                format!("a list of any of {}", allowed.join(", "))
            }
        }
    }
}
