//! The desk, its workspace and an editor, with a user who does what is asked of the three.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use changes::{Edit, Status, WorkspacePath};
use host::{Files, MemoryHost};
use ropey::Rope;
use serde_json::{Value, json};

use super::tokens::{Part, Tokens, split, tokens};
use super::{Act, Manner, What};
use crate::paths::Paths;
use crate::review::desk::{Client, Documents};
use crate::review::job::Done;
use crate::review::workspace::Workspace;
use crate::review::{Abilities, Answer, Command, Desk, Effect};

pub const FILES: [&str; 3] = ["a", "b", "c"];
const FOLDER: &str = "file:///project";

#[derive(Default)]
struct Open(BTreeMap<String, (Rope, i32)>);

impl Documents for Open {
    fn document(&self, uri: &str) -> Option<(&Rope, i32)> {
        self.0.get(uri).map(|(text, version)| (text, *version))
    }
}

/// All that an interleaving is about.
pub struct World {
    host: Arc<MemoryHost>,
    workspace: Option<Rc<Workspace>>,
    desk: Desk,
    open: Open,
    manner: Manner,
    count: usize,
    waiting: VecDeque<Effect>,
    tokens: Tokens,
    /// Whether a file was written and nobody was told.
    untold: bool,
}

fn client() -> Client {
    Client {
        abilities: Abilities {
            edits_documents: true,
            ..Abilities::default()
        },
        encoding: text::Encoding::Utf8,
    }
}

fn path(file: usize) -> WorkspacePath {
    WorkspacePath::parse(FILES[file]).expect("a plain path")
}

fn uri(file: usize) -> String {
    format!("{FOLDER}/{}", FILES[file])
}

fn place(file: usize) -> std::path::PathBuf {
    Path::new("/project").join(FILES[file])
}

impl World {
    /// Three files of six lines, none of them open.
    pub fn new() -> Self {
        let host = Arc::new(MemoryHost::new());
        host.create_folder(Path::new("/project")).expect("made");
        for (file, name) in FILES.iter().enumerate() {
            let lines: String = (0..6).map(|line| format!("{name} {line}\n")).collect();
            host.write_atomic(&place(file), lines.as_bytes())
                .expect("written");
        }
        let mut effects = Vec::new();
        let mut world = Self {
            workspace: None,
            desk: Desk::new(FOLDER, None, client(), &mut effects),
            host,
            open: Open::default(),
            manner: Manner::ChangesFirst,
            count: 0,
            waiting: VecDeque::new(),
            tokens: Tokens::default(),
            untold: false,
        };
        for file in 0..FILES.len() {
            world.tokens.stand.push(tokens(&world.text(file)));
        }
        world.start(effects);
        world
    }

    fn start(&mut self, effects: Vec<Effect>) {
        // Whoever had it before lets go of it first.
        self.workspace = None;
        let host: Arc<dyn host::Host> = self.host.clone();
        let opened = Workspace::open(
            host,
            &Paths::within(Path::new("/freehold")),
            Path::new("/project"),
        );
        self.workspace = Some(Rc::new(opened.expect("opens")));
        self.run(effects);
    }

    /// Carries out effects until there are none.
    fn run(&mut self, effects: Vec<Effect>) {
        self.waiting.extend(effects);
        while let Some(effect) = self.waiting.pop_front() {
            let mut next = Vec::new();
            match effect {
                Effect::Do(job) => {
                    let workspace = Rc::clone(self.workspace.as_ref().expect("open"));
                    let done = workspace.perform(job, || {}, &mut || self.wait_at_gate());
                    self.desk.job_done(done, &self.open, &mut next);
                }
                // The way back: after the gate.
                Effect::EditDocuments { number, edits, .. } => {
                    self.edit(number, &edits, usize::MAX, &mut next)
                }
                Effect::Answer(answer, result) => answer.give(result),
                _ => {}
            }
            self.waiting.extend(next);
        }
    }

