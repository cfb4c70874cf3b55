//! A thread that reads ahead of its consumer, so that decompressing and analysing overlap.

use std::io::{self, Read};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

/// Bytes of a chunk: small enough to stay in the second-level cache between the two threads.
const CHUNK: usize = 128 << 10;
/// Chunks in flight: bounds the memory to half a MiB.
const CHUNKS: usize = 4;

/// What the thread reads, as a reader. Dropping it ends the thread at its next chunk.
pub(super) struct Ahead {
    /// An empty chunk is the end: without one the thread has come to grief.
    chunks: Receiver<io::Result<Vec<u8>>>,
    /// Chunks that were consumed, to be filled again.
    used: Sender<Vec<u8>>,
    chunk: Vec<u8>,
    consumed: usize,
    ended: bool,
}

impl Ahead {
    /// Starts a thread that reads `source` to its end or to the first error.
    pub(super) fn start(mut source: Box<dyn Read + Send>) -> io::Result<Ahead> {
        let (sender, chunks) = bounded(CHUNKS);
        let (used, reusable) = bounded::<Vec<u8>>(CHUNKS + 2);
        thread::Builder::new().name("decompress".to_owned()).spawn(move || {
            loop {
                let mut chunk = reusable.try_recv().unwrap_or_default();
                chunk.resize(CHUNK, 0);
                let (filled, error) = fill(&mut *source, &mut chunk);
                chunk.truncate(filled);
                let ended = filled < CHUNK;
                // The consumer is gone when sending fails.
                if filled > 0 && sender.send(Ok(chunk)).is_err() {
                    return;
                }
                if ended {
                    let _ = sender.send(error.map_or(Ok(Vec::new()), Err));
                    return;
                }
            }
        })?;
        Ok(Ahead { chunks, used, chunk: Vec::new(), consumed: 0, ended: false })
    }
}

fn fill(source: &mut dyn Read, chunk: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut filled = 0;
    while filled < chunk.len() {
        match source.read(&mut chunk[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(error)),
        }
    }
    (filled, None)
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.consumed == self.chunk.len() {
            let failed = |_| io::Error::other("the decompression failed");
            let next =
                if self.ended { Vec::new() } else { self.chunks.recv().map_err(failed)?? };
            self.ended = next.is_empty();
            let used = std::mem::replace(&mut self.chunk, next);
            self.consumed = 0;
            // When the thread has ended, or has enough, the chunk is simply freed.
            let _ = self.used.try_send(used);
        }
        let rest = &self.chunk[self.consumed..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.consumed += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_read_in_order_and_the_end_stays_the_end() {
        let bytes: Vec<u8> = (0..CHUNK * 5 + 7).map(|number| (number / 1_000) as u8).collect();
        for length in [0, 1, CHUNK, bytes.len()] {
            let source = io::Cursor::new(bytes[..length].to_vec());
            let mut ahead = Ahead::start(Box::new(source)).unwrap();
            let mut read = Vec::new();
            ahead.read_to_end(&mut read).unwrap();
            assert!(read == bytes[..length]);
            assert_eq!(ahead.read(&mut [0]).unwrap(), 0);
        }
    }

    #[test]
    fn a_panic_of_the_thread_is_an_error() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                panic!("on purpose");
            }
        }
        let mut ahead = Ahead::start(Box::new(Broken)).unwrap();
        assert!(ahead.read(&mut [0]).is_err());
    }
}
