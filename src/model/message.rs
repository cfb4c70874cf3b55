//! What dnspect keeps of a DNS message on the hot path: plain data, no allocation.

/// RCODEs by number (RFC 1035, RFC 6895); the extended bits of EDNS are included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rcode(pub u16);

impl Rcode {
    /// No error.
    pub const NOERROR: Rcode = Rcode(0);
    /// The server could not interpret the query.
    pub const FORMERR: Rcode = Rcode(1);
    /// The server failed.
    pub const SERVFAIL: Rcode = Rcode(2);
    /// The name does not exist.
    pub const NXDOMAIN: Rcode = Rcode(3);
    /// The kind of query is not implemented.
    pub const NOTIMP: Rcode = Rcode(4);
    /// The server refuses by policy.
    pub const REFUSED: Rcode = Rcode(5);

    /// The IANA mnemonic, or `RCODE<n>`.
    pub fn mnemonic(self) -> std::borrow::Cow<'static, str> {
        let name = match self.0 {
            0 => "NOERROR",
            1 => "FORMERR",
            2 => "SERVFAIL",
            3 => "NXDOMAIN",
            4 => "NOTIMP",
            5 => "REFUSED",
            6 => "YXDOMAIN",
            7 => "YXRRSET",
            8 => "NXRRSET",
            9 => "NOTAUTH",
            10 => "NOTZONE",
            11 => "DSOTYPENI",
            16 => "BADVERS",
            17 => "BADKEY",
            18 => "BADTIME",
            22 => "BADTRUNC",
            23 => "BADCOOKIE",
            other => return format!("RCODE{other}").into(),
        };
        name.into()
    }
}

/// The second 16 bits of the DNS header (RFC 1035, section 4.1.1; RFC 4035, section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MessageFlags(pub u16);

impl MessageFlags {
    /// QR: this is a response.
    pub fn is_response(self) -> bool {
        self.0 & 0x8000 != 0
    }
    /// The OPCODE, 0 to 15.
    pub fn opcode(self) -> u8 {
        ((self.0 >> 11) & 0xf) as u8
    }
    /// AA: authoritative answer.
    pub fn authoritative(self) -> bool {
        self.0 & 0x0400 != 0
    }
    /// TC: truncated.
    pub fn truncated(self) -> bool {
        self.0 & 0x0200 != 0
    }
    /// RD: recursion desired.
    pub fn recursion_desired(self) -> bool {
        self.0 & 0x0100 != 0
    }
    /// RA: recursion available.
    pub fn recursion_available(self) -> bool {
        self.0 & 0x0080 != 0
    }
    /// AD: authentic data.
    pub fn authentic_data(self) -> bool {
        self.0 & 0x0020 != 0
    }
    /// CD: checking disabled.
    pub fn checking_disabled(self) -> bool {
        self.0 & 0x0010 != 0
    }
}

/// What is wrong with a message, as bits of [`Message::malformed`].
pub mod malformed {
    /// Fewer than the 12 octets of a header were sent.
    pub const HEADER: u8 = 1;
    /// The QNAME runs past the message, is longer than 255 octets or uses a label type that a
    /// first question cannot have (a compression pointer could only point into the header).
    pub const QNAME: u8 = 2;
    /// The message ends within the question.
    pub const QUESTION: u8 = 4;
    /// The message ends within the resource records that its counts promise, and TC is not set.
    pub const RECORDS: u8 = 8;
    /// A name within the records does not follow RFC 1035, section 4.1.4.
    pub const RECORD_NAME: u8 = 16;
    /// More than one OPT record (RFC 6891, section 6.1.1), or one whose options do not add up.
    pub const EDNS: u8 = 32;
}

