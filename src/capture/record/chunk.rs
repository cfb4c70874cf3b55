//! Packets on their way to a file: written as blocks of pcapng already, so that whoever takes them copies
//! octets and no more.

use std::sync::Arc;

use super::pcapng::{self, PACKET_HEAD};
use crate::capture::{Block, Interface};
use crate::model::Timestamp;

/// The packets of a [`Block`].
#[derive(Clone, Debug, Default)]
pub(super) struct Chunk {
    /// Their blocks, one behind the other.
    pub(super) bytes: Vec<u8>,
    /// How many they are.
    pub(super) packets: u64,
    /// Position of the block in the capture.
    pub(super) sequence: u64,
    /// All interfaces known so far; indexes never change their meaning.
    pub(super) interfaces: Arc<Vec<Interface>>,
}

/// A packet within a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) time: Timestamp,
    pub(super) interface: u32,
    /// Its block.
    pub(super) bytes: &'a [u8],
}

impl Chunk {
    /// Takes the packets of `block`.
    pub(super) fn fill(&mut self, block: &Block) {
        self.bytes.clear();
        self.packets = 0;
        self.sequence = block.sequence;
        self.interfaces = Arc::clone(&block.interfaces);
        for record in &block.records {
            let start = record.offset as usize;
            let Some(bytes) = block.data.get(start..start + record.captured as usize) else {
                continue;
            };
            pcapng::packet(&mut self.bytes, record, bytes);
            self.packets += 1;
        }
    }
}

/// The packets whose blocks stand in `bytes`.
pub(super) fn packets(mut bytes: &[u8]) -> impl Iterator<Item = Packet<'_>> {
    std::iter::from_fn(move || {
        let head: &[u8; PACKET_HEAD] = bytes.first_chunk()?;
        let word =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (packet, rest) = bytes.split_at_checked(word(4) as usize)?;
        bytes = rest;
        let nanos = u64::from(word(12)) << 32 | u64::from(word(16));
        Some(Packet { time: Timestamp(nanos as i64), interface: word(8), bytes: packet })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Record;
    use crate::model::Direction;

    #[test]
    fn packets_are_found_again() {
        let record = |time, offset, captured, direction| Record {
            time: Timestamp(time),
            offset,
            captured,
            original: 99,
            interface: 3,
            direction,
        };
        let far = 1_800_000_000_123_456_789;
        let block = Block {
            data: b"xxabcdefgyy".to_vec(),
            records: vec![
                record(1, 2, 3, Direction::Unknown),
                record(far, 5, 4, Direction::Passing),
                // Beyond the block: nothing to write.
                record(far, 9, 4, Direction::Unknown),
            ],
            sequence: 7,
            ..Block::default()
        };
        let mut chunk = Chunk::default();
        chunk.fill(&block);
        chunk.fill(&block);
        let found: Vec<_> = packets(&chunk.bytes).collect();
        assert_eq!((found.len(), chunk.packets, chunk.sequence), (2, 2, 7));
        assert_eq!((found[0].time, found[1].time), (Timestamp(1), Timestamp(far)));
        assert!(found.iter().all(|packet| packet.interface == 3));
        assert_eq!(&found[0].bytes[PACKET_HEAD..][..4], b"abc\0");
        let whole: usize = found.iter().map(|packet| packet.bytes.len()).sum();
        assert_eq!(whole, chunk.bytes.len());
    }
}
