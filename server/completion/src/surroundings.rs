//! What other places have to say about the cursor's: definitions, similar code, recent places and edits.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use ropey::Rope;
use syntax::{Limits, Tree, language};

use crate::Document;
use crate::lines::{is_blank, is_word};
use crate::secrets::{is_secret_file, without_secrets};

/// A longer document is not looked into.
const NEIGHBOUR_BYTES_MAX: usize = 256 * 1024;

/// So many other documents are looked into, the most recently used first.
const NEIGHBOURS_MAX: usize = 8;

/// A definition is shown up to so many bytes: what a caller must know of it.
const DEFINITION_BYTES_MAX: usize = 480;

/// Lines of a piece of code that is compared with what stands before the cursor, or shown of a place.
const WINDOW_LINES: usize = 10;

/// The lines that are compared, and whose names are looked up, end where their number is a multiple of this:
/// so they stay the same while a few lines are written, and the prompt with them.
const STABLE_LINES: usize = 8;

/// Of all names in two pieces of code so many must be in both for the one to help with the other.
const SIMILARITY_MIN: f32 = 0.35;

/// A shorter name says too little.
const NAME_CHARACTERS_MIN: usize = 3;

/// Places and edits that are shown, at most.
const RECENT_MAX: usize = 2;

/// What surrounds a document, as plain data from whoever keeps track of it. Nothing of it must be given.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Other open documents, the most recently used first.
    pub documents: Vec<Neighbour>,
    /// Places that the user left recently, the most recent first.
    pub places: Vec<Place>,
    /// What the user changed recently, the most recent first.
    pub edits: Vec<RecentEdit>,
    /// Where the text before the cursor shall begin, in bytes ([`crate::window_start`]); else, and where that is
    /// more than the budget holds, as early as this allows.
    pub window_start: Option<usize>,
}

/// Another open document. What was found in it is kept: so keep it too, and clone it, until its text changes.
#[derive(Debug, Clone)]
pub struct Neighbour {
    /// Where it lies, relative to its workspace, with `/` between the folders.
    pub path: String,
    /// Its language, by the name that LSP gives it.
    pub language: String,
    /// Its text.
    pub text: Rope,
    known: Arc<OnceLock<Known>>,
}

/// A place that the user left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The document's path.
    pub path: String,
    /// The line, counted from zero.
    pub line: usize,
}

/// A change that the user made, in whole lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentEdit {
    /// The document's path.
    pub path: String,
    /// What stood there before.
    pub before: String,
    /// What stands there since.
    pub after: String,
}

/// Where a part of a prompt comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// From a document that the cursor's imports.
    Imported,
    /// The definition of a name that is used near the cursor.
    Definition,
    /// Code like that before the cursor.
    SimilarPlace,
    /// Where the user was before.
    LeftPlace,
    /// What the user changed before.
    RecentEdit,
    /// The text before the cursor.
    BeforeCursor,
    /// The text after the cursor.
    AfterCursor,
}

impl Origin {
    /// Why it is in the prompt, said for a person.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Imported => "imported by this file",
            Self::Definition => "defines a name used near the cursor",
            Self::SimilarPlace => "similar to the code before the cursor",
            Self::LeftPlace => "where you were before",
            Self::RecentEdit => "what you changed before",
            Self::BeforeCursor => "before the cursor",
            Self::AfterCursor => "after the cursor",
        }
    }
}

/// A part of a prompt, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it comes from.
    pub origin: Origin,
    /// The document's path.
    pub path: String,
    /// The text, without secrets.
    pub text: String,
}

/// Something that is kept out of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The document's path.
    pub path: String,
    /// Why.
    pub why: Omission,
}

/// Why something is kept out of a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Omission {
    /// The file holds secrets, judged by its name.
    SecretFile,
    /// A key or password in its text is replaced.
    SecretText,
    /// There was no room left.
    OverBudget,
}

impl Omission {
    /// The reason, said for a person.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::SecretFile => "the file holds secrets",
            Self::SecretText => "a key or password in it is replaced",
            Self::OverBudget => "there was no room left",
        }
    }
}

/// What is found in a document once and for all.
#[derive(Debug)]
struct Known {
    /// What it defines: name, and what is shown of it.
    definitions: Vec<(String, String)>,
    /// Its pieces, with the names in each.
    windows: Vec<(String, BTreeSet<String>)>,
    has_secrets: bool,
}

impl Neighbour {
    /// A document as it stands.
    #[must_use]
    pub fn new(path: &str, language: &str, text: Rope) -> Self {
        Self {
            path: path.to_owned(),
            language: language.to_owned(),
            text,
            known: Arc::default(),
        }
    }

