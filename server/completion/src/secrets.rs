//! What must never enter a prompt: files that hold secrets, and secrets in the midst of other text.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::decide::{floor_to_character, line_range};

/// What stands in a prompt instead of a secret.
pub const HIDDEN: &str = "REDACTED";

/// Bits to a character from which a quoted value looks drawn by lot.
const ENTROPY_BITS_MIN: f32 = 3.2;

/// Changes from a letter to a digit or back that a value without quotes must have to look drawn by lot.
const BARE_CHANGES_MIN: usize = 3;

/// Names of files whose whole content is secret.
const FILE_NAMES: &[&str] = &[
    ".env",
    ".envrc",
    ".htpasswd",
    ".netrc",
    ".npmrc",
    ".pgpass",
    ".pypirc",
    "credentials",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "id_rsa",
    "kubeconfig",
    "secrets.json",
    "secrets.toml",
    "secrets.yaml",
    "secrets.yml",
];

/// How the names of such files end.
const FILE_ENDINGS: &[&str] = &[
    ".jks",
    ".kdbx",
    ".key",
    ".keystore",
    ".ovpn",
    ".p12",
    ".pem",
    ".pfx",
    ".ppk",
];

/// How the names of files end that show what a secret one looks like.
const SAMPLE_ENDINGS: &[&str] = &[".example", ".sample", ".template", ".dist"];

/// Whether the file at `path` holds secrets, judged by its name.
#[must_use]
pub fn is_secret_file(path: &str) -> bool {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path).to_lowercase();
    if SAMPLE_ENDINGS.iter().any(|ending| name.ends_with(ending)) {
        return false;
    }
    let is_environment = name.starts_with(".env.") || (name.ends_with(".env") && name != ".env");
    FILE_NAMES.contains(&name.as_str())
        || is_environment
        || FILE_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Keys that cannot be mistaken for anything else: by how they begin, and how long they are.
const KEYS: &str = r"(?x)
    \b(?:AKIA|ASIA)[A-Z0-9]{16}\b
  | \bgh[opusr]_[A-Za-z0-9]{36,}
  | \bgithub_pat_[A-Za-z0-9_]{22,}
  | \bglpat-[A-Za-z0-9_-]{20,}
  | \bxox[abeoprs]-[A-Za-z0-9-]{10,}
  | \b(?:sk|rk|pk)_live_[A-Za-z0-9]{16,}
  | \bsk-(?:[A-Za-z]+-)*[A-Za-z0-9_]*[0-9][A-Za-z0-9_-]{19,}
  | \bAIza[A-Za-z0-9_-]{35}
  | \bya29\.[A-Za-z0-9_-]{20,}
  | \bnpm_[A-Za-z0-9]{36}
  | \bpypi-AgE[A-Za-z0-9_-]{50,}
  | \bhf_[A-Za-z0-9]{30,}
  | \bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}
  | \beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}
";

/// How values are named that are said to be secret.
const NAMES: &str = r"(?:passw(?:or)?d|secret|token|api_?-?key|access_?-?key|private_?-?key|auth_?-?key)";

/// What stands in quotes after such a name.
const QUOTED: &str = r#"[a-z0-9_]*["']?\s*(?:[:=]|=>|:=)\s*["']([^"'\s]{12,})["']"#;

/// How a line begins and goes on that is such a name and a value without quotes, as YAML, shells and lists of
/// properties have them; values may have names that look like this too, see [`looks_drawn_bare`].
const BARE_BEGIN: &str = r"^[ \t]*(?:(?:export|set|env|arg|-)[ \t]+)?[a-z0-9_.-]*";
const BARE_VALUE: &str = r"[a-z0-9_.-]*[ \t]*[:=][ \t]*([^\s'\x22`(){}\[\],;]{12,})[ \t]*(?:#.*)?\r?$";

/// A password in the address of a service.
const ADDRESS: &str = r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@'\x22]+:([^\s:/@'\x22]{3,})@";

/// The beginning and the end of a private key.
const PEM_BEGIN: &str = r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----";
const PEM_END: &str = r"-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----";

/// What may stand in a private key besides its code.
const KEY_HEADERS: &[&str] = &[
    "Proc-Type:",
    "DEK-Info:",
    "Version:",
    "Comment:",
    "Charset:",
    "Hash:",
];