/// QTYPEs that the verdicts know by name.
pub mod qtype {
    /// IPv4 address.
    pub const A: u16 = 1;
    /// Name server.
    pub const NS: u16 = 2;
    /// Canonical name.
    pub const CNAME: u16 = 5;
    /// Start of authority.
    pub const SOA: u16 = 6;
    /// Reverse mapping.
    pub const PTR: u16 = 12;
    /// IPv6 address.
    pub const AAAA: u16 = 28;
    /// Service location.
    pub const SRV: u16 = 33;
    /// EDNS pseudo-record.
    pub const OPT: u16 = 41;
    /// HTTPS service binding.
    pub const HTTPS: u16 = 65;
    /// Incremental zone transfer.
    pub const IXFR: u16 = 251;
    /// Zone transfer.
    pub const AXFR: u16 = 252;

    /// The mnemonic, or `TYPE<n>` (RFC 3597).
    pub fn mnemonic(qtype: u16) -> std::borrow::Cow<'static, str> {
        let name = match qtype {
            1 => "A",
            2 => "NS",
            5 => "CNAME",
            6 => "SOA",
            12 => "PTR",
            13 => "HINFO",
            15 => "MX",
            16 => "TXT",
            28 => "AAAA",
            33 => "SRV",
            35 => "NAPTR",
            41 => "OPT",
            43 => "DS",
            46 => "RRSIG",
            48 => "DNSKEY",
            64 => "SVCB",
            65 => "HTTPS",
            251 => "IXFR",
            252 => "AXFR",
            255 => "ANY",
            257 => "CAA",
            other => return format!("TYPE{other}").into(),
        };
        name.into()
    }
}

/// The summary of one DNS message: header, first question, what the records say that a verdict
/// needs. Where the message was cut by the snap length or damaged, it holds all that stood before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Hash of the case-folded QNAME in wire form; 0 without a question.
    pub qname_hash: u64,
    /// Hash of the captured octets after the ID, QNAME case and all, and of the length: tells copies from
    /// new messages.
    pub body_hash: u64,
    /// The transaction ID.
    pub id: u16,
    /// The header's flags.
    pub flags: MessageFlags,
    /// RCODE with the extended bits of the OPT record, if there is one.
    pub rcode: Rcode,
    /// QTYPE of the first question.
    pub qtype: u16,
    /// QCLASS of the first question.
    pub qclass: u16,
    /// QDCOUNT, ANCOUNT, NSCOUNT and ARCOUNT as the header gives them.
    pub counts: [u16; 4],
    /// The requestor's UDP payload size of the OPT record (RFC 6891); 0 without one.
    pub edns_size: u16,
    /// INFO-CODE of the first extended DNS error (RFC 8914).
    pub extended_error: Option<u16>,
    /// Offset in the message of the owner name of the first SOA in the authority section; 0: none.
    pub soa_owner: u16,
    /// Length of the QNAME in wire form, root label included; 0 when there is none or it is bad.
    pub qname_length: u8,
    /// Whether the QNAME has no capitals: as it stands, it is its folded form.
    pub qname_folded: bool,
    /// Bits of [`malformed`].
    pub malformed: u8,
    /// A and AAAA records in the answer section, at most 255.
    pub addresses: u8,
    /// Whether the records were walked to the end that the counts promise.
    pub complete: bool,
    /// Whether an OPT record was seen.
    pub edns: bool,
}

impl Message {
    /// Where the QNAME starts in a message: right behind the header.
    pub const QNAME_OFFSET: usize = 12;

    /// Whether the message is a response.
    pub fn is_response(&self) -> bool {
        self.flags.is_response()
    }

    /// NODATA (RFC 2308, section 2.2): NOERROR, not truncated, complete, and no answer records.
    pub fn is_nodata(&self) -> bool {
        self.is_response()
            && self.rcode == Rcode::NOERROR
            && self.counts[1] == 0
            && !self.flags.truncated()
    }

    /// Whether there is a first question whose name, type and class could all be read.
    pub fn has_question(&self) -> bool {
        let is_bad = self.malformed & (malformed::QNAME | malformed::QUESTION) != 0;
        let is_name_alone = self.is_cut() && (self.qtype, self.qclass) == (0, 0);
        self.qname_length > 0 && !is_bad && !is_name_alone
    }

    /// Whether it ends before its counts do by no fault of its own: the snap length cut it, or TC says so.
    pub fn is_cut(&self) -> bool {
        !self.complete && self.malformed == 0
    }
}
