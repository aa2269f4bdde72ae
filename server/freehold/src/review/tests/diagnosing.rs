//! Diagnostics as compilers and linters print them, and which of them are new or gone.

use std::collections::BTreeMap;

use expect_test::expect;
use proptest::prelude::*;

use crate::review::diagnosing::{Diagnostic, Moved, Severity, compare, read};

/// What each of many tools prints for a line, in a folder `/w`.
const PRINTED: &str = "\
# gcc
a.c: In function 'main':
a.c:3:5: error: 'x' undeclared (first use in this function)
a.c:3:5: note: each undeclared identifier is reported only once
    3 |     x = 1;
a.c:9: fatal error: b.h: No such file or directory
a.c:4:7: \u{1b}[01;35mwarning: \u{1b}[munused variable 'y' [-Wunused-variable]
# rustc and clippy, --message-format short
src/main.rs:3:5: error[E0425]: cannot find value `x` in this scope
src/main.rs:7:1: warning: unused import: `std::fs`
error: could not compile `a` (bin \"a\") due to 1 previous error
# eslint -f unix
/w/src/a.js:1:5: 'x' is assigned a value but never used. [Warning/no-unused-vars]
/w/src/a.js:2:1: Parsing error: Unexpected token [Error]
2 problems
# ruff, flake8, mypy, pyright
a.py:1:8: F401 [*] `os` imported but unused
./a.py:2:80: E501 line too long (88 > 79 characters)
a.py:3: error: Name \"x\" is not defined  [name-defined]
a.py:3: note: See https://mypy.readthedocs.io
  /w/a.py:4:2 - error: \"y\" is possibly unbound
Found 1 error in 1 file (checked 1 source file)
# go vet
vet: ./a.go:5:2: undefined: x
./b.go:6:2: unreachable code
# tsc
src/a.ts(3,5): error TS2304: Cannot find name 'x'.
src/a.ts(4,1): warning: see b.ts(1,2): error TS1: no
# elsewhere, or nowhere
/usr/include/a.h:3:5: error: not ours
../b.c:3:5: error: not ours
12:30:45
http://localhost:8080: listening
a.c:0:0: error: no such line
a.c:99999999999: error: no such line
a.c:3:
:3: what
";

#[test]
fn what_tools_print_is_read() {
    let found = read(PRINTED.as_bytes(), "/w");
    let lines = found.iter().map(|said| {
        let Diagnostic {
            path,
            line,
            severity,
            message,
        } = said;
        format!("{path} {line} {severity:?} {message}\n")
    });
    expect![[r#"
        a.c 3 Error 'x' undeclared (first use in this function)
        a.c 9 Error b.h: No such file or directory
        a.c 4 Warning unused variable 'y' [-Wunused-variable]
        src/main.rs 3 Error E0425: cannot find value `x` in this scope
        src/main.rs 7 Warning unused import: `std::fs`
        src/a.js 1 Warning 'x' is assigned a value but never used. [no-unused-vars]
        src/a.js 2 Error Parsing error: Unexpected token
        a.py 1 Unsaid F401 [*] `os` imported but unused
        a.py 2 Unsaid E501 line too long (88 > 79 characters)
        a.py 3 Error Name "x" is not defined  [name-defined]
        a.py 4 Error "y" is possibly unbound
        a.go 5 Unsaid undefined: x
        b.go 6 Unsaid unreachable code
        src/a.ts 3 Error TS2304: Cannot find name 'x'.
        src/a.ts 4 Warning see b.ts(1,2): error TS1: no
        12 30 Unsaid 45
    "#]]
    .assert_eq(&lines.collect::<String>());
}

fn said(path: &str, line: u32, message: &str) -> Diagnostic {
    Diagnostic {
        path: path.to_owned(),
        line,
        severity: Severity::Error,
        message: message.to_owned(),
    }
}

/// Diagnostics as `path:line message`, apart by `;`.
fn parse(text: &str) -> Vec<Diagnostic> {
    let one = |one: &str| {
        let (place, message) = one.trim().split_once(' ').expect("a message");
        let (path, line) = place.split_once(':').expect("a line");
        said(path, line.parse().expect("a number"), message)
    };
    text.split(';')
        .filter(|one| !one.trim().is_empty())
        .map(one)
        .collect()
}

fn print(diagnostics: &[Diagnostic]) -> String {
    let one = |one: &Diagnostic| format!("{}:{} {}", one.path, one.line, one.message);
    diagnostics.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[test]
fn what_only_moved_is_neither_new_nor_gone() {
    // The file `a` gets a line before its second, and its fourth is replaced by two; `b` is moved to `c`.
    let moved = BTreeMap::from([
        (
            "a".to_owned(),
            Moved::of("1\n2\n3\n4\n5\n", "1\nx\n2\n3\ny\nz\n5\n", "a"),
        ),
        ("b".to_owned(), Moved::of("1\n", "1\n", "c")),
    ]);
    let cases = [
        ("a:1 e; a:2 e; a:5 e", "a:1 e; a:3 e; a:7 e", "", ""),
        ("b:1 e", "c:1 e", "", ""),
        ("b:1 e", "", "", "b:1 e"),
        ("other:7 e", "other:7 e", "", ""),
        ("", "a:2 e", "a:2 e", ""),
        ("a:2 e", "", "", "a:2 e"),
        ("a:2 e", "a:2 f", "a:2 f", "a:2 e"),
        // As often as before: the same, on whatever line.
        ("a:4 e", "a:6 e", "", ""),
        ("a:1 e", "a:7 e", "", ""),
        // Said once more: what is not where it would have moved to.
        ("a:2 e", "a:2 e; a:3 e", "a:2 e", ""),
        ("a:2 e; a:4 e", "a:3 e", "", "a:4 e"),
        ("a:5 e", "a:5 e; a:6 e; a:7 e", "a:5 e; a:6 e", ""),
        ("a:3 e; a:3 e", "a:4 e", "", "a:3 e"),
    ];
    for (before, after, new, gone) in cases {
        let compared = compare(parse(before), parse(after), &moved);
        assert_eq!(
            (print(&compared.new).as_str(), print(&compared.gone).as_str()),
            (new, gone),
            "{before} -> {after}"
        );
    }
}

proptest! {
    #[test]
    fn anything_may_be_printed(output in prop::collection::vec(any::<u8>(), 0..200), text in "([a-c./]{0,4}[:(]?[0-9]{0,3}[,:)]{0,2} ?(error|note)?\\[?:? ?\n?){0,6}") {
        for printed in [output.as_slice(), text.as_bytes()] {
            for said in read(printed, "/w") {
                prop_assert!(said.line > 0 && !said.path.starts_with('/') && !said.path.is_empty());
            }
        }
    }

    #[test]
    fn as_many_are_new_as_are_more(before in prop::collection::vec((1_u32..9, 0..2), 0..8), after in prop::collection::vec((1_u32..9, 0..2), 0..8), old in "[ab\n]{0,12}", new in "[ab\n]{0,12}") {
        let all = |places: &[(u32, i32)]| places.iter().map(|(line, word)| said("f", *line, &word.to_string())).collect::<Vec<_>>();
        let moved = BTreeMap::from([("f".to_owned(), Moved::of(&old, &new, "f"))]);
        let compared = compare(all(&before), all(&after), &moved);
        for word in 0..2 {
            let count = |places: &[(u32, i32)]| places.iter().filter(|place| place.1 == word).count();
            let of = |diagnostics: &[Diagnostic]| diagnostics.iter().filter(|one| one.message == word.to_string()).count();
            prop_assert_eq!(of(&compared.new), count(&after).saturating_sub(count(&before)));
            prop_assert_eq!(of(&compared.gone), count(&before).saturating_sub(count(&after)));
        }
    }
}
