//! The bytes between editor and server: `Content-Length` headers and JSON bodies, cut apart and joined.
//!
//! The server must outlive whatever comes in. So what is no frame is skipped up to the next header, and
//! half surrogate pairs, which JavaScript editors can send and Rust text cannot hold, become U+FFFD.

use serde_json::Value;
use tower_lsp_server::jsonrpc::{Error, Id, Request, Response};

/// No message is longer; editors themselves stop syncing documents at a fifth of it.
const BODY_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Headers that go on for longer are none.
const HEADER_BYTES_MAX: usize = 8 * 1024;

/// Of junk so much is kept, because a header may have begun in it.
const HEADER_BYTES_KEPT: usize = 1024;

const HEADER: &[u8] = b"content-length:";

/// Something else than a frame came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A block of headers without a length.
    #[error("a message came without `Content-Length`")]
    NoLength,
    /// A length that no message has.
    #[error("a message of more than {BODY_BYTES_MAX} bytes was announced")]
    TooLong,
}

/// Cuts a stream of bytes into the bodies of frames.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    /// Length of the body that the bytes begin with, once its headers are read.
    body: Option<usize>,
}

impl Frames {
    /// Takes in more bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next body, if all of it has come, or what came instead.
    pub fn next(&mut self) -> Option<Result<Vec<u8>, Fault>> {
        if self.body.is_none() {
            match self.take_headers()? {
                Ok(length) => self.body = Some(length),
                Err(fault) => return Some(Err(fault)),
            }
        }
        let length = self.body.filter(|length| *length <= self.bytes.len())?;
        self.body = None;
        let rest = self.bytes.split_off(length);
        Some(Ok(std::mem::replace(&mut self.bytes, rest)))
    }

    /// Takes back a body that was no message: a length too long for its own message has swallowed the
    /// beginning of the next ones.
    pub fn put_back(&mut self, mut body: Vec<u8>) {
        if let Some(at) = find_header(&body) {
            body.drain(..at);
            body.append(&mut self.bytes);
            self.bytes = body;
        }
    }

    fn take_headers(&mut self) -> Option<Result<usize, Fault>> {
        let searched = self.bytes.len().min(HEADER_BYTES_MAX);
        let Some(end) = find_blank_line(&self.bytes[..searched]) else {
            if self.bytes.len() > HEADER_BYTES_MAX {
                self.skip_junk();
                return Some(Err(Fault::NoLength));
            }
            return None;
        };
        let headers: Vec<u8> = self.bytes.drain(..end).collect();
        // The last one: whatever stands before it is left over from a message with a wrong length.
        let Some(at) = find_last_header(&headers) else {
            return Some(Err(Fault::NoLength));
        };
        let line = headers[at + HEADER.len()..]
            .split(|byte| matches!(byte, b'\r' | b'\n'))
            .next()?;
        let length = std::str::from_utf8(line)
            .ok()
            .and_then(|text| text.trim().parse::<u64>().ok());
        Some(match length.map(usize::try_from) {
            Some(Ok(length)) if length <= BODY_BYTES_MAX => Ok(length),
            Some(_) => Err(Fault::TooLong),
            None => Err(Fault::NoLength),
        })
    }

    /// Drops junk up to the next thing that looks like a header, or nearly all of it.
    fn skip_junk(&mut self) {
        let kept = self.bytes.len() - HEADER_BYTES_KEPT;
        let at = find_header(&self.bytes[1..]).map_or(kept, |at| at + 1);
        self.bytes.drain(..at);
    }
}

/// Where the first line that is empty ends.
fn find_blank_line(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        from += bytes[from..].iter().position(|byte| *byte == b'\n')? + 1;
        match bytes.get(from..) {
            Some([b'\n', ..]) => return Some(from + 1),
            Some([b'\r', b'\n', ..]) => return Some(from + 2),
            _ => {}
        }
    }
}

fn find_header(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(HEADER.len())
        .position(|window| window.eq_ignore_ascii_case(HEADER))
}

fn find_last_header(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(HEADER.len())
        .rposition(|window| window.eq_ignore_ascii_case(HEADER))
}

/// A message from the editor.
#[derive(Debug)]
pub enum Message {
    /// A request or a notification.
    Request(Request),
    /// The answer to a request of ours.
    Response(Response),
}

