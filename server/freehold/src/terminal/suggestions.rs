//! `freehold suggestions`: the record of what became of suggestions, shown or erased.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use host::RealHost;

use crate::cli::{SuggestionsArguments, SuggestionsCommand};
use crate::lsp::Verdict;
use crate::paths::Paths;
use crate::suggestion_record::{self, Line};

/// `freehold suggestions show | forget`.
///
/// # Errors
/// When the record cannot be read or erased.
pub fn suggestions(arguments: &SuggestionsArguments) -> anyhow::Result<ExitCode> {
    let host = RealHost::new();
    let paths = Paths::find(&host)?;
    let file = suggestion_record::file(&paths);
    let text = match &arguments.command {
        SuggestionsCommand::Show { json: true } => {
            let lines = suggestion_record::read(&host, &paths)?;
            let lines: Result<Vec<String>, _> = lines.iter().map(serde_json::to_string).collect();
            lines?.into_iter().map(|line| line + "\n").collect()
        }
        SuggestionsCommand::Show { json: false } => {
            let lines = suggestion_record::read(&host, &paths)?;
            format!("{}\n{}", file.display(), table(&lines))
        }
        SuggestionsCommand::Forget => {
            if suggestion_record::forget(&host, &paths)? {
                format!("Erased `{}`.\n", file.display())
            } else {
                "There was no record.\n".to_owned()
            }
        }
    };
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .context("cannot print")?;
    Ok(ExitCode::SUCCESS)
}

/// How often what became of suggestions, by language.
fn table(lines: &[Line]) -> String {
    let mut languages: Vec<&str> = lines.iter().map(|line| line.language.as_str()).collect();
    languages.sort_unstable();
    languages.dedup();
    let mut text = format!(
        "{:<16} {:>8} {:>8} {:>8}\n",
        "language", "accepted", "typed", "rejected"
    );
    for language in languages {
        let count = |verdict: Verdict| {
            lines
                .iter()
                .filter(|line| line.language == language && line.verdict == verdict)
                .count()
        };
        let _ = writeln!(
            text,
            "{language:<16} {:>8} {:>8} {:>8}",
            count(Verdict::Accepted),
            count(Verdict::Typed),
            count(Verdict::Rejected)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_record_is_counted_by_language() {
        let line = |language: &str, verdict| Line {
            at_seconds: 0,
            language: language.to_owned(),
            verdict,
            shown_milliseconds: 1,
            characters: 1,
            accepted_bytes: 0,
            text_digest: String::new(),
            text: None,
            features: None,
        };
        let lines = [
            line("rust", Verdict::Accepted),
            line("python", Verdict::Rejected),
            line("rust", Verdict::Accepted),
            line("rust", Verdict::Typed),
        ];
        expect![[r#"
            language         accepted    typed rejected
            python                  0        0        1
            rust                    2        1        0
        "#]]
        .assert_eq(&table(&lines));
    }
}
