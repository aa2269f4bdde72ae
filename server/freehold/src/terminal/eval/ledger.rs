//! What is kept of a run while it goes on, so that one that is interrupted loses nothing and can be gone on with.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use host::{AppendFile, Host};

use super::case::Case;
use super::scores::{Scores, Side, Subject};

/// The outcomes so far, and the files that they are kept in.
pub struct Ledger<'a> {
    host: &'a dyn Host,
    scores: Scores,
    scores_file: Option<PathBuf>,
    answers_file: Option<Box<dyn AppendFile>>,
}

impl<'a> Ledger<'a> {
    /// Goes on with the scores in `scores_file` if there are any; answers are added to `answers_file`.
    ///
    /// # Errors
    /// When a file cannot be read or made, or holds scores of another `subject` and is not to be begun `again`.
    pub fn open(
        host: &'a dyn Host,
        subject: Subject,
        scores_file: Option<&Path>,
        answers_file: Option<&Path>,
        again: bool,
    ) -> anyhow::Result<Self> {
        let kept = match scores_file {
            Some(file) if host.exists(file) => Some((file, Scores::parse(&host.read_text(file)?)?)),
            _ => None,
        };
        let scores = match kept {
            Some((_, kept)) if *kept.subject() == subject => kept,
            Some((file, kept)) => {
                ensure!(
                    again,
                    "`{}` holds scores of {}, and these would be of {subject}; name another file, or say \
                     `--again` to begin it anew",
                    file.display(),
                    kept.subject()
                );
                Scores::new(subject)
            }
            None => Scores::new(subject),
        };
        for file in [scores_file, answers_file].into_iter().flatten() {
            if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                host.create_folder(folder)?;
            }
        }
        Ok(Self {
            host,
            scores,
            scores_file: scores_file.map(Path::to_path_buf),
            answers_file: answers_file.map(|file| host.open_append(file)).transpose()?,
        })
    }

    /// Forgets how `side` fared in `case`; the file keeps it until something newer comes.
    pub fn forget(&mut self, case: &Case, side: Side) {
        self.scores.forget(&case.id, side);
    }

    /// Whether it is not known yet how `side` fares in `case`.
    pub fn lacks(&self, case: &Case, side: Side) -> bool {
        self.scores.outcome(&case.id, side).is_none()
    }

    /// Keeps how `side` fared in `case`, and `answer`, a line of JSON: in the files too.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn keep(&mut self, case: &Case, side: Side, passed: bool, answer: &str) -> anyhow::Result<()> {
        if let Some(file) = &mut self.answers_file {
            file.write_all(format!("{answer}\n").as_bytes())
                .and_then(|()| file.sync())
                .context("cannot write the answers")?;
        }
        self.scores.record(&case.id, case.kind, side, passed);
        // Some thousand lines at most, against the seconds that a case takes: so the file is always in order.
        if let Some(file) = &self.scores_file {
            self.host.write_atomic(file, self.scores.write().as_bytes())?;
        }
        Ok(())
    }

    /// Every outcome so far, those from before included.
    pub fn scores(&self) -> &Scores {
        &self.scores
    }
}