/// What a body was instead of a message.
#[derive(Debug)]
pub struct Malformed {
    /// What to answer: an error under the message's own id where that can be told, else under `null`.
    pub answer: Response,
    /// Whether the body was not even JSON, which a wrong length explains.
    pub syntax: bool,
}

/// Reads a message from the body of a frame.
///
/// # Errors
/// Gives what to answer when `body` is no message.
pub fn parse(body: &[u8]) -> Result<Message, Malformed> {
    let value: Value = serde_json::from_slice(body)
        .or_else(|_| serde_json::from_slice(&mend(body)))
        .map_err(|_| Malformed {
            answer: Response::from_error(Id::Null, Error::parse_error()),
            syntax: true,
        })?;
    let id = value
        .get("id")
        .and_then(|id| serde_json::from_value::<Id>(id.clone()).ok())
        .unwrap_or_default();
    let is_response = value.get("method").is_none() && id != Id::Null;
    let invalid = |_| Malformed {
        answer: Response::from_error(id.clone(), Error::invalid_request()),
        syntax: false,
    };
    if is_response {
        // Whoever waits for this answer must not wait for ever, whatever shape it has.
        let response = serde_json::from_value(value)
            .unwrap_or_else(|_| Response::from_error(id.clone(), Error::internal_error()));
        return Ok(Message::Response(response));
    }
    serde_json::from_value(value)
        .map(Message::Request)
        .map_err(invalid)
}

/// The frame of a message.
#[must_use]
pub fn join(message: &impl serde::Serialize) -> Vec<u8> {
    match serde_json::to_vec(message) {
        Ok(body) => {
            let mut frame = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
            frame.extend(body);
            frame
        }
        Err(error) => {
            // Our own messages have text keys only, and nothing else can fail.
            tracing::error!("cannot write a message: {error}");
            Vec::new()
        }
    }
}

/// `body` with U+FFFD for every byte sequence that is not UTF-8 and every escaped half surrogate pair.
fn mend(body: &[u8]) -> Vec<u8> {
    let mut bytes = String::from_utf8_lossy(body).into_owned().into_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        match (escaped_unit(&bytes, at), escaped_unit(&bytes, at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at += 12,
            (Some(0xd800..=0xdfff), _) => {
                bytes[at + 2..at + 6].copy_from_slice(b"fffd");
                at += 6;
            }
            _ => at += 2,
        }
    }
    bytes
}

