//! What a program prints, within bounds.

use std::io::{ErrorKind, Read};

/// Of what a program prints, to each of its two outputs, so many bytes of the beginning are kept and as many of
/// the end.
const PRINTED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What is read at once.
pub(super) const BUFFER_BYTES: usize = 64 * 1024;

/// The beginning and the end of what a program prints.
#[derive(Default)]
pub(super) struct Printed {
    beginning: Vec<u8>,
    end: Vec<u8>,
    left_out: bool,
}

impl Printed {
    /// Reads to the end, and leaves out the middle of what is too long.
    pub(super) fn read(mut input: impl Read) -> std::io::Result<Vec<u8>> {
        let mut printed = Self::default();
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match input.read(&mut buffer) {
                Ok(0) => return Ok(printed.into_bytes()),
                Ok(count) => printed.push(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes in what comes next.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = bytes.len().min(PRINTED_BYTES_MAX - self.beginning.len());
        self.beginning.extend_from_slice(&bytes[..room]);
        self.end.extend_from_slice(&bytes[room..]);
        if self.end.len() > 2 * PRINTED_BYTES_MAX {
            self.left_out = true;
            self.end.drain(..self.end.len() - PRINTED_BYTES_MAX);
        }
    }

    /// What is kept of it.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let mut bytes = self.beginning;
        if self.left_out {
            bytes.push(b'\n');
        }
        bytes.extend(self.end);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_what_is_too_long_is_left_out() {
        let most = PRINTED_BYTES_MAX as u64;
        let printed = |middle: u64| {
            b"begins\n"
                .chain(std::io::repeat(b'x').take(middle))
                .chain(&b"ends\n"[..])
        };
        let short = Printed::read(printed(10)).expect("read");
        assert_eq!(short, b"begins\nxxxxxxxxxxends\n");
        let long = Printed::read(printed(10 * most)).expect("read");
        assert!(long.starts_with(b"begins\nx") && long.ends_with(b"xends\n"));
        assert!(long.len() <= 3 * PRINTED_BYTES_MAX + 1);
    }
}
