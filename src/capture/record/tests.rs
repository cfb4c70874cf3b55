//! What is kept is read back with this project's own reader; `tests/recording` asks tshark as well.

use std::collections::BTreeMap;
use std::io::Cursor;

use super::savefile::Medium;
use super::*;
use crate::capture::{Interface, Notes, Record, open_reader};
use crate::model::Direction;

/// Files in memory, by name, on a disk of limited size.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Content>>);

#[derive(Default)]
struct Content {
    files: BTreeMap<String, Vec<u8>>,
    room: usize,
    pipes: bool,
}

struct File {
    shelf: Shelf,
    name: String,
}

impl Shelf {
    fn new(room: usize) -> Shelf {
        Shelf(Arc::new(Mutex::new(Content { room, ..Content::default() })))
    }

    fn create(&self) -> Create {
        let shelf = self.clone();
        Box::new(move |path: &Path| {
            let name = path.to_str().unwrap().to_owned();
            if name.contains("forbidden") {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            shelf.0.lock().unwrap().files.insert(name.clone(), Vec::new());
            Ok(Box::new(File { shelf: shelf.clone(), name }) as Box<dyn Medium>)
        })
    }

    fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().files.keys().cloned().collect()
    }

    fn read(&self, name: &str) -> (Vec<Record>, Notes) {
        let bytes = self.0.lock().unwrap().files[name].clone();
        let reader = Box::new(Cursor::new(bytes));
        let source = open_reader(name, reader, &crate::capture::Options::default()).unwrap();
        let (mut block, mut records) = (Block::default(), Vec::new());
        while source.fill(&mut block) {
            records.extend_from_slice(&block.records);
        }
        (records, source.notes())
    }

    fn seconds(&self, name: &str) -> Vec<i64> {
        self.read(name).0.iter().map(|record| record.time.seconds()).collect()
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap().files[name]).into_owned()
    }
}

impl Medium for File {
    fn append(&mut self, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
        let content = &mut *self.shelf.0.lock().unwrap();
        let used: usize = content.files.values().map(Vec::len).sum();
        let file = content.files.get_mut(&self.name).unwrap();
        let fits = content.room.saturating_sub(used).min(bytes.len());
        // As a disk does: what fits is written.
        file.extend_from_slice(&bytes[..fits]);
        if fits < bytes.len() { Err((fits, io::ErrorKind::StorageFull.into())) } else { Ok(()) }
    }

