//! A review is there again after a restart, whatever happened in between.

use std::path::{Path, PathBuf};

use changes::{
    About, Authority, ChangeInfo, Content, Decision, Home, LineId, Live, Loaded, Part, Pending, PendingError,
    Proposal, ProposedFile, Provenance, Review, Status, StepId, WorkspacePath,
};
use host::{Files, MemoryHost, Trees};

const ROOT: &str = "/project";

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::parse(text).expect("a plain path")
}

fn world() -> MemoryHost {
    let host = MemoryHost::new();
    for folder in [ROOT, "/state"] {
        host.create_folder(Path::new(folder)).expect("made");
    }
    for (name, bytes) in [
        ("text", &b"one\ntwo\nthree\nfour\nfive\n"[..]),
        ("moved", b"moves\n"),
        ("deleted", b"goes\n"),
        ("image", b"\0\x01\x02"),
        ("broken", b"caf\xe9\r\nau lait\r\n"),
    ] {
        host.write_atomic(&Path::new(ROOT).join(name), bytes)
            .expect("written");
    }
    host
}

fn home(host: &MemoryHost) -> Home<'_> {
    Home::open(host, Path::new("/state"), Path::new(ROOT)).expect("opened")
}

fn on_disk(host: &MemoryHost) -> impl FnMut(&WorkspacePath) -> Live {
    let host = host.clone();
    move |path| {
        let tree = host.open_tree(Path::new(ROOT)).expect("opened");
        let home = home(&host);
        home.writer(&*tree).live_on_disk(path).expect("read")
    }
}

fn in_editor(text: &str) -> Live {
    Live {
        authority: Authority::Editor,
        file: Some((Content::new_text(text), 0o644)),
    }
}

fn proposed(at: &str, seen: Option<&[u8]>, content: Option<&[u8]>) -> ProposedFile {
    ProposedFile {
        path: path(at),
        seen: seen.map(Content::decode),
        content: content.map(Content::decode),
        rename: None,
        mode: None,
    }
}

/// Everything that can wait, some of it decided.
fn review(host: &MemoryHost) -> Review {
    let mut review = Review::default();
    let mut moved = proposed("moved", Some(b"moves\n"), Some(b"has moved\n"));
    moved.rename = Some(path("lib/moved"));
    moved.mode = Some(0o755);
    let files = vec![
        proposed(
            "text",
            Some(b"one\ntwo\nthree\nfour\nfive\n"),
            Some(b"ONE\ntwo\nthree\nFOUR\nfive\nsix\n"),
        ),
        moved,
        proposed("deleted", Some(b"goes\n"), None),
        proposed("image", Some(b"\0\x01\x02"), Some(b"\0\x03")),
        proposed("new", None, Some(b"new\r\n")),
        proposed(
            "broken",
            Some(b"caf\xe9\r\nau lait\r\n"),
            Some(b"caf\xe9\r\nnoir\r\n"),
        ),
    ];
    let info = ChangeInfo {
        title: "Everything".into(),
        origin: "a test".into(),
        provenance: Provenance {
            model: "model.gguf".into(),
            ..Provenance::default()
        },
        takes_back: vec![StepId(7)],
    };
    let change = review.propose(Proposal { info, files }, on_disk(host));
    change.expect("proposed");
    let hunks: Vec<_> = review.hunks().map(|view| (view.id, view.digest)).collect();
    let first = review.hunks().find(|view| view.file.path() == &path("text"));
    let first = first.expect("a hunk of the text").id;
    for (id, digest) in hunks {
        let decision = match id.0 % 3 {
            _ if id == first => Decision::Lines([LineId::Removed(0), LineId::Added(0)].into_iter().collect()),
            0 => Decision::Keep,
            1 => Decision::Drop,
            _ => continue,
        };
        review.decide(id, decision, digest).expect("decided");
    }
    review
}

fn shown(review: &Review) -> Vec<String> {
    let view = |view: changes::HunkView| {
        let part = match view.part {
            Part::Text(hunk) => format!("{hunk:?}"),
            Part::Whole(operation) => format!("{operation:?}"),
        };
        format!(
            "{} {} {} {:?} {:?} {} {:?}\n  {part}",
            view.id,
            view.change,
            view.file.path(),
            view.status,
            view.decision,
            view.digest,
            review.change(view.change)
        )
    };
    review.hunks().map(view).collect()
}

fn load(host: &MemoryHost) -> Loaded {
    home(host).pending().load(on_disk(host)).expect("loaded")
}