    fn wait_at_gate(&mut self) -> bool {
        let mut effects = Vec::new();
        if self.manner == Manner::TypesEarly {
            self.manner = Manner::ChangesFirst;
            for file in 0..FILES.len() {
                self.type_in(file, 3, &mut effects);
            }
        }
        self.desk.job_done(Done::Begun, &self.open, &mut effects);
        let mut waiting: VecDeque<Effect> = effects.into();
        loop {
            let effect = waiting.pop_front().expect("the gate opens at last, or is shut");
            let mut next = Vec::new();
            match effect {
                Effect::Proceed(go_on) => {
                    self.waiting.extend(waiting);
                    return go_on;
                }
                Effect::EditDocuments { number, edits, .. } => match self.manner {
                    Manner::ChangesFirst | Manner::TypesEarly => {
                        self.edit(number, &edits, usize::MAX, &mut next);
                    }
                    Manner::AnswersFirst => {
                        self.desk.editor_answered(number, Ok(true), &self.open, &mut next);
                        self.change(&edits, usize::MAX, &mut next);
                    }
                    Manner::Refuses => self
                        .desk
                        .editor_answered(number, Ok(false), &self.open, &mut next),
                    Manner::Ignores => self.desk.waited(number, &self.open, &mut next),
                    Manner::TypesFirst => {
                        for file in 0..FILES.len() {
                            self.type_in(file, 3, &mut next);
                        }
                        self.edit(number, &edits, usize::MAX, &mut next);
                    }
                    Manner::Halfway => {
                        self.change(&edits, 1, &mut next);
                        self.desk
                            .editor_answered(number, Ok(false), &self.open, &mut next);
                    }
                },
                other => self.waiting.push_back(other),
            }
            waiting.extend(next);
        }
    }

    /// Does what the editor is asked for, if the versions fit.
    fn edit(
        &mut self,
        number: u64,
        edits: &[crate::review::editing::DocumentEdit],
        count: usize,
        effects: &mut Vec<Effect>,
    ) {
        let fits = edits.iter().all(|edit| {
            self.open
                .0
                .get(&edit.uri)
                .is_some_and(|(_, version)| *version == edit.version)
        });
        if fits {
            self.change(edits, count, effects);
        }
        self.desk.editor_answered(number, Ok(fits), &self.open, effects);
    }

    fn change(
        &mut self,
        edits: &[crate::review::editing::DocumentEdit],
        count: usize,
        effects: &mut Vec<Effect>,
    ) {
        for document in edits.iter().take(count) {
            for edit in document.edits.iter().rev() {
                self.replace(&document.uri, edit, effects);
            }
        }
    }

    fn replace(&mut self, uri: &str, edit: &Edit, effects: &mut Vec<Effect>) {
        let (text, version) = self.open.0.get_mut(uri).expect("open");
        let mut whole = text.to_string();
        whole.replace_range(edit.range.clone(), &edit.text);
        *text = Rope::from_str(&whole);
        *version += 1;
        let text = text.clone();
        let file = uri.trim_start_matches(FOLDER).trim_start_matches('/');
        let path = WorkspacePath::parse(file).expect("a plain path");
        if self.desk.follows(&path) {
            self.desk.edited(&path, Some(edit), &text, effects);
            self.desk.settle(&self.open, effects);
        }
    }

    fn mark(&mut self, file: usize) -> String {
        self.count += 1;
        let mark = format!("<{}>", self.count);
        self.tokens.stand[file].insert(mark.clone());
        mark
    }

    fn type_in(&mut self, file: usize, at: usize, effects: &mut Vec<Effect>) {
        let uri = uri(file);
        if !self.open.0.contains_key(&uri) {
            return;
        }
        let mark = self.mark(file);
        let at = at % (self.open.0[&uri].0.len_bytes() + 1);
        // Not within a mark: nobody cuts another's.
        let text = self.open.0[&uri].0.to_string();
        let at = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let edit = Edit {
            range: at..at,
            text: mark,
        };
        self.replace(&uri, &edit, effects);
    }

    /// What the authority of a file has.
    pub fn text(&self, file: usize) -> String {
        match self.open.0.get(&uri(file)) {
            Some((text, _)) => text.to_string(),
            None => self.host.read_text(&place(file)).expect("there"),
        }
    }

    pub fn ask(&mut self, name: &str, argument: &Value) -> Result<Value, String> {
        let command = Command::parse(&format!("freehold.{name}"), std::slice::from_ref(argument));
        let command = command.expect("known").expect("understood");
        let (answer, mut answered) = Answer::channel(host::Stop::default());
        let mut effects = Vec::new();
        self.desk.ask(command, answer, &self.open, &mut effects);
        self.run(effects);
        answered.try_recv().expect("every command is answered")
    }

