//! Ranges of octets: what of a datagram is there.

/// Ranges of octets, apart from each other and in order.
#[derive(Clone, Default)]
pub(super) struct Pieces(Vec<(u32, u32)>);

impl Pieces {
    pub(super) fn insert(&mut self, start: u32, end: u32) {
        if start >= end {
            return;
        }
        let first = self.0.partition_point(|piece| piece.1 < start);
        let last = self.0.partition_point(|piece| piece.0 <= end);
        let merged = self.0[first..last]
            .iter()
            .fold((start, end), |whole, piece| (whole.0.min(piece.0), whole.1.max(piece.1)));
        self.0.splice(first..last, [merged]);
    }

    pub(super) fn overlaps(&self, start: u32, end: u32) -> bool {
        self.0.iter().any(|piece| piece.0 < end && start < piece.1)
    }

    /// The first range within `start..end` that is not covered; empty at `end` when all of it is.
    pub(super) fn next_gap(&self, start: u32, end: u32) -> (u32, u32) {
        let mut from = start;
        for &(piece_start, piece_end) in &self.0 {
            if piece_end <= from {
                continue;
            }
            if piece_start > from {
                return (from, piece_start.min(end));
            }
            from = piece_end;
            if from >= end {
                return (end, end);
            }
        }
        (from, end)
    }

    /// Whether all octets below `total` are covered.
    pub(super) fn covers(&self, total: u32) -> bool {
        self.prefix() >= total
    }

    /// How many octets from 0 on are covered.
    pub(super) fn prefix(&self) -> u32 {
        self.0.first().filter(|piece| piece.0 == 0).map_or(0, |piece| piece.1)
    }

    pub(super) fn end(&self) -> u32 {
        self.0.last().map_or(0, |piece| piece.1)
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}
