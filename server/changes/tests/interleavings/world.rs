//! The truth that the review is compared with: an editor and a disk, and who wrote which character.

use std::collections::BTreeSet;

use changes::{Authority, Content, Digest, Edit, Encoding, Format, Live, Standing, WorkspacePath};

use crate::account::Account;

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

const MODE: u32 = 0o644;

/// What files may be written in.
pub const FORMATS: [Format; 3] = [
    Format::NEW,
    Format {
        encoding: Encoding::Utf8,
        byte_order_mark: true,
    },
    Format {
        encoding: Encoding::Utf16Le,
        byte_order_mark: true,
    },
];

/// A file as it truly is.
pub struct TrueFile {
    pub path: WorkspacePath,
    pub disk: String,
    /// What the editor shows, if the file is open there.
    pub editor: Option<String>,
    /// The edits that would take the last ones back, newest last.
    pub history: Vec<Edit>,
    /// What its bytes are besides its text.
    pub format: Format,
    /// How its lines end, but for those that somebody ends otherwise.
    pub line_end: &'static str,
    /// Who wants what of it.
    pub account: Account,
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
                    format: self.format,
                },
                MODE,
            )),
        }
    }

    /// The bytes that the file would have with this text.
    pub fn bytes(&self, text: &str) -> Vec<u8> {
        let marks: &[u8] = match (self.format.encoding, self.format.byte_order_mark) {
            (Encoding::Utf8, true) => b"\xef\xbb\xbf",
            (Encoding::Utf16Le, _) => b"\xff\xfe",
            _ => b"",
        };
        let text = match self.format.encoding {
            Encoding::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            _ => text.as_bytes().to_vec(),
        };
        [marks, &text].concat()
    }

    /// What stands there now.
    pub fn standing(&self) -> Standing {
        Standing::File {
            digest: Digest::of(&self.bytes(self.live())),
            mode: MODE,
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

/// Line ends are the only characters that are not used once.
pub fn is_line_end(character: char) -> bool {
    matches!(character, '\r' | '\n')
}

/// The characters of a text that are used once.
pub fn characters(text: &str) -> BTreeSet<char> {
    text.chars()
        .filter(|&character| !is_line_end(character))
        .collect()
}

pub fn has_empty_line(text: &str) -> bool {
    text.lines().any(str::is_empty)
}

/// A place in `text` where a character begins or the text ends.
pub fn place(text: &str, random: &mut Random) -> usize {
    let count = text.chars().count();
    let index = random.below(count + 1);
    text.char_indices()
        .nth(index)
        .map_or(text.len(), |(offset, _)| offset)
}

/// The text with some of its lines changed, removed, or preceded by new ones.
pub fn rewrite(text: &str, line_end: &str, alphabet: &mut Alphabet, random: &mut Random) -> String {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    for _ in 0..1 + random.below(4) {
        let index = random.below(lines.len() + 1);
        match random.below(4) {
            0 if index < lines.len() => drop(lines.remove(index)),
            1 if index < lines.len() => {
                let end = lines[index].trim_start_matches(|character| !is_line_end(character));
                lines[index] = alphabet.word(random) + end;
            }
            2 if index < lines.len() => {
                let at = place(lines[index].trim_end_matches(is_line_end), random);
                lines[index].insert(at, alphabet.next());
            }
            _ => {
                if let Some(last) = lines.last_mut().filter(|last| index > 0 && !last.ends_with('\n')) {
                    last.push_str(line_end);
                }
                lines.insert(index, alphabet.word(random) + line_end);
            }
        }
    }
    lines.concat()
}
