//! Decoders of compressed captures, all of several members or frames one after the other.
//!
//! A stream that is cut gives what it holds and then an error of kind `UnexpectedEof`.

use std::io::{self, Read};

use lz4_flex::frame::FrameDecoder;

use super::format::Compression;

/// The most memory an xz stream may ask for: `xz -9` needs 65 MiB to decode, the format allows 4 GiB.
const XZ_MEMORY: u64 = 256 << 20;

/// The decoded content of `source`.
pub(super) fn decoder(
    compression: Compression,
    source: Box<dyn Read + Send>,
) -> io::Result<Box<dyn Read + Send>> {
    Ok(match compression {
        Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(source)),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::new(source)?),
        Compression::Xz => {
            let stream = liblzma::stream::Stream::new_stream_decoder(
                XZ_MEMORY,
                liblzma::stream::CONCATENATED,
            )?;
            Box::new(liblzma::read::XzDecoder::new_stream(source, stream))
        }
        Compression::Lz4 => Box::new(Lz4::new(source)),
    })
}

/// The decoder of `lz4_flex` says "no more" at the end of a frame as well as where a frame is cut, and
/// cannot go on with a frame of other block sizes: each frame gets a decoder of its own.
struct Lz4 {
    /// Absent after an error.
    frame: Option<FrameDecoder<Noticed>>,
}

impl Lz4 {
    fn new(source: Box<dyn Read + Send>) -> Lz4 {
        Lz4 { frame: Some(FrameDecoder::new(Noticed { source, begun: false, ended: false })) }
    }
}

/// A source that knows whether something was read of a frame, and whether there is no more.
struct Noticed {
    source: Box<dyn Read + Send>,
    begun: bool,
    ended: bool,
}

impl Read for Noticed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.begun |= count > 0;
        self.ended |= count == 0 && !buffer.is_empty();
        Ok(count)
    }
}

impl Read for Lz4 {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(mut frame) = self.frame.take() {
            let count = frame.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                self.frame = Some(frame);
                return Ok(count);
            }
            let mut source = frame.into_inner();
            if source.ended && source.begun {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if source.ended {
                return Ok(0);
            }
            source.begun = false;
            self.frame = Some(FrameDecoder::new(source));
        }
        Ok(0)
    }
}