#[test]
fn nothing_is_lost_or_renamed_by_a_restart() {
    let host = world();
    let review = review(&host);
    let pending = home(&host);
    pending.pending().save(&review).expect("saved");
    let loaded = load(&host);
    assert_eq!(loaded.set_aside, None);
    assert_eq!(shown(&loaded.review), shown(&review));
    assert_eq!(loaded.review.plan(), review.plan());
    assert_eq!(loaded.review.overlaid_paths(), review.overlaid_paths());

    // What is proposed next gets names of its own.
    let mut again = loaded.review;
    let more = proposed("text2", None, Some(b"more\n"));
    let info = ChangeInfo::default();
    let files = vec![more];
    let change = again
        .propose(Proposal { info, files }, on_disk(&host))
        .expect("proposed");
    assert!(review.change(change).is_none(), "{change} was in use");
}

#[test]
fn hunks_follow_what_happened_to_the_file_meanwhile() {
    let host = world();
    home(&host).pending().save(&review(&host)).expect("saved");
    let text = b"zero\none\ntwo\nthree\nmine\nfive\nsix\n";
    host.write_atomic(&Path::new(ROOT).join("text"), text)
        .expect("written");
    host.remove_file(&Path::new(ROOT).join("deleted"))
        .expect("removed");
    let loaded = load(&host).review;
    let of = |at: &str| -> Vec<Status> {
        let views = loaded.hunks().filter(|view| view.file.path() == &path(at));
        views.map(|view| view.status).collect()
    };
    assert_eq!(of("text"), [Status::Ready, Status::Conflict, Status::Landed]);
    assert_eq!(of("deleted"), [Status::Landed]);
    let file = loaded.file(&path("text")).expect("waits");
    assert_eq!(file.text().live().as_bytes(), text);
}

#[test]
fn a_buffer_that_died_with_its_editor_gives_way_to_the_disk() {
    let host = world();
    let mut review = review(&host);
    let typed = "one\ntwo and a half\nthree\nfour\nfive\n";
    review.set_live(&path("text"), in_editor(typed));
    home(&host).pending().save(&review).expect("saved");
    let loaded = load(&host).review;
    let file = loaded.file(&path("text")).expect("waits");
    assert_eq!(file.authority(), Authority::Disk);
    assert_eq!(file.text().live(), "one\ntwo\nthree\nfour\nfive\n");
    let restored = home(&host).pending().load(|_| in_editor(typed)).expect("loaded");
    let file = restored.review.file(&path("text")).expect("waits");
    assert_eq!((file.authority(), file.text().live()), (Authority::Editor, typed));
    assert!(
        file.text()
            .hunks()
            .iter()
            .all(|hunk| hunk.status(typed) == Status::Ready)
    );
}

#[test]
fn what_was_applied_and_not_noted_is_not_asked_again() {
    let host = world();
    let mut review = review(&host);
    let hunks: Vec<_> = review.hunks().map(|view| (view.id, view.digest)).collect();
    let second = review.hunks().filter(|view| view.file.path() == &path("text"));
    let left = second.last().expect("a hunk of the text").id;
    home(&host).pending().save(&review).expect("saved");
    for (id, digest) in hunks {
        let decision = if id == left {
            Decision::Undecided
        } else {
            Decision::Keep
        };
        review.decide(id, decision, digest).expect("decided");
    }
    let plan = review.plan();
    // Deleting one file and so on: all of it but the one hunk is written, and then the power goes.
    let plan = plan.expect("planned");
    let tree = host.open_tree(Path::new(ROOT)).expect("opened");
    let about = About {
        hunks: plan.hunks(),
        ..About::default()
    };
    home(&host)
        .writer(&*tree)
        .apply(plan.writes(), about)
        .expect("applied");
    let loaded = load(&host).review;
    let waiting: Vec<_> = loaded.hunks().map(|view| (view.id, view.status)).collect();
    assert_eq!(waiting, [(left, Status::Ready)]);
}

#[test]
fn saving_is_all_or_nothing_at_every_write() {
    let mut deaths = 0;
    for n in 1.. {
        let host = world();
        let first = review(&host);
        let home = home(&host);
        home.pending().save(&first).expect("saved");
        let mut second = first.clone();
        second.decide_all(false, |_| true);
        second.set_live(&path("image"), in_editor("no image any more\n"));
        host.fail_from_write(Some(n));
        let saved = home.pending().save(&second);
        host.fail_from_write(None);
        let loaded = home.pending().load(on_disk(&host)).expect("loaded");
        assert_eq!(loaded.set_aside, None);
        second.set_live(&path("image"), on_disk(&host)(&path("image")));
        if saved.is_ok() {
            assert_eq!(shown(&loaded.review), shown(&second));
            break;
        }
        deaths += 1;
        let now = shown(&loaded.review);
        assert!(now == shown(&first) || now == shown(&second), "write {n}");
    }
    println!("died at each of {deaths} writes");
    assert!(deaths > 3);
}

