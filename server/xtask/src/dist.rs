//! The release: the binary with the shared libraries it needs, in a folder that runs anywhere on such a system.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::process::{self, Log, cargo, executable, output, target_folder};
use crate::steps::{self, Step};
use crate::{editors, needs, setup};

/// Measured on two slow cores from nothing: the llama.cpp build 16 min, our own crates 4.
pub const RELEASE_BUILD_EXPECTED: Duration = Duration::from_secs(20 * 60);

/// The libraries of llama.cpp that the loader looks for by these names; the CPU variants come on top.
const LIBRARIES_LINUX: [&str; 3] = ["libllama.so.0", "libggml.so.0", "libggml-base.so.0"];

const NOTICE: &str = "\
Freehold is under the Apache License 2.0.

This folder also holds, unchanged but for having been compiled:

lib/libllama*, lib/libggml*: llama.cpp, MIT License, Copyright (c) 2023-2026 The ggml authors.
lib/libgomp.so.1: GNU OpenMP run-time library of GCC, GPL 3 or later with the GCC Runtime Library Exception 3.1,
  as the system that this release was built on ships it; its sources come with GCC.
The binary contains Rust crates under permissive licences; Cargo.lock in the sources names them all.
";

/// `cargo xtask dist`.
pub fn run(server_only: bool) -> Result<ExitCode> {
    let steps = steps(server_only);
    println!(
        "About {} minutes from nothing; less when built before.",
        steps::expected_minutes(&steps)
    );
    let reports = steps::run(&steps);
    println!("\n{}", steps::table(&reports));
    Ok(if steps::all_passed(&reports) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn steps(server_only: bool) -> Vec<Step> {
    let mut steps = vec![
        Step {
            name: "setup",
            about: "what packing needs",
            expected: Duration::from_secs(60),
            needs: &[],
            run: Box::new(|log| {
                let missing = setup::missing(needs::for_packing());
                setup::consent(&missing, false)?;
                setup::install(&missing, log)?;
                Ok(String::new())
            }),
        },
        Step {
            name: "build",
            about: "release build with llama.cpp",
            expected: RELEASE_BUILD_EXPECTED,
            needs: &["setup"],
            run: Box::new(|log| {
                build(log)?;
                Ok(String::new())
            }),
        },
        Step {
            name: "layout",
            about: "binary and libraries into target/dist",
            expected: Duration::from_secs(2),
            needs: &["build"],
            run: Box::new(|log| {
                let folder = lay_out()?;
                check_starts(&folder, log)?;
                Ok(format!(
                    "{}, {}",
                    folder.display(),
                    megabytes(folder_bytes(&folder)?)
                ))
            }),
        },
    ];
    if !server_only {
        steps.push(Step {
            name: "vsix",
            about: "VS Code extension with the server inside",
            expected: Duration::from_secs(60),
            needs: &["layout"],
            run: Box::new(|log| {
                let file = editors::pack(log, &folder()?)?;
                let bytes = std::fs::metadata(&file).with_context(|| unreadable(&file))?.len();
                Ok(format!("{}, {}", file.display(), megabytes(bytes)))
            }),
        });
    }
    steps
}

/// Builds the release binary; `try`, `test` and `dist` all do it with these words, so that each finds the
/// other's work done.
pub fn build(log: &mut Log) -> Result<()> {
    log.run(&mut cargo(["build", "--release", "--package", "freehold"]))
        .map(drop)
}

/// The binary that [`build`] makes.
pub fn built_binary() -> PathBuf {
    target_folder().join("release").join(executable("freehold"))
}

/// Where [`lay_out`] puts the release for this system.
pub fn folder() -> Result<PathBuf> {
    let about_rustc = output(Command::new("rustc").arg("-vV")).context("cannot ask rustc for its target")?;
    let target = about_rustc.lines().find_map(|line| line.strip_prefix("host: "));
    let target = target.context("rustc -vV names no host")?;
    Ok(target_folder().join("dist").join(format!("freehold-{target}")))
}

/// Copies the built binary and its libraries into the folder of the release, which is made anew.
///
/// # Errors
/// When something was not built, or cannot be copied.
pub fn lay_out() -> Result<PathBuf> {
    let folder = folder()?;
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot clear `{}`", folder.display()))?;
    }
    // Windows looks for libraries beside the program only.
    let below = if cfg!(windows) { "" } else { "lib" };
    let library_folder = folder.join(below);
    std::fs::create_dir_all(&library_folder)
        .with_context(|| format!("cannot create the folder `{}`", library_folder.display()))?;
    copy(&built_binary(), &folder.join(executable("freehold")))?;
    for library in built_libraries(&target_folder().join("release").join(below))? {
        let name = library.file_name().expect("a listed file has a name");
        copy(&library, &library_folder.join(name))?;
    }
    if cfg!(target_os = "linux") {
        copy(&openmp_library()?, &library_folder.join("libgomp.so.1"))?;
    }
    let notice = folder.join("NOTICE");
    std::fs::write(&notice, NOTICE).with_context(|| format!("cannot write `{}`", notice.display()))?;
    copy(&process::root().join("LICENSE"), &folder.join("LICENSE"))?;
    Ok(folder)
}

/// The libraries that the build of `llama` laid beside the binary, by the names that the loader looks for.
fn built_libraries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut libraries = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| unreadable(folder))? {
        let path = entry.with_context(|| unreadable(folder))?.path();
        if is_library(&path) {
            libraries.push(path);
        }
    }
    libraries.sort();
    if cfg!(target_os = "linux") {
        for name in LIBRARIES_LINUX {
            ensure!(
                folder.join(name).exists(),
                "`{name}` is missing in `{}`",
                folder.display()
            );
        }
        let is_variant = |path: &&PathBuf| path.to_string_lossy().contains("libggml-cpu");
        ensure!(
            libraries.iter().any(|path| is_variant(&path)),
            "no CPU variant (`libggml-cpu-….so`) in `{}`",
            folder.display()
        );
    }
    Ok(libraries)
}