/// So many letters and digits in a row are no word.
const CODED_BYTES_MIN: usize = 40;

struct Patterns {
    keys: Regex,
    quoted: Regex,
    bare: Regex,
    address: Regex,
    pem_begin: Regex,
    pem_end: Regex,
}

/// The patterns are part of the program and the tests use every one.
static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| {
    Some(Patterns {
        keys: Regex::new(KEYS).ok()?,
        quoted: Regex::new(&format!("(?i){NAMES}{QUOTED}")).ok()?,
        bare: Regex::new(&format!("(?im){BARE_BEGIN}{NAMES}{BARE_VALUE}")).ok()?,
        address: Regex::new(ADDRESS).ok()?,
        pem_begin: Regex::new(PEM_BEGIN).ok()?,
        pem_end: Regex::new(PEM_END).ok()?,
    })
});

/// So much before and after a place is looked through for the ends of a secret that it may lie in: more than the
/// longest private keys have.
const REACH_BYTES: usize = 8 * 1024;

/// The lines of `text` around `range`, so many that a secret which reaches into it is seen as one. This and
/// [`secrets`] are done for every key: it takes some seventy microseconds.
pub fn reach(text: &ropey::Rope, range: &Range<usize>) -> Range<usize> {
    let first = floor_to_character(text, range.start.saturating_sub(REACH_BYTES));
    let last = floor_to_character(text, range.end + REACH_BYTES);
    let start = line_range(text, first).start;
    let end = line_range(text, last).end;
    // A line of any length is not read to its ends.
    let start = if first - start <= REACH_BYTES {
        start
    } else {
        first
    };
    let end = if end - last <= REACH_BYTES { end } else { last };
    start..end.max(range.end)
}

/// Where secrets stand in `text`, in order and apart from one another.
#[must_use]
pub fn secrets(text: &str) -> Vec<Range<usize>> {
    let Some(patterns) = PATTERNS.as_ref() else {
        // Without patterns nothing can be shown to be harmless.
        return std::iter::once(0..text.len())
            .filter(|all| !all.is_empty())
            .collect();
    };
    let mut found: Vec<Range<usize>> = patterns.keys.find_iter(text).map(|key| key.range()).collect();
    let values = patterns
        .quoted
        .captures_iter(text)
        .filter_map(|found| found.get(1));
    found.extend(
        values
            .filter(|value| looks_drawn(value.as_str()))
            .map(|value| value.range()),
    );
    let bare_values = patterns.bare.captures_iter(text).filter_map(|found| found.get(1));
    found.extend(
        bare_values
            .filter(|value| looks_drawn_bare(value.as_str()))
            .map(|value| value.range()),
    );
    let passwords = patterns
        .address
        .captures_iter(text)
        .filter_map(|found| found.get(1));
    found.extend(
        passwords
            .filter(|password| !is_placeholder(password.as_str()))
            .map(|password| password.range()),
    );
    found.extend(private_keys(patterns, text));
    found.sort_by_key(|range| range.start);
    found.dedup_by(|next, last| {
        let overlaps = next.start <= last.end;
        if overlaps {
            last.end = last.end.max(next.end);
        }
        overlaps
    });
    found
}

/// `text` without its secrets, and whether it had any.
#[must_use]
pub fn without_secrets(text: &str) -> (String, bool) {
    let found = secrets(text);
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for range in &found {
        shown.push_str(&text[at..range.start]);
        shown.push_str(HIDDEN);
        at = range.end;
    }
    shown.push_str(&text[at..]);
    (shown, !found.is_empty())
}

/// The insides of private keys; of one whose beginning or end is not in the text, what looks like it.
fn private_keys(patterns: &Patterns, text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    if let Some(end) = patterns.pem_end.find(text) {
        let begins_before = patterns
            .pem_begin
            .find(text)
            .is_some_and(|begin| begin.start() < end.start());
        if !begins_before {
            let inside_bytes = key_bytes(text[..end.start()].rsplit('\n'));
            found.push(end.start() - inside_bytes..end.start());
            at = end.end();
        }
    }
    while let Some(begin) = patterns.pem_begin.find_at(text, at) {
        let end = patterns.pem_end.find_at(text, begin.end());
        let inside_end = end.map_or_else(
            || begin.end() + key_bytes(text[begin.end()..].split('\n')),
            |end| end.start(),
        );
        at = end.map_or(text.len(), |end| end.end());
        found.push(begin.end()..inside_end);
    }
    found.retain(|inside| !inside.is_empty());
    found
}

