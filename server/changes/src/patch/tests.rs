//! Patches that are read, refused, laid and written.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::Content;

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::parse(text).unwrap()
}

/// Lays `patch` over `base` and shows what comes of it, or why nothing does.
fn laid(base: &[u8], patch: &[u8]) -> String {
    let files = match parse(patch) {
        Ok(files) => files,
        Err(error) => return format!("error: {error}"),
    };
    let mut shown = String::new();
    for file in files {
        let at = file.old.as_ref().or(file.new.as_ref()).unwrap();
        match lay(&file, Some(&Content::decode(base)), at) {
            Ok(Some(content)) => {
                let bytes = content.encode().unwrap();
                shown += &format!("{:?} -> {:?}: {}\n", file.old, file.new, bytes.escape_ascii());
            }
            Ok(None) => shown += &format!("{:?} -> {:?}\n", file.old, file.new),
            Err(error) => shown += &format!("error: {error}\n"),
        }
    }
    shown
}

fn check(base: &[u8], patch: &[u8], expected: Expect) {
    expected.assert_eq(&laid(base, patch));
}

const PLAIN: &str = "--- a/x\n+++ b/x\n";

#[test]
fn a_patch_changes_exactly_what_it_names() {
    check(
        b"one\ntwo\nthree\n",
        b"A message.\n\ndiff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1,3 +1,4 @@ fn\n one\n-two\n+2\n+2b\n three\n-- \n2.39.1\n",
        expect![[r#"
            Some("x") -> Some("x"): one\n2\n2b\nthree\n
        "#]],
    );
    check(
        b"one\r\ntwo\r\n",
        b"--- x\t2026-01-01\n+++ x\t2026-01-02\n@@ -2 +2 @@\n-two\r\n+2\r\n",
        expect![[r#"
            Some("x") -> Some("x"): one\r\n2\r\n
        "#]],
    );
    check(
        b"one\ntwo",
        b"--- a/x\n+++ b/x\n@@ -2 +2 @@\n-two\n\\ No newline at end of file\n+two\n",
        expect![[r#"
            Some("x") -> Some("x"): one\ntwo\n
        "#]],
    );
    check(
        b"caf\xe9\nx\n",
        b"--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n caf\xe9\n-x\n+\xfc\n",
        expect![[r#"
            Some("x") -> Some("x"): caf\xe9\n\xfc\n
        "#]],
    );
    check(
        b"\xff\xfea\0\n\0",
        "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+€\n".as_bytes(),
        expect![[r#"
            Some("x") -> Some("x"): \xff\xfe\xac \n\x00
        "#]],
    );
}

#[test]
fn files_are_made_deleted_and_moved() {
    check(
        b"",
        b"diff --git a/new b/new\nnew file mode 100755\nindex 0..1\n--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+x\n",
        expect![[r#"
            None -> Some("new"): x\n
        "#]],
    );
    check(
        b"x\n",
        b"diff --git a/old b/old\ndeleted file mode 100644\n--- a/old\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n",
        expect![[r#"
            Some("old") -> None
        "#]],
    );
    check(
        b"x\ny\n",
        b"diff --git a/old b/new\nsimilarity index 90%\nrename from old\nrename to new\n--- a/old\n+++ b/new\n@@ -2 +2 @@\n-y\n+z\n",
        expect![[r#"
            Some("old") -> Some("new"): x\nz\n
        "#]],
    );
    check(
        b"x\n",
        b"diff --git a/x y b/x y\nold mode 100644\nnew mode 100755\ndiff --git a/e b/e\nnew file mode 100644\n",
        expect![[r#"
            Some("x y") -> Some("x y"): x\n
            None -> Some("e"): 
        "#]],
    );
}

#[test]
fn a_patch_that_does_not_fit_is_refused() {
    let fit =
        |body: &str, expected: Expect| check(b"one\ntwo\n", format!("{PLAIN}{body}").as_bytes(), expected);
    fit(
        "@@ -1 +1 @@\n-One\n+1\n",
        expect![[r#"
        error: the patch does not fit `x`: line 1 there is `one\n`, line 4 of the patch expects `One\n`
    "#]],
    );
    fit(
        "@@ -1 +1 @@\n-one\r\n+1\r\n",
        expect![[r#"
        error: the patch does not fit `x`: line 1 there is `one\n`, line 4 of the patch expects `one\r\n`
    "#]],
    );
    fit(
        "@@ -2 +2 @@\n-two\n\\ No newline at end of file\n+2\n",
        expect![[r#"
        error: the patch does not fit `x`: line 2 there is `two\n`, line 4 of the patch expects `two`
    "#]],
    );
    fit(
        "@@ -2 +2 @@\n-two\n+2\n\\ No newline at end of file\n",
        expect![[r#"
        Some("x") -> Some("x"): one\n2
    "#]],
    );
    fit(
        "@@ -1 +1 @@\n-one\n+1\n\\ No newline at end of file\n",
        expect![[r#"
        error: the patch does not fit `x`: the file has 2 lines, line 5 of the patch leaves the last one without its line end
    "#]],
    );
    fit(
        "@@ -9,0 +10 @@\n+x\n",
        expect![[r#"
        error: the patch does not fit `x`: the file has 2 lines, line 4 of the patch begins behind its end
    "#]],
    );
    fit(
        "@@ -2,2 +2,2 @@\n two\n-three\n+3\n",
        expect![[r#"
        error: the patch does not fit `x`: the file has 2 lines, line 5 of the patch expects another one
    "#]],
    );
    check(
        b"x\n",
        b"--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n",
        expect![[r#"
        Some("x") -> None
    "#]],
    );
    check(
        b"x\ny\n",
        b"--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n",
        expect![[r#"
        error: the patch does not fit `x`: the file has 2 lines, line 4 of the patch deletes only some
    "#]],
    );
    check(
        b"a\0b",
        b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n",
        expect![[r#"
        error: `x` is not text
    "#]],
    );
    check(
        "é\n".as_bytes(),
        b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-\xe9\n+e\n",
        expect![[r#"
        error: line 4 of the patch is not in the encoding of `x`
    "#]],
    );
}

#[test]
fn a_byte_order_mark_stays_what_it_is() {
    let base = b"\xef\xbb\xbfone\ntwo\n";
    let marked = |body: &str| format!("{PLAIN}{body}").into_bytes();
    check(
        base,
        &marked("@@ -1 +1 @@\n-\u{feff}one\n+\u{feff}1\n"),
        expect![[r#"
        Some("x") -> Some("x"): \xef\xbb\xbf1\ntwo\n
    "#]],
    );
    check(
        base,
        &marked("@@ -1 +1 @@\n-one\n+1\n"),
        expect![[r#"
        Some("x") -> Some("x"): \xef\xbb\xbf1\ntwo\n
    "#]],
    );
    check(
        base,
        &marked("@@ -1 +1 @@\n-\u{feff}one\n+1\n"),
        expect![[r#"
        error: the patch up to its line 5 would change the byte-order mark of `x`
    "#]],
    );
    check(
        base,
        &marked("@@ -1 +1,2 @@\n+new\n \u{feff}one\n"),
        expect![[r#"
        error: the patch up to its line 5 would change the byte-order mark of `x`
    "#]],
    );
    check(
        b"one\n",
        &marked("@@ -1 +1 @@\n-one\n+\u{feff}1\n"),
        expect![[r#"
        error: the patch up to its line 5 would change the byte-order mark of `x`
    "#]],
    );
}

#[test]
fn a_patch_that_does_not_say_what_it_does_is_refused() {
    let refused = |patch: &str, expected: Expect| check(b"one\ntwo\nthree\n", patch.as_bytes(), expected);
    let body = |body: &str, expected: Expect| refused(&format!("{PLAIN}{body}"), expected);
    refused(
        "",
        expect![
            "error: line 1 of the patch: there is no change in it; a patch begins with `--- FILE` and `+++ FILE`"
        ],
    );
    refused(
        "--- a/x\n@@ -1 +1 @@\n",
        expect![
            "error: line 1 of the patch: there is no change in it; a patch begins with `--- FILE` and `+++ FILE`"
        ],
    );
    refused(
        "diff --git a/x b/x\n--- a/x\n@@ -1 +1 @@\n",
        expect!["error: line 3 of the patch: `+++` is missing"],
    );
    refused(
        "--- a/../x\n+++ b/../x\n",
        expect!["error: line 2 of the patch: path `../x` has an empty, `.` or `..` name in it"],
    );
    refused(
        "--- a/.git/config\n+++ b/.git/config\n",
        expect![
            "error: line 2 of the patch: path `.git/config` lies in a folder that changes must not touch"
        ],
    );
    refused(
        "--- /etc/passwd\n+++ /etc/passwd\n",
        expect![
            "error: line 2 of the patch: path `/etc/passwd` is absolute; give it relative to the workspace"
        ],
    );
    refused(
        "--- a/x\n+++ b/y\n@@ -1 +1 @@\n-one\n+1\n",
        expect![
            "error: line 2 of the patch: it names two files, `x` and `y`, without `rename from` and `rename to`"
        ],
    );
    refused(
        "diff --git a/x b/y\nrename from x\n",
        expect!["error: line 2 of the patch: `rename to` is missing"],
    );
    refused(
        "diff --git a/x b/x\nnew file mode 120000\n",
        expect!["error: line 2 of the patch: a symbolic link cannot be put up for review"],
    );
    refused(
        "diff --git a/x b/x\nold mode 100644\nnew mode 10x\n",
        expect!["error: line 3 of the patch: `10x` is not the mode of a plain file"],
    );
    refused(
        "diff --git a/x b/x\nBinary files a/x and b/x differ\n",
        expect!["error: line 2 of the patch: a patch of a file that is not text cannot be put up for review"],
    );
    refused(
        "diff --git a/x b/x\nnew file mode 100644\n--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+x\n",
        expect!["error: line 4 of the patch: `/dev/null` does not agree with the lines before it"],
    );
    body(
        "@@ -1 +1,x @@\n",
        expect!["error: line 3 of the patch: `@@` must be followed by `-LINE,COUNT +LINE,COUNT @@`"],
    );
    body(
        "@@ -0 +1 @@\n",
        expect!["error: line 3 of the patch: `@@` must be followed by `-LINE,COUNT +LINE,COUNT @@`"],
    );
    body(
        "@@ -18446744073709551615,2 +1,2 @@\n",
        expect!["error: line 3 of the patch: `@@` must be followed by `-LINE,COUNT +LINE,COUNT @@`"],
    );
    body(
        "@@ -1 +7 @@\n-one\n+1\n",
        expect!["error: line 3 of the patch: its line numbers do not fit those before it"],
    );
    body(
        "@@ -2 +2 @@\n-two\n+2\n@@ -1 +1 @@\n-one\n+1\n",
        expect!["error: line 6 of the patch: its line numbers do not fit those before it"],
    );
    body(
        "@@ -1,2 +1,2 @@\n-one\n+1\n",
        expect![
            "error: line 6 of the patch: the section ends before it has the lines that its `@@` line promises"
        ],
    );
    body(
        "@@ -1 +1 @@\n-one\n+1\n+2\n",
        expect!["error: line 6 of the patch: the section has more lines than its `@@` line promises"],
    );
    body(
        "@@ -1,2 +1 @@\n-one\n+1\n+2\n",
        expect!["error: line 6 of the patch: the section has more lines than its `@@` line promises"],
    );
    body(
        "@@ -1 +1 @@\n-one\n*1\n",
        expect!["error: line 5 of the patch: a line in a section begins with ` `, `-`, `+` or `\\`"],
    );
    body(
        "@@ -1,2 +1,2 @@\n-one\n+1\n\\ No newline at end of file\n two\n",
        expect!["error: line 5 of the patch: a line without a line end is not the last of its file"],
    );
    body("+1\n", expect!["error: line 3 of the patch: `@@` is missing"]);
    body(
        "@@ -1 +1 @@\n-one\n+1\n--- a/x\n+++ b/x\n@@ -2 +2 @@\n-two\n+2\n",
        expect!["error: line 6 of the patch: the patch has another part for `x`"],
    );
}

#[test]
fn a_printed_patch_reads_like_one_of_git() {
    let (old, new) = (path("old name"), path("new name"));
    let before = Content::decode(b"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12");
    let after = Content::decode(b"1\n2\n3\n4\n5\nsix\n7\n8\n9\n10\n11\n12\n");
    let side = |path, content, mode| Some(Side { path, content, mode });
    let printed = print(side(&old, &before, 0o644), side(&new, &after, 0o755));
    expect![[r#"
        diff --git a/old name b/new name
        old mode 100644
        new mode 100755
        rename from old name
        rename to new name
        --- a/old name	
        +++ b/new name	
        @@ -3,10 +3,10 @@
         3
         4
         5
        -6
        +six
         7
         8
         9
         10
         11
        -12
        \ No newline at end of file
        +12
    "#]]
    .assert_eq(&String::from_utf8(printed).unwrap());
    assert_eq!(print(side(&old, &before, 0o644), side(&old, &before, 0o644)), b"");
}

fn file_bytes() -> impl Strategy<Value = Vec<u8>> {
    let lines = |parts: Vec<&'static [u8]>| {
        prop::collection::vec(prop::sample::select(parts), 0..40).prop_map(|parts| parts.concat())
    };
    prop_oneof![
        lines(vec![
            b"a\n",
            b"b\n",
            b"c\r\n",
            b"d",
            b"\n",
            "é".as_bytes(),
            b"-- \n",
            b"@@ \n",
            b"--- x\n",
            b"\\\n"
        ]),
        lines(vec![b"a\n", b"\xe9\n", b"\xff", b"b\r\n"]),
    ]
}

proptest! {
    #[test]
    fn a_printed_patch_gives_the_new_file(old in file_bytes(), new in file_bytes(), mark in any::<bool>()) {
        let with_mark = |bytes: &[u8]| if mark { [b"\xef\xbb\xbf", bytes].concat() } else { bytes.to_vec() };
        let (before, after) = (Content::decode(&with_mark(&old)), Content::decode(&with_mark(&new)));
        let format = |content: &Content| match content {
            Content::Text { format, .. } => *format,
            Content::Binary(_) => unreachable!("there is no NUL in it"),
        };
        // A patch cannot turn a file of one encoding into one of another.
        prop_assume!(format(&before) == format(&after));
        prop_assume!(!before.text().unwrap().is_empty() && !after.text().unwrap().is_empty());
        let at = path("some file");
        let printed = print(
            Some(Side { path: &at, content: &before, mode: 0o644 }),
            Some(Side { path: &at, content: &after, mode: 0o644 }),
        );
        if before == after {
            prop_assert!(printed.is_empty());
        } else {
            let files = parse(&printed).unwrap();
            prop_assert_eq!(lay(&files[0], Some(&before), &at).unwrap(), Some(after));
        }
    }

    #[test]
    fn no_patch_makes_the_reader_fail_badly(
        lines in prop::collection::vec(
            prop::sample::select(vec![
                "--- a/x\n", "+++ b/x\n", "diff --git a/x b/x\n", "@@ -1 +1 @@\n", "@@ -1,2 +1,2 @@\n", "@@ -0,0 +1 @@\n",
                " a\n", "-a\n", "+a\n", "-a", "\\ No newline\n", "\n", "rename from x\n", "rename to y\n", "--- /dev/null\n",
                "@@ -4294967296 +1 @@\n", "new file mode 100644\n", "deleted file mode 100644\n", "\"", "é\n",
            ]),
            0..24,
        ),
    ) {
        let patch = lines.concat();
        for file in parse(patch.as_bytes()).unwrap_or_default() {
            let _either_is_fine = lay(&file, Some(&Content::decode(b"a\na")), &path("x"));
        }
    }
}
