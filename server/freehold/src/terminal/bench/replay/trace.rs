//! The format of a trace: a file as it stands, and what a person then types into it.

use std::time::Duration;

/// What the first line of a trace says.
const HEADING: &str = "freehold trace 1";

/// A recorded editing session in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Its name, unique among the traces.
    pub name: String,
    /// The language, as LSP names it.
    pub language: String,
    /// Name of the file.
    pub path: String,
    /// How quickly it is typed.
    pub rhythm: Rhythm,
    /// Seed of the times between keys.
    pub seed: u64,
    /// The file at the beginning.
    pub text: String,
    /// What happens then.
    pub events: Vec<Event>,
}

/// How quickly somebody types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rhythm {
    /// 220 ms from key to key, at the median.
    Normal,
    /// 90 ms.
    Fast,
}

impl Rhythm {
    /// The median time from key to key.
    pub fn median(self) -> Duration {
        match self {
            Self::Normal => Duration::from_millis(220),
            Self::Fast => Duration::from_millis(90),
        }
    }
}

/// Something that a person does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Thinks for so long.
    Pause(Duration),
    /// Moves the cursor: line and column count from 1, the column in characters.
    At {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// Types this; a line break comes with the indentation that follows it.
    Type(String),
    /// Types this by mistake and takes it back at once.
    Slip(String),
    /// Erases so many characters before the cursor.
    Erase(usize),
}

/// Why a text is no trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct TraceError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

impl Trace {
    /// Reads a trace.
    ///
    /// # Errors
    /// Says in which line what is wrong.
    pub fn parse(source: &str) -> Result<Self, TraceError> {
        let mut lines = (1..).zip(source.split_inclusive('\n'));
        let mut line = |expected: &str| -> Result<(usize, String), TraceError> {
            let (number, line) = lines
                .next()
                .ok_or_else(|| wrong(0, &format!("ends before `{expected}`")))?;
            let value = line.trim_end_matches('\n').strip_prefix(expected);
            let value = value.ok_or_else(|| wrong(number, &format!("must begin with `{expected}`")))?;
            Ok((number, value.trim_start().to_owned()))
        };
        line(HEADING)?;
        let name = line("name ")?.1;
        let language = line("language ")?.1;
        let path = line("path ")?.1;
        let rhythm = match line("rhythm ")? {
            (_, word) if word == "normal" => Rhythm::Normal,
            (_, word) if word == "fast" => Rhythm::Fast,
            (number, word) => return Err(wrong(number, &format!("`{word}` is no rhythm"))),
        };
        let (number, seed) = line("seed ")?;
        let seed = seed
            .parse()
            .map_err(|_| wrong(number, "the seed must be a number"))?;
        let (number, count) = line("text ")?;
        let count: usize = count
            .parse()
            .map_err(|_| wrong(number, "the count of lines must be a number"))?;
        let text: String = lines.by_ref().take(count).map(|(_, line)| line).collect();
        let events = lines.map(|(number, line)| event(number, line.trim_end_matches('\n')));
        Ok(Self {
            name,
            language,
            path,
            rhythm,
            seed,
            text,
            events: events.collect::<Result<_, _>>()?,
        })
    }
}

fn event(number: usize, line: &str) -> Result<Event, TraceError> {
    let (word, value) = line.split_once(' ').unwrap_or((line, ""));
    let event = match word {
        "pause" => value
            .parse()
            .ok()
            .map(|time| Event::Pause(Duration::from_millis(time))),
        "erase" => value.parse().ok().map(Event::Erase),
        "at" => value.split_once(':').and_then(|(line, column)| {
            let (line, column) = (line.parse().ok()?, column.parse().ok()?);
            (line > 0 && column > 0).then_some(Event::At { line, column })
        }),
        "type" => unescape(value).filter(|text| !text.is_empty()).map(Event::Type),
        "slip" => unescape(value).filter(|text| !text.is_empty()).map(Event::Slip),
        _ => None,
    };
    event.ok_or_else(|| wrong(number, &format!("`{line}` is no event")))
}

/// `\n`, `\t` and `\\` stand for a line break, a tab and a backslash.
fn unescape(value: &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        text.push(match character {
            '\\' => match characters.next()? {
                'n' => '\n',
                't' => '\t',
                '\\' => '\\',
                _ => return None,
            },
            other => other,
        });
    }
    Some(text)
}

fn wrong(line: usize, what: &str) -> TraceError {
    TraceError {
        line,
        what: what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "freehold trace 1\nname a\nlanguage rust\npath a.rs\nrhythm fast\nseed 7\ntext 2\n\
        fn a() {\n}\npause 500\nat 1:9\ntype \\n    \"\\\\\\t\nslip x\nerase 3\n";

    #[test]
    fn a_trace_is_read() {
        let trace = Trace::parse(SOURCE).expect("a trace");
        assert_eq!(trace.text, "fn a() {\n}\n");
        assert_eq!((trace.rhythm, trace.seed), (Rhythm::Fast, 7));
        let expected = [
            Event::Pause(Duration::from_millis(500)),
            Event::At { line: 1, column: 9 },
            Event::Type("\n    \"\\\t".to_owned()),
            Event::Slip("x".to_owned()),
            Event::Erase(3),
        ];
        assert_eq!(trace.events, expected);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let cases = [
            ("freehold trace 2", 1),
            (&SOURCE.replace("fast", "slow"), 5),
            (&SOURCE.replace("seed 7", "seed x"), 6),
            (&SOURCE.replace("at 1:9", "at 0:9"), 11),
            (&SOURCE.replace("pause 500", "sleep 500"), 10),
            (&SOURCE.replace("\\t", "\\x"), 12),
        ];
        for (source, line) in cases {
            assert_eq!(Trace::parse(source).expect_err(source).line, line, "{source}");
        }
    }
}
