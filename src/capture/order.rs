//! The byte order of a file or section: both formats are written in that of the machine that captured.

/// A byte order known at compile time, so that the loop over the records has no branch for it.
pub(super) trait ByteOrder {
    /// Reads 16 bits.
    fn u16(bytes: [u8; 2]) -> u16;
    /// Reads 32 bits.
    fn u32(bytes: [u8; 4]) -> u32;

    /// The 32-bit word that starts at byte `N * 4` of a header whose size is known.
    fn word<const SIZE: usize>(header: &[u8; SIZE], number: usize) -> u32 {
        match header.get(number * 4..).and_then(|rest| rest.first_chunk::<4>()) {
            Some(bytes) => Self::u32(*bytes),
            None => 0,
        }
    }

    /// The 16 bits at `offset`, where there are as many.
    fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
        bytes.get(offset..)?.first_chunk().map(|bytes| Self::u16(*bytes))
    }

    /// The 32 bits at `offset`, where there are as many.
    fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
        bytes.get(offset..)?.first_chunk().map(|bytes| Self::u32(*bytes))
    }

    /// The 64-bit number of an option that is exactly so long.
    fn u64_of(value: &[u8]) -> Option<u64>;
}

/// Least significant byte first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Little;

/// Most significant byte first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Big;

impl ByteOrder for Little {
    fn u16(bytes: [u8; 2]) -> u16 {
        u16::from_le_bytes(bytes)
    }

    fn u32(bytes: [u8; 4]) -> u32 {
        u32::from_le_bytes(bytes)
    }

    fn u64_of(value: &[u8]) -> Option<u64> {
        value.try_into().ok().map(u64::from_le_bytes)
    }
}

impl ByteOrder for Big {
    fn u16(bytes: [u8; 2]) -> u16 {
        u16::from_be_bytes(bytes)
    }

    fn u32(bytes: [u8; 4]) -> u32 {
        u32::from_be_bytes(bytes)
    }

    fn u64_of(value: &[u8]) -> Option<u64> {
        value.try_into().ok().map(u64::from_be_bytes)
    }
}
