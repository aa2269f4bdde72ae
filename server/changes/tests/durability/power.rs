//! Power cuts on a disk that loses, keeps and tears whatever was not synced.

use std::path::PathBuf;

use host::{Files, MemoryHost, Trees};
use testing::{Fate, PowerDisk};

use crate::scenario::{Dice, Place, Scenario, Seen};

/// How many scenarios besides the small one.
const SCENARIOS: u64 = 1;
/// How many of the latest unsafe changes are lost or kept alone.
const ALONE: usize = 5;
/// In how many of the states of a moment everything is undone and redone: all lost, and nothing lost.
const WHOLE: usize = 2;

fn place<'a>(files: &'a dyn Files, trees: &'a dyn Trees) -> Place<'a> {
    Place {
        files,
        trees,
        root: PathBuf::from("/project"),
        state: PathBuf::from("/state"),
    }
}

/// Cuts the power at every moment of a few scenarios: with all lost that can be, with nothing lost, with
/// each unsafe change lost, kept or torn alone, and with `mixtures` of them.
pub fn cuts(mixtures: usize) {
    for seed in 0..=SCENARIOS {
        let scenario = Scenario::of(seed);
        let host = MemoryHost::new();
        let calm = place(&host, &host);
        scenario.lay(&calm).expect("laid");
        let reference = scenario.reference(&calm).expect("performed");
        let disk = PowerDisk::new();
        let written = place(&disk, &disk);
        scenario.lay(&written).expect("laid");
        disk.settle();
        let start = disk.moments();
        let mut done = Vec::new();
        scenario
            .perform(&written, &mut |_| done.push(disk.moments()))
            .expect("performed");
        let (mut states, moments) = (0, disk.moments() - start);
        for moment in start..=disk.moments() {
            let stage = done.iter().filter(|&&end| end <= moment).count();
            states += cut(&scenario, &disk, moment, stage, &reference, mixtures);
        }
        println!("power cut at each of {moments} moments of scenario {seed}: {states} states found well");
    }
}

fn cut(
    scenario: &Scenario,
    disk: &PowerDisk,
    moment: usize,
    stage: usize,
    reference: &[Seen],
    mixtures: usize,
) -> usize {
    let open = disk.unsafe_at(moment);
    let mut dice = Dice(moment as u64);
    let mut fates: Vec<Vec<Fate>> = vec![
        vec![Fate::Lost; open.len()],
        vec![Fate::There; open.len()],
        vec![Fate::Torn; open.len()],
    ];
    // What is old and was never synced is not missed by itself; the mixtures have that, too.
    for alone in open.len().saturating_sub(ALONE)..open.len() {
        for (fate, others) in [(Fate::Lost, Fate::There), (Fate::There, Fate::Lost)] {
            let mut each = vec![others; open.len()];
            each[alone] = fate;
            fates.push(each);
        }
    }
    for _ in 0..if open.len() > 1 { mixtures } else { 0 } {
        let throw = |dice: &mut Dice| match dice.roll(5) {
            0 | 1 => Fate::Lost,
            2 | 3 => Fate::There,
            _ => Fate::Torn,
        };
        fates.push(open.iter().map(|_| throw(&mut dice)).collect());
    }
    for (number, fate) in fates.iter().enumerate() {
        let found = disk.after_power_cut(moment, |change| {
            let index = open.binary_search(&change).expect("an unsafe change");
            fate[index]
        });
        let found = place(&found, &found);
        let checked = if number < WHOLE {
            scenario.check(&found, stage, reference)
        } else {
            scenario.glance(&found, stage, reference).map(drop)
        };
        if let Err(error) = checked {
            panic!("power cut at moment {moment} with {open:?} {fate:?}: {error}");
        }
    }
    fates.len()
}
