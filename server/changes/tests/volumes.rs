//! An audit log in volumes: kept within bounds, and still verified.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use changes::{AuditEntry, AuditKind, Volumes};
use host::{Files, MemoryHost};

const FOLDER: &str = "/state/requests";

fn entry(number: u64) -> AuditEntry {
    AuditEntry {
        kind: AuditKind::Request,
        time: SystemTime::UNIX_EPOCH + Duration::from_secs(number),
        fields: vec![("number".to_owned(), number.to_string())],
    }
}

fn volumes(host: &MemoryHost) -> Volumes<'_> {
    Volumes::new(host, PathBuf::from(FOLDER), 1000, 3)
}

fn filled(count: u64) -> MemoryHost {
    let host = MemoryHost::new();
    for number in 0..count {
        volumes(&host).append(&[entry(number)]).expect("appended");
    }
    host
}

fn numbers(host: &MemoryHost) -> Result<Vec<u64>, String> {
    let found = volumes(host).verify().map_err(|error| error.to_string())?;
    let number = |entry: &AuditEntry| entry.fields[0].1.parse().expect("a number");
    Ok(found.iter().map(number).collect())
}

#[test]
fn the_oldest_records_go_and_the_rest_follow_from_each_other() {
    assert_eq!(numbers(&filled(0)), Ok(vec![]));
    assert_eq!(numbers(&filled(3)), Ok(vec![0, 1, 2]));
    let host = filled(100);
    let left = numbers(&host).expect("as it was left");
    assert!(left.len() > 10 && left.len() < 24, "{left:?}");
    assert_eq!(left, (left[0]..100).collect::<Vec<_>>());
    let entries = host.list(Path::new(FOLDER)).expect("listed");
    let kept = entries.iter().filter(|entry| entry.name.starts_with('0')).count();
    assert_eq!(kept, 3);
}

#[test]
fn what_is_not_as_it_was_left_shows() {
    let host = filled(100);
    let mut names: Vec<String> = host
        .list(Path::new(FOLDER))
        .expect("listed")
        .into_iter()
        .map(|entry| entry.name)
        .filter(|name| name.starts_with('0'))
        .collect();
    names.sort();
    let last: u64 = names[2].parse().expect("a number");
    let gone = |name: &str, volume: u64| {
        let host = filled(100);
        host.remove_folder(&Path::new(FOLDER).join(name))
            .expect("removed");
        let message = format!(
            "the audit log is not as it was left: volume {volume} is missing, or does not follow from the one before it"
        );
        assert_eq!(numbers(&host), Err(message));
    };
    gone(&names[0], last - 2);
    gone(&names[1], last - 1);
    gone(&names[2], last);

    let log = Path::new(FOLDER).join(&names[1]).join("log");
    let text = host.read_text(&log).expect("read");
    let cut = text
        .rsplit_once("\n")
        .and_then(|(rest, _)| rest.rsplit_once('\n'))
        .expect("lines")
        .0;
    host.write_atomic(&log, format!("{cut}\n").as_bytes())
        .expect("written");
    let message = numbers(&host).expect_err("a tail is cut off");
    assert!(
        message.contains(&format!("volume {}: the log ends with record", last - 1)),
        "{message}"
    );
}

#[test]
fn a_volume_that_was_begun_and_not_named_is_the_last() {
    let host = filled(8);
    let found = numbers(&host).expect("as it was left");
    let path = Path::new(FOLDER).join("last");
    host.write_atomic(&path, b"1\n").expect("written");
    assert!(host.exists(&Path::new(FOLDER).join("00000002")));
    assert_eq!(numbers(&host), Ok(found));
    volumes(&host).append(&[entry(8)]).expect("appended");
    assert_eq!(numbers(&host), Ok((0..9).collect()));
}
