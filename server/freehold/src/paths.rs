//! Where Freehold keeps its things on this machine.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use host::Environment;

/// Where Freehold keeps its things. Nothing is made until somebody needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The user's settings, `config.toml`.
    pub settings_file: PathBuf,
    /// Model files, and what is recorded of each.
    pub models: PathBuf,
    /// Logs, and what may be lost without harm.
    pub state: PathBuf,
    /// Sockets and locks of running processes; make it with `create_private_folder`.
    pub run: PathBuf,
}

impl Paths {
    /// Finds the folders: all in `FREEHOLD_HOME` if that is set, else where the system wants them.
    ///
    /// # Errors
    /// When there is neither `FREEHOLD_HOME` nor a home folder.
    pub fn find(environment: &dyn Environment) -> anyhow::Result<Self> {
        if let Some(home) = environment.variable_os("FREEHOLD_HOME") {
            let home = PathBuf::from(home);
            let home = if home.is_absolute() {
                home
            } else {
                environment.current_folder()?.join(home)
            };
            return Ok(Self::within(&home));
        }
        let home = environment
            .home()
            .context("cannot find your home folder; set HOME, or FREEHOLD_HOME to a folder of your choice")?;
        let folder = |variable: &str, fallback: &str| {
            absolute(environment, variable)
                .unwrap_or_else(|| home.join(fallback))
                .join("freehold")
        };
        let (settings, data, state) = if cfg!(windows) {
            let roaming = folder("APPDATA", "AppData/Roaming");
            let local = folder("LOCALAPPDATA", "AppData/Local");
            (roaming, local.clone(), local.join("state"))
        } else {
            let settings = folder("XDG_CONFIG_HOME", ".config");
            (
                settings,
                folder("XDG_DATA_HOME", ".local/share"),
                folder("XDG_STATE_HOME", ".local/state"),
            )
        };
        let run = match absolute(environment, "XDG_RUNTIME_DIR") {
            Some(folder) => folder.join("freehold"),
            None if cfg!(windows) => data.join("run"),
            None => PathBuf::from(format!("/tmp/freehold-{}", environment.user_id())),
        };
        Ok(Self {
            settings_file: settings.join("config.toml"),
            models: data.join("models"),
            state,
            run,
        })
    }

    /// Everything in one folder.
    #[must_use]
    pub fn within(home: &Path) -> Self {
        Self {
            settings_file: home.join("config.toml"),
            models: home.join("models"),
            state: home.join("state"),
            run: home.join("run"),
        }
    }

    /// The socket of the engine process.
    #[must_use]
    pub fn engine_socket(&self) -> PathBuf {
        self.run.join("engine.sock")
    }

    /// Prompts that the engine process has evaluated, kept over a restart. They hold the user's code.
    #[must_use]
    pub fn evaluated_prompts(&self) -> PathBuf {
        self.state.join("evaluated")
    }

    /// The socket through which the terminal reaches the review of the workspace at `root`, a path free of
    /// symbolic links.
    #[must_use]
    pub fn review_socket(&self, root: &Path) -> PathBuf {
        let digest = changes::Digest::of(root.as_os_str().as_encoded_bytes()).to_string();
        // The path of a socket has little room.
        self.run.join(format!("review-{}.sock", &digest[..16]))
    }

    /// What the engine process has to say for itself.
    #[must_use]
    pub fn engine_log(&self) -> PathBuf {
        self.state.join("engine.log")
    }
}

/// The folder that a variable names; a relative one means nothing and is ignored, as XDG demands.
fn absolute(environment: &dyn Environment, variable: &str) -> Option<PathBuf> {
    environment
        .variable_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

#[cfg(all(test, unix))]
mod tests {
    use expect_test::{Expect, expect};
    use host::MemoryHost;

    use super::*;

    fn check(variables: &[(&str, &str)], expected: Expect) {
        let host = MemoryHost::new();
        for (name, value) in variables {
            host.set_variable(name, value);
        }
        let text = match Paths::find(&host) {
            Ok(paths) => format!(
                "{}\n{}\n{}\n{}\n",
                paths.settings_file.display(),
                paths.models.display(),
                paths.engine_log().display(),
                paths.engine_socket().display()
            ),
            Err(error) => format!("{error}\n"),
        };
        expected.assert_eq(&text);
    }

    #[test]
    fn folders_come_from_the_home_folder() {
        check(
            &[("HOME", "/home/ada")],
            expect![[r#"
            /home/ada/.config/freehold/config.toml
            /home/ada/.local/share/freehold/models
            /home/ada/.local/state/freehold/engine.log
            /tmp/freehold-1000/engine.sock
        "#]],
        );
    }

    #[test]
    fn folders_come_from_xdg_unless_it_is_relative() {
        let variables = [
            ("HOME", "/home/ada"),
            ("XDG_CONFIG_HOME", "/c"),
            ("XDG_DATA_HOME", "/d"),
            ("XDG_STATE_HOME", "relative"),
            ("XDG_RUNTIME_DIR", "/run/user/7"),
        ];
        check(
            &variables,
            expect![[r#"
            /c/freehold/config.toml
            /d/freehold/models
            /home/ada/.local/state/freehold/engine.log
            /run/user/7/freehold/engine.sock
        "#]],
        );
    }

    #[test]
    fn freehold_home_replaces_them_all() {
        check(
            &[
                ("HOME", "/home/ada"),
                ("XDG_CONFIG_HOME", "/c"),
                ("FREEHOLD_HOME", "fh"),
            ],
            expect![[r#"
            /fh/config.toml
            /fh/models
            /fh/state/engine.log
            /fh/run/engine.sock
        "#]],
        );
    }

    #[test]
    fn without_a_home_folder_the_error_says_what_to_set() {
        check(
            &[],
            expect![[r#"
            cannot find your home folder; set HOME, or FREEHOLD_HOME to a folder of your choice
        "#]],
        );
    }
}
