//! Without an editor.

use expect_test::expect;

use crate::world::{PATCH, Place};

#[test]
fn alone_a_patch_is_proposed_decided_taken_back_and_accounted_for() {
    let place = Place::new();
    let check = "grep -q ONE a.txt && ! grep -q ONE \"$FREEHOLD_HOME/../nowhere\"";
    let proposed = place.said(&["propose", "--title", "Louder", "--check", check], PATCH);
    let proposed = proposed.replace(check, "CHECK");
    expect![[r#"
        c1: 3 hunks wait for your decision; see `freehold diff`
        `CHECK` passes
        [0]
    "#]]
    .assert_eq(&proposed);
    assert_eq!(
        place.text("a.txt"),
        "one\ntwo\nthree\n",
        "nothing is written before it is kept"
    );
    let shown = place.said(&["diff"], "");
    expect![[r#"
        c1  Louder (terminal)
        `grep -q ONE a.txt && ! grep -q ONE "$FREEHOLD_HOME/../nowhere"` passes

        h2  a.txt:1  change 1 line to 1
        - one
        + ONE

        h3  a.txt:3  change 1 line to 1
        - three
        + THREE

        h4  b.txt:1  change 1 line to 1
        - alpha
        + ALPHA
        [0]
    "#]]
    .assert_eq(&shown);
    assert_eq!(place.said(&["keep", "h2", "h4"], ""), "kept\n[0]\n");
    assert_eq!(place.text("a.txt"), "ONE\ntwo\nthree\n");
    assert_eq!(place.text("b.txt"), "ALPHA\n");
    assert_eq!(place.said(&["drop", "--all"], ""), "dropped\n[0]\n");
    assert_eq!(
        place.said(&["diff"], ""),
        "nothing waits for your decision\n[0]\n"
    );
    assert_eq!(place.said(&["undo"], ""), "taken back\n[0]\n");
    assert_eq!(place.text("b.txt"), "alpha\n");
    assert_eq!(place.said(&["redo"], ""), "done again\n[0]\n");
    assert_eq!(place.text("b.txt"), "ALPHA\n");
    assert_eq!(
        place.said(&["undo", "--step", "1", "--hunk", "1", "--file", "a.txt"], ""),
        "taken back\n[0]\n"
    );
    assert_eq!(place.text("a.txt"), "one\ntwo\nthree\n");
    assert_eq!(place.text("b.txt"), "ALPHA\n");
    assert_eq!(
        place.said(&["undo", "--step", "1", "--hunk", "7", "--file", "a.txt"], ""),
        "error: step 1 has 1 hunks in `a.txt`, and no other\n[1]\n"
    );
    // The rest of the step can still be taken back, and all of it be done again.
    assert_eq!(place.said(&["undo"], ""), "taken back\n[0]\n");
    assert_eq!(place.text("b.txt"), "alpha\n");
    assert_eq!(
        place.said(&["undo"], ""),
        "error: there is nothing to undo\n[1]\n"
    );
    assert_eq!(place.said(&["redo"], ""), "done again\n[0]\n");
    assert_eq!(place.text("a.txt"), "one\ntwo\nthree\n");
    assert_eq!(place.text("b.txt"), "ALPHA\n");
    assert_eq!(place.said(&["redo"], ""), "done again\n[0]\n");
    assert_eq!(place.text("a.txt"), "ONE\ntwo\nthree\n");
    expect![[r#"
        -    7  Redo Louder  a.txt
        -    6  Redo Louder  b.txt
        -    5  Undo Louder  b.txt
        -    4  Undo Louder  a.txt
        -    3  Redo Louder  a.txt, b.txt
        -    2  Undo Louder  a.txt, b.txt
             1  Louder  a.txt, b.txt
        [0]
    "#]]
    .assert_eq(&place.said(&["checkpoints"], ""));
    let audit = place.said(&["audit", "show"], "");
    assert!(
        audit.contains("person=ada") && audit.contains("decision=keep"),
        "{audit}"
    );
    assert!(
        place
            .said(&["audit", "verify"], "")
            .starts_with("the audit log is as it was left")
    );
}

#[test]
fn hunks_are_decided_with_those_that_go_with_them_or_as_the_user_has_them() {
    let place = Place::new();
    std::fs::write(place.path("m.txt"), "call(old_name)\n\nlet old_name = 1\n").expect("written");
    let renames = "--- a/m.txt\n+++ b/m.txt\n@@ -1,3 +1,3 @@\n-call(old_name)\n+call(new_name)\n \n-let old_name = 1\n+let new_name = 1\n";
    place.said(&["propose"], renames);
    let shown = place.said(&["diff"], "");
    assert!(
        shown.contains("h2  m.txt:1  change 1 line to 1  with h3  like h3\n"),
        "{shown}"
    );
    assert_eq!(place.said(&["drop", "h2", "--together"], ""), "dropped\n[0]\n");
    assert_eq!(
        place.said(&["diff"], ""),
        "nothing waits for your decision\n[0]\n"
    );
    place.said(&["propose"], renames);
    assert_eq!(place.said(&["keep", "h5", "--alike"], ""), "kept\n[0]\n");
    assert_eq!(place.text("m.txt"), "call(new_name)\n\nlet new_name = 1\n");
    place.said(&["propose"], PATCH);
    assert_eq!(place.said(&["keep", "h8", "--as", "-"], "One\n"), "kept\n[0]\n");
    assert_eq!(place.text("a.txt"), "One\ntwo\nthree\n");
    expect![[r#"
        error: `zz` is no name of a hunk; `freehold diff` shows the names, such as `h2`
        [1]
    "#]]
    .assert_eq(&place.said(&["keep", "zz"], ""));
}

#[test]
fn what_goes_wrong_is_said_and_shows_in_the_exit_code() {
    let place = Place::new();
    let shown = [
        place.said(&["propose"], "no patch"),
        place.said(&["propose"], &PATCH.replace("-one", "-1")),
        place.said(&["keep", "h7"], ""),
        place.said(&["undo"], ""),
        place.said(&["drop", "--file", "a.txt"], ""),
        place.said(&["diff", "--step", "9"], ""),
    ];
    expect![[r#"
        error: cannot read the patch: line 1 of the patch: there is no change in it; a patch begins with `--- FILE` and `+++ FILE`
        [1]
        error: the patch does not fit `a.txt`: line 1 there is `one\n`, line 4 of the patch expects `1\n`
        [1]
        error: hunk h7 does not wait for a decision
        [1]
        error: there is nothing to undo
        [1]
        error: nothing waits for `a.txt`
        [1]
        error: there is no step 9; see `freehold checkpoints`
        [1]
    "#]]
    .assert_eq(&shown.concat());
}
