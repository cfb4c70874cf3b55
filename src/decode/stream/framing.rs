//! DNS messages in an octet stream: each behind its length in two octets (RFC 7766, section 8).
//!
//! What the capture lacks of a stream is a hole of known size: a message with a hole is delivered
//! as far as it goes, and only a hole that swallows a length loses the track.

use super::pool::Pool;

/// Length of a DNS header.
const HEADER: usize = 12;

/// Why a stream cannot be followed further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// A length is missing: where the next message starts is unknown.
    Lost,
    /// What stands where a message should start is none.
    Implausible,
}

/// The messages of one direction of a connection.
#[derive(Clone, Default)]
pub(super) struct Framer {
    /// The captured beginning of a message that is not complete.
    buffer: Vec<u8>,
    /// Length of that message; 0 between messages.
    need: u32,
    /// How much of it has passed, captured or not.
    passed: u32,
    /// The first octet of a length whose second one has not come yet.
    high: Option<u8>,
    /// Whether `buffer` ends at a hole.
    holed: bool,
    /// Whether a message of this stream looked like one.
    trusted: bool,
}

impl Framer {
    /// Whether it is within a message or a length.
    pub(super) fn is_within(&self) -> bool {
        self.need != 0 || self.high.is_some()
    }

    /// Whether it is within what may turn out to be no message.
    pub(super) fn is_tentative(&self) -> bool {
        self.is_within() && !self.trusted
    }

    /// Vouches for the stream: a whole message was seen at its place.
    pub(super) fn trust(&mut self) {
        self.trusted = true;
    }

    /// Forgets the stream.
    pub(super) fn reset(&mut self, pool: &mut Pool) {
        pool.release(&mut self.buffer);
        *self = Framer::default();
    }

    /// The next octets of the stream. Messages that lie in them whole are delivered as they stand.
    pub(super) fn push(
        &mut self,
        mut bytes: &[u8],
        pool: &mut Pool,
        deliver: &mut impl FnMut(&[u8], usize),
    ) -> Result<(), Broken> {
        while let Some(&first) = bytes.first() {
            if self.need != 0 {
                let missing = (self.need - self.passed) as usize;
                let (taken, rest) = bytes.split_at(missing.min(bytes.len()));
                if !self.holed {
                    pool.append(&mut self.buffer, taken);
                }
                self.passed += taken.len() as u32;
                bytes = rest;
                self.check()?;
                self.complete(pool, deliver)?;
                continue;
            }
            let length = match (self.high.take(), bytes) {
                (Some(high), _) => {
                    bytes = &bytes[1..];
                    u16::from_be_bytes([high, first])
                }
                (None, [high, low, rest @ ..]) => {
                    bytes = rest;
                    u16::from_be_bytes([*high, *low])
                }
                _ => {
                    self.high = Some(first);
                    return Ok(());
                }
            };
            self.begin(usize::from(length), &mut bytes, deliver)?;
        }
        Ok(())
    }

    /// A message of `length` octets, of which `bytes` may hold all.
    fn begin(
        &mut self,
        length: usize,
        bytes: &mut &[u8],
        deliver: &mut impl FnMut(&[u8], usize),
    ) -> Result<(), Broken> {
        // An empty message says nothing, but nothing forbids it.
        if length == 0 {
            return Ok(());
        }
        if !self.trusted && length < HEADER {
            return Err(Broken::Implausible);
        }
        if let Some((message, rest)) = bytes.split_at_checked(length) {
            if !self.trusted && !is_plausible(message, length) {
                return Err(Broken::Implausible);
            }
            self.trusted = true;
            deliver(message, length);
            *bytes = rest;
        } else {
            self.need = length as u32;
            self.passed = 0;
            self.holed = false;
        }
        Ok(())
    }

    /// `length` octets of the stream that nobody has captured.
    pub(super) fn hole(
        &mut self,
        length: u32,
        pool: &mut Pool,
        deliver: &mut impl FnMut(&[u8], usize),
    ) -> Result<(), Broken> {
        if length == 0 {
            return Ok(());
        }
        let missing = self.need - self.passed;
        if self.need == 0 {
            return Err(Broken::Lost);
        }
        self.holed = true;
        self.passed += length.min(missing);
        self.complete(pool, deliver)?;
        if length > missing { Err(Broken::Lost) } else { Ok(()) }
    }

    /// Looks at the header of the message in the buffer once it is there.
    fn check(&mut self) -> Result<(), Broken> {
        if !self.trusted && self.buffer.len() >= HEADER {
            if !is_plausible(&self.buffer, self.need as usize) {
                return Err(Broken::Implausible);
            }
            self.trusted = true;
        }
        Ok(())
    }

