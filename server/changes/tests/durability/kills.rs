//! Kills at every system call and at random instants, from outside, as nobody can catch them.

#![expect(clippy::disallowed_methods, reason = "the victims are real processes")]

use std::io::{PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Instant;

use host::{Files, RealHost};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::time::TimeSpec;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::VICTIM;
use crate::scenario::{Dice, Place, Scenario, Seen};

/// How many random instants share one scenario, whose course without a kill is found out once.
const INSTANTS_PER_SCENARIO: usize = 50;

/// In the victim: waits until it is told to start; then, if it is to be traced, until it is.
pub fn wait_for_start(mode: &str) {
    crate::say();
    let told = std::io::stdin().read_exact(&mut [0]);
    told.expect("somebody tells");
    if mode.ends_with("traced") {
        kill(Pid::this(), Signal::SIGSTOP).expect("stopped");
    }
}

/// A folder for victims, made anew for each.
pub struct Ground {
    host: RealHost,
    folder: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        // What the disk does is none of a kill's business; where there is a disk in memory, it is faster.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Self {
            host: RealHost::new(),
            folder: folder.expect("a folder for the test"),
        }
    }

    pub fn within(folder: &Path) -> Self {
        Self {
            host: RealHost::new(),
            folder: tempfile::tempdir_in(folder).expect("a folder for the test"),
        }
    }

    /// The name of the folder that all of it is in.
    pub fn name(&self) -> &Path {
        Path::new(self.folder.path().file_name().expect("a name"))
    }

    pub fn place(&self) -> Place<'_> {
        Place {
            files: &self.host,
            trees: &self.host,
            root: self.folder.path().join("project"),
            state: self.folder.path().join("state"),
        }
    }

    /// Lays the workspace of `scenario`, and nothing besides.
    pub fn lay(&self, scenario: &Scenario) {
        let place = self.place();
        for folder in [&place.root, &place.state] {
            if self.host.exists(folder) {
                self.host.remove_folder(folder).expect("removed");
            }
        }
        scenario.lay(&place).expect("laid");
    }

    pub fn reference(&self, scenario: &Scenario) -> Vec<Seen> {
        self.lay(scenario);
        scenario.reference(&self.place()).expect("performed")
    }
}

/// A process that waits for its start.
pub struct Victim {
    child: Child,
    start: ChildStdin,
    said: PipeReader,
}

impl Victim {
    pub fn new(ground: &Ground, seed: u64, mode: &str) -> Self {
        let place = ground.place();
        let (mut said, says) = std::io::pipe().expect("a pipe");
        let mut child = Command::new(own_program())
            .arg(VICTIM)
            .args([&place.root, &place.state])
            .args([&seed.to_string(), mode])
            .stdin(Stdio::piped())
            .stdout(says)
            .spawn()
            .expect("started");
        let start = child.stdin.take().expect("a pipe");
        said.read_exact(&mut [0]).expect("it is ready");
        Self { child, start, said }
    }

    fn id(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("an id"))
    }

    /// How many stages it has reported as done; it must be dead.
    fn done(mut self) -> usize {
        self.child.wait().expect("it has ended");
        let mut said = Vec::new();
        self.said.read_to_end(&mut said).expect("read");
        said.len()
    }

    /// Lets it run to its stop number `last`, counted from 1 and two for each system call, and kills it
    /// there. Gives how many stages it has done, and whether it lived to that stop.
    fn kill_at(mut self, last: usize) -> (usize, bool) {
        let id = self.id();
        let options = ptrace::Options::PTRACE_O_TRACESYSGOOD | ptrace::Options::PTRACE_O_EXITKILL;
        ptrace::seize(id, options).expect("this system lets processes trace their children");
        self.start.write_all(b".").expect("told");
        let mut stops = 0;
        let mut started = false;
        loop {
            match waitpid(id, None).expect("waited") {
                WaitStatus::PtraceSyscall(_) => {
                    stops += 1;
                    if stops == last {
                        kill(id, Signal::SIGKILL).expect("killed");
                        return (self.done(), true);
                    }
                }
                WaitStatus::Stopped(_, Signal::SIGSTOP) if !started => started = true,
                WaitStatus::Stopped(_, signal) => {
                    ptrace::syscall(id, signal).expect("goes on");
                    continue;
                }
                WaitStatus::Exited(_, status) => {
                    assert_eq!(status, 0, "the victim failed by itself");
                    return (self.done(), false);
                }
                WaitStatus::Signaled(_, signal, _) => panic!("somebody else sent {signal}"),
                _ => {}
            }
            ptrace::syscall(id, None).expect("goes on");
        }
    }

    /// Kills it after so many nanoseconds. Gives how many stages it has done.
    pub fn kill_after(mut self, nanoseconds: u64) -> usize {
        self.start.write_all(b".").expect("told");
        // Nothing ever comes on this pipe, so this takes the time that it is given.
        let (silent, _silence) = std::io::pipe().expect("a pipe");
        let mut nothing = [PollFd::new(silent.as_fd(), PollFlags::POLLIN)];
        let whole = i64::try_from(nanoseconds / 1_000_000_000).unwrap_or(i64::MAX);
        let rest = i64::try_from(nanoseconds % 1_000_000_000).unwrap_or_default();
        ppoll(&mut nothing, Some(TimeSpec::new(whole, rest)), None).expect("waited");
        self.child.kill().expect("killed");
        self.done()
    }

    fn run(mut self) -> usize {
        self.start.write_all(b".").expect("told");
        self.done()
    }
}