    fn known(&self) -> &Known {
        self.known.get_or_init(|| Known::of(self))
    }

    /// The file's name without its ending: by which others import it.
    fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.split('.').next().unwrap_or_default()
    }
}

impl Known {
    fn of(neighbour: &Neighbour) -> Self {
        if neighbour.text.len_bytes() > NEIGHBOUR_BYTES_MAX {
            return Self {
                definitions: Vec::new(),
                windows: Vec::new(),
                has_secrets: false,
            };
        }
        let all = neighbour.text.to_string().replace('\r', "");
        let (all, has_secrets) = without_secrets(&all);
        let rope = Rope::from_str(&all);
        let tree = Tree::parse(language(&neighbour.language), &rope, &Limits::default());
        let outline = tree.map(|tree| tree.outline(&rope)).unwrap_or_default();
        let definitions = outline.into_iter().map(|definition| {
            let line_start = all[..definition.header.start].rfind('\n').map_or(0, |at| at + 1);
            let shown = all[line_start..definition.header.end].trim_end();
            (definition.name, floor(shown, DEFINITION_BYTES_MAX).to_owned())
        });
        let lines: Vec<&str> = all.lines().collect();
        let windows = lines.chunks(WINDOW_LINES).map(|lines| {
            let text = lines.join("\n");
            let names = names(&text);
            (text, names)
        });
        Self {
            definitions: definitions.collect(),
            windows: windows.collect(),
            has_secrets,
        }
    }
}

/// What is said of the place at `line` of `document`, the most stable first, within `bytes_max`.
pub fn related(
    document: &Document,
    line: usize,
    surroundings: &Surroundings,
    bytes_max: usize,
) -> (Vec<Part>, Vec<LeftOut>) {
    let mut gathered = Gathered {
        parts: Vec::new(),
        left_out: Vec::new(),
        bytes_left: bytes_max,
    };
    if bytes_max == 0 {
        return (gathered.parts, gathered.left_out);
    }
    let (secret, neighbours): (Vec<&Neighbour>, Vec<&Neighbour>) = surroundings
        .documents
        .iter()
        .filter(|neighbour| neighbour.path != document.path)
        .partition(|neighbour| is_secret_file(&neighbour.path));
    for neighbour in secret {
        gathered.leave_out(&neighbour.path, Omission::SecretFile);
    }
    let neighbours = &neighbours[..neighbours.len().min(NEIGHBOURS_MAX)];
    let here = Here::of(document, line);
    here.imported(neighbours, &mut gathered);
    here.definitions(neighbours, &mut gathered);
    here.similar(neighbours, &mut gathered);
    left_places(document, neighbours, &surroundings.places, &mut gathered);
    recent_edits(document, &surroundings.edits, &mut gathered);
    let Gathered {
        mut parts,
        mut left_out,
        ..
    } = gathered;
    for neighbour in neighbours {
        let used = parts.iter().any(|part| part.path == neighbour.path);
        if used && neighbour.known().has_secrets {
            left_out.push(LeftOut {
                path: neighbour.path.clone(),
                why: Omission::SecretText,
            });
        }
    }
    // By where they come from and where they lie, so that the order does not change with their rank.
    parts.sort_by(|one, other| (one.origin, &one.path).cmp(&(other.origin, &other.path)));
    (parts, left_out)
}

struct Gathered {
    parts: Vec<Part>,
    left_out: Vec<LeftOut>,
    bytes_left: usize,
}

impl Gathered {
    fn add(&mut self, origin: Origin, path: &str, text: &str) {
        let shown_already = self
            .parts
            .iter()
            .any(|part| part.path == path && part.text.contains(text.trim()));
        if is_blank(text) || shown_already {
            return;
        }
        // The path and the marks around it are tokens too.
        let cost = text.len() + path.len() + 4;
        if cost > self.bytes_left {
            self.leave_out(path, Omission::OverBudget);
            return;
        }
        self.bytes_left -= cost;
        let same = self
            .parts
            .iter_mut()
            .find(|part| part.origin == origin && part.path == path);
        match same {
            Some(part) => part.text = format!("{}\n{text}", part.text),
            None => self.parts.push(Part {
                origin,
                path: path.to_owned(),
                text: text.to_owned(),
            }),
        }
    }

    fn leave_out(&mut self, path: &str, why: Omission) {
        let left_out = LeftOut {
            path: path.to_owned(),
            why,
        };
        if !self.left_out.contains(&left_out) {
            self.left_out.push(left_out);
        }
    }
}

