//! Questions that wait for the model to read their place: whatever else happens meanwhile, each is answered.

use std::time::Duration;

use completion::Trigger;
use text::{Change, Position, Range};
use tokio::sync::oneshot;

use super::desk::{Desk, Setup, always};
use crate::lsp::event::{Event, Item, Question};

const LINE: &str = "    let some_name = other_name.method(argument, 12) + third;\n";

/// Nothing that is known to be on its way takes so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Two documents that the model has not read, and an editor whose messages come all at once.
struct Two {
    desk: Desk,
    uris: [String; 2],
    asked: u64,
}

impl Two {
    async fn new() -> Self {
        let mut desk = Desk::new(Setup {
            script: always(&["a + b;"]),
            ..Setup::default()
        })
        .await;
        let text = LINE.repeat(400) + "    let total = \n" + &LINE.repeat(400);
        let uris = [desk.open("a.rs", &text).await, desk.open("b.rs", &text).await];
        desk.after_grace().await;
        Self { desk, uris, asked: 0 }
    }

    /// Asks at the place that the model has not read. Until the answer is waited for, no work goes on.
    fn ask(&mut self, document: usize, trigger: Trigger) -> oneshot::Receiver<Vec<Item>> {
        self.asked += 1;
        let (answer, answered) = oneshot::channel();
        self.desk.events.push(Event::SuggestionAsked(Question {
            id: 1_000_000 + self.asked,
            uri: self.uris[document].clone(),
            position: Position {
                line: 400,
                character: 16,
            },
            trigger,
            selected: None,
            answer,
        }));
        answered
    }

    fn change(&self, document: usize) {
        let start = Position {
            line: 0,
            character: 0,
        };
        self.desk.events.push(Event::Changed {
            uri: self.uris[document].clone(),
            version: 2,
            changes: vec![Change {
                range: Some(Range { start, end: start }),
                text: "// new\n".to_owned(),
            }],
        });
    }
}

async fn texts(answered: oneshot::Receiver<Vec<Item>>) -> Vec<String> {
    let items = tokio::time::timeout(PATIENCE, answered).await;
    let items = items.expect("it is answered").expect("the session lives");
    items.into_iter().map(|item| item.text).collect()
}

#[tokio::test(start_paused = true)]
async fn a_change_of_another_document_leaves_the_reading_to_who_waits_for_it() {
    let mut two = Two::new().await;
    let waiting = two.ask(0, Trigger::Automatic);
    two.change(1);
    assert_eq!(texts(waiting).await, ["a + b;"]);
    two.desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_reading_gets_nothing_when_another_place_is_read_instead() {
    let mut two = Two::new().await;
    let first = two.ask(0, Trigger::Automatic);
    let second = two.ask(1, Trigger::Automatic);
    assert_eq!(texts(first).await, Vec::<String>::new());
    assert_eq!(texts(second).await, ["a + b;"]);
    two.desk.leave().await;
}

#[tokio::test(start_paused = true)]
async fn who_asks_by_hand_does_not_wait_for_the_reading() {
    for document in [0, 1] {
        let mut two = Two::new().await;
        let unasked = two.ask(0, Trigger::Automatic);
        let by_hand = two.ask(document, Trigger::Invoked);
        assert_eq!(texts(unasked).await, Vec::<String>::new());
        assert_eq!(texts(by_hand).await, ["a + b;"]);
        two.desk.leave().await;
    }
}
