//! How large the tables of an analysis may become.

/// What all tables of an analysis take when they are full, in octets: some 95 MiB, measured with the attack of
/// the workload generator, in which a million clients ask for ten million names, and what pairs and questions
/// take besides where all have what few have (`tests/allocations.rs` holds the tables to it).
const FULL: usize = 160 << 20;

/// Halvings at most: 3 MiB in all. Smaller tables would lose what a single busy pod asks.
const MOST_HALVINGS: u32 = 6;

/// A part of the full size: all of it, a half, a quarter….
///
/// A table that is full keeps what it has, or the latest of it; what it could not keep is counted. So a
/// smaller one is no less exact while it is not full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    halvings: u32,
}

impl Capacity {
    /// The largest with which the tables stay within so many octets.
    pub fn within(octets: usize) -> Capacity {
        let fits = |halvings: &u32| FULL >> halvings <= octets;
        Capacity { halvings: (0..MOST_HALVINGS).find(fits).unwrap_or(MOST_HALVINGS) }
    }

    /// How many entries a table may have that has `full` at most.
    pub fn of(self, full: usize) -> usize {
        full >> self.halvings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_stay_within_what_they_are_given() {
        let most = |octets| Capacity::within(octets).of(1 << 16);
        assert_eq!(Capacity::default().of(1 << 16), 1 << 16);
        assert_eq!(most(usize::MAX), 1 << 16);
        assert_eq!((most(FULL), most(FULL - 1)), (1 << 16, 1 << 15));
        assert_eq!((most(64 << 20), most(8 << 20)), (1 << 14, 1 << 11));
        assert_eq!(most(0), 1 << 10);
    }
}
