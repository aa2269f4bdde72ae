//! The VS Code extension: its tools, its checks, its package.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::needs::{NODE_MAJOR_MIN, node_major};
use crate::process::{self, Log, target_folder};

/// Got through npm where the system's Node.js is too old, as Debian 12's is.
const NODE_VERSION: &str = "24.21.0";
/// Goes with it.
const NPM_VERSION: &str = "11.19.1";

/// Where the extension lies.
pub fn folder() -> PathBuf {
    process::root().join("editors/vscode")
}

/// `npm ARGUMENTS` in the extension's folder, with a Node.js that is new enough.
pub fn npm(log: &mut Log, arguments: &[&str]) -> Result<String> {
    ensure!(
        folder().join("package.json").is_file(),
        "`{}` holds no package.json",
        folder().display()
    );
    run(log, "npm", arguments, &folder())
}

/// `node ARGUMENTS` in the project's folder, with a Node.js that is new enough.
pub fn node(log: &mut Log, arguments: &[&str]) -> Result<String> {
    run(log, "node", arguments, &process::root())
}

fn run(log: &mut Log, name: &str, arguments: &[&str], folder: &Path) -> Result<String> {
    let newer = newer_node(log)?;
    let own = newer
        .iter()
        .map(|folder| folder.join(process::executable(name)))
        .find(|file| file.exists());
    let program = own.or_else(|| process::find(name));
    let mut command = Command::new(program.with_context(|| format!("cannot find `{name}` on the path"))?);
    // Debian's Node.js trusts the certificates that the system trusts; newer ones must be told to.
    command
        .args(arguments)
        .current_dir(folder)
        .env("NODE_USE_SYSTEM_CA", "1");
    if !newer.is_empty() {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = newer.into_iter().chain(std::env::split_paths(&path));
        command.env(
            "PATH",
            std::env::join_paths(folders).context("cannot extend PATH")?,
        );
    }
    log.run(&mut command)
}

/// Packs the extension with the laid out server inside; gives the VSIX.
pub fn pack(log: &mut Log, server_folder: &Path) -> Result<PathBuf> {
    if !folder().join("node_modules").is_dir() {
        npm(log, &["ci"])?;
    }
    let package = package()?;
    let server = server_folder.to_string_lossy();
    let out = package.to_string_lossy();
    npm(
        log,
        &[
            "run",
            "package",
            "--",
            "--server",
            &server,
            "--target",
            &target()?,
            "--out",
            &out,
        ],
    )?;
    ensure!(
        package.is_file(),
        "`npm run package` left no `{}`",
        package.display()
    );
    Ok(package)
}

/// Where [`pack`] puts the package for this system.
pub fn package() -> Result<PathBuf> {
    let name = format!("freehold-{}-{}.vsix", env!("CARGO_PKG_VERSION"), target()?);
    Ok(target_folder().join("dist").join(name))
}

/// This system as VS Code calls it.
fn target() -> Result<String> {
    let system = match std::env::consts::OS {
        "linux" => "linux",
        "macos" => "darwin",
        "windows" => "win32",
        other => bail!("VS Code has no packages for `{other}`"),
    };
    let processor = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => bail!("VS Code has no packages for `{other}`"),
    };
    Ok(format!("{system}-{processor}"))
}

/// The folders with a new enough Node.js and npm, none if the system's are; installs them when first needed.
fn newer_node(log: &mut Log) -> Result<Vec<PathBuf>> {
    if node_major().is_some_and(|major| major >= NODE_MAJOR_MIN) {
        return Ok(Vec::new());
    }
    let folder = target_folder().join("xtask/node");
    let package = format!("node-{}", target()?);
    let programs = vec![
        folder.join("node_modules").join(&package).join("bin"),
        folder.join("node_modules/.bin"),
    ];
    if !programs[1].join("npm").exists() {
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        // A package of its own, else npm would look for one further up.
        std::fs::write(folder.join("package.json"), "{\"private\":true}\n")
            .with_context(|| format!("cannot write into `{}`", folder.display()))?;
        let mut install = process::command("npm");
        install.args(["install", "--no-audit", "--no-fund", "--ignore-scripts"]);
        install.args([format!("{package}@{NODE_VERSION}"), format!("npm@{NPM_VERSION}")]);
        log.run(install.current_dir(&folder))
            .context("cannot install a newer Node.js")?;
    }
    Ok(programs)
}
