//! A world in memory, which tests make and break.

mod files;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::{Bounded, Clock, Command, Detached, Environment, Error, Memory, Output, Processes, Result, Stop};

/// A world in memory: files, clock and environment are values; there are no other programs.
///
/// Clones share one world. It starts with the folder `/` and a clock at the Unix epoch that stands
/// still until [`MemoryHost::advance`].
#[derive(Debug, Clone)]
pub struct MemoryHost {
    world: Arc<Mutex<World>>,
}

#[derive(Debug)]
struct World {
    nodes: BTreeMap<PathBuf, Node>,
    locks: BTreeSet<PathBuf>,
    variables: BTreeMap<String, OsString>,
    elapsed: Duration,
    free_bytes: u64,
    writes: u64,
    fails_at: Option<u64>,
    fails_once: bool,
}

#[derive(Debug, Clone)]
enum Node {
    Folder,
    /// Shared, so that a hard link is the same file.
    File(Arc<Mutex<Content>>),
}

#[derive(Debug, Clone)]
struct Content {
    bytes: Vec<u8>,
    modified: SystemTime,
    mode: u32,
}

impl MemoryHost {
    /// Makes an empty world.
    #[must_use]
    pub fn new() -> Self {
        let world = World {
            nodes: BTreeMap::from([(PathBuf::from("/"), Node::Folder)]),
            locks: BTreeSet::new(),
            variables: BTreeMap::new(),
            elapsed: Duration::ZERO,
            free_bytes: u64::MAX,
            writes: 0,
            fails_at: None,
            fails_once: false,
        };
        Self {
            world: Arc::new(Mutex::new(world)),
        }
    }

    /// Sets an environment variable; `HOME` is also the home folder.
    pub fn set_variable(&self, name: &str, value: impl Into<OsString>) {
        self.world().variables.insert(name.to_owned(), value.into());
    }

    /// Moves both clocks on.
    pub fn advance(&self, duration: Duration) {
        self.world().elapsed += duration;
    }

    /// Says how much the disk still holds.
    pub fn set_free_bytes(&self, bytes: u64) {
        self.world().free_bytes = bytes;
    }

    /// How many changes to files there were so far, failed ones included. An atomic write, an append, a
    /// rename, a removal, a new folder count as one each.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.world().writes
    }

    /// Lets change number `n`, counted from now and from 1, and every later one fail as if the disk had
    /// gone away; `None` mends it.
    pub fn fail_from_write(&self, n: Option<u64>) {
        let mut world = self.world();
        world.fails_at = n.map(|n| world.writes.saturating_add(n));
        world.fails_once = false;
    }

    /// Lets change number `n`, counted from now and from 1, fail, and no other: the disk was full for a
    /// moment.
    pub fn fail_at_write(&self, n: u64) {
        let mut world = self.world();
        world.fails_at = Some(world.writes.saturating_add(n));
        world.fails_once = true;
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryHost {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// Counts one change and says whether it may happen.
    fn write(&mut self) -> std::io::Result<()> {
        self.writes += 1;
        match self.fails_at {
            Some(fails_at) if self.writes == fails_at || !self.fails_once && self.writes > fails_at => {
                Err(std::io::Error::other("the disk has gone away"))
            }
            _ => Ok(()),
        }
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.elapsed
    }
}

impl Clock for MemoryHost {
    fn now(&self) -> SystemTime {
        self.world().now()
    }

    fn monotonic(&self) -> Duration {
        self.world().elapsed
    }
}

impl Environment for MemoryHost {
    fn variable_os(&self, name: &str) -> Option<OsString> {
        self.world()
            .variables
            .get(name)
            .filter(|value| !value.is_empty())
            .cloned()
    }

    fn home(&self) -> Option<PathBuf> {
        self.variable_os("HOME").map(PathBuf::from)
    }

    fn current_folder(&self) -> Result<PathBuf> {
        Ok(PathBuf::from("/"))
    }

    fn own_executable(&self) -> Result<PathBuf> {
        Ok(PathBuf::from("/freehold"))
    }

    fn user_id(&self) -> u32 {
        1000
    }

    fn memory(&self) -> Option<Memory> {
        Some(Memory {
            total_bytes: 16 << 30,
            free_bytes: 8 << 30,
        })
    }

    fn core_count(&self) -> usize {
        2
    }
}

impl Processes for MemoryHost {
    fn run(&self, command: &Command) -> Result<Output> {
        Err(no_programs(command))
    }

    fn run_bounded(&self, command: &Command, _time_max: Duration, _stop: &Stop) -> Result<Bounded> {
        Err(no_programs(command))
    }

    fn become_program(&self, command: &Command) -> Result<std::convert::Infallible> {
        Err(no_programs(command))
    }

    fn spawn_detached(&self, command: &Command, _log: &Path) -> Result<Detached> {
        Err(no_programs(command))
    }

    fn announce_ready(&self, _line: &str) -> Result<()> {
        Ok(())
    }

    fn kill(&self, _id: u32) -> Result<()> {
        Ok(())
    }
}

/// A world without programs has none of that name, either.
fn no_programs(command: &Command) -> Error {
    Error::new("run", &command.program, ErrorKind::NotFound.into())
}
