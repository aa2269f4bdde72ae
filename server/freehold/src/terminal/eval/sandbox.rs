//! A program that a model has had a hand in, run where it can do no harm: no network, its own folder only, few
//! resources, no environment. Where that cannot be had, nothing is run.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use host::{Command, Host};

/// Sets up the confinement with what Linux systems have: `unshare`, `mount`, `pivot_root`, `setpriv`, `prlimit`.
const CONFINE: &str = include_str!("confine.sh");

/// What the script prints when all is set up.
const CONFINED: &[u8] = b"confined\n";

/// By this code, and no other, a program says that it came to its end: one that ends early is no success.
pub const PASSED_CODE: i32 = 42;

/// Exit code of `timeout` for a program that took too long; one that must be killed gives the other.
const OUT_OF_TIME_CODES: [i32; 2] = [124, 137];

/// A name for nobody in particular, whom no files belong to.
const NOBODY: &str = "65534";

/// What a confined program gets: of memory 4 GiB of addresses (compilers map their libraries), 64 processes and
/// threads, files of 64 MiB, 256 open ones, no core dump.
const LIMITS: &str = "--as=4294967296 --nproc=64 --fsize=67108864 --nofile=256 --core=0";

/// Processor seconds of one process.
const PROCESSOR_SECONDS_MAX: u32 = 10;

/// Seconds on the clock, for a machine that has other things to do besides.
const SECONDS_MAX: u32 = 40;

/// What is said, with the reason after it, where programs cannot be confined.
const CANNOT_CONFINE: &str = "generated programs cannot be confined here, so none is run; that takes Linux with user namespaces, or root there; with `--unconfined` they run as you, with all that you may do";

/// Where programs are looked for.
const SEARCH_PATH: &str = "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A file of a program to run: its path in the program's folder, and its content.
pub type File = (String, String);

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It came to its end and said so.
    Passed,
    /// It failed, or ended early.
    Failed,
    /// It took too long.
    OutOfTime,
}

/// Runs programs, confined unless the user said otherwise.
pub struct Sandbox<'a> {
    host: &'a dyn Host,
    confined: bool,
    readable: Vec<PathBuf>,
}

impl<'a> Sandbox<'a> {
    /// A sandbox in which programs see the system's folders and those in `readable`; with `unconfined` they run
    /// as the user and only time is limited.
    pub fn new(host: &'a dyn Host, readable: Vec<PathBuf>, unconfined: bool) -> Self {
        Self {
            host,
            confined: !unconfined,
            readable,
        }
    }

    /// Makes sure that programs can be confined here, with `probe`, a program that passes if it is.
    ///
    /// # Errors
    /// When they cannot, with what to do.
    pub fn require(&self, files: &[File], probe: &[OsString]) -> anyhow::Result<()> {
        if !self.confined {
            return Ok(());
        }
        match self.run(files, probe) {
            Ok(Ended::Passed) => Ok(()),
            Ok(ended) => bail!("{CANNOT_CONFINE}: the probe for ways out ended as {ended:?}"),
            Err(error) => Err(error.context(CANNOT_CONFINE)),
        }
    }

    /// Runs `program` in a folder of its own that holds `files`.
    ///
    /// # Errors
    /// When it could not be confined; it was then not run.
    pub fn run(&self, files: &[File], program: &[OsString]) -> anyhow::Result<Ended> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let files_folder = folder.path().join("files");
        for (path, content) in files {
            let file = files_folder.join(path);
            if let Some(parent) = file.parent() {
                self.host.create_folder(parent)?;
            }
            self.host.write_atomic(&file, content.as_bytes())?;
        }
        let mut command = Command::new("env")
            .arguments([
                "-i",
                SEARCH_PATH,
                "HOME=/case",
                "LANG=C.UTF-8",
                "PYTHONHASHSEED=0",
            ])
            .arguments(["timeout", "--kill-after=1", &SECONDS_MAX.to_string()]);
        if self.confined {
            command = self.confine(command).argument(folder.path());
            let user = if self.host.user_id() == 0 { NOBODY } else { "" };
            command = command
                .argument(user)
                .argument(format!("{LIMITS} --cpu={PROCESSOR_SECONDS_MAX}"))
                .arguments(self.readable.iter())
                .argument("--");
        }
        let output = self
            .host
            .run(&command.arguments(program).folder(&files_folder))
            .context("cannot run a program")?;
        if self.confined && output.stdout != CONFINED {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("cannot confine a program: {}", said.trim());
        }
        Ok(match output.status_code {
            Some(PASSED_CODE) => Ended::Passed,
            Some(code) if OUT_OF_TIME_CODES.contains(&code) => Ended::OutOfTime,
            _ => Ended::Failed,
        })
    }

    fn confine(&self, command: Command) -> Command {
        let as_user: &[&str] = if self.host.user_id() == 0 {
            &[]
        } else {
            &["--user", "--map-root-user"]
        };
        command
            .argument("unshare")
            .arguments(as_user)
            .arguments(["--mount", "--net", "--pid", "--ipc", "--uts"])
            .arguments(["--fork", "--kill-child"])
            .arguments(["sh", "-c", CONFINE, "sh"])
    }
}