fn own_program() -> PathBuf {
    std::env::current_exe().expect("this program")
}

/// Kills the small scenario before and after each of its system calls.
pub fn at_every_system_call() {
    let (ground, scenario) = (Ground::new(), Scenario::of(0));
    let reference = ground.reference(&scenario);
    let (mut kills, mut stages) = (0, vec![0; reference.len()]);
    for stop in 1.. {
        ground.lay(&scenario);
        let (done, lived) = Victim::new(&ground, 0, "traced").kill_at(stop);
        let checked = scenario.check(&ground.place(), done, &reference);
        if let Err(error) = checked {
            panic!("killed at stop {stop}: {error}");
        }
        if !lived {
            break;
        }
        kills += 1;
        stages[done] += 1;
    }
    let calls = kills / 2;
    println!("killed before and after each of {calls} system calls: {kills} kills, by stage {stages:?}");
    assert!(kills > 500, "the victim was not watched");
}

/// Leaves the small scenario half done at so many places, and kills the recovery at each system call.
pub fn of_recoveries_at_every_system_call(places: usize) {
    let (ground, scenario) = (Ground::new(), Scenario::of(0));
    let reference = ground.reference(&scenario);
    let leave = |stop: usize| {
        ground.lay(&scenario);
        Victim::new(&ground, 0, "traced").kill_at(stop)
    };
    // The half-done states lie between the first system call of the third stage and the last of the fifth.
    let (mut first, mut last) = (1, 0);
    let step = 16;
    loop {
        let (done, lived) = leave(last + step);
        if !lived || done > 4 {
            break;
        }
        last += step;
        if done < 2 {
            first = last;
        }
    }
    let (mut kills, mut dice) = (0, Dice(1));
    for number in 0..places {
        let share = (last - first) / places.max(1);
        let stop = first + number * share + usize::try_from(dice.roll(share as u64)).unwrap_or_default();
        for recovery in 1.. {
            let (done, _) = leave(stop);
            let (_, lived) = Victim::new(&ground, 0, "recover-traced").kill_at(recovery);
            let checked = scenario.check(&ground.place(), done, &reference);
            if let Err(error) = checked {
                panic!("killed at stop {stop}, and at stop {recovery} of the recovery: {error}");
            }
            if !lived {
                break;
            }
            kills += 1;
        }
    }
    println!("recovery from {places} half-done states, killed at each system call: {kills} kills");
}

/// Kills larger scenarios at random instants, every other one again while it is recovered.
pub fn at_random_instants(kills: usize) {
    let (ground, mut dice) = (Ground::new(), Dice(7));
    let (mut instants, mut recoveries, mut too_late, mut scenarios) = (0, 0, 0, 0);
    while instants < kills {
        scenarios += 1;
        let scenario = Scenario::of(scenarios);
        let reference = ground.reference(&scenario);
        ground.lay(&scenario);
        let (whole, recovery) = (ground.time(scenarios, "all"), ground.time(scenarios, "recover"));
        for _ in 0..INSTANTS_PER_SCENARIO.min(kills - instants) {
            ground.lay(&scenario);
            let done = Victim::new(&ground, scenarios, "all").kill_after(dice.roll(whole));
            instants += 1;
            too_late += usize::from(done + 1 == reference.len());
            if dice.roll(2) == 0 {
                Victim::new(&ground, scenarios, "recover").kill_after(dice.roll(recovery));
                recoveries += 1;
            }
            if let Err(error) = scenario.check(&ground.place(), done, &reference) {
                panic!("scenario {scenarios}, instant {instants}: {error}");
            }
        }
    }
    println!(
        "killed at {instants} random instants of {scenarios} scenarios ({too_late} when all was done), \
         and {recoveries} times again while recovering"
    );
}

impl Ground {
    /// How many nanoseconds a victim takes that nobody kills.
    pub fn time(&self, seed: u64, mode: &str) -> u64 {
        let victim = Victim::new(self, seed, mode);
        let clock = Instant::now();
        victim.run();
        u64::try_from(clock.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
