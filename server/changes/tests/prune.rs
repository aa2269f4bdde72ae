//! Forgetting old steps leaves whole what can still be undone, wherever it is cut short.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use changes::{
    About, Budget, ChangeInfo, Content, Home, Proposal, ProposedFile, PruneError, Pruned, Review,
    WorkspacePath, Write,
};
use host::{Clock, Files, Lock, MemoryHost, Trees};

const ROOT: &str = "/project";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const ALL: Budget = Budget {
    store_bytes_max: u64::MAX,
    age_max: Duration::MAX,
};

fn home(host: &MemoryHost) -> Home<'_> {
    Home::open(host, Path::new("/state"), Path::new(ROOT)).expect("opened")
}

fn text(number: usize) -> Vec<u8> {
    format!("text {number}\n").into_bytes()
}

/// Five steps on one file, a day apart, and a review that waits.
fn world() -> (MemoryHost, Review) {
    let host = MemoryHost::new();
    for folder in [ROOT, "/state"] {
        host.create_folder(Path::new(folder)).expect("made");
    }
    let path = WorkspacePath::parse("file").expect("a plain path");
    for number in 0..5 {
        let tree = host.open_tree(Path::new(ROOT)).expect("opened");
        let write = Write {
            path: path.clone(),
            before: (number > 0).then(|| (text(number - 1), 0o644)),
            after: Some((text(number), 0o644)),
            in_editor: false,
        };
        let writer = home(&host).writer(&*tree);
        writer.apply(vec![write], About::default()).expect("applied");
        host.advance(DAY);
    }
    let mut review = Review::default();
    let files = vec![ProposedFile {
        path,
        seen: Some(Content::decode(&text(4))),
        content: Some(Content::decode(b"\0binary")),
        rename: None,
        mode: None,
    }];
    let info = ChangeInfo::default();
    let tree = host.open_tree(Path::new(ROOT)).expect("opened");
    let writer = home(&host).writer(&*tree);
    review
        .propose(Proposal { info, files }, |path| {
            writer.live_on_disk(path).expect("read")
        })
        .expect("proposed");
    home(&host).pending().save(&review).expect("saved");
    drop(writer);
    drop(tree);
    (host, review)
}

fn own(host: &MemoryHost) -> Lock {
    home(host).own().expect("asked").expect("free")
}

fn prune(host: &MemoryHost, budget: &Budget) -> Result<Pruned, PruneError> {
    let owner = own(host);
    home(host).prune(budget, host.now(), &owner)
}

/// Undoes and compares every step that is left, and reads the review: nothing of it may be missing.
fn check(host: &MemoryHost) -> usize {
    let tree = host.open_tree(Path::new(ROOT)).expect("opened");
    let home = home(host);
    let writer = home.writer(&*tree);
    writer.recover().expect("recovered");
    let loaded = home
        .pending()
        .load(|path| writer.live_on_disk(path).expect("read"));
    let loaded = loaded.expect("loaded");
    assert_eq!((loaded.set_aside, loaded.review.hunks().count()), (None, 1));
    let steps = writer.steps().expect("read");
    for step in &steps {
        for standing in [step.files[0].before, step.files[0].after] {
            if let Some(digest) = standing.digest() {
                home.store().get(digest).expect("it is there");
            }
        }
    }
    let ids: BTreeSet<u64> = steps.iter().map(|step| step.id.0).collect();
    assert_eq!(ids, (6 - steps.len() as u64..6).collect(), "there is a gap");
    steps.len()
}

#[test]
fn the_oldest_steps_go_first() {
    let (host, _) = world();
    assert_eq!(prune(&host, &ALL).expect("pruned").steps, 0);
    assert_eq!(check(&host), 5);
    // The steps are five days old to one day.
    let budget = Budget {
        age_max: 3 * DAY,
        ..ALL
    };
    let pruned = prune(&host, &budget).expect("pruned");
    assert_eq!((pruned.steps, check(&host)), (2, 3));
    assert!(pruned.objects > 0 && pruned.bytes > 0);
    let before = home(&host).store().bytes().expect("measured");
    let budget = Budget {
        store_bytes_max: 0,
        ..ALL
    };
    let pruned = prune(&host, &budget).expect("pruned");
    assert_eq!((pruned.steps, check(&host)), (2, 1), "the newest stays");
    assert_eq!(
        before - pruned.bytes,
        home(&host).store().bytes().expect("measured")
    );
    assert_eq!(prune(&host, &budget).expect("pruned"), Pruned::default());
}

#[test]
fn the_oldest_steps_are_looked_for_once_a_day() {
    let (host, _) = world();
    let budget = Budget {
        age_max: 3 * DAY,
        ..ALL
    };
    let daily = || {
        let pruned = home(&host).prune_daily(&budget, host.now(), &own(&host));
        pruned.expect("pruned").map(|pruned| pruned.steps)
    };
    assert_eq!(daily(), Some(2));
    assert_eq!(daily(), None);
    host.advance(DAY);
    assert_eq!(daily(), Some(1));
    // The clock was a year ahead and has been put right.
    let year = 365 * DAY;
    host.advance(year);
    assert_eq!(daily(), Some(1), "the newest stays");
    let home = home(&host);
    let pruned = home.prune_daily(&budget, host.now() - year, &own(&host));
    assert_eq!(pruned.expect("pruned"), Some(Pruned::default()));
}

#[test]
fn pruning_may_be_cut_short_at_any_write() {
    let budget = Budget {
        age_max: 3 * DAY,
        ..ALL
    };
    let mut deaths = 0;
    for n in 1.. {
        let (host, _) = world();
        let (home, owner) = (home(&host), own(&host));
        host.fail_from_write(Some(n));
        let pruned = home.prune(&budget, host.now(), &owner);
        host.fail_from_write(None);
        drop(owner);
        check(&host);
        if pruned.is_ok() {
            break;
        }
        deaths += 1;
        prune(&host, &budget).expect("pruned");
        assert_eq!(check(&host), 3);
    }
    println!("died at each of {deaths} writes");
    assert!(deaths > 4);
}

#[test]
fn what_a_review_of_a_later_version_needs_is_not_thrown_away() {
    let (host, _) = world();
    let index = home(&host).folder().join("pending");
    host.write_atomic(&index, br#"{"format": 2}"#).expect("written");
    let owner = own(&host);
    let pruned = home(&host).prune(&ALL, SystemTime::UNIX_EPOCH, &owner);
    assert!(matches!(pruned, Err(PruneError::Pending(_))), "{pruned:?}");
    // Nor what one needs that was damaged, and may be mended.
    host.write_atomic(&index, b"damaged").expect("written");
    for _ in 0..2 {
        let pruned = home(&host).prune(&ALL, SystemTime::UNIX_EPOCH, &owner);
        assert_eq!(pruned.expect("pruned"), Pruned::default());
        let aside = home(&host).pending().load(|_| unreachable!("nothing is read"));
        drop(aside);
    }
}
