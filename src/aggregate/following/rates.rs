//! Packets per second that each ENI sends to link-local services and the VPC resolver: AWS allows
//! 1024 a second and interface, all such services together (VPC user guide, "DNS quotas";
//! EC2 user guide, "Monitor network performance": `linklocal_allowance_exceeded`).

use crate::model::{Address, Direction, PacketMeta, Timestamp};

/// The sliding second is counted in this many parts: a peak is right to a thousandth.
const PARTS: usize = 1000;
const PART_NS: i64 = 1_000_000_000 / PARTS as i64;

/// Senders told apart. A node has at most 15 ENIs; a mirror session may carry a few hundred.
/// 4 KiB each. What comes beyond is not counted, and said.
const MAX_ROWS: usize = 512;

/// What tells one ENI from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sender {
    /// An interface, where the capture names it.
    Interface(u16),
    /// A link-layer source address.
    Link([u8; 6]),
    /// A source address, where the link layer has none.
    Address(Address),
}

/// One ENI's packets.
#[derive(Clone)]
pub struct Row {
    /// Whose they are.
    pub sender: Sender,
    /// Whether the capture says that they were leaving the host.
    pub outgoing: bool,
    /// Packets in all.
    pub packets: u64,
    /// Of these, DNS.
    pub dns: u64,
    /// Most in any one second.
    pub peak: u64,
    /// When that second ended.
    pub peak_at: Timestamp,
    /// Disjoint one-second windows over the limit.
    pub seconds_over: u64,
    /// First and last moment over the limit.
    pub over: crate::aggregate::marks::Period,
    /// A few frames sent while over the limit.
    pub frames: crate::aggregate::marks::Frames,
    /// One of the source addresses.
    pub source: Address,
    /// One of those of the link layer; zeros where it has none.
    pub link: [u8; 6],
    last_over: Timestamp,
    parts: Box<[u32; PARTS]>,
    /// Number of the part that the last packet fell in, since the epoch.
    newest: i64,
    sum: u64,
}

/// All senders.
#[derive(Clone)]
pub struct Rates {
    limit: u64,
    rows: Vec<Row>,
    /// Packets of senders beyond `MAX_ROWS`.
    pub overflowed: u64,
}

impl Rates {
    /// Counts against `limit` packets a second.
    pub fn new(limit: u32) -> Rates {
        Rates { limit: u64::from(limit), rows: Vec::new(), overflowed: 0 }
    }

    /// The limit, in packets per second.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Counts a packet to a limited destination and says whether its sender is over the limit.
    pub fn count(&mut self, packet: &PacketMeta, named: bool, dns: bool) -> bool {
        let sender = match packet.link_source {
            _ if named => Sender::Interface(packet.interface),
            [0, 0, 0, 0, 0, 0] => Sender::Address(packet.source),
            link => Sender::Link(link),
        };
        let outgoing = packet.direction == Direction::Outgoing;
        let known = self.rows.iter().position(|r| r.sender == sender && r.outgoing == outgoing);
        let at = match known {
            Some(at) => at,
            None if self.rows.len() < MAX_ROWS => {
                self.rows.push(Row::new(sender, outgoing, packet));
                self.rows.len() - 1
            }
            None => {
                self.overflowed += 1;
                return false;
            }
        };
        self.rows[at].count(packet, dns, self.limit)
    }

    /// The rows to report: where the capture tells directions, packets that leave the host;
    /// ordered by peak, then by sender.
    pub fn rows(&self) -> Vec<&Row> {
        let leaving = self.rows.iter().any(|row| row.outgoing);
        let mut rows: Vec<&Row> = self.rows.iter().filter(|row| row.outgoing || !leaving).collect();
        rows.sort_by(|a, b| b.peak.cmp(&a.peak).then_with(|| a.sender.cmp(&b.sender)));
        rows
    }
}

impl Row {
    fn new(sender: Sender, outgoing: bool, packet: &PacketMeta) -> Row {
        Row {
            sender,
            outgoing,
            packets: 0,
            dns: 0,
            peak: 0,
            peak_at: packet.time,
            seconds_over: 0,
            over: crate::aggregate::marks::Period::default(),
            frames: crate::aggregate::marks::Frames::default(),
            source: packet.source,
            link: packet.link_source,
            last_over: Timestamp::MIN,
            parts: Box::new([0; PARTS]),
            newest: packet.time.0.div_euclid(PART_NS),
            sum: 0,
        }
    }

