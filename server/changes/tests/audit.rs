//! The audit log notices every way of tampering with it, and survives a disk that goes away.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use changes::{Audit, AuditEntry, AuditError, AuditKind, Fault};
use host::{Files, MemoryHost};

fn entry(number: u64) -> AuditEntry {
    AuditEntry {
        kind: if number.is_multiple_of(2) {
            AuditKind::Decision
        } else {
            AuditKind::Write
        },
        time: SystemTime::UNIX_EPOCH + Duration::from_millis(1_000 * number),
        fields: vec![
            ("session".to_owned(), "s1".to_owned()),
            ("path".to_owned(), format!("file {number}\n")),
        ],
    }
}

fn audit(host: &MemoryHost) -> Audit<'_> {
    Audit::new(host, PathBuf::from("/state/audit"))
}

const LOG: &str = "/state/audit/log";

/// A log of five records, of which two were added at once.
fn log() -> MemoryHost {
    let host = MemoryHost::new();
    audit(&host).append(&[entry(1)]).expect("written");
    audit(&host).append(&[entry(2), entry(3)]).expect("written");
    audit(&host).append(&[entry(4)]).expect("written");
    audit(&host).append(&[entry(5)]).expect("written");
    host
}

/// What is found after the lines of the log were tampered with.
fn tampered(tamper: impl FnOnce(&mut Vec<String>)) -> Fault {
    let host = log();
    let mut lines: Vec<String> = host
        .read_text(Path::new(LOG))
        .expect("read")
        .split_inclusive('\n')
        .map(str::to_owned)
        .collect();
    tamper(&mut lines);
    host.write_atomic(Path::new(LOG), lines.concat().as_bytes())
        .expect("written");
    match audit(&host).verify() {
        Err(AuditError::Fault(fault)) => fault,
        other => panic!("it was not noticed: {other:?}"),
    }
}

#[test]
fn what_was_written_is_shown() {
    assert_eq!(
        audit(&log()).verify().expect("sound"),
        (1..=5).map(entry).collect::<Vec<_>>()
    );
    assert_eq!(audit(&MemoryHost::new()).verify().expect("sound"), []);
}

#[test]
fn tampering_is_noticed_where_it_was_done() {
    let at = |record| Fault::Broken { record };
    assert_eq!(
        tampered(|lines| lines[1] = lines[1].replace("file 2", "file 9")),
        at(2)
    );
    assert_eq!(tampered(|lines| drop(lines.remove(1))), at(2));
    assert_eq!(tampered(|lines| drop(lines.remove(0))), at(1));
    assert_eq!(tampered(|lines| lines.swap(1, 2)), at(2));
    assert_eq!(tampered(|lines| lines.insert(3, lines[2].clone())), at(4));
    assert_eq!(
        tampered(|lines| lines.insert(2, "anything\n".to_owned())),
        Fault::Unreadable { record: 3 }
    );
    assert_eq!(
        tampered(|lines| drop(lines.pop())),
        Fault::Tail {
            found: 4,
            expected: 5
        }
    );
    assert_eq!(
        tampered(|lines| lines.truncate(2)),
        Fault::Tail {
            found: 2,
            expected: 5
        }
    );
    assert_eq!(
        tampered(Vec::clear),
        Fault::Tail {
            found: 0,
            expected: 5
        }
    );
    assert_eq!(
        tampered(|lines| lines[4].truncate(100)),
        Fault::Unreadable { record: 5 }
    );
}

#[test]
fn every_single_bit_counts() {
    let sound = log();
    let bytes = sound.read(Path::new(LOG)).expect("read");
    for index in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[index] ^= 1 << bit;
            sound.write_atomic(Path::new(LOG), &changed).expect("written");
            assert!(audit(&sound).verify().is_err(), "bit {bit} of byte {index}");
        }
    }
    println!("{} flipped bits noticed", bytes.len() * 8);
}

#[test]
fn a_record_forged_at_the_end_is_noticed() {
    let (host, other) = (log(), log());
    audit(&other).append(&[entry(6)]).expect("written");
    let longer = other.read(Path::new(LOG)).expect("read");
    host.write_atomic(Path::new(LOG), &longer).expect("written");
    assert!(matches!(
        audit(&host).verify(),
        Err(AuditError::Fault(Fault::Tail {
            found: 6,
            expected: 5
        }))
    ));
    assert!(matches!(
        audit(&host).append(&[entry(6)]),
        Err(AuditError::Fault(Fault::Tail { .. }))
    ));
    host.remove_file(Path::new("/state/audit/head")).expect("removed");
    assert!(matches!(
        audit(&host).verify(),
        Err(AuditError::Fault(Fault::Head))
    ));
    assert!(matches!(
        audit(&host).append(&[entry(6)]),
        Err(AuditError::Fault(Fault::Head))
    ));
}

#[test]
fn a_disk_that_goes_away_at_any_write_loses_nothing_that_was_acknowledged() {
    let mut deaths = 0;
    for n in 1.. {
        let host = log();
        host.fail_from_write(Some(n));
        let result = audit(&host).append(&[entry(6), entry(7)]);
        host.fail_from_write(None);
        let entries = audit(&host).verify().expect("sound after the power is back");
        let acknowledged = if result.is_ok() { 7 } else { 5 };
        assert!(entries.len() >= acknowledged, "write {n}: {}", entries.len());
        assert!([5, 7].contains(&entries.len()));
        audit(&host).append(&[entry(8)]).expect("the log goes on");
        assert_eq!(audit(&host).verify().expect("sound").len(), entries.len() + 1);
        if result.is_ok() {
            break;
        }
        deaths += 1;
    }
    assert!(deaths >= 4);
}

#[test]
fn a_record_cut_in_two_by_a_power_cut_is_dropped() {
    let (host, other) = (log(), log());
    audit(&other).append(&[entry(6), entry(7)]).expect("written");
    let whole = other.read(Path::new(LOG)).expect("read");
    let before = host.read(Path::new(LOG)).expect("read");
    // The head says what was about to be written; the log has a part of it.
    let head = |host: &MemoryHost| host.read_text(Path::new("/state/audit/head")).expect("read");
    let line = |text: String| text.lines().next().expect("a line").to_owned();
    let halfway = format!("{}\n{}\n", line(head(&host)), line(head(&other)));
    for length in before.len()..whole.len() {
        host.write_atomic(Path::new("/state/audit/head"), halfway.as_bytes())
            .expect("written");
        host.write_atomic(Path::new(LOG), &whole[..length])
            .expect("written");
        assert_eq!(audit(&host).verify().expect("sound").len(), 5);
        audit(&host).append(&[entry(6)]).expect("the log goes on");
        assert_eq!(
            audit(&host).verify().expect("sound"),
            (1..=6).map(entry).collect::<Vec<_>>()
        );
    }
}
