//! A decoder that is always asked for the same pieces, whoever reads.
//!
//! What a decoder gives before damaged data depends on how much it was asked for: zstd decodes a whole frame at once
//! where it may, and then gives nothing of one that is damaged; xz forgets what it has put into a buffer by then. A
//! thread of its own asks for more at a time than a worker does, and a report must not depend on that.

use std::io::{self, Read};

/// What is asked for: room enough for a decoder to be quick, little enough to be copied from the first-level cache.
const STEP: usize = 32 << 10;

/// Asks a source for so much that each step ends at a multiple of [`STEP`] octets.
pub(super) struct Steps<R> {
    source: R,
    /// Octets of the current step that have been read.
    position: usize,
    /// What was read where the reader had no room for a whole step.
    held: Vec<u8>,
    given: usize,
}

impl<R: Read> Steps<R> {
    pub(super) fn new(source: R) -> Steps<R> {
        Steps { source, position: 0, held: Vec::new(), given: 0 }
    }

    fn step(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.position = (self.position + count) % STEP;
        Ok(count)
    }
}

impl<R: Read> Read for Steps<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.held.len() {
            let left = STEP - self.position;
            if buffer.len() >= left {
                return self.step(&mut buffer[..left]);
            }
            let mut held = std::mem::take(&mut self.held);
            held.resize(left, 0);
            let read = self.step(&mut held);
            held.truncate(*read.as_ref().unwrap_or(&0));
            (self.held, self.given) = (held, 0);
            read?;
        }
        let rest = &self.held[self.given..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes what it is asked for, and gives up to 20,000 octets at a time.
    struct Asked {
        octets: io::Cursor<Vec<u8>>,
        asked: Vec<usize>,
    }

    impl Read for Asked {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.asked.push(buffer.len());
            let most = buffer.len().min(20_000);
            self.octets.read(&mut buffer[..most])
        }
    }

    #[test]
    fn a_source_is_asked_for_the_same_by_everybody() {
        let bytes: Vec<u8> = (0..STEP * 3 + 77).map(|number| (number / 500) as u8).collect();
        let read = |room: usize| {
            let octets = io::Cursor::new(bytes.clone());
            let mut steps = Steps::new(Asked { octets, asked: Vec::new() });
            let (mut all, mut buffer) = (Vec::new(), vec![0; room]);
            loop {
                match steps.read(&mut buffer).unwrap() {
                    0 => break,
                    count => all.extend_from_slice(&buffer[..count]),
                }
            }
            assert!(all == bytes);
            steps.source.asked
        };
        let asked = read(STEP);
        assert_eq!(asked[..3], [STEP, STEP - 20_000, STEP]);
        for room in [1_000, 24, STEP - 1, STEP + 1, STEP * 9] {
            assert_eq!(read(room), asked, "{room}");
        }
    }
}
