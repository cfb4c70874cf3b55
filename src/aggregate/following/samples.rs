//! A few responses kept octet for octet, for the report to show them in full.
//!
//! Only failures are kept, only the first few of each kind: once they are there, a response costs
//! one comparison.

use crate::classify::Outcome;
use crate::decode::detail;
use crate::matcher::{Sighting, Transaction};
use crate::model::{Address, Message};

/// Kept of each kind. One is shown; which leg it belongs to, the client's or the forwarder's, is
/// known only at the end.
const MOST: usize = 4;

/// What a response is a sample of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleKind {
    /// SERVFAIL.
    ServFail,
    /// SERVFAIL after as long as a forwarder waits for its upstream.
    GivenUp,
    /// REFUSED.
    Refused,
    /// Another error.
    OtherError,
    /// NXDOMAIN for a name that has been looked up in vain before.
    Missing,
}

impl SampleKind {
    const COUNT: usize = SampleKind::Missing as usize + 1;

    /// The kind of a response. `given_up`: it came when a forwarder gives its upstream up.
    pub(super) fn of(outcome: Outcome, given_up: bool) -> Option<SampleKind> {
        match outcome {
            Outcome::ServFail if given_up => Some(SampleKind::GivenUp),
            Outcome::ServFail => Some(SampleKind::ServFail),
            Outcome::Refused => Some(SampleKind::Refused),
            Outcome::OtherError => Some(SampleKind::OtherError),
            Outcome::NxDomain => Some(SampleKind::Missing),
            Outcome::Answered | Outcome::NoData | Outcome::Truncated => None,
        }
    }
}

/// One response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Its frame.
    pub frame: u64,
    /// Who had asked.
    pub client: Address,
    /// Who was asked, before any NAT.
    pub server: Address,
    /// Its octets, at most [`detail::CAP`].
    pub bytes: Box<[u8]>,
    /// Whether these are not all of it.
    pub cut: bool,
}

impl Sample {
    /// Whether its QNAME is `name`, in wire form. Length octets are no letters.
    pub fn is_about(&self, name: &[u8]) -> bool {
        let asked = self.bytes.get(Message::QNAME_OFFSET..Message::QNAME_OFFSET + name.len());
        asked.is_some_and(|asked| asked.eq_ignore_ascii_case(name))
    }
}

/// All samples.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    kept: [Vec<Sample>; SampleKind::COUNT],
}

impl Samples {
    /// Whether another one of this kind would be kept.
    pub(super) fn wants(&self, kind: SampleKind) -> bool {
        self.kept[kind as usize].len() < MOST
    }

    /// Keeps the first answer of a transaction if there is room. One whose octets are gone, because
    /// it was held back for its query, is left out.
    #[cold]
    pub(super) fn take(
        &mut self,
        kind: SampleKind,
        transaction: &Transaction,
        response: &Sighting<'_>,
    ) {
        let (message, bytes) = (response.message, response.bytes);
        if bytes.is_empty() || !self.wants(kind) {
            return;
        }
        let cut = !message.complete && message.malformed == 0 && !message.flags.truncated();
        self.kept[kind as usize].push(Sample {
            frame: response.packet.frame,
            client: transaction.client.address,
            server: transaction.server.address,
            bytes: bytes[..bytes.len().min(detail::CAP)].into(),
            cut: cut || bytes.len() > detail::CAP,
        });
    }

    /// Those of one kind, in the order of the capture.
    pub fn of(&self, kind: SampleKind) -> impl Iterator<Item = &Sample> {
        self.kept[kind as usize].iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::Transport;
    use crate::model::{NameHasher, PacketMeta};

    /// Does something with a message, as it is seen.
    fn see<T>(frame: u64, bytes: &[u8], complete: bool, act: impl FnOnce(&Sighting<'_>) -> T) -> T {
        let packet = PacketMeta { frame, ..PacketMeta::default() };
        let message = Message { complete, ..Message::default() };
        let hasher = NameHasher::with_seed(1);
        act(&Sighting::new(&packet, Transport::Udp, &message, bytes, &hasher))
    }

    #[test]
    fn the_first_few_of_each_kind_are_kept_up_to_the_cap() {
        let large = vec![0; detail::CAP + 1];
        let mut samples = Samples::default();
        let transaction = see(1, &[], true, Transaction::new);
        let mut take = |frame, bytes: &[u8], complete| {
            see(frame, bytes, complete, |response| {
                samples.take(SampleKind::ServFail, &transaction, response);
            });
        };
        take(2, &[], true);
        take(3, &large, true);
        take(4, &large[..9], false);
        for frame in 5..99 {
            take(frame, &large[..12], true);
        }
        let kept: Vec<(u64, usize, bool)> = samples
            .of(SampleKind::ServFail)
            .map(|sample| (sample.frame, sample.bytes.len(), sample.cut))
            .collect();
        assert_eq!(kept, [(3, detail::CAP, true), (4, 9, true), (5, 12, false), (6, 12, false)]);
        assert!(!samples.wants(SampleKind::ServFail) && samples.wants(SampleKind::Refused));
        assert_eq!(samples.of(SampleKind::Refused).count(), 0);
    }

    #[test]
    fn a_sample_knows_its_name_whatever_the_case() {
        let bytes = *b"\0\x01\x80\x03\0\x01\0\0\0\0\0\0\x03WwW\x02de\0\0\x01\0\x01";
        let mut samples = Samples::default();
        let transaction = see(1, &[], true, Transaction::new);
        see(2, &bytes, true, |response| {
            samples.take(SampleKind::Missing, &transaction, response);
        });
        let sample = samples.of(SampleKind::Missing).next().unwrap();
        assert!(sample.is_about(b"\x03www\x02de\0") && !sample.is_about(b"\x03www\x02fr\0"));
    }
}
