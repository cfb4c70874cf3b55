//! What the kernel says it dropped: counters of 32 bits that wrap.

/// Both counters of a handle, added up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Drops {
    /// No room in the ring (`ps_drop`). On `lo` libpcap counts a packet twice, as it leaves and as it
    /// comes back, so this is at most twice what was lost there.
    ring: Counter,
    /// Lost in the card or its driver (`ps_ifdrop`), whatever they were.
    interface: Counter,
}

impl Drops {
    /// Takes a reading.
    pub(super) fn read(&mut self, ring: u32, interface: u32) {
        self.ring.read(ring);
        self.interface.read(interface);
    }

    /// Of the ring, and of the interface, so far.
    pub(super) fn parts(&self) -> [u64; 2] {
        [self.ring.sum, self.interface.sum]
    }

    /// All so far.
    pub(super) fn sum(&self) -> u64 {
        self.ring.sum.saturating_add(self.interface.sum)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    last: u32,
    sum: u64,
}

impl Counter {
    fn read(&mut self, now: u32) {
        let more = now.wrapping_sub(self.last);
        // Half of the range in a second cannot be: somebody set the counter back.
        let back = more > u32::MAX / 2;
        self.sum = self.sum.saturating_add(if back { 0 } else { u64::from(more) });
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_wrap_and_are_set_back() {
        let mut drops = Drops::default();
        drops.read(u32::MAX / 2, 7);
        drops.read(u32::MAX - 4, 7);
        drops.read(5, 9);
        assert_eq!(drops.sum(), u64::from(u32::MAX) + 6 + 9);
        drops.read(6, 2);
        drops.read(6, 3);
        assert_eq!(drops.sum(), u64::from(u32::MAX) + 7 + 9 + 1);
    }
}
