//! What each grammar finds in a small text of its language.

use std::fmt::Write;

use expect_test::expect_file;
use ropey::Rope;
use syntax::{Limits, Tree, language};

const TEXTS: [(&str, &str); 17] = [
    (
        "python",
        "import os\nfrom a import b\nLIMIT = 3\nclass A:\n    def f(self):\n        return 1\n",
    ),
    (
        "rust",
        "use std::io;\nconst N: u8 = 1;\nstruct S { a: u8 }\nimpl S {\n    fn f(&self) -> u8 { 1 }\n}\n",
    ),
    (
        "javascript",
        "import a from 'a';\nfunction f(x) { return x; }\nconst g = (y) => y;\nclass C { m() {} }\n",
    ),
    (
        "typescript",
        "import { a } from 'a';\ninterface I { x: number }\ntype T = string;\nconst h = (y: T): T => { return y; };\n",
    ),
    (
        "typescriptreact",
        "export function F(p: P) { return <p>{p.a}</p>; }\n",
    ),
    (
        "go",
        "package a\nimport \"fmt\"\ntype T struct { a int }\nfunc (t T) M() int { return 1 }\nfunc f() { fmt.Println() }\n",
    ),
    (
        "java",
        "import java.util.List;\nclass A {\n    A(int x) { }\n    int f() { return 1; }\n}\n",
    ),
    (
        "c",
        "#include <stdio.h>\n#define N 3\nstruct s { int a; };\nint g(void);\nint *f(int x) { return 0; }\n",
    ),
    (
        "cpp",
        "#include <vector>\nclass A { public: int f() { return 1; } };\nint A::g() { return 2; }\n",
    ),
    (
        "csharp",
        "using System;\nclass A {\n    public int P { get; set; }\n    int F() { return 1; }\n}\n",
    ),
    ("ruby", "require 'json'\nclass A\n  def f(x)\n    x\n  end\nend\n"),
    (
        "php",
        "<?php\nuse A\\B;\nclass C { function f($x) { return $x; } }\n",
    ),
    ("shellscript", "source ./a.sh\nf() {\n  echo 1\n}\n"),
    ("lua", "local function f(x)\n  return x\nend\n"),
    (
        "kotlin",
        "import a.b\nclass A {\n    fun f(x: Int): Int { return x }\n}\n",
    ),
    ("css", "a { color: red; }\n"),
    ("json", "{\"a\": [1, 2]}\n"),
];

#[test]
fn every_grammar_finds_what_is_defined_and_imported() {
    let mut all = String::new();
    for (id, text) in TEXTS {
        let rope = Rope::from_str(text);
        let tree = Tree::parse(language(id), &rope, &Limits::default()).expect("it has a grammar");
        assert!(tree.is_whole(), "{id}: {:?}", tree.errors(3));
        writeln!(all, "{id}").expect("a string takes all");
        for range in tree.imports(&rope) {
            writeln!(all, "  import {:?}", &text[range]).expect("a string takes all");
        }
        for definition in tree.outline(&rope) {
            let header = &text[definition.header];
            writeln!(all, "  {}: {header:?}", definition.name).expect("a string takes all");
        }
    }
    expect_file!["outlines.txt"].assert_eq(&all);
}
