//! Decoders of compressed captures, all of several members or frames one after the other.
//!
//! A stream that is cut gives what it holds and then an error of kind `UnexpectedEof`.

use std::io::{self, Read};

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
        Compression::Lz4 => Box::new(Lz4 {
            frames: lz4_flex::frame::FrameDecoder::new(EndNoticed { source, ended: false }),
        }),
    })
}

/// The decoder says "no more" at the end of every frame: only at the end of the source it is true.
struct Lz4 {
    frames: lz4_flex::frame::FrameDecoder<EndNoticed>,
}

struct EndNoticed {
    source: Box<dyn Read + Send>,
    ended: bool,
}

impl Read for EndNoticed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.ended |= count == 0 && !buffer.is_empty();
        Ok(count)
    }
}

impl Read for Lz4 {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.frames.read(buffer)?;
            if count > 0 || buffer.is_empty() || self.frames.get_ref().ended {
                return Ok(count);
            }
        }
    }
}
