//! A pipe of which the beginning can be read twice: once to see what it is, once in earnest.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

/// So much is kept at most while looking for the first packet: it lies within the first KiB unless
/// the capture is crafted, or begins with megabytes of names and secrets.
const MAX_KEPT: usize = 16 << 20;

/// The shared source of the two readers.
#[derive(Clone)]
pub(super) struct Held(Arc<Mutex<Source>>);

struct Source {
    reader: Box<dyn Read + Send>,
    kept: Vec<u8>,
}

impl Held {
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Held {
        Held(Arc::new(Mutex::new(Source { reader, kept: Vec::new() })))
    }

    /// A reader from the beginning, whose bytes are kept. Only before [`Held::replay`].
    pub(super) fn look(&self) -> impl Read + Send + use<> {
        Reader { held: self.clone(), at: 0, keeping: true }
    }

    /// The reader from the beginning, once.
    pub(super) fn replay(&self) -> impl Read + Send + use<> {
        Reader { held: self.clone(), at: 0, keeping: false }
    }
}

struct Reader {
    held: Held,
    at: usize,
    keeping: bool,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut source = self.held.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rest @ [_, ..]) = source.kept.get(self.at..) {
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            self.at += count;
            return Ok(count);
        }
        if self.keeping {
            if source.kept.len() >= MAX_KEPT {
                return Ok(0);
            }
            let count = source.reader.read(buffer)?;
            source.kept.extend_from_slice(&buffer[..count]);
            self.at += count;
            return Ok(count);
        }
        if !source.kept.is_empty() {
            source.kept = Vec::new();
            self.at = 0;
        }
        source.reader.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_looked_at_is_read_again() {
        let held = Held::new(Box::new(io::Cursor::new((0..100).collect::<Vec<u8>>())));
        for length in [10, 4, 30] {
            let mut start = vec![0; length];
            held.look().read_exact(&mut start).unwrap();
            assert!(start.iter().copied().eq(0..length as u8));
        }
        let mut all = Vec::new();
        held.replay().read_to_end(&mut all).unwrap();
        assert!(all.into_iter().eq(0..100));
    }
}