    /// Delivers the message in the buffer if it has passed.
    fn complete(
        &mut self,
        pool: &mut Pool,
        deliver: &mut impl FnMut(&[u8], usize),
    ) -> Result<(), Broken> {
        if self.passed < self.need {
            return Ok(());
        }
        if !self.trusted {
            // Cut before its header was there.
            return Err(Broken::Lost);
        }
        deliver(&self.buffer, self.need as usize);
        pool.release(&mut self.buffer);
        self.need = 0;
        self.passed = 0;
        self.holed = false;
        Ok(())
    }
}

/// What a segment of a stream that was not followed from its start begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// A length and its message, by all that can be seen.
    Length,
    /// A message whose length went before, and which ends with the segment.
    Message,
}

/// Whether the stream can be followed from the start of a segment.
pub(super) fn start(bytes: &[u8], sent: usize) -> Option<Start> {
    if extent(bytes) == Some(sent) {
        return Some(Start::Message);
    }
    let (length, message) = bytes.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes(*length));
    let plausible = if message.len() >= HEADER {
        is_plausible(message, length)
    } else {
        // A length alone: the header will tell.
        length >= HEADER && bytes.len() == sent
    };
    plausible.then_some(Start::Length)
}

/// The four counts of a header, and its OPCODE.
fn counts(message: &[u8]) -> Option<([usize; 4], u8)> {
    let header: &[u8; HEADER] = message.first_chunk()?;
    let [_, _, flags, _, q0, q1, a0, a1, n0, n1, r0, r1] = *header;
    let count = |high: u8, low: u8| usize::from(u16::from_be_bytes([high, low]));
    Some(([count(q0, q1), count(a0, a1), count(n0, n1), count(r0, r1)], (flags >> 3) & 0xf))
}

/// Whether the captured beginning of a message of `length` octets can be one: no message of a
/// working implementation is refused, and the start of a TLS or HTTP stream is.
pub(super) fn is_plausible(message: &[u8], length: usize) -> bool {
    /// A question is at least a root name with type and class, a record has TTL and length too.
    const QUESTION: usize = 5;
    const RECORD: usize = 11;
    /// QUERY, IQUERY, STATUS, NOTIFY, UPDATE, DSO.
    const OPCODES: [u8; 6] = [0, 1, 2, 4, 5, 6];
    const STATEFUL: u8 = 6;
    let Some(([questions, answers, authorities, additionals], opcode)) = counts(message) else {
        return false;
    };
    let records = answers + authorities + additionals;
    let least = HEADER + questions * QUESTION + records * RECORD;
    // RFC 9619: there is one question, or none.
    if !OPCODES.contains(&opcode) || questions > 1 || least > length {
        return false;
    }
    if questions == 0 {
        // A bare header ends there, but DSO messages (RFC 8490) carry TLVs instead of records.
        return records > 0 || length == HEADER || opcode == STATEFUL;
    }
    let message = &message[..message.len().min(length)];
    !matches!(name_end(message, HEADER), NameEnd::Bad)
}

enum NameEnd {
    At(usize),
    Cut,
    Bad,
}

/// Where the name at `offset` ends. Compression pointers end a name; a first question has none.
fn name_end(message: &[u8], offset: usize) -> NameEnd {
    /// RFC 1035, section 2.3.4.
    const LONGEST: usize = 255;
    let mut at = offset;
    loop {
        match message.get(at) {
            None => return NameEnd::Cut,
            Some(0) => return NameEnd::At(at + 1),
            Some(0xc0..) if offset > HEADER => return NameEnd::At(at + 2),
            Some(&length) if length < 64 => at += 1 + usize::from(length),
            Some(_) => return NameEnd::Bad,
        }
        if at - offset >= LONGEST {
            return NameEnd::Bad;
        }
    }
}

/// Where a message ends by its own records; `None` if it does not within `bytes`, or is none.
fn extent(bytes: &[u8]) -> Option<usize> {
    let ([questions, answers, authorities, additionals], _) = counts(bytes)?;
    // Anything without exactly one question is too weak a sign.
    if questions != 1 || !is_plausible(bytes, bytes.len()) {
        return None;
    }
    let NameEnd::At(mut at) = name_end(bytes, HEADER) else { return None };
    at += 4;
    for _ in 0..answers + authorities + additionals {
        let NameEnd::At(end) = name_end(bytes, at) else { return None };
        let length: &[u8; 2] = bytes.get(end + 8..)?.first_chunk()?;
        at = end + 10 + usize::from(u16::from_be_bytes(*length));
    }
    (at <= bytes.len()).then_some(at)
}
