//! Whether a program with a suggestion in it does what it should: it is run, confined.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use host::{Command, Host};

use super::case::Case;
use super::sandbox::{Ended, File, PASSED_CODE, Sandbox};

/// Passes if it sees no network and cannot write but in its folder, has limits and no environment.
const PROBE: &str = include_str!("probe.py");

/// Prints the interpreter itself, whatever stands in `PATH` for it, and where its library lies.
const FIND_PYTHON: &str =
    "import sys; print(getattr(sys, '_base_executable', sys.executable)); print(sys.base_prefix)";

/// Runs the programs of the cases.
pub struct Checker<'a> {
    sandbox: Sandbox<'a>,
    python: PathBuf,
    rustc: Result<PathBuf, String>,
}

impl<'a> Checker<'a> {
    /// Finds Python and the Rust compiler, and makes sure that programs can be confined.
    ///
    /// # Errors
    /// When there is no Python, or programs cannot be confined and `unconfined` does not allow that.
    pub fn new(host: &'a dyn Host, unconfined: bool) -> anyhow::Result<Self> {
        let found = said(host, &Command::new("python3").arguments(["-c", FIND_PYTHON]))
            .context("cannot run the cases without Python; install `python3`")?;
        let (python, library) = found
            .split_once('\n')
            .context("`python3` does not say where it is")?;
        let sysroot = said(host, &Command::new("rustc").arguments(["--print", "sysroot"]));
        let mut readable = vec![PathBuf::from(library)];
        let rustc = sysroot.map_err(|error| format!("{error:#}")).map(|sysroot| {
            readable.push(PathBuf::from(&sysroot));
            PathBuf::from(sysroot).join("bin/rustc")
        });
        let mut checker = Self {
            sandbox: Sandbox::new(host, readable, unconfined),
            python: PathBuf::from(python),
            rustc,
        };
        let probe = checker.python_program(PROBE);
        checker.sandbox.require(&probe.0, &probe.1)?;
        if let Ok(rustc) = &checker.rustc {
            let (files, program) = rust_program(rustc, "fn check() {}\n");
            if checker.sandbox.run(&files, &program)? != Ended::Passed {
                checker.rustc = Err("`rustc` compiles nothing that runs, confined".to_owned());
            }
        }
        Ok(checker)
    }

    /// Why cases in `language` cannot be checked here, if so.
    pub fn lacks(&self, language: &str) -> Option<&str> {
        match &self.rustc {
            Err(reason) if language == "rust" => Some(reason),
            _ => None,
        }
    }

    /// Runs `case` with `text` as the file that the cursor is in.
    ///
    /// # Errors
    /// When the program could not be confined or its compiler is missing; it was then not run.
    pub fn check(&self, case: &Case, text: &str) -> anyhow::Result<Ended> {
        let whole = format!("{text}\n\n{}", case.check);
        let (mut files, program) = match case.language {
            "rust" => match &self.rustc {
                Ok(rustc) => rust_program(rustc, &whole),
                Err(reason) => bail!("cannot compile Rust: {reason}"),
            },
            _ => self.python_program(&whole),
        };
        files.extend(case.files.iter().cloned());
        self.sandbox.run(&files, &program)
    }

    fn python_program(&self, text: &str) -> (Vec<File>, Vec<OsString>) {
        // Not by `sys.exit`, which a program may catch.
        let text = format!("{text}\n\nimport os\nos._exit({PASSED_CODE})\n");
        // No site folder of the user, no variables, no compiled files.
        let mut program = vec![self.python.clone().into_os_string()];
        program.extend(["-s", "-E", "-B", "main.py"].map(OsString::from));
        (vec![("main.py".to_owned(), text)], program)
    }
}

fn rust_program(rustc: &std::path::Path, text: &str) -> (Vec<File>, Vec<OsString>) {
    let text = format!("{text}\n\nfn main() {{\n    check();\n    std::process::exit({PASSED_CODE})\n}}\n");
    let script = "\"$0\" --edition 2024 -A warnings -C debuginfo=0 -o main main.rs && exec ./main";
    let program = vec!["sh".into(), "-c".into(), script.into(), rustc.as_os_str().into()];
    (vec![("main.rs".to_owned(), text)], program)
}

/// What `command` prints, without the line break at its end.
fn said(host: &dyn Host, command: &Command) -> anyhow::Result<String> {
    let output = host.run(command)?;
    ensure!(
        output.success(),
        "`{}` fails: {}",
        command.program.display(),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let text = String::from_utf8(output.stdout).context("it does not speak Unicode")?;
    Ok(text.trim_end().to_owned())
}
