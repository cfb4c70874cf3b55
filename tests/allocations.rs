//! What the analysis asks of the allocator. In steady state nothing is allocated for a packet: of a capture twice
//! as long, with the same clients, it asks hardly more often. And under an attack it keeps within its capacity.

// The generator is a program; this test uses a part of it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

#[path = "../benches/workload/main.rs"]
mod workload;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Cursor;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use dnspect::capture;
use dnspect::config::Config;
use dnspect::model::Capacity;
use dnspect::report::Document;

/// The system's allocator, and what it was asked for.
struct Counting;

/// How often.
static ASKED: AtomicU64 = AtomicU64::new(0);
/// Octets that are taken, and the most that ever were.
static TAKEN: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// One analysis at a time: the figures are the process's.
static ONE: Mutex<()> = Mutex::new(());

fn take(octets: usize) {
    ASKED.fetch_add(1, Ordering::Relaxed);
    let taken = TAKEN.fetch_add(octets, Ordering::Relaxed) + octets;
    PEAK.fetch_max(taken, Ordering::Relaxed);
}

// SAFETY: every call is passed on to the system's allocator as it is.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        TAKEN.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both are there while one is copied to the other.
        take(size);
        TAKEN.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What the analysis of a capture took: how often it asked for memory, and how many octets at most.
struct Taken {
    asked: u64,
    peak: usize,
    document: Document,
}

fn analyse(options: &str, packets: u64, capacity: Capacity) -> Taken {
    let capture = workload::capture(&format!("--packets {packets} {options}")).unwrap();
    let options = capture::Options { threads: 1, ..capture::Options::default() };
    let config = Config { threads: NonZeroUsize::MIN, capacity, ..Config::default() };
    let source =
        capture::open_reader("generated", Box::new(Cursor::new(capture)), &options).unwrap();
    let (asked, taken) = (ASKED.load(Ordering::Relaxed), TAKEN.load(Ordering::Relaxed));
    PEAK.store(taken, Ordering::Relaxed);
    let document = dnspect::analyse_blocks(&*source, &config, &mut |_, _, _| {}).unwrap();
    let asked = ASKED.load(Ordering::Relaxed) - asked;
    assert_eq!(document.capture.packets, packets);
    Taken { asked, peak: PEAK.load(Ordering::Relaxed) - taken, document }
}

#[test]
fn nothing_is_allocated_for_a_packet() {
    const SHORT: u64 = 400_000;
    const LONG: u64 = 800_000;
    // What is left are rows of names that are new, and what the verdict says of them.
    const RARE: u64 = 200;
    let _one = ONE.lock().unwrap();
    for options in ["--clients 40 --tcp 0", "--clients 40 --tcp 0.05", "--clients 40 --copies 3"] {
        let asked = |packets| analyse(options, packets, Capacity::default()).asked;
        let more = asked(LONG).saturating_sub(asked(SHORT));
        assert!(more <= (LONG - SHORT) / RARE, "{options}: {more} in {} packets", LONG - SHORT);
    }
}

#[test]
fn an_attack_takes_no_more_memory_than_there_is_for_it() {
    const ATTACK: &str = "--profile attack --seed 3";
    let _one = ONE.lock().unwrap();
    for room in [24 << 20, 96 << 20] {
        let taken = analyse(ATTACK, 500_000, Capacity::within(room));
        assert!(taken.peak <= room, "{} MiB of {}", taken.peak >> 20, room >> 20);
        assert!(taken.document.capture.state_evicted > 0);
    }
}
