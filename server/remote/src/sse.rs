//! Server-sent events: bytes in, events out.

/// One event of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// The event's name; empty for an ordinary message.
    pub name: String,
    /// Its data lines, joined by line feeds.
    pub data: String,
}

/// An event or a line is longer than [`SseParser::EVENT_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than {} bytes", SseParser::EVENT_BYTES_MAX)]
pub struct EventTooLong;

/// Reads server-sent events from bytes cut anywhere, also inside a character or a CRLF.
///
/// ```
/// let mut parser = remote::sse::SseParser::default();
/// assert!(parser.push(b"data: on").unwrap().is_empty());
/// assert_eq!(parser.push(b"e\n\n").unwrap()[0].data, "one");
/// ```
#[derive(Debug, Default)]
pub struct SseParser {
    line: Vec<u8>,
    event: SseEvent,
    has_data: bool,
    after_carriage_return: bool,
    past_first_line: bool,
}

impl SseParser {
    /// Longest event that is accepted, in bytes.
    pub const EVENT_BYTES_MAX: usize = 16 * 1024 * 1024;

    /// Takes the next bytes and gives the events that they complete.
    ///
    /// # Errors
    /// When an event grows too long: such a stream is not worth following.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<SseEvent>, EventTooLong> {
        let mut events = Vec::new();
        for &byte in bytes {
            let second_half_of_line_end = self.after_carriage_return && byte == b'\n';
            self.after_carriage_return = byte == b'\r';
            if second_half_of_line_end {
                continue;
            }
            if byte == b'\n' || byte == b'\r' {
                events.extend(self.end_line());
            } else {
                self.line.push(byte);
                if self.line.len() + self.event.data.len() > Self::EVENT_BYTES_MAX {
                    return Err(EventTooLong);
                }
            }
        }
        Ok(events)
    }

    /// The event that the end of the stream cut short of its blank line; some servers leave it out.
    #[must_use]
    pub fn finish(mut self) -> Option<SseEvent> {
        if !self.line.is_empty() {
            self.end_line();
        }
        self.has_data.then_some(self.event)
    }

    fn end_line(&mut self) -> Option<SseEvent> {
        let bytes = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&bytes);
        let line = match std::mem::replace(&mut self.past_first_line, true) {
            false => line.strip_prefix('\u{feff}').unwrap_or(&line),
            true => &line,
        };
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.has_data = true;
            }
            "event" => value.clone_into(&mut self.event.name),
            // Comments (an empty field), `id`, `retry`, and whatever else a server adds.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse_whole(bytes: &[u8]) -> Vec<SseEvent> {
        let mut parser = SseParser::default();
        let mut events = parser.push(bytes).expect("short");
        events.extend(parser.finish());
        events
    }

    fn data(bytes: &str) -> Vec<String> {
        parse_whole(bytes.as_bytes())
            .into_iter()
            .map(|event| event.data)
            .collect()
    }

    #[test]
    fn what_servers_send() {
        let cases: &[(&str, &[&str])] = &[
            ("data: a\n\ndata: [DONE]\n\n", &["a", "[DONE]"]),
            ("data: a\r\n\r\ndata:b\r\n\r\n", &["a", "b"]),
            ("data: a\rdata: b\r\r", &["a\nb"]),
            (": ping\n\n: ping\n\ndata: a\n\n", &["a"]),
            ("data: one\ndata: two\n\n", &["one\ntwo"]),
            ("data\n\n", &[""]),
            ("data:  two spaces\n\n", &[" two spaces"]),
            ("id: 1\nretry: 5\nevent: message\ndata: a\n\n", &["a"]),
            ("\u{feff}data: a\n\n", &["a"]),
            ("data: cut short", &["cut short"]),
            ("\n\n\n", &[]),
        ];
        for (bytes, expected) in cases {
            assert_eq!(data(bytes), *expected, "{bytes:?}");
        }
        assert_eq!(parse_whole(b"event: error\ndata: x\n\n")[0].name, "error");
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = SseParser::default();
        let chunk = vec![b'x'; SseParser::EVENT_BYTES_MAX];
        assert_eq!(parser.push(&chunk), Ok(Vec::new()));
        assert_eq!(parser.push(b"x"), Err(EventTooLong));
    }

    proptest! {
        #[test]
        fn where_the_bytes_are_cut_makes_no_difference(
            texts in prop::collection::vec("[a-z:é漢🦀 ]{0,12}", 0..6),
            line_end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
            cuts in prop::collection::vec(1usize..9, 1..40),
        ) {
            let stream: String = texts.iter().map(|text| format!(": c{line_end}data: {text}{line_end}{line_end}")).collect();
            let mut parser = SseParser::default();
            let mut events = Vec::new();
            let mut rest = stream.as_bytes();
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                events.extend(parser.push(now).expect("short"));
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            events.extend(parser.finish());
            let data: Vec<&str> = events.iter().map(|event| event.data.as_str()).collect();
            prop_assert_eq!(data, texts);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _events = parse_whole(&bytes);
        }
    }
}
