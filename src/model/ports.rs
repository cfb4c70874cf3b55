//! The ports on which DNS is spoken.

/// DNS ports, UDP and TCP. Nearly always there is one, and every packet is held against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsPorts {
    first: u16,
    others: Box<[u16]>,
}

impl DnsPorts {
    /// These ports; 53 if there are none.
    pub fn new(ports: &[u16]) -> DnsPorts {
        let (&first, others) = ports.split_first().unwrap_or((&53, &[]));
        DnsPorts { first, others: others.into() }
    }

    /// Whether DNS is spoken on this one.
    pub fn contains(&self, port: u16) -> bool {
        port == self.first || !self.others.is_empty() && self.others.contains(&port)
    }

    /// Whether a packet between these is DNS.
    pub fn either(&self, source: u16, destination: u16) -> bool {
        self.contains(source) || self.contains(destination)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_port_is_one_and_no_other() {
        for ports in [&[53][..], &[53, 5353], &[5353, 1053, 53]] {
            let dns = DnsPorts::new(ports);
            for port in [0, 52, 53, 1053, 5353, u16::MAX] {
                assert_eq!(dns.contains(port), ports.contains(&port), "{ports:?} {port}");
                assert_eq!(dns.either(4000, port), ports.contains(&port));
                assert_eq!(dns.either(port, 4000), ports.contains(&port));
            }
        }
    }
}
