//! Buffers that are used again, and the count of the octets in use.

use super::half::Held;

/// Spare buffers kept: enough for the streams that are mid-message at one moment.
const MAX_SPARE: usize = 256;

/// A buffer that grew beyond this is not kept: most messages are small, zone transfers are rare.
const MAX_SPARE_CAPACITY: usize = 16 << 10;

#[derive(Clone, Default)]
pub(super) struct Pool {
    buffers: Vec<Vec<u8>>,
    lists: Vec<Vec<Held>>,
    /// Octets buffered by all streams.
    pub(super) octets: usize,
}

impl Pool {
    /// Appends to a buffer, taking a spare one where it has none yet.
    pub(super) fn append(&mut self, buffer: &mut Vec<u8>, bytes: &[u8]) {
        if buffer.capacity() == 0
            && let Some(spare) = self.buffers.pop()
        {
            *buffer = spare;
        }
        buffer.extend_from_slice(bytes);
        self.octets += bytes.len();
    }

    /// Takes a buffer's contents out of the count and keeps it for the next one.
    pub(super) fn release(&mut self, buffer: &mut Vec<u8>) {
        self.octets -= buffer.len();
        let mut buffer = std::mem::take(buffer);
        buffer.clear();
        if self.buffers.len() < MAX_SPARE && (1..=MAX_SPARE_CAPACITY).contains(&buffer.capacity()) {
            self.buffers.push(buffer);
        }
    }

    /// Adds a segment to a list of held ones.
    pub(super) fn hold(&mut self, list: &mut Vec<Held>, at: usize, held: Held) {
        if list.capacity() == 0
            && let Some(spare) = self.lists.pop()
        {
            *list = spare;
        }
        self.octets += size_of::<Held>();
        list.insert(at, held);
    }

    /// Takes the first held segment out of a list. The caller releases its bytes.
    pub(super) fn unhold(&mut self, list: &mut Vec<Held>) -> Option<Held> {
        if list.is_empty() {
            return None;
        }
        self.octets -= size_of::<Held>();
        let first = list.remove(0);
        if list.is_empty() && self.lists.len() < MAX_SPARE {
            self.lists.push(std::mem::take(list));
        }
        Some(first)
    }
}
