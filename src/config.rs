//! The settings of an analysis, validated, with their defaults and the reasons for them.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use crate::anonymize::Anonymizer;
use crate::context::Context;
use crate::model::{Address, Capacity, Span};

/// Below this every answer would be late; above it nothing would ever count as lost.
pub const QUERY_TIMEOUTS: (Span, Span) = (Span::from_millis(1), Span::from_secs(600));

/// More threads than any machine has cores are a typing error.
pub const MAX_THREADS: usize = 1_024;

/// Where the VPC resolver answers on every AWS instance, besides the address at the base of the
/// VPC's network plus two.
pub const VPC_DNS: [Address; 2] = [
    Address::from_v4([169, 254, 169, 253]),
    Address::from_v6([0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x53]),
];

/// The settings of an analysis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// A question without an answer for this long is unanswered, one answered later is late.
    pub query_timeout: Span,
    /// Ports that DNS is spoken on.
    pub ports: Vec<u16>,
    /// Packets per second that an ENI may send to link-local services and the VPC resolver.
    pub pps_limit: u32,
    /// Addresses of the VPC resolver.
    pub vpc_dns: Vec<Address>,
    /// Addresses of the cluster DNS, where they are known beforehand.
    pub cluster_dns: Vec<Address>,
    /// What the operator knows besides the capture.
    pub context: Context,
    /// Replaces addresses and names before anybody sees them. Addresses in these settings are replaced
    /// already.
    pub anonymizer: Option<Anonymizer>,
    /// How large tables may become.
    pub capacity: Capacity,
    /// Worker threads.
    pub threads: NonZeroUsize,
}

impl Config {
    /// All but what the operator knows, which may be large: what a capture is observed with.
    #[must_use]
    pub fn without_context(&self) -> Config {
        Config {
            ports: self.ports.clone(),
            vpc_dns: self.vpc_dns.clone(),
            cluster_dns: self.cluster_dns.clone(),
            context: Context::default(),
            anonymizer: self.anonymizer.clone(),
            ..*self
        }
    }

    /// The same with packets and addresses of these settings replaced.
    #[must_use]
    pub fn anonymized(mut self, anonymizer: Anonymizer) -> Config {
        for address in self.vpc_dns.iter_mut().chain(&mut self.cluster_dns) {
            *address = anonymizer.address(*address);
        }
        Config { anonymizer: Some(anonymizer), ..self }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            // The time-out of glibc and musl: after this the client has given the question up.
            query_timeout: Span::from_secs(5),
            ports: vec![53],
            // The limit of AWS, which cannot be raised.
            pps_limit: 1_024,
            vpc_dns: VPC_DNS.to_vec(),
            cluster_dns: Vec::new(),
            context: Context::default(),
            anonymizer: None,
            // A saved capture is read at a desk: all cores. One where the system does not say.
            capacity: Capacity::default(),
            threads: available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vpc_resolver_is_known_in_both_families() {
        assert_eq!(VPC_DNS.map(|a| a.to_string()), ["169.254.169.253", "fd00:ec2::253"]);
    }
}
