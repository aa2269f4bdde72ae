//! Killed at every system call, at random instants, and after power cuts: all or nothing, always.
//!
//! Run as a test it does a bounded part of each; an argument picks one of `power`, `calls`, `recoveries`,
//! `instants` and `images`. Variables ask for more:
//! - `FREEHOLD_EVERY_STOP=1`: kills before each system call as well as after it;
//! - `FREEHOLD_KILLS`: how many random instants (10000 shows it);
//! - `FREEHOLD_RECOVERIES`: at how many half-done states the recovery is killed at every system call;
//! - `FREEHOLD_POWER_CUTS`: how many random mixtures of what was lost for each moment of a power cut;
//! - `FREEHOLD_IMAGES`: how many copies of a mounted disk image are taken while it is written (as root).
//!
//! The program runs itself as the one that is killed, which is why it is no ordinary test.

#[cfg(target_os = "linux")]
mod images;
#[cfg(target_os = "linux")]
mod kills;
mod power;
mod scenario;

use std::path::Path;

use host::{Environment, RealHost};
use scenario::{Place, Scenario};

/// The first argument of a run that is to be killed.
const VICTIM: &str = "victim";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, rest @ ..] = arguments.as_slice()
        && first == VICTIM
    {
        return victim(rest);
    }
    if arguments.iter().any(|argument| argument == "--list") {
        return println!("durability: test");
    }
    let number = |name: &str, otherwise: usize| {
        let text = RealHost::new().variable(name);
        text.and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    };
    let wanted: Vec<&String> = arguments.iter().filter(|text| !text.starts_with('-')).collect();
    let run = |name: &str, part: &dyn Fn()| {
        if wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str())) {
            part();
        }
    };
    run("power", &|| power::cuts(number("FREEHOLD_POWER_CUTS", 2)));
    #[cfg(target_os = "linux")]
    {
        run("calls", &|| {
            kills::at_every_system_call(number("FREEHOLD_EVERY_STOP", 0) > 0)
        });
        run("recoveries", &|| {
            kills::of_recoveries_at_every_system_call(number("FREEHOLD_RECOVERIES", 1));
        });
        run("instants", &|| {
            kills::at_random_instants(number("FREEHOLD_KILLS", 200))
        });
        run("images", &|| images::power_cuts(number("FREEHOLD_IMAGES", 0)));
    }
}

/// Performs a scenario, saying on the standard output when it is ready, and when each stage is done.
fn victim(arguments: &[String]) {
    let [root, state, seed, mode] = arguments else {
        panic!("a victim is given a root, a state folder, a seed and a mode");
    };
    let host = RealHost::new();
    let place = Place {
        files: &host,
        trees: &host,
        root: Path::new(root).to_owned(),
        state: Path::new(state).to_owned(),
    };
    let scenario = Scenario::of(seed.parse().expect("a number"));
    #[cfg(target_os = "linux")]
    kills::wait_for_start(mode);
    if mode.starts_with("recover") {
        place.look().expect("recovered");
    } else if let Some(stage) = mode.split('-').next().and_then(|stage| stage.parse().ok()) {
        scenario.perform_stage(&place, stage).expect("performed");
        say();
    } else {
        scenario.perform(&place, &mut |_| say()).expect("performed");
    }
}

fn say() {
    use std::io::Write;
    let mut out = std::io::stdout();
    let said = out.write_all(b".").and_then(|()| out.flush());
    said.expect("somebody listens");
}