    /// Packets in the second that ends at `time`.
    pub fn lately(&self, time: Timestamp) -> u64 {
        let part = time.0.div_euclid(PART_NS).max(self.newest);
        let gone = part.saturating_sub(self.newest).min(PARTS as i64);
        // Of the second that ends at the newest part, the oldest parts are over.
        let over = self.newest - PARTS as i64 + 1..self.newest - PARTS as i64 + 1 + gone;
        let part = |at: i64| u64::from(self.parts[at.rem_euclid(PARTS as i64) as usize]);
        self.sum - over.map(part).sum::<u64>()
    }

    fn count(&mut self, packet: &PacketMeta, dns: bool, limit: u64) -> bool {
        // A packet from before the newest is counted with the newest: clocks step back by little.
        let part = packet.time.0.div_euclid(PART_NS).max(self.newest);
        if part - self.newest >= PARTS as i64 {
            self.parts.fill(0);
            self.sum = 0;
        } else {
            for passed in self.newest + 1..=part {
                let old = &mut self.parts[passed.rem_euclid(PARTS as i64) as usize];
                self.sum -= u64::from(*old);
                *old = 0;
            }
        }
        self.newest = part;
        self.parts[part.rem_euclid(PARTS as i64) as usize] += 1;
        self.sum += 1;
        self.packets += 1;
        self.dns += u64::from(dns);
        if self.sum > self.peak {
            self.peak = self.sum;
            self.peak_at = packet.time;
        }
        if self.sum > limit {
            self.over.note(packet.time);
            self.frames.note(packet.frame);
            if packet.time.since(self.last_over).0 >= 1_000_000_000 {
                self.seconds_over += 1;
                self.last_over = packet.time;
            }
        }
        self.sum > limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(micros: i64, interface: u16) -> PacketMeta {
        PacketMeta { time: Timestamp(micros * 1000), interface, ..PacketMeta::default() }
    }

    #[test]
    fn a_second_across_two_clock_seconds_is_found() {
        let mut rates = Rates::new(1024);
        for at in 0..1500 {
            rates.count(&packet(500_000 + at * 600, 0), true, true);
        }
        let rows = rates.rows();
        assert_eq!((rows[0].peak, rows[0].seconds_over), (1500, 1));
    }

    #[test]
    fn ten_seconds_over_the_limit_are_ten() {
        let mut rates = Rates::new(1024);
        for at in 0..15_000 {
            rates.count(&packet(at * 1_000_000 / 1500, 0), true, true);
        }
        let rows = rates.rows();
        assert!((1499..=1501).contains(&rows[0].peak), "{}", rows[0].peak);
        assert_eq!(rows[0].seconds_over, 10);
    }

    #[test]
    fn the_last_second_slides_on_when_nothing_comes() {
        let mut rates = Rates::new(1024);
        for at in 0..2000 {
            rates.count(&packet(at * 1_000, 0), true, true);
        }
        let lately = |millis: i64| rates.rows()[0].lately(Timestamp(millis * 1_000_000));
        assert_eq!([1_999, 2_249, 2_998, 2_999, 9_000].map(lately), [1000, 750, 1, 0, 0]);
    }

    #[test]
    fn three_interfaces_have_three_budgets() {
        let mut rates = Rates::new(1024);
        for at in 0..15_000 {
            rates.count(&packet(at * 1_000_000 / 1500, (at % 3) as u16), true, true);
        }
        assert_eq!(rates.rows().len(), 3);
        assert!(rates.rows().iter().all(|row| row.peak <= 501 && row.seconds_over == 0));
    }

    #[test]
    fn what_only_passes_by_is_left_out_where_directions_are_known() {
        let mut rates = Rates::new(10);
        let out = PacketMeta { direction: Direction::Outgoing, ..packet(0, 2) };
        rates.count(&packet(0, 1), true, true);
        assert_eq!(rates.rows().len(), 1);
        rates.count(&out, true, true);
        assert_eq!(rates.rows()[0].sender, Sender::Interface(2));
        assert_eq!(rates.rows().len(), 1);
    }
}
