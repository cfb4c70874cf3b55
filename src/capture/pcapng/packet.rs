//! Packets of enhanced and obsolete packet blocks, which differ in their first word only.

use super::super::ledger::Ledger;
use super::super::order::ByteOrder;
use super::super::{MAX_CAPTURED, Record};
use super::SectionInterface;
use super::option::{direction_of, for_each_option};
use crate::model::Direction;

/// The record of a block whose body begins with `head`; offsets are within the body. `None`: it is
/// damaged.
#[inline]
pub(super) fn packet<O: ByteOrder>(
    body: &[u8],
    head: &[u8; 20],
    interface: &SectionInterface,
    ledger: &mut Ledger,
) -> Option<Record> {
    let captured = O::word(head, 3);
    let room = body.len() - head.len();
    if captured > MAX_CAPTURED || captured as usize > room {
        return None;
    }
    let units = u64::from(O::word(head, 1)) << 32 | u64::from(O::word(head, 2));
    let mut record = Record {
        time: interface.clock.time(units),
        offset: head.len() as u32,
        captured,
        original: O::word(head, 4),
        interface: interface.global,
        direction: Direction::Unknown,
    };
    let options = (captured as usize).next_multiple_of(4);
    if options < room {
        for_each_option::<O>(&body[head.len() + options..], |code, value| match code {
            // epb_flags, pack_flags
            2 => {
                if let Some(flags) = O::u32_at(value, 0) {
                    record.direction = direction_of(flags);
                }
            }
            // epb_dropcount
            4 => {
                if let Some(drops) = O::u64_of(value) {
                    ledger.add_dropped(interface.global, drops);
                }
            }
            _ => {}
        });
    }
    Some(record)
}