fn is_library(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".so") || name.contains(".so.") || name.ends_with(".dylib") || name.ends_with(".dll")
}

/// The OpenMP run-time library of this system's compiler.
fn openmp_library() -> Result<PathBuf> {
    let answer = output(Command::new("cc").arg("-print-file-name=libgomp.so.1"))?;
    let path = PathBuf::from(answer.trim());
    // The compiler gives the bare name back when it knows no such file.
    if path.is_absolute() {
        return Ok(path);
    }
    bail!("cannot find `libgomp.so.1`; install your system's package of it (Debian: libgomp1)")
}

/// Starts the laid out binary in another folder with an empty environment, and looks at what it loaded.
fn check_starts(folder: &Path, log: &mut Log) -> Result<()> {
    let elsewhere = std::env::temp_dir();
    let binary = folder.join(executable("freehold"));
    let mut version = Command::new(&binary);
    version.arg("--version").current_dir(&elsewhere).env_clear();
    log.run(&mut version)
        .context("the release does not start away from the sources")?;
    if cfg!(target_os = "linux") {
        let loaded = log.run(Command::new("ldd").arg(&binary).current_dir(&elsewhere))?;
        check_loaded(&loaded, &folder.join("lib"))?;
    }
    Ok(())
}

/// Every library of ours must be found, and found in `library_folder`.
fn check_loaded(ldd: &str, library_folder: &Path) -> Result<()> {
    for line in ldd.lines() {
        ensure!(
            !line.contains("not found"),
            "a library is not found: {}",
            line.trim()
        );
        let ours = ["libllama", "libggml", "libgomp"]
            .iter()
            .any(|name| line.trim().starts_with(name));
        ensure!(
            !ours || line.contains(&*library_folder.to_string_lossy()),
            "a library comes from elsewhere than `{}`: {}",
            library_folder.display(),
            line.trim()
        );
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to)
        .map(drop)
        .with_context(|| format!("cannot copy `{}` to `{}`", from.display(), to.display()))
}

fn folder_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).with_context(|| unreadable(folder))? {
        let entry = entry.with_context(|| unreadable(folder))?;
        let metadata = entry.metadata().with_context(|| unreadable(&entry.path()))?;
        bytes += if metadata.is_dir() {
            folder_bytes(&entry.path())?
        } else {
            metadata.len()
        };
    }
    Ok(bytes)
}

fn unreadable(path: &Path) -> String {
    format!("cannot read `{}`", path.display())
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_from_elsewhere_or_from_nowhere_is_refused() {
        let folder = Path::new("/release/lib");
        let good =
            "\tlibllama.so.0 => /release/lib/libllama.so.0 (0x1)\n\tlibc.so.6 => /lib/libc.so.6 (0x2)\n";
        check_loaded(good, folder).expect("all of it is where it belongs");
        let elsewhere = good.replace("/release/lib", "/usr/lib");
        let message = format!("{:#}", check_loaded(&elsewhere, folder).expect_err("not ours"));
        assert!(message.contains("from elsewhere"), "{message}");
        let nowhere = "\tlibggml.so.0 => not found\n";
        let message = format!("{:#}", check_loaded(nowhere, folder).expect_err("missing"));
        assert!(message.contains("libggml.so.0 => not found"), "{message}");
    }

    #[test]
    fn libraries_are_told_from_their_neighbours() {
        let library = |name: &str| is_library(Path::new(name));
        assert!(library("libllama.so.0") && library("libggml-cpu-haswell.so") && library("ggml.dll"));
        assert!(!library("freehold") && !library("freehold.d") && !library("libllama.rlib"));
    }
}
