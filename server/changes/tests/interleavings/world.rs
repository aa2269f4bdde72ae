//! The truth that the review is compared with: an editor and a disk, and who wrote which character.

use std::collections::BTreeSet;

use changes::{Authority, Content, Edit, Format, Live, WorkspacePath};

/// A small generator of random numbers: the same everywhere, for ever.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// Gives out characters, each once.
pub struct Alphabet(u32);

impl Alphabet {
    pub fn new() -> Self {
        Self(0x4e00)
    }

    pub fn next(&mut self) -> char {
        loop {
            self.0 += 1;
            if let Some(character) = char::from_u32(self.0) {
                return character;
            }
        }
    }

    pub fn word(&mut self, random: &mut Random) -> String {
        (0..1 + random.below(3)).map(|_| self.next()).collect()
    }
}

/// A file as it truly is.
pub struct TrueFile {
    pub path: WorkspacePath,
    pub disk: String,
    /// What the editor shows, if the file is open there.
    pub editor: Option<String>,
    /// The edits that would take the last ones back, newest last.
    pub history: Vec<Edit>,
    /// Every character that somebody who proposed something has seen or brought.
    pub proposed_or_seen: BTreeSet<char>,
}

impl TrueFile {
    pub fn live(&self) -> &str {
        self.editor.as_deref().unwrap_or(&self.disk)
    }

    pub fn as_live(&self) -> Live {
        Live {
            authority: if self.editor.is_some() {
                Authority::Editor
            } else {
                Authority::Disk
            },
            file: Some((
                Content::Text {
                    text: self.live().into(),
                    format: Format::NEW,
                },
                0o644,
            )),
        }
    }

    /// Carries an edit out in the editor.
    pub fn type_in(&mut self, edit: &Edit) {
        let text = self.editor.as_mut().expect("the file is open");
        let removed = text[edit.range.clone()].to_owned();
        text.replace_range(edit.range.clone(), &edit.text);
        let back = Edit {
            range: edit.range.start..edit.range.start + edit.text.len(),
            text: removed,
        };
        self.history.push(back);
    }
}

/// The characters of a text that are used once.
pub fn characters(text: &str) -> BTreeSet<char> {
    text.chars().filter(|&character| character != '\n').collect()
}

/// A place in `text` where a character begins or the text ends.
pub fn place(text: &str, random: &mut Random) -> usize {
    let count = text.chars().count();
    let index = random.below(count + 1);
    text.char_indices()
        .nth(index)
        .map_or(text.len(), |(offset, _)| offset)
}

/// The characters that stand in a text once: keeping an added line beside the one that it was made of
/// doubles what they share.
pub fn single(text: &str) -> BTreeSet<char> {
    let mut all: Vec<char> = text.chars().filter(|&character| character != '\n').collect();
    all.sort_unstable();
    all.chunk_by(|left, right| left == right)
        .filter(|same| same.len() == 1)
        .map(|same| same[0])
        .collect()
}

/// Whether the characters that two texts share stand in one order in both.
pub fn same_order(left: &str, right: &str) -> bool {
    let shared: BTreeSet<char> = single(left).intersection(&single(right)).copied().collect();
    let of = |text: &str| {
        text.chars()
            .filter(|character| shared.contains(character))
            .collect::<Vec<_>>()
    };
    of(left) == of(right)
}

/// The text with some of its lines changed, removed, or preceded by new ones.
pub fn rewrite(text: &str, alphabet: &mut Alphabet, random: &mut Random) -> String {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    for _ in 0..1 + random.below(4) {
        let index = random.below(lines.len() + 1);
        match random.below(4) {
            0 if index < lines.len() => drop(lines.remove(index)),
            1 if index < lines.len() => {
                let end = if lines[index].ends_with('\n') { "\n" } else { "" };
                lines[index] = alphabet.word(random) + end;
            }
            2 if index < lines.len() => {
                let at = place(lines[index].trim_end_matches('\n'), random);
                lines[index].insert(at, alphabet.next());
            }
            _ => {
                if let Some(last) = lines.last_mut().filter(|last| index > 0 && !last.ends_with('\n')) {
                    last.push('\n');
                }
                lines.insert(index, alphabet.word(random) + "\n");
            }
        }
    }
    lines.concat()
}
