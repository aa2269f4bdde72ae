//! Surroundings as they are.

#![expect(
    clippy::disallowed_methods,
    reason = "this is what the rest of the program calls instead"
)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{RealHost, said};
use crate::{Environment, Memory, Result};

impl Environment for RealHost {
    fn variable_os(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name).filter(|value| !value.is_empty())
    }

    fn home(&self) -> Option<PathBuf> {
        std::env::home_dir().filter(|home| home.is_absolute())
    }

    fn current_folder(&self) -> Result<PathBuf> {
        std::env::current_dir().map_err(said("find", "the current folder"))
    }

    fn own_executable(&self) -> Result<PathBuf> {
        std::env::current_exe()
            .and_then(std::fs::canonicalize)
            .map_err(said("find", "the file of this program"))
    }

    fn user_id(&self) -> u32 {
        #[cfg(unix)]
        return rustix::process::getuid().as_raw();
        #[cfg(not(unix))]
        return 0;
    }

    fn memory(&self) -> Option<Memory> {
        memory()
    }

    fn core_count(&self) -> usize {
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    }
}

#[cfg(target_os = "linux")]
fn memory() -> Option<Memory> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let machine = machine_memory(&read(Path::new("/proc/meminfo"))?)?;
    let group = read(Path::new("/proc/self/cgroup"))
        .and_then(|text| group_memory(&text, Path::new("/sys/fs/cgroup"), &read));
    Some(match group {
        Some((limit_bytes, used_bytes)) => Memory {
            total_bytes: machine.total_bytes.min(limit_bytes),
            free_bytes: machine.free_bytes.min(limit_bytes.saturating_sub(used_bytes)),
        },
        None => machine,
    })
}

#[cfg(target_os = "macos")]
fn memory() -> Option<Memory> {
    let ask = |name: &str| -> Option<u64> {
        let output = std::process::Command::new("/usr/sbin/sysctl")
            .args(["-n", name])
            .output()
            .ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    let total_bytes = ask("hw.memsize")?;
    let free_bytes = ask("vm.page_free_count")?.saturating_mul(ask("hw.pagesize")?);
    Some(Memory {
        total_bytes,
        free_bytes,
    })
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn memory() -> Option<Memory> {
    None
}

/// Reads `/proc/meminfo`.
#[cfg(any(target_os = "linux", test))]
fn machine_memory(text: &str) -> Option<Memory> {
    let field = |name: &str| -> Option<u64> {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim()
            .strip_suffix("kB")?
            .trim()
            .parse::<u64>()
            .ok()?
            .checked_mul(1024)
    };
    Some(Memory {
        total_bytes: field("MemTotal")?,
        free_bytes: field("MemAvailable")?,
    })
}

/// The tightest limit of a control group and of those above it, and what that one uses already.
///
/// `text` is `/proc/self/cgroup`; version 2 has one line `0::/path`, version 1 one with `memory`.
#[cfg(any(target_os = "linux", test))]
fn group_memory(text: &str, root: &Path, read: &dyn Fn(&Path) -> Option<String>) -> Option<(u64, u64)> {
    let mut fields = text.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let (controllers, group) = fields
        .clone()
        .find(|(controllers, _)| controllers.split(',').any(|controller| controller == "memory"))
        .or_else(|| fields.find(|(controllers, _)| controllers.is_empty()))?;
    let (root, limit_file, used_file) = if controllers.is_empty() {
        (root.to_owned(), "memory.max", "memory.current")
    } else {
        (
            root.join("memory"),
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
        )
    };
    let number = |path: PathBuf| read(&path)?.trim().parse::<u64>().ok();
    let own = root.join(group.trim_start_matches('/'));
    // In a container the path is that of the host and may not exist; its own group is then the root.
    own.ancestors()
        .take_while(|folder| folder.starts_with(&root))
        .filter_map(|folder| {
            let limit_bytes = number(folder.join(limit_file))?;
            Some((limit_bytes, number(folder.join(used_file)).unwrap_or(0)))
        })
        .min_by_key(|(limit_bytes, used_bytes)| limit_bytes.saturating_sub(*used_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_says_how_much_memory_is_free() {
        let text = "MemTotal:       24000000 kB\nMemFree:         1000000 kB\nMemAvailable:   18000000 kB\n";
        let expected = Memory {
            total_bytes: 24_000_000 * 1024,
            free_bytes: 18_000_000 * 1024,
        };
        assert_eq!(machine_memory(text), Some(expected));
        assert_eq!(machine_memory("MemTotal: many kB\n"), None);
    }

    #[test]
    fn the_tightest_control_group_limits_memory() {
        let files = [
            ("/cg/a/memory.max", "4000\n"),
            ("/cg/a/memory.current", "1000\n"),
            ("/cg/a/b/memory.max", "max\n"),
            ("/cg/memory/c/memory.limit_in_bytes", "500\n"),
        ];
        let read = |path: &Path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == path);
            found.map(|(_, text)| (*text).to_owned())
        };
        let limit = |text: &str| group_memory(text, Path::new("/cg"), &read);
        assert_eq!(
            limit("0::/a/b\n"),
            Some((4000, 1000)),
            "the group above limits the one below"
        );
        assert_eq!(limit("0::/elsewhere\n"), None);
        assert_eq!(
            limit("5:cpu,memory:/c\n0::/a\n"),
            Some((500, 0)),
            "version 1 beside version 2"
        );
        assert_eq!(limit(""), None);
    }
}
