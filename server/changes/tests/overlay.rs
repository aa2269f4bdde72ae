//! Reading through the overlay shows what waits; the files themselves do not have it.

use std::collections::BTreeMap;

use changes::{
    Authority, ChangeInfo, Content, Decision, Edit, Live, OperationKind, Overlaid, Part, Review,
    WorkspacePath, patch,
};

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::parse(text).expect("a plain path")
}

const PATCH: &str = "\
--- a/a
+++ b/a
@@ -1,3 +1,3 @@
-one
+ONE
 two
-three
+THREE
--- /dev/null
+++ b/made
@@ -0,0 +1 @@
+made
diff --git a/gone b/gone
deleted file mode 100644
--- a/gone
+++ /dev/null
@@ -1 +0,0 @@
-gone
diff --git a/old b/new
rename from old
rename to new
diff --git a/tool b/tool
old mode 100644
new mode 100755
";

fn review() -> Review {
    let files: BTreeMap<&str, &str> = [
        ("a", "one\ntwo\nthree\n"),
        ("gone", "gone\n"),
        ("old", "moved\n"),
        ("tool", "tool\n"),
    ]
    .into();
    let live = |path: &WorkspacePath| Live {
        authority: Authority::Editor,
        file: files
            .get(path.as_str())
            .map(|text| (Content::new_text(text), 0o644)),
    };
    let mut review = Review::default();
    let info = ChangeInfo {
        title: "A patch".to_owned(),
        origin: "a test".to_owned(),
        ..ChangeInfo::default()
    };
    review
        .propose_patch(info, &patch::parse(PATCH.as_bytes()).expect("read"), live)
        .expect("proposed");
    review
}

fn shown(review: &Review) -> String {
    let line = |path: WorkspacePath| match review.overlay(&path) {
        Overlaid::Untouched => format!("{path} untouched"),
        Overlaid::Gone => format!("{path} gone"),
        Overlaid::File { content, mode } => {
            format!("{path} {mode:o} {:?}", content.text().unwrap_or("no text"))
        }
    };
    review
        .overlaid_paths()
        .into_iter()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}

fn decide(review: &mut Review, decision: Decision, select: impl Fn(&Part) -> bool) {
    let found: Vec<_> = review
        .hunks()
        .filter(|view| select(&view.part))
        .map(|view| (view.id, view.digest))
        .collect();
    for (id, digest) in found {
        review.decide(id, decision.clone(), digest).expect("decided");
    }
}

#[test]
fn what_waits_is_shown_and_what_is_dropped_is_not() {
    let mut review = review();
    expect_test::expect![[r#"
        a 644 "ONE\ntwo\nTHREE\n"
        gone gone
        made 644 "made\n"
        new 644 "moved\n"
        old gone
        tool 755 "tool\n""#]]
    .assert_eq(&shown(&review));
    decide(&mut review, Decision::Drop, |part| match part {
        Part::Text(hunk) => hunk.proposed() != "ONE\n",
        Part::Whole(operation) => !matches!(operation.kind(), OperationKind::Rename(_)),
    });
    decide(
        &mut review,
        Decision::Keep,
        |part| matches!(part, Part::Whole(operation) if matches!(operation.kind(), OperationKind::Rename(_))),
    );
    expect_test::expect![[r#"
        a 644 "ONE\ntwo\nthree\n"
        new 644 "moved\n"
        old gone"#]]
    .assert_eq(&shown(&review));
    assert_eq!(review.overlay(&path("elsewhere")), Overlaid::Untouched);
}

#[test]
fn a_conflict_shows_what_the_user_wrote() {
    let mut review = review();
    review
        .edit(
            &path("a"),
            &Edit {
                range: 0..3,
                text: "eins".to_owned(),
            },
        )
        .expect("it fits");
    assert!(
        shown(&review).starts_with("a 644 \"eins\\ntwo\\nTHREE\\n\""),
        "{}",
        shown(&review)
    );
    let dropped = review.edit(
        &path("a"),
        &Edit {
            range: 0..99,
            text: String::new(),
        },
    );
    assert!(dropped.is_err(), "an edit that does not fit is refused");
}

#[test]
fn a_decision_about_another_state_is_refused() {
    let mut review = review();
    let (id, seen) = review
        .hunks()
        .find(|view| view.file.path().as_str() == "a")
        .map(|view| (view.id, view.digest))
        .expect("it waits");
    review
        .edit(
            &path("a"),
            &Edit {
                range: 0..0,
                text: "x".to_owned(),
            },
        )
        .expect("it fits");
    assert!(review.decide(id, Decision::Keep, seen).is_err());
    review
        .edit(
            &path("a"),
            &Edit {
                range: 0..1,
                text: String::new(),
            },
        )
        .expect("it fits");
    review
        .decide(id, Decision::Keep, seen)
        .expect("what was shown is there again");
}
