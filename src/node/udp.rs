//! `/proc/net/snmp` and `/proc/net/snmp6`: what UDP sockets did not get, by the kernel's own count.

use crate::context::kernel::Counter;

/// What the kernel calls them, after `Udp: ` and `Udp6`.
const NAMES: [(&str, Counter); 4] = [
    ("InErrors", Counter::UdpInErrors),
    ("RcvbufErrors", Counter::UdpRcvbufErrors),
    ("SndbufErrors", Counter::UdpSndbufErrors),
    ("InCsumErrors", Counter::UdpInCsumErrors),
];

/// `/proc/net/snmp`: two lines `Udp:`, the first with names, the second with numbers.
pub(super) fn parse(text: &str) -> Vec<(Counter, u64)> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Udp:"));
    let (Some(names), Some(values)) = (lines.next(), lines.next()) else { return Vec::new() };
    let pairs = names.split_whitespace().zip(values.split_whitespace());
    pairs.filter_map(|(name, value)| Some((counter(name)?, value.parse().ok()?))).collect()
}

/// `/proc/net/snmp6`: a name and a number a line.
pub(super) fn parse6(text: &str) -> Vec<(Counter, u64)> {
    let lines =
        text.lines().filter_map(|line| line.strip_prefix("Udp6")?.split_once(char::is_whitespace));
    lines.filter_map(|(name, value)| Some((counter(name)?, value.trim().parse().ok()?))).collect()
}

/// Both families as one.
pub(super) fn joined(v4: &[(Counter, u64)], v6: &[(Counter, u64)]) -> Vec<(Counter, u64)> {
    let of = |list: &[(Counter, u64)], wanted| {
        list.iter().find(|(counter, _)| *counter == wanted).map(|(_, value)| *value)
    };
    let both = NAMES.iter().filter_map(|&(_, counter)| {
        let (one, other) = (of(v4, counter), of(v6, counter));
        let sum = one.unwrap_or(0).saturating_add(other.unwrap_or(0));
        one.or(other).map(|_| (counter, sum))
    });
    both.collect()
}

fn counter(name: &str) -> Option<Counter> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, counter)| *counter)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linux 6.18, shortened.
    const SNMP: &str = "\
Icmp: InMsgs InErrors
Icmp: 3 2
Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors
Udp: 162 7 12 166 9 1 2 0 0
UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors
UdpLite: 0 0 99 0 99 99 99 0 0
";
    const SNMP6: &str = "\
Ip6InReceives                   \t0
Udp6InDatagrams                 \t5
Udp6InErrors                    \t3
Udp6RcvbufErrors                \t4
UdpLite6InErrors                \t77
";

    #[test]
    fn both_families_are_read_and_added() {
        let v4 = parse(SNMP);
        assert_eq!(
            v4,
            [
                (Counter::UdpInErrors, 12),
                (Counter::UdpRcvbufErrors, 9),
                (Counter::UdpSndbufErrors, 1),
                (Counter::UdpInCsumErrors, 2),
            ]
        );
        let v6 = parse6(SNMP6);
        assert_eq!(v6, [(Counter::UdpInErrors, 3), (Counter::UdpRcvbufErrors, 4)]);
        let all = joined(&v4, &v6);
        assert_eq!(all[..2], [(Counter::UdpInErrors, 15), (Counter::UdpRcvbufErrors, 13)]);
        assert_eq!(joined(&[], &v6).len(), 2);
    }

    #[test]
    fn what_is_no_such_text_tells_nothing() {
        for text in ["", "Udp:", "Udp: InErrors\n", "Udp: InErrors\nUdp: many\n", "Udp: 1\nUdp: 2"]
        {
            assert!(parse(text).is_empty(), "{text:?}");
        }
        assert!(parse6("Udp6InErrors\nUdp6InErrors x\nUdp6 \t3\nUdp6é 3").is_empty());
        assert!(parse("Udp: InErrors\nUdp: 99999999999999999999999").is_empty());
    }

    #[test]
    fn this_kernel_is_understood() {
        let Ok(text) = std::fs::read_to_string("/proc/net/snmp") else { return };
        assert_eq!(parse(&text).len(), 4, "{text}");
    }
}
