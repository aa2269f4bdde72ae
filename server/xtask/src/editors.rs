//! The VS Code extension: its tools, its checks, its package.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::needs::{NODE_MAJOR_MIN, node_major};
use crate::process::{self, Log, target_folder};

/// Got through npm where the system's Node.js is too old, as Debian 12's is.
const NODE_PACKAGES: [&str; 2] = ["node@24", "npm@11"];

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
    let tools = node_tools(log)?;
    let mut npm = Command::new(npm_program(tools.as_deref()));
    npm.args(arguments).current_dir(folder());
    log.run(with_tools(&mut npm, tools.as_deref())?)
}

/// `node ARGUMENTS` in the project's folder, with a Node.js that is new enough.
pub fn node(log: &mut Log, arguments: &[&str]) -> Result<String> {
    let tools = node_tools(log)?;
    let name = process::executable("node");
    let program = match &tools {
        Some(folder) => folder.join(name),
        None => process::find("node").context("cannot find `node` on the path")?,
    };
    let mut node = Command::new(program);
    node.args(arguments).current_dir(process::root());
    log.run(with_tools(&mut node, tools.as_deref())?)
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

/// The folder with a new enough Node.js and npm, if the system's are not; installs them when first needed.
fn node_tools(log: &mut Log) -> Result<Option<PathBuf>> {
    if node_major().is_some_and(|major| major >= NODE_MAJOR_MIN) {
        return Ok(None);
    }
    let folder = target_folder().join("xtask/node");
    let programs = folder.join("node_modules/.bin");
    if !programs.join("npm").exists() {
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        // A package of its own, else npm would look for one further up.
        std::fs::write(folder.join("package.json"), "{\"private\":true}\n")
            .with_context(|| format!("cannot write into `{}`", folder.display()))?;
        let mut install = process::command("npm");
        install
            .args(["install", "--no-audit", "--no-fund"])
            .args(NODE_PACKAGES)
            .current_dir(&folder);
        log.run(&mut install).context("cannot install a newer Node.js")?;
    }
    Ok(Some(programs))
}

fn npm_program(tools: Option<&Path>) -> PathBuf {
    match tools {
        Some(folder) => folder.join("npm"),
        None => process::find("npm").unwrap_or_else(|| PathBuf::from("npm")),
    }
}

fn with_tools<'a>(command: &'a mut Command, tools: Option<&Path>) -> Result<&'a mut Command> {
    if let Some(folder) = tools {
        command.env("PATH", path_with(folder)?);
    }
    Ok(command)
}

fn path_with(folder: &Path) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).context("cannot extend PATH")
}
