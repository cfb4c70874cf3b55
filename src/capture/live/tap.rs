//! The thread of a handle: out of the kernel's ring, into chunks.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use pcap::{Active, Capture, Packet};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::board::Board;
use super::handle::{Handle, RETIRE_MS, words};
use super::pool::Pool;
use super::seat::Seat;
use super::shed::Sampler;
use super::{Chunk, clock};
use crate::capture::{BLOCK_SIZE, Record, Stop};
use crate::model::{Direction, Span, Timestamp};

/// Packets taken in a row before the clock and the end are looked at.
const BATCH: usize = 1 << 12;
/// No packet waits longer than this for others in its chunk.
const AGE: Duration = Duration::from_millis(50);
/// Full chunks that are handed on together: whoever takes them finds its caches cold each time it wakes, which
/// takes as long as a chunk does. 50 ms of 300,000 packets a second, so that 3 MiB are on their way.
const TOGETHER: usize = 32;
/// How often a quiet handle looks whether it is to end, and says that it is quiet.
const PATIENCE: Duration = Duration::from_millis(50);
/// How often the counters are read.
const COUNTERS_EVERY: Duration = Duration::from_secs(1);
/// How much later than its time a packet may be given: the age of a block of the ring, twice, and the
/// time that a busy machine takes to wake a thread.
const LATE: Span = Span::from_millis(2 * RETIRE_MS as i64 + 20);
/// After the end: how long the rest of the ring is waited for, and read at most.
const REST: Duration = Duration::from_millis(RETIRE_MS as u64 * 3);
const REST_AT_MOST: Duration = Duration::from_secs(2);

/// A handle and where its packets go.
pub(super) struct Tap {
    capture: Capture<Active>,
    filler: Filler,
    stop: Stop,
    ends: Option<Instant>,
    counted: Instant,
    counts_interface: bool,
}

impl Tap {
    pub(super) fn new(
        (handle, sampler): (Handle, Sampler),
        pool: Arc<Pool>,
        out: Sender<Box<Chunk>>,
        board: Arc<Board>,
        stop: Stop,
        ends: Option<Instant>,
    ) -> Tap {
        let Handle { capture, socket, name, tap, interface, number, seats, .. } = handle;
        let (since, counts_interface) = (handle.since, handle.counts_interface);
        let link_type = interface.link_type.0;
        let chunk = None;
        let seats = Seat::new(number, interface, seats);
        let (latest, began) = (Timestamp::MIN, clock::now());
        let filler = Filler {
            name,
            tap,
            since,
            sampler,
            link_type,
            shed: 0,
            socket,
            seats,
            chunk,
            held: Vec::new(),
            pool,
            out,
            board,
            latest,
            began,
            unwanted: false,
        };
        Tap { capture, filler, stop, ends, counted: began, counts_interface }
    }

    /// Captures until it is to end, or cannot go on.
    pub(super) fn run(mut self) {
        let went = self.go_on();
        // What the kernel took before the end but has not handed over yet.
        let rest = self.take_rest();
        if let Err(why) = went.and(rest) {
            let name = &self.filler.name;
            self.filler.board.warn(format!("{name}: {why}; captured up to there"));
        }
        self.count();
        self.filler.hand_over(Timestamp::MAX);
    }

    fn go_on(&mut self) -> Result<(), String> {
        while !self.is_over() {
            let ready = self.wait(self.filler.patience(PATIENCE))?;
            self.take(ready)?;
            if clock::now().duration_since(self.counted) >= COUNTERS_EVERY {
                self.count();
            }
        }
        Ok(())
    }

    fn take_rest(&mut self) -> Result<(), String> {
        let (end, over) = (clock::wall(), clock::now());
        let mut quiet = over;
        loop {
            let now = clock::now();
            let waited = now.duration_since(quiet);
            let late = now.duration_since(over) > REST_AT_MOST || self.filler.latest > end;
            if waited >= REST || late || self.filler.unwanted {
                return Ok(());
            }
            let ready = self.wait(REST.saturating_sub(waited))?;
            if self.take(ready)? > 0 {
                quiet = clock::now();
            }
        }
    }

    fn is_over(&self) -> bool {
        let over = self.stop.is_stopped() || self.filler.unwanted;
        over || self.ends.is_some_and(|ends| clock::now() >= ends)
    }

    /// Waits for packets; whether there are any.
    fn wait(&mut self, patience: Duration) -> Result<bool, String> {
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(patience.subsec_nanos()) };
        let mut sockets = [PollFd::new(&self.filler.socket, PollFlags::IN)];
        match poll(&mut sockets, Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) => return Ok(false),
            Ok(_) => {}
            Err(error) => return Err(format!("cannot wait for packets: {error}")),
        }
        let told = sockets[0].revents();
        if !told.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL) {
            return Ok(told.contains(PollFlags::IN));
        }
        let error = rustix::net::sockopt::socket_error(&self.filler.socket);
        match error {
            Ok(Ok(())) => Ok(false),
            Ok(Err(Errno::NETDOWN | Errno::NODEV | Errno::NXIO)) => {
                Err("the interface went down or was removed".to_owned())
            }
            Ok(Err(error)) | Err(error) => Err(format!("cannot capture any more: {error}")),
        }
    }

    /// Takes what is there; how many packets that were.
    fn take(&mut self, ready: bool) -> Result<usize, String> {
        let mut taken = 0;
        if ready {
            let filler = &mut self.filler;
            let count = self.capture.dispatch(Some(BATCH), |packet| filler.put(&packet));
            taken = count.map_err(|error| words(&error))?;
        }
        let quiet = (taken == 0).then(|| Timestamp(clock::wall().0.saturating_sub(LATE.0)));
        self.filler.hand_over_if_due(quiet);
        Ok(taken)
    }

    fn count(&mut self) {
        self.counted = clock::now();
        if let Ok(stat) = self.capture.stats() {
            let interface = if self.counts_interface { stat.if_dropped } else { 0 };
            self.filler.board.set_dropped(self.filler.tap, stat.dropped, interface);
        }
    }
}

