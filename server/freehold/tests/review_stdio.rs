//! A review as any LSP client has it: the real program on standard input and output, nothing but standard requests.
#![expect(clippy::disallowed_methods, reason = "the test looks past the host")]

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::json;

use testing::Client;

const CART: &str = "src/cart.py";
const REPORT: &str = "src/report.py";

/// Where the story lies that is told in every editor: files before and after, and the patch.
fn story(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/review/five_hunks")
        .join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("cannot read `{}`: {error}", file.display()))
}

/// Puts the patch up from a terminal, against the server that runs.
fn propose(client: &Client) {
    let options = ["propose", "--title", "Tidy the cart and its report"];
    let mut child = client
        .terminal(&options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = child.stdin.take().expect("piped");
    input
        .write_all(story("proposal.diff").as_bytes())
        .expect("the program reads");
    drop(input);
    let output = child.wait_with_output().expect("the program ends");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn five_hunks_in_two_files_are_decided_undone_and_done_again() {
    let files = [CART, REPORT].map(|file| (file.to_owned(), story(&format!("before/{file}"))));
    let mut client = Client::start(Path::new(env!("CARGO_BIN_EXE_freehold")), &files);
    client.open(CART);
    // The other file stays closed: what is kept of it goes to the disk.
    client.execute("freehold.review", &json!([]));
    propose(&client);
    let hints = client.hints(CART, 3);
    assert_eq!(
        client.text(CART),
        story("before/src/cart.py"),
        "nothing undecided is in the text"
    );
    client.act(CART, &hints[0], "Keep this change");
    client.hints(CART, 2);

    // Typed between two hunks, while they wait.
    client.type_at(CART, 7, 39, "0");
    let hints = client.hints(CART, 2);
    let mut edited = hints[0]["data"].clone();
    edited["text"] = json!(
        "        if amount < 1:\n            raise ValueError(\"amount must be at least 1, not less\")\n"
    );
    let answer = client.execute("freehold.editHunk", &json!([edited]));
    assert_eq!(answer["applied"], json!(true), "{answer}");
    let hints = client.hints(CART, 1);
    client.act(CART, &hints[0], "Drop this change");
    client.hints(CART, 0);
    assert_eq!(client.text(CART), story("after/src/cart.py"));

    let hints = client.hints(REPORT, 2);
    client.act(REPORT, &hints[0], "Keep this change");
    let hints = client.hints(REPORT, 1);
    client.act(REPORT, &hints[0], "Drop this change");
    client.hints(REPORT, 0);
    assert_eq!(client.on_disk(REPORT), story("after/src/report.py"));

    client.save(CART);
    let typed = story("before/src/cart.py").replace("amount=1)", "amount=10)");
    for _ in 0..3 {
        let answer = client.execute("freehold.undo", &json!([{}]));
        assert_eq!(answer["applied"], json!(true), "{answer}");
    }
    assert_eq!(client.text(CART), typed, "what was typed stays");
    assert_eq!(client.on_disk(REPORT), story("before/src/report.py"));
    for _ in 0..3 {
        let answer = client.execute("freehold.redo", &json!([{}]));
        assert_eq!(answer["applied"], json!(true), "{answer}");
    }
    assert_eq!(client.text(CART), story("after/src/cart.py"));
    assert_eq!(client.on_disk(REPORT), story("after/src/report.py"));
    client.leave();
}
