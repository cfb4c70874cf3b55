//! The floor of reading a compressed capture: decompresses a file with the same crates as dnspect does,
//! looks at nothing, and prints how many bytes it has.

use std::env;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use anyhow::{Context, Result};

/// As much at a time as the reader of captures takes.
const CHUNK: usize = 128 << 10;

fn main() -> Result<()> {
    let path = env::args_os().nth(1).context("usage: decompress FILE")?;
    let mut file = BufReader::with_capacity(CHUNK, File::open(&path)?);
    let mut content: Box<dyn Read> = match file.fill_buf()? {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(file)),
        _ => Box::new(zstd::stream::read::Decoder::with_buffer(file)?),
    };
    let (mut chunk, mut bytes) = (vec![0; CHUNK], 0_u64);
    loop {
        match content.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => bytes += count as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    println!("{bytes}");
    Ok(())
}
