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
    chunks: Receiver<io::Result<Vec<u8>>>,
    /// Chunks that were consumed, to be filled again.
    used: Sender<Vec<u8>>,
    chunk: Vec<u8>,
    consumed: usize,
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
                if let Some(error) = error {
                    let _ = sender.send(Err(error));
                    return;
                }
                if ended {
                    return;
                }
            }
        })?;
        Ok(Ahead { chunks, used, chunk: Vec::new(), consumed: 0 })
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
            let Ok(chunk) = self.chunks.recv() else { return Ok(0) };
            let used = std::mem::replace(&mut self.chunk, chunk?);
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
