//! Which destinations count towards the limit of 1024 packets per second and ENI.

use crate::model::{Address, labels};

/// Destinations that share an ENI's budget.
#[derive(Clone, Debug, Default)]
pub struct Limited {
    /// Addresses of the VPC resolver that the user named.
    named: Vec<Address>,
    /// A bit for the last octet of each: most other addresses end otherwise.
    endings: u64,
    /// Whether the capture was seen to come from AWS.
    on_aws: bool,
}

impl Limited {
    /// The well-known destinations and those that are `named`.
    pub fn new(named: Vec<Address>) -> Limited {
        let endings = named.iter().fold(0, |endings, &address| endings | ending(address));
        Limited { named, endings, on_aws: false }
    }

    /// A link-local service of AWS: 169.254.169.0/24 (resolver .253, instance metadata .254, time
    /// .123, Windows licensing .250 and .251) and fd00:ec2::/32. Other link-local addresses, such as
    /// NodeLocal DNSCache's 169.254.20.10 and the pod identity agent's 169.254.170.23, are answered
    /// on the node itself.
    pub fn is_service(address: Address) -> bool {
        // All but the last octet of the lower half; half of the upper half.
        const LINK_LOCAL: u64 = u64::from_ne_bytes([0, 0, 0xff, 0xff, 169, 254, 169, 0]);
        const LINK_MASK: u64 = u64::from_ne_bytes([255, 255, 255, 255, 255, 255, 255, 0]);
        const UNIQUE_LOCAL: u64 = u64::from_ne_bytes([0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0]);
        const UNIQUE_MASK: u64 = u64::from_ne_bytes([255, 255, 255, 255, 0, 0, 0, 0]);
        let halves = [address.0.first_chunk(), address.0.last_chunk()];
        match halves.map(|half| half.map_or(0, |half| u64::from_ne_bytes(*half))) {
            [0, low] => low & LINK_MASK == LINK_LOCAL,
            [high, _] => high & UNIQUE_MASK == UNIQUE_LOCAL,
        }
    }

    /// Notes a QNAME: names of EC2's private zones are asked on AWS only.
    #[inline]
    pub fn note_name(&mut self, folded: &[u8]) {
        if folded.ends_with(b"\x08internal\x00") {
            self.note_internal(folded);
        }
    }

    #[cold]
    fn note_internal(&mut self, folded: &[u8]) {
        if self.on_aws {
            return;
        }
        let last_two = labels(folded).fold([&[][..]; 2], |[_, last], label| [last, label]);
        self.on_aws = matches!(last_two, [b"ec2" | b"compute", b"internal"]);
    }

    /// Whether packets to `address` count. On AWS a private `x.y.0.2` is the VPC resolver: the
    /// primary CIDR's base plus two ("Amazon DNS server", VPC user guide).
    pub fn counts(&self, address: Address) -> bool {
        Limited::is_service(address)
            || self.endings & ending(address) != 0 && self.named.contains(&address)
            || self.on_aws && is_base_plus_two(address)
    }
}

fn ending(address: Address) -> u64 {
    1 << (address.0[15] % 64)
}

fn is_base_plus_two(address: Address) -> bool {
    let private = |a: u8, b: u8| match a {
        10 => true,
        172 => b & 0xf0 == 16,
        192 => b == 168,
        _ => false,
    };
    matches!(address.0, [.., a, b, 0, 2] if private(a, b)) && address.is_v4()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Name;

    #[test]
    fn services_are_known_and_nodelocal_is_none() {
        let service = |text: &str| Limited::is_service(text.parse().unwrap());
        assert!(service("169.254.169.253") && service("169.254.169.254"));
        assert!(service("fd00:ec2::253"));
        assert!(!service("169.254.20.10") && !service("10.0.0.2") && !service("fd00::1"));
        assert!(!service("169.254.168.253") && !service("::169.254.169.253"));
        assert!(service("169.254.169.0") && service("fd00:ec2::") && !service("fd00:ec3::"));
    }

    #[test]
    fn named_ones_count_and_others_that_end_alike_do_not() {
        let [named, alike, other] =
            ["10.0.0.2", "10.0.1.2", "10.0.0.66"].map(|text| text.parse::<Address>().unwrap());
        let limited = Limited::new(vec![named]);
        assert!(limited.counts(named) && !limited.counts(alike) && !limited.counts(other));
        assert!(!Limited::default().counts(named));
    }

    #[test]
    fn base_plus_two_counts_once_the_capture_is_known_to_be_of_aws() {
        let resolver: Address = "10.0.0.2".parse().unwrap();
        let mut limited = Limited::new(Vec::new());
        limited.note_name(&Name::from_text("www.example.com").0);
        assert!(!limited.counts(resolver));
        limited.note_name(&Name::from_text("api.us-west-2.compute.internal").0);
        assert!(limited.counts(resolver));
        assert!(!limited.counts("10.0.0.3".parse().unwrap()));
    }
}
