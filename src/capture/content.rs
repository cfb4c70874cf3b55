//! What an input holds once it is decompressed, and when its first packet was captured.

use std::io::{self, Cursor, Read};
#[cfg(feature = "compressed")]
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::format::{Compression, Format, SNIFF_LENGTH, is_readable, recognise};
use super::ledger::Ledger;
use super::stream::Stream;
use super::{OpenError, ahead, input::Input, steps::Steps};
use crate::model::Timestamp;

/// How much is read at a time while looking for the first packet: it mostly is in the first KiB.
const FIRST_LOOK: usize = 4 << 10;

/// How a readable input is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// A capture as it is.
    Plain,
    /// A capture within this compression.
    Compressed(Compression),
}

/// Why an input is none to read.
pub(super) enum Unfit {
    /// It holds no bytes.
    Empty,
    /// It cannot be read, or is no capture.
    Error(OpenError),
}

/// Looks at the beginning of `input`: how it is stored.
pub(super) fn examine(input: &Input) -> Result<Stored, Unfit> {
    let unreadable = |error| Unfit::Error(OpenError::from_io(input.path.clone(), error));
    let mut raw = input.look().map_err(unreadable)?;
    let start = beginning(&mut raw).map_err(unreadable)?;
    let (format, within) = match recognise(&start) {
        Format::Compressed(compression) => {
            let raw = Box::new(Cursor::new(start).chain(raw));
            let mut decoded = decoded(input, compression, raw)?;
            // Data that is cut or damaged right at the beginning is told by the format's name.
            let start = beginning(&mut decoded).unwrap_or_default();
            (recognise(&start), Some(compression))
        }
        format => (format, None),
    };
    let (what, advice) = match (format, within) {
        (Format::Pcap | Format::Pcapng, None) => return Ok(Stored::Plain),
        (Format::Pcap | Format::Pcapng, Some(compression)) => {
            return Ok(Stored::Compressed(compression));
        }
        (Format::Empty, None) => return Err(Unfit::Empty),
        (Format::Empty, Some(_)) => {
            ("data of which nothing can be decompressed", Some("it is cut or damaged early on"))
        }
        (Format::Compressed(inner), _) => (inner.name(), Some("decompress the outer layer first")),
        (Format::Foreign { what, advice }, _) => (what, advice),
    };
    let what = match within {
        Some(compression) => format!("{what} (compressed with {})", compression.name()),
        None => what.to_owned(),
    };
    Err(Unfit::Error(OpenError::NotACapture { path: input.path.clone(), what, advice }))
}

/// When the first packet of `input` was captured; `None` where it has none.
pub(super) fn first_time(input: &Input, stored: Stored) -> Option<Timestamp> {
    let raw = input.look().ok()?;
    let reader = match stored {
        Stored::Plain => raw,
        Stored::Compressed(compression) => decoded(input, compression, raw).ok()?,
    };
    let (mut data, mut records) = (Vec::new(), Vec::new());
    let mut ledger = Ledger::default();
    Stream::new(reader, 0).fill(&mut data, &mut records, FIRST_LOOK, &mut ledger);
    records.first().map(|record| record.time)
}

/// The reader of the capture in `raw`, on a thread of its own if it has to be decompressed and
/// there may be one.
pub(super) fn reader(
    input: &Input,
    stored: Stored,
    raw: Box<dyn Read + Send>,
    own_thread: bool,
) -> io::Result<Box<dyn Read + Send>> {
    let Stored::Compressed(compression) = stored else { return Ok(raw) };
    let decoded: Box<dyn Read + Send> = match decoded(input, compression, raw) {
        Ok(decoded) => Box::new(Steps::new(decoded)),
        Err(Unfit::Empty) => Box::new(io::empty()),
        Err(Unfit::Error(error)) => return Err(io::Error::other(error)),
    };
    Ok(if own_thread { Box::new(ahead::Ahead::start(decoded)?) } else { decoded })
}

/// The first bytes of `reader`: no more than are needed, as a live pipe may not have more yet.
fn beginning(reader: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    let mut buffer = [0; SNIFF_LENGTH];
    while start.len() < SNIFF_LENGTH && !(start.len() >= 4 && is_readable(&start)) {
        let left = SNIFF_LENGTH - start.len();
        match reader.read(&mut buffer[..left]) {
            Ok(0) => break,
            Ok(count) => start.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What came before the error is worth a look.
            Err(_) if !start.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(start)
}

/// A decoder that comes to grief on damaged data is an error of that file, not the end of the program.
#[cfg(feature = "compressed")]
struct Guarded(Box<dyn Read + Send>);

#[cfg(feature = "compressed")]
impl Read for Guarded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Nothing more is read after an error, so nobody sees a decoder that was left half-way.
        let read = AssertUnwindSafe(|| self.0.read(buffer));
        catch_unwind(read).unwrap_or_else(|_| Err(io::Error::other("the decompression failed")))
    }
}

#[cfg(feature = "compressed")]
fn decoded(
    input: &Input,
    compression: Compression,
    raw: Box<dyn Read + Send>,
) -> Result<Box<dyn Read + Send>, Unfit> {
    super::decompress::decoder(compression, raw)
        .map(|decoder| Box::new(Guarded(decoder)) as Box<dyn Read + Send>)
        .map_err(|error| Unfit::Error(OpenError::from_io(input.path.clone(), error)))
}

#[cfg(not(feature = "compressed"))]
fn decoded(
    input: &Input,
    compression: Compression,
    _: Box<dyn Read + Send>,
) -> Result<Box<dyn Read + Send>, Unfit> {
    let compression = compression.name();
    Err(Unfit::Error(OpenError::FeatureMissing { path: input.path.clone(), compression }))
}

#[cfg(all(test, feature = "compressed"))]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_a_decoder_is_an_error() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                panic!("on purpose");
            }
        }
        let error = Guarded(Box::new(Broken)).read(&mut [0]).unwrap_err();
        assert_eq!(error.to_string(), "the decompression failed");
    }
}
