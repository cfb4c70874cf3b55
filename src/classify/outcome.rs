//! What a question came to.

use crate::model::{Message, Rcode};

/// The outcome of a transaction, seen from the response alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// NOERROR with answer records.
    Answered,
    /// NOERROR without any (RFC 2308, section 2.2).
    NoData,
    /// The name does not exist.
    NxDomain,
    /// The server failed.
    ServFail,
    /// The server refused.
    Refused,
    /// TC is set: the client has to ask over TCP.
    Truncated,
    /// Any other RCODE.
    OtherError,
}

impl Outcome {
    /// All of them, in their order.
    pub const ALL: [Outcome; 7] = [
        Outcome::Answered,
        Outcome::NoData,
        Outcome::NxDomain,
        Outcome::ServFail,
        Outcome::Refused,
        Outcome::Truncated,
        Outcome::OtherError,
    ];

    /// The outcome that `response` means.
    pub fn of(response: &Message) -> Outcome {
        match response.rcode {
            Rcode::NOERROR if response.flags.truncated() => Outcome::Truncated,
            Rcode::NOERROR if response.is_nodata() => Outcome::NoData,
            Rcode::NOERROR => Outcome::Answered,
            Rcode::NXDOMAIN => Outcome::NxDomain,
            Rcode::SERVFAIL => Outcome::ServFail,
            Rcode::REFUSED => Outcome::Refused,
            _ => Outcome::OtherError,
        }
    }

    /// Whether a stub resolver goes on with its search list after it: the name has no such data.
    pub fn is_negative(self) -> bool {
        matches!(self, Outcome::NxDomain | Outcome::NoData)
    }

    /// Whether a stub resolver tries again after it, here or elsewhere.
    pub fn is_failure(self) -> bool {
        matches!(self, Outcome::ServFail | Outcome::Refused | Outcome::OtherError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MessageFlags;

    fn response(flags: u16, answers: u16) -> Message {
        let flags = MessageFlags(0x8000 | flags);
        let rcode = Rcode(flags.0 & 0xf);
        Message { flags, rcode, counts: [1, answers, 0, 0], ..Message::default() }
    }

    #[test]
    fn all_stand_in_their_order() {
        for (at, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, at);
        }
    }

    #[test]
    fn outcomes_follow_the_rcode_then_the_records() {
        assert_eq!(Outcome::of(&response(0, 1)), Outcome::Answered);
        assert_eq!(Outcome::of(&response(0, 0)), Outcome::NoData);
        assert_eq!(Outcome::of(&response(0x0200, 0)), Outcome::Truncated);
        assert_eq!(Outcome::of(&response(3, 0)), Outcome::NxDomain);
        assert_eq!(Outcome::of(&response(2, 0)), Outcome::ServFail);
        assert_eq!(Outcome::of(&response(5, 0)), Outcome::Refused);
        assert_eq!(Outcome::of(&response(1, 0)), Outcome::OtherError);
    }
}
