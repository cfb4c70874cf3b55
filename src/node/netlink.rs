//! Statistics of connection tracking by netlink, for kernels without `/proc/net/stat/nf_conntrack`. The
//! kernel asks for CAP_NET_ADMIN, of whoever opened the socket and each time of whoever asks.
//!
//! Pure: a request, and what the answers say. Numbers of the header are the machine's own way round,
//! values of attributes big-endian.

use crate::context::kernel::Counter;

/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET_STATS_CPU`.
const GET_STATS_CPU: u16 = 1 << 8 | 4;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const REQUEST_DUMP: u16 = 0x301;
/// `NLMSG_ERROR` and `NLMSG_DONE`.
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `struct nlmsghdr` and, behind it, `struct nfgenmsg`.
const HEADER: usize = 16;
const FAMILY: usize = 4;

/// `CTA_STATS_…`.
const ATTRIBUTES: [(u16, Counter); 5] = [
    (9, Counter::InsertFailed),
    (10, Counter::Drop),
    (11, Counter::EarlyDrop),
    (13, Counter::SearchRestart),
    (14, Counter::ClashResolve),
];

/// Asks for the statistics of all CPUs.
pub(super) fn request(sequence: u32) -> [u8; HEADER + FAMILY] {
    let mut message = [0; HEADER + FAMILY];
    message[0..4].copy_from_slice(&((HEADER + FAMILY) as u32).to_ne_bytes());
    message[4..6].copy_from_slice(&GET_STATS_CPU.to_ne_bytes());
    message[6..8].copy_from_slice(&REQUEST_DUMP.to_ne_bytes());
    message[8..12].copy_from_slice(&sequence.to_ne_bytes());
    message
}

/// What is said so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// More is to come.
    More,
    /// That was all.
    Done,
    /// The kernel refused, with this error number.
    Refused(i32),
}

/// Adds what a datagram says to the sums.
pub(super) fn add(mut datagram: &[u8], sequence: u32, sums: &mut Vec<(Counter, u64)>) -> State {
    while let Some((header, _)) = datagram.split_at_checked(HEADER) {
        let length = number(header, 0) as usize;
        let Some(message) = datagram.get(..length).filter(|_| length >= HEADER) else { break };
        let kind = u16::from_ne_bytes([header[4], header[5]]);
        // Answers to what was asked before and given up.
        let ours = number(header, 8) == sequence;
        match kind {
            DONE if ours => return State::Done,
            ERROR if ours => {
                let code = message.get(HEADER..HEADER + 4).map_or(0, |code| number(code, 0) as i32);
                return State::Refused(code.saturating_neg());
            }
            GET_STATS if ours => {
                attributes(message.get(HEADER + FAMILY..).unwrap_or_default(), sums);
            }
            _ => {}
        }
        datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    State::More
}

/// The answers bear the number of the request.
const GET_STATS: u16 = GET_STATS_CPU;

fn attributes(mut bytes: &[u8], sums: &mut Vec<(Counter, u64)>) {
    while let Some(&[low, high, a, b]) = bytes.first_chunk::<4>() {
        let length = usize::from(u16::from_ne_bytes([low, high]));
        // The two highest bits are flags.
        let kind = u16::from_ne_bytes([a, b]) & 0x3fff;
        let Some(value) = bytes.get(4..length) else { return };
        let known = ATTRIBUTES.iter().find(|(number, _)| *number == kind);
        if let (Some(&(_, counter)), Some(&value)) = (known, value.first_chunk::<4>()) {
            let value = u64::from(u32::from_be_bytes(value));
            match sums.iter_mut().find(|(other, _)| *other == counter) {
                Some((_, sum)) => *sum = sum.saturating_add(value),
                None => sums.push((counter, value)),
            }
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(<[u8]>::first_chunk::<4>);
    four.map_or(0, |four| u32::from_ne_bytes(*four))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer for one CPU, as Linux 6.18 gives it: attributes 2, 4, 8 to 15.
    fn cpu(values: &[(u16, u32)]) -> Vec<u8> {
        let mut body = vec![0, 0, 0, 1];
        for (kind, value) in values {
            body.extend(8_u16.to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend(value.to_be_bytes());
        }
        message(GET_STATS_CPU, 7, &body)
    }

    fn message(kind: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
        let mut message = ((HEADER + body.len()) as u32).to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.extend([2, 0]);
        message.extend(sequence.to_ne_bytes());
        message.extend([0; 4]);
        message.extend(body);
        message
    }

    #[test]
    fn cpus_add_up_until_the_end() {
        let one = cpu(&[(2, 99), (9, 3), (10, 5), (11, 0), (14, 8), (15, 1)]);
        let datagram = [one, cpu(&[(9, 4), (13, 1)])].concat();
        let mut sums = Vec::new();
        assert_eq!(add(&datagram, 7, &mut sums), State::More);
        assert_eq!(add(&message(DONE, 7, &[0; 4]), 7, &mut sums), State::Done);
        sums.sort_unstable();
        assert_eq!(
            sums,
            [
                (Counter::InsertFailed, 7),
                (Counter::Drop, 5),
                (Counter::EarlyDrop, 0),
                (Counter::ClashResolve, 8),
                (Counter::SearchRestart, 1),
            ]
        );
    }

    #[test]
    fn a_refusal_is_told_and_answers_to_others_are_not_ours() {
        let mut sums = Vec::new();
        let refused = message(ERROR, 7, &(-1_i32).to_ne_bytes());
        assert_eq!(add(&refused, 7, &mut sums), State::Refused(1));
        assert_eq!(add(&refused, 8, &mut sums), State::More);
        assert_eq!(add(&cpu(&[(9, 4)]), 8, &mut sums), State::More);
        assert!(sums.is_empty());
        assert_eq!(request(0x0102_0304).len(), 20);
    }

    /// Whatever arrives, it ends and does not fail: every cut and every length of a good answer.
    #[test]
    fn damaged_answers_do_no_harm() {
        let good = [cpu(&[(9, 4), (10, 5)]), message(DONE, 7, &[0; 4])].concat();
        for cut in 0..good.len() {
            add(&good[..cut], 7, &mut Vec::new());
            for value in [0, 1, 3, 4, 8, 0x7f, 0xff] {
                let mut bad = good.clone();
                bad[cut] = value;
                add(&bad, 7, &mut Vec::new());
            }
        }
    }
}
