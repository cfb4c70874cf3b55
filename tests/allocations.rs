//! In steady state nothing is allocated for a packet: of a capture twice as long, with the same
//! clients, the analysis asks the allocator hardly more often.

// The generator is a program; this test uses a part of it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

#[path = "../benches/workload/main.rs"]
mod workload;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Cursor;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};

use dnspect::capture;
use dnspect::config::Config;

/// The system's allocator, and how often it was asked.
struct Counting;

static ASKED: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed on to the system's allocator as it is.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ASKED.fetch_add(1, Ordering::Relaxed);
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often the analysis of a capture with so many packets asks for memory.
fn asked(options: &str, packets: u64) -> u64 {
    let capture = workload::capture(&format!("--packets {packets} {options}")).unwrap();
    let options = capture::Options { threads: 1, ..capture::Options::default() };
    let config = Config { threads: NonZeroUsize::MIN, ..Config::default() };
    let source =
        capture::open_reader("generated", Box::new(Cursor::new(capture)), &options).unwrap();
    let before = ASKED.load(Ordering::Relaxed);
    let document = dnspect::analyse_blocks(&*source, &config, &mut |_, _, _| {}).unwrap();
    let after = ASKED.load(Ordering::Relaxed);
    assert_eq!(document.capture.packets, packets);
    after - before
}

#[test]
fn nothing_is_allocated_for_a_packet() {
    const SHORT: u64 = 400_000;
    const LONG: u64 = 800_000;
    // What is left are rows of names that are new, and what the verdict says of them.
    const RARE: u64 = 200;
    for options in ["--clients 40 --tcp 0", "--clients 40 --tcp 0.05", "--clients 40 --copies 3"] {
        let more = asked(options, LONG).saturating_sub(asked(options, SHORT));
        assert!(more <= (LONG - SHORT) / RARE, "{options}: {more} in {} packets", LONG - SHORT);
    }
}
