//! Domain names in wire form, and their compression (RFC 1035, sections 3.1 and 4.1.4).

/// A name as it is sent: length-prefixed labels and the root's zero.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(pub Vec<u8>);

impl Name {
    /// The root, `.`.
    pub fn root() -> Self {
        Name(vec![0])
    }

    /// Reads presentation form: `\.` and `\DDD` are escapes, a final dot may be left out.
    ///
    /// Neither 63 nor 255 is enforced: tests need names that are too long.
    pub fn parse(text: &str) -> Self {
        let bytes = text.strip_suffix('.').unwrap_or(text).as_bytes();
        let mut wire = Vec::with_capacity(bytes.len() + 2);
        if bytes.is_empty() {
            return Self::root();
        }
        let mut label_at = 0;
        wire.push(0);
        let mut at = 0;
        while at < bytes.len() {
            match bytes[at] {
                b'.' => {
                    label_at = wire.len();
                    wire.push(0);
                    at += 1;
                    continue;
                }
                b'\\' if bytes[at + 1..].len() >= 3 && bytes[at + 1].is_ascii_digit() => {
                    let digits = &bytes[at + 1..at + 4];
                    wire.push(
                        digits.iter().fold(0, |sum: u8, d| sum.wrapping_mul(10) + (d - b'0')),
                    );
                    at += 4;
                }
                b'\\' => {
                    wire.push(*bytes.get(at + 1).unwrap_or(&b'\\'));
                    at += 2;
                }
                byte => {
                    wire.push(byte);
                    at += 1;
                }
            }
            wire[label_at] += 1;
        }
        wire.push(0);
        Name(wire)
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Name::parse(text)
    }
}

impl From<&Name> for Name {
    fn from(name: &Name) -> Self {
        name.clone()
    }
}

/// Where the labels of a message begin, to point back to.
#[derive(Default)]
pub struct Compressor {
    label_starts: Vec<u16>,
    off: bool,
}

impl Compressor {
    /// A compressor that never points back: every name in full.
    pub fn disabled() -> Self {
        Compressor { label_starts: Vec::new(), off: true }
    }

    /// Appends a name to the message that begins at `start` of `out`.
    pub fn write(&mut self, out: &mut Vec<u8>, start: usize, name: &Name) {
        let mut rest = name.0.as_slice();
        while rest[0] != 0 {
            let known = self.label_starts.iter().find(|at| same(&out[start..], **at, rest));
            if let Some(at) = known {
                out.extend((0xc000 | at).to_be_bytes());
                return;
            }
            if !self.off && out.len() - start < 0x4000 {
                self.label_starts.push((out.len() - start) as u16);
            }
            let (label, after) = rest.split_at(1 + rest[0] as usize);
            out.extend(label);
            rest = after;
        }
        out.push(0);
    }
}

/// Whether the name at `at` of `message`, which this module wrote, is the name in `wire`.
fn same(message: &[u8], at: u16, mut wire: &[u8]) -> bool {
    let mut at = at as usize;
    loop {
        // Only a name that is still being written ends without its zero.
        let Some(&length) = message.get(at) else { return false };
        if length >= 0xc0 {
            at = (length as usize & 0x3f) << 8 | message[at + 1] as usize;
            continue;
        }
        let end = at + 1 + length as usize;
        if wire[0] != length || message.get(at..end) != wire.get(..=length as usize) {
            return false;
        }
        if length == 0 {
            return true;
        }
        wire = &wire[1 + length as usize..];
        at = end;
    }
}