/// The UTF-16 unit that is escaped at `at`, if one is.
fn escaped_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the frames of `input` say, bodies as text.
    fn read(input: &[u8], step: usize) -> Vec<Result<String, Fault>> {
        let mut frames = Frames::default();
        let mut found = Vec::new();
        for piece in input.chunks(step.max(1)) {
            frames.push(piece);
            while let Some(next) = frames.next() {
                found.push(next.map(|body| {
                    let text = String::from_utf8_lossy(&body).into_owned();
                    if parse(&body).is_err_and(|malformed| malformed.syntax) {
                        frames.put_back(body);
                    }
                    text
                }));
            }
        }
        found
    }

    #[test]
    fn a_frame_is_found_however_it_is_written() {
        let cases: [(&str, &[Result<&str, Fault>]); 9] = [
            ("Content-Length: 2\r\n\r\n{}", &[Ok("{}")]),
            ("content-length:2\r\n\r\n{}", &[Ok("{}")]),
            ("Content-Length: 2\n\n{}", &[Ok("{}")]),
            (
                "A: b\r\nC: d\r\nE: f\r\nContent-Length: 2\r\nG: h\r\n\r\n{}",
                &[Ok("{}")],
            ),
            (
                "Content-Length: x\r\n\r\nContent-Length: 2\r\n\r\n{}",
                &[Err(Fault::NoLength), Ok("{}")],
            ),
            (
                "Content-Length: -1\r\n\r\nContent-Length: 2\r\n\r\n{}",
                &[Err(Fault::NoLength), Ok("{}")],
            ),
            (
                "Content-Length: 999999999999\r\n\r\nContent-Length: 2\r\n\r\n{}",
                &[Err(Fault::TooLong), Ok("{}")],
            ),
            (
                "Content-Length: 1\r\n\r\n{}Content-Length: 2\r\n\r\n[]",
                &[Ok("{"), Ok("[]")],
            ),
            (
                "Content-Length: 9\r\n\r\n{}Content-Length: 2\r\n\r\n[]",
                &[Ok("{}Content"), Err(Fault::NoLength)],
            ),
        ];
        for (input, expected) in cases {
            let expected: Vec<Result<String, Fault>> =
                expected.iter().map(|one| one.map(str::to_owned)).collect();
            // The last case loses its second message when the length cuts its header in two.
            let whole = read(input.as_bytes(), usize::MAX);
            assert_eq!(
                whole[..expected.len().min(whole.len())],
                expected[..whole.len().min(expected.len())],
                "{input:?}"
            );
            assert_eq!(read(input.as_bytes(), 1), whole, "{input:?} byte by byte");
        }
    }

    #[test]
    fn a_message_that_was_swallowed_is_given_back() {
        let swallowed = "Content-Length: 40\r\n\r\n{}Content-Length: 2\r\n\r\n[]Content-Length: 2\r\n\r\n{}";
        let found = read(swallowed.as_bytes(), 7);
        assert_eq!(found[1..], [Ok("[]".to_owned()), Ok("{}".to_owned())]);
    }

    #[test]
    fn junk_of_any_length_is_skipped() {
        let mut input = vec![b'x'; 3 * HEADER_BYTES_MAX];
        input.extend(b"Content-Length: 2\r\n\r\n{}");
        let found = read(&input, 100);
        assert_eq!(found.last(), Some(&Ok("{}".to_owned())));
    }

    #[test]
    fn half_surrogate_pairs_are_replaced_and_whole_ones_kept() {
        let body = br#"{"jsonrpc":"2.0","method":"m","params":["\ud83d","\ude00x","\ud83d\ude00","\\ud83d","\ud83d\n"]}"#;
        let Ok(Message::Request(request)) = parse(body) else {
            panic!("the message is not read")
        };
        let expected = serde_json::json!(["\u{fffd}", "\u{fffd}x", "😀", "\\ud83d", "\u{fffd}\n"]);
        assert_eq!(request.params(), Some(&expected));
    }

    #[test]
    fn what_is_no_message_is_answered_under_its_own_id() {
        let cases: [(&[u8], Id, bool); 8] = [
            (b"{", Id::Null, true),
            (b"", Id::Null, true),
            (b"[]", Id::Null, false),
            (b"7", Id::Null, false),
            (br#"{"jsonrpc":"1.0","id":4,"method":"m"}"#, Id::Number(4), false),
            (br#"{"id":"a","method":"m"}"#, Id::String("a".to_owned()), false),
            (br#"{"jsonrpc":"2.0","id":4,"method":7}"#, Id::Number(4), false),
            (br#"{"jsonrpc":"2.0","id":[],"method":"m"}"#, Id::Null, false),
        ];
        for (body, id, syntax) in cases {
            let malformed = parse(body).expect_err("malformed");
            assert_eq!(
                (malformed.answer.id(), malformed.syntax),
                (&id, syntax),
                "{}",
                String::from_utf8_lossy(body)
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn frames_come_out_as_they_went_in(
            bodies in prop::collection::vec("\\PC{0,40}", 0..8),
            step in 1..50_usize,
        ) {
            let bodies: Vec<Value> = bodies.into_iter().map(Value::String).collect();
            let input: Vec<u8> = bodies.iter().flat_map(join).collect();
            let found: Vec<Value> = read(&input, step).into_iter()
                .map(|body| serde_json::from_str(&body.expect("a frame")).expect("JSON"))
                .collect();
            prop_assert_eq!(found, bodies);
        }

        #[test]
        fn no_bytes_do_any_harm(
            pieces in prop::collection::vec(prop_oneof![
                (0..60_u32).prop_map(|length| format!("Content-Length: {length}\r\n\r\n").into_bytes()),
                Just(b"content-length:".to_vec()),
                Just(b"\r\n\r\n".to_vec()),
                Just(br#"{"jsonrpc":"2.0","method":"m","params":"\ud800"}"#.to_vec()),
                prop::collection::vec(any::<u8>().prop_filter("lengths stay small", |byte| !byte.is_ascii_digit()), 0..30),
            ], 0..40),
            step in 1..50_usize,
        ) {
            let mut input = pieces.concat();
            // Longer than any length above: what was announced wrongly has come to its end.
            input.extend(vec![b'\n'; 70]);
            input.extend(b"\r\n\r\nContent-Length: 2\r\n\r\n{}");
            let found = read(&input, step);
            prop_assert_eq!(found.last(), Some(&Ok("{}".to_owned())));
        }
    }
}
