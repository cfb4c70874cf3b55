//! Reading a whole capture into memory, to compare it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use dnspect::capture::{Block, Blocks, Notes, Options, open, open_reader};
use dnspect::model::Direction;

/// A packet with its bytes and all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) frame: u64,
    pub(crate) time: i64,
    pub(crate) original: u32,
    pub(crate) interface: u16,
    pub(crate) direction: Direction,
    pub(crate) bytes: Vec<u8>,
}

/// All packets of the block, checked against what a block promises.
fn packets_of(block: &Block, into: &mut Vec<Packet>) {
    assert!(!block.records.is_empty());
    for (frame, record) in (block.first_frame..).zip(&block.records) {
        let start = record.offset as usize;
        assert!(usize::from(record.interface) < block.interfaces.len());
        into.push(Packet {
            frame,
            time: record.time.0,
            original: record.original,
            interface: record.interface,
            direction: record.direction,
            bytes: block.data[start..start + record.captured as usize].to_vec(),
        });
    }
}

/// Reads all with so many threads, checks that sequence and frame numbers have no holes.
pub(crate) fn drain(blocks: &dyn Blocks, threads: usize) -> (Vec<Packet>, Notes) {
    let read = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut block = Block::default();
                while blocks.fill(&mut block) {
                    let mut packets = Vec::new();
                    packets_of(&block, &mut packets);
                    read.lock().unwrap().push((block.sequence, packets));
                }
                assert!(!blocks.fill(&mut block), "the end stays the end");
            });
        }
    });
    let mut read = read.into_inner().unwrap();
    read.sort_by_key(|(sequence, _)| *sequence);
    assert!(read.iter().map(|(sequence, _)| *sequence).eq(0..read.len() as u64));
    let packets: Vec<Packet> = read.into_iter().flat_map(|(_, packets)| packets).collect();
    assert!(packets.iter().map(|packet| packet.frame).eq(1..=packets.len() as u64));
    if let (read, Some(total)) = blocks.progress() {
        assert_eq!(read, total, "all was read at the end");
    }
    (packets, blocks.notes())
}

pub(crate) fn options(threads: usize, block_size: usize) -> Options {
    Options { threads, block_size, ..Options::default() }
}

/// Reads files as one capture.
pub(crate) fn read_files(
    paths: &[PathBuf],
    threads: usize,
    block_size: usize,
) -> (Vec<Packet>, Notes) {
    drain(&*open(paths, &options(threads, block_size)).unwrap(), threads)
}

/// Reads one file.
pub(crate) fn read_file(path: &Path) -> (Vec<Packet>, Notes) {
    read_files(&[path.to_owned()], 1, Options::default().block_size)
}

/// Reads bytes as a pipe.
pub(crate) fn read_pipe(bytes: &[u8], threads: usize, block_size: usize) -> (Vec<Packet>, Notes) {
    let reader = Box::new(std::io::Cursor::new(bytes.to_vec()));
    drain(&*open_reader("pipe", reader, &options(threads, block_size)).unwrap(), threads)
}

/// A directory of its own for a test, removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("dnspect-capture-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Reads bytes as a file and as a pipe, with several threads and block sizes: all must agree.
pub(crate) fn read_all_ways(bytes: &[u8]) -> (Vec<Packet>, Notes) {
    let folder = Folder::new();
    let path = folder.file("capture", bytes);
    let whole = read_file(&path);
    for (threads, block_size) in [(1, 1), (1, 64), (3, 100), (2, 1 << 10)] {
        let paths = [path.clone()];
        assert_eq!(read_files(&paths, threads, block_size), whole, "{threads} {block_size}");
        let (packets, mut notes) = read_pipe(bytes, threads, block_size);
        assert_eq!(packets, whole.0, "pipe {threads} {block_size}");
        let name = path.display().to_string();
        notes.files = vec![name.clone()];
        for warning in &mut notes.warnings {
            *warning = warning.replace("pipe", &name);
        }
        assert_eq!(notes, whole.1, "pipe {threads} {block_size}");
    }
    whole
}
