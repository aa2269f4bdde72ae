//! The record of what became of suggestions: a file on this machine that the user can read and erase, and
//! from which the gate learns what to show.

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::Context as _;
use completion::Record;
use host::Host;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::lsp::{Features, Gate, Judged, Verdict};
use crate::paths::Paths;

/// At this length the older half is dropped: some four thousand records.
const BYTES_MAX: u64 = 1 << 20;

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Seconds since 1970.
    pub at_seconds: u64,
    /// The language of the document, by LSP's name.
    pub language: String,
    /// What became of the suggestion.
    pub verdict: Verdict,
    /// How long it was shown.
    pub shown_milliseconds: u64,
    /// Its length.
    pub characters: usize,
    /// How much of it was taken other than by typing it.
    pub accepted_bytes: usize,
    /// The first eight bytes of the text's SHA-256: equal ones are seen to be equal, and no more.
    pub text_digest: String,
    /// The text, if the user wants it kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What the gate weighs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Features>,
}

/// Where the record lies.
#[must_use]
pub fn file(paths: &Paths) -> PathBuf {
    paths.state.join("suggestions.jsonl")
}

/// Keeps what became of a suggestion.
///
/// # Errors
/// When the file cannot be written.
pub fn keep(host: &dyn Host, paths: &Paths, judged: &Judged, keep_text: bool) -> anyhow::Result<()> {
    let line = Line {
        at_seconds: host
            .now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs()),
        language: judged.language.clone(),
        verdict: judged.verdict,
        shown_milliseconds: u64::try_from(judged.shown_for.as_millis()).unwrap_or(u64::MAX),
        characters: judged.text.chars().count(),
        accepted_bytes: judged.accepted_bytes,
        text_digest: digest(&judged.text),
        text: keep_text.then(|| judged.text.clone()),
        features: judged.features,
    };
    let file = file(paths);
    host.create_private_folder(&paths.state)?;
    let length = host.metadata(&file).map_or(0, |metadata| metadata.bytes);
    if length > BYTES_MAX {
        drop_older_half(host, paths)?;
    }
    let mut text = serde_json::to_string(&line)?;
    text.push('\n');
    // One write, so that lines of several windows do not mix.
    host.open_append(&file)?
        .write_all(text.as_bytes())
        .with_context(|| format!("cannot write `{}`", file.display()))?;
    host.make_private(&file)?;
    Ok(())
}

fn drop_older_half(host: &dyn Host, paths: &Paths) -> anyhow::Result<()> {
    let file = file(paths);
    let text = host.read_text(&file)?;
    let half = text[..text.floor_char_boundary(text.len() / 2)].rfind('\n');
    let kept = half.map_or("", |at| &text[at + 1..]);
    host.write_atomic(&file, kept.as_bytes())?;
    Ok(())
}

/// The record, oldest first; lines that cannot be understood are left out.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn read(host: &dyn Host, paths: &Paths) -> anyhow::Result<Vec<Line>> {
    let text = match host.read_text(&file(paths)) {
        Ok(text) => text,
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    Ok(text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect())
}

/// Erases the record; says whether there was one.
///
/// # Errors
/// When the file is there and cannot be removed.
pub fn forget(host: &dyn Host, paths: &Paths) -> anyhow::Result<bool> {
    match host.remove_file(&file(paths)) {
        Ok(()) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The gate, as far as it has learnt from the record.
#[must_use]
pub fn gate(host: &dyn Host, paths: &Paths) -> Gate {
    match read(host, paths) {
        Ok(lines) => learn(lines),
        Err(error) => {
            tracing::warn!("nothing is learnt from earlier suggestions: {error:#}");
            Gate::default()
        }
    }
}

fn learn(lines: Vec<Line>) -> Gate {
    let records: Vec<Record> = lines
        .into_iter()
        .filter_map(|line| {
            Some(Record {
                features: line.features?,
                accepted: line.verdict != Verdict::Rejected,
            })
        })
        .collect();
    Gate::learn(&records)
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes())[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use host::{Files as _, MemoryHost};

    use super::*;

    fn judged(text: &str) -> Judged {
        Judged {
            language: "rust".to_owned(),
            verdict: Verdict::Rejected,
            shown_for: Duration::from_millis(700),
            text: text.to_owned(),
            accepted_bytes: 0,
            features: None,
        }
    }

    #[test]
    fn the_text_is_kept_only_if_the_user_wants_it() {
        let (host, paths) = (MemoryHost::new(), Paths::within(Path::new("/fh")));
        keep(&host, &paths, &judged("é secret"), false).expect("kept");
        keep(&host, &paths, &judged("told"), true).expect("kept");
        let text = host.read_text(&file(&paths)).expect("written");
        assert!(!text.contains("secret") && text.contains("told"), "{text}");
        let lines = read(&host, &paths).expect("read");
        assert_eq!(
            (lines.len(), lines[0].characters, lines[1].text.as_deref()),
            (2, 8, Some("told"))
        );
        assert!(forget(&host, &paths).expect("erased"));
        assert!(!forget(&host, &paths).expect("gone already"));
        assert_eq!(read(&host, &paths).expect("nothing there"), []);
    }

    #[test]
    fn the_file_has_a_bound_and_loses_the_oldest_first() {
        let (host, paths) = (MemoryHost::new(), Paths::within(Path::new("/fh")));
        for number in 0..40 {
            let text = format!("{number:05}").repeat(10_000);
            keep(&host, &paths, &judged(&text), true).expect("kept");
        }
        let length = host.metadata(&file(&paths)).expect("there").bytes;
        assert!(length < 2 * BYTES_MAX, "{length}");
        let lines = read(&host, &paths).expect("read");
        assert!(lines.len() < 40);
        assert!(
            lines
                .last()
                .and_then(|line| line.text.as_deref())
                .is_some_and(|text| text.starts_with("00039"))
        );
    }

    #[test]
    fn a_line_that_is_broken_does_no_harm() {
        let (host, paths) = (MemoryHost::new(), Paths::within(Path::new("/fh")));
        keep(&host, &paths, &judged("x"), false).expect("kept");
        let mut text = host.read_text(&file(&paths)).expect("written");
        text.insert_str(0, "{ broken\n");
        host.write_atomic(&file(&paths), text.as_bytes())
            .expect("written");
        assert_eq!(read(&host, &paths).expect("read").len(), 1);
    }
}