    fn overwrite(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let content = &mut *self.shelf.0.lock().unwrap();
        let file = content.files.get_mut(&self.name).unwrap();
        file[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let content = &mut *self.shelf.0.lock().unwrap();
        content.files.get_mut(&self.name).unwrap().truncate(length as usize);
        Ok(())
    }

    fn is_regular(&self) -> bool {
        !self.shelf.0.lock().unwrap().pipes
    }
}

fn options(file: Option<&str>, count: Count) -> Options {
    Options {
        file: file.map(PathBuf::from),
        rotation: Rotation::default(),
        on_finding: None,
        filter: Some("port 53".into()),
        now: Timestamp(0),
        count,
    }
}

fn no_count() -> Count {
    Box::new(Vec::new)
}

fn started(shelf: &Shelf, options: Options) -> Recorder {
    Recording::open_with(options, shelf.create()).unwrap().start().unwrap()
}

fn interface(name: &str) -> Interface {
    Interface {
        name: Some(name.into()),
        link_type: crate::model::LinkType(1),
        snap_length: 1000,
        file: 0,
    }
}

/// A block of a packet a second, `length` octets each, alternately on two interfaces.
fn block(sequence: u64, seconds: std::ops::Range<i64>, length: usize) -> Block {
    let record = |second: i64| Record {
        time: Timestamp(second * 1_000_000_000),
        offset: 0,
        captured: length as u32,
        original: length as u32 + 1,
        interface: (second % 2) as u16,
        direction: [Direction::Incoming, Direction::Outgoing][second as usize % 2],
    };
    Block {
        data: vec![0; length],
        records: seconds.map(record).collect(),
        sequence,
        interfaces: Arc::new(vec![interface("eth0"), interface("eni\u{1b}")]),
        ..Block::default()
    }
}

fn finding(cause: &str) -> Finding {
    Finding { cause: cause.into(), text: "half of it is lost".into(), normal: false }
}

#[test]
fn a_file_holds_what_was_seen_and_what_there_is_to_say() {
    let shelf = Shelf::new(1 << 20);
    let calls = std::sync::atomic::AtomicU64::new(0);
    let count: Count = Box::new(move || {
        // 10 of each before the file was opened, 15 at its end.
        let call = calls.fetch_add(1, Ordering::Relaxed);
        let counters = Counters {
            received: Some(100 + 100 * call),
            interface_dropped: None,
            kernel_dropped: Some(10 + 5 * call),
        };
        vec![counters; 2]
    });
    let recorder = started(&shelf, options(Some("a.pcapng"), count));
    // In any order.
    for sequence in [1, 0, 2] {
        let start = sequence as i64 * 10;
        recorder.take(&block(sequence, start..start + 10, 60));
    }
    let status = recorder.finish(vec![finding("random_loss"), finding("upstream_slow")]);
    assert_eq!((status.written, status.files, status.caveats().len()), (30, 1, 0));
    let (records, notes) = shelf.read("a.pcapng");
    assert_eq!(shelf.seconds("a.pcapng"), (0..30).collect::<Vec<_>>());
    let last = records[29];
    assert_eq!((last.captured, last.original, last.interface), (60, 61, 1));
    assert_eq!((records[0].direction, last.direction), (Direction::Incoming, Direction::Outgoing));
    assert_eq!(notes.interfaces, [interface("eth0"), interface("eni\u{1b}")]);
    assert_eq!((notes.dropped, notes.warnings.len()), (Some(10), 0));
    let text = shelf.text("a.pcapng");
    assert!(text.contains("random_loss: half of it") && text.contains("upstream_slow: half of it"));
    assert!(text.contains("\0port 53"));
}

#[test]
fn each_file_of_a_ring_is_whole() {
    let shelf = Shelf::new(1 << 20);
    let mut options = options(Some("r"), no_count());
    options.rotation = Rotation { size: Some(9_000), period: None, count: Some(3) };
    let recorder = started(&shelf, options);
    for sequence in 0..10 {
        recorder.take(&block(sequence, sequence as i64 * 10..sequence as i64 * 10 + 10, 60));
    }
    let status = recorder.finish(Vec::new());
    assert_eq!((status.written, status.unwritten), (100, 0));
    assert_eq!(shelf.names(), ["r0", "r1", "r2"]);
    let mut all: Vec<i64> = shelf.names().iter().flat_map(|name| shelf.seconds(name)).collect();
    all.sort_unstable();
    assert_eq!(all.last(), Some(&99));
    assert!(all.windows(2).all(|pair| pair[1] == pair[0] + 1), "{all:?}");
    for name in shelf.names() {
        let (_, notes) = shelf.read(&name);
        assert_eq!((notes.interfaces.len(), notes.warnings.len()), (2, 0), "{name}");
    }
}

#[test]
fn enough_files_end_the_capture() {
    let shelf = Shelf::new(1 << 20);
    let mut options = options(Some("p%S"), no_count());
    options.rotation = Rotation { size: None, period: Some(Span::from_secs(10)), count: Some(2) };
    let recorder = started(&shelf, options);
    recorder.take(&block(0, 0..35, 60));
    let status = recorder.finish(Vec::new());
    assert!(status.over);
    assert_eq!(status.written, 20);
    assert_eq!(shelf.names(), ["p00", "p10"]);
    assert_eq!(shelf.seconds("p10"), (10..20).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_loses_packets_and_no_file() {
    let shelf = Shelf::new(10_000);
    let recorder = started(&shelf, options(Some("a"), no_count()));
    for sequence in 0..10 {
        recorder.take(&block(sequence, sequence as i64 * 10..sequence as i64 * 10 + 10, 60));
    }
    while recorder.status().written + recorder.status().unwritten < 100 {
        std::thread::yield_now();
    }
    // Somebody makes room.
    shelf.0.lock().unwrap().room = 1 << 20;
    recorder.take(&block(10, 100..110, 60));
    let status = recorder.finish(vec![finding("random_loss")]);
    assert_eq!(status.written + status.unwritten, 110);
    assert!(status.unwritten >= 80 && status.troubles > 0, "{status:?}");
    let (records, notes) = shelf.read("a");
    assert_eq!(records.len() as u64, status.written);
    assert_eq!(records.last().unwrap().time.seconds(), 109);
    // Whoever reads the file hears of what it lacks.
    assert_eq!((notes.dropped, notes.warnings.len()), (Some(status.unwritten), 0));
    assert!(shelf.text("a").contains("random_loss"));
    assert!(status.caveats()[0].starts_with("a could not be written: "));
}

#[test]
fn a_file_that_cannot_be_made_is_said_before_anything_is_captured() {
    let shelf = Shelf::new(0);
    let opened = Recording::open_with(options(Some("forbidden"), no_count()), shelf.create());
    let error = opened.err().unwrap().to_string();
    assert!(error.starts_with("cannot write packets to forbidden: permission denied"), "{error}");
    let mut options = options(Some("a%!"), no_count());
    options.rotation.period = Some(Span::from_secs(1));
    assert!(Recording::open_with(options, shelf.create()).is_err());
}

#[test]
fn what_cannot_be_gone_back_in_has_its_comments_at_the_end() {
    let shelf = Shelf::new(1 << 20);
    shelf.0.lock().unwrap().pipes = true;
    let recorder = started(&shelf, options(Some("a"), no_count()));
    recorder.take(&block(0, 0..3, 60));
    recorder.finish(vec![finding("random_loss")]);
    assert_eq!(shelf.seconds("a"), [0, 1, 2]);
    let text = shelf.text("a");
    let tail = &text[text.len() - 120..];
    assert!(tail.contains("random_loss: half of it is lost"), "{tail:?}");
}

#[test]
fn the_moments_around_a_finding_are_written() {
    let shelf = Shelf::new(1 << 20);
    let mut options = options(None, no_count());
    let file = std::env::temp_dir().join("fault.pcapng");
    options.on_finding = Some(OnFinding { file, span: Span::from_secs(10), size: RING_SIZE });
    let recorder = started(&shelf, options);
    for sequence in 0..10 {
        let start = sequence as i64 * 10;
        recorder.take(&block(sequence, start..start + 10, 60));
        if sequence == 4 {
            recorder.found(vec![finding("random_loss")]);
            recorder.found(vec![finding("random_loss"), finding("query_refused")]);
        }
    }
    let status = recorder.finish(vec![finding("random_loss"), finding("upstream_slow")]);
    assert_eq!(status.incidents.len(), 2, "{status:?}");
    let [first, second] = [&status.incidents[0], &status.incidents[1]];
    assert!(first.ends_with("fault-1-random_loss.pcapng"), "{first}");
    // The second 49 was the latest when it was found: ten before and ten after.
    assert_eq!(shelf.seconds(first), (39..59).collect::<Vec<_>>());
    assert!(shelf.text(first).contains("query_refused: half"));
    // Found as late as in the report: there is no after.
    assert!(second.ends_with("fault-2-upstream_slow.pcapng"), "{second}");
    assert_eq!(shelf.seconds(second), (89..100).collect::<Vec<_>>());
    assert_eq!(status.written, 0);
}

#[test]
fn a_slow_disk_costs_packets_in_the_file_only() {
    let shelf = Shelf::new(1 << 30);
    let recorder = started(&shelf, options(Some("a"), no_count()));
    let guard = shelf.0.lock().unwrap();
    let large = block(0, 0..1, 256 << 10);
    let blocks = 2 * MAX_QUEUED / (256 << 10);
    for sequence in 0..blocks as u64 {
        recorder.take(&Block { sequence, ..large.clone() });
    }
    let status = recorder.status();
    drop(guard);
    assert!(status.queue_overflowed > 0);
    let status = recorder.finish(Vec::new());
    assert_eq!(status.written + status.queue_overflowed, blocks as u64);
    let (records, notes) = shelf.read("a");
    assert_eq!(records.len() as u64, status.written);
    assert_eq!(notes.dropped, Some(status.queue_overflowed));
}
