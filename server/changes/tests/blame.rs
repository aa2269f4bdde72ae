//! For each line of a file it is known which change it is of, whatever was written around it since.

use std::path::Path;

use changes::{
    About, Behind, ChangeInfo, Content, Decision, Home, Proposal, ProposedFile, Provenance, Review,
    WorkspacePath, next_undo,
};
use host::{Files, MemoryHost, Trees};

const ROOT: &str = "/project";

fn home(host: &MemoryHost) -> Home<'_> {
    Home::open(host, Path::new("/state"), Path::new(ROOT)).expect("opened")
}

fn text(host: &MemoryHost) -> String {
    host.read_text(&Path::new(ROOT).join("file")).expect("read")
}

fn path() -> WorkspacePath {
    WorkspacePath::parse("file").expect("a plain path")
}

fn propose(host: &MemoryHost, review: &mut Review, seen: &str, content: &str, prompt: &str) {
    let tree = host.open_tree(Path::new(ROOT)).expect("opened");
    let home = home(host);
    let file = ProposedFile {
        path: path(),
        seen: Some(Content::new_text(seen)),
        content: Some(Content::new_text(content)),
        rename: None,
        mode: None,
    };
    let info = ChangeInfo {
        provenance: Provenance {
            session: "session".to_owned(),
            prompt: prompt.to_owned(),
            model: "model.gguf".to_owned(),
            ..Provenance::default()
        },
        ..ChangeInfo::default()
    };
    let files = vec![file];
    review
        .propose(Proposal { info, files }, |path| {
            home.writer(&*tree).live_on_disk(path).expect("read")
        })
        .expect("proposed");
}

fn keep_all(host: &MemoryHost, review: &mut Review, person: &str) {
    let tree = host.open_tree(Path::new(ROOT)).expect("opened");
    let shown: Vec<_> = review.hunks().map(|view| (view.id, view.digest)).collect();
    for (id, digest) in shown {
        review.decide(id, Decision::Keep, digest).expect("decided");
    }
    let plan = review.plan().expect("planned");
    let about = review.about(&plan, "Kept", person);
    home(host)
        .writer(&*tree)
        .apply(plan.writes(), about)
        .expect("applied");
    review.applied(&plan);
}

