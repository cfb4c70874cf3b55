//! What the benchmarks are fed with: packets of a generated capture, in memory.

// Each benchmark compiles its own copy and uses a part of it; what is public here is so for them.
#![allow(dead_code, unreachable_pub)]

use std::io::Cursor;

use dnspect::capture::{Block, Blocks, Options, open_reader};
use dnspect::decode::{Body, frame};
use dnspect::model::LinkType;

/// A capture's bytes as an open capture.
pub fn open(capture: &[u8], threads: usize) -> Box<dyn Blocks> {
    let options = Options { threads, ..Options::default() };
    match open_reader("generated", Box::new(Cursor::new(capture.to_vec())), &options) {
        Ok(blocks) => blocks,
        Err(error) => panic!("a generated capture is one: {error}"),
    }
}

/// Its frames.
pub fn frames(capture: &[u8]) -> (LinkType, Vec<Vec<u8>>) {
    let (source, mut block) = (open(capture, 1), Block::default());
    let (mut link, mut frames) = (LinkType::default(), Vec::new());
    while source.fill(&mut block) {
        link = block.interfaces[0].link_type;
        for record in &block.records {
            let start = record.offset as usize;
            frames.push(block.data[start..start + record.captured as usize].to_vec());
        }
    }
    (link, frames)
}

/// Its DNS messages over UDP: queries, and responses.
pub fn messages(capture: &[u8]) -> [Vec<Vec<u8>>; 2] {
    let (link, frames) = frames(capture);
    let mut messages = [Vec::new(), Vec::new()];
    for bytes in &frames {
        if let Body::Datagram(datagram) = frame(link, bytes, bytes.len()).body {
            let response = usize::from(datagram.payload[2] >> 7);
            messages[response].push(datagram.payload.to_vec());
        }
    }
    messages
}
