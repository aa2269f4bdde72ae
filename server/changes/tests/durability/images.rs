//! Power cuts as they are: a file system on an image is copied as it lies on the disk while it is written.
//!
//! What the program has written and not synced is in the memory of the kernel only, and so not in the
//! copy. Mounting is for the superuser, so this is only done when asked for.

#![expect(clippy::disallowed_methods, reason = "mounting is done by other programs")]

use std::path::{Path, PathBuf};
use std::process::Command;

use host::{Files, RealHost};

use crate::kills::{Ground, Victim};
use crate::scenario::{Dice, Place, Scenario};

/// Large enough for ext4 to have a journal, small enough to be copied in no time.
const IMAGE_MEGABYTES: u32 = 24;
/// How many copies share one scenario.
const COPIES_PER_SCENARIO: usize = 25;

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().expect("started");
    assert!(status.success(), "`{program} {}` failed", arguments.join(" "));
}

/// A file system on an image, mounted for as long as this lives.
struct Mounted {
    at: PathBuf,
}

impl Mounted {
    fn new(image: &Path, at: PathBuf) -> Self {
        let [image, folder] = [image, &at].map(|path| path.to_str().expect("a plain path"));
        run("mount", &["-o", "loop", image, folder]);
        Self { at }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _gone_with_the_machine_otherwise = Command::new("umount").arg(&self.at).status();
    }
}

/// A workspace is known by where it lies: tells it that it has moved.
fn carry_home(host: &RealHost, place: &Place) {
    let homes = place.state.join("workspaces");
    let old = host.list(&homes).unwrap_or_default();
    let new = place.home().expect("opened").folder().to_owned();
    // One that was only about to be made when the power went has nothing in it.
    if let Some(old) = old.iter().find(|old| old.name.len() == 32) {
        host.remove_folder(&new).expect("removed");
        host.rename(&homes.join(&old.name), &new).expect("moved");
    }
}

/// Takes so many copies at random instants, and looks at what is found on each.
pub fn power_cuts(copies: usize) {
    if copies == 0 {
        return;
    }
    let (host, folder) = (RealHost::new(), tempfile::tempdir().expect("a folder"));
    let at = |name: &str| folder.path().join(name);
    for name in ["written", "found"] {
        host.create_folder(&at(name)).expect("made");
    }
    let (image, copy) = (at("image"), at("copy"));
    let [image_name, copy_name] = [&image, &copy].map(|path| path.to_str().expect("a plain path"));
    run("truncate", &["-s", &format!("{IMAGE_MEGABYTES}M"), image_name]);
    run("mkfs.ext4", &["-q", "-F", image_name]);
    let written = Mounted::new(&image, at("written"));
    let ground = Ground::within(&written.at);
    let (mut dice, mut taken, mut seed, mut stages) = (Dice(3), 0, 0, [0; 16]);
    while taken < copies {
        let scenario = Scenario::of(seed);
        let reference = ground.reference(&scenario);
        ground.lay(&scenario);
        let whole = ground.time(seed, "all");
        for _ in 0..COPIES_PER_SCENARIO.min(copies - taken) {
            ground.lay(&scenario);
            run("sync", &["-f", written.at.to_str().expect("a plain path")]);
            let done = Victim::new(&ground, seed, "all").kill_after(dice.roll(whole));
            run("cp", &["--sparse=always", image_name, copy_name]);
            let found = Mounted::new(&copy, at("found"));
            let inside = found.at.join(ground.name());
            let place = Place {
                files: &host,
                trees: &host,
                root: inside.join("project"),
                state: inside.join("state"),
            };
            carry_home(&host, &place);
            if let Err(error) = scenario.check(&place, done, &reference) {
                panic!("scenario {seed}, copy {taken}: {error}");
            }
            taken += 1;
            stages[done] += 1;
        }
        seed += 1;
    }
    println!("{taken} copies of a mounted image, found well; by stage {stages:?}");
}
