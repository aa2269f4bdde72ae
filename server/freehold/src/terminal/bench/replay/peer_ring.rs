//! The ring of llama.vscode: chunks of text around places where the cursor has been, up to 16 of up to 64
//! lines, given along with every request. As far as one file exercises it. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use super::chance::Chance;
use crate::terminal::peer::infill::lines;

/// `ring_n_chunks`.
const CHUNKS_MAX: usize = 16;
/// `ring_chunk_size`.
const CHUNK_LINES: usize = 64;
/// `ring_scope`: so far before the cursor chunks are picked.
const SCOPE_LINES: usize = 1024;
/// What lies in the window anyway is not picked (`n_prefix`, `n_suffix`).
const WINDOW_LINES: (usize, usize) = (256, 64);
/// The cursor must have moved by more lines than that (`MAX_LAST_PICK_LINE_DISTANCE`).
const MOVED_LINES: usize = 32;
/// Chunks that wait to be taken in (`MAX_QUEUED_CHUNKS`).
const QUEUED_MAX: usize = 16;
/// Shorter ones are not picked.
const LINES_MIN: usize = 3;
/// `ring_update_ms`: so often a chunk may be taken in …
pub const UPDATE_INTERVAL: Duration = Duration::from_millis(1000);
/// … so long after the last question (`RING_UPDATE_MIN_TIME_LAST_COMPL`).
pub const REST_MIN: Duration = Duration::from_millis(3000);

/// The ring.
#[derive(Debug)]
pub struct Ring {
    file: String,
    chunks: VecDeque<Value>,
    queued: VecDeque<String>,
    last_line: Option<usize>,
    chance: Chance,
}

impl Ring {
    /// An empty ring for `file`; `seed` decides what it draws by chance.
    pub fn new(file: &str, seed: u64) -> Self {
        Self {
            file: file.to_owned(),
            chunks: VecDeque::new(),
            queued: VecDeque::new(),
            last_line: None,
            chance: Chance::new(seed),
        }
    }

    /// What goes along with a request.
    pub fn chunks(&self) -> Vec<Value> {
        self.chunks.iter().cloned().collect()
    }

    /// A suggestion was given at `line` (counted from 0) of `text`.
    pub fn suggested(&mut self, text: &str, line: usize) {
        if self
            .last_line
            .is_some_and(|last| last.abs_diff(line) <= MOVED_LINES)
        {
            return;
        }
        let lines = lines(text);
        let last = lines.len() - 1;
        let before = line.saturating_sub(SCOPE_LINES)..=line.saturating_sub(WINDOW_LINES.0);
        let after = last.min(line + WINDOW_LINES.1)..=last.min(line + WINDOW_LINES.1 + CHUNK_LINES);
        self.pick(&lines[before]);
        self.pick(&lines[after]);
        self.last_line = Some(line);
    }

    /// The time has come to take in a chunk that waits; whether there was one.
    pub fn update(&mut self) -> bool {
        let Some(text) = self.queued.pop_front() else {
            return false;
        };
        self.chunks
            .push_back(json!({ "text": text, "time": 0, "filename": self.file }));
        while self.chunks.len() > CHUNKS_MAX {
            self.chunks.pop_front();
        }
        true
    }

    fn pick(&mut self, lines: &[&str]) {
        if lines.len() < LINES_MIN {
            return;
        }
        let chunk = if lines.len() + 1 < CHUNK_LINES {
            lines
        } else {
            let half = CHUNK_LINES / 2;
            let start = self.chance.below(lines.len().saturating_sub(half) + 1);
            &lines[start..lines.len().min(start + half)]
        };
        if self.queued.len() >= QUEUED_MAX {
            self.queued.pop_front();
        }
        self.queued.push_back(chunk.join("\n") + "\n");
    }
}

/// The body by which the server is made to evaluate new chunks ahead (`updateExtraContext`).
pub fn update_body(chunks: &[Value]) -> Value {
    json!({
        "id_slot": 0,
        "input_prefix": "",
        "input_suffix": "",
        "input_extra": chunks,
        "prompt": "",
        "n_predict": 0,
        "samplers": [],
        "cache_prompt": true,
        "t_max_prompt_ms": 500,
        "t_max_predict_ms": 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_beyond_the_window_are_picked_when_the_cursor_moves_far() {
        let text: String = (0..500).map(|line| format!("{line}\n")).collect();
        let mut ring = Ring::new("a.rs", 1);
        ring.suggested(&text, 100);
        // Before the window there is one line only, which is too short.
        assert!(ring.update() && !ring.update());
        ring.suggested(&text, 120);
        assert!(!ring.update());
        ring.suggested(&text, 400);
        assert!(ring.update() && ring.update() && !ring.update());
        let lengths: Vec<usize> = ring
            .chunks()
            .iter()
            .map(|chunk| chunk["text"].as_str().map_or(0, |text| text.lines().count()))
            .collect();
        assert_eq!(lengths, [32, 32, 37]);
    }
}