fn index(host: &MemoryHost) -> PathBuf {
    home(host).folder().join("pending")
}

#[test]
fn a_damaged_index_is_set_aside() {
    let host = world();
    let review = review(&host);
    home(&host).pending().save(&review).expect("saved");
    let bytes = host.read(&index(&host)).expect("read");
    for (number, damage) in [&b""[..], &bytes[..bytes.len() / 2], b"[]"].iter().enumerate() {
        host.write_atomic(&index(&host), damage).expect("written");
        let loaded = load(&host);
        let aside = loaded.set_aside.expect("told");
        assert_eq!(host.read(&aside.path).expect("there"), *damage);
        assert!(aside.path.ends_with(format!("pending.damaged-{}", number + 1)));
        assert_eq!(loaded.review.hunks().count(), 0);
    }
    // Also when nobody has loaded it before it is written again.
    host.write_atomic(&index(&host), b"{").expect("written");
    home(&host).pending().save(&review).expect("saved");
    assert!(host.exists(&home(&host).folder().join("pending.damaged-4")));
    assert_eq!(shown(&load(&host).review), shown(&review));
}

#[test]
fn damaged_records_cost_their_files_only() {
    let host = world();
    let mut review = review(&host);
    home(&host).pending().save(&review).expect("saved");
    let later = proposed("later", None, Some(b"later\n"));
    let info = ChangeInfo::default();
    let files = vec![later];
    review
        .propose(Proposal { info, files }, on_disk(&host))
        .expect("proposed");
    home(&host).pending().save(&review).expect("saved");
    // The first save has written one object for all files that waited then.
    let text = host.read_text(&index(&host)).expect("read");
    let kept: serde_json::Value = serde_json::from_str(&text).expect("an index");
    let object = kept["files"]["text"]["object"].as_str().expect("a name");
    assert_ne!(kept["files"]["later"]["object"], object);
    let place = home(&host)
        .folder()
        .join("store")
        .join(&object[..2])
        .join(&object[2..]);
    host.write_atomic(&place, b"\x01nonsense").expect("written");
    let loaded = load(&host);
    let aside = loaded.set_aside.expect("told");
    expect_test::expect!["the pending review of `broken`, `deleted`, `image`, `moved`, `new`, `text` cannot be read; it was set aside as `/state/workspaces/ea0135bca5e3bd815f5b7b8f8c83d86f/pending.damaged-1`"].assert_eq(&aside.to_string());
    assert_eq!(host.read_text(&aside.path).expect("there"), text);
    let left: Vec<_> = loaded.review.files().map(|file| file.path().as_str()).collect();
    assert_eq!(left, ["later"]);
}

#[test]
fn what_a_later_version_wrote_is_left_alone() {
    let host = world();
    let review = review(&host);
    home(&host).pending().save(&review).expect("saved");
    let later = br#"{"format": 2, "unheard": "of"}"#;
    host.write_atomic(&index(&host), later).expect("written");
    let pending: Pending = home(&host).pending();
    assert!(matches!(pending.save(&review), Err(PendingError::Later(_))));
    assert!(matches!(
        pending.load(on_disk(&host)),
        Err(PendingError::Later(_))
    ));
    assert_eq!(host.read(&index(&host)).expect("read"), later);
}

#[test]
fn a_workspace_has_one_home_and_one_owner() {
    let host = world();
    host.create_folder(Path::new("/project/src")).expect("made");
    let one = home(&host);
    let around = Path::new("/project/src/../.");
    let other = Home::open(&host, Path::new("/state"), around).expect("opened");
    assert_eq!(one.folder(), other.folder());
    let elsewhere = Path::new("/project/src");
    let elsewhere = Home::open(&host, Path::new("/state"), elsewhere).expect("opened");
    assert_ne!(one.folder(), elsewhere.folder());
    let owner = one.own().expect("locked").expect("free");
    assert!(other.own().expect("asked").is_none());
    assert!(elsewhere.own().expect("asked").is_some());
    drop(owner);
    assert!(other.own().expect("asked").is_some());
    // Even of somebody who owns it for good, another home can be opened to read.
    assert_eq!(
        other
            .pending()
            .load(on_disk(&host))
            .expect("loaded")
            .review
            .hunks()
            .count(),
        0
    );
}
