//! Putting a patch up for review.

use std::collections::BTreeMap;
use std::sync::Arc;

use changes::{Authority, ChangeInfo, Live, Review, WorkspacePath, patch};
use serde_json::json;

use super::command::Command;
use super::desk::{Answer, Desk, Documents, Effect, Work};
use super::following::in_editor;
use super::job::Job;

/// The permission bits of a file of which no other are known.
pub(super) const NEW_FILE_MODE: u32 = 0o644;

/// The files that a patch names.
pub(super) fn paths(text: &[u8]) -> Result<Vec<WorkspacePath>, String> {
    let patches = parse(text)?;
    if patches.is_empty() {
        return Err("the patch is empty".to_owned());
    }
    let mut paths: Vec<WorkspacePath> = patches
        .into_iter()
        .flat_map(|patch| [patch.old, patch.new])
        .flatten()
        .collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}

fn parse(text: &[u8]) -> Result<Vec<patch::FilePatch>, String> {
    patch::parse(text).map_err(|error| format!("cannot read the patch: {error}"))
}

impl Desk {
    /// Puts up what a command proposes, now that it is known what stands there.
    pub(super) fn put_up(
        &mut self,
        command: Command,
        answer: Answer,
        live: &BTreeMap<WorkspacePath, Live>,
        failures: &BTreeMap<WorkspacePath, String>,
        documents: &dyn Documents,
        effects: &mut Vec<Effect>,
    ) {
        let Command::Propose {
            patch,
            title,
            origin,
            from,
        } = command
        else {
            return;
        };
        if let Some(reason) = failures.values().next() {
            effects.push(Effect::Answer(
                answer,
                Err(format!("cannot propose this: {reason}")),
            ));
            return;
        }
        let nothing = Live {
            authority: Authority::Disk,
            file: None,
        };
        let stands = |path: &WorkspacePath| {
            let on_disk = live.get(path).unwrap_or(&nothing);
            let document = self.open.get(path).and_then(|uri| documents.document(uri));
            match document {
                Some((text, _)) => in_editor(text, on_disk.file.clone()),
                None => on_disk.clone(),
            }
        };
        let info = ChangeInfo {
            title,
            origin,
            provenance: from.provenance(),
            ..ChangeInfo::default()
        };
        let mut review = Review::clone(&self.review);
        let proposed = parse(&patch).and_then(|patches| {
            review
                .propose_patch(info, &patches, stands)
                .map_err(|error| format!("{:#}", anyhow::Error::new(error)))
        });
        let change = match proposed {
            Ok(change) => change,
            Err(message) => {
                effects.push(Effect::Answer(answer, Err(message)));
                return;
            }
        };
        let hunks = review.hunks().filter(|view| view.change == change);
        let hunks: Vec<String> = hunks.map(|view| view.id.to_string()).collect();
        self.review = Arc::new(review);
        let value = json!({ "change": change.to_string(), "hunks": hunks });
        effects.push(Effect::Changed);
        effects.push(Effect::Do(Job::Record {
            records: Vec::new(),
            review: Arc::clone(&self.review),
        }));
        self.work = Some(Work::Recording(answer, value));
    }
}