    fn propose(&mut self, places: &[(usize, usize, What)]) {
        let mut patch = String::new();
        let mut seen = BTreeSet::new();
        for &(file, line, what) in places {
            let text = self.text(file);
            if text.is_empty() || !seen.insert(file) {
                continue;
            }
            let line = 1 + line % text.lines().count();
            self.count += 1;
            let (there, new) = (
                text.lines().nth(line - 1).expect("within"),
                format!("P{}.", self.count),
            );
            patch += &format!("--- a/{0}\n+++ b/{0}\n", FILES[file]);
            patch += &match what {
                What::Add => format!("@@ -{line} +{line},2 @@\n {there}\n+{new}\n"),
                What::Replace => format!("@@ -{line} +{line} @@\n-{there}\n+{new}\n"),
                What::Remove => format!("@@ -{line} +{},0 @@\n-{there}\n", line - 1),
            };
        }
        // Other hunks may wait in the same lines.
        let _stale = self.ask("propose", &json!({ "patch": patch }));
        let waiting = self.previews();
        let _stale = self.ask("propose", &json!({ "patch": patch }));
        assert_eq!(self.previews(), waiting, "proposed again: {patch}");
    }

    /// What keeping all that waits would make of each file.
    fn previews(&self) -> Vec<String> {
        let files = self.desk.review().files();
        files.map(|file| file.text().preview()).collect()
    }

    pub fn act(&mut self, act: Act) {
        let mut effects = Vec::new();
        match act {
            Act::Open(file) => {
                if !self.open.0.contains_key(&uri(file)) {
                    let text = Rope::from_str(&self.text(file));
                    self.open.0.insert(uri(file), (text.clone(), 1));
                    self.desk.opened(path(file), &uri(file), &text, &mut effects);
                    self.desk.settle(&self.open, &mut effects);
                }
            }
            Act::Save(file) => self.save(file),
            Act::SaveAndClose(file) => {
                self.save(file);
                if self.open.0.remove(&uri(file)).is_some() {
                    self.desk.closed(&path(file), &self.open, &mut effects);
                }
            }
            Act::Type(file, at) => self.type_in(file, at, &mut effects),
            Act::Write(file, at) => {
                if !self.open.0.contains_key(&uri(file)) {
                    let mut text = self.text(file);
                    let at = text[..at % (text.len() + 1)].rfind('\n').map_or(0, |end| end + 1);
                    let mark = self.mark(file) + "\n";
                    text.insert_str(at, &mark);
                    self.host
                        .write_atomic(&place(file), text.as_bytes())
                        .expect("written");
                    // Half of them nobody is told of.
                    self.untold |= !at.is_multiple_of(2);
                    if at.is_multiple_of(2) {
                        self.desk
                            .files_changed(vec![path(file)], &self.open, &mut effects);
                    }
                }
            }
            Act::Propose(places) => self.propose(&places),
            Act::KeepAll(manner) => {
                let parts = self.parts(|status| status == Status::Ready);
                self.keep("keepAll", &json!({}), manner, &parts);
            }
            Act::Keep(index, manner) => self.decide("keepHunk", index, manner),
            Act::Drop(index) => self.decide("dropHunk", index, Manner::ChangesFirst),
            Act::DropAll => {
                self.ask("dropAll", &json!({})).expect("answered");
                let waiting = self.desk.review().hunks().count();
                assert_eq!(waiting, 0, "dropping everything leaves nothing to decide");
            }
            Act::Undo(manner) => self.go_back("undo", manner),
            Act::Redo(manner) => self.go_back("redo", manner),
            Act::Restart => {
                let mut effects = Vec::new();
                self.desk = Desk::new(FOLDER, None, client(), &mut effects);
                for (uri, (text, _)) in &self.open.0 {
                    let file = uri.trim_start_matches(FOLDER).trim_start_matches('/');
                    let path = WorkspacePath::parse(file).expect("a plain path");
                    self.desk.opened(path, uri, text, &mut effects);
                }
                self.start(effects);
            }
        }
        self.run(effects);
    }

