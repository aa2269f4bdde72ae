//! Who and what stands behind what was written.

use expect_test::expect;

use crate::world::{PATCH, Place};

#[test]
fn each_line_leads_to_who_and_what_stands_behind_it() {
    let place = Place::new();
    let prompt = place.home.path().join("prompt");
    std::fs::write(&prompt, "Make it louder.").expect("written");
    let prompt = prompt.display().to_string();
    let arguments = [
        "propose",
        "--title",
        "Louder",
        "--session",
        "s1",
        "--run",
        "r1",
        "--model",
        "small.gguf",
        "--prompt-file",
        &prompt,
    ];
    place.said(&arguments, PATCH);
    assert_eq!(place.said(&["keep", "h2"], ""), "kept\n[0]\n");
    std::fs::write(place.path("a.txt"), "ONE\nmine\ntwo\nthree\n").expect("written");
    expect![[r#"
                1  step 1 `Louder`, decided by ada, proposed by terminal, session s1, run r1, prompt c89a2435bf1f3daa7f8ec0b42015f3fa2489715273b25fadd31fae886c69619e, model small.gguf, asked by ada
                2  written without Freehold
              3-4  there before the first step that is on record
        [0]
    "#]]
    .assert_eq(&place.said(&["audit", "show", "a.txt"], ""));
    let said = [
        place.said(&["audit", "show", "a.txt:2"], ""),
        place.said(&["audit", "show", "a.txt:9"], ""),
        place.said(&["audit", "show", "none.txt"], ""),
        place.said(&["audit", "show", "../a.txt"], ""),
    ];
    expect![[r#"
                2  written without Freehold
        [0]
        error: `a.txt` has no line 9
        [1]
        error: there is no file `none.txt` in the workspace
        [1]
        error: cannot understand the arguments of `freehold.audit`: path `../a.txt` has an empty, `.` or `..` name in it
        [1]
    "#]]
    .assert_eq(&said.concat());
    let records = place.said(&["audit", "show"], "");
    assert!(
        records.contains("decision=keep session=s1 run=r1 prompt=c89a"),
        "{records}"
    );
}
