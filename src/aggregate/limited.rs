//! Which destinations count towards the limit of 1024 packets per second and ENI.

use crate::model::{Address, labels};

/// Destinations that share an ENI's budget.
#[derive(Clone, Debug, Default)]
pub struct Limited {
    /// Addresses of the VPC resolver that the user named.
    named: Vec<Address>,
    /// Whether the capture was seen to come from AWS.
    on_aws: bool,
}

impl Limited {
    /// The well-known destinations and those that are `named`.
    pub fn new(named: Vec<Address>) -> Limited {
        Limited { named, on_aws: false }
    }

    /// A link-local service of AWS: 169.254.169.0/24 (resolver .253, instance metadata .254, time
    /// .123, Windows licensing .250 and .251) and fd00:ec2::/32. Other link-local addresses, such as
    /// NodeLocal DNSCache's 169.254.20.10 and the pod identity agent's 169.254.170.23, are answered
    /// on the node itself.
    pub fn is_service(address: Address) -> bool {
        const LINK_LOCAL: u128 = 0xffff_a9fe_a9;
        const UNIQUE_LOCAL: u128 = 0xfd00_0ec2;
        let bits = u128::from_be_bytes(address.0);
        bits >> 8 == LINK_LOCAL || bits >> 96 == UNIQUE_LOCAL
    }

    /// Notes a QNAME: names of EC2's private zones are asked on AWS only.
    pub fn note_name(&mut self, folded: &[u8]) {
        if self.on_aws || !folded.ends_with(b"\x08internal\x00") {
            return;
        }
        let last_two = labels(folded).fold([&[][..]; 2], |[_, last], label| [last, label]);
        self.on_aws = matches!(last_two, [b"ec2" | b"compute", b"internal"]);
    }

    /// Whether packets to `address` count. On AWS a private `x.y.0.2` is the VPC resolver: the
    /// primary CIDR's base plus two ("Amazon DNS server", VPC user guide).
    pub fn counts(&self, address: Address) -> bool {
        Limited::is_service(address)
            || !self.named.is_empty() && self.named.contains(&address)
            || self.on_aws && is_base_plus_two(address)
    }
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
