//! What the IANA registries call the numbers of a question that no verdict depends on.

/// OPCODEs.
pub mod opcode {
    use std::borrow::Cow;

    /// The mnemonic (RFC 1035, RFC 1996, RFC 2136, RFC 8490), or `OPCODE<n>`.
    pub fn mnemonic(opcode: u8) -> Cow<'static, str> {
        let name = match opcode {
            0 => "QUERY",
            1 => "IQUERY",
            2 => "STATUS",
            4 => "NOTIFY",
            5 => "UPDATE",
            6 => "DSO",
            other => return format!("OPCODE{other}").into(),
        };
        name.into()
    }
}

/// QCLASSes.
pub mod qclass {
    use std::borrow::Cow;

    /// The mnemonic (RFC 1035, RFC 2136), or `CLASS<n>` (RFC 3597).
    pub fn mnemonic(qclass: u16) -> Cow<'static, str> {
        let name = match qclass {
            1 => "IN",
            3 => "CH",
            4 => "HS",
            254 => "NONE",
            255 => "ANY",
            other => return format!("CLASS{other}").into(),
        };
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_registered_has_a_name_and_the_rest_a_number() {
        assert_eq!([0, 4, 5].map(opcode::mnemonic), ["QUERY", "NOTIFY", "UPDATE"]);
        assert_eq!(opcode::mnemonic(15), "OPCODE15");
        assert_eq!([1, 3, 255].map(qclass::mnemonic), ["IN", "CH", "ANY"]);
        assert_eq!(qclass::mnemonic(65_535), "CLASS65535");
    }
}
