//! Extended DNS errors (RFC 8914): what the IANA registry calls them.

/// INFO-CODEs that are registered, from 0 on.
pub const REGISTERED: usize = MEANINGS.len();

/// What a failure is about, as its INFO-CODE says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Matter {
    /// DNSSEC: the answer could not be validated.
    Dnssec,
    /// The servers that have the zone could not be reached, or did not answer.
    Unreachable,
    /// Somebody's policy: blocked, censored, filtered, prohibited.
    Policy,
    /// Anything else.
    Other,
}

/// What an INFO-CODE is about.
pub fn matter(code: u16) -> Matter {
    match code {
        1 | 2 | 5..=12 | 25 | 27 => Matter::Dnssec,
        22 | 23 => Matter::Unreachable,
        15..=18 => Matter::Policy,
        _ => Matter::Other,
    }
}

/// The registry "Extended DNS Error Codes", by INFO-CODE (RFC 8914, RFC 9539, RFC 9824).
const MEANINGS: [&str; 31] = [
    "Other Error",
    "Unsupported DNSKEY Algorithm",
    "Unsupported DS Digest Type",
    "Stale Answer",
    "Forged Answer",
    "DNSSEC Indeterminate",
    "DNSSEC Bogus",
    "Signature Expired",
    "Signature Not Yet Valid",
    "DNSKEY Missing",
    "RRSIGs Missing",
    "No Zone Key Bit Set",
    "NSEC Missing",
    "Cached Error",
    "Not Ready",
    "Blocked",
    "Censored",
    "Filtered",
    "Prohibited",
    "Stale NXDomain Answer",
    "Not Authoritative",
    "Not Supported",
    "No Reachable Authority",
    "Network Error",
    "Invalid Data",
    "Signature Expired before Valid",
    "Too Early",
    "Unsupported NSEC3 Iterations Value",
    "Unable to conform to policy",
    "Synthesized",
    "Invalid Query Type",
];

/// The registered purpose of an INFO-CODE; `None` for one that is unassigned or private.
pub fn meaning(code: u16) -> Option<&'static str> {
    MEANINGS.get(usize::from(code)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_names_of_the_registry() {
        assert_eq!(meaning(6), Some("DNSSEC Bogus"));
        assert_eq!(meaning(22), Some("No Reachable Authority"));
        assert_eq!(meaning(30), Some("Invalid Query Type"));
        assert_eq!(meaning(49_152), None);
    }

    #[test]
    fn codes_are_about_validation_reach_or_policy() {
        assert_eq!([6, 7, 27].map(matter), [Matter::Dnssec; 3]);
        assert_eq!([22, 23].map(matter), [Matter::Unreachable; 2]);
        assert_eq!([15, 18].map(matter), [Matter::Policy; 2]);
        assert_eq!([0, 3, 4, 13, 19, 26, 49_152].map(matter), [Matter::Other; 7]);
    }
}