    fn go_back(&mut self, verb: &str, manner: Manner) {
        self.manner = manner;
        // There may be nothing to go back to.
        let answer = self.ask(verb, &json!({})).unwrap_or_default();
        let applied = answer["applied"] == json!(true);
        let now = self.texts().map(|text| tokens(&text));
        let waits: Vec<bool> = (0..FILES.len())
            .map(|file| self.desk.review().file(&path(file)).is_some())
            .collect();
        let exact = !matches!(manner, Manner::TypesFirst | Manner::TypesEarly) && !self.untold;
        let told = (applied, exact);
        self.tokens
            .went_back(verb == "undo", told, &now, &waits)
            .unwrap_or_else(|error| panic!("{verb}: {error}: {answer}"));
    }

    /// What each hunk that stands so does to its file, as it is shown.
    fn parts(&self, wanted: impl Fn(Status) -> bool) -> Vec<Part> {
        let views = self.desk.review().hunks().filter(|view| wanted(view.status));
        let part = |view: changes::HunkView| {
            let changes::Part::Text(hunk) = view.part else {
                panic!("nothing but texts is proposed");
            };
            let file = FILES.iter().position(|name| view.file.path().as_str() == *name);
            let mine = tokens(hunk.mine(view.file.text().live()));
            let proposed = tokens(hunk.proposed());
            Part {
                id: Some(view.id),
                file: file.expect("one of ours"),
                removed: mine.difference(&proposed).cloned().collect(),
                added: proposed.difference(&mine).cloned().collect(),
            }
        };
        views.map(part).collect()
    }

    fn keep(&mut self, verb: &str, argument: &Value, manner: Manner, parts: &[Part]) {
        self.manner = manner;
        // A write that nobody was told of makes it a refusal.
        let answer = self.ask(verb, argument).expect("answered");
        let applied = answer["applied"] == json!(true);
        let now = self.texts().map(|text| tokens(&text));
        let exact = !matches!(manner, Manner::TypesFirst | Manner::TypesEarly) && !self.untold;
        self.tokens
            .kept(parts, (applied, exact), &now)
            .unwrap_or_else(|error| panic!("{verb}: {error}: {answer}"));
        if applied && exact {
            let waiting: Vec<_> = self.desk.review().hunks().map(|view| view.id).collect();
            let kept = parts.iter().filter_map(|part| part.id);
            kept.for_each(|id| assert!(!waiting.contains(&id), "{id} was kept and waits"));
        }
    }

    fn decide(&mut self, verb: &str, index: usize, manner: Manner) {
        // A conflict that is kept replaces what somebody wrote, on purpose: it was shown.
        let parts = self.parts(|status| status != Status::Landed);
        let Some(part) = (!parts.is_empty()).then(|| &parts[index % parts.len()]) else {
            return;
        };
        let id = part.id.expect("it waits");
        let digest = self.desk.review().hunk(id).expect("it waits").digest;
        let seen = json!({ "hunk": id.to_string(), "digest": digest.to_string() });
        if verb == "dropHunk" {
            self.ask(verb, &seen).expect("answered");
            let waits = self.desk.review().hunk(id).is_some();
            assert!(!waits, "{id} was dropped and waits");
        } else {
            self.keep(verb, &seen, manner, std::slice::from_ref(part));
        }
    }

    fn texts(&self) -> [String; FILES.len()] {
        std::array::from_fn(|file| self.text(file))
    }

    fn save(&mut self, file: usize) {
        if let Some((text, _)) = self.open.0.get(&uri(file)) {
            self.host
                .write_atomic(&place(file), text.to_string().as_bytes())
                .expect("written");
        }
    }

    pub fn check(&self, after: &str) {
        for preview in self.previews() {
            let count = preview.lines().map(|line| split(line).len()).sum::<usize>();
            let once = tokens(&preview).len();
            assert_eq!(count, once, "something waits twice in {preview:?} after {after}");
        }
        for (file, text) in self.texts().iter().enumerate() {
            let stand = tokens(text);
            assert_eq!(stand, self.tokens.stand[file], "in {text:?} after {after}");
            let count = text.lines().map(|line| split(line).len()).sum::<usize>();
            assert_eq!(
                count,
                stand.len(),
                "something stands twice in {text:?} after {after}"
            );
            // The review has every text as its authority has it, but for writes that nobody was told of.
            if let Some(review) = self.desk.review().file(&path(file))
                && self.open.0.contains_key(&uri(file))
            {
                assert_eq!(review.text().live(), *text, "after {after}");
            }
        }
    }
}