/// What is known of the cursor's place: as of the last stable line, so that it does not change with every key.
struct Here {
    names: BTreeSet<String>,
    window: BTreeSet<String>,
    import_words: BTreeSet<String>,
}

impl Here {
    fn of(document: &Document, line: usize) -> Self {
        let text = document.text;
        let end = line / STABLE_LINES * STABLE_LINES;
        let lines = |from: usize, to: usize| -> String {
            (from..to.min(text.len_lines()))
                .map(|line| text.line(line).to_string())
                .collect()
        };
        // Imports stand at the top, in every language that has them.
        let head = lines(0, 60);
        let import_words = head
            .lines()
            .filter(|line| {
                IMPORT_WORDS
                    .iter()
                    .any(|word| line.trim_start().starts_with(word))
            })
            .flat_map(names)
            .collect();
        Self {
            names: names(&lines(end.saturating_sub(3 * STABLE_LINES), end)),
            window: names(&lines(end.saturating_sub(WINDOW_LINES), end)),
            import_words,
        }
    }

    fn imported(&self, neighbours: &[&Neighbour], gathered: &mut Gathered) {
        for neighbour in neighbours {
            if !self.import_words.contains(neighbour.stem()) {
                continue;
            }
            // Half of the room at most: what is used near the cursor tells more.
            let room = gathered.bytes_left / 2;
            let mut shown = String::new();
            for (_, text) in &neighbour.known().definitions {
                if shown.len() + text.len() < room {
                    shown = if shown.is_empty() {
                        text.clone()
                    } else {
                        shown + "\n" + text
                    };
                }
            }
            gathered.add(Origin::Imported, &neighbour.path, &shown);
        }
    }

    fn definitions(&self, neighbours: &[&Neighbour], gathered: &mut Gathered) {
        for neighbour in neighbours {
            for (name, text) in &neighbour.known().definitions {
                if self.names.contains(name) {
                    gathered.add(Origin::Definition, &neighbour.path, text);
                }
            }
        }
    }

    fn similar(&self, neighbours: &[&Neighbour], gathered: &mut Gathered) {
        let mut best: Option<(f32, &Neighbour, &str)> = None;
        for neighbour in neighbours {
            for (text, names) in &neighbour.known().windows {
                let both = names.intersection(&self.window).count() as f32;
                let either = (names.len() + self.window.len()) as f32 - both;
                let similarity = if either > 0.0 { both / either } else { 0.0 };
                if similarity >= SIMILARITY_MIN && best.is_none_or(|(best, ..)| similarity > best) {
                    best = Some((similarity, neighbour, text));
                }
            }
        }
        if let Some((_, neighbour, text)) = best {
            gathered.add(Origin::SimilarPlace, &neighbour.path, text);
        }
    }
}

/// Words that begin a line which imports something.
const IMPORT_WORDS: &[&str] = &[
    "import", "from", "use ", "using", "#include", "require", "const ", "source",
];

fn left_places(document: &Document, neighbours: &[&Neighbour], places: &[Place], gathered: &mut Gathered) {
    let elsewhere = places.iter().filter(|place| place.path != document.path);
    for place in elsewhere.take(RECENT_MAX) {
        let Some(neighbour) = neighbours.iter().find(|neighbour| neighbour.path == place.path) else {
            continue;
        };
        if let Some((text, _)) = neighbour.known().windows.get(place.line / WINDOW_LINES) {
            gathered.add(Origin::LeftPlace, &place.path, text);
        }
    }
}

fn recent_edits(document: &Document, edits: &[RecentEdit], gathered: &mut Gathered) {
    let elsewhere = edits.iter().filter(|edit| edit.path != document.path);
    for edit in elsewhere.take(RECENT_MAX) {
        if is_secret_file(&edit.path) {
            gathered.leave_out(&edit.path, Omission::SecretFile);
            continue;
        }
        let (after, _) = without_secrets(&edit.after);
        gathered.add(
            Origin::RecentEdit,
            &edit.path,
            floor(after.trim_end(), DEFINITION_BYTES_MAX),
        );
    }
}

/// The names in `text` that say something.
fn names(text: &str) -> BTreeSet<String> {
    text.split(|one| !is_word(one))
        .filter(|word| word.chars().count() >= NAME_CHARACTERS_MIN && !word.starts_with(char::is_numeric))
        .map(str::to_owned)
        .collect()
}

/// The first `bytes_max` of `text`, or a little less: up to a whole character.
fn floor(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}