/// Puts packets into chunks.
struct Filler {
    name: String,
    tap: usize,
    socket: OwnedFd,
    seats: Seat,
    since: Timestamp,
    sampler: Sampler,
    link_type: u16,
    /// Packets left out since the chunk was begun.
    shed: u64,
    chunk: Option<Box<Chunk>>,
    /// Full ones, which go with the next that are handed on.
    #[expect(clippy::vec_box, reason = "they go from hand to hand, and are larger than a pointer")]
    held: Vec<Box<Chunk>>,
    pool: Arc<Pool>,
    out: Sender<Box<Chunk>>,
    board: Arc<Board>,
    /// The latest time of any packet.
    latest: Timestamp,
    /// When the first of all chunks that are here was begun.
    began: Instant,
    /// Whoever took the packets is gone.
    unwanted: bool,
}

impl Filler {
    fn put(&mut self, packet: &Packet<'_>) {
        let full = |chunk: &Chunk| chunk.data.len() + packet.data.len() > BLOCK_SIZE;
        if self.chunk.as_ref().is_some_and(|chunk| full(chunk) && !chunk.records.is_empty()) {
            self.hold();
        }
        let time = time_of(packet);
        if time < self.since {
            return;
        }
        if !self.sampler.keeps(self.link_type, packet.data) {
            self.shed += 1;
            return;
        }
        let interface = self.seats.of(packet.data, &self.socket, &self.board);
        let Some(chunk) = self.begin() else { return };
        chunk.records.push(Record {
            time,
            offset: chunk.data.len() as u32,
            captured: packet.data.len() as u32,
            original: packet.header.len,
            interface,
            direction: Direction::Unknown,
        });
        chunk.data.extend_from_slice(packet.data);
        self.latest = self.latest.max(time);
    }

    /// The chunk in work. Waits for one while all are on their way: then the kernel's ring fills, and
    /// the kernel counts what finds no room. `None`: nobody wants any more.
    fn begin(&mut self) -> Option<&mut Chunk> {
        if self.chunk.is_none() {
            let Some(mut chunk) = self.pool.take() else {
                self.unwanted = true;
                return None;
            };
            (chunk.tap, chunk.until) = (self.tap, Timestamp::MIN);
            chunk.data.clear();
            chunk.records.clear();
            let now = clock::now();
            if self.held.is_empty() {
                self.began = now;
            }
            let (all, free) = self.pool.counts();
            self.sampler.adapt(free, all, now);
            self.chunk = Some(chunk);
        }
        self.chunk.as_deref_mut()
    }

    /// Hands the chunk on if its packets have waited long enough. `quiet`: there are no more packets for
    /// now, and none before this time will come.
    fn hand_over_if_due(&mut self, quiet: Option<Timestamp>) {
        let now = clock::now();
        let due = now.duration_since(self.began) >= AGE;
        match quiet {
            _ if !due => {}
            // Nobody takes chunks at the moment: those that are left are to be full when they go.
            _ if self.pool.is_short() => self.began = now,
            _ if self.has_packets() => {
                self.hand_over(quiet.unwrap_or(Timestamp::MIN).max(self.latest));
            }
            // An empty one says that nothing was missed.
            Some(until) => self.hand_over(until),
            None => {}
        }
    }

    /// Keeps the chunk, which is full, until there are some.
    fn hold(&mut self) {
        self.close(self.latest);
        let (all, idle) = self.pool.counts();
        // Whoever waits for chunks to come back must not keep those that could.
        if self.held.len() >= TOGETHER.min(all / 8) || idle < all / 2 {
            self.hand_on();
        }
    }

    /// Hands on all that there is, with an empty chunk if need be.
    fn hand_over(&mut self, until: Timestamp) {
        if self.begin().is_some() {
            self.close(until);
        }
        self.hand_on();
    }

    /// The chunk in work gets no more packets.
    fn close(&mut self, until: Timestamp) {
        self.board.add_shed(std::mem::take(&mut self.shed));
        if let Some(mut chunk) = self.chunk.take() {
            chunk.until = until;
            self.held.push(chunk);
        }
    }

    fn hand_on(&mut self) {
        for chunk in self.held.drain(..) {
            self.unwanted |= self.out.send(chunk).is_err();
        }
    }

    fn has_packets(&self) -> bool {
        let begun = self.chunk.as_ref().is_some_and(|chunk| !chunk.records.is_empty());
        begun || !self.held.is_empty()
    }

    /// How long to wait for more packets.
    fn patience(&self, most: Duration) -> Duration {
        if !self.has_packets() {
            return most;
        }
        AGE.saturating_sub(clock::now().duration_since(self.began)).min(most)
    }
}

#[allow(clippy::useless_conversion, reason = "some machines have 32 bits there")]
fn time_of(packet: &Packet<'_>) -> Timestamp {
    let fraction = i64::from(packet.header.ts.tv_usec);
    // With nanoseconds asked for, libpcap puts them where microseconds stand otherwise.
    let nanos = if cfg!(target_os = "linux") { fraction } else { fraction * 1_000 };
    Timestamp(
        i64::from(packet.header.ts.tv_sec).saturating_mul(1_000_000_000).saturating_add(nanos),
    )
}
