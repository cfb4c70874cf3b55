//! Answers that came in fragments, and those of which the rest never came.

use super::repeats::Repeats;
use crate::aggregate::marks::{Frames, Period};
use crate::model::PacketMeta;

/// How the octets of the next message came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Assembly {
    /// In one packet, or a stream.
    #[default]
    Single,
    /// In fragments, all of them.
    Whole,
    /// In fragments, of which some are missing.
    Partial,
}

/// Answers in fragments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fragmented {
    /// All of it came.
    pub whole: u64,
    /// The first came, some others did not.
    pub partial: u64,
    /// Questions that were sent again, or asked anew, although such an answer had come.
    pub again: u64,
    names: Repeats,
    /// ICMP errors of receivers that waited for the rest in vain.
    pub expired: u64,
    /// Frames of first fragments and of ICMP errors.
    pub frames: Frames,
    /// When they came.
    pub period: Period,
}

impl Fragmented {
    /// Counts an answer to a name, by its hash. `again`: its question was sent again after it had come.
    pub(super) fn note(&mut self, assembly: Assembly, packet: &PacketMeta, name: u64, again: bool) {
        match assembly {
            Assembly::Single => {}
            Assembly::Whole => self.whole += 1,
            Assembly::Partial => {
                self.partial += 1;
                let anew = self.names.note(name, packet.time);
                self.again += u64::from(again || anew);
                self.frames.note(packet.frame);
                self.period.note(packet.time);
            }
        }
    }

    /// Counts an ICMP error "fragment reassembly time exceeded".
    pub(super) fn expire(&mut self, packet: &PacketMeta) {
        self.expired += 1;
        self.frames.note(packet.frame);
        self.period.note(packet.time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_leaves_frames() {
        let packet = PacketMeta { frame: 7, ..PacketMeta::default() };
        let mut sum = Fragmented::default();
        sum.note(Assembly::Single, &packet, 1, true);
        sum.note(Assembly::Whole, &packet, 1, true);
        assert_eq!((sum.whole, sum.again, sum.frames.iter().count()), (1, 0, 0));
        sum.note(Assembly::Partial, &packet, 1, true);
        assert_eq!((sum.partial, sum.again, sum.frames.iter().count()), (1, 1, 1));
        sum.note(Assembly::Partial, &packet, 1, false);
        sum.note(Assembly::Partial, &packet, 2, false);
        assert_eq!((sum.partial, sum.again), (3, 2));
    }
}
