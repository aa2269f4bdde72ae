//! Kills at every system call and at random instants, from outside, as nobody can catch them.

#![expect(clippy::disallowed_methods, reason = "the victims are real processes")]

use std::io::{PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Instant;

use host::{Environment, Files, RealHost};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::time::TimeSpec;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::VICTIM;
use crate::scenario::{Dice, Place, STAGES, Scenario, Seen, Stage};

/// How many random instants share one scenario, whose course without a kill is found out once.
const INSTANTS_PER_SCENARIO: usize = 50;

/// After every how many kills everything is undone and redone.
const WHOLE: usize = 10;

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

    /// Keeps what is there, to begin from it again and again.
    fn put_away(&self) {
        let away = self.folder.path().join("away");
        if self.host.exists(&away) {
            self.host.remove_folder(&away).expect("removed");
        }
        self.host.create_folder(&away).expect("made");
        let place = self.place();
        copy(&[&place.root, &place.state], &away);
    }

    fn bring_back(&self) {
        let (place, away) = (self.place(), self.folder.path().join("away"));
        for folder in [&place.root, &place.state] {
            self.host.remove_folder(folder).expect("removed");
        }
        copy(&[&away.join("project"), &away.join("state")], self.folder.path());
    }

    pub fn reference(&self, scenario: &Scenario) -> Vec<Seen> {
        self.lay(scenario);
        scenario.reference(&self.place()).expect("performed")
    }
}

fn copy(folders: &[&Path], to: &Path) {
    let status = Command::new("cp").arg("-a").args(folders).arg(to).status();
    assert!(status.expect("started").success(), "the folders were not copied");
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
        // Whoever traces it has seen it end already, unless it was killed.
        let _ended = self.child.wait();
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

/// Kills the small scenario as each of its system calls returns, which is also before the next one; with
/// `both`, at the beginning of each as well, and then everything is undone and redone each time.
pub fn at_every_system_call(both: bool) {
    let workers = RealHost::new().core_count();
    let kills: Vec<Vec<usize>> = std::thread::scope(|scope| {
        let work = |worker| scope.spawn(move || at_system_calls(worker, workers, both));
        let workers: Vec<_> = (0..workers).map(work).collect();
        let join = |worker: std::thread::ScopedJoinHandle<_>| worker.join().expect("it did not fail");
        workers.into_iter().map(join).collect()
    });
    let by_stage: Vec<usize> = (0..STAGES.len())
        .map(|stage| kills.iter().map(|kills| kills[stage]).sum())
        .collect();
    let all: usize = by_stage.iter().sum();
    let calls = if both { all / 2 } else { all };
    println!("killed at each of {calls} system calls: {all} kills, by stage {by_stage:?}");
    assert!(all > 1000, "the victim was not watched");
}

/// Does the share of one worker, and gives the number of kills in each stage.
fn at_system_calls(worker: usize, workers: usize, both: bool) -> Vec<usize> {
    let (ground, scenario) = (Ground::new(), Scenario::of(0));
    let reference = ground.reference(&scenario);
    let every = if both { 1 } else { 2 };
    let mut by_stage = Vec::new();
    for stage in 0..STAGES.len() {
        ground.lay(&scenario);
        scenario.perform_to(&ground.place(), stage).expect("performed");
        ground.put_away();
        let mut kills = 0;
        for turn in (worker + 1..).step_by(workers) {
            ground.bring_back();
            let stop = turn * every;
            let (done, lived) = Victim::new(&ground, 0, &format!("{stage}-traced")).kill_at(stop);
            let checked = if both || turn % WHOLE == 0 {
                scenario.check(&ground.place(), stage + done, &reference)
            } else {
                let glance = scenario.glance(&ground.place(), stage + done, &reference);
                glance.map(drop)
            };
            if let Err(error) = checked {
                panic!("killed at stop {stop} of stage {stage}: {error}");
            }
            if !lived {
                break;
            }
            kills += 1;
        }
        by_stage.push(kills);
    }
    by_stage
}

/// Leaves an apply half done at so many places, and kills the recovery as each system call returns.
pub fn of_recoveries_at_every_system_call(places: usize) {
    let (ground, scenario) = (Ground::new(), Scenario::of(0));
    let reference = ground.reference(&scenario);
    let apply = STAGES
        .iter()
        .position(|stage| *stage == Stage::Apply)
        .expect("it applies");
    let begin = || {
        ground.lay(&scenario);
        scenario.perform_to(&ground.place(), apply).expect("performed");
    };
    let mode = format!("{apply}-traced");
    let mut last = 64;
    loop {
        begin();
        let (_, lived) = Victim::new(&ground, 0, &mode).kill_at(last);
        if !lived {
            break;
        }
        last += 64;
    }
    let mut kills = 0;
    for number in 1..=places {
        begin();
        let stop = last * number / (places + 1);
        let (done, _) = Victim::new(&ground, 0, &mode).kill_at(stop);
        ground.put_away();
        for call in 1.. {
            ground.bring_back();
            let (_, lived) = Victim::new(&ground, 0, "recover-traced").kill_at(2 * call);
            let checked = scenario.glance(&ground.place(), apply + done, &reference);
            if let Err(error) = checked {
                panic!("killed at stop {stop}, and at call {call} of the recovery: {error}");
            }
            if !lived {
                break;
            }
            kills += 1;
        }
    }
    println!("recovery from {places} half-done applies, killed at each system call: {kills} kills");
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
