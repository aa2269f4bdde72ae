//! A text as an editor written in JavaScript keeps it: a row of UTF-16 units, edited the obvious way.
//!
//! It is slow and plainly right, which makes it the model that real documents are held against.

/// A place as (line, UTF-16 units from the start of the line), both from 0.
pub type Place = (u32, u32);

/// A text of UTF-16 units.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    units: Vec<u16>,
}

impl Text {
    /// Makes a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self {
            units: text.encode_utf16().collect(),
        }
    }

    /// How many UTF-16 units it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// Replaces what stands between two places. Half a surrogate pair that stays alone becomes U+FFFD.
    pub fn replace(&mut self, start: Place, end: Place, text: &str) {
        let (start, end) = (start.min(end), start.max(end));
        let (start, end) = (self.unit(start), self.unit(end));
        self.units.splice(start..end, text.encode_utf16());
        self.units = self.to_string().encode_utf16().collect();
    }

    /// The unit that follows `place`; past the end of a line is its end, past the last line the end of all.
    #[must_use]
    pub fn unit(&self, place: Place) -> usize {
        let lines = self.lines();
        match lines.get(place.0 as usize) {
            Some((start, end)) => (start + place.1 as usize).min(*end),
            None => self.units.len(),
        }
    }

    /// The place before `unit`; between CR and LF it is the place before both.
    #[must_use]
    pub fn place(&self, unit: usize) -> Place {
        let lines = self.lines();
        let line = lines.iter().rposition(|(start, _)| *start <= unit).unwrap_or(0);
        let (start, end) = lines[line];
        let count = |value: usize| u32::try_from(value).expect("tests are small");
        (count(line), count(unit.min(end) - start))
    }

    /// Start and end of each line in units, without line breaks: LF, CRLF and CR, and nothing else.
    fn lines(&self) -> Vec<(usize, usize)> {
        let (mut lines, mut start, mut at) = (Vec::new(), 0, 0);
        while at < self.units.len() {
            let width = match (self.units[at], self.units.get(at + 1)) {
                (0x0d, Some(0x0a)) => 2,
                (0x0a | 0x0d, _) => 1,
                _ => 0,
            };
            if width > 0 {
                lines.push((start, at));
                start = at + width;
            }
            at += width.max(1);
        }
        lines.push((start, self.units.len()));
        lines
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&String::from_utf16_lossy(&self.units))
    }
}