/// Bytes of `lines`, which go away from the one end of a private key that is known, up to the last that may belong
/// to it: code and prose that only speak of keys are no part of one.
fn key_bytes<'a>(lines: impl Iterator<Item = &'a str>) -> usize {
    let (mut bytes, mut key_bytes) = (0, 0);
    for (index, line) in lines.enumerate() {
        let bare = line.trim_matches(|one: char| !one.is_ascii_alphanumeric());
        if index > 0 && !may_be_of_key(bare) {
            break;
        }
        bytes += line.len() + usize::from(index > 0);
        if !bare.is_empty() {
            key_bytes = bytes;
        }
    }
    key_bytes
}

/// Whether `line`, without the marks around it, is one of a private key, as it stands or quoted in code.
fn may_be_of_key(line: &str) -> bool {
    let is_coded = |one: char| one.is_ascii_alphanumeric() || "+/=".contains(one);
    !line.contains(char::is_whitespace)
        || KEY_HEADERS.iter().any(|header| line.starts_with(header))
        || line
            .split(|one| !is_coded(one))
            .any(|run| run.len() >= CODED_BYTES_MIN)
}

/// Whether `value` looks drawn by lot: letters and digits mixed, and no word, path or placeholder.
fn looks_drawn(value: &str) -> bool {
    let has_digit = value.contains(|one: char| one.is_ascii_digit());
    let has_letter = value.contains(|one: char| one.is_ascii_alphabetic());
    has_digit && has_letter && !is_placeholder(value) && entropy_bits(value) >= ENTROPY_BITS_MIN
}

/// The same for a `value` without quotes, which may as well be the name of one: names have words in them, and few
/// changes from letters to digits.
fn looks_drawn_bare(value: &str) -> bool {
    let is_name = value
        .chars()
        .all(|one| one.is_ascii_alphanumeric() || "_.:".contains(one));
    let has_words = value.contains(['_', '.', ':']);
    let changes = value
        .as_bytes()
        .windows(2)
        .filter(|two| {
            let (first, second) = (two[0], two[1]);
            first.is_ascii_alphabetic() && second.is_ascii_digit()
                || first.is_ascii_digit() && second.is_ascii_alphabetic()
        })
        .count();
    looks_drawn(value) && changes >= BARE_CHANGES_MIN && !(is_name && has_words)
}

/// Whether `value` stands for another that is filled in later.
fn is_placeholder(value: &str) -> bool {
    let lower = value.to_lowercase();
    let marks = ["${", "{{", "<", "{", "$", "%", "..."];
    let words = [
        "example",
        "placeholder",
        "password",
        "changeme",
        "your",
        "xxx",
        "***",
        "redacted",
    ];
    marks.iter().any(|mark| value.contains(mark)) || words.iter().any(|word| lower.contains(word))
}

