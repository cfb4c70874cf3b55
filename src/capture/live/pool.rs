//! Chunks that nobody uses. The one that came back last is given first: a handle that is hardly busy goes
//! round with two or three, and the memory of the others is never touched.

use std::sync::{Condvar, Mutex, PoisonError};

use super::Chunk;

/// The chunks of one handle.
pub(super) struct Pool {
    idle: Mutex<Idle>,
    changed: Condvar,
    all: usize,
}

#[expect(clippy::vec_box, reason = "they go from hand to hand, and are larger than a pointer")]
struct Idle {
    chunks: Vec<Box<Chunk>>,
    /// Nobody gives any back any more.
    closed: bool,
}

impl Pool {
    /// So many, empty.
    pub(super) fn new(all: usize) -> Pool {
        let chunks = (0..all).map(|_| Box::default()).collect();
        Pool { idle: Mutex::new(Idle { chunks, closed: false }), changed: Condvar::new(), all }
    }

    /// How many there are, and how many of them are idle.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.all, self.idle.lock().unwrap_or_else(PoisonError::into_inner).chunks.len())
    }

    /// Whether so few are idle that none must be spent on a few packets.
    pub(super) fn is_short(&self) -> bool {
        let (all, idle) = self.counts();
        idle < all / 4
    }

    /// Waits for one; `None` when none will come.
    pub(super) fn take(&self) -> Option<Box<Chunk>> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let empty = |idle: &mut Idle| idle.chunks.is_empty() && !idle.closed;
        let mut idle = self.changed.wait_while(idle, empty).unwrap_or_else(PoisonError::into_inner);
        if idle.closed { None } else { idle.chunks.pop() }
    }

    pub(super) fn give(&self, chunk: Box<Chunk>) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).chunks.push(chunk);
        self.changed.notify_one();
    }

    /// Whoever gave chunks back goes.
    pub(super) fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_back_last_is_given_first_and_nobody_waits_for_ever() {
        let pool = Pool::new(3);
        let mut one = pool.take().unwrap();
        one.data.push(1);
        let two = pool.take().unwrap();
        assert_eq!(pool.counts(), (3, 1));
        pool.give(two);
        pool.give(one);
        assert_eq!(pool.take().unwrap().data, [1]);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| (0..3).map_while(|_| pool.take()).count());
            pool.close();
            assert!(waiting.join().unwrap() <= 2);
        });
    }
}
