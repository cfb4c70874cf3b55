//! Extended DNS errors (RFC 8914): what the IANA registry calls them.

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
}