/// Bits that one character of `value` tells, by how often each occurs in it.
fn entropy_bits(value: &str) -> f32 {
    let mut counts = std::collections::BTreeMap::new();
    for character in value.chars() {
        *counts.entry(character).or_insert(0.0_f32) += 1.0;
    }
    let all: f32 = counts.values().sum();
    counts
        .values()
        .map(|count| -(count / all) * (count / all).log2())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_secrets_are_known_by_name() {
        let secret = [
            ".env",
            "a/.env.local",
            "deploy/prod.env",
            "x/server.pem",
            "ID_RSA",
            "k.p12",
            ".aws/credentials",
        ];
        let plain = [
            ".env.example",
            "src/env.rs",
            "environment.py",
            "keys.rs",
            "key.ts",
            "secrets.rs",
            "tokenizer.json",
        ];
        for path in secret {
            assert!(is_secret_file(path), "{path}");
        }
        for path in plain {
            assert!(!is_secret_file(path), "{path}");
        }
    }

    /// In parts, so that no scanner takes this file for a leak.
    #[test]
    fn secrets_are_taken_out_of_text() {
        let body = "0123456789abcdefGHIJKLMNOPqrstuvwxyz";
        let cases = [
            format!("key = {}{}", "AKIA", "IOSFODNN7ABCDEFG"),
            format!("t: gh{}{body}", "p_"),
            format!(
                "Bearer ey{}.eyJ{}.{}",
                "JhbGciOiJIUzI1", "zdWIiOiIxMjM0", "SflKxwRJSMeKKF2"
            ),
            format!("api_key = \"{}\"", "9f8a7b6c5d4e3f2a1b0c"),
            format!("\"clientSecret\": \"{}\"", "Zx81kQpL02mNvB7t"),
            format!("export API_TOKEN={}", "9f8a7b6c5d4e3f2a"),
            format!("db:\n  - password: {}  # of staging\n", "Zx81kQpL02mNvB7t"),
            format!("client.secret = {}\r\n", "x7+K/2pQ9vR4=="),
            format!("postgres://admin:{}@db/x", "hunter2z"),
            format!("s{}{}", "k-proj-", "a8".repeat(16)),
            format!("-----BEGIN RSA {} KEY-----\nMIIE\nabc\n", "PRIVATE"),
            format!("MIIE\n-----END {} KEY-----\n", "PRIVATE"),
        ];
        for case in cases {
            let (shown, had) = without_secrets(&case);
            assert!(had && shown.contains(HIDDEN), "{case}");
            assert_eq!(
                without_secrets(&shown).0,
                shown,
                "{case}: nothing is hidden twice"
            );
        }
    }

    #[test]
    fn a_key_without_its_other_end_is_hidden_as_far_as_it_looks_like_one() {
        let begin = ["-----BEGIN RSA PRIVATE", " KEY-----"].concat();
        let end = begin.replace("BEGIN", "END");
        let code = "a8B/".repeat(16);
        let cases = [
            (
                format!("{begin}\n{code}\nab==\n\nall the rest\n"),
                format!("{begin}REDACTED\n\nall the rest\n"),
            ),
            (
                format!("a b c\n\n{code}\nab==\n{end}"),
                format!("a b c\n\nREDACTED{end}"),
            ),
            (
                format!("{begin}\nProc-Type: 4,ENCRYPTED\n\n{code}\n"),
                format!("{begin}REDACTED\n"),
            ),
            (
                format!("'{begin}' . \"\\n\" .\n  '{code}' . \"\\n\" .\nf(a, b)"),
                format!("'{begin}REDACTED\nf(a, b)"),
            ),
            (
                format!("if is(\"{begin}\"):\n    return True\n"),
                format!("if is(\"{begin}\"):\n    return True\n"),
            ),
            (
                format!("    return True\nif is(\"{end}\"):"),
                format!("    return True\nREDACTED{end}\"):"),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(without_secrets(&text).0, expected, "{text}");
        }
    }

    #[test]
    fn ordinary_code_holds_none() {
        let cases = [
            "let token = lexer.next_token();",
            "password = input(\"Password: \")",
            "const API_KEY = process.env.API_KEY_PRODUCTION;",
            "token: \"${{ secrets.GITHUB_TOKEN }}\"",
            "secret = \"change-me-please\"",
            "api_key = os.environ[\"OPENAI_API_KEY_2\"]",
            "sha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"",
            "assert_eq!(tokens[\"identifier\"], 12);",
            "http://localhost:8080/a@b",
            "git@github.example:owner/repository.git",
            "sk-learn and sk-means-clustering-with-many-words",
            "token_type = 'access-token-type-bearer'",
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
            "password = 'password1234567'",
            "token = self.tokens_v2",
            "    secret = base64_of_sha256_v3",
            "secretName: my-app-v2-tls-cert3",
            "token_image: registry/app/v1.2.3-rc1",
            "tokens = parser3::tokens4::all5",
            "TOKEN=${GITHUB_TOKEN_1A2B3C}",
            "password: correct-horse-battery",
        ];
        for case in cases {
            assert_eq!(secrets(case), Vec::<Range<usize>>::new(), "{case}");
        }
    }
}
