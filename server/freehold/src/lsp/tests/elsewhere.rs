//! Changes that are not the user's own keys: the editor imports, formats, or another extension writes while a
//! suggestion is shown.

use std::time::Duration;

use serde_json::{Value, json};

use super::desk::{always, plain, range};
use super::typist::{Typist, some};
use crate::lsp::feedback::Verdict;

/// So much lies between the first line and the cursor that the suggestion does not depend on the former.
fn notation() -> String {
    let line = "    let some_name = other_name.method(argument, 12) + third;\n";
    line.repeat(10) + "    let total = |\n" + &line.repeat(10)
}

/// A user who has looked at a suggestion.
async fn looking() -> Typist {
    let mut user = Typist::new(&notation(), always(&["a + b;"]), plain()).await;
    assert_eq!(user.ask().await, some("a + b;", 1));
    tokio::time::sleep(Duration::from_millis(700)).await;
    user
}

/// Sends several changes at once; each is told where it begins and what it inserts there.
async fn change(user: &mut Typist, version: i32, changes: &[((u32, u32), &str)]) {
    let changes: Vec<Value> = changes
        .iter()
        .map(|(place, text)| json!({ "range": range(*place, *place), "text": text }))
        .collect();
    let params = json!({
        "textDocument": { "uri": user.uri, "version": version },
        "contentChanges": changes,
    });
    user.desk.notify("textDocument/didChange", &params).await;
}

fn verdicts(user: &Typist) -> Vec<Verdict> {
    let kept = user.desk.backend.kept.lock().expect("not poisoned");
    kept.iter().map(|judged| judged.verdict).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_written_elsewhere_rejects_nothing_far_away_or_near() {
    // Near, the text around the place is another one, and the model is asked anew.
    for (line, asked) in [(0, 1), (9, 2)] {
        let mut user = looking().await;
        change(&mut user, 2, &[((line, 0), "use other;\n")]).await;
        user.settle().await;
        assert!(verdicts(&user).is_empty(), "{line}");
        let id = user.desk.ask_unasked(&user.uri, (11, 16)).await;
        assert_eq!(user.take(id).await, some("a + b;", asked), "{line}");
        user.leave().await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_several_changes_at_once_the_one_at_the_cursor_counts_wherever_it_comes() {
    let own = ((10, 16), "a +");
    let other = ((0, 0), "use other;\n");
    // Each place is one in the text that the changes before it have left.
    for changes in [[own, other], [other, ((11, 16), "a +")]] {
        let mut user = looking().await;
        change(&mut user, 2, &changes).await;
        user.settle().await;
        assert!(verdicts(&user).is_empty());
        let id = user.desk.ask_unasked(&user.uri, (11, 19)).await;
        assert_eq!(user.take(id).await, some(" b;", 1));
        user.leave().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_typed_or_deleted_at_the_cursor_is_the_users_after_a_change_elsewhere_too() {
    let mut user = looking().await;
    change(&mut user, 2, &[((0, 0), "use other;\n")]).await;
    change(&mut user, 3, &[((11, 16), "f")]).await;
    change(&mut user, 4, &[((11, 17), "oo"), ((0, 0), "use another;\n")]).await;
    user.settle().await;
    assert_eq!(verdicts(&user), [Verdict::Rejected]);
    user.leave().await;
}

#[tokio::test(start_paused = true)]
async fn work_on_the_cursors_place_goes_on_while_something_is_written_elsewhere() {
    let mut script = always(&["a", " + b;"]);
    script.reply[0].hold_before = Some(1);
    let mut user = Typist::new(&notation(), script, plain()).await;
    let first = user.send_question().await;
    user.desk.until_open_requests(1).await;
    user.settle().await;
    change(&mut user, 2, &[((0, 0), "use other;\n")]).await;
    assert_eq!(user.take(first).await, (None, 1));
    let second = user.desk.ask_unasked(&user.uri, (11, 16)).await;
    user.settle().await;
    assert_eq!((user.cancelled(), user.desk.asked().len()), (0, 1));
    user.desk.engine.release();
    assert_eq!(user.take(second).await, some("a + b;", 1));
    user.leave().await;
}