fn shown(host: &MemoryHost) -> String {
    let tree = host.open_tree(Path::new(ROOT)).expect("opened");
    let text = text(host);
    let behind = home(host).writer(&*tree).behind(&path(), &text).expect("read");
    assert_eq!(behind.len(), text.lines().count());
    let line = |(line, behind): (&str, Behind)| match behind {
        Behind::Unrecorded => format!("{line}: unrecorded"),
        Behind::Elsewhere => format!("{line}: elsewhere"),
        Behind::Step {
            id,
            about,
            change,
            edited,
        } => {
            let provenance = change.map(|change| change.provenance);
            let origin = provenance.map(|from| format!("{} {} {}", from.session, from.prompt, from.model));
            let edited = if edited { ", edited" } else { "" };
            format!(
                "{line}: step {} by {:?} for {origin:?}{edited}",
                id.0, about.person
            )
        }
    };
    text.lines().zip(behind).map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_line_leads_to_its_change() {
    let host = MemoryHost::new();
    for folder in [ROOT, "/state"] {
        host.create_folder(Path::new(folder)).expect("made");
    }
    let file = Path::new(ROOT).join("file");
    host.write_atomic(&file, b"one\ntwo\nthree\nfour\nfive\n")
        .expect("written");
    // Two changes are kept in one step.
    let mut review = Review::default();
    let first = "one\nTWO\nthree\nfour\nfive\n";
    propose(&host, &mut review, &text(&host), first, "prompt-1");
    let second = "one\nTWO\nthree\nfour\nFIVE\nsix\n";
    propose(&host, &mut review, first, second, "prompt-2");
    keep_all(&host, &mut review, "ann");
    // Somebody writes around them, and another step follows.
    host.write_atomic(&file, b"zero\none\nTWO\nthree\nfour\nFIVE\nsix\n")
        .expect("written");
    let mut review = Review::default();
    let third = "zero\none\nTWO\nTHREE\nfour\nFIVE\nsix\n";
    propose(&host, &mut review, &text(&host), third, "prompt-3");
    keep_all(&host, &mut review, "bob");
    host.write_atomic(&file, b"zero\none\nTWO\nTHREE\nfour, mine\nFIVE\nsix\nseven\n")
        .expect("written");
    expect_test::expect![[r#"
        zero: elsewhere
        one: unrecorded
        TWO: step 1 by "ann" for Some("session prompt-1 model.gguf")
        THREE: step 2 by "bob" for Some("session prompt-3 model.gguf")
        four, mine: elsewhere
        FIVE: step 1 by "ann" for Some("session prompt-2 model.gguf")
        six: step 1 by "ann" for Some("session prompt-2 model.gguf")
        seven: elsewhere"#]]
    .assert_eq(&shown(&host));

    let tree = host.open_tree(Path::new(ROOT)).expect("opened");
    let home = home(&host);
    let writer = home.writer(&*tree);
    let step = next_undo(&writer.steps().expect("read")).expect("something to undo");
    let back = writer.take_back(&[step], None, |path| writer.live_on_disk(path));
    let about = About {
        takes_back: vec![step],
        person: "bob".to_owned(),
        ..About::default()
    };
    writer.apply(back.expect("found").writes, about).expect("applied");
    expect_test::expect![[r#"
        zero: elsewhere
        one: unrecorded
        TWO: step 1 by "ann" for Some("session prompt-1 model.gguf")
        three: step 3 by "bob" for None
        four, mine: elsewhere
        FIVE: step 1 by "ann" for Some("session prompt-2 model.gguf")
        six: step 1 by "ann" for Some("session prompt-2 model.gguf")
        seven: elsewhere"#]]
    .assert_eq(&shown(&host));

    // What is done again is of the change that it was of.
    let take_back = || {
        let step = writer.steps().expect("read").last().expect("a step").id;
        let back = writer.take_back(&[step], None, |path| writer.live_on_disk(path));
        let about = About {
            takes_back: vec![step],
            person: "cay".to_owned(),
            ..About::default()
        };
        writer.apply(back.expect("found").writes, about).expect("applied");
    };
    take_back();
    expect_test::expect![[r#"
        zero: elsewhere
        one: unrecorded
        TWO: step 1 by "ann" for Some("session prompt-1 model.gguf")
        THREE: step 4 by "cay" for Some("session prompt-3 model.gguf")
        four, mine: elsewhere
        FIVE: step 1 by "ann" for Some("session prompt-2 model.gguf")
        six: step 1 by "ann" for Some("session prompt-2 model.gguf")
        seven: elsewhere"#]]
    .assert_eq(&shown(&host));
}

#[test]
fn what_the_user_edited_is_told_from_what_was_proposed() {
    let host = MemoryHost::new();
    for folder in [ROOT, "/state"] {
        host.create_folder(Path::new(folder)).expect("made");
    }
    host.write_atomic(&Path::new(ROOT).join("file"), b"one\ntwo\nthree\n")
        .expect("written");
    let mut review = Review::default();
    propose(&host, &mut review, &text(&host), "ONE\ntwo\nTHREE\n", "prompt");
    let first = review
        .hunks()
        .next()
        .map(|view| (view.id, view.digest))
        .expect("a hunk");
    review.edit_hunk(first.0, "One\n", first.1).expect("edited");
    keep_all(&host, &mut review, "ann");
    expect_test::expect![[r#"
        One: step 1 by "ann" for Some("session prompt model.gguf"), edited
        two: unrecorded
        THREE: step 1 by "ann" for Some("session prompt model.gguf")"#]]
    .assert_eq(&shown(&host));
}
